//! Temporal foreign keys where not all tables are under tenancy: no check may miss a row that a policy hides.

use sea_orm::TransactionTrait;
use sea_orm_archive::check;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, HistorySchema, TemporalForeignKey, TenancySchema};

use crate::tenancy::bare::{SHAPE, findings_on, refusal};
use crate::tenancy::database::{Organisations, attempt, run, texts};
use crate::tenancy::model::department;

fn reference() -> TemporalForeignKey {
    TemporalForeignKey::new("staff", ["department_id"])
        .at("hired_at")
        .references("department_history")
}

const NAME: &str = "staff_department_id_hired_at_fkey";

#[tokio::test]
async fn rows_under_tenancy_need_versions_under_tenancy() {
    let organisations = Organisations::open().await;
    let owner = &organisations.owner;
    let manager = organisations.manager();
    let before = texts(owner, SHAPE).await;
    let refused = |error: sea_orm::DbErr, remedy: &str| {
        let error = error.to_string();
        assert!(
            error.contains("public.staff is under tenancy")
                && error.contains(NAME)
                && error.contains("public.department_history, which is not")
                && error.contains(remedy),
            "{error}"
        );
    };
    let put = "put public.departments under tenancy first";
    refused(organisations.enable_one("staff").await.unwrap_err(), put);
    assert_eq!(texts(owner, SHAPE).await, before);

    manager
        .drop_temporal_foreign_key("staff", NAME)
        .await
        .unwrap();
    organisations.enable_one("staff").await.unwrap();
    let created = manager.create_temporal_foreign_key(reference()).await;
    refused(created.unwrap_err(), put);

    organisations.enable_one("departments").await.unwrap();
    manager
        .create_temporal_foreign_key(reference())
        .await
        .unwrap();
    let before = texts(owner, SHAPE).await;
    let disabled = manager.disable_tenancy("departments").await;
    refused(
        disabled.unwrap_err(),
        "call `manager.disable_tenancy(..)` for public.staff first",
    );
    assert_eq!(texts(owner, SHAPE).await, before);
    for table in ["staff", "departments"] {
        manager.disable_tenancy(table).await.unwrap();
    }
    let version = "delete from department_history where department_id = 2";
    assert!(
        refusal(&organisations.web, version)
            .await
            .starts_with("23503")
    );
}

/// An earlier release allowed this. The check reports it, and after `install_archive` it is an error.
#[tokio::test]
async fn rows_under_tenancy_with_shared_versions_are_reported_and_then_refused() {
    let organisations = Organisations::open().await;
    let owner = &organisations.owner;
    let manager = organisations.manager();
    manager
        .drop_temporal_foreign_key("staff", NAME)
        .await
        .unwrap();
    organisations.enable_one("departments").await.unwrap();
    organisations.enable_one("staff").await.unwrap();
    manager
        .create_temporal_foreign_key(reference())
        .await
        .unwrap();
    run(owner, "delete from archive.tenancy where relation = 'departments'::regclass;
                alter table departments disable row level security, no force row level security;
                alter table department_history disable row level security, no force row level security, disable trigger tenancy_guard, disable trigger tenancy_guard_given").await;
    let findings = findings_on(owner, "public.staff").await;
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(
        findings[0].problem.contains("does not see all rows"),
        "{findings:?}"
    );
    manager.install_archive().await.unwrap();
    let txn = organisations.tenant(1).await;
    let version = "update department_history set valid_to = '2020-06-01Z' where department_id = 2";
    let refused = refusal(&txn, version).await;
    assert!(refused.contains("row-level security"), "{refused}");
}

/// The check sees every row that may need a version. A version that the caller cannot see does not count.
#[tokio::test]
async fn versions_under_tenancy_cannot_be_removed_under_rows_without_tenancy() {
    let organisations = Organisations::open().await;
    let owner = &organisations.owner;
    organisations.enable_one("departments").await.unwrap();
    assert_eq!(check(owner).await.unwrap(), []);
    let sessions = [
        ("tenant", organisations.tenant(1).await),
        ("administrator", organisations.administrator().await),
        (
            "superuser",
            organisations
                .database
                .connect()
                .await
                .begin()
                .await
                .unwrap(),
        ),
    ];
    for (who, txn) in sessions {
        for sql in [
            "delete from department_history where department_id = 1",
            "update department_history set valid_to = '2020-06-01Z' where department_id = 1",
            "update department_history set valid_from = '2022-01-01Z' where department_id = 1",
            "insert into staff values (61, 1, 1, '2019-01-01Z')",
            "update staff set hired_at = '2019-01-01Z' where id = 41",
        ] {
            let nested = txn.begin().await.unwrap();
            let refused = refusal(&nested, sql).await;
            assert!(
                refused.contains("temporal foreign key"),
                "{who}: {sql}: {refused}"
            );
        }
        if who == "tenant" {
            run(&txn, "insert into staff values (62, 1, 1, '2022-01-01Z')").await;
            let nested = txn.begin().await.unwrap();
            let archived = department::Entity::archive_by_id(1).exec(&nested).await;
            assert!(archived.is_err());
        }
        let nested = txn.begin().await.unwrap();
        let truncated = attempt(&nested, "truncate department_history").await;
        assert!(truncated.is_err(), "{who}");
    }
    // A session without a tenant, or of another one, has no version to refer to.
    for org in [None, Some(1)] {
        let txn = match org {
            None => organisations.web.begin().await.unwrap(),
            Some(org) => organisations.tenant(org).await,
        };
        for sql in [
            "insert into staff values (61, 2, 2, '2022-01-01Z')",
            "update staff set department_id = 2, hired_at = '2022-01-01Z' where id = 41",
        ] {
            let nested = txn.begin().await.unwrap();
            let refused = refusal(&nested, sql).await;
            assert!(refused.contains("temporal foreign key"), "{sql}: {refused}");
        }
        for sql in [
            "delete from department_history where department_id = 2",
            "update department_history set valid_to = '2020-06-01Z' where department_id = 2",
        ] {
            assert_eq!(attempt(&txn, sql).await.unwrap(), 0, "{sql}");
        }
    }
}

/// The application's own policies would hide rows from a check that runs under policies.
#[tokio::test]
async fn row_hidden_by_the_applications_policies_is_an_error_and_not_missed() {
    let organisations = Organisations::open().await;
    let owner = &organisations.owner;
    organisations.enable_one("departments").await.unwrap();
    run(
        owner,
        "alter table staff enable row level security, force row level security",
    )
    .await;
    let findings = findings_on(owner, "public.staff").await;
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(
        findings[0]
            .problem
            .contains("has forced policies of its own"),
        "{findings:?}"
    );
    organisations.manager().install_archive().await.unwrap();
    assert_eq!(check(owner).await.unwrap(), []);
    let version = "delete from department_history where department_id = 1";
    let refused = refusal(&organisations.tenant(1).await, version).await;
    assert!(refused.contains("row-level security"), "{refused}");
    // After tenancy is disabled no check runs under policies.
    run(owner, "alter table staff no force row level security").await;
    organisations.enable_one("departments").await.unwrap();
    organisations
        .manager()
        .disable_tenancy("departments")
        .await
        .unwrap();
    run(owner, "alter table staff force row level security").await;
    let refused = refusal(&organisations.web, version).await;
    assert!(refused.contains("row-level security"), "{refused}");
}

/// A superuser sees every row, and so do the checks that it triggers, though they run as the owner.
#[tokio::test]
async fn superuser_cannot_end_a_version_that_a_row_needs() {
    let organisations = Organisations::new().await;
    let superuser = organisations.database.connect().await;
    for sql in [
        "delete from department_history where department_id = 2",
        "update department_history set valid_to = '2020-06-01Z' where department_id = 2",
        "insert into staff values (61, 2, 2, '2019-01-01Z')",
    ] {
        let refused = refusal(&superuser, sql).await;
        assert!(refused.contains("temporal foreign key"), "{sql}: {refused}");
    }
    run(
        &superuser,
        "insert into staff values (62, 2, 2, '2022-01-01Z')",
    )
    .await;
}
