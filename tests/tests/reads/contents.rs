//! Which rows are found, and as what.

use sea_orm::{DatabaseConnection, EntityTrait, QueryFilter, prelude::*};
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{refused, run};

use crate::reads::blog::{assert_agrees, blog, comment, half_deleted, post, post_tag, tag};

/// The active and the deleted rows of every table.
async fn counts(db: &DatabaseConnection) -> [(usize, usize); 4] {
    [
        assert_agrees::<post::Entity>(db).await,
        assert_agrees::<comment::Entity>(db).await,
        assert_agrees::<post_tag::Entity>(db).await,
        assert_agrees::<tag::Entity>(db).await,
    ]
}

#[tokio::test]
async fn every_row_is_found_once_after_archive_restore_and_purge() {
    let (_database, db) = blog().await;
    assert_eq!(counts(&db).await, [(4, 0), (4, 0), (4, 0), (2, 0)]);
    let first = post::Entity::archive_by_id(1)
        .by(7)
        .exec(&db)
        .await
        .unwrap();
    let third = post::Entity::archive_by_id(3).exec(&db).await.unwrap();
    assert_eq!(counts(&db).await, [(2, 2), (1, 3), (1, 3), (2, 0)]);
    first.restore(&db).await.unwrap();
    assert_eq!(counts(&db).await, [(3, 1), (3, 1), (3, 1), (2, 0)]);
    third.purge(&db).await.unwrap();
    assert_eq!(counts(&db).await, [(3, 0), (3, 0), (3, 0), (2, 0)]);
}

#[tokio::test]
async fn deletion_has_the_archival_its_time_and_its_actor() {
    let (_database, db) = half_deleted().await;
    let archivals = sea_orm_archive::archival::Entity::find()
        .all(&db)
        .await
        .unwrap();
    let found = post::Entity::find_with_deleted()
        .filter(post::Column::Id.eq(1))
        .one(&db)
        .await
        .unwrap();
    let (post, deletion) = found.unwrap();
    let deletion = deletion.unwrap();
    assert_eq!((post.id, post.slug.as_str()), (1, "one"));
    assert_eq!(deletion.deleted_by.as_deref(), Some("7"));
    let archival = archivals
        .iter()
        .find(|archival| archival.id == deletion.archival_id)
        .unwrap();
    assert_eq!(archival.reason.as_deref(), Some("spam"));
    assert_eq!(archival.archived_at, deletion.deleted_at);
    assert_eq!(archival.archived_by, deletion.deleted_by);
}

#[tokio::test]
async fn row_that_waits_for_another_parent_is_deleted_in_the_archival_of_that_parent() {
    let (_database, db) = blog().await;
    let first = post::Entity::archive_by_id(1)
        .by(7)
        .exec(&db)
        .await
        .unwrap();
    let rust = tag::Entity::archive_by_id(1).by(8).exec(&db).await.unwrap();
    let restored = first.restore(&db).await.unwrap();
    assert_eq!(restored.waiting.len(), 1);
    assert_eq!(counts(&db).await, [(4, 0), (4, 0), (2, 2), (1, 1)]);
    let found = post_tag::Entity::find_with_deleted()
        .filter(post_tag::Column::PostId.eq(1))
        .filter(post_tag::Column::TagId.eq(1))
        .all(&db)
        .await
        .unwrap();
    let [(_, Some(deletion))] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(deletion.archival_id, rust.id);
}

/// No verb leads to this state. Neither of the two rows hides the other.
#[tokio::test]
async fn row_that_plain_sql_inserted_into_both_tables_is_found_twice() {
    let (_database, db) = half_deleted().await;
    run(
        &db,
        "insert into posts (id, author_id, slug) values (1, 2, 'again')",
    )
    .await;
    assert_eq!(assert_agrees::<post::Entity>(&db).await, (3, 2));
    let both = post::Entity::find_with_deleted().filter(post::Column::Id.eq(1));
    let found = both.all(&db).await.unwrap();
    let mut slugs: Vec<_> = found
        .iter()
        .map(|(post, deletion)| (post.slug.as_str(), deletion.is_some()))
        .collect();
    slugs.sort_unstable();
    assert_eq!(slugs, [("again", false), ("one", true)]);
}

/// A deletion that cannot be read is an error, and never an active row.
#[tokio::test]
async fn deletion_with_a_missing_value_is_not_returned_as_an_active_row() {
    for column in ["archival_id", "deleted_at"] {
        let (_database, db) = half_deleted().await;
        run(
            &db,
            &format!(
                "alter table deleted_posts alter {column} drop not null; update deleted_posts set {column} = null"
            ),
        )
        .await;
        let found = post::Entity::find_with_deleted().all(&db).await;
        let error = found.unwrap_err().to_string();
        assert!(
            error.contains(&format!("Missing value for column '{column}'")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn no_statement_on_the_deletion_alone_succeeds() {
    use sea_orm_archive::deletion;
    let (_database, db) = half_deleted().await;
    // A table of the application with this name is not meant.
    run(
        &db,
        "create table archive_deletion (archival_id bigint primary key, deleted_at timestamptz, deleted_by text)",
    )
    .await;
    let message = |error: DbErr| error.to_string();
    let missing = "relation \"archive.archive_deletion\" does not exist";
    let model = deletion::ActiveModel {
        archival_id: sea_orm::Set(9),
        deleted_at: sea_orm::Set("2024-01-01T00:00:00Z".parse().unwrap()),
        deleted_by: sea_orm::Set(None),
    };
    let errors = [
        message(deletion::Entity::find().all(&db).await.unwrap_err()),
        message(
            deletion::Entity::insert(model.clone())
                .exec(&db)
                .await
                .unwrap_err(),
        ),
        message(model.update(&db).await.unwrap_err()),
        message(deletion::Entity::delete_many().exec(&db).await.unwrap_err()),
    ];
    for error in errors {
        assert!(error.contains(missing), "{error}");
    }
    refused(&db, "select from archive.archive_deletion").await;
}
