//! A role needs SELECT on both tables and nothing else, and row-level security of both applies.

use sea_orm::prelude::*;
use sea_orm::{QueryFilter, QueryOrder, QuerySelect};
use sea_orm_archive::prelude::*;
use sea_orm_archive::{archival, deletion};
use sea_orm_archive_tests::{
    Database,
    sql::{refusal, run},
};

use crate::reads::blog::{half_deleted, post};

/// A session of a role with these grants.
async fn reader(database: &Database, grants: &str) -> DatabaseConnection {
    let owner = database.connect().await;
    let role = database.role("reader").await;
    run(&owner, &grants.replace("READER", &format!("\"{role}\""))).await;
    database.connect_as("reader").await
}

#[tokio::test]
async fn select_on_both_tables_is_enough() {
    let (database, _db) = half_deleted().await;
    let db = reader(
        &database,
        "grant select on posts, deleted_posts to READER; revoke all on schema archive from READER",
    )
    .await;
    let found = post::Entity::find_with_deleted()
        .order_by_asc(post::Column::Id)
        .all(&db)
        .await
        .unwrap();
    let deleted: Vec<_> = found
        .iter()
        .map(|(post, deletion)| (post.id, deletion.is_some()))
        .collect();
    assert_eq!(deleted, [(1, true), (2, false), (3, true), (4, false)]);
    assert_eq!(
        found[0].1.as_ref().unwrap().deleted_by.as_deref(),
        Some("7")
    );
    // The archival record is another table.
    let joined = post::Entity::find_with_deleted().and_also_related(archival::Entity);
    assert_eq!(refusal(joined.all(&db).await).code, "42501");
}

/// Rows of one table alone would be half an answer, also where a filter excludes the others.
#[tokio::test]
async fn role_without_select_on_one_of_the_tables_is_refused() {
    for (granted, missing) in [("posts", "deleted_posts"), ("deleted_posts", "posts")] {
        let (database, _db) = half_deleted().await;
        let db = reader(&database, &format!("grant select on {granted} to READER")).await;
        let all = post::Entity::find_with_deleted;
        let errors = [
            refusal(all().all(&db).await),
            refusal(all().one(&db).await),
            refusal(all().count(&db).await),
            refusal(all().limit(0).all(&db).await),
            refusal(
                all()
                    .filter(deletion::Column::ArchivalId.is_null())
                    .all(&db)
                    .await,
            ),
            refusal(
                all()
                    .filter(deletion::Column::ArchivalId.is_not_null())
                    .count(&db)
                    .await,
            ),
        ];
        for error in errors {
            assert_eq!(error.code, "42501");
            assert_eq!(
                error.message,
                format!("permission denied for table {missing}")
            );
        }
    }
}

#[tokio::test]
async fn policies_of_both_tables_apply() {
    let (database, _db) = half_deleted().await;
    let db = reader(
        &database,
        "grant select on posts, deleted_posts to READER;
         alter table posts enable row level security; alter table deleted_posts enable row level security;
         create policy ben on posts using (author_id = 2 and id <> 4);
         create policy first on deleted_posts using (id = 1)",
    )
    .await;
    let all = || post::Entity::find_with_deleted().order_by_asc(post::Column::Id);
    let found = all().all(&db).await.unwrap();
    let ids: Vec<_> = found.iter().map(|(post, _)| post.id).collect();
    assert_eq!(ids, [1, 2]);
    assert_eq!(all().count(&db).await.unwrap(), 2);
}
