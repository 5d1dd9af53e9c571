//! A bulk load of versions.

use std::time::Instant;

use sea_orm::ConnectionTrait;
use throwaway_postgres::Postgres;

use super::tables::{GUARD, database, versions};
use crate::rival::median;
use crate::table::{self, ratio, time};
use crate::{Fallible, Size};

const METHODS: [&str; 3] = ["load_unguarded", "load_guarded", "load_then_guard"];

pub(super) async fn run(server: &Postgres, size: &Size) -> Fallible {
    eprintln!("history: bulk load ...");
    let departments = format!("generate_series(1, {})", size.departments);
    let load = versions(&departments, size.versions / size.departments);
    let mut samples = vec![Vec::new(); METHODS.len()];
    let mut databases = Vec::new();
    for method in METHODS {
        let db = database(server, method, method == "load_guarded").await?;
        db.execute_unprepared(&format!(
            "INSERT INTO departments SELECT * FROM {departments}"
        ))
        .await?;
        databases.push(db);
    }
    for round in 0..size.load_rounds {
        for turn in 0..METHODS.len() {
            let n = (turn + round) % METHODS.len();
            let db = &databases[n];
            db.execute_unprepared("TRUNCATE department_history").await?;
            if METHODS[n] == "load_then_guard" {
                db.execute_unprepared(
                    "ALTER TABLE department_history DROP CONSTRAINT IF EXISTS guard",
                )
                .await?;
            }
            let start = Instant::now();
            db.execute_unprepared(&load).await?;
            if METHODS[n] == "load_then_guard" {
                db.execute_unprepared(GUARD).await?;
            }
            samples[n].push(start.elapsed());
        }
    }
    let times: Vec<_> = samples.iter().map(|samples| median(samples)).collect();
    let to = |n: usize| Some(times[n]? / times[0]?);
    println!(
        "## {} versions in one INSERT: median ms, and times the unguarded table\n",
        size.versions
    );
    table::print(
        &[
            "no guard",
            "guarded",
            "ratio",
            "guard added afterwards",
            "ratio",
        ],
        &[vec![
            time(times[0]),
            time(times[1]),
            ratio(to(1)),
            time(times[2]),
            ratio(to(2)),
        ]],
    );
    Ok(())
}
