//! Tenancy: a session of a tenant purges its own archivals only, by the rules that hold for it.

use sea_orm::ConnectionTrait;
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{Retention, RetentionSchema};
use sea_orm_archive_tests::sql::{number, run, texts};

use crate::tenancy::database::Organisations;
use crate::tenancy::model::post;

/// Archives the posts `one` and `two` of both tenants.
async fn archived() -> Organisations {
    let organisations = Organisations::new().await;
    for org in [1, 2] {
        let txn = organisations.tenant(org).await;
        post::Entity::archive_by_id(org).exec(&txn).await.unwrap();
        txn.commit().await.unwrap();
    }
    organisations
}

#[tokio::test]
async fn tenant_purges_its_own_archivals_only() {
    for org in [1, 2] {
        let organisations = archived().await;
        organisations
            .manager()
            .retain("posts", Retention::days(0))
            .await
            .unwrap();
        let txn = organisations.tenant(org).await;
        let expired = || archival::Entity::purge_expired();
        let preview = expired().preview(&txn).await.unwrap();
        assert_eq!(preview[0].expired, 1);
        let purged = expired().exec(&txn).await.unwrap();
        assert_eq!((purged.archivals, purged.rows["public.comments"]), (1, 2));
        assert_eq!(
            archival::Entity::purge_many()
                .exec(&txn)
                .await
                .unwrap()
                .archivals,
            0
        );
        txn.commit().await.unwrap();
        let records = Retention::days(0).tenant(org.to_string());
        organisations
            .manager()
            .retain_archivals(records)
            .await
            .unwrap();
        let txn = organisations.tenant(3 - org).await;
        assert_eq!(
            expired().preview(&txn).await.unwrap()[0].table,
            "public.posts"
        );
        txn.rollback().await.unwrap();
        let txn = organisations.tenant(org).await;
        assert_eq!(expired().exec(&txn).await.unwrap().records, 1);
        txn.commit().await.unwrap();
        let administrator = organisations.administrator().await;
        let left = number(&administrator, "select org_id from deleted_posts").await;
        assert_eq!(left, 3 - org);
        assert_eq!(expired().exec(&administrator).await.unwrap().archivals, 1);
    }
}

#[tokio::test]
async fn rule_of_a_tenant_precedes_the_default_and_holds_for_no_other() {
    let organisations = archived().await;
    let manager = organisations.manager();
    manager.retain("posts", Retention::days(0)).await.unwrap();
    manager
        .retain("posts", Retention::forever().tenant("1"))
        .await
        .unwrap();
    let txn = organisations.tenant(1).await;
    assert_eq!(
        archival::Entity::purge_expired()
            .preview(&txn)
            .await
            .unwrap(),
        []
    );
    assert!(
        txn.execute_unprepared("select * from archive.retention")
            .await
            .is_err()
    );
    txn.rollback().await.unwrap();
    let administrator = organisations.administrator().await;
    let purged = archival::Entity::purge_expired()
        .exec(&administrator)
        .await
        .unwrap();
    assert_eq!(purged.archivals, 1);
    assert_eq!(
        number(&administrator, "select org_id from deleted_posts").await,
        1
    );
}

/// The administrator purges the archivals of several tenants in one call.
#[tokio::test]
async fn one_call_purges_the_archivals_of_several_tenants() {
    let organisations = archived().await;
    let administrator = organisations.administrator().await;
    let purged = post::Entity::purge_many()
        .exec(&administrator)
        .await
        .unwrap();
    assert_eq!((purged.archivals, purged.rows["public.posts"]), (2, 2));
}

/// A row that a role gave the id of an archival of another tenant is not deleted with it.
#[tokio::test]
async fn row_of_another_tenant_is_not_purged() {
    let organisations = archived().await;
    let superuser = organisations.database.connect().await;
    run(
        &superuser,
        "update deleted_posts set archival_id = (select archival_id from deleted_posts where id = 1) where id = 2",
    )
    .await;
    let administrator = organisations.administrator().await;
    let archival = number(
        &administrator,
        "select archival_id from deleted_posts where id = 1",
    )
    .await;
    let error = archival::Entity::purge_by_id(archival)
        .exec(&administrator)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("another tenant"), "{error}");
    assert_eq!(
        number(&superuser, "select count(*) from deleted_posts").await,
        2
    );
    administrator.rollback().await.unwrap();
    // The tenant does not see that row, and purges its own.
    let txn = organisations.tenant(1).await;
    archival::Entity::purge_by_id(archival)
        .exec(&txn)
        .await
        .unwrap();
    txn.commit().await.unwrap();
    assert_eq!(number(&superuser, "select id from deleted_posts").await, 2);
}

/// Department 1 of tenant 1 and department 2 of tenant 2 have three versions each that ended, and staff who need the second one.
async fn departments() -> Organisations {
    let organisations = Organisations::new().await;
    for org in [1, 2] {
        let txn = organisations.tenant(org).await;
        run(
            &txn,
            &format!(
                "insert into department_history (department_id, name, valid_from, valid_to) values
                     ({org}, 'A', '2010-01-01Z', '2011-01-01Z'), ({org}, 'B', '2011-01-01Z', '2012-01-01Z'), ({org}, 'C', '2012-01-01Z', '2013-01-01Z');
                 insert into staff values ({}, {org}, {org}, '2011-06-01Z')",
                50 + org
            ),
        )
        .await;
        txn.commit().await.unwrap();
    }
    organisations
}

#[tokio::test]
async fn tenant_purges_versions_of_its_own_that_no_row_of_it_refers_to() {
    for org in [1, 2] {
        let organisations = departments().await;
        organisations
            .manager()
            .retain_versions("department_history", Retention::days(100))
            .await
            .unwrap();
        let txn = organisations.tenant(org).await;
        let preview = archival::Entity::purge_expired()
            .preview(&txn)
            .await
            .unwrap();
        assert_eq!(preview[0].expired, 2);
        let purged = archival::Entity::purge_expired().exec(&txn).await.unwrap();
        assert_eq!((purged.versions, purged.not_allowed), (2, Vec::new()));
        txn.commit().await.unwrap();
        let administrator = organisations.administrator().await;
        let left = "select concat(org_id, name) from department_history where valid_to is not null order by 1";
        let others = 3 - org;
        let mut expected = vec![
            format!("{org}B"),
            format!("{others}A"),
            format!("{others}B"),
            format!("{others}C"),
        ];
        expected.sort();
        assert_eq!(texts(&administrator, left).await, expected);
        let purged = archival::Entity::purge_expired().exec(&administrator).await;
        assert_eq!(purged.unwrap().versions, 2);
    }
}

#[tokio::test]
async fn rule_of_a_tenant_for_versions_precedes_the_default() {
    let organisations = departments().await;
    let manager = organisations.manager();
    for rule in [
        Retention::days(100),
        Retention::forever().tenant("1"),
        Retention::days(0).tenant("3"),
    ] {
        manager
            .retain_versions("department_history", rule)
            .await
            .unwrap();
    }
    let txn = organisations.tenant(1).await;
    let expired = || archival::Entity::purge_expired();
    assert_eq!(expired().preview(&txn).await.unwrap(), []);
    assert_eq!(expired().exec(&txn).await.unwrap().versions, 0);
    let rules = "select pg_catalog.array_to_string(tenants, ',') from archive.retained_histories()";
    assert_eq!(texts(&txn, rules).await, ["1"]);
    txn.rollback().await.unwrap();
    let administrator = organisations.administrator().await;
    let preview = expired().preview(&administrator).await.unwrap();
    assert_eq!(preview[0].expired, 2);
    assert_eq!(expired().exec(&administrator).await.unwrap().versions, 2);
    let left = "select count(*) from department_history where valid_to is not null and org_id = 1";
    assert_eq!(number(&administrator, left).await, 3);
}
