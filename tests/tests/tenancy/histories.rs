//! A tenant sees the versions of its identities, and a temporal foreign key checks the versions that the session sees.

use sea_orm::TransactionTrait;
use sea_orm_archive::error::NotFoundError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{HistorySchema, HistoryTable, TenancySchema};
use sea_orm_migration::schema::{big_integer, text};

use crate::tenancy::database::{EVERYTHING, Organisations, attempt, number, run, texts};
use crate::tenancy::model::{department, version};

#[tokio::test]
async fn verbs_and_reads_find_only_identities_of_the_tenant() {
    let organisations = Organisations::new().await;
    let txn = organisations.tenant(1).await;
    assert_eq!(
        version::Entity::find_current()
            .all(&txn)
            .await
            .unwrap()
            .len(),
        1
    );
    assert!(
        version::Entity::find_current_version(2)
            .one(&txn)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        version::Entity::find_timeline(2)
            .all(&txn)
            .await
            .unwrap()
            .is_empty()
    );
    let changed = version::Entity::change(1)
        .value(version::Column::Name, "R & D")
        .exec(&txn)
        .await;
    changed.unwrap();
    assert_eq!(
        version::Entity::find_timeline(1)
            .all(&txn)
            .await
            .unwrap()
            .len(),
        2
    );
    for error in [
        version::Entity::change(2)
            .value(version::Column::Name, "Mine")
            .exec(&txn)
            .await
            .err(),
        version::Entity::end(2).exec(&txn).await.err(),
        version::Entity::start(2)
            .value(version::Column::Name, "Mine")
            .exec(&txn)
            .await
            .err(),
        version::Entity::merge(1)
            .into_identity(2)
            .exec(&txn)
            .await
            .err(),
    ] {
        assert!(
            matches!(error, Some(Error::NotFound(NotFoundError::Identity { .. }))),
            "{error:?}"
        );
    }
    for sql in [
        "insert into department_history (department_id, name, valid_from) values (2, 'x', '2010-01-01Z')",
        "update department_history set department_id = 2 where id = 101",
    ] {
        let nested = txn.begin().await.unwrap();
        assert!(attempt(&nested, sql).await.is_err(), "{sql}");
    }
    txn.commit().await.unwrap();
    let txn = organisations.administrator().await;
    assert_eq!(
        texts(
            &txn,
            "select name from department_history where department_id = 2"
        )
        .await,
        ["Secret"]
    );
    version::Entity::change(2)
        .value(version::Column::Name, "Open")
        .exec(&txn)
        .await
        .unwrap();
}

#[tokio::test]
async fn identity_is_archived_with_its_versions() {
    let organisations = Organisations::new().await;
    let txn = organisations.tenant(1).await;
    run(&txn, "delete from staff").await;
    txn.commit().await.unwrap();
    let txn = organisations.tenant(1).await;
    let archival = department::Entity::archive_by_id(1)
        .exec(&txn)
        .await
        .unwrap();
    assert_eq!(archival.rows()["public.department_history"], 1);
    txn.commit().await.unwrap();
    let other = organisations.tenant(2).await;
    assert_eq!(
        number(&other, "select count(*) from deleted_department_history").await,
        0
    );
    drop(other);
    let txn = organisations.tenant(1).await;
    assert_eq!(
        number(&txn, "select count(*) from deleted_department_history").await,
        1
    );
    assert_eq!(
        archival.restore(&txn).await.unwrap().rows["public.department_history"],
        1
    );
    assert_eq!(
        version::Entity::find_current()
            .all(&txn)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn temporal_foreign_key_checks_the_versions_visible_to_the_session() {
    let organisations = Organisations::new().await;
    for org in [1, 2] {
        let txn = organisations.tenant(org).await;
        run(
            &txn,
            &format!(
                "insert into staff values ({}, {org}, {org}, '2022-01-01Z')",
                50 + org
            ),
        )
        .await;
        for sql in [
            format!("insert into staff values (60, {org}, {org}, '2019-01-01Z')"),
            // The version belongs to another tenant.
            format!(
                "insert into staff values (60, {org}, {}, '2022-01-01Z')",
                3 - org
            ),
            format!(
                "update department_history set valid_from = '2025-01-01Z' where department_id = {org}"
            ),
            format!("delete from department_history where department_id = {org}"),
        ] {
            let nested = txn.begin().await.unwrap();
            let error = attempt(&nested, &sql).await.unwrap_err().to_string();
            assert!(error.contains("temporal foreign key"), "{sql}: {error}");
        }
    }
    // The administrator sees all versions, and is checked against all.
    let txn = organisations.administrator().await;
    run(&txn, "insert into staff values (61, 2, 2, '2022-01-01Z')").await;
    for sql in [
        "insert into staff values (62, 2, 2, '2019-01-01Z')",
        "delete from department_history where department_id = 1",
        "update department_history set valid_from = '2025-01-01Z'",
    ] {
        let nested = txn.begin().await.unwrap();
        let error = attempt(&nested, sql).await.unwrap_err().to_string();
        assert!(error.contains("temporal foreign key"), "{sql}: {error}");
    }
}

/// A history of a table under tenancy is protected when it is created, with a tenant column of its own or without.
#[tokio::test]
async fn history_created_later_is_under_tenancy() {
    let organisations = Organisations::new().await;
    let manager = organisations.manager();
    for (name, with_column) in [("post_names", true), ("post_states", false)] {
        let mut table = HistoryTable::new(name)
            .identity("post_id", "posts")
            .column(text("name"));
        if with_column {
            table = table.column(big_integer("org_id"));
        }
        manager.create_history_table(table).await.unwrap();
        let web = organisations.database.role("web").await;
        run(
            &organisations.owner,
            &format!("grant all on {name} to \"{web}\""),
        )
        .await;
        let columns = if with_column {
            ("post_id, name, valid_from, org_id", ", 1")
        } else {
            ("post_id, name, valid_from", "")
        };
        let txn = organisations.tenant(1).await;
        run(
            &txn,
            &format!(
                "insert into {name} ({}) values (1, 'x', now(){})",
                columns.0, columns.1
            ),
        )
        .await;
        txn.commit().await.unwrap();
        let txn = organisations.tenant(2).await;
        assert_eq!(
            number(&txn, &format!("select count(*) from {name}")).await,
            0
        );
        assert!(
            attempt(
                &txn,
                &format!(
                    "insert into {name} ({}) values (1, 'x', '2000-01-01'{})",
                    columns.0, columns.1
                )
            )
            .await
            .is_err()
        );
    }
    assert_eq!(
        sea_orm_archive::check(&organisations.owner).await.unwrap(),
        []
    );
    manager.disable_tenancy("posts").await.unwrap();
    assert!(!texts(&organisations.web, EVERYTHING).await.is_empty());
}
