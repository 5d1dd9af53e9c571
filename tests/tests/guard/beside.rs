//! Guards beside other features: later migrations, roles, the log, tenancy, holds.

use blog::post;
use sea_orm::{ConnectionTrait, TransactionTrait};
use sea_orm_archive::error::DriftError;
use sea_orm_archive::{Error, archival, check, prelude::*};
use sea_orm_archive_migration::{
    ArchiveSchema, AuditSchema, Guard, GuardSchema, Tenancy, TenancySchema,
};
use sea_orm_archive_tests::assert_log_agrees;
use sea_orm_archive_tests::sql::{all, count, one, refused, run, texts};
use sea_orm_archive_tests::tables::tables;
use sea_orm_migration::{SchemaManager, prelude::*};

use crate::guard::{assert_finished, guard_all, guarded};

const NOTES: &str =
    "create table notes (id int primary key, title text, org_id int not null default 1);
                     insert into notes values (1, 'a', 1), (2, 'b', 1), (3, 'c', 2), (4, 'd', 2);";

#[tokio::test]
async fn later_migrations_are_followed() {
    for guard in [Guard::refuse(), Guard::catch()] {
        let (_database, db) = tables(NOTES, &["notes"]).await;
        guard_all(&db, &["notes"], guard).await;
        let manager = SchemaManager::new(&db);
        let mut alter = Table::alter();
        alter
            .table("notes")
            .add_column(ColumnDef::new("body").text().not_null().default("x"));
        manager.alter_archived_table(alter).await.unwrap();
        let mut rename = Table::alter();
        rename.table("notes").rename_column("title", "headline");
        manager.alter_archived_table(rename).await.unwrap();
        assert_eq!(check(&db).await.unwrap(), []);
        let gone = db
            .execute_unprepared("delete from notes where id = 1")
            .await;
        assert_eq!(gone.is_ok(), guard == Guard::catch());
        if guard == Guard::catch() {
            assert_eq!(
                texts(&db, "select concat(headline, body) from deleted_notes").await,
                ["ax"]
            );
        }
        // With plain SQL: the guard does not know the column, and nothing is deleted until it does.
        run(&db, "alter table notes add column more int default 7").await;
        let refusal = refused(&db, "delete from notes where id = 2").await;
        assert_eq!(refusal.code, "AR041", "{}", refusal.message);
        assert!(
            refusal.message.contains("guard_table"),
            "{}",
            refusal.message
        );
        manager.sync_archived_table("notes").await.unwrap();
        assert_eq!(
            db.execute_unprepared("delete from notes where id = 2")
                .await
                .is_ok(),
            guard == Guard::catch()
        );
        run(&db, "alter table notes rename to remarks").await;
        assert_eq!(
            db.execute_unprepared("delete from remarks where id = 3")
                .await
                .is_ok(),
            guard == Guard::catch()
        );
        run(&db, "alter table deleted_notes rename to deleted_remarks").await;
        assert_eq!(
            refused(&db, "delete from remarks where id = 4").await.code,
            "AR041"
        );
        manager.sync_archived_table("remarks").await.unwrap();
        assert_eq!(
            db.execute_unprepared("delete from remarks where id = 4")
                .await
                .is_ok(),
            guard == Guard::catch()
        );
        manager.install_archive().await.unwrap();
        assert_eq!(check(&db).await.unwrap(), []);
        let error = manager.uninstall_archive().await.unwrap_err().to_string();
        assert!(
            error.contains("drop_guard") || error.contains("still holds"),
            "{error}"
        );
        manager.drop_archived_table("remarks").await.unwrap();
        assert_eq!(count(&db, "archive.guarded_table").await, 0);
        manager.uninstall_archive().await.unwrap();
    }
}

#[tokio::test]
async fn foreign_key_that_would_lose_rows_stops_plain_deletions_and_no_archive() {
    let (_database, db) = guarded(Guard::catch()).await;
    run(&db, "create table notes (id int primary key, post_id bigint constraint of_note references posts on delete cascade)").await;
    let error: Error = db
        .execute_unprepared("delete from posts where id = 1")
        .await
        .unwrap_err()
        .into();
    match error {
        Error::Drift(DriftError::Trigger { message }) => {
            assert!(
                message.contains("of_note") && message.contains("public.notes"),
                "{message}"
            );
        }
        error => panic!("{error}"),
    }
    run(
        &db,
        "alter table notes alter constraint of_note not deferrable; drop table notes",
    )
    .await;
    post::Entity::archive_by_id(3).exec(&db).await.unwrap();
    run(&db, "delete from posts where id = 1").await;
}

#[tokio::test]
async fn check_reports_what_is_missing_or_disabled() {
    let (_database, db) = guarded(Guard::catch()).await;
    run(&db, "alter table posts disable trigger archive_guard_delete; drop trigger archive_guard_truncate on deleted_posts").await;
    let found: Vec<_> = check(&db)
        .await
        .unwrap()
        .into_iter()
        .map(|f| f.to_string())
        .collect();
    assert_eq!(found.len(), 2, "{found:?}");
    SchemaManager::new(&db)
        .guard_table("posts", Guard::catch())
        .await
        .unwrap();
    assert_eq!(check(&db).await.unwrap(), []);
}

#[tokio::test]
async fn role_with_delete_alone_is_caught_and_refused_like_any() {
    let (database, db) = tables(NOTES, &["notes"]).await;
    let web = database.role("web").await;
    run(
        &db,
        &format!(
            "grant select, delete on notes to \"{web}\"; revoke all on deleted_notes from \"{web}\""
        ),
    )
    .await;
    guard_all(&db, &["notes"], Guard::refuse()).await;
    let as_web = database.connect_as("web").await;
    assert_eq!(
        refused(&as_web, "delete from notes where id = 1")
            .await
            .code,
        "AR040"
    );
    let txn = as_web.begin().await.unwrap();
    run(&txn, "select set_config('archive.moving', concat(pg_current_xact_id(), ':,', 'notes'::regclass::oid, ','), true)").await;
    assert_eq!(
        refused(&txn, "delete from notes where id = 1").await.code,
        "AR040"
    );
    txn.rollback().await.unwrap();
    guard_all(&db, &["notes"], Guard::catch()).await;
    run(&as_web, "begin; select set_config('app.current_user', 'alice', true); delete from notes where id = 1; commit; delete from notes where id = 2").await;
    assert_eq!(
        texts(
            &db,
            "select concat_ws(' ', archived_by, reason) from archive.archival order by id"
        )
        .await,
        [
            format!("alice caught: DELETE by the role {web}"),
            format!("caught: DELETE by the role {web}")
        ]
    );
    // The actor is no number, and the deletion is not refused for that.
    assert_eq!(
        all::<Option<i64>>(&db, "select deleted_by from deleted_notes").await,
        [None, None]
    );
    for statement in [
        "select archive.guard_1()",
        "insert into archive.caught default values",
        "delete from archive.guarded_table",
        "delete from deleted_notes",
        "truncate archive.departed",
    ] {
        assert_eq!(
            refused(&as_web, statement).await.code,
            "42501",
            "{statement}"
        );
    }
}

#[tokio::test]
async fn audit_log_has_a_caught_deletion_and_the_arrival() {
    let (_database, db) = tables(NOTES, &["notes"]).await;
    let manager = SchemaManager::new(&db);
    manager.install_audit().await.unwrap();
    run(&db, "delete from notes").await;
    manager.audit_table("notes").await.unwrap();
    run(
        &db,
        "insert into notes values (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')",
    )
    .await;
    guard_all(&db, &["notes"], Guard::catch()).await;
    run(&db, "delete from notes where id = 1").await;
    assert_eq!(
        texts(&db, "select concat_ws(' ', operation, key, archival_id is not null) from archive.audit_entry order by at, id offset 4").await,
        [r#"DELETE {"id": 1} f"#, r#"INSERT {"id": 1} t"#]
    );
    archival::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(count(&db, "notes").await, 4);
    assert_log_agrees(&db, &["notes"]).await;
    assert_eq!(check(&db).await.unwrap(), []);
}

#[tokio::test]
async fn rows_of_two_tenants_are_caught_in_one_transaction() {
    let ddl = format!("{NOTES} create table parts (id int primary key, note_id int references notes on delete cascade, org_id int not null);
                       insert into parts values (1, 1, 1), (3, 3, 2);");
    let (database, db) = tables(&ddl, &["notes", "parts"]).await;
    let [owner, web, ops] = [
        database.role("owner").await,
        database.role("web").await,
        database.role("ops").await,
    ];
    let _ = owner;
    let manager = SchemaManager::new(&db);
    for table in ["parts", "notes"] {
        manager.guard_table(table, Guard::catch()).await.unwrap();
        manager
            .enable_tenancy(Tenancy::new(table, "org_id").administrator(&ops))
            .await
            .unwrap();
    }
    run(
        &db,
        &format!("grant select, delete on notes, parts to \"{web}\", \"{ops}\""),
    )
    .await;
    let as_web = database.connect_as("web").await;
    let txn = as_web.begin().await.unwrap();
    for tenant in [1, 2] {
        run(
            &txn,
            &format!("select set_config('app.current_org_id', '{tenant}', true)"),
        )
        .await;
        run(&txn, "delete from parts").await;
        run(&txn, "delete from notes").await;
    }
    txn.commit().await.unwrap();
    assert_finished(&db).await;
    assert_eq!(
        texts(
            &db,
            "select concat_ws(' ', tenant, root_key, row_counts) from archive.archival order by id"
        )
        .await,
        [
            r#"1 {"id": 1} {"public.notes": 1, "public.parts": 1}"#,
            r#"1 {"id": 2} {"public.notes": 1}"#,
            r#"2 {"id": 3} {"public.notes": 1, "public.parts": 1}"#,
            r#"2 {"id": 4} {"public.notes": 1}"#,
        ]
    );
    for table in ["notes", "parts"] {
        manager.sync_archived_table(table).await.unwrap();
    }
    assert_eq!(check(&db).await.unwrap(), []);
    archival::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(count(&db, "notes").await, 4);
}

#[tokio::test]
async fn held_row_is_caught_and_not_purged() {
    let (_database, db) = guarded(Guard::catch()).await;
    post::Entity::hold_by_id(3, "case 7")
        .exec(&db)
        .await
        .unwrap();
    run(&db, "delete from posts where id = 3").await;
    assert_eq!(count(&db, "deleted_posts").await, 1);
    assert!(post::Entity::purge_many().exec(&db).await.is_err());
    assert_eq!(
        one::<i64>(&db, "select count(*) from deleted_posts").await,
        1
    );
}
