//! Functions and operators of another schema of the search path.
//!
//! PostgreSQL calls the function or operator whose argument types fit best, from any schema of the path. A role with
//! CREATE on the last schema can have its own code called wherever those of `pg_catalog` convert an argument or are
//! polymorphic. Every test here runs with such a schema: for each function and operator that the crates call it has
//! one with exactly the argument types that the call may have.

mod entities;
mod histories;
mod story;
mod trap;

use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive::error::{ConflictError, NotFoundError, SetupError};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, HistorySchema, HistorySplit, HistoryTable};
use sea_orm_archive_tests::{Database, sql};
use sea_orm_migration::SchemaManager;

use blog::post;
use entities::office;

use crate::attacks::blog::{blog, run};

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

/// This detects caught errors too: a sequence is never rolled back.
async fn assert_nothing_was_called(db: &DatabaseConnection) {
    let calls = "select is_called from hostile.calls";
    assert!(!sql::one::<bool>(db, calls).await);
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

/// The path is pinned for our own statements only. A name without a schema in a trigger of the application resolves
/// as it does in the caller's other statements.
#[tokio::test]
async fn triggers_of_the_application_run_with_the_callers_search_path() {
    let database = Database::empty().await;
    let db = database.connect().await;
    let path = format!(
        "create schema app; alter database \"{}\" set search_path = app",
        database.name()
    );
    db.execute_unprepared(&path).await.unwrap();
    db.close().await.unwrap();
    let db = database.connect().await;
    db.execute_unprepared(
        "create extension btree_gist schema app;
         create table journal (entry text);
         create function note() returns trigger language plpgsql as
             'begin insert into journal values (concat_ws('' '', tg_op, tg_table_name, current_setting(''search_path''))); return new; end';
         create table offices (id varchar(20) primary key, name text);
         create trigger note after insert or delete or update on offices for each row execute function note();
         insert into offices values ('x', 'X');
         truncate journal",
    )
    .await
    .unwrap();
    let manager = SchemaManager::new(&db);
    manager.install_archive().await.unwrap();
    manager.archive_existing_table("offices").await.unwrap();
    let archival = office::Entity::archive_by_id("x").exec(&db).await.unwrap();
    archival.restore(&db).await.unwrap();
    manager.unarchive_existing_table("offices").await.unwrap();
    let history = HistoryTable::new("office_history").identity("office_id", "offices");
    manager
        .split_into_history(HistorySplit::new(history).columns(["name"]))
        .await
        .unwrap();
    manager.unsplit_history("office_history").await.unwrap();
    assert_eq!(
        sql::texts(&db, "select entry from journal").await,
        [
            "DELETE offices app",
            "INSERT offices app",
            "UPDATE offices app"
        ]
    );
}

/// The same for the functions that policies call: the query for the conflicts of a restore evaluates them too.
#[tokio::test]
async fn policies_of_the_application_run_with_the_callers_search_path() {
    let (database, db) = blog().await;
    run(
        &db,
        "create table members (id int);
         insert into members values (1);
         grant select on members to public;
         create function is_member() returns boolean language plpgsql stable as
             'begin return exists (select from members); end';
         alter table posts enable row level security;
         alter table deleted_posts enable row level security;
         create policy member on posts using (is_member());
         create policy member on deleted_posts using (is_member())",
    )
    .await;
    let web = database.connect_as("web").await;
    let archival = post::Entity::archive_by_id(1).exec(&web).await.unwrap();
    let again = "insert into posts (title, slug, content, author_id) values ('One', 'one', '', 1)";
    run(&web, again).await;
    let preview = post::Entity::restore_by_id(1).preview(&web).await.unwrap();
    assert_eq!(preview.conflicts.len(), 1);
    let error = archival.restore(&web).await.unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::Restore { .. })),
        "{error}"
    );
    // The query for an index expression runs with our path. If a policy fails there, the error contains the remedy.
    run(
        &db,
        "create unique index on posts (lower(slug)) where slug <> 'free'",
    )
    .await;
    let error = archival.restore(&web).await.unwrap_err().to_string();
    assert!(
        error.contains("give these functions a search_path"),
        "{error}"
    );
    run(&db, "alter function is_member() set search_path = public").await;
    let error = archival.restore(&web).await.unwrap_err();
    let Error::Conflict(ConflictError::Restore { conflicts, .. }) = &error else {
        panic!("{error}")
    };
    assert_eq!(conflicts.len(), 2);
}

/// The functions that describe tables are newer than the rest. Their absence must not be reported as a missing table.
#[tokio::test]
async fn a_database_installed_by_an_earlier_version_is_reported() {
    let database = Database::empty().await;
    let db = database.connect().await;
    db.execute_unprepared("create table offices (id varchar(20) primary key)")
        .await
        .unwrap();
    let manager = SchemaManager::new(&db);
    manager.install_archive().await.unwrap();
    manager.archive_existing_table("offices").await.unwrap();
    db.execute_unprepared("drop function archive.describe(text[])")
        .await
        .unwrap();
    let error = office::Entity::archive_by_id("x").exec(&db).await;
    let error = error.unwrap_err();
    assert!(
        matches!(error, Error::Setup(SetupError::NotInstalled { .. })),
        "{error}"
    );
    manager.install_archive().await.unwrap();
    let error = office::Entity::archive_by_id("x").exec(&db).await;
    let error = error.unwrap_err();
    assert!(
        matches!(error, Error::NotFound(NotFoundError::Row { .. })),
        "{error}"
    );
}
