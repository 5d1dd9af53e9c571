//! Rows that a guard would let go, and statements in an odd order.

use sea_orm::TransactionTrait;
use sea_orm_archive_migration::{ArchiveSchema, ExistingTable, Guard, GuardSchema};
use sea_orm_archive_tests::sql::{count, refused, run, texts};
use sea_orm_archive_tests::tables::tables;
use sea_orm_archive_tests::{Database, tables::archive_table};
use sea_orm_migration::SchemaManager;
use sea_orm_migration::prelude::*;

use crate::guard::{assert_finished, guarded};

const NOTES: &str =
    "create table notes (id bigint primary key, note text); insert into notes values (1, 'first')";

async fn notes(guard: Guard) -> (Database, sea_orm::DatabaseConnection) {
    let (database, db) = tables(NOTES, &["notes"]).await;
    let manager = SchemaManager::new(&db);
    manager.guard_table("notes", guard).await.unwrap();
    (database, db)
}

/// Its row is not restored: the row in the table is another one, with the same key.
#[tokio::test]
async fn archived_row_does_not_leave_because_of_another_row_with_its_key() {
    let (_database, db) = notes(Guard::catch()).await;
    run(
        &db,
        "delete from notes; insert into notes values (1, 'another')",
    )
    .await;
    for sql in [
        "delete from deleted_notes",
        "delete from deleted_notes where id = 1",
    ] {
        assert_eq!(refused(&db, sql).await.code, "AR040", "{sql}");
    }
    assert_eq!(
        texts(&db, "select note from deleted_notes").await,
        ["first"]
    );
    // As a restore does it, also in a savepoint.
    let txn = db.begin().await.unwrap();
    run(
        &txn,
        "savepoint a; update notes set note = 'first'; release a; delete from deleted_notes",
    )
    .await;
    txn.commit().await.unwrap();
    assert_eq!(count(&db, "deleted_notes").await, 0);
}

/// A copy in an archival that has ended would never come back.
#[tokio::test]
async fn copy_in_an_archival_that_has_ended_lets_no_row_leave() {
    let (_database, db) = notes(Guard::refuse()).await;
    run(
        &db,
        "insert into archive.archival (id, root_table, root_key, archived_at, row_counts, tables)
         values (1, 'public.notes', '{\"id\": 1}', now(), '{\"public.notes\": 1}', '{notes}');
         insert into deleted_notes (id, note, deleted_at, archival_id) values (1, 'first', now(), 1)",
    )
    .await;
    for ended in ["restored_at", "purged_at"] {
        let end = format!("update archive.archival set {ended} = now()");
        run(&db, &end).await;
        let code = refused(&db, "delete from notes").await.code;
        assert_eq!(code, "AR040", "{ended}");
        let open = format!("update archive.archival set {ended} = null");
        run(&db, &open).await;
    }
    run(&db, "delete from notes").await;
}

#[tokio::test]
async fn table_with_a_column_of_another_type_is_guarded_again_first() {
    for guard in [Guard::refuse(), Guard::catch()] {
        let (_database, db) = notes(guard).await;
        run(&db, "alter table notes alter note type varchar(9)").await;
        assert_eq!(refused(&db, "delete from notes").await.code, "AR041");
        run(&db, "alter table deleted_notes alter note type varchar(9)").await;
        let manager = SchemaManager::new(&db);
        manager.guard_table("notes", Guard::catch()).await.unwrap();
        run(&db, "delete from notes").await;
        assert_eq!(count(&db, "deleted_notes where note = 'first'").await, 1);
    }
}

#[tokio::test]
async fn refused_truncates_name_the_table_and_all_of_its_rows() {
    let (_database, db) = notes(Guard::refuse()).await;
    for sql in ["truncate notes", "truncate deleted_notes"] {
        let refusal = refused(&db, sql).await;
        assert_eq!(refusal.code, "AR040", "{sql}");
        assert!(
            refusal.message.contains("all of its rows"),
            "{}",
            refusal.message
        );
    }
}

/// The records of each part are written once, and those of a savepoint that was rolled back are not.
#[tokio::test]
async fn constraints_and_savepoints_in_any_order_lose_no_record() {
    let (_database, db) = guarded(Guard::catch()).await;
    let txn = db.begin().await.unwrap();
    for sql in [
        "set constraints all immediate; savepoint a; delete from posts where id = 1; rollback to a",
        "delete from posts where id = 1; savepoint b; set constraints all immediate; rollback to b",
        "savepoint c; delete from posts where id = 2; release c; set constraints all immediate",
        "savepoint d; set constraints all deferred; delete from posts where id = 3; rollback to d",
    ] {
        run(&txn, sql).await;
    }
    txn.commit().await.unwrap();
    let archivals = "select concat_ws(' ', root_key, row_counts -> 'public.posts', (select count(*) from deleted_posts as d where d.archival_id = a.id)) from archive.archival as a order by id";
    assert_eq!(
        texts(&db, archivals).await,
        [r#"{"id": 1} 1 1"#, r#"{"id": 2} 1 1"#]
    );
    assert_finished(&db).await;
}

/// An update of the key, an insert with the earlier key, MERGE, a rule of a view and TRUNCATE in one transaction.
#[tokio::test]
async fn rows_of_one_transaction_are_caught_with_their_last_keys() {
    let (_database, db) = notes(Guard::catch()).await;
    let txn = db.begin().await.unwrap();
    for sql in [
        "update notes set id = 2; delete from notes; insert into notes values (1, 'second'); delete from notes where id = 1",
        "insert into notes values (3, 'merge'); merge into notes as n using (values (3)) as v(id) on n.id = v.id when matched then delete",
        "insert into notes values (4, 'rule'), (5, 'truncate'); create view seen as select * from notes",
        "create rule gone as on delete to seen do instead delete from notes where id = old.id; delete from seen where id = 4; truncate notes",
    ] {
        run(&txn, sql).await;
    }
    txn.commit().await.unwrap();
    let caught = "select concat_ws(' ', d.id, d.note, a.reason like 'caught: TRUNCATE%') from deleted_notes as d join archive.archival as a on a.id = d.archival_id order by d.id";
    assert_eq!(
        texts(&db, caught).await,
        [
            "1 second f",
            "2 first f",
            "3 merge f",
            "4 rule f",
            "5 truncate t"
        ]
    );
    assert_finished(&db).await;
}

/// Tables that cascade to each other can be guarded with `refuse` first.
#[tokio::test]
async fn cascades_of_a_cycle_are_one_archival() {
    let (_database, db) = tables(
        "create table a (id bigint primary key, b bigint); create table b (id bigint primary key, a bigint references a on delete cascade);
         alter table a add foreign key (b) references b on delete cascade;
         insert into a values (1, null), (2, null); insert into b values (1, 1), (2, 2); update a set b = 3 - id",
        &[],
    )
    .await;
    let manager = SchemaManager::new(&db);
    for table in ["a", "b"] {
        archive_table(&db, table).await;
    }
    for guard in [Guard::refuse(), Guard::catch()] {
        for table in ["a", "b"] {
            manager.guard_table(table, guard).await.unwrap();
        }
    }
    run(&db, "delete from a where id = 1").await;
    assert_eq!(
        texts(&db, "select row_counts::text from archive.archival").await,
        [r#"{"public.a": 2, "public.b": 2}"#]
    );
    assert_eq!(
        count(&db, "deleted_a").await + count(&db, "deleted_b").await,
        4
    );
    assert_finished(&db).await;
}

/// The CHECK of a domain is code of the owner of the domain, and the functions of a guard run as the owner of the archive.
#[tokio::test]
async fn refusing_guard_runs_no_check_of_a_domain_of_another_role() {
    let (database, db) = tables(NOTES, &[]).await;
    let role = database.role("mallory").await;
    run(
        &db,
        &format!("create schema evil authorization \"{role}\"; create sequence ran; grant all on notes, ran to \"{role}\""),
    )
    .await;
    let mallory = database.connect_as("mallory").await;
    run(
        &mallory,
        "create function evil.attack(value text) returns boolean language plpgsql as
             $$ begin if current_user <> session_user then perform nextval('public.ran'); end if; return true; end $$;
         create domain evil.actor as text check (evil.attack(value))",
    )
    .await;
    let manager = SchemaManager::new(&db);
    let table = ExistingTable::new("notes").deleted_by(ColumnType::custom("evil.actor"));
    manager.archive_existing_table(table).await.unwrap();
    manager.guard_table("notes", Guard::refuse()).await.unwrap();
    assert_eq!(refused(&mallory, "delete from notes").await.code, "AR040");
    // A sequence is never rolled back.
    assert_eq!(count(&db, "ran where is_called").await, 0);
    let error = manager
        .guard_table("notes", Guard::catch())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("is not built in"), "{error}");
}
