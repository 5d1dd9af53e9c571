//! `find_with_deleted` returns the active and the deleted rows of the tenant.

use sea_orm::prelude::*;
use sea_orm::{QueryFilter, QueryOrder};
use sea_orm_archive::deletion;
use sea_orm_archive::prelude::*;

use crate::tenancy::database::Organisations;
use crate::tenancy::model::{comment, post};

/// The id of each row, negative where it is deleted.
async fn posts(db: &impl ConnectionTrait) -> Vec<i64> {
    let found = post::Entity::find_with_deleted()
        .order_by_asc(post::Column::Id)
        .all(db)
        .await
        .unwrap();
    found
        .iter()
        .map(|(post, deletion)| match deletion {
            None => post.id,
            Some(_) => -post.id,
        })
        .collect()
}

#[tokio::test]
async fn rows_with_the_deleted_are_those_of_the_tenant() {
    let organisations = Organisations::new().await;
    for org in [1, 2] {
        let txn = organisations.tenant(org).await;
        post::Entity::archive_by_id(org).exec(&txn).await.unwrap();
        txn.commit().await.unwrap();
    }
    for (org, expected) in [(1, [-1, 3]), (2, [-2, 4])] {
        let txn = organisations.tenant(org).await;
        assert_eq!(posts(&txn).await, expected);
        let comments = comment::Entity::find_with_deleted();
        assert_eq!(comments.clone().count(&txn).await.unwrap(), 2);
        let other = 3 - org;
        let others = comments
            .filter(comment::Column::OrgId.eq(other))
            .filter(deletion::Column::ArchivalId.is_not_null());
        assert_eq!(others.count(&txn).await.unwrap(), 0);
    }
    assert_eq!(
        posts(&organisations.administrator().await).await,
        [-1, -2, 3, 4]
    );
    // Without a tenant nothing is visible.
    assert_eq!(posts(&organisations.web).await, [] as [i64; 0]);
}
