//! The archival table and the detached links: the tenant of an archival, and forged records.

use sea_orm::{EntityTrait, IsolationLevel, TransactionTrait};
use sea_orm_archive::archival;
use sea_orm_archive::error::RetryError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::TenancySchema;

use crate::tenancy::database::{Organisations, attempt, number, run, texts};
use crate::tenancy::model::post;

const FORGED: &str =
    "insert into archive.detached_link (archival_id, child, child_key, edge, link, tenant)
    select archival_id, child, '[\"25\"]', edge, link,";

/// A role with write access can forge links: a link that another tenant adds to an archival is not followed.
#[tokio::test]
async fn link_forged_by_another_tenant_is_not_followed() {
    let organisations = Organisations::new().await;
    organisations.let_forge_links().await;
    let txn = organisations.tenant(1).await;
    run(&txn, "insert into bookmarks values (25, 1, null)").await;
    let archival = post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    // The tenant itself may add a link to its own bookmark.
    let own = format!("{FORGED} tenant from archive.detached_link");
    let nested = txn.begin().await.unwrap();
    run(&nested, &own).await;
    assert_eq!(archival.restore(&nested).await.unwrap().relinked, 2);
    nested.rollback().await.unwrap();
    txn.commit().await.unwrap();

    let stranger = organisations.tenant(2).await;
    let link = format!(
        "insert into archive.detached_link (archival_id, child, child_key, edge, link, tenant)
         values ({}, 'bookmarks', '[\"25\"]', 'post_id', '{{\"post_id\": 1}}', ",
        archival.id
    );
    for tenant in ["'1'", "'' "] {
        let nested = stranger.begin().await.unwrap();
        let error = attempt(&nested, &format!("{link}{tenant})"))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("row-level security"), "{error}");
    }
    for tenant in ["null", "'2'"] {
        run(&stranger, &format!("{link}{tenant})")).await;
    }
    // Followed links without a foreign key would make every restore fail.
    run(&stranger, &format!(
        "insert into archive.detached_link (archival_id, child, child_key, edge, link)
         values ({0}, 'bookmarks', '{{}}', 'no such edge', '{{}}'), ({0}, 'pg_class', '{{}}', 'oid', '{{}}')",
        archival.id
    ))
    .await;
    stranger.commit().await.unwrap();

    let txn = organisations.tenant(1).await;
    let preview = archival::Entity::restore_by_id(archival.id).preview(&txn);
    assert_eq!(preview.await.unwrap().conflicts, []);
    assert_eq!(archival.restore(&txn).await.unwrap().relinked, 1);
    assert_eq!(
        texts(
            &txn,
            "select id || ' ' || coalesce(post_id, 0) from bookmarks order by id"
        )
        .await,
        ["21 1", "25 0"]
    );
}

/// A tenant can neither change the tenant of an archival, nor take one, nor record one for another tenant.
#[tokio::test]
async fn tenant_of_an_archival_cannot_be_changed_or_forged() {
    let organisations = Organisations::new().await;
    let txn = organisations.tenant(1).await;
    post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    txn.commit().await.unwrap();
    let txn = organisations.tenant(1).await;
    for sql in [
        "update archive.archival set tenant = '2'",
        "update archive.detached_link set tenant = ''",
    ] {
        let nested = txn.begin().await.unwrap();
        let error = attempt(&nested, sql).await.unwrap_err().to_string();
        let refusals = ["permission denied", "row-level security"];
        assert!(
            refusals.iter().any(|refusal| error.contains(refusal)),
            "{sql}: {error}"
        );
    }
    let id = number(&txn, "select id from archive.archival").await;
    drop(txn);
    let txn = organisations.tenant(2).await;
    // The functions that write records act for the tenant of the session.
    for counted in [
        "count(archive.claim_archivals(array[{id}::bigint]))",
        "count(archive.begin_restore({id}, 'me'))",
        "count(archive.finish_restores(array[{id}::bigint], 'me'))",
        "count(*) from archive.links_of(array[{id}::bigint])",
    ] {
        let sql = format!("select {}", counted.replace("{id}", &id.to_string()));
        assert_eq!(number(&txn, &sql).await, 0, "{sql}");
    }
    let ids = "array[(d->'ids'->>0)::bigint]";
    let forged = format!(
        "with d as materialized (select archive.draw_archivals(1) as d)
         select archive.record_archivals(d, '{{posts}}', now(), {ids}, '{{\"{{}}\"}}', '{{\"{{}}\"}}', '{{1}}') from d"
    );
    let error = attempt(&txn, &forged).await.unwrap_err();
    assert!(error.to_string().contains("public.posts"), "{error}");
}

/// A table that leaves tenancy is shared, and so are its archivals.
#[tokio::test]
async fn archivals_are_shared_after_tenancy_is_disabled() {
    let organisations = Organisations::new().await;
    let mut archivals = Vec::new();
    for org in [1, 2] {
        let txn = organisations.tenant(org).await;
        archivals.push(post::Entity::archive_by_id(org).exec(&txn).await.unwrap());
        txn.commit().await.unwrap();
    }
    let manager = organisations.manager();
    for table in ["posts", "comments", "likes", "post_tags"] {
        manager.disable_tenancy(table).await.unwrap();
    }
    // `bookmarks` is still under tenancy, so its detached links and their archival still have a tenant.
    let seen = archival::Entity::find().all(&organisations.web).await;
    assert_eq!(seen.unwrap(), []);
    manager.disable_tenancy("bookmarks").await.unwrap();
    let seen = archival::Entity::find().all(&organisations.web).await;
    let tenants: Vec<_> = seen.unwrap().into_iter().map(|a| a.tenant).collect();
    assert_eq!(tenants, [None, None]);
    for archival in archivals {
        let restored = archival.restore(&organisations.web).await.unwrap();
        assert_eq!(
            (restored.rows["public.comments"], restored.relinked),
            (2, 1)
        );
    }
}

/// Above READ COMMITTED an archive detects schema changes that its snapshot hides, with a snapshot probe on which the
/// application's role has no rights.
#[tokio::test]
async fn role_without_rights_on_the_snapshot_probe_archives_with_an_old_snapshot() {
    let organisations = Organisations::new().await;
    for level in [IsolationLevel::RepeatableRead, IsolationLevel::Serializable] {
        let txn = organisations.web.begin_with_config(Some(level), None);
        let txn = txn.await.unwrap();
        run(&txn, "set local app.current_org_id = '1'").await;
        let error = attempt(
            &txn.begin().await.unwrap(),
            "delete from archive.snapshot_probe",
        )
        .await;
        assert!(error.unwrap_err().to_string().contains("permission denied"));
        assert_eq!(number(&txn, "select count(*) from posts").await, 2);
        let archival = post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
        archival.restore(&txn).await.unwrap();
    }
    let level = Some(IsolationLevel::RepeatableRead);
    let old = organisations.web.begin_with_config(level, None).await;
    let old = old.unwrap();
    run(&old, "set local app.current_org_id = '1'").await;
    assert_eq!(number(&old, "select count(*) from bookmarks").await, 1);
    run(
        &organisations.owner,
        "alter table likes add column boss text default 'ann'; alter table deleted_likes add column boss text",
    )
    .await;
    let error = post::Entity::archive_by_id(1).exec(&old).await.unwrap_err();
    assert!(
        matches!(&error, Error::Retry(RetryError::Contention { code, .. }) if code == "40001"),
        "{error}"
    );
    assert_eq!(number(&old, "select count(*) from likes").await, 1);
}

/// NOT NULL of the tenant column was dropped with plain SQL: the archival has the tenant of the row nevertheless.
#[tokio::test]
async fn archival_of_a_nullable_tenant_column_has_the_tenant() {
    let organisations = Organisations::new().await;
    for table in ["posts", "comments", "likes", "post_tags", "bookmarks"] {
        let sql = format!("alter table {table} alter column org_id drop not null");
        run(&organisations.owner, &sql).await;
        if table != "bookmarks" {
            run(
                &organisations.owner,
                &sql.replace(table, &format!("deleted_{table}")),
            )
            .await;
        }
    }
    let txn = organisations.tenant(1).await;
    let archival = post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    assert_eq!(archival.tenant.as_deref(), Some("1"));
    assert_eq!(archival.restore(&txn).await.unwrap().relinked, 1);
}
