//! Tenancy: a hold of a tenant is about its archivals, and an administrator holds those of all.

use sea_orm::EntityTrait;
use sea_orm_archive::error::NotFoundError;
use sea_orm_archive::prelude::*;
use sea_orm_archive::{Context, archival, hold};
use sea_orm_archive_migration::{ArchiveSchema, HoldSchema, Retention, RetentionSchema};

use crate::tenancy::database::Organisations;
use crate::tenancy::model::post;

/// Archives the posts `one` and `two` of both tenants, and lets the roles hold.
async fn archived() -> (Organisations, [archival::Model; 2]) {
    let organisations = Organisations::alone().await;
    let mut archivals = Vec::new();
    for org in [1, 2] {
        let txn = organisations.tenant(org).await;
        archivals.push(post::Entity::archive_by_id(org).exec(&txn).await.unwrap());
        txn.commit().await.unwrap();
    }
    let web = organisations.database.role("web").await;
    for role in [&web, &organisations.ops] {
        organisations.manager().grant_holds(role).await.unwrap();
    }
    (organisations, archivals.try_into().unwrap())
}

#[tokio::test]
async fn hold_of_a_tenant_keeps_the_archivals_of_that_tenant() {
    let (organisations, [first, second]) = archived().await;
    let txn = organisations.tenant(1).await;
    let held = post::Entity::hold_table("case 17")
        .exec(&txn)
        .await
        .unwrap();
    assert_eq!(held.tenant.as_deref(), Some("1"));
    assert!(
        first
            .purge(&txn)
            .await
            .unwrap_err()
            .to_string()
            .contains("hold")
    );
    let foreign = archival::Entity::hold_by_id(second.id, "x")
        .exec(&txn)
        .await;
    assert!(matches!(
        foreign.unwrap_err(),
        Error::NotFound(NotFoundError::Archival { .. })
    ));
    let foreign = post::Entity::hold_by_id(2, "x").exec(&txn).await;
    assert!(matches!(
        foreign.unwrap_err(),
        Error::NotFound(NotFoundError::Row { .. })
    ));
    txn.commit().await.unwrap();

    let txn = organisations.tenant(2).await;
    assert_eq!(hold::Entity::find().all(&txn).await.unwrap(), []);
    let foreign = hold::Entity::release_by_id(held.id, "x").exec(&txn).await;
    assert!(matches!(
        foreign.unwrap_err(),
        Error::NotFound(NotFoundError::Hold { .. })
    ));
    second.purge(&txn).await.unwrap();
    txn.commit().await.unwrap();
    let rule = Retention::days(0);
    organisations.manager().retain("posts", rule).await.unwrap();
    let txn = organisations.tenant(1).await;
    let expired = archival::Entity::purge_expired().exec(&txn).await.unwrap();
    assert_eq!(expired.archivals, 0);
}

#[tokio::test]
async fn only_an_administrator_holds_and_releases_for_every_tenant() {
    let (organisations, archivals) = archived().await;
    let nobody = Context::new().begin(&organisations.web).await.unwrap();
    let error = post::Entity::hold_table("x")
        .exec(&nobody)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("administrator"), "{error}");
    nobody.rollback().await.unwrap();
    let txn = organisations.administrator().await;
    let held = post::Entity::hold_table("audit").exec(&txn).await.unwrap();
    assert_eq!(held.tenant, None);
    txn.commit().await.unwrap();
    for (org, archival) in [1, 2].into_iter().zip(&archivals) {
        let txn = organisations.tenant(org).await;
        assert!(
            archival
                .purge(&txn)
                .await
                .unwrap_err()
                .to_string()
                .contains("hold")
        );
        assert_eq!(hold::Entity::find().all(&txn).await.unwrap(), []);
        let release = hold::Entity::release_by_id(held.id, "x").exec(&txn).await;
        assert!(release.is_err());
        txn.rollback().await.unwrap();
    }
    let txn = organisations.administrator().await;
    hold::Entity::release_by_id(held.id, "done")
        .exec(&txn)
        .await
        .unwrap();
    txn.commit().await.unwrap();
    let txn = organisations.tenant(1).await;
    archivals[0].purge(&txn).await.unwrap();
}

/// The owner of the tables sees no archival of a tenant, and drops none.
#[tokio::test]
async fn table_of_a_held_archival_of_a_tenant_is_not_dropped() {
    let (organisations, [first, _]) = archived().await;
    let txn = organisations.tenant(1).await;
    archival::Entity::hold_by_id(first.id, "case 17")
        .exec(&txn)
        .await
        .unwrap();
    txn.commit().await.unwrap();
    let dropped = organisations.manager().drop_archived_table("posts").await;
    assert!(dropped.unwrap_err().to_string().contains("hold"));
}

/// A row of a tenant is held in its archival, whoever purges.
#[tokio::test]
async fn held_row_of_a_tenant_is_not_purged_by_an_administrator() {
    let (organisations, [first, _]) = archived().await;
    let txn = organisations.tenant(1).await;
    post::Entity::hold_by_id(1, "case 17")
        .exec(&txn)
        .await
        .unwrap();
    txn.commit().await.unwrap();
    let txn = organisations.administrator().await;
    assert!(
        first
            .purge(&txn)
            .await
            .unwrap_err()
            .to_string()
            .contains("hold")
    );
    let purged = post::Entity::purge_many()
        .skip_held()
        .exec(&txn)
        .await
        .unwrap();
    assert_eq!((purged.archivals, purged.held.len()), (1, 1));
}
