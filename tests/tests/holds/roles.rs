//! Who may place, list and release holds.

use blog::post;
use sea_orm::EntityTrait;
use sea_orm_archive::prelude::*;
use sea_orm_archive::{archival, hold};
use sea_orm_archive_migration::{ArchiveSchema, HoldSchema};
use sea_orm_archive_tests::sql::{number, refused, run};
use sea_orm_migration::SchemaManager;

use super::{assert_held, database};

#[tokio::test]
async fn only_a_role_with_the_grant_places_lists_and_releases_holds() {
    let (database, db) = database().await;
    let (web, legal) = (database.role("web").await, database.role("legal").await);
    let everything = format!(
        "grant select, insert, update, delete on all tables in schema public to {web};
         grant select on posts, deleted_posts to {legal}"
    );
    run(&db, &everything).await;
    let manager = SchemaManager::new(&db);
    manager.grant_archive(&web).await.unwrap();
    manager.grant_holds(&legal).await.unwrap();
    let (web, as_legal) = (
        database.connect_as("web").await,
        database.connect_as("legal").await,
    );
    let archival = post::Entity::archive_by_id(1).exec(&web).await.unwrap();
    let id = archival.id;

    let held = post::Entity::hold_by_id(1, "case 17")
        .exec(&as_legal)
        .await
        .unwrap();
    assert_held(archival.purge(&web).await, &[id], held.id);
    for forbidden in [
        post::Entity::hold_by_id(1, "x")
            .exec(&web)
            .await
            .map(|_| ()),
        archival::Entity::hold_by_id(id, "x")
            .exec(&web)
            .await
            .map(|_| ()),
        hold::Entity::release_by_id(held.id, "x")
            .exec(&web)
            .await
            .map(|_| ()),
        hold::Entity::find()
            .all(&web)
            .await
            .map(|_| ())
            .map_err(Error::from),
    ] {
        let error = forbidden.unwrap_err();
        assert!(error.to_string().contains("permission denied"), "{error}");
    }
    for sql in [
        "insert into archive.hold (archival_id, reason, placed_at) values (1, '', now())",
        "update archive.hold set released_at = now()",
        "delete from archive.hold",
        "select * from archive.hold_in_force",
        "update archive.hold_lock set changes = 0",
        "update archive.archival set holds = 0",
    ] {
        refused(&web, sql).await;
        refused(&as_legal, sql).await;
    }
    assert_eq!(
        hold::Entity::find().all(&as_legal).await.unwrap(),
        std::slice::from_ref(&held)
    );
    // It purges nothing, and restores nothing.
    refused(
        &as_legal,
        &format!("select archive.purge_archivals('{{{id}}}')"),
    )
    .await;
    hold::Entity::release_by_id(held.id, "closed")
        .exec(&as_legal)
        .await
        .unwrap();
    archival.purge(&web).await.unwrap();

    manager.revoke_archive(&legal).await.unwrap();
    number(&as_legal, "select count(*) from archive.hold").await;
    manager.revoke_holds(&legal).await.unwrap();
    refused(&as_legal, "select count(*) from archive.hold").await;
    let error = post::Entity::hold_table("x")
        .exec(&as_legal)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("permission denied"), "{error}");
}
