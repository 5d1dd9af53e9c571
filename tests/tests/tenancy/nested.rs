//! Histories of histories, and histories whose foreign key to the identity contains the tenant already.

use sea_orm::TransactionTrait;
use sea_orm_archive::check;
use sea_orm_archive_migration::{
    ArchiveSchema, HistorySchema, HistoryTable, Tenancy, TenancySchema,
};
use sea_orm_migration::schema::{big_integer, text};

use crate::tenancy::bare::{SHAPE, findings_on, grant, refusal};
use crate::tenancy::database::{Organisations, attempt, number, run, texts};

/// Remarks on versions and opinions on remarks, one of each tenant, active and archived.
const REMARKS: &str = "
    insert into version_history (id, version_id, remark, valid_from) values
        (201, 101, 'of 1', '2020-01-01Z'), (202, 102, 'secret of 2', '2020-01-01Z');
    insert into opinion_history (remark_id, opinion, valid_from) values (201, 'by 1', '2020-01-01Z'), (202, 'by 2', '2020-01-01Z');
    insert into deleted_version_history (id, version_id, remark, valid_from, deleted_at, archival_id) values
        (301, 101, 'old, of 1', '2010-01-01Z', now(), 1), (302, 102, 'old secret of 2', '2010-01-01Z', now(), 1);";

const SEEN: &str =
    "select remark from version_history union all select opinion from opinion_history
                    union all select remark from deleted_version_history order by 1";

async fn comment_on_versions(organisations: &Organisations) {
    let manager = organisations.manager();
    for table in [
        HistoryTable::new("version_history")
            .identity("version_id", "department_history")
            .column(text("remark")),
        HistoryTable::new("opinion_history")
            .identity("remark_id", "version_history")
            .column(text("opinion")),
    ] {
        manager.create_history_table(table).await.unwrap();
    }
    manager
        .archive_existing_table("version_history")
        .await
        .unwrap();
    grant(organisations).await;
}

#[tokio::test]
async fn histories_of_histories_belong_to_the_tenant_of_their_identity() {
    for is_later in [false, true] {
        let organisations = Organisations::open().await;
        if is_later {
            organisations.enable().await;
            comment_on_versions(&organisations).await;
            for org in [1, 2] {
                let txn = organisations.tenant(org).await;
                let remark = format!(
                    "insert into version_history (id, version_id, remark, valid_from) values ({}, {}, 'of {org}', now());
                     insert into opinion_history (remark_id, opinion, valid_from) values ({0}, 'by {org}', now());
                     insert into deleted_version_history (id, version_id, org_id, remark, valid_from, deleted_at, archival_id)
                         values ({}, {1}, {org}, 'old, of {org}', now(), now(), 1)",
                    200 + org,
                    100 + org,
                    300 + org
                );
                run(&txn, &remark).await;
                txn.commit().await.unwrap();
            }
        } else {
            comment_on_versions(&organisations).await;
            run(&organisations.owner, REMARKS).await;
            organisations.enable().await;
        }
        assert_eq!(check(&organisations.owner).await.unwrap(), []);
        assert!(texts(&organisations.web, SEEN).await.is_empty());
        let txn = organisations.tenant(1).await;
        assert_eq!(texts(&txn, SEEN).await, ["by 1", "of 1", "old, of 1"]);
        for table in ["version_history", "opinion_history"] {
            for sql in [
                format!("update {table} set valid_to = now() where org_id = 2"),
                format!("delete from {table} where id in (202, 2)"),
            ] {
                assert_eq!(attempt(&txn, &sql).await.unwrap(), 0, "{sql}");
            }
        }
        for (table, columns, id) in [
            ("version_history", "version_id, remark", 102),
            ("opinion_history", "remark_id, opinion", 202),
        ] {
            let sql = format!(
                "insert into {table} ({columns}, valid_from, valid_to) values ({id}, 'x', '2000-01-01Z', '2001-01-01Z')"
            );
            let nested = txn.begin().await.unwrap();
            let refused = refusal(&nested, &sql).await;
            let tie = format!("{table}_tenancy_fkey");
            assert!(
                refused.starts_with("23503") && refused.contains(&tie),
                "{refused}"
            );
        }
        drop(txn);
        let txn = organisations.administrator().await;
        assert_eq!(texts(&txn, SEEN).await.len(), 6);
    }
}

#[tokio::test]
async fn check_inspects_histories_of_histories() {
    let organisations = Organisations::open().await;
    comment_on_versions(&organisations).await;
    organisations.enable().await;
    for (sql, table, problem) in [
        (
            "alter table opinion_history disable row level security",
            "public.opinion_history",
            "not enabled",
        ),
        (
            "drop policy tenancy on deleted_version_history",
            "public.deleted_version_history",
            "no policy tenancy",
        ),
        (
            "drop trigger tenancy_guard on version_history",
            "public.version_history",
            "no trigger tenancy_guard",
        ),
        (
            "alter table version_history drop constraint version_history_tenancy_fkey",
            "public.version_history",
            "no constraint version_history_tenancy_fkey",
        ),
    ] {
        run(&organisations.owner, sql).await;
        let findings = findings_on(&organisations.owner, table).await;
        assert!(
            findings.iter().any(|d| d.problem.contains(problem)),
            "{sql}: {findings:?}"
        );
        organisations.enable_one("departments").await.unwrap();
        assert_eq!(check(&organisations.owner).await.unwrap(), [], "{sql}");
    }
}

/// The tenancy key for the versions of versions does not count as a foreign key of the versions themselves.
#[tokio::test]
async fn history_that_lost_the_foreign_key_of_the_application_is_reported() {
    let organisations = Organisations::open().await;
    let owner = &organisations.owner;
    run(
        owner,
        "alter table department_history add org_id bigint; update department_history set org_id = department_id;
         alter table department_history alter org_id set not null; alter table departments add unique (org_id, id);
         alter table department_history add constraint own foreign key (org_id, department_id) references departments (org_id, id)",
    )
    .await;
    let manager = organisations.manager();
    manager
        .sync_archived_table("department_history")
        .await
        .unwrap();
    comment_on_versions(&organisations).await;
    organisations.enable().await;
    assert_eq!(check(owner).await.unwrap(), []);
    run(owner, "alter table department_history drop constraint own").await;
    let findings = findings_on(owner, "public.department_history").await;
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(
        findings[0].problem.contains("has no foreign key"),
        "{findings:?}"
    );
}

#[tokio::test]
async fn histories_of_histories_are_shared_after_tenancy_is_disabled() {
    let organisations = Organisations::open().await;
    let owner = &organisations.owner;
    comment_on_versions(&organisations).await;
    run(owner, REMARKS).await;
    let before = texts(owner, SHAPE).await;
    organisations.enable_one("departments").await.unwrap();
    let key = "opinion_history opinion_history_tenancy_fkey FOREIGN KEY (org_id, remark_id) REFERENCES version_history(org_id, id) ON UPDATE CASCADE";
    assert!(texts(owner, SHAPE).await.iter().any(|line| line == key));
    let manager = organisations.manager();
    manager.disable_tenancy("departments").await.unwrap();
    assert_eq!(texts(owner, SHAPE).await, before);
    assert_eq!(texts(&organisations.web, SEEN).await.len(), 6);
}

#[tokio::test]
async fn the_column_of_histories_of_histories_is_renamed_with_their_tables() {
    let organisations = Organisations::open().await;
    let owner = &organisations.owner;
    comment_on_versions(&organisations).await;
    run(owner, REMARKS).await;
    organisations.enable().await;
    run(
        owner,
        "alter table departments rename org_id to tenant; alter table deleted_departments rename org_id to tenant",
    )
    .await;
    let manager = organisations.manager();
    manager
        .enable_tenancy(Tenancy::new("departments", "tenant").administrator(&organisations.ops))
        .await
        .unwrap();
    assert_eq!(check(owner).await.unwrap(), []);
    let of = "select tenant from opinion_history";
    assert_eq!(number(&organisations.tenant(2).await, of).await, 2);
}

/// `turns` is a history of `rounds`, and `rounds` is a history of `turns`.
#[tokio::test]
async fn cycle_of_histories_does_not_loop_forever() {
    let organisations = Organisations::open().await;
    let owner = &organisations.owner;
    run(
        owner,
        "create table rounds (id bigint primary key, org_id bigint not null, turn_id bigint not null,
                              valid_from timestamptz not null, valid_to timestamptz)",
    )
    .await;
    let manager = organisations.manager();
    organisations.enable_one("rounds").await.unwrap();
    for table in [
        HistoryTable::new("turns").identity("round_id", "rounds"),
        HistoryTable::new("rounds")
            .identity("turn_id", "turns")
            .column(big_integer("org_id")),
    ] {
        manager.create_history_table(table).await.unwrap();
    }
    assert_eq!(check(owner).await.unwrap(), []);
    manager.archive_existing_table("turns").await.unwrap();
    assert_eq!(check(owner).await.unwrap(), []);
    manager.disable_tenancy("rounds").await.unwrap();
}

/// Units by tenant and number, with the same number for both tenants, and a history of their names.
async fn units(organisations: &Organisations, refers: [&'static str; 2]) {
    let manager = organisations.manager();
    let owner = &organisations.owner;
    run(
        owner,
        "create table units (org_id bigint not null, id bigint not null, primary key (org_id, id));
         insert into units values (1, 1), (2, 1)",
    )
    .await;
    for table in [
        HistoryTable::new("unit_names")
            .identity_columns(refers, "units")
            .column(text("name")),
        HistoryTable::new("name_remarks")
            .identity("name_id", "unit_names")
            .column(text("remark")),
    ] {
        manager.create_history_table(table).await.unwrap();
    }
    for table in ["units", "unit_names", "name_remarks"] {
        manager.archive_existing_table(table).await.unwrap();
    }
    let [org, unit] = refers;
    run(
        owner,
        &format!(
            "insert into unit_names (id, {org}, {unit}, name, valid_from) values (2, 1, 1, 'one', '2020-01-01Z'), (1, 2, 1, 'two', '2020-01-01Z');
             insert into name_remarks (name_id, remark, valid_from) values (2, 'of one', now()), (1, 'of two', now());
             insert into deleted_unit_names (id, {org}, {unit}, name, valid_from, deleted_at, archival_id)
                 values (3, 1, 1, 'old one', now(), now(), 1), (4, 2, 1, 'old two', now(), now(), 1)"
        ),
    )
    .await;
    grant(organisations).await;
}

const COLUMNS_AND_KEYS: &str = "
    select attrelid::regclass || ' ' || attname || ' ' || attnotnull || ' ' || atthasdef from pg_attribute
    where attrelid in ('unit_names'::regclass, 'deleted_unit_names'::regclass, 'units'::regclass) and attnum > 0
    union all select conname || ' ' || pg_get_constraintdef(oid) from pg_constraint
    where conrelid in ('deleted_unit_names'::regclass, 'units'::regclass) or conrelid = 'unit_names'::regclass and contype = 'f'
    order by 1";

const NAMES: &str = "select name from unit_names union all select remark from name_remarks
                     union all select name from deleted_unit_names order by 1";

#[tokio::test]
async fn tenant_in_the_foreign_key_to_the_identity_is_used() {
    for refers in [["org_id", "unit_id"], ["unit_org", "org_id"]] {
        let organisations = Organisations::open().await;
        let owner = &organisations.owner;
        units(&organisations, refers).await;
        let before = texts(owner, COLUMNS_AND_KEYS).await;
        organisations.enable_one("units").await.unwrap();
        assert_eq!(check(owner).await.unwrap(), [], "{refers:?}");
        // The tenant column exists already. Only the unique key for the history of the history is new.
        let mut after = texts(owner, COLUMNS_AND_KEYS).await;
        after.retain(|line| !line.starts_with("unit_names_tenancy_key"));
        assert_eq!(after, before);
        assert!(texts(&organisations.web, NAMES).await.is_empty());
        let [org, unit] = refers;
        let tie = format!("name_remarks {org} bigint true (archive.current_tenant())::bigint");
        assert!(texts(owner, SHAPE).await.contains(&tie), "{refers:?}");
        for (tenant, names) in [
            (1, ["of one", "old one", "one"]),
            (2, ["of two", "old two", "two"]),
        ] {
            let txn = organisations.tenant(tenant).await;
            assert_eq!(texts(&txn, NAMES).await, names, "{refers:?}");
            let sql = format!(
                "update unit_names set name = name where {org} = {}",
                3 - tenant
            );
            assert_eq!(attempt(&txn, &sql).await.unwrap(), 0, "{sql}");
            let nested = txn.begin().await.unwrap();
            let sql = format!(
                "insert into unit_names ({org}, {unit}, name, valid_from, valid_to) values ({}, 1, 'x', '2000-01-01Z', '2001-01-01Z')",
                3 - tenant
            );
            let refused = refusal(&nested, &sql).await;
            assert!(refused.contains("row-level security"), "{refused}");
        }
        // The column of the identities is renamed, the referring column is not.
        run(owner, "alter table units rename org_id to tenant; alter table deleted_units rename org_id to tenant").await;
        organisations
            .manager()
            .enable_tenancy(Tenancy::new("units", "tenant").administrator(&organisations.ops))
            .await
            .unwrap();
        assert_eq!(check(owner).await.unwrap(), [], "{refers:?}");
        let txn = organisations.tenant(2).await;
        assert_eq!(texts(&txn, NAMES).await, ["of two", "old two", "two"]);
        drop(txn);
        organisations
            .manager()
            .disable_tenancy("units")
            .await
            .unwrap();
        assert_eq!(texts(&organisations.web, NAMES).await.len(), 6);
    }
}

#[tokio::test]
async fn dropped_foreign_key_to_the_identity_is_reported() {
    let organisations = Organisations::open().await;
    let owner = &organisations.owner;
    units(&organisations, ["unit_org", "unit_id"]).await;
    organisations.enable_one("units").await.unwrap();
    run(
        owner,
        "alter table unit_names drop constraint unit_names_identity_fkey",
    )
    .await;
    let findings = findings_on(owner, "public.unit_names").await;
    assert!(
        findings
            .iter()
            .any(|d| d.problem.contains("has no foreign key")),
        "{findings:?}"
    );
    let error = organisations.enable_one("units").await.unwrap_err();
    let error = error.to_string();
    assert!(error.contains("create_history_table(..)` again"), "{error}");
    let again = HistoryTable::new("unit_names")
        .identity_columns(["unit_org", "unit_id"], "units")
        .column(text("name"));
    organisations
        .manager()
        .create_history_table(again)
        .await
        .unwrap();
    assert_eq!(check(owner).await.unwrap(), []);
}

/// The tenant column is the key of `orgs`. The id of a version must not be taken for a tenant.
#[tokio::test]
async fn history_of_the_tenants_themselves_is_isolated() {
    let organisations = Organisations::open().await;
    let owner = &organisations.owner;
    run(
        owner,
        "create table orgs (id bigint primary key); insert into orgs values (1), (2)",
    )
    .await;
    let manager = organisations.manager();
    let history = HistoryTable::new("org_names")
        .identity("org", "orgs")
        .column(text("name"));
    manager.create_history_table(history).await.unwrap();
    for table in ["orgs", "org_names"] {
        manager.archive_existing_table(table).await.unwrap();
    }
    run(
        owner,
        "insert into org_names (id, org, name, valid_from) values (2, 1, 'one', now()), (1, 2, 'two', now());
         insert into deleted_org_names (id, org, name, valid_from, deleted_at, archival_id)
             values (12, 1, 'old one', now(), now(), 1), (11, 2, 'old two', now(), now(), 1)",
    )
    .await;
    grant(&organisations).await;
    manager
        .enable_tenancy(Tenancy::new("orgs", "id").administrator(&organisations.ops))
        .await
        .unwrap();
    assert_eq!(check(owner).await.unwrap(), []);
    for (org, name) in [(1, "one"), (2, "two")] {
        let txn = organisations.tenant(org).await;
        let seen =
            "select name from org_names union all select name from deleted_org_names order by 1";
        assert_eq!(
            texts(&txn, seen).await,
            [format!("old {name}"), name.to_owned()]
        );
        assert_eq!(number(&txn, "select id from orgs").await, org);
        assert_eq!(attempt(&txn, "delete from org_names").await.unwrap(), 1);
    }
}
