//! Ctrl-C, and a process that is killed: what the command says, and what the server did.

use std::process::{Child, Stdio};
use std::time::Duration;

use blog::post;
use expectrl::process::unix::WaitStatus;
use expectrl::{ControlCode, Eof, Expect};
use sea_orm::TransactionTrait;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ErasureSchema, PersonalData, Retention, RetentionSchema};
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::{dumps, number, refused, run as sql, texts};
use sea_orm_migration::SchemaManager;

use crate::adopt::HELPDESK;
use crate::program::{Blog, command, run};
use crate::terminal::start;

/// A command that changes something, and the lock that its change waits for.
struct Verb {
    arguments: &'static str,
    asks: bool,
    lock: &'static str,
}

const VERBS: [Verb; 8] = [
    Verb {
        arguments: "restore 1",
        asks: true,
        lock: "lock table posts in share mode",
    },
    Verb {
        arguments: "purge 1",
        asks: true,
        lock: "lock table deleted_posts in share mode",
    },
    Verb {
        arguments: "undo --request r1",
        asks: true,
        lock: "lock table posts in share mode",
    },
    Verb {
        arguments: "erase users 1",
        asks: true,
        lock: "lock table users in share mode",
    },
    Verb {
        arguments: "adopt tickets",
        asks: true,
        lock: "lock table tickets in share mode",
    },
    Verb {
        arguments: "maintain",
        asks: false,
        lock: "lock table deleted_posts in share mode",
    },
    Verb {
        arguments: "hold posts 3 --reason case",
        asks: false,
        lock: "lock table archive.hold in exclusive mode",
    },
    Verb {
        arguments: "release 1 --reason over",
        asks: false,
        lock: "lock table archive.hold in exclusive mode",
    },
];

/// What the verbs change.
const TABLES: [&str; 9] = [
    "posts",
    "comments",
    "users",
    "deleted_posts",
    "deleted_comments",
    "tickets",
    "archive.archival",
    "archive.hold",
    "archive.archived_table",
];

/// Post 1 is archived and has expired, a request has changed post 2, post 3 is held, and tickets mark what was deleted.
async fn prepared() -> Blog {
    let blog = Blog::new().await;
    let manager = SchemaManager::new(&blog.db);
    post::Entity::archive_by_id(1).exec(&blog.db).await.unwrap();
    manager.retain("posts", Retention::days(0)).await.unwrap();
    let users = PersonalData::of_person().pseudonym("name");
    manager.declare_personal_data("users", users).await.unwrap();
    let held = post::Entity::hold_by_id(3, "case 17").exec(&blog.db).await;
    assert_eq!(held.unwrap().id, 1);
    sql(
        &blog.db,
        "begin; select set_config('app.request_id', 'r1', true); update posts set title = 'Changed' where id = 2; commit;
         create table tickets (id bigint primary key, deleted_at timestamptz); insert into tickets values (1, '2026-01-01Z'), (2, null)",
    )
    .await;
    blog
}

async fn waiting(blog: &Blog) -> i64 {
    number(
        &blog.db,
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    )
    .await
}

/// PostgreSQL would carry out a statement that waits for a lock, although the command has ended.
#[tokio::test(flavor = "multi_thread")]
async fn interrupted_verb_is_rolled_back_and_does_not_commit_later() {
    for Verb {
        arguments,
        asks,
        lock,
    } in VERBS
    {
        let blog = prepared().await;
        let before = dumps(&blog.db, &TABLES).await;
        let arguments: Vec<_> = arguments.split(' ').collect();
        let other = blog.db.begin().await.unwrap();
        let mut session = match asks {
            true => {
                let mut session = start(&blog, &arguments);
                session.expect("[y/N]").unwrap();
                sql(&other, lock).await;
                session.send_line("y").unwrap();
                session
            }
            false => {
                sql(&other, lock).await;
                start(&blog, &arguments)
            }
        };
        while waiting(&blog).await == 0 {
            assert!(
                matches!(session.get_process().status(), Ok(WaitStatus::StillAlive)),
                "{arguments:?} does not wait"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        session.send(ControlCode::EndOfText).unwrap();
        session
            .expect("interrupted: what had not ended is rolled back")
            .unwrap();
        session.expect(Eof).unwrap();
        let ended = session.get_process().wait().unwrap();
        assert!(matches!(ended, WaitStatus::Exited(_, 130)), "{ended:?}");
        // The lock outlasts the command, and would be granted to its statement next.
        assert_eq!(waiting(&blog).await, 0, "{arguments:?}");
        other.commit().await.unwrap();
        assert_eq!(dumps(&blog.db, &TABLES).await, before, "{arguments:?}");
        // The same command does it.
        let again = blog.run(&[&arguments[..], &["--yes"]].concat());
        assert_eq!(again.code, 0, "{again:?}");
        assert_ne!(dumps(&blog.db, &TABLES).await, before, "{arguments:?}");
    }
}

/// The rows of the batches before stay erased, and the second call goes on with the same erasure.
#[tokio::test(flavor = "multi_thread")]
async fn erasure_that_was_interrupted_between_two_batches_goes_on() {
    let blog = prepared().await;
    let manager = SchemaManager::new(&blog.db);
    let comments = PersonalData::belongs_to("users", ["author_id"]).constant("content", "[erased]");
    manager
        .declare_personal_data("comments", comments)
        .await
        .unwrap();
    sql(
        &blog.db,
        "insert into comments (id, post_id, author_id, content) select n, 2, 2, 'text ' || n from generate_series(1000, 3499) as n",
    )
    .await;
    let other = blog.db.begin().await.unwrap();
    let erased = || {
        number(
            &blog.db,
            "select (select count(*) from comments where content = '[erased]') + (select count(*) from deleted_comments where content = '[erased]')",
        )
    };
    let mut session = start(&blog, &["erase", "users", "2", "--reason", "request 17"]);
    session.expect("[y/N]").unwrap();
    // Of the last batch.
    let lock = "select from comments where id = 3499 for update";
    sql(&other, lock).await;
    session.send_line("y").unwrap();
    while waiting(&blog).await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    session.send(ControlCode::EndOfText).unwrap();
    session
        .expect("what had ended before is done, and the same command goes on with the rest")
        .unwrap();
    session.expect(Eof).unwrap();
    assert_eq!(waiting(&blog).await, 0);
    other.commit().await.unwrap();
    assert_eq!(erased().await, 2000);
    let state = "select concat_ws(' ', id, state, finished_at is not null) from archive.erasure";
    assert_eq!(texts(&blog.db, state).await, ["2 rows f"]);

    let again = blog.json(&["erase", "users", "2", "--yes"]);
    assert_eq!(again["is_complete"], true, "{again}");
    assert_eq!(again["certificate"]["erasure"]["id"], 2);
    assert_eq!(again["certificate"]["erasure"]["reason"], "request 17");
    assert_eq!(erased().await, 2500 + 2);
    assert_eq!(texts(&blog.db, state).await, ["2 finished t"]);
}

/// Where an adoption is when its process is killed.
#[derive(Clone, Copy, Debug)]
enum Killed {
    BetweenBatches,
    /// The rows have moved, and the last pass drops the columns.
    InTheLastPass,
}

#[tokio::test(flavor = "multi_thread")]
async fn adoption_whose_process_was_killed_goes_on_and_nothing_is_lost_or_doubled() {
    for killed in [Killed::BetweenBatches, Killed::InTheLastPass] {
        let database = Database::empty().await;
        let db = database.connect().await;
        sql(&db, HELPDESK).await;
        let url = database.url();
        let waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        let moved = "select count(*) from tickets where deleted_at is not null";
        // A gate in the last pass: nothing else drops a column.
        sql(
            &db,
            "create function gate() returns event_trigger language plpgsql as $$ begin
                 if current_query() like '%DROP COLUMN%' then perform pg_advisory_xact_lock(1); end if; end $$;
             create event trigger gate on ddl_command_start when tag in ('ALTER TABLE') execute function gate()",
        )
        .await;
        let gate = db.begin().await.unwrap();
        sql(&gate, "select pg_advisory_xact_lock(1)").await;
        let mut child = adopter(&url);
        match killed {
            Killed::BetweenBatches => {
                while number(&db, moved).await == 1000 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
            Killed::InTheLastPass => {
                while number(&db, waits).await == 0 {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        gate.commit().await.unwrap();
        let sessions = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and query like '%archive%' and state <> 'idle'";
        while number(&db, sessions).await > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Each row is in one of the tables, and no column was dropped.
        assert!(number(&db, moved).await < 1000, "{killed:?}");
        assert_adopted(&db).await;
        sql(&db, "drop event trigger gate").await;
        let again = run(
            Some(&url),
            &["adopt", "tickets", "comments", "--online", "--yes"],
        );
        assert_eq!(again.code, 0, "{killed:?} {again:?}");
        let left = number(&db, "select count(*) from deleted_tickets").await;
        assert_eq!(left, 1000, "{killed:?}");
        assert_adopted(&db).await;
        assert_eq!(refused(&db, moved).await.code, "42703");
        assert_eq!(run(Some(&url), &["check"]).code, 0);
    }
}

fn adopter(url: &str) -> Child {
    let arguments = [
        "adopt",
        "tickets",
        "comments",
        "--install",
        "--online",
        "--batch",
        "20",
        "--yes",
    ];
    let mut command = command();
    command.env("DATABASE_URL", url).args(arguments);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.stdin(Stdio::null()).spawn().unwrap()
}

/// How many archivals and rows the command has printed: three rows in each.
fn moved_archivals(printed: &str) -> u64 {
    let last = printed.lines().last().unwrap_or_default();
    let numbers: Vec<u64> = last
        .split(' ')
        .filter_map(|word| word.parse().ok())
        .collect();
    assert_eq!(numbers[0], 3 * numbers[1], "{printed}");
    numbers[1]
}

/// No ticket and no comment is lost or doubled, and each archival has its ticket with its two comments.
async fn assert_adopted(db: &sea_orm::DatabaseConnection) {
    for (table, rows) in [("tickets", 3000), ("comments", 6000)] {
        let ids = format!("(select id from {table} union all select id from deleted_{table}) as t");
        for what in ["*", "distinct id"] {
            let count = format!("select count({what}) from {ids}");
            assert_eq!(number(db, &count).await, rows, "{count}");
        }
    }
    let apart = "select count(*) from archive.archival as a where (select count(*) from deleted_tickets as t where t.archival_id = a.id) <> 1
                 or (select count(*) from deleted_comments as c where c.archival_id = a.id) <> 2";
    assert_eq!(number(db, apart).await, 0);
    let records =
        "select (select count(*) from archive.archival) - (select count(*) from deleted_tickets)";
    assert_eq!(number(db, records).await, 0);
}

/// Two operators run the same command at the same time.
#[tokio::test(flavor = "multi_thread")]
async fn two_adopters_at_once_end_and_nothing_is_lost_or_doubled() {
    let database = Database::empty().await;
    let db = database.connect().await;
    sql(&db, HELPDESK).await;
    let url = database.url();
    let mut archivals = 0;
    for adopter in [adopter(&url), adopter(&url)] {
        let ran = adopter.wait_with_output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
        let moved = String::from_utf8(ran.stdout).unwrap();
        archivals += moved_archivals(&moved);
    }
    // Each reports what it has moved itself.
    assert_eq!(archivals, 1000);
    assert_eq!(
        number(&db, "select count(*) from deleted_tickets").await,
        1000
    );
    assert_adopted(&db).await;
    assert_eq!(run(Some(&url), &["check"]).code, 0);
}
