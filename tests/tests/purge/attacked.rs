//! What an attack on purges found.

use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseConnection, TransactionTrait};
use sea_orm_archive::archival;
use sea_orm_archive::error::DriftError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::sql::{number, run, texts};
use sea_orm_archive_tests::{Database, race};
use sea_orm_migration::SchemaManager;

use crate::races::blog::{OnDelete, blog};
use ::blog::{post, tag};

async fn database() -> (Database, DatabaseConnection) {
    let database = blog(OnDelete::Cascade).await;
    let db = database.connect().await;
    (database, db)
}

/// Race: the record changes, and the purge waits for it. Its filter no longer finds the archival.
#[tokio::test]
async fn archival_that_no_longer_fits_the_filter_when_it_is_locked_is_not_purged() {
    let (database, db) = database().await;
    let archive = post::Entity::archive_by_id(1).reason("spam");
    archive.exec(&db).await.unwrap();
    let (_, purged) = race! { database;
        first holds |txn| txn.execute_unprepared("update archive.archival set reason = 'legal hold'");
        second waits for first |db| archival::Entity::purge_many().filter(archival::Column::Reason.eq("spam")).exec(db);
        first commits;
    };
    assert_eq!(purged.unwrap().archivals, 0);
}

/// The same for a column of the archived row, which a change of a key writes.
#[tokio::test]
async fn archived_row_that_no_longer_fits_the_filter_when_it_is_locked_is_not_purged() {
    let (database, db) = database().await;
    let id = post::Entity::archive_by_id(3).exec(&db).await.unwrap().id;
    let hold = format!(
        "select from archive.archival where id = {id} for update; update deleted_posts set title = 'hold' where id = 3"
    );
    let (_, purged) = race! { database;
        first holds |txn| txn.execute_unprepared(&hold);
        second waits for first |db| post::Entity::purge_many().filter(post::deleted::Column::Title.eq("Three")).exec(db);
        first commits;
    };
    assert_eq!(purged.unwrap().archivals, 0);
}

/// A later migration gives the name of the archival id to another column.
#[tokio::test]
async fn purge_deletes_no_row_of_other_archivals_where_another_column_has_the_name_of_the_archival_id()
 {
    let (_database, db) = database().await;
    let first = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    post::Entity::archive_by_id(2).exec(&db).await.unwrap();
    post::Entity::archive_by_id(3).exec(&db).await.unwrap();
    assert_eq!(first.id, 1);
    run(
        &db,
        "alter table deleted_posts rename archival_id to archival;
         alter table deleted_posts rename author_id to archival_id",
    )
    .await;
    let error = first.purge(&db).await.unwrap_err();
    assert!(
        matches!(error, Error::Drift(DriftError::IncompleteArchival { .. })),
        "{error}"
    );
    let of_others = "select id::text from deleted_posts where archival <> 1 order by id";
    assert_eq!(texts(&db, of_others).await, ["2", "3"]);
}

/// A trigger of the application closes the archival while its rows are deleted.
#[tokio::test]
async fn rows_are_not_deleted_without_a_mark_of_their_archival() {
    let (_database, db) = database().await;
    let archival = post::Entity::archive_by_id(3).exec(&db).await.unwrap();
    run(
        &db,
        "create function close() returns trigger language plpgsql as $$
         begin update archive.archival set restored_at = now() where restored_at is null; return null; end $$;
         create trigger close after delete on deleted_posts for each statement execute function close()",
    )
    .await;
    let error = post::Entity::purge_many().exec(&db).await.unwrap_err();
    assert!(
        matches!(error, Error::Drift(DriftError::IncompleteArchival { .. })),
        "{error}"
    );
    assert!(error.to_string().contains(&archival.id.to_string()));
    assert_eq!(number(&db, "select count(*) from deleted_posts").await, 1);
}

/// Race: two columns exchange their names while the purge waits for the table.
#[tokio::test]
async fn columns_that_exchange_their_names_during_a_purge() {
    let (database, db) = database().await;
    let id = post::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    post::Entity::archive_by_id(2).exec(&db).await.unwrap();
    let _ = race! { database;
        first holds |txn| txn.execute_unprepared("alter table deleted_posts rename archival_id to archival; alter table deleted_posts rename author_id to archival_id");
        second waits for first |db| archival::Entity::purge_by_id(id).exec(db);
        first commits;
    };
    let of_others = "select count(*) from deleted_posts where archival <> 1";
    assert_eq!(number(&db, of_others).await, 1);
}

/// A transaction above READ COMMITTED that began before rows were deferred to the archival.
#[tokio::test]
async fn row_that_was_deferred_after_the_snapshot_is_not_left_in_a_purged_archival() {
    let (_database, db) = database().await;
    let tag = tag::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let post = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let level = Some(sea_orm::IsolationLevel::Serializable);
    let txn = db.begin_with_config(level, None).await.unwrap();
    run(&txn, "select 1 from posts").await;
    tag.restore(&db).await.unwrap();
    let purged = post.purge(&txn).await;
    let committed = txn.commit().await;
    let left = "select count(*) from deleted_post_tags as p join archive.archival as a on a.id = p.archival_id where a.purged_at is not null";
    assert_eq!(number(&db, left).await, 0, "{purged:?} {committed:?}");
}

/// Two columns of the same type exchange their names: each name is there, and means another column.
#[tokio::test]
async fn no_verb_runs_where_the_archival_id_and_another_column_exchanged_their_names() {
    let (_database, db) = database().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let renamed = "alter table deleted_posts rename archival_id to other;
        alter table deleted_posts rename author_id to archival_id;
        alter table deleted_posts rename other to author_id";
    run(&db, renamed).await;
    let problem = "has the ids of the archivals in the column author_id";
    for error in [
        post::Entity::archive_by_id(2).exec(&db).await.unwrap_err(),
        post::Entity::restore_by_id(1).exec(&db).await.unwrap_err(),
        archival.restore(&db).await.unwrap_err(),
    ] {
        assert!(error.to_string().contains(problem), "{error}");
    }
    run(&db, renamed).await;
    archival.restore(&db).await.unwrap();
}

/// After a dump and a restore columns may have other numbers, and `install_archive` reads them.
#[tokio::test]
async fn numbers_of_another_cluster_do_not_count() {
    let (_database, db) = database().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "update archive.archived_table set archival_id_number = 1, place = 'elsewhere'",
    )
    .await;
    archival.restore(&db).await.unwrap();
    SchemaManager::new(&db).install_archive().await.unwrap();
    let unknown = "select count(*) from archive.archived_table as r
        where archival_id_number <> (select attnum from pg_attribute where attrelid = r.archive_table and attname = 'archival_id')";
    assert_eq!(number(&db, unknown).await, 0);
}
