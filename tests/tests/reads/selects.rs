//! What a `Select` can do, with the deleted rows.

use sea_orm::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{
    EntityTrait, JoinType, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    RelationTrait,
};
use sea_orm_archive::prelude::*;
use sea_orm_archive::{archival, deletion};
use sea_orm_archive_tests::sql::refusal;

use crate::reads::blog::{comment, half_deleted, post, user};

type Found = Vec<(post::Model, Option<Deletion>)>;

/// The id of each row, negative where it is deleted.
fn ids(found: &Found) -> Vec<i64> {
    found
        .iter()
        .map(|(post, deletion)| match deletion {
            None => post.id,
            Some(_) => -post.id,
        })
        .collect()
}

#[tokio::test]
async fn rows_are_filtered_by_columns_of_the_entity_and_of_the_deletion() {
    let (_database, db) = half_deleted().await;
    let ordered = || post::Entity::find_with_deleted().order_by_asc(post::Column::Id);
    let all = ordered().all(&db).await.unwrap();
    assert_eq!(ids(&all), [-1, 2, -3, 4]);
    let deleted_at = || deletion::Column::DeletedAt.into_expr();
    let now = Expr::current_timestamp;
    for (filter, expected) in [
        (post::Column::Slug.starts_with("t"), vec![2, -3]),
        (deletion::Column::ArchivalId.is_null(), vec![2, 4]),
        (deletion::Column::DeletedAt.is_null(), vec![2, 4]),
        (deletion::Column::ArchivalId.is_not_null(), vec![-1, -3]),
        (deletion::Column::DeletedBy.eq("7"), vec![-1]),
        (deleted_at().lte(now()), vec![-1, -3]),
        (deleted_at().gt(now()), vec![]),
        (
            deletion::Column::DeletedBy
                .eq("7")
                .or(post::Column::AuthorId.eq(2)),
            vec![-1, 2, 4],
        ),
    ] {
        let found = ordered().filter(filter.clone()).all(&db).await.unwrap();
        assert_eq!(ids(&found), expected, "{filter:?}");
        let count = ordered().filter(filter.clone()).count(&db).await.unwrap();
        assert_eq!(count as usize, expected.len(), "{filter:?}");
    }
}

#[tokio::test]
async fn rows_are_ordered_by_the_deletion_and_paged() {
    let (_database, db) = half_deleted().await;
    let newest = post::Entity::find_with_deleted()
        .order_by_desc(deletion::Column::ArchivalId)
        .order_by_desc(post::Column::Id);
    // NULL is first in a descending order.
    let pages = newest.paginate(&db, 3);
    assert_eq!(pages.num_items().await.unwrap(), 4);
    assert_eq!(ids(&pages.fetch_page(0).await.unwrap()), [4, 2, -3]);
    assert_eq!(ids(&pages.fetch_page(1).await.unwrap()), [-1]);
    let mut cursor = post::Entity::find_with_deleted().cursor_by(post::Column::Id);
    let found = cursor.after(1).first(2).all(&db).await.unwrap();
    assert_eq!(ids(&found), [2, -3]);
}

#[tokio::test]
async fn rows_are_joined_with_other_entities() {
    let (_database, db) = half_deleted().await;
    let anns = post::Entity::find_with_deleted()
        .join(JoinType::InnerJoin, post::Relation::User.def())
        .filter(user::Column::Name.eq("Ann"))
        .order_by_asc(post::Column::Id)
        .all(&db)
        .await
        .unwrap();
    assert_eq!(ids(&anns), [-1, -3]);
    let with_authors = post::Entity::find_with_deleted()
        .find_also_related(user::Entity)
        .order_by_asc(post::Column::Id)
        .all(&db)
        .await
        .unwrap();
    let shown: Vec<_> = with_authors
        .into_iter()
        .map(|(post, deletion, author)| (post.id, deletion.is_some(), author.unwrap().name))
        .collect();
    let row = |id, deleted, name: &str| (id, deleted, name.to_owned());
    assert_eq!(
        shown,
        [
            row(1, true, "Ann"),
            row(2, false, "Ben"),
            row(3, true, "Ann"),
            row(4, false, "Ben")
        ]
    );
}

/// The comments of a deleted post are deleted too, and the post is joined as an active row only.
#[tokio::test]
async fn related_entity_is_joined_as_its_active_rows() {
    let (_database, db) = half_deleted().await;
    let comments = comment::Entity::find_with_deleted()
        .find_also_related(post::Entity)
        .order_by_asc(comment::Column::Id)
        .all(&db)
        .await
        .unwrap();
    let shown: Vec<_> = comments
        .iter()
        .map(|(comment, deletion, post)| (comment.id, deletion.is_some(), post.is_some()))
        .collect();
    assert_eq!(
        shown,
        [
            (11, true, false),
            (12, true, false),
            (21, false, true),
            (31, true, false)
        ]
    );
}

#[tokio::test]
async fn archival_record_is_joined() {
    let (_database, db) = half_deleted().await;
    let found = post::Entity::find_with_deleted()
        .and_also_related(archival::Entity)
        .order_by_asc(post::Column::Id)
        .all(&db)
        .await
        .unwrap();
    let reasons: Vec<_> = found
        .iter()
        .map(|(_, deletion, archival)| {
            assert_eq!(
                deletion.as_ref().map(|deletion| deletion.archival_id),
                archival.as_ref().map(|archival| archival.id)
            );
            archival.as_ref().map(|archival| archival.reason.as_deref())
        })
        .collect();
    assert_eq!(reasons, [Some(Some("spam")), None, Some(None), None]);
}

#[tokio::test]
async fn rows_are_grouped_and_read_as_json() {
    let (_database, db) = half_deleted().await;
    let per_author = post::Entity::find_with_deleted()
        .select_only()
        .column(post::Column::AuthorId)
        .column_as(post::Column::Id.count(), "posts")
        .column_as(deletion::Column::ArchivalId.count(), "deleted")
        .group_by(post::Column::AuthorId)
        .order_by_asc(post::Column::AuthorId)
        .into_query();
    let rows = db.query_all(&per_author).await.unwrap();
    let per_author: Vec<(i64, i64, i64)> = rows
        .iter()
        .map(|row| row.try_get_many_by_index().unwrap())
        .collect();
    assert_eq!(per_author, [(1, 2, 2), (2, 2, 0)]);
    let json = post::Entity::find_with_deleted()
        .order_by_asc(post::Column::Id)
        .into_json()
        .all(&db)
        .await
        .unwrap();
    assert_eq!(json[0].0["slug"], "one");
    assert_eq!(json[0].1.as_ref().unwrap()["deleted_by"], "7");
    assert_eq!(json[1].0["slug"], "two");
}

#[tokio::test]
async fn rows_are_those_of_a_subquery_of_the_same_table() {
    let (_database, db) = half_deleted().await;
    let deleted = post::Entity::find_with_deleted()
        .select_only()
        .column(post::Column::AuthorId)
        .filter(deletion::Column::ArchivalId.is_not_null())
        .into_query();
    let authors = user::Entity::find()
        .filter(user::Column::Id.in_subquery(deleted))
        .all(&db)
        .await
        .unwrap();
    assert_eq!(authors.len(), 1);
    let comments = post::Entity::find_with_deleted()
        .filter(
            post::Column::Id.in_subquery(
                Query::select()
                    .column("post_id")
                    .from("deleted_comments")
                    .take(),
            ),
        )
        .order_by_asc(post::Column::Id)
        .all(&db)
        .await
        .unwrap();
    assert_eq!(ids(&comments), [-1, -3]);
}

/// Rows of a union cannot be locked. Without the error, an update could be of a row that has moved since.
#[tokio::test]
async fn lock_is_refused() {
    let (_database, db) = half_deleted().await;
    let locked = post::Entity::find_with_deleted().lock_exclusive();
    let refused = refusal(locked.all(&db).await);
    assert_eq!(refused.code, "0A000");
    assert!(
        refused.message.contains("FOR UPDATE"),
        "{}",
        refused.message
    );
}
