//! The test harness itself: databases are separate, templates are copied, blocked sessions are detected.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, IsolationLevel, Statement,
    TransactionTrait,
};
use sea_orm_archive_tests::{
    Database, connect, race,
    sql::{refusal, run},
};
use throwaway_postgres::Postgres;

static FILLED: AtomicU32 = AtomicU32::new(0);

async fn shop() -> Database {
    Database::from_template("shop", async |db| {
        FILLED.fetch_add(1, Ordering::Relaxed);
        db.execute_unprepared(
            "create table items (id bigint primary key, name text not null);
             insert into items values (1, 'chair')",
        )
        .await?;
        Ok(())
    })
    .await
}

async fn count(db: &impl ConnectionTrait) -> Result<i64, DbErr> {
    let statement = Statement::from_string(DbBackend::Postgres, "select count(*) from items");
    let row = db.query_one_raw(statement).await?;
    row.expect("a count is a row").try_get_by_index(0)
}

async fn add(db: &impl ConnectionTrait, id: i64) -> Result<(), DbErr> {
    let sql = format!("insert into items values ({id}, 'table')");
    db.execute_unprepared(&sql).await?;
    Ok(())
}

#[tokio::test]
async fn databases_of_one_template_are_separate() -> Result<(), DbErr> {
    let (one, other) = (shop().await, shop().await);
    let (db_of_one, db_of_other) = (one.connect().await, other.connect().await);
    add(&db_of_one, 2).await?;
    assert_eq!(count(&db_of_one).await?, 2);
    assert_eq!(count(&db_of_other).await?, 1);
    assert_ne!(one.name(), other.name());
    Ok(())
}

#[tokio::test]
async fn template_is_filled_once() -> Result<(), DbErr> {
    let shops = tokio::join!(shop(), shop(), shop(), shop());
    for shop in [shops.0, shops.1, shops.2, shops.3] {
        assert_eq!(count(&shop.connect().await).await?, 1);
    }
    assert_eq!(FILLED.load(Ordering::Relaxed), 1);
    Ok(())
}

#[tokio::test]
async fn empty_database_has_no_tables() -> Result<(), DbErr> {
    let database = Database::empty().await;
    let db = database.connect().await;
    assert!(count(&db).await.is_err());
    Ok(())
}

#[tokio::test]
async fn dropped_database_is_removed_with_its_connections() {
    let database = Database::empty().await;
    let db = database.connect().await;
    let address = database.url();
    drop(database);
    // It is dropped in the background, and its connections are closed.
    while db.execute_unprepared("select 1").await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(address.contains("archive_test_"));
}

#[tokio::test]
async fn role_has_only_the_rights_granted_to_it() -> Result<(), DbErr> {
    let (one, other) = (shop().await, shop().await);
    let role = one.role("reader").await;
    assert_ne!(role, other.role("reader").await);

    let reader = one.connect_as("reader").await;
    assert!(count(&reader).await.is_err());
    let owner = one.connect().await;
    owner
        .execute_unprepared(&format!("grant select on items to \"{role}\""))
        .await?;
    assert_eq!(count(&reader).await?, 1);
    assert!(add(&reader, 2).await.is_err());
    Ok(())
}

#[tokio::test]
async fn blocked_session_is_detected() -> Result<(), DbErr> {
    let shop = shop().await;
    let (writer, archiver) = (shop.session("writer").await, shop.session("archiver").await);

    let writing = writer.db().begin().await?;
    writing
        .execute_unprepared("update items set name = 'sofa' where id = 1")
        .await?;
    let db = archiver.db();
    let archiving = archiver.start(async move {
        let taken = Statement::from_string(
            DbBackend::Postgres,
            "delete from items where id = 1 returning name",
        );
        let row = db.query_one_raw(taken).await?;
        row.expect("the item is there")
            .try_get_by_index::<String>(0)
    });
    shop.wait_until_blocked_by(&archiver, &writer).await;
    assert!(!archiving.is_finished());

    writing.commit().await?;
    assert_eq!(archiving.finish().await?, "sofa");
    Ok(())
}

#[tokio::test]
#[should_panic(expected = "no step of it is running")]
async fn wait_for_a_session_that_does_not_block_panics() {
    let shop = shop().await;
    let session = shop.session("reader").await;
    let db = session.db();
    let reading = session.start(async move { count(&db).await });
    shop.wait_until_blocked(&session).await;
    reading.finish().await.unwrap();
}

#[tokio::test]
async fn race_returns_what_its_steps_returned() {
    let shop = shop().await;
    let rename = "update items set name = 'sofa' where id = 1";
    for commits in [true, false] {
        let (renamed, taken, still) = race! { shop;
            writer holds |txn| txn.execute_unprepared(rename);
            archiver waits for writer |db| sql_of(db, "delete from items where id = 1 returning name");
            writer goes on |txn| count(txn);
            writer commits if commits;
        };
        assert_eq!((renamed.rows_affected(), still), (1, 1));
        let expected = if commits { "sofa" } else { "chair" };
        assert_eq!(taken.unwrap(), expected);
        add_chair(&shop).await;
    }
}

async fn sql_of(db: &impl ConnectionTrait, sql: &str) -> Result<String, DbErr> {
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, sql));
    row.await?.expect("a row").try_get_by_index(0)
}

async fn add_chair(shop: &Database) {
    run(
        &shop.connect().await,
        "insert into items values (1, 'chair')",
    )
    .await;
}

/// A step of a transaction that has read before can wait, and the transaction commits afterwards.
#[tokio::test]
async fn later_step_of_a_transaction_can_wait() {
    let shop = shop().await;
    let [rename, delete] = ["update items set name = 'sofa'", "delete from items"];
    let (_, _, deleted) = race! { shop;
        reader holds at IsolationLevel::RepeatableRead => |txn| count(txn);
        writer holds |txn| txn.execute_unprepared(rename);
        reader then waits for writer |txn| txn.execute_unprepared(delete);
        writer commits;
    };
    assert_eq!(refusal(deleted).code, "40001");
}

#[tokio::test]
#[should_panic(expected = "does not wait for writer")]
async fn race_reports_a_step_that_ended_although_it_should_wait() {
    let shop = shop().await;
    let _ = race! { shop;
        writer holds |txn| add(txn, 2);
        reader waits for writer |db| count(db);
        writer commits;
    };
}

#[tokio::test]
#[should_panic(expected = "waits for first")]
async fn race_reports_a_step_that_waits_although_it_should_end() {
    let shop = shop().await;
    let _ = race! { shop;
        first holds |txn| txn.execute_unprepared("lock items");
        second holds |txn| count(txn);
        first commits;
        second commits;
    };
}

#[tokio::test]
async fn durable_server_retains_committed_rows_after_a_crash()
-> Result<(), Box<dyn std::error::Error>> {
    let server = Postgres::builder().durable().start()?;
    let db = connect(&server.url("postgres")).await;
    db.execute_unprepared("create table items (id bigint primary key, name text)")
        .await?;
    add(&db, 1).await?;
    let open = db.begin().await?;
    add(&open, 2).await?;
    server.kill9()?;
    assert!(open.commit().await.is_err());

    server.restart()?;
    let db: DatabaseConnection = connect(&server.url("postgres")).await;
    assert_eq!(count(&db).await?, 1);
    Ok(())
}

/// Each example of the guide must be code of the file named in its first line.
#[test]
fn examples_of_the_guide_are_code_of_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = fs::read_to_string(root.join("../docs/internals/testing.md")).unwrap();
    let mut examples = 0;
    for block in guide.split("```rust\n// ").skip(1) {
        let (file, rest) = block.split_once('\n').unwrap();
        let code = rest.split("```").next().unwrap();
        let source = fs::read_to_string(root.join("..").join(file)).unwrap();
        assert!(
            source.contains(code.trim()),
            "{file} no longer contains:\n{code}"
        );
        examples += 1;
    }
    assert!(examples >= 3, "{examples}");
}
