//! Functions and operators of another schema of the search path.
//!
//! PostgreSQL takes the function or operator whose argument types fit a call best, from whatever schema of the path.
//! A role with CREATE on the last one has code of its own called wherever those of `pg_catalog` take a conversion or
//! are polymorphic. So every test here runs with such a schema, with a function or operator of exactly the types that
//! a call may have for everything that the crates call.

mod entities;
mod story;
mod trap;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use sea_orm_archive_tests::Database;

async fn trapped() -> Database {
    let database = Database::from_template("trapped", async |db| trap::set(&db).await).await;
    let db = database.connect().await;
    let path = format!(
        "alter database \"{}\" set search_path = public, hostile",
        database.name()
    );
    db.execute_unprepared(&path).await.unwrap();
    db.close().await.unwrap();
    database
}

/// Also where an error of it was caught: a sequence is never rolled back.
async fn assert_nothing_was_called(db: &DatabaseConnection) {
    let calls = "select is_called from hostile.calls";
    let row = db
        .query_one_raw(Statement::from_string(DbBackend::Postgres, calls))
        .await
        .unwrap()
        .unwrap();
    assert!(!row.try_get::<bool>("", "is_called").unwrap());
}

#[tokio::test]
async fn no_statement_calls_code_of_a_later_schema_as_superuser() {
    let database = trapped().await;
    let role = database.role("web").await;
    let db = database.connect().await;
    story::all(&db, &role).await;
    assert_nothing_was_called(&db).await;
}

#[tokio::test]
async fn no_statement_calls_code_of_a_later_schema_as_owner() {
    let database = trapped().await;
    let (owner, role) = (database.role("owner").await, database.role("web").await);
    let superuser = database.connect().await;
    let sql = format!(
        "create extension btree_gist schema public; alter database \"{}\" owner to \"{owner}\"; alter schema public owner to \"{owner}\"",
        database.name()
    );
    superuser.execute_unprepared(&sql).await.unwrap();
    let db = database.connect_as("owner").await;
    story::all(&db, &role).await;
    assert_nothing_was_called(&superuser).await;
}
