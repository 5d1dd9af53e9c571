//! PgBouncer in transaction mode: two sessions for eight clients.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sea_orm::{ConnectOptions, DatabaseConnection};
use sea_orm_archive::prelude::*;
use sea_orm_archive::{Context, Error, Executor, check};
use sea_orm_archive_tests::{
    connect,
    sql::{clock, number, one, run},
};
use throwaway_postgres::Postgres;
use tokio::task::LocalSet;

use super::notes::{archive_and_restore, migrate, note, price, row};

const CLIENTS: i64 = 8;
const ROUNDS: i32 = 15;

/// The program in `PGBOUNCER`, or the installed one, with its version.
fn installed() -> Option<(PathBuf, (u32, u32))> {
    let program = std::env::var_os("PGBOUNCER").map_or_else(|| "pgbouncer".into(), PathBuf::from);
    let Ok(output) = Command::new(&program).arg("--version").output() else {
        eprintln!("NOT TESTED: there is no {}", program.display());
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut numbers = text
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|n| n.parse().ok());
    Some((program, (numbers.next()?, numbers.next()?)))
}

/// A pooler in front of a server, which ends with this value.
struct Pooler {
    process: Child,
    folder: PathBuf,
    port: u16,
}

impl Pooler {
    fn start(program: &Path, server: &Postgres, settings: &str) -> Self {
        let address = server.tcp_address().unwrap();
        let folder = std::env::temp_dir().join(format!("pgbouncer-{}", address.port()));
        std::fs::create_dir_all(&folder).unwrap();
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let file = folder.join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = any\nignore_startup_parameters = extra_float_digits\npool_mode = transaction\ndefault_pool_size = 2\nmax_client_conn = 100\n{settings}\n",
            address.port()
        );
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new(program);
        // It refuses to run as root.
        use std::os::unix::fs::MetadataExt;
        if std::fs::metadata("/proc/self").is_ok_and(|us| us.uid() == 0) {
            command.args(["-u", "nobody"]);
        }
        let process = command
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = process.spawn().unwrap();
        let start = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "the pooler does not start"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        Self {
            process,
            folder,
            port,
        }
    }

    async fn client(&self, cache: Option<usize>) -> DatabaseConnection {
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", self.port);
        let mut options = ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false);
        if let Some(capacity) = cache {
            options
                .map_sqlx_postgres_opts(move |options| options.statement_cache_capacity(capacity));
        }
        sea_orm::Database::connect(options).await.unwrap()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Every kind of verb, on rows that belong to the client.
async fn verbs(db: &impl Executor, client: i64, lock_version: i32) -> Result<(), Error> {
    archive_and_restore(db, client).await?;
    assert_eq!(
        note::Entity::archive_by_id(client).preview(db).await?.rows["public.comments"],
        1
    );
    let before = clock(db).await;
    let text = format!("{client} {lock_version}");
    let saved = row(client, &text, lock_version)
        .update_if_unchanged(db)
        .await?;
    assert_eq!(saved.text, text);
    let was = note::Entity::find_as_of(client, before)
        .one(db)
        .await?
        .unwrap();
    assert_eq!(was.row.lock_version, lock_version);
    let changed = price::Entity::change(client)
        .valid_from(before)
        .value(price::Column::Label, text.as_str());
    assert_eq!(changed.exec(db).await?.label, text);
    let current = price::Entity::find_current_version(client).one(db).await?;
    assert_eq!(current.unwrap().label, text);
    Ok(())
}

async fn server() -> (Postgres, DatabaseConnection) {
    let server = Postgres::builder().tcp().start().unwrap();
    let db = connect(&server.url("postgres")).await;
    migrate(&db).await.unwrap();
    (server, db)
}

/// What the clients wrote is complete, and each entry of the log has the actor of its client.
async fn verify(db: &DatabaseConnection) {
    let written =
        format!("select count(*) from notes where lock_version = {ROUNDS} and id <= {CLIENTS}");
    assert_eq!(number(db, &written).await, CLIENTS);
    let rounds = i64::from(ROUNDS);
    assert_eq!(
        number(
            db,
            "select count(*) from archive.archival where restored_at is not null"
        )
        .await,
        CLIENTS * rounds
    );
    assert_eq!(check(db).await.unwrap(), []);
}

#[tokio::test]
async fn verbs_run_on_a_pooler_that_knows_prepared_statements() {
    let Some((program, version)) = installed() else {
        return;
    };
    if version < (1, 21) {
        return eprintln!(
            "NOT TESTED: {} has no max_prepared_statements",
            program.display()
        );
    }
    let (server, db) = server().await;
    let pooler = Pooler::start(&program, &server, "max_prepared_statements = 200");
    let (local, mut clients) = (LocalSet::new(), Vec::new());
    for client in 1..=CLIENTS {
        let db = pooler.client(None).await;
        clients.push(local.spawn_local(async move {
            for round in 0..ROUNDS {
                verbs(&db, client, round)
                    .await
                    .unwrap_or_else(|error| panic!("{client} {round}: {error}"));
            }
        }));
    }
    local
        .run_until(async {
            for client in clients {
                client.await.unwrap();
            }
        })
        .await;
    let sessions = "select count(*) from pg_stat_activity where client_addr is not null";
    assert!(number(&db, sessions).await <= 2);
    verify(&db).await;
    // A changed type reaches the statements of the pooler, too.
    run(&db, "alter table notes alter text type varchar(80); alter table deleted_notes alter text type varchar(80)").await;
    for client in 1..=CLIENTS {
        let db = pooler.client(None).await;
        row(client, "after", ROUNDS)
            .update_if_unchanged(&db)
            .await
            .unwrap();
    }
}

/// Without that, the driver's statements last as long as a transaction.
#[tokio::test]
async fn verbs_run_in_transactions_on_a_pooler_without_prepared_statements() {
    let Some((program, version)) = installed() else {
        return;
    };
    let (server, db) = server().await;
    let none = if version < (1, 21) {
        ""
    } else {
        "max_prepared_statements = 0\n"
    };
    let settings = format!("{none}server_reset_query = DISCARD ALL\nserver_reset_query_always = 1");
    let pooler = Pooler::start(&program, &server, &settings);
    let (local, mut clients) = (LocalSet::new(), Vec::new());
    for client in 1..=CLIENTS {
        let db = pooler.client(Some(0)).await;
        clients.push(local.spawn_local(async move {
            for round in 0..ROUNDS {
                let context = Context::new().actor(client);
                let done = context
                    .run(&db, async |txn| verbs(txn, client, round).await)
                    .await;
                done.unwrap_or_else(|error| panic!("{client} {round}: {error}"));
            }
        }));
    }
    local
        .run_until(async {
            for client in clients {
                client.await.unwrap();
            }
        })
        .await;
    let others = "select count(*) from archive.audit_entry where actor is distinct from key ->> 'id' and table_name = 'public.notes'";
    assert_eq!(number(&db, others).await, 0);
    assert!(one::<bool>(&db, "select count(*) > 0 from archive.audit_entry").await);
    verify(&db).await;
}
