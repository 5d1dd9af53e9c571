//! Adoption beside the other features: roles, the log, stamps, tenancy, retention, views.

use sea_orm::DatabaseConnection;
use sea_orm_archive::archival;
use sea_orm_archive_migration::prelude::*;
use sea_orm_archive_tests::{
    Database,
    sql::{count, run, texts},
    tables::tables,
};
use sea_orm_migration::SchemaManager;

use super::helpdesk::{TABLES, helpdesk, marked, rows};

const NOTES: &str = "create table notes (id int primary key, org int not null, slug text, updated_at timestamptz default '2020-01-01Z',
                                         deleted_at timestamptz, deleted_by int);
    create unique index notes_slug_key on notes (org, slug) where deleted_at is null;
    insert into notes (id, org, slug, deleted_at, deleted_by) values (1, 1, 'a', '2024-01-01Z', 7), (2, 1, 'a', null, null), (3, 2, 'a', '2024-01-01Z', 8);";

fn notes() -> SoftDeleted {
    SoftDeleted::new("notes")
        .deleted_at("deleted_at")
        .deleted_by("deleted_by")
}

async fn adopt(db: &DatabaseConnection) {
    let done = SchemaManager::new(db).adopt_soft_deleted([notes()]).await;
    done.unwrap_or_else(|error| panic!("{error}"));
}

/// A database in which an ordinary role owns the archive and the notes.
async fn owned() -> (Database, DatabaseConnection) {
    let database = Database::empty().await;
    let owner = database.role("owner").await;
    let superuser = database.connect().await;
    run(
        &superuser,
        &format!(
            "grant create, temporary on database \"{}\" to \"{owner}\"; grant all on schema public to \"{owner}\"",
            database.name()
        ),
    )
    .await;
    let db = database.connect_as("owner").await;
    let manager = SchemaManager::new(&db);
    manager.install_archive().await.unwrap();
    run(&db, NOTES).await;
    (database, db)
}

#[tokio::test]
async fn ordinary_role_that_owns_the_tables_adopts_them() {
    let (_database, db) = owned().await;
    let manager = SchemaManager::new(&db);
    let before = rows(&db, &["notes"]).await;
    manager.begin_adoption([notes()]).await.unwrap();
    assert_eq!(manager.adopt_batch([notes()], 1).await.unwrap().left, 1);
    adopt(&db).await;
    assert_eq!(count(&db, "archive.archival").await, 2);
    manager.restore_soft_deleted(["notes"]).await.unwrap();
    assert_eq!(rows(&db, &["notes"]).await, before);
}

#[tokio::test]
async fn role_of_one_tenant_adopts_no_table_under_tenancy() {
    let (database, db) = owned().await;
    let superuser = database.connect().await;
    let before = rows(&superuser, &["notes"]).await;
    let manager = SchemaManager::new(&db);
    manager.enable_tenancy(("notes", "org")).await.unwrap();
    let refused = "public.notes is under tenancy, and this role does not act for all tenants";
    let preview = manager.preview_adopt([notes()]).await.unwrap();
    assert_eq!(preview.adopted.rows(), 2);
    assert!(preview.problems[0].starts_with(refused), "{preview:?}");
    let error = manager.adopt_soft_deleted([notes()]).await.unwrap_err();
    assert!(error.to_string().contains(refused), "{error}");
    manager.begin_adoption([notes()]).await.unwrap();
    let error = manager.adopt_batch([notes()], 1).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("forces row-level security on its owner"),
        "{error}"
    );
    assert_eq!(rows(&superuser, &["notes"]).await, before);

    let owner = database.role("owner").await;
    run(&superuser, &format!("alter role \"{owner}\" bypassrls")).await;
    adopt(&db).await;
    assert_eq!(count(&superuser, "deleted_notes").await, 2);
    let forced = "select relname::text from pg_class where relforcerowsecurity and relname in ('notes', 'deleted_notes', 'archival') order by 1";
    assert_eq!(
        texts(&db, forced).await,
        ["archival", "deleted_notes", "notes"]
    );
    manager.restore_soft_deleted(["notes"]).await.unwrap();
    assert_eq!(rows(&superuser, &["notes"]).await, before);
}

#[tokio::test]
async fn log_records_adopted_rows_as_archived() {
    let (_database, db) = tables(NOTES, &[]).await;
    let manager = SchemaManager::new(&db);
    manager.install_audit().await.unwrap();
    manager.audit_table("notes").await.unwrap();
    run(&db, "update notes set slug = 'b' where id = 3").await;
    manager.begin_adoption([notes()]).await.unwrap();
    manager.adopt_batch([notes()], 1).await.unwrap();
    adopt(&db).await;
    assert_eq!(
        texts(&db, "select format('%s %s %s', operation, key, archival_id = any (select id from archive.archival)) from archive.audit_entry order by id").await,
        [r#"UPDATE {"id": 3} "#, r#"ARCHIVE {"id": 1} t"#, r#"ARCHIVE {"id": 3} t"#]
    );
    let error = manager.restore_soft_deleted(["notes"]).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("public.notes is audited, and the log records no restore to marked rows"),
        "{error}"
    );
    manager.unaudit_table("notes").await.unwrap();
    manager.restore_soft_deleted(["notes"]).await.unwrap();
}

#[tokio::test]
async fn stamps_do_not_change() {
    let (_database, db) = tables(
        "create table notes (id int primary key, deleted_at timestamptz, deleted_by int)",
        &[],
    )
    .await;
    let manager = SchemaManager::new(&db);
    manager.stamp_table("notes").await.unwrap();
    run(
        &db,
        "insert into notes values (1, '2024-01-01Z', 7); select pg_sleep(0.01)",
    )
    .await;
    let stamps = "select format('%s %s', created_at, updated_at) from";
    let before = texts(&db, &format!("{stamps} notes")).await;
    adopt(&db).await;
    assert_eq!(texts(&db, &format!("{stamps} deleted_notes")).await, before);
    manager.restore_soft_deleted(["notes"]).await.unwrap();
    assert_eq!(texts(&db, &format!("{stamps} notes")).await, before);
}

#[tokio::test]
async fn archivals_belong_to_the_tenants_of_their_rows() {
    let (_database, db) = tables(NOTES, &[]).await;
    let manager = SchemaManager::new(&db);
    manager.enable_tenancy(("notes", "org")).await.unwrap();
    adopt(&db).await;
    assert_eq!(
        texts(
            &db,
            "select format('%s %s', root_key, tenant) from archive.archival order by id"
        )
        .await,
        [r#"{"id": 1} 1"#, r#"{"id": 3} 2"#]
    );
    assert_eq!(texts(&db, "select relforcerowsecurity::text from pg_class where relname in ('notes', 'deleted_notes')").await, ["true", "true"]);
    assert_eq!(sea_orm_archive::check(&db).await.unwrap(), []);
}

#[tokio::test]
async fn rows_of_two_tenants_are_no_archival() {
    let (_database, db) = tables(
        &format!("{NOTES} create table lines (id int primary key, org int not null, note_id int references notes, deleted_at timestamptz);
                  insert into lines values (1, 1, 3, '2024-01-01Z'), (2, 1, 3, null)"),
        &[],
    )
    .await;
    let manager = SchemaManager::new(&db);
    manager.enable_tenancy(("notes", "org")).await.unwrap();
    manager.enable_tenancy(("lines", "org")).await.unwrap();
    let lines = || {
        SoftDeleted::new("lines")
            .deleted_at("deleted_at")
            .live_children(LiveChildren::Archive)
    };
    let error = manager
        .adopt_soft_deleted([notes(), lines()])
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("1 rows of public.lines, such as {\"id\": 2}, belong to another tenant"),
        "{error}"
    );
    run(&db, "delete from lines where id = 2").await;
    let adopted = manager
        .adopt_soft_deleted([notes(), lines()])
        .await
        .unwrap();
    assert_eq!(adopted.archivals, 3);
}

#[tokio::test]
async fn adopted_rows_expire_by_their_old_time() {
    let (_database, db) = helpdesk().await;
    let manager = SchemaManager::new(&db);
    manager.adopt_soft_deleted(marked()).await.unwrap();
    run(&db, "update archive.archival set archived_at = now() - interval '1 day' where root_table = 'public.tickets'").await;
    for table in TABLES {
        manager.retain(table, Retention::days(30)).await.unwrap();
    }
    let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(purged.archivals, 6);
    assert_eq!(
        texts(
            &db,
            "select root_table from archive.archival where purged_at is null"
        )
        .await,
        ["public.tickets"]
    );
}

#[tokio::test]
async fn view_shows_old_readers_the_table_as_it_was() {
    let (_database, db) = helpdesk().await;
    let manager = SchemaManager::new(&db);
    let old = "select string_agg(t::text, E'\\n' order by t.id) from";
    let before = texts(&db, &format!("{old} tickets as t")).await;
    let tables = || {
        let mut tables = marked();
        tables[1] = tables[1].clone().compatibility_view("all_tickets");
        tables
    };
    manager.adopt_soft_deleted(tables()).await.unwrap();
    assert_eq!(texts(&db, &format!("{old} all_tickets as t")).await, before);
    manager.restore_soft_deleted(TABLES).await.unwrap();
    assert_eq!(
        count(&db, "pg_class where relname = 'all_tickets'").await,
        0
    );
}
