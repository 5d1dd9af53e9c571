//! Batches against other transactions, and batches that end in the middle.

use sea_orm::{DatabaseConnection, EntityTrait, TransactionTrait};
use sea_orm_archive_migration::prelude::*;
use sea_orm_archive_tests::{
    Database,
    sql::{count, run, texts},
    tables::tables,
};
use sea_orm_migration::SchemaManager;

fn posts() -> [SoftDeleted; 2] {
    [
        SoftDeleted::new("posts").deleted_at("deleted_at"),
        SoftDeleted::new("comments").deleted_at("deleted_at"),
    ]
}

async fn blog() -> (Database, DatabaseConnection) {
    let (database, db) = tables(
        "create table posts (id int primary key, deleted_at timestamptz);
         create table comments (id int primary key, post_id int references posts, deleted_at timestamptz);
         insert into posts values (1, '2024-01-01Z'), (2, '2024-02-01Z');
         insert into comments values (1, 1, '2024-01-01Z'), (2, 2, '2024-02-01Z')",
        &[],
    )
    .await;
    SchemaManager::new(&db)
        .begin_adoption(posts())
        .await
        .unwrap();
    (database, db)
}

#[tokio::test]
async fn rows_that_a_writer_has_locked_are_left_to_a_later_batch() {
    let (_database, db) = blog().await;
    let manager = SchemaManager::new(&db);
    // A writer unmarks post 1: the batch moves the other one, and waits for nothing.
    let txn = db.begin().await.unwrap();
    run(&txn, "update posts set deleted_at = null where id = 1").await;
    run(&txn, "update comments set deleted_at = null where id = 1").await;
    let batch = manager.adopt_batch(posts(), 10).await.unwrap();
    assert_eq!((batch.adopted.rows(), batch.left), (2, 2));
    txn.commit().await.unwrap();
    let batch = manager.adopt_batch(posts(), 10).await.unwrap();
    assert_eq!((batch.adopted.rows(), batch.left), (0, 0));
    assert_eq!(texts(&db, "select id::text from posts").await, ["1"]);
}

#[tokio::test]
async fn locked_child_of_a_marked_row_stops_the_batch_instead_of_a_deadlock() {
    let (_database, db) = blog().await;
    let manager = SchemaManager::new(&db);
    let txn = db.begin().await.unwrap();
    run(&txn, "select from comments where id = 1 for update").await;
    let error = manager.adopt_batch(posts(), 1).await.unwrap_err();
    assert!(
        error.to_string().contains("could not obtain lock"),
        "{error}"
    );
    assert_eq!(count(&db, "posts").await, 2);
    // The writer goes on without having waited.
    run(&txn, "update posts set deleted_at = null where id = 1").await;
    txn.commit().await.unwrap();
}

#[tokio::test]
async fn row_that_refers_to_a_moving_row_is_refused_as_after_any_deletion() {
    let (_database, db) = blog().await;
    let txn = db.begin().await.unwrap();
    SchemaManager::new(&txn)
        .adopt_batch(posts(), 10)
        .await
        .unwrap();
    let insert = tokio::spawn({
        let db = db.clone();
        async move {
            sea_orm_archive_tests::sql::refused(&db, "insert into comments values (9, 1, null)")
                .await
        }
    });
    _database.until_waiting(&insert).await;
    txn.commit().await.unwrap();
    assert_eq!(insert.await.unwrap().code, "23503");
}

#[tokio::test]
async fn batch_that_is_killed_has_moved_nothing() {
    let (_database, db) = blog().await;
    let txn = db.begin().await.unwrap();
    SchemaManager::new(&txn)
        .adopt_batch(posts(), 1)
        .await
        .unwrap();
    let pid = texts(&txn, "select pg_backend_pid()::text").await;
    run(&db, &format!("select pg_terminate_backend({})", pid[0])).await;
    assert!(txn.commit().await.is_err());
    assert_eq!(
        (
            count(&db, "posts").await,
            count(&db, "archive.archival").await
        ),
        (2, 0)
    );
    let manager = SchemaManager::new(&db);
    let adopted = manager.adopt_soft_deleted(posts()).await.unwrap();
    assert_eq!((adopted.rows(), adopted.archivals), (4, 2));
}

#[tokio::test]
async fn mark_of_the_last_minute_is_left_to_the_last_pass() {
    let (_database, db) = blog().await;
    run(&db, "update posts set deleted_at = now() where id = 2; update comments set deleted_at = now() where id = 2").await;
    let manager = SchemaManager::new(&db);
    let batch = manager.adopt_batch(posts(), 10).await.unwrap();
    assert_eq!((batch.adopted.rows(), batch.left), (2, 2));
    assert_eq!(manager.adopt_soft_deleted(posts()).await.unwrap().rows(), 2);
}

/// Such as of a table of links, where the application adds and deletes a link again.
#[tokio::test]
async fn key_that_is_used_again_after_a_batch_is_refused_until_its_archival_is_purged() {
    let (_database, db) = tables(
        "create table links (a int, b int, note text, deleted_at timestamptz, primary key (a, b));
         insert into links values (1, 2, 'first', '2024-01-01Z')",
        &[],
    )
    .await;
    let links = || [SoftDeleted::new("links").deleted_at("deleted_at")];
    let manager = SchemaManager::new(&db);
    manager.begin_adoption(links()).await.unwrap();
    let batch = manager.adopt_batch(links(), 10).await.unwrap();
    assert_eq!(batch.adopted.rows(), 1);
    run(
        &db,
        "insert into links values (1, 2, 'again', '2024-02-02Z')",
    )
    .await;
    for error in [
        manager.adopt_batch(links(), 10).await.unwrap_err(),
        manager.adopt_soft_deleted(links()).await.unwrap_err(),
    ] {
        let error = error.to_string();
        assert!(error.contains(r#"{"a": 1, "b": 2}, have the key of a row that is archived already, such as in archival 1"#), "{error}");
    }
    let archival = sea_orm_archive::archival::Entity::find_by_id(1);
    let archival = archival.one(&db).await.unwrap().unwrap();
    archival.purge(&db).await.unwrap();
    let adopted = manager.adopt_soft_deleted(links()).await.unwrap();
    assert_eq!(adopted.rows(), 1);
}

/// Another adopter of the same tables, at each of its steps.
#[tokio::test]
async fn second_adopter_waits_for_the_first_one_and_finds_nothing_to_do() {
    for step in ["begin", "batch", "preview", "adopt"] {
        let (database, db) = blog().await;
        let first = db.begin().await.unwrap();
        let adopted = SchemaManager::new(&first).adopt_soft_deleted(posts()).await;
        assert_eq!(adopted.unwrap().rows(), 4);
        let second = tokio::spawn({
            let db = db.clone();
            async move {
                let manager = SchemaManager::new(&db);
                match step {
                    "begin" => manager.begin_adoption(posts()).await.map(|()| 0),
                    "batch" => {
                        let batch = manager.adopt_batch(posts(), 10).await;
                        batch.map(|b| b.adopted.rows() + b.left)
                    }
                    "preview" => {
                        let preview = manager.preview_adopt(posts()).await;
                        preview.map(|p| {
                            assert_eq!(p.problems, [""; 0]);
                            p.adopted.rows()
                        })
                    }
                    _ => manager
                        .adopt_soft_deleted(posts())
                        .await
                        .map(|adopted| adopted.rows()),
                }
            }
        });
        database.until_waiting(&second).await;
        first.commit().await.unwrap();
        let rows = second
            .await
            .unwrap()
            .unwrap_or_else(|error| panic!("{step}: {error}"));
        assert_eq!(rows, 0, "{step}");
        assert_eq!(
            (
                count(&db, "deleted_posts").await,
                count(&db, "deleted_comments").await,
                count(&db, "archive.archival").await
            ),
            (2, 2, 2)
        );
    }
}

#[tokio::test]
async fn two_batches_at_once_move_each_row_once() {
    let (_database, db) = blog().await;
    let first = db.begin().await.unwrap();
    let batch = SchemaManager::new(&first).adopt_batch(posts(), 1).await;
    assert_eq!(batch.unwrap().adopted.rows(), 2);
    let manager = SchemaManager::new(&db);
    let batch = manager.adopt_batch(posts(), 10).await.unwrap();
    assert_eq!(batch.adopted.rows(), 2);
    first.commit().await.unwrap();
    assert_eq!(manager.adopt_soft_deleted(posts()).await.unwrap().rows(), 0);
    assert_eq!(
        (
            count(&db, "deleted_posts").await,
            count(&db, "deleted_comments").await,
            count(&db, "archive.archival").await
        ),
        (2, 2, 2)
    );
}

/// Two calls with the tables in another order lock them in the same one.
#[tokio::test]
async fn adopters_that_name_the_tables_in_another_order_do_not_deadlock() {
    let (database, db) = blog().await;
    let first = db.begin().await.unwrap();
    run(&first, "lock table posts in share row exclusive mode").await;
    let second = tokio::spawn({
        let db = db.clone();
        async move {
            let [posts, comments] = posts();
            SchemaManager::new(&db)
                .adopt_soft_deleted([comments, posts])
                .await
        }
    });
    database.until_waiting(&second).await;
    run(&first, "set local lock_timeout = '1s'").await;
    run(&first, "lock table comments in share row exclusive mode").await;
    first.commit().await.unwrap();
    assert_eq!(second.await.unwrap().unwrap().rows(), 4);
}

/// Such as by two instances of the application that migrate when they start.
#[tokio::test]
async fn two_installations_at_once_end_one_after_the_other() {
    for installed in [false, true] {
        let database = Database::empty().await;
        let db = database.connect().await;
        if installed {
            SchemaManager::new(&db).install_archive().await.unwrap();
        }
        let first = db.begin().await.unwrap();
        SchemaManager::new(&first).install_archive().await.unwrap();
        let second = tokio::spawn({
            let db = db.clone();
            async move { SchemaManager::new(&db).install_archive().await }
        });
        database.until_waiting(&second).await;
        first.commit().await.unwrap();
        second.await.unwrap().unwrap();
    }
}
