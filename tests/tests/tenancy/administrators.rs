//! The administrator is a database role that sees all tenants; no setting can claim it.

use sea_orm::ConnectionTrait;
use sea_orm_archive::Context;
use sea_orm_archive::error::{ConflictError, NotFoundError};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;

use crate::tenancy::database::{EVERYTHING, Organisations, TABLES, attempt, number, run, texts};
use crate::tenancy::model::{comment, post};

#[tokio::test]
async fn administrator_sees_archives_and_restores_rows_of_every_tenant() {
    let organisations = Organisations::new().await;
    let ops = organisations.database.connect_as("ops").await;
    let txn = organisations.administrator().await;
    assert_eq!(texts(&txn, EVERYTHING).await, texts(&ops, EVERYTHING).await);
    assert!(texts(&ops, EVERYTHING).await.len() > 20);
    let archival = post::Entity::archive_by_id(2).exec(&txn).await.unwrap();
    assert_eq!(archival.tenant.as_deref(), Some("2"));
    txn.commit().await.unwrap();

    let txn = organisations.tenant(1).await;
    assert!(post::Entity::restore_by_id(2).exec(&txn).await.is_err());
    drop(txn);
    // The tenant can restore what the administrator archived, and the log names the actor.
    let txn = organisations.tenant(2).await;
    assert_eq!(
        texts(&txn, "select distinct actor || operation || tenant from archive.audit_entry where archival_id is not null").await,
        ["9ARCHIVE2"]
    );
    post::Entity::restore_by_id(2).exec(&txn).await.unwrap();
    txn.commit().await.unwrap();

    let archival = post::Entity::archive_by_id(1).exec(&ops).await.unwrap();
    assert_eq!(archival.tenant.as_deref(), Some("1"));
    assert_eq!(archival.restore(&ops).await.unwrap().relinked, 1);
    let txn = Context::new().tenant(2).begin(&ops).await.unwrap();
    assert_eq!(
        post::Entity::archive_by_id(1)
            .exec(&txn)
            .await
            .unwrap()
            .tenant
            .as_deref(),
        Some("1")
    );
}

/// `desk` may take the administrator's role, and has no rights of it until it does.
#[tokio::test]
async fn member_of_the_role_is_no_administrator_before_set_role() {
    let organisations = Organisations::new().await;
    let desk = organisations.database.connect_as("desk").await;
    assert_eq!(texts(&desk, EVERYTHING).await, Vec::<String>::new());
    let txn = Context::new().tenant(1).begin(&desk).await.unwrap();
    let seen = texts(&txn, EVERYTHING).await;
    assert!(
        !seen.is_empty() && seen.iter().all(|row| row.ends_with(" 1")),
        "{seen:?}"
    );
    assert!(matches!(
        post::Entity::archive_by_id(2).exec(&txn).await,
        Err(Error::NotFound(NotFoundError::Row { .. }))
    ));
    drop(txn);
    // The guard checks the acting role too.
    let txn = organisations.administrator().await;
    run(&txn, "insert into comments values (15, 2, 1)").await;
    txn.commit().await.unwrap();
    let txn = Context::new().tenant(1).begin(&desk).await.unwrap();
    let error = post::Entity::archive_by_id(1).exec(&txn).await.unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::OtherTenant { .. })),
        "{error}"
    );
}

/// Plans are cached by what a role sees: those of a superuser, who bypasses policies, beside those of a tenant.
#[tokio::test]
async fn superuser_and_tenants_archive_and_restore_in_turn() {
    let organisations = Organisations::new().await;
    let superuser = organisations.database.connect().await;
    for _ in 0..3 {
        let txn = organisations.tenant(1).await;
        let archival = comment::Entity::archive_by_id(11).exec(&txn).await.unwrap();
        txn.commit().await.unwrap();
        archival.restore(&superuser).await.unwrap();
        let archival = comment::Entity::archive_by_id(12)
            .exec(&superuser)
            .await
            .unwrap();
        assert_eq!(archival.tenant.as_deref(), Some("2"));
        let txn = organisations.tenant(2).await;
        archival.restore(&txn).await.unwrap();
        txn.commit().await.unwrap();
    }
    superuser.execute_unprepared("select 1").await.unwrap();
}

/// Guards do not apply to a role that bypasses policies.
#[tokio::test]
async fn a_role_that_bypasses_policies_passes_guards() {
    let organisations = Organisations::new().await;
    let backup = organisations.database.role("backup").await;
    organisations
        .manager()
        .grant_archive(&backup)
        .await
        .unwrap();
    let superuser = organisations.database.connect().await;
    run(
        &superuser,
        &format!("grant select, delete on likes, comments to \"{backup}\""),
    )
    .await;
    let db = organisations.database.connect_as("backup").await;
    let delete = "delete from comments where id in (11, 12)";
    assert_eq!(attempt(&db, delete).await.unwrap(), 0);
    run(&superuser, &format!("alter role \"{backup}\" bypassrls")).await;
    let db = organisations.database.connect_as("backup").await;
    assert_eq!(attempt(&db, delete).await.unwrap(), 2);
    assert_eq!(number(&db, "select count(*) from likes").await, 0);
}

#[tokio::test]
async fn administrator_archives_a_tree_with_a_table_that_names_none() {
    let organisations = Organisations::new().await;
    for table in TABLES {
        let unnamed = format!(
            "update archive.tenancy set administrator = null where relation = '{table}'::regclass;
             update archive.tenancy set tenant = tenant where relation <> '{table}'::regclass"
        );
        run(&organisations.database.connect().await, &unnamed).await;
        let ops = organisations.database.connect_as("ops").await;
        let archival = post::Entity::archive_by_id(1).exec(&ops).await.unwrap();
        archival.restore(&ops).await.unwrap();
        let named = format!(
            "update archive.tenancy set administrator = '{}'",
            organisations.ops
        );
        run(&organisations.database.connect().await, &named).await;
    }
}
