//! Columns with the names of those that an archive table adds.

use sea_orm_archive_migration::prelude::*;
use sea_orm_archive_tests::{
    sql::{count, run},
    tables::tables,
};
use sea_orm_migration::SchemaManager;

use super::helpdesk::rows;

const POSTS: &str = "create table posts (id int primary key, slug text, deleted_at timestamptz);
    insert into posts values (1, 'a', '2024-01-01Z'), (2, 'a', null);";

fn posts() -> SoftDeleted {
    SoftDeleted::new("posts").deleted_at("deleted_at")
}

/// An application that was not deployed again adds the column again, and marks a row.
#[tokio::test]
async fn column_that_is_added_again_after_the_adoption() {
    let (_database, db) = tables(POSTS, &[]).await;
    let manager = SchemaManager::new(&db);
    manager.adopt_soft_deleted([posts()]).await.unwrap();
    run(
        &db,
        "alter table posts add deleted_at timestamptz; update posts set deleted_at = '2025-01-01Z'",
    )
    .await;
    let before = rows(&db, &["posts"]).await;
    let what = "public.posts has a column \"deleted_at\", and its archive table public.deleted_posts adds one of that name: rename or drop";
    for error in [
        manager.preview_adopt([posts()]).await.unwrap_err(),
        manager.begin_adoption([posts()]).await.unwrap_err(),
        manager.adopt_soft_deleted([posts()]).await.unwrap_err(),
        manager.sync_archived_table("posts").await.unwrap_err(),
        manager.archive_existing_table("posts").await.unwrap_err(),
    ] {
        assert!(error.to_string().contains(what), "{error}");
    }
    let findings = sea_orm_archive::check(&db).await.unwrap();
    let of_posts: Vec<_> = findings
        .iter()
        .filter(|f| f.object == "public.posts")
        .collect();
    let [finding] = of_posts[..] else {
        panic!("{findings:?}");
    };
    assert!(
        finding.remedy.starts_with("rename or drop the column"),
        "{finding:?}"
    );
    let error = manager.restore_soft_deleted(["posts"]).await.unwrap_err();
    assert!(error.to_string().contains(what), "{error}");
    assert_eq!(rows(&db, &["posts"]).await, before);

    // Under a new name its marks are adopted.
    run(&db, "alter table posts rename deleted_at to removed_at").await;
    let removed = SoftDeleted::new("posts").deleted_at("removed_at");
    manager.sync_archived_table("posts").await.unwrap();
    let done = manager.adopt_soft_deleted([removed]).await.unwrap();
    assert_eq!(done.rows(), 1);
    assert_eq!(count(&db, "deleted_posts").await, 2);
    assert_eq!(sea_orm_archive::check(&db).await.unwrap(), []);
}

#[tokio::test]
async fn kept_column_with_the_name_of_an_added_one() {
    let (_database, db) = tables(POSTS, &[]).await;
    let manager = SchemaManager::new(&db);
    for error in [
        manager
            .preview_adopt([posts().keep_columns()])
            .await
            .unwrap_err(),
        manager
            .adopt_soft_deleted([posts().keep_columns()])
            .await
            .unwrap_err(),
    ] {
        let what = "public.posts has a column \"deleted_at\", which the adoption does not drop: give the archive table's another name with `.deleted_at_column(..)`";
        assert!(error.to_string().contains(what), "{error}");
    }
    let done = manager.adopt_soft_deleted([posts()]).await;
    assert_eq!(done.unwrap().rows(), 1);
}
