//! Archive and restore against their rivals, all in one run: `cargo bench`, or `cargo bench -- --quick`
//! for a look.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark that fails has nothing to say"
)]

mod measure;
mod proxy;
mod reads;
mod rivals;
mod tables;

use measure::{Case, measure, memory};
use rivals::{ALL, Rival};
use sea_orm::{ConnectOptions, Database, DatabaseConnection};
use throwaway_postgres::Postgres;

/// Each with the number of rounds.
const CASES: [Case; 5] = [
    Case {
        posts: 1,
        comments: 0,
        rounds: 400,
    },
    Case {
        posts: 1,
        comments: 10,
        rounds: 300,
    },
    Case {
        posts: 1,
        comments: 1_000,
        rounds: 40,
    },
    Case {
        posts: 1,
        comments: 100_000,
        rounds: 5,
    },
    Case {
        posts: 1_000,
        comments: 10,
        rounds: 5,
    },
];

#[tokio::main]
async fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let server = Postgres::builder()
        .tcp()
        .setting("synchronous_commit", "off")
        .setting("shared_buffers", "512MB")
        .start()
        .unwrap();
    println!(
        "PostgreSQL {}, synchronous_commit=off, fsync=off, autovacuum=off; medians",
        server.version()
    );

    let socket = connect(server.url("postgres")).await;
    tables::create(&socket).await;
    println!("\n## Unix socket\n");
    table(&socket, &CASES, quick).await;

    let proxy = proxy::delay(
        server.tcp_address().unwrap(),
        std::time::Duration::from_micros(250),
    );
    let far = connect(server.tcp_url(proxy, "postgres")).await;
    println!(
        "\n## Half a millisecond away (SELECT 1 takes {:.2} ms)\n",
        measure::round_trip(&far).await
    );
    table(&far, &CASES[..2], quick).await;

    println!("\n## Reads, 90 % deleted\n");
    reads::compare(&socket, if quick { 20_000 } else { 200_000 }).await;
}

async fn table(db: &DatabaseConnection, cases: &[Case], quick: bool) {
    println!(
        "| {:<16} | {:<8} | {:>10} | {:>9} | {:>12} | {:>13} |",
        "posts x comments", "", "product ms", "/ floor", "/ soft delete", "row by row /"
    );
    println!("| --- | --- | ---: | ---: | ---: | ---: |");
    for case in cases {
        let case = if quick { case.smaller() } else { *case };
        let rivals: Vec<Rival> = ALL.into_iter().filter(|rival| rival.can(&case)).collect();
        let before = memory();
        let medians = measure(db, &case, &rivals).await;
        for (half, what) in ["archive", "restore"].into_iter().enumerate() {
            let of = |rival: Rival| {
                let place = rivals.iter().position(|other| *other == rival);
                place.map(|place| medians[place][half])
            };
            let product = of(Rival::Product).unwrap();
            let ratio = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.2}"));
            println!(
                "| {:<16} | {what:<8} | {product:>10.3} | {:>9} | {:>12} | {:>13} |",
                case.name(),
                ratio(of(Rival::Floor).map(|floor| product / floor)),
                ratio(of(Rival::Soft).map(|soft| product / soft)),
                ratio(of(Rival::Rows).map(|rows| rows / product)),
            );
        }
        if case.comments >= 1_000 {
            println!(
                "memory of the client: {before} kB before, {} kB after",
                memory()
            );
        }
    }
}

async fn connect(url: String) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options
        .sqlx_logging(false)
        .max_connections(1)
        .test_before_acquire(false);
    Database::connect(options).await.unwrap()
}
