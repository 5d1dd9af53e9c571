//! What an attack on the retention of versions found, and what it did not break.

use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive_migration::{
    ArchiveSchema, HistorySchema, HistoryTable, Retention, RetentionSchema,
};
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::{number, run, texts};
use sea_orm_archive_tests::tables::tables;
use sea_orm_migration::{SchemaManager, schema::string};

async fn history(history: HistoryTable, rows: &str) -> (Database, DatabaseConnection) {
    let (database, db) = tables(
        "create table things (id bigint primary key); insert into things values (1), (2)",
        &[],
    )
    .await;
    SchemaManager::new(&db)
        .create_history_table(
            history
                .identity("thing_id", "things")
                .column(string("name")),
        )
        .await
        .unwrap();
    run(&db, rows).await;
    (database, db)
}

const VERSIONS: &str = "insert into versions (thing_id, name, valid_from, valid_to) values
    (1, 'A', '2000-01-01Z', '2001-01-01Z'), (1, 'B', '2001-01-01Z', '2002-01-01Z'), (1, 'C', '2002-01-01Z', null)";

async fn left(db: &DatabaseConnection) -> String {
    texts(db, "select name from versions order by name")
        .await
        .concat()
}

/// Race: a hold on the identities is placed while archive.purge_expired_versions() runs, which a role with grant_archive may call.
#[tokio::test]
async fn hold_on_the_identities_is_waited_for() {
    let (database, db) = history(HistoryTable::new("versions"), VERSIONS).await;
    SchemaManager::new(&db)
        .retain_versions("versions", Retention::days(0))
        .await
        .unwrap();
    let hold = "select archive.place_hold(null, 'things', null, 'case', null, null)";
    let purged = database
        .beside(hold, "select archive.purge_expired_versions(100)")
        .await;
    assert_eq!(left(&db).await, "ABC", "{purged:?}");
}

#[tokio::test]
async fn hold_on_the_identities_is_waited_for_by_purge_expired() {
    let (database, db) = history(HistoryTable::new("versions"), VERSIONS).await;
    SchemaManager::new(&db)
        .retain_versions("versions", Retention::days(0))
        .await
        .unwrap();
    let hold = "select archive.place_hold(null, 'things', null, 'case', null, null)";
    let purged = database
        .beside(hold, "select archive.purge_expired(100)")
        .await;
    assert_eq!(left(&db).await, "ABC", "{purged:?}");
}

/// A partition has the foreign key; its archived rows are in the archive table of the whole table.
#[tokio::test]
async fn version_to_which_an_archived_row_of_a_partition_refers_stays() {
    let (_database, db) = history(HistoryTable::new("versions"), VERSIONS).await;
    let manager = SchemaManager::new(&db);
    run(&db, "create table labels (id bigint, region text, version_id bigint, primary key (id, region)) partition by list (region);
              create table labels_a partition of labels (foreign key (version_id) references versions) for values in ('a')").await;
    if let Err(error) = manager.archive_existing_table("labels").await {
        eprintln!("not archived: {error}");
        return;
    }
    run(&db, "insert into deleted_labels (id, region, version_id, deleted_at, archival_id) select 1, 'a', id, now(), 7 from versions where name = 'A'").await;
    manager
        .retain_versions("versions", Retention::days(0))
        .await
        .unwrap();
    number(&db, "select archive.purge_expired_versions(100)").await;
    assert_eq!(left(&db).await, "AC");
}

/// An inherited table refers by a foreign key of its own; a row of a child table of the history.
#[tokio::test]
async fn versions_with_odd_references_stay() {
    let mut wrong = Vec::new();
    for (prepare, expected) in [
        // The previous version in the history itself.
        (
            "alter table versions add previous bigint references versions; update versions set previous = (select id from versions where name = 'A') where name = 'C'",
            "AC",
        ),
        // A composite key with the identity.
        (
            "alter table versions add unique (id, thing_id); create table r (a bigint, b bigint, foreign key (a, b) references versions (id, thing_id)); insert into r select id, thing_id from versions where name = 'A'",
            "AC",
        ),
        // Quoted names.
        (
            "create schema \"O'd d\"; create table \"O'd d\".\"R \"\" %s\" (\"a %I\" bigint references versions); insert into \"O'd d\".\"R \"\" %s\" select id from versions where name = 'A'",
            "AC",
        ),
        // Not valid, deferrable.
        (
            "create table r (a bigint references versions deferrable initially deferred); insert into r select id from versions where name = 'A'",
            "AC",
        ),
        // A partitioned referring table.
        (
            "create table r (a bigint references versions) partition by list (a); create table r1 partition of r default; insert into r select id from versions where name = 'A'",
            "AC",
        ),
        // Inheritance.
        (
            "create table r (a bigint); create table r1 (foreign key (a) references versions) inherits (r); insert into r1 select id from versions where name = 'A'",
            "AC",
        ),
        // Renamed.
        (
            "alter table versions rename name to name2; alter table versions rename valid_to to ended; alter table versions rename valid_from to began; alter table versions rename name2 to name; create table r (a bigint references versions); insert into r select id from versions where name = 'A'",
            "AC",
        ),
    ] {
        let (_database, db) = history(HistoryTable::new("versions"), VERSIONS).await;
        run(&db, prepare).await;
        SchemaManager::new(&db)
            .retain_versions("versions", Retention::days(0))
            .await
            .unwrap();
        let purged = db
            .execute_unprepared("select archive.purge_expired_versions(100)")
            .await;
        let left = left(&db).await;
        if left != expected {
            wrong.push(format!("{prepare}: {left} {purged:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Race: a row is restored while the purge looks for it, in its table first and in its archive table then.
#[tokio::test]
async fn row_that_refers_and_is_restored_beside_keeps_the_version() {
    let (database, db) = history(HistoryTable::new("versions"), VERSIONS).await;
    let manager = SchemaManager::new(&db);
    run(
        &db,
        "create table r (id bigint primary key, a bigint references versions)",
    )
    .await;
    manager.archive_existing_table("r").await.unwrap();
    run(&db, "insert into deleted_r (id, a, deleted_at, archival_id) select 1, id, now(), 7 from versions where name = 'A'").await;
    manager
        .retain_versions("versions", Retention::days(0))
        .await
        .unwrap();
    let restore =
        "with d as (delete from deleted_r returning id, a) insert into r select id, a from d";
    let purged = database
        .beside(restore, "select archive.purge_expired_versions(100)")
        .await;
    assert_eq!(left(&db).await, "AC", "{purged:?}");
}

/// A temporal foreign key of a partition, and one whose child is archived.
#[tokio::test]
async fn batch_of_nothing_deletes_nothing() {
    let (_database, db) = history(HistoryTable::new("versions"), VERSIONS).await;
    SchemaManager::new(&db)
        .retain_versions("versions", Retention::days(0))
        .await
        .unwrap();
    for most in ["null", "0", "-1"] {
        let purged = db
            .execute_unprepared(&format!("select archive.purge_expired_versions({most})"))
            .await;
        eprintln!("{most}: {purged:?}");
        assert_eq!(left(&db).await, "ABC", "{most}");
    }
}

/// A version that was corrected yesterday: its period ended long ago, and it was the recorded one until then.
#[tokio::test]
async fn version_that_was_corrected_lately_stays() {
    let (_database, db) = history(HistoryTable::new("versions").bitemporal(), "").await;
    run(&db, "insert into versions (thing_id, name, valid_from, valid_to, recorded_from, recorded_to) values
         (1, 'A', '2000-01-01Z', null, now() - interval '2000 days', now() - interval '1 day'),
         (1, 'B', '2000-01-01Z', null, now() - interval '1 day', null)").await;
    SchemaManager::new(&db)
        .retain_versions("versions", Retention::days(2))
        .await
        .unwrap();
    number(&db, "select archive.purge_expired_versions(100)").await;
    assert_eq!(left(&db).await, "AB");
}

/// The table of the archived rows was replaced by one of the same name, which no migration has registered yet.
#[tokio::test]
async fn version_to_which_an_archived_row_of_a_replaced_table_refers_stays() {
    let (_database, db) = history(HistoryTable::new("versions"), VERSIONS).await;
    let manager = SchemaManager::new(&db);
    let table = "create table r (id bigint primary key, a bigint references versions)";
    run(&db, table).await;
    manager.archive_existing_table("r").await.unwrap();
    run(&db, "insert into deleted_r (id, a, deleted_at, archival_id) select 1, id, now(), 7 from versions where name = 'A'").await;
    manager
        .retain_versions("versions", Retention::days(0))
        .await
        .unwrap();
    run(&db, &format!("drop table r; {table}")).await;
    number(&db, "select archive.purge_expired_versions(100)").await;
    assert_eq!(left(&db).await, "AC");
}

/// The child of a temporal foreign key is a partition.
#[tokio::test]
async fn version_to_which_an_archived_row_of_a_partition_refers_by_time_stays() {
    let (_database, db) = history(HistoryTable::new("versions"), VERSIONS).await;
    let manager = SchemaManager::new(&db);
    run(&db, "create table labels (id bigint, region text, thing_id bigint, at timestamptz, primary key (id, region)) partition by list (region);
              create table labels_a partition of labels for values in ('a')").await;
    let key = sea_orm_archive_migration::TemporalForeignKey::new("labels_a", ["thing_id"])
        .at("at")
        .references("versions");
    if let Err(error) = manager.create_temporal_foreign_key(key).await {
        eprintln!("refused: {error}");
        return;
    }
    if let Err(error) = manager.archive_existing_table("labels").await {
        eprintln!("not archived: {error}");
        return;
    }
    run(&db, "insert into deleted_labels (id, region, thing_id, at, deleted_at, archival_id) values (1, 'a', 1, '2000-06-01', now(), 7)").await;
    manager
        .retain_versions("versions", Retention::days(0))
        .await
        .unwrap();
    number(&db, "select archive.purge_expired_versions(100)").await;
    assert_eq!(left(&db).await, "AC");
}
