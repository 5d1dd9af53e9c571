//! The tenant column: its type, its number and its name.

use sea_orm::TransactionTrait;
use sea_orm_archive::Context;
use sea_orm_archive::check;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, Tenancy, TenancySchema};
use sea_orm_migration::{DbErr, prelude::Table};

use crate::tenancy::bare::{SHAPE, bare, findings_on, grant};
use crate::tenancy::database::{EVERYTHING, Organisations, attempt, number, run, texts};
use crate::tenancy::model::{department, post, version};

#[tokio::test]
async fn types_that_truncate_a_tenant_are_refused() {
    let organisations = bare().await;
    let owner = &organisations.owner;
    run(
        owner,
        "create domain short as name; create domain shorter as short",
    )
    .await;
    for (n, sql_type) in ["\"char\"", "name", "shorter", "real", "double precision"]
        .into_iter()
        .enumerate()
    {
        run(
            owner,
            &format!("create table t{n} (id int primary key, tenant {sql_type} not null)"),
        )
        .await;
        let enabled = organisations
            .manager()
            .enable_tenancy((format!("t{n}"), "tenant"))
            .await;
        match enabled {
            Err(DbErr::Migration(error)) => assert!(
                error.contains(&format!("public.t{n}"))
                    && error.contains("\"tenant\"")
                    && error.contains("make it text"),
                "{error}"
            ),
            done => panic!("{sql_type}: {done:?}"),
        }
    }
}

/// Each tenant sees its row. A similar value that is neither tenant sees nothing or is an error.
#[tokio::test]
async fn tenants_are_isolated_with_every_type() {
    let organisations = bare().await;
    let owner = &organisations.owner;
    let superuser = organisations.database.connect().await;
    run(
        owner,
        "create domain word as text check (value <> ''); create domain tenant_name as word;
         create domain positive as bigint check (value > 0); create domain tenant_number as positive;
         create domain short as varchar(3);
         create type tier as enum ('gold', 'golden')",
    )
    .await;
    let mut types = vec![
        (
            "text",
            ["abc", "ab"],
            vec!["abcd", "ab ", " ab", "AB", "a", "%"],
        ),
        ("tenant_name", ["abc", "ab"], vec!["abcd", "ab ", "AB"]),
        (
            "tenant_number",
            ["1", "12"],
            vec!["123", "x", "-1", "18446744073709551617", "1.2", "1 2"],
        ),
        (
            "bigint",
            ["1", "12"],
            vec!["123", "x", "18446744073709551617", "4294967297"],
        ),
        ("integer", ["1", "12"], vec!["4294967297", "1e0", "0.9"]),
        ("int2", ["1", "4464"], vec!["70000", "65537", "x"]),
        (
            "numeric(5, 0)",
            ["1", "12"],
            vec!["1.4", "0.6", "11.9", "NaN"],
        ),
        ("varchar(3)", ["abc", "ab"], vec!["abcd", "ab ", "abc "]),
        ("short", ["abc", "ab"], vec!["abcd", "ab ", "abc "]),
        ("char(3)", ["abc", "ab"], vec!["abcd", "abcabc", "a"]),
        ("bit(3)", ["101", "100"], vec!["1011", "10", "1", "x"]),
        ("tier", ["gold", "golden"], vec!["gol", "goldener", "GOLD"]),
        (
            "uuid",
            [
                "00000000-0000-0000-0000-00000000000a",
                "00000000-0000-0000-0000-00000000000b",
            ],
            vec![
                "00000000-0000-0000-0000-00000000000",
                "00000000-0000-0000-0000-00000000000ab",
                "x",
            ],
        ),
    ];
    let citext = "create schema \"Odd\"; grant usage on schema \"Odd\" to public; create extension citext schema \"Odd\"";
    if attempt(&superuser, citext).await.is_ok() {
        types.push(("\"Odd\".citext", ["Acme", "Ac"], vec!["Acmes", "A", "ac "]));
    }
    for (n, (sql_type, tenants, strangers)) in types.into_iter().enumerate() {
        let table = format!("t{n}");
        run(
            owner,
            &format!(
                "create table {table} (id int primary key, tenant {sql_type} not null);
                 insert into {table} values (1, '{}'), (2, '{}')",
                tenants[0], tenants[1]
            ),
        )
        .await;
        organisations
            .manager()
            .archive_existing_table(table.clone())
            .await
            .unwrap();
        run(
            owner,
            &format!("insert into deleted_{table} (id, tenant, deleted_at, archival_id) select id, tenant, now(), 1 from {table}"),
        )
        .await;
        grant(&organisations).await;
        organisations
            .manager()
            .enable_tenancy(Tenancy::new(table.clone(), "tenant").administrator(&organisations.ops))
            .await
            .unwrap_or_else(|error| panic!("{sql_type}: {error}"));
        for (tenant, id) in tenants.iter().zip(["1", "2"]) {
            // citext compares without case.
            let tenant = &match sql_type.contains("citext") {
                true => tenant.to_uppercase(),
                false => (*tenant).to_owned(),
            };
            let txn = Context::new()
                .tenant(tenant.as_str())
                .begin(&organisations.web)
                .await
                .unwrap();
            for table in [&table, &format!("deleted_{table}")] {
                let seen = texts(&txn, &format!("select id::text from {table}")).await;
                assert_eq!(seen, [id], "{sql_type} {tenant}");
                let same = format!("update {table} set tenant = tenant");
                assert_eq!(
                    attempt(&txn, &same).await.unwrap(),
                    1,
                    "{sql_type} {tenant}"
                );
            }
            run(
                &txn,
                &format!("insert into {table} values (3, '{tenant}'); delete from {table}"),
            )
            .await;
        }
        for stranger in strangers {
            let txn = Context::new()
                .tenant(stranger)
                .begin(&organisations.web)
                .await
                .unwrap();
            for sql in [
                format!("delete from {table}"),
                format!("update deleted_{table} set deleted_at = now()"),
                format!("insert into {table} select 4, tenant from {table}"),
                format!("insert into {table} values (4, '{}')", tenants[0]),
            ] {
                let nested = txn.begin().await.unwrap();
                let done = attempt(&nested, &sql).await;
                assert!(
                    matches!(done, Err(_) | Ok(0)),
                    "{sql_type} {stranger}: {sql}"
                );
            }
        }
        assert_eq!(findings_on(owner, &format!("public.{table}")).await, []);
        assert_eq!(
            number(&superuser, &format!("select count(*) from {table}")).await,
            2
        );
    }
}

/// A dump and a restore may renumber the columns, so the number in the register is wrong.
#[tokio::test]
async fn wrong_column_number_in_the_register_is_corrected() {
    let organisations = Organisations::new().await;
    let superuser = organisations.database.connect().await;
    let before = check(&organisations.owner).await.unwrap();
    for number in [1, 3, 99] {
        run(
            &superuser,
            &format!("update archive.tenancy set tenant = {number}"),
        )
        .await;
        assert_eq!(check(&organisations.owner).await.unwrap(), before);
        let txn = organisations.tenant(1).await;
        let seen = texts(&txn, EVERYTHING).await;
        assert!(seen.iter().all(|row| row.ends_with(" 1")), "{seen:?}");
        run(&txn, "delete from staff").await;
        for _ in 0..2 {
            let archival = post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
            archival.restore(&txn).await.unwrap();
            let archival = department::Entity::archive_by_id(1)
                .exec(&txn)
                .await
                .unwrap();
            archival.restore(&txn).await.unwrap();
        }
        assert!(attempt(&txn, "update posts set org_id = 2").await.is_err());
        drop(txn);
        // A helper that reads the register corrects the number.
        let shape = texts(&superuser, SHAPE).await;
        for table in ["departments", "posts"] {
            organisations
                .manager()
                .sync_archived_table(table)
                .await
                .unwrap();
        }
        assert_eq!(texts(&superuser, SHAPE).await, shape);
        organisations.enable().await;
        assert_eq!(texts(&superuser, SHAPE).await, shape);
    }
}

const RENAMED: [&str; 4] = [
    "departments",
    "deleted_departments",
    "department_history",
    "deleted_department_history",
];

/// First in the table alone, then in its archive and history tables, as the check recommends.
#[tokio::test]
async fn tenant_column_can_be_renamed_with_plain_sql() {
    let organisations = Organisations::open().await;
    let owner = &organisations.owner;
    let shape = texts(owner, SHAPE).await;
    organisations.enable().await;
    let before = check(owner).await.unwrap();
    for table in RENAMED {
        run(
            owner,
            &format!("alter table {table} rename org_id to organisation"),
        )
        .await;
        let rest = check(owner).await.unwrap();
        for archive_table in RENAMED.iter().skip_while(|t| *t != &table).skip(1) {
            assert!(
                rest.iter()
                    .any(|d| d.object == format!("public.{archive_table}")
                        && d.problem.contains("has no column organisation")
                        && d.remedy.contains("rename the column here, too")),
                "{archive_table}: {rest:#?}"
            );
        }
        // Meanwhile no tenant sees rows of another one.
        let txn = organisations.tenant(2).await;
        assert_eq!(
            number(&txn, "select count(*) from department_history").await,
            1
        );
        assert_eq!(number(&txn, "select count(*) from departments").await, 1);
    }
    let rest = check(owner).await.unwrap();
    assert_ne!(rest, before);
    assert!(
        rest.iter()
            .all(|d| before.contains(d) || d.remedy.contains("enable_tenancy(..) again")),
        "{rest:#?}"
    );
    let enable = async || {
        let tenancy = Tenancy::new("departments", "organisation").administrator(&organisations.ops);
        organisations
            .manager()
            .enable_tenancy(tenancy)
            .await
            .unwrap();
    };
    enable().await;
    assert_eq!(check(owner).await.unwrap(), before);
    let txn = organisations.tenant(1).await;
    run(&txn, "delete from staff").await;
    version::Entity::change(1)
        .value(version::Column::Name, "R & D")
        .exec(&txn)
        .await
        .unwrap();
    drop(txn);
    // The new name counts, even if another column has the old one.
    run(owner, "alter table departments add org_id bigint").await;
    organisations
        .manager()
        .sync_archived_table("departments")
        .await
        .unwrap();
    assert_eq!(check(owner).await.unwrap(), before);
    let txn = organisations.tenant(1).await;
    assert_eq!(
        number(
            &txn,
            "select count(*) from departments where organisation = 1"
        )
        .await,
        1
    );
    drop(txn);
    run(owner, "alter table departments drop org_id").await;
    organisations
        .manager()
        .sync_archived_table("departments")
        .await
        .unwrap();
    // Objects created under the old name are dropped as well.
    for table in crate::tenancy::database::TABLES.into_iter().rev() {
        organisations
            .manager()
            .disable_tenancy(table)
            .await
            .unwrap();
    }
    for table in &RENAMED[..2] {
        run(
            owner,
            &format!("alter table {table} rename organisation to org_id"),
        )
        .await;
    }
    assert_eq!(texts(owner, SHAPE).await, shape);
}

/// The migration renames the column of the histories as well.
#[tokio::test]
async fn tenant_column_can_be_renamed_by_a_migration() {
    let organisations = Organisations::new().await;
    let owner = &organisations.owner;
    let before = check(owner).await.unwrap();
    organisations
        .manager()
        .alter_archived_table(
            Table::alter()
                .table("departments")
                .rename_column("org_id", "organisation"),
        )
        .await
        .unwrap();
    assert_eq!(check(owner).await.unwrap(), before);
    let columns = "select attrelid::regclass::text from pg_attribute where attname = 'organisation' order by 1";
    let mut renamed = RENAMED.map(str::to_owned);
    renamed.sort();
    assert_eq!(
        texts(
            owner,
            &columns.replace(
                "order",
                "and attrelid in (select oid from pg_class where relkind = 'r') order"
            )
        )
        .await,
        renamed
    );
    assert_eq!(number(owner, "select count(*) from pg_attribute where attname = 'org_id' and attrelid = 'department_history'::regclass").await, 0);
    for org in [1, 2] {
        let txn = organisations.tenant(org).await;
        run(&txn, "delete from staff").await;
        version::Entity::change(org)
            .value(version::Column::Name, "R & D")
            .exec(&txn)
            .await
            .unwrap();
        let archival = department::Entity::archive_by_id(org)
            .exec(&txn)
            .await
            .unwrap();
        assert_eq!(
            archival.restore(&txn).await.unwrap().rows["public.department_history"],
            2
        );
    }
    // A new column with the old name is not a tenant column.
    organisations
        .manager()
        .alter_archived_table(
            Table::alter()
                .table("departments")
                .add_column(sea_orm_migration::schema::big_integer_null("org_id")),
        )
        .await
        .unwrap();
    assert_eq!(check(owner).await.unwrap(), before);
    let txn = organisations.tenant(2).await;
    assert_eq!(
        number(&txn, "select organisation from departments").await,
        2
    );
    assert!(
        attempt(&txn, "update departments set organisation = 1, org_id = 2")
            .await
            .is_err()
    );
}

/// Enabling tenancy with another column drops the objects of the first column and creates those of the second.
#[tokio::test]
async fn tenancy_can_move_to_another_column() {
    let organisations = Organisations::open().await;
    let owner = &organisations.owner;
    run(owner, "alter table departments add branch text; update departments set branch = 'b' || id; alter table departments alter branch set not null").await;
    organisations
        .manager()
        .sync_archived_table("departments")
        .await
        .unwrap();
    let shape = texts(owner, SHAPE).await;
    organisations.enable_one("departments").await.unwrap();
    let manager = organisations.manager();
    for _ in 0..2 {
        manager
            .enable_tenancy(("departments", "branch"))
            .await
            .unwrap();
    }
    let found = findings_on(owner, "public.department_history").await;
    assert_eq!(found, []);
    let columns = "select attname::text from pg_attribute where attrelid = 'department_history'::regclass and attname in ('org_id', 'branch') and not attisdropped";
    assert_eq!(texts(owner, columns).await, ["branch"]);
    let txn = Context::new()
        .tenant("b2")
        .begin(&organisations.web)
        .await
        .unwrap();
    version::Entity::change(2)
        .value(version::Column::Name, "x")
        .exec(&txn)
        .await
        .unwrap();
    assert_eq!(
        version::Entity::find_current()
            .all(&txn)
            .await
            .unwrap()
            .len(),
        1
    );
    drop(txn);
    manager.disable_tenancy("departments").await.unwrap();
    assert_eq!(texts(owner, SHAPE).await, shape);
}
