//! What an attack on partitioned archive tables found, and what it did not break.

use sea_orm::{ConnectionTrait, DatabaseConnection, IsolationLevel, TransactionTrait};
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, ExistingTable, Retention, RetentionSchema};
use sea_orm_archive_tests::sql::{count, number, run, texts};
use sea_orm_archive_tests::tables::tables;
use sea_orm_migration::SchemaManager;

use super::library::{archived, expiring, library, next_archival, shelf};

mod leaf {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "leaves")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// may_truncate() is asked before the lock of the partitions alone.
#[tokio::test]
async fn trigger_that_is_created_while_the_purge_waits_fires() {
    let (database, db) = expiring().await;
    shelf::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "create table noted (id bigint); create function note() returns trigger language plpgsql as 'begin insert into noted values (old.id); return null; end'").await;
    let a = database.connect().await;
    let b = database.connect().await;
    let txn = a.begin().await.unwrap();
    run(
        &txn,
        "create trigger note after delete on deleted_books for each row execute function note()",
    )
    .await;
    let purged = tokio::spawn(async move { archival::Entity::purge_expired().exec(&b).await });
    database.until_waiting(&purged).await;
    txn.commit().await.unwrap();
    let purged = purged.await.unwrap();
    assert_eq!(count(&db, "deleted_books").await, 0, "{purged:?}");
    assert_eq!(
        count(&db, "noted").await,
        2,
        "the trigger did not fire for rows that were truncated: {purged:?}"
    );
}

/// The function can be called by a role with grant_archive, without the lock of the rules, and above READ COMMITTED.
#[tokio::test]
async fn range_is_not_purged_with_an_old_snapshot() {
    let (_database, db) = expiring().await;
    SchemaManager::new(&db)
        .retain(
            "shelves",
            Retention::forever().metadata(serde_json::json!({"keep": true})),
        )
        .await
        .unwrap();
    shelf::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let txn = db
        .begin_with_config(Some(IsolationLevel::RepeatableRead), None)
        .await
        .unwrap();
    number(&txn, "select count(*) from deleted_books").await;
    let kept = shelf::Entity::archive_by_id(2)
        .metadata(serde_json::json!({"keep": true}))
        .exec(&db)
        .await
        .unwrap();
    let purged = txn
        .execute_unprepared("select archive.purge_range(0, 100, 'x')")
        .await;
    let committed = txn.commit().await;
    let left = number(
        &db,
        &format!(
            "select count(*) from deleted_books where archival_id = {}",
            kept.id
        ),
    )
    .await;
    assert_eq!(
        left, 2,
        "rows of an archival that stays for ever: {purged:?} {committed:?}"
    );
}

/// The counts in a record come from the role that archives.
#[tokio::test]
async fn forged_counts_do_not_stop_the_purges_of_others() {
    let (database, db) = expiring().await;
    let web = database.role("web").await;
    run(
        &db,
        &format!("grant select, insert, update, delete on all tables in schema public to {web}"),
    )
    .await;
    SchemaManager::new(&db).grant_archive(&web).await.unwrap();
    let as_web = database.connect_as("web").await;
    shelf::Entity::archive_by_id(1).exec(&db).await.unwrap();
    for counts in [
        "{\"public.shelves\": \"many\"}",
        "[]",
        "{\"public.shelves\": 1e30}",
        "{\"public.shelves\": -5}",
    ] {
        let forged = format!(
            "do $$ declare d jsonb := archive.draw_archivals(1); begin
               perform archive.record_archivals(d, '{{shelves}}', clock_timestamp(), array[(d->'ids'->>0)::bigint], array['{{}}'::jsonb], array['{counts}'::jsonb], array[null::text]);
             end $$"
        );
        let forged = as_web.execute_unprepared(&forged).await;
        eprintln!("{counts}: {forged:?}");
        let purged = db
            .execute_unprepared("begin; select archive.purge_expired(10); rollback")
            .await;
        assert!(purged.is_ok(), "{counts}: {purged:?}");
    }
}

/// Partitions are created for an archive table with a CHECK, a default or a generated column.
#[tokio::test]
async fn partitions_of_an_archive_table_with_more() {
    let mut wrong = Vec::new();
    for change in [
        "alter table deleted_shelves add check (id > 0)",
        "alter table deleted_shelves add twice bigint generated always as (id * 2) stored",
        "alter table deleted_shelves add more bigint default 7",
        "alter table deleted_shelves add constraint u unique (archival_id, id)",
        "alter table deleted_shelves replica identity full",
    ] {
        let (_database, db) = library().await;
        if db.execute_unprepared(change).await.is_err() {
            continue;
        }
        next_archival(&db, 1000).await;
        if let Err(error) = db
            .execute_unprepared("select archive.make_archive_partitions(2)")
            .await
        {
            wrong.push(format!("{change}: {error}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

async fn archive_two(db: &DatabaseConnection) {
    for shelf in [1, 2] {
        shelf::Entity::archive_by_id(shelf).exec(db).await.unwrap();
    }
}

/// Rows of an archival in the range that are in the default partition.
#[tokio::test]
async fn rows_in_the_default_partition_are_purged_and_counted() {
    let (_database, db) = expiring().await;
    archive_two(&db).await;
    next_archival(&db, 5000).await;
    shelf::Entity::archive_by_id(3).exec(&db).await.unwrap();
    let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(
        (
            purged.archivals,
            purged.rows["public.books"],
            purged.rows["public.shelves"]
        ),
        (3, 6, 3)
    );
    assert_eq!(archived(&db).await, [""; 0]);
}

/// A hold on a row that is deferred from one partition to another.
#[tokio::test]
async fn held_row_in_a_partition_that_is_truncated() {
    let (_database, db) = expiring().await;
    archive_two(&db).await;
    run(
        &db,
        "select archive.place_hold(null, 'books', '[\"20\"]', 'case', null, null)",
    )
    .await;
    let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(purged.archivals, 1);
    assert_eq!(
        number(
            &db,
            "select count(*) from deleted_books where id in (20, 21)"
        )
        .await,
        2
    );
}

/// Dropped partitions: a session has drawn an id of an empty partition and not archived yet.
#[tokio::test]
async fn partition_of_a_drawn_id_is_not_dropped_under_it() {
    let (database, db) = expiring().await;
    let a = database.connect().await;
    let txn = a.begin().await.unwrap();
    shelf::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    next_archival(&db, 150).await;
    let b = database.connect().await;
    let made = tokio::spawn(async move {
        b.execute_unprepared("select archive.make_archive_partitions(2)")
            .await
            .map(|_| ())
    });
    database.until_waiting(&made).await;
    txn.commit().await.unwrap();
    let made = made.await.unwrap();
    assert_eq!(
        number(&db, "select count(*) from deleted_books").await,
        2,
        "{made:?}"
    );
}

mod stem {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "stems")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub buds: HasMany<super::bud::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod bud {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "buds")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub stem_id: i64,
        #[sea_orm(belongs_to, from = "stem_id", to = "id")]
        pub stem: HasOne<super::stem::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// The index of a deferrable key does not wait for the archive of the row that had the key, so two archived rows could have it.
#[tokio::test]
async fn deferrable_key_is_refused() {
    let (_database, db) = tables(
        "create table stems (id bigint primary key);
         create table buds (id bigint primary key deferrable initially deferred, stem_id bigint not null references stems on delete cascade);
         insert into stems values (1)",
        &[],
    )
    .await;
    for table in ["stems", "buds"] {
        let table = ExistingTable::new(table).partitioned_by_archivals(100);
        let manager = SchemaManager::new(&db);
        manager.archive_existing_table(table).await.unwrap();
    }
    let error = stem::Entity::archive_by_id(1).exec(&db).await.unwrap_err();
    assert!(error.to_string().contains("DEFERRABLE"), "{error}");
}

/// A row of a table with no other references, in the same way with a key that is not deferrable.
#[tokio::test]
async fn key_of_a_child_that_moves_is_archived_once() {
    let (database, db) = tables(
        "create table stems (id bigint primary key); create table buds (id bigint primary key, stem_id bigint not null references stems on delete cascade);
         insert into stems values (1), (2); insert into buds values (1, 1)", &[]).await;
    for table in ["stems", "buds"] {
        SchemaManager::new(&db)
            .archive_existing_table(ExistingTable::new(table).partitioned_by_archivals(100))
            .await
            .unwrap();
    }
    let (a, b) = (database.connect().await, database.connect().await);
    let first = a.begin().await.unwrap();
    stem::Entity::archive_by_id(1).exec(&first).await.unwrap();
    let second = tokio::spawn(async move {
        let txn = b.begin().await.unwrap();
        let inserted = txn
            .execute_unprepared("insert into buds values (1, 2)")
            .await
            .map(|_| ());
        let done = stem::Entity::archive_by_id(2).exec(&txn).await;
        (
            inserted,
            done.map(|_| ()).map_err(|e| e.to_string()),
            txn.commit().await,
        )
    });
    database.until_waiting(&second).await;
    first.commit().await.unwrap();
    let second = second.await.unwrap();
    assert_eq!(
        number(&db, "select count(*) from deleted_buds where id = 1").await,
        1,
        "{second:?}"
    );
}

/// Row-level security and a foreign key that arrive while the purge waits.
#[tokio::test]
async fn foreign_key_that_is_created_while_the_purge_waits() {
    let (database, db) = expiring().await;
    shelf::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "create table notes (id bigint, archival_id bigint)").await;
    let a = database.connect().await;
    let b = database.connect().await;
    let txn = a.begin().await.unwrap();
    run(&txn, "alter table notes add foreign key (id, archival_id) references deleted_books (id, archival_id) on delete cascade").await;
    let purged = tokio::spawn(async move { archival::Entity::purge_expired().exec(&b).await });
    database.until_waiting(&purged).await;
    txn.commit().await.unwrap();
    let purged = purged.await.unwrap();
    assert!(purged.is_ok(), "{purged:?}");
    assert_eq!(count(&db, "deleted_books").await, 0);
}

/// A hold is being placed for more than two seconds: the purge waits as it does without partitions, or leaves out.
#[tokio::test]
async fn purge_beside_a_slow_hold_does_not_fail() {
    let (database, db) = expiring().await;
    shelf::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let a = database.connect().await;
    let b = database.connect().await;
    let txn = a.begin().await.unwrap();
    run(
        &txn,
        "select archive.place_hold(null, 'books', '[\"10\"]', 'case', null, null)",
    )
    .await;
    let purged = tokio::spawn(async move { archival::Entity::purge_expired().exec(&b).await });
    // The purge of a range gives up after two seconds.
    tokio::time::sleep(std::time::Duration::from_millis(3000)).await;
    txn.commit().await.unwrap();
    let purged = purged.await.unwrap();
    assert!(
        purged.as_ref().is_ok_and(|p| p.archivals == 0),
        "{purged:?}"
    );
}

/// Archives go to the default partition, and partitions are created beside one.
#[tokio::test]
async fn archive_beside_new_partitions_succeeds() {
    let (database, db) = expiring().await;
    next_archival(&db, 5000).await;
    let a = database.connect().await;
    let b = database.connect().await;
    let txn = a.begin().await.unwrap();
    run(&txn, "select archive.make_archive_partitions(2)").await;
    let done = tokio::spawn(async move {
        let first = shelf::Entity::archive_by_id(1).exec(&b).await.map(|_| ());
        let next = shelf::Entity::archive_by_id(2).exec(&b).await.map(|_| ());
        (first, next)
    });
    database.until_waiting(&done).await;
    txn.commit().await.unwrap();
    let done = done.await.unwrap();
    let rows = archived(&db).await;
    assert!(done.0.is_ok() && done.1.is_ok(), "{done:?} {rows:?}");
    assert_eq!(rows.len(), 6);
}

/// A restore that began before the partition was emptied, above READ COMMITTED.
#[tokio::test]
async fn restore_with_an_old_snapshot_after_a_truncate_loses_nothing() {
    for level in [IsolationLevel::RepeatableRead, IsolationLevel::Serializable] {
        let (_database, db) = expiring().await;
        archive_two(&db).await;
        let txn = db.begin_with_config(Some(level), None).await.unwrap();
        number(&txn, "select count(*) from shelves").await;
        archival::Entity::purge_expired().exec(&db).await.unwrap();
        let restored = archival::Entity::restore_by_id(1).exec(&txn).await;
        assert!(restored.is_err(), "{restored:?}");
    }
}

/// A restore with an old snapshot, where an archive has added rows meanwhile, and a part of the partition is truncated.
#[tokio::test]
async fn rule_that_becomes_longer_beside_the_purge_of_a_range() {
    let (database, db) = expiring().await;
    shelf::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let result = database.beside("lock table archive.retention in exclusive mode; update archive.retention set days = null",
        "select archive.purge_range(0, 100, 'x')",
    )
    .await;
    assert_eq!(count(&db, "deleted_books").await, 2, "{result:?}");
}

/// An old empty partition cannot be dropped, since a view reads it; the new partitions are created all the same.
#[tokio::test]
async fn partition_that_cannot_be_dropped_keeps_no_others_from_being_created() {
    let (_database, db) = library().await;
    run(&db, "create view looks as select id from deleted_books_0").await;
    next_archival(&db, 1000).await;
    let made = db
        .execute_unprepared("select archive.make_archive_partitions(1)")
        .await;
    assert!(made.is_ok(), "{made:?}");
}

/// The counts of a copy, a part and a deferred row in one partition.
#[tokio::test]
async fn counts_of_parts_are_exact() {
    use crate::partitioned::library::{book, lender};
    let (_database, db) = expiring().await;
    SchemaManager::new(&db)
        .retain("books", Retention::days(0))
        .await
        .unwrap();
    SchemaManager::new(&db)
        .retain("lenders", Retention::days(0))
        .await
        .unwrap();
    archive_two(&db).await;
    // The book 10 refers to its shelf, so it waits or is refused; 30 is archived alone.
    let part = book::Entity::restore_by_id(10).as_part().exec(&db).await;
    book::Entity::archive_by_id(30).exec(&db).await.unwrap();
    let lent = lender::Entity::archive_by_id(4).exec(&db).await.unwrap();
    shelf::Entity::archive_by_id(4).exec(&db).await.unwrap();
    let waiting = lent.restore(&db).await.unwrap().waiting.len();
    let before = archived(&db).await.len() as u64;
    let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
    let sum: u64 = purged.rows.values().sum();
    let recorded = number(&db, "select coalesce(sum(v::bigint), 0)::bigint from archive.archival a, jsonb_each_text(a.purged_rows) as p(k, v)").await;
    let left = archived(&db).await.len() as u64;
    assert_eq!(
        (sum, recorded as u64),
        (before - left, before - left),
        "{part:?} {waiting}"
    );
}

/// The role that purges has rights on the tables, not on the partitions; the owner of the archive is no superuser.
#[tokio::test]
async fn owner_without_superuser_purges_and_creates_partitions() {
    let database = sea_orm_archive_tests::Database::empty().await;
    let owner = database.role("owner").await;
    let superuser = database.connect().await;
    run(&superuser, &format!("grant create on database \"{}\" to \"{owner}\"; grant create on schema public to \"{owner}\"", database.name())).await;
    let db = database.connect_as("owner").await;
    let manager = SchemaManager::new(&db);
    manager.install_archive().await.unwrap();
    run(
        &db,
        "create table leaves (id bigint primary key); insert into leaves values (1), (2)",
    )
    .await;
    manager
        .archive_existing_table(ExistingTable::new("leaves").partitioned_by_archivals(100))
        .await
        .unwrap();
    manager.retain("leaves", Retention::days(0)).await.unwrap();
    leaf::Entity::archive_by_id(1).exec(&db).await.unwrap();
    leaf::Entity::archive_by_id(2).exec(&db).await.unwrap();
    run(
        &db,
        "select archive.place_hold(null, 'leaves', '[\"2\"]', 'case', null, null)",
    )
    .await;
    let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(purged.archivals, 1);
    assert_eq!(
        texts(&db, "select id::text from deleted_leaves").await,
        ["2"]
    );
    run(&db, "select archive.release_hold(1, 'over', null)").await;
    let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!((purged.archivals, purged.rows["public.leaves"]), (1, 1));
    next_archival(&db, 1000).await;
    run(&db, "select archive.make_archive_partitions(2)").await;
}
