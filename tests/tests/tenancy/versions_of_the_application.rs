//! Histories from before tenancy, and the objects that tenancy creates for them.

use sea_orm::{ActiveModelTrait, EntityTrait, Set, TransactionTrait};
use sea_orm_archive::Context;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, HistorySchema, HistoryTable, TenancySchema};
use sea_orm_migration::{DbErr, schema::text};

use crate::tenancy::bare::{SHAPE, bare, findings_on, grant, refusal};
use crate::tenancy::database::{Organisations, attempt, number, run, texts};
use crate::tenancy::departments::known;
use crate::tenancy::model::{department, version};
use crate::tenancy::versions::*;

#[tokio::test]
async fn history_comes_under_tenancy_only_with_its_identities() {
    let organisations = Organisations::open().await;
    run(
        &organisations.owner,
        "alter table department_history add org_id bigint not null default 1",
    )
    .await;
    let Err(DbErr::Migration(error)) = organisations.enable_one("department_history").await else {
        panic!();
    };
    assert!(
        error.contains("is a history: put the table of its identities"),
        "{error}"
    );
}

/// The tenant of a version is found with awkward names and types too.
#[tokio::test]
async fn versions_have_a_tenant_with_odd_names_and_types() {
    let organisations = bare().await;
    let owner = &organisations.owner;
    run(owner, "create domain org_number as bigint check (value > 0); create domain org as org_number;
                create type tier as enum ('one', 'two'); create schema \"Odd\"; create domain \"Odd\".\"a Name\" as text collate \"C\"").await;
    let manager = organisations.manager();
    let uuids = [
        "00000000-0000-0000-0000-00000000000a",
        "00000000-0000-0000-0000-00000000000b",
    ];
    for (n, (sql_type, tenants)) in [
        ("text", ["a'\"b", "a'\"B"]),
        ("text collate \"C\"", ["ä", "a"]),
        ("varchar(4)", ["abcd", "abc"]),
        ("char(4)", ["abcd", "abc"]),
        ("uuid", uuids),
        ("org", ["1", "12"]),
        ("int2", ["1", "12"]),
        ("tier", ["one", "two"]),
        ("\"Odd\".\"a Name\"", ["x", "X"]),
    ]
    .into_iter()
    .enumerate()
    {
        let [units, history] = [
            format!("Odd \"Units\" {n}"),
            format!("unit's \"History\" {n}"),
        ];
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        run(
            owner,
            &format!(
                "create table {} (\"the Number\" int, \"my \"\"Org\"\"\" {sql_type} not null, a text, primary key (a, \"the Number\"))",
                quoted(&units)
            ),
        )
        .await;
        manager
            .create_history_table(
                HistoryTable::new(history.clone())
                    .identity_columns(["Unit \"A\"", "select"], units.clone())
                    .column(text("name")),
            )
            .await
            .unwrap();
        for table in [&units, &history] {
            manager.archive_existing_table(table.clone()).await.unwrap();
        }
        grant(&organisations).await;
        let [table, versions] = [quoted(&units), quoted(&history)];
        let quoted_tenants = tenants.map(|tenant| tenant.replace('\'', "''"));
        run(
            owner,
            &format!(
                "insert into {table} values (1, '{}', 'k'), (2, '{}', 'k');
                 insert into {versions} (\"select\", \"Unit \"\"A\"\"\", name, valid_from) values (1, 'k', 'first', now()), (2, 'k', 'second', now())",
                quoted_tenants[0], quoted_tenants[1]
            ),
        )
        .await;
        manager
            .enable_tenancy((units.clone(), "my \"Org\""))
            .await
            .unwrap_or_else(|error| panic!("{sql_type}: {error}"));
        // The column has the type, length and collation of the identities' column.
        let same = format!(
            "select count(*) from pg_attribute a join pg_attribute b using (attname, atttypid, atttypmod, attcollation)
             where attname = 'my \"Org\"' and a.attrelid = '{table}'::regclass and b.attrelid = '{}'::regclass",
            versions.replace('\'', "''")
        );
        assert_eq!(number(owner, &same).await, 1, "{sql_type}");
        for (tenant, row) in tenants.iter().zip([1, 2]) {
            let txn = Context::new()
                .tenant(*tenant)
                .begin(&organisations.web)
                .await
                .unwrap();
            let seen = texts(&txn, &format!("select \"select\" || name from {versions}")).await;
            assert_eq!(seen, [["1first", "2second"][row - 1]], "{sql_type}");
            let other = format!(
                "insert into {versions} (\"select\", \"Unit \"\"A\"\"\", name, valid_from, valid_to) values ({}, 'k', 'x', '2000-01-01Z', '2001-01-01Z')",
                3 - row
            );
            let nested = txn.begin().await.unwrap();
            assert!(
                refusal(&nested, &other).await.starts_with("23503"),
                "{sql_type}"
            );
            drop(nested);
            run(&txn, &format!("insert into {versions} (\"select\", \"Unit \"\"A\"\"\", name, valid_from, valid_to) values ({row}, 'k', 'x', '2000-01-01Z', '2001-01-01Z')")).await;
            assert_eq!(
                attempt(&txn, &format!("update {versions} set name = 'y'"))
                    .await
                    .unwrap(),
                2,
                "{sql_type}"
            );
        }
        assert_eq!(findings_on(owner, &format!("public.{history}")).await, []);
        manager.disable_tenancy(units.clone()).await.unwrap();
    }
}

/// A table with versions becomes the history of a table that is under tenancy already.
#[tokio::test]
async fn existing_versions_get_a_tenant_when_their_history_is_created() {
    let organisations = Organisations::new().await;
    run(
        &organisations.owner,
        "create table post_names (id bigint primary key generated always as identity, post_id bigint not null references posts,
             name text not null, valid_from timestamptz not null, valid_to timestamptz);
         insert into post_names (post_id, name, valid_from) values (1, 'one', now()), (2, 'two', now())",
    )
    .await;
    let history = HistoryTable::new("post_names")
        .identity("post_id", "posts")
        .column(text("name"));
    organisations
        .manager()
        .create_history_table(history)
        .await
        .unwrap();
    grant(&organisations).await;
    for (org, name) in [(1, "one"), (2, "two")] {
        let txn = organisations.tenant(org).await;
        assert_eq!(texts(&txn, "select name from post_names").await, [name]);
    }
    assert_eq!(
        findings_on(&organisations.owner, "public.post_names").await,
        []
    );
}

#[tokio::test]
async fn existing_tenant_column_of_a_history_must_match_its_identities() {
    for (column, refused) in [
        (
            "org_id text not null default '1'",
            "is text, and that of public.departments is bigint",
        ),
        ("org_id bigint", "holds 2 versions whose tenant is unknown"),
        (
            "org_id bigint not null default 1",
            "versions of another tenant than their identity has",
        ),
    ] {
        let organisations = Organisations::open().await;
        let owner = &organisations.owner;
        run(
            owner,
            &format!("alter table department_history add {column}"),
        )
        .await;
        organisations
            .manager()
            .sync_archived_table("department_history")
            .await
            .unwrap();
        let before = texts(owner, SHAPE).await;
        let Err(DbErr::Migration(error)) = organisations.enable_one("departments").await else {
            panic!("{column}");
        };
        assert!(
            error.contains("department_history")
                && error.contains(refused)
                && error.contains("org_id"),
            "{error}"
        );
        assert_eq!(texts(owner, SHAPE).await, before);
        if column.contains("text") {
            continue;
        }
        run(owner, "update department_history set org_id = department_id; alter table department_history alter org_id set not null").await;
        organisations
            .manager()
            .sync_archived_table("department_history")
            .await
            .unwrap();
        let before = texts(owner, SHAPE).await;
        organisations.enable_one("departments").await.unwrap();
        let txn = organisations.tenant(2).await;
        assert_eq!(
            version::Entity::find_current()
                .all(&txn)
                .await
                .unwrap()
                .len(),
            1
        );
        drop(txn);
        // Objects of the application are not dropped.
        organisations
            .manager()
            .disable_tenancy("departments")
            .await
            .unwrap();
        assert_eq!(texts(owner, SHAPE).await, before);
    }
}

#[tokio::test]
async fn disabling_tenancy_drops_only_what_tenancy_created() {
    let organisations = Organisations::open().await;
    let owner = &organisations.owner;
    let before = texts(owner, SHAPE).await;
    let enable = async || organisations.enable_one("departments").await.unwrap();
    let disable = async || {
        organisations
            .manager()
            .disable_tenancy("departments")
            .await
            .unwrap()
    };
    enable().await;
    let enabled = texts(owner, SHAPE).await;
    for created in [
        "department_history org_id bigint true (archive.current_tenant())::bigint",
        "deleted_department_history org_id bigint true ",
        "departments departments_tenancy_key UNIQUE (org_id, id)",
        "department_history department_history_tenancy_fkey FOREIGN KEY (org_id, department_id) REFERENCES departments(org_id, id) ON UPDATE CASCADE",
    ] {
        assert!(
            enabled.iter().any(|line| line == created),
            "{created}: {enabled:#?}"
        );
    }
    // A second call creates nothing more.
    enable().await;
    assert_eq!(texts(owner, SHAPE).await, enabled);
    disable().await;
    assert_eq!(texts(owner, SHAPE).await, before);
    let web = &organisations.web;
    for name in ["R", "D"] {
        version::Entity::change(1)
            .value(version::Column::Name, name)
            .exec(web)
            .await
            .unwrap();
    }
    run(owner, "delete from staff").await;
    let archival = department::Entity::archive_by_id(1)
        .exec(web)
        .await
        .unwrap();
    archival.restore(web).await.unwrap();

    enable().await;
    assert_eq!(texts(owner, SHAPE).await, enabled);
    let txn = organisations.tenant(1).await;
    version::Entity::change(1)
        .value(version::Column::Name, "&")
        .exec(&txn)
        .await
        .unwrap();
    drop(txn);
    // A foreign key of the application depends on the unique constraint now, so it is not dropped.
    run(owner, "create table rooms (org_id bigint, department_id bigint, foreign key (org_id, department_id) references departments (org_id, id))").await;
    disable().await;
    assert_eq!(number(owner, "select count(*) from pg_constraint where conname in ('departments_tenancy_key', 'department_history_tenancy_fkey')").await, 1);
    run(
        owner,
        "drop table rooms; alter table departments drop constraint departments_tenancy_key",
    )
    .await;
    assert_eq!(texts(owner, SHAPE).await, before);

    // The application's own equivalent objects are used, and not dropped.
    run(owner, "alter table departments add constraint mine unique (id, org_id);
                alter table department_history add org_id bigint; update department_history set org_id = department_id;
                alter table department_history alter org_id set not null, alter org_id set default 1,
                    add constraint mine foreign key (department_id, org_id) references departments (id, org_id) on delete cascade on update cascade").await;
    organisations
        .manager()
        .sync_archived_table("department_history")
        .await
        .unwrap();
    let before = texts(owner, SHAPE).await;
    enable().await;
    assert_eq!(
        number(
            owner,
            "select count(*) from pg_constraint where conname like 'department%tenancy%'"
        )
        .await,
        0
    );
    let txn = organisations.tenant(1).await;
    version::Entity::change(1)
        .value(version::Column::Name, "own")
        .exec(&txn)
        .await
        .unwrap();
    drop(txn);
    disable().await;
    assert_eq!(texts(owner, SHAPE).await, before);
}

/// Tenancy does not use a unique index that no foreign key can refer to.
#[tokio::test]
async fn unusable_unique_index_is_not_used_for_the_tenancy_key() {
    let organisations = Organisations::open().await;
    let owner = &organisations.owner;
    for (sql, undo) in [
        (
            "create unique index mine on departments (org_id, id) where id > 0",
            "drop index mine",
        ),
        (
            "create unique index mine on departments (org_id, id, (id + 1))",
            "drop index mine",
        ),
        (
            "alter table departments add constraint mine unique (org_id, id) deferrable",
            "alter table departments drop constraint mine",
        ),
    ] {
        run(owner, sql).await;
        organisations.enable_one("departments").await.unwrap();
        let created =
            "select count(*) from pg_constraint where conname = 'departments_tenancy_key'";
        assert_eq!(number(owner, created).await, 1, "{sql}");
        let manager = organisations.manager();
        manager.disable_tenancy("departments").await.unwrap();
        run(owner, undo).await;
    }
}

/// Every verb of a history, for the departments 3 and 5 of the tenant of the transaction.
macro_rules! verbs {
    ($($version:tt)::+, $name:expr, $txn:expr) => {{
        use $($version)::+::Entity as Versions;
        let (txn, name) = ($txn, $name);
        let day = |day: u32| at(&format!("2024-01-{day:02}T00:00:00Z"));
        let year = |year: u32| at(&format!("{year}-01-01T00:00:00Z"));
        Versions::start(3)
            .valid_from(day(1))
            .value(name, "a")
            .exec(txn)
            .await
            .unwrap();
        Versions::start(5)
            .valid_from(day(1))
            .value(name, "x")
            .exec(txn)
            .await
            .unwrap();
        Versions::change(3)
            .valid_from(day(5))
            .value(name, "b")
            .exec(txn)
            .await
            .unwrap();
        Versions::change(3)
            .value(name, "c")
            .during(day(2)..day(3))
            .exec(txn)
            .await
            .unwrap();
        Versions::correct(3, day(2))
            .value(name, "a")
            .exec(txn)
            .await
            .unwrap();
        Versions::coalesce(3).exec(txn).await.unwrap();
        Versions::change(3)
            .valid_from(year(2090))
            .value(name, "never")
            .exec(txn)
            .await
            .unwrap();
        Versions::reschedule(3, year(2090), year(2091))
            .exec(txn)
            .await
            .unwrap();
        Versions::cancel(3, year(2091)).exec(txn).await.unwrap();
        Versions::merge(5)
            .into_identity(3)
            .at(day(6))
            .exec(txn)
            .await
            .unwrap();
        Versions::end(3).at(year(2025)).exec(txn).await.unwrap();
        Versions::start(3)
            .valid_from(year(2026))
            .value(name, "again")
            .exec(txn)
            .await
            .unwrap();
    }};
}

const TIMELINE: &str =
    "select department_id || name || ' ' || extract(day from valid_from) from department_history
                        where department_id in (3, 5) order by 1";

#[tokio::test]
async fn every_verb_writes_versions_of_the_tenant() {
    let organisations = Organisations::new().await;
    for declares_tenant in [false, true] {
        let txn = organisations.tenant(1).await;
        if declares_tenant {
            for id in [3, 5] {
                let department = known::department::ActiveModel {
                    id: Set(id),
                    org_id: Set(1),
                };
                department.insert(&txn).await.unwrap();
            }
            verbs!(known::version, known::version::Column::Name, &txn);
        } else {
            run(&txn, "insert into departments values (3, 1), (5, 1)").await;
            verbs!(crate::tenancy::model::version, version::Column::Name, &txn);
        }
        let timeline = ["3a 1", "3again 1", "3b 5", "5x 1"];
        assert_eq!(texts(&txn, TIMELINE).await, timeline, "{declares_tenant}");
        assert_eq!(
            number(
                &txn,
                "select count(*) from department_history where org_id <> 1"
            )
            .await,
            0
        );
        txn.commit().await.unwrap();

        // Archive and restore, twice.
        for _ in 0..2 {
            let txn = organisations.tenant(1).await;
            let archival = match declares_tenant {
                false => department::Entity::archive_by_id(3).exec(&txn).await,
                true => known::department::Entity::archive_by_id(3).exec(&txn).await,
            };
            assert_eq!(archival.unwrap().rows()["public.department_history"], 3);
            txn.commit().await.unwrap();
            let other = organisations.tenant(2).await;
            for table in ["deleted_departments", "deleted_department_history"] {
                assert_eq!(
                    number(&other, &format!("select count(*) from {table}")).await,
                    0
                );
            }
            assert!(
                department::Entity::restore_by_id(3)
                    .exec(&other)
                    .await
                    .is_err()
            );
            drop(other);
            let txn = organisations.tenant(1).await;
            let restored = match declares_tenant {
                false => department::Entity::restore_by_id(3).exec(&txn).await,
                true => known::department::Entity::restore_by_id(3).exec(&txn).await,
            };
            assert_eq!(restored.unwrap().rows["public.department_history"], 3);
            assert_eq!(texts(&txn, TIMELINE).await, timeline, "{declares_tenant}");
            txn.commit().await.unwrap();
        }
        let txn = organisations.tenant(1).await;
        run(&txn, "delete from departments where id in (3, 5)").await;
        txn.commit().await.unwrap();
    }
    let txn = organisations.tenant(1).await;
    assert_eq!(
        known::version::Entity::find().all(&txn).await.unwrap()[0].org_id,
        1
    );
}
