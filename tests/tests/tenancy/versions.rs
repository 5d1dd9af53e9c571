//! A version always has the tenant of its identity.

use sea_orm::TransactionTrait;
use sea_orm::prelude::DateTimeUtc;
use sea_orm_archive::Conflict;
use sea_orm_archive::error::{ConflictError, NotFoundError};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, TenancySchema};
use sea_orm_migration::{DbErr, SchemaManager};

use crate::tenancy::bare::{SHAPE, grant, refusal};
use crate::tenancy::database::{EVERYTHING, Organisations, attempt, number, run, texts};
use crate::tenancy::departments::managed;
use crate::tenancy::model::{department, version};

pub fn at(text: &str) -> DateTimeUtc {
    text.parse().unwrap()
}

pub async fn everything(organisations: &Organisations) -> Vec<String> {
    texts(&organisations.administrator().await, EVERYTHING).await
}

/// A department of a tenant, with a version.
pub fn department(id: i64, org: i64, name: &str) -> String {
    format!(
        "insert into departments values ({id}, {org});
         insert into department_history (department_id, name, valid_from) values ({id}, '{name}', '2020-01-01Z')"
    )
}

/// Without rows in `staff`, whose temporal foreign key would refuse to archive versions.
pub async fn without_staff() -> Organisations {
    let organisations = Organisations::new().await;
    let txn = organisations.administrator().await;
    run(&txn, "delete from staff").await;
    txn.commit().await.unwrap();
    organisations
}

#[tokio::test]
async fn key_used_by_two_tenants_shows_no_version_of_the_other() {
    let organisations = Organisations::new().await;
    let txn = organisations.tenant(1).await;
    run(&txn, &department(5, 1, "Mine")).await;
    let archival = department::Entity::archive_by_id(5)
        .exec(&txn)
        .await
        .unwrap();
    txn.commit().await.unwrap();
    let txn = organisations.tenant(2).await;
    run(&txn, &department(5, 2, "Theirs")).await;
    run(&txn, &department(6, 2, "Theirs, too")).await;
    txn.commit().await.unwrap();
    let before = everything(&organisations).await;

    let txn = organisations.tenant(1).await;
    // Forges an archived identity with the key 6.
    run(
        &txn,
        &format!(
            "insert into deleted_departments (id, org_id, deleted_at, archival_id) values (6, 1, now(), {})",
            archival.id
        ),
    )
    .await;
    for key in [5, 6] {
        let timeline = version::Entity::find_timeline(key).all(&txn).await.unwrap();
        assert!(timeline.is_empty(), "{key}: {timeline:?}");
        for sql in [
            "update department_history set name = 'x'",
            "delete from department_history",
        ] {
            let sql = format!("{sql} where department_id = {key}");
            assert_eq!(attempt(&txn, &sql).await.unwrap(), 0, "{sql}");
        }
        let changed = version::Entity::change(key)
            .value(version::Column::Name, "x")
            .exec(&txn)
            .await;
        assert!(
            matches!(
                changed,
                Err(Error::NotFound(NotFoundError::Identity { .. }))
            ),
            "{changed:?}"
        );
        let ended = version::Entity::end(key).exec(&txn).await;
        assert!(ended.is_err(), "{ended:?}");
        // An archived identity of the tenant does not count for a new version.
        let nested = txn.begin().await.unwrap();
        let sql = format!(
            "insert into department_history (department_id, name, valid_from, valid_to) values ({key}, 'x', '2010-01-01Z', '2011-01-01Z')"
        );
        assert!(refusal(&nested, &sql).await.starts_with("23503"));
    }
    assert_eq!(
        texts(&txn, "select name from deleted_department_history").await,
        ["Mine"]
    );
    match archival.restore(&txn).await.unwrap_err() {
        Error::Conflict(ConflictError::Restore { conflicts, .. }) => assert!(
            matches!(&conflicts[..], [Conflict::Unseen { table, .. }] if table == "public.departments"),
            "{conflicts:?}"
        ),
        error => panic!("{error}"),
    }
    drop(txn);
    assert_eq!(everything(&organisations).await, before);

    // Once the key is free, the identity and its versions are restored.
    let txn = organisations.tenant(2).await;
    run(&txn, "delete from departments where id = 5").await;
    txn.commit().await.unwrap();
    let txn = organisations.tenant(1).await;
    let restored = archival.restore(&txn).await.unwrap();
    assert_eq!(restored.rows["public.department_history"], 1);
    let timeline = version::Entity::find_timeline(5).all(&txn).await.unwrap();
    assert_eq!(timeline[0].name, "Mine");
}

/// Triggers of foreign keys fire in the order of their names, which contain OIDs: a CASCADE may fire after our key.
#[tokio::test]
async fn cascade_created_after_the_tenancy_key_is_not_refused() {
    let organisations = Organisations::new().await;
    let again = "alter table department_history drop constraint department_history_identity_fkey,
         add constraint department_history_identity_fkey foreign key (department_id) references departments on delete cascade";
    for (key, by) in [(5, "enable_tenancy"), (6, "a dump")] {
        run(&organisations.owner, again).await;
        if by == "a dump" {
            // A dump does not contain the names of such triggers.
            let plain = "select format('alter trigger %I on departments rename to %I', tgname, replace(tgname, 'tenancy_', ''))
                         from pg_trigger where tgrelid = 'departments'::regclass and tgname ~ '_a_tenancy_'";
            let plain = texts(&organisations.owner, plain).await;
            assert_eq!(plain.len(), 2);
            run(&organisations.owner, &plain.join(";")).await;
            organisations.enable_one("departments").await.unwrap();
        }
        let txn = organisations.tenant(1).await;
        run(&txn, &department(key, 1, "Deleted")).await;
        let delete = format!("delete from departments where id = {key}");
        assert_eq!(attempt(&txn, &delete).await.unwrap(), 1, "after {by}");
        let left = version::Entity::find_timeline(key).all(&txn).await.unwrap();
        assert!(left.is_empty(), "{left:?}");
        txn.commit().await.unwrap();
    }
}

/// With managers 1 and 2, and the version of each tenant under the manager of the other.
pub async fn managed(action: &str) -> Organisations {
    let organisations = Organisations::open().await;
    run(
        &organisations.owner,
        &format!(
            "create table managers (id bigint primary key, org_id bigint not null);
             insert into managers values (1, 1), (2, 2);
             alter table department_history add manager_id bigint references managers {action};
             update department_history set manager_id = 3 - department_id;
             delete from staff"
        ),
    )
    .await;
    let manager = organisations.manager();
    manager
        .sync_archived_table("department_history")
        .await
        .unwrap();
    manager.archive_existing_table("managers").await.unwrap();
    grant(&organisations).await;
    organisations.enable().await;
    organisations.enable_one("managers").await.unwrap();
    organisations
}

#[tokio::test]
async fn foreign_key_action_on_a_version_of_another_tenant_is_refused() {
    for (action, sql) in [
        ("on delete cascade", "delete from managers where id = 1"),
        ("on delete set null", "delete from managers where id = 1"),
        (
            "on update cascade",
            "update managers set id = 9 where id = 1",
        ),
        (
            "on update set null",
            "update managers set id = 9 where id = 1",
        ),
    ] {
        let organisations = managed(action).await;
        let before = texts(
            &organisations.administrator().await,
            "select h::text from department_history h order by 1",
        )
        .await;
        let txn = organisations.tenant(1).await;
        let nested = txn.begin().await.unwrap();
        let refused = refusal(&nested, sql).await;
        assert!(
            refused.starts_with("AR010") && refused.contains("department_history"),
            "{action}: {refused}"
        );
        assert!(!refused.contains("Secret"), "{refused}");
        drop(nested);
        if action == "on delete cascade" {
            let archived = managed::manager::Entity::archive_by_id(1).exec(&txn).await;
            assert!(
                matches!(&archived, Err(Error::Conflict(ConflictError::OtherTenant { table })) if table == "public.department_history"),
                "{archived:?}"
            );
        }
        drop(txn);
        let administrator = organisations.administrator().await;
        let sql = "select h::text from department_history h order by 1";
        assert_eq!(texts(&administrator, sql).await, before, "{action}");
        assert_eq!(
            number(&administrator, "select count(*) from managers where id < 3").await,
            2
        );
    }
}

#[tokio::test]
async fn version_cannot_have_another_tenant_than_its_identity() {
    let organisations = without_staff().await;
    let txn = organisations.tenant(1).await;
    for sql in [
        "insert into department_history (department_id, org_id, name, valid_from, valid_to) values (2, 1, 'x', '2010-01-01Z', '2011-01-01Z')",
        "insert into department_history (department_id, name, valid_from, valid_to) values (2, 'x', '2010-01-01Z', '2011-01-01Z')",
        "update department_history set department_id = 2, valid_from = '2010-01-01Z', valid_to = '2011-01-01Z' where department_id = 1",
    ] {
        let nested = txn.begin().await.unwrap();
        let refused = refusal(&nested, sql).await;
        assert!(
            refused.starts_with("23503") && refused.contains("department_history_tenancy_fkey"),
            "{sql}: {refused}"
        );
    }
    let nested = txn.begin().await.unwrap();
    let sql = "insert into department_history (department_id, org_id, name, valid_from, valid_to) values (1, 2, 'x', '2010-01-01Z', '2011-01-01Z')";
    assert!(refusal(&nested, sql).await.contains("row-level security"));
    drop(nested);
    drop(txn);
    let txn = organisations.administrator().await;
    for sql in [
        "insert into department_history (department_id, org_id, name, valid_from, valid_to) values (2, 1, 'x', '2010-01-01Z', '2011-01-01Z')",
        "insert into department_history (department_id, org_id, name, valid_from, valid_to) values (1, 2, 'x', '2010-01-01Z', '2011-01-01Z')",
        "update department_history set department_id = 2, valid_from = '2010-01-01Z', valid_to = '2011-01-01Z' where department_id = 1",
        "update department_history set org_id = 3 - org_id",
    ] {
        let nested = txn.begin().await.unwrap();
        let refused = refusal(&nested, sql).await;
        assert!(
            refused.starts_with("23503") && refused.contains("department_history_tenancy_fkey"),
            "{sql}: {refused}"
        );
    }
    for sql in [
        "insert into department_history (department_id, name, valid_from, valid_to) values (1, 'x', '2010-01-01Z', '2011-01-01Z')",
        "update department_history set org_id = null",
    ] {
        let nested = txn.begin().await.unwrap();
        assert!(refusal(&nested, sql).await.starts_with("23502"), "{sql}");
    }
    run(&txn, "insert into department_history (department_id, org_id, name, valid_from, valid_to) values (2, 2, 'x', '2010-01-01Z', '2011-01-01Z')").await;
}

pub const ARCHIVED: &str = "select department_id || ' ' || name || ' ' || org_id from deleted_department_history order by 1";

#[tokio::test]
async fn archived_versions_get_the_tenant_of_the_identity_archived_with_them() {
    let organisations = Organisations::open().await;
    let owner = &organisations.owner;
    for sql in [
        department(5, 1, "five"),
        department(6, 2, "six"),
        department(8, 2, "eight"),
    ] {
        run(owner, &sql).await;
    }
    department::Entity::archive_by_id(5)
        .exec(owner)
        .await
        .unwrap();
    department::Entity::archive_by_id(8)
        .exec(owner)
        .await
        .unwrap();
    // The key belongs to another tenant now.
    run(owner, &department(5, 2, "five again")).await;
    // A version archived alone, with an active identity.
    let alone = "select id from department_history where department_id = 6";
    let alone = number(owner, alone).await;
    let alone = version::Entity::archive_by_id(alone)
        .exec(owner)
        .await
        .unwrap();
    organisations.enable().await;
    organisations.attribute().await;
    assert_eq!(
        texts(&organisations.administrator().await, ARCHIVED).await,
        ["5 five 1", "6 six 2", "8 eight 2"]
    );
    let txn = organisations.tenant(2).await;
    let restored = alone.restore(&txn).await.unwrap();
    assert_eq!(restored.rows["public.department_history"], 1);
    let restored = department::Entity::restore_by_id(8)
        .exec(&txn)
        .await
        .unwrap();
    assert_eq!(restored.rows["public.department_history"], 1);
    assert_eq!(
        version::Entity::find_current()
            .all(&txn)
            .await
            .unwrap()
            .len(),
        4
    );
}

#[tokio::test]
async fn archived_versions_without_a_tenant_are_refused_and_nothing_changes() {
    for (sql, key) in [
        // The identity is deleted.
        ("delete from departments where id = 7", 7),
        // Two identities with that key, one active and one archived, of two tenants.
        ("insert into departments values (5, 2)", 5),
    ] {
        let organisations = Organisations::open().await;
        let owner = &organisations.owner;
        run(owner, &department(key, 1, "x")).await;
        let of = format!("select id from department_history where department_id = {key}");
        let id = number(owner, &of).await;
        version::Entity::archive_by_id(id)
            .exec(owner)
            .await
            .unwrap();
        if key == 5 {
            department::Entity::archive_by_id(5)
                .exec(owner)
                .await
                .unwrap();
        }
        run(owner, sql).await;
        let before = texts(owner, SHAPE).await;
        let migration = owner.begin().await.unwrap();
        let manager = SchemaManager::new(&migration);
        let Err(DbErr::Migration(error)) = manager.enable_tenancy(("departments", "org_id")).await
        else {
            panic!("{sql}");
        };
        assert!(
            error.contains("public.deleted_department_history holds 1 versions")
                && error.contains("restore or delete those"),
            "{error}"
        );
        assert_eq!(texts(&migration, SHAPE).await, before);
        migration.commit().await.unwrap();
        assert_eq!(texts(owner, SHAPE).await, before);
        // The remedy.
        run(owner, "delete from deleted_department_history").await;
        organisations.enable().await;
    }
}

#[tokio::test]
async fn versions_follow_their_identity_to_another_tenant() {
    let organisations = without_staff().await;
    let txn = organisations.tenant(1).await;
    let changed = version::Entity::change(1).value(version::Column::Name, "R & D");
    changed
        .valid_from(at("2021-01-01T00:00:00Z"))
        .exec(&txn)
        .await
        .unwrap();
    let first = number(
        &txn,
        "select id from department_history where name = 'Sales'",
    )
    .await;
    let archival = version::Entity::archive_by_id(first)
        .exec(&txn)
        .await
        .unwrap();
    txn.commit().await.unwrap();

    // A tenant cannot give a row to another one.
    for org in [1, 2] {
        let txn = organisations.tenant(org).await;
        let sql = format!(
            "update departments set org_id = {} where org_id = {org}",
            3 - org
        );
        assert!(refusal(&txn, &sql).await.contains("row-level security"));
    }
    let txn = organisations.administrator().await;
    run(&txn, "update departments set org_id = 2 where id = 1").await;
    assert_eq!(
        number(
            &txn,
            "select count(*) from department_history where org_id = 2"
        )
        .await,
        2
    );
    txn.commit().await.unwrap();

    let txn = organisations.tenant(1).await;
    assert!(
        version::Entity::find_current()
            .one(&txn)
            .await
            .unwrap()
            .is_none()
    );
    let changed = version::Entity::change(1)
        .value(version::Column::Name, "x")
        .exec(&txn)
        .await;
    assert!(
        matches!(
            changed,
            Err(Error::NotFound(NotFoundError::Identity { .. }))
        ),
        "{changed:?}"
    );
    // The earlier archival still belongs to tenant 1, and is not restored below an identity of tenant 2.
    let error = archival.restore(&txn).await.unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::Restore { .. })),
        "{error}"
    );
    assert_eq!(
        number(&txn, "select count(*) from deleted_department_history").await,
        1
    );
    drop(txn);

    let txn = organisations.tenant(2).await;
    let changed = version::Entity::change(1).value(version::Column::Name, "Ours");
    changed.exec(&txn).await.unwrap();
    assert_eq!(
        version::Entity::find_timeline(1)
            .all(&txn)
            .await
            .unwrap()
            .len(),
        2
    );
    let archival = department::Entity::archive_by_id(1)
        .exec(&txn)
        .await
        .unwrap();
    assert_eq!(archival.tenant.as_deref(), Some("2"));
    assert_eq!(
        archival.restore(&txn).await.unwrap().rows["public.department_history"],
        2
    );
}
