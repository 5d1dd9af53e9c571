//! Tenancy: a tenant follows its own events, and an administrator those of all.

use sea_orm::EntityTrait;
use sea_orm_archive::event::{self, Cursor};
use sea_orm_archive::prelude::*;
use sea_orm_archive::{Context, archival};
use sea_orm_archive_migration::{EventSchema, Retention, RetentionSchema};

use crate::tenancy::database::Organisations;
use crate::tenancy::model::post;

/// Archives the first post of both tenants, and lets the roles follow.
async fn archived() -> (Organisations, [archival::Model; 2]) {
    let organisations = Organisations::alone().await;
    organisations.manager().enable_events().await.unwrap();
    let web = organisations.database.role("web").await;
    for role in [&web, &organisations.ops] {
        organisations.manager().grant_events(role).await.unwrap();
    }
    let mut archivals = Vec::new();
    for org in [1, 2] {
        let txn = organisations.tenant(org).await;
        archivals.push(post::Entity::archive_by_id(org).exec(&txn).await.unwrap());
        txn.commit().await.unwrap();
    }
    (organisations, archivals.try_into().unwrap())
}

#[tokio::test]
async fn tenant_reads_its_own_events_alone() {
    let (organisations, archivals) = archived().await;
    for (org, archival) in [1, 2].into_iter().zip(&archivals) {
        let txn = organisations.tenant(org).await;
        let search = event::Entity::consumer("search");
        let events = search.next(10, &txn).await.unwrap();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].archival_id, Some(archival.id));
        assert_eq!(events[0].tenant, Some(org.to_string()));
        let all = event::Entity::after(Cursor::START).all(&txn).await.unwrap();
        assert_eq!(all, events);
        // The same name is another consumer for the other tenant.
        search.acknowledge(events[0].cursor(), &txn).await.unwrap();
        assert_eq!(search.next(10, &txn).await.unwrap(), []);
        let consumers = event::consumer::Entity::find().all(&txn).await.unwrap();
        assert_eq!(consumers.len(), 1);
        assert_eq!(consumers[0].tenant, org.to_string());
        txn.commit().await.unwrap();
    }
    let txn = organisations.administrator().await;
    let search = event::Entity::consumer("search");
    assert_eq!(search.next(10, &txn).await.unwrap().len(), 2);
    txn.commit().await.unwrap();

    let nobody = Context::new().begin(&organisations.web).await.unwrap();
    let error = search.next(10, &nobody).await.unwrap_err();
    assert!(error.to_string().contains("tenant"), "{error}");
    let none = event::Entity::after(Cursor::START).all(&nobody).await;
    assert_eq!(none.unwrap(), []);
}

#[tokio::test]
async fn consumer_is_moved_and_removed_by_its_own_tenant_alone() {
    let (organisations, _) = archived().await;
    for org in [1, 2] {
        let consumer = event::Entity::consumer(format!("search {org}"));
        for reader in [1, 2] {
            let txn = organisations.tenant(reader).await;
            assert_eq!(consumer.next(10, &txn).await.unwrap().len(), 1);
            txn.commit().await.unwrap();
        }
        let name = format!("search {org}");
        let of_other =
            || event::consumer::Entity::find_by_id((name.clone(), (3 - org).to_string()));

        let txn = organisations.tenant(org).await;
        let latest = event::Entity::latest(&txn).await.unwrap();
        consumer.acknowledge(latest, &txn).await.unwrap();
        assert_eq!(consumer.next(10, &txn).await.unwrap(), []);
        txn.commit().await.unwrap();
        let other = organisations.tenant(3 - org).await;
        let unmoved = of_other().one(&other).await.unwrap().unwrap();
        assert_eq!(unmoved.position, 0);
        other.commit().await.unwrap();

        let txn = organisations.tenant(org).await;
        assert!(consumer.remove(&txn).await.unwrap());
        assert!(!consumer.remove(&txn).await.unwrap());
        txn.commit().await.unwrap();
        let other = organisations.tenant(3 - org).await;
        assert_eq!(of_other().one(&other).await.unwrap(), Some(unmoved));
        assert_eq!(consumer.next(10, &other).await.unwrap().len(), 1);
    }
}

/// Events of all tenants expire in one order.
#[tokio::test]
async fn only_a_session_that_acts_for_all_deletes_expired_events() {
    let (organisations, _) = archived().await;
    let rule = Retention::days(0);
    organisations.manager().retain_events(rule).await.unwrap();
    let txn = organisations.tenant(1).await;
    let purged = archival::Entity::purge_expired().exec(&txn).await.unwrap();
    assert_eq!(purged.events, 0);
    assert_eq!(purged.not_allowed, ["archive.event"]);
    txn.rollback().await.unwrap();
    let txn = organisations.administrator().await;
    let purged = archival::Entity::purge_expired().exec(&txn).await.unwrap();
    assert_eq!((purged.events, purged.not_allowed.len()), (2, 0));
}
