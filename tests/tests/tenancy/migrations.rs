//! Enabling tenancy: refused, repeated, followed by other migrations, and disabled.

use sea_orm::{ConnectionTrait, EntityTrait};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, Tenancy, TenancySchema};
use sea_orm_migration::{DbErr, prelude::*, schema::integer_null};

use crate::tenancy::database::{EVERYTHING, Organisations, TABLES, attempt, number, run, texts};
use crate::tenancy::model::post;

async fn refused(organisations: &Organisations, tenancy: impl Into<Tenancy>, message: &str) {
    match organisations.manager().enable_tenancy(tenancy).await {
        Err(DbErr::Migration(error)) => assert!(error.contains(message), "{error}"),
        done => panic!("{message}: {done:?}"),
    }
}

#[tokio::test]
async fn unsupported_table_or_administrator_is_refused() {
    let organisations = Organisations::open().await;
    run(&organisations.owner, "create table loose (id int primary key, org_id bigint); create policy mine on invoices using (true)").await;
    refused(&organisations, ("nothing", "org_id"), "there is no table").await;
    refused(
        &organisations,
        ("posts", "tenant"),
        "has no column \"tenant\"",
    )
    .await;
    refused(&organisations, ("loose", "org_id"), "SET NOT NULL").await;
    refused(&organisations, ("invoices", "org_id"), "mine").await;
    refused(
        &organisations,
        ("deleted_posts", "org_id"),
        "is the archive table of",
    )
    .await;
    refused(
        &organisations,
        Tenancy::new("posts", "org_id").administrator("missing_role"),
        "there is no role",
    )
    .await;
    organisations.enable_one("posts").await.unwrap();
    let web = organisations.database.role("web").await;
    refused(
        &organisations,
        Tenancy::new("comments", "org_id").administrator(web),
        "cannot have the administrator",
    )
    .await;
    assert!(organisations.manager().uninstall_archive().await.is_err());
}

#[tokio::test]
async fn enabling_tenancy_twice_changes_nothing() {
    let organisations = Organisations::new().await;
    let state = "select relation::regclass || ' ' || kind || ' ' || name || ' ' || definition from archive.tenancy_found order by 1";
    let before = texts(&organisations.owner, state).await;
    organisations.enable().await;
    organisations.manager().install_archive().await.unwrap();
    assert_eq!(texts(&organisations.owner, state).await, before);
    let txn = organisations.tenant(1).await;
    let archival = post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    archival.restore(&txn).await.unwrap();
}

#[tokio::test]
async fn archive_table_created_later_is_under_tenancy() {
    let organisations = Organisations::new().await;
    organisations
        .manager()
        .archive_existing_table("invoices")
        .await
        .unwrap();
    assert_eq!(
        sea_orm_archive::check(&organisations.owner).await.unwrap(),
        []
    );
    for sql in ["select * from deleted_invoices", "select * from invoices"] {
        attempt(&organisations.web, sql).await.unwrap();
    }
    let txn = organisations.tenant(1).await;
    let stranger = "insert into deleted_invoices (id, org_id, post_id, deleted_at, archival_id) values (1, 2, 1, now(), 1)";
    assert!(attempt(&txn, stranger).await.is_err());
}

/// Policies apply to the owner, yet a migration by the owner sees the rows that it needs.
#[tokio::test]
async fn later_migrations_see_the_rows_of_every_tenant() {
    let organisations = Organisations::new().await;
    let manager = organisations.manager();
    manager
        .alter_archived_table(
            Table::alter()
                .table("posts")
                .add_column(integer_null("views")),
        )
        .await
        .unwrap();
    let txn = organisations.tenant(1).await;
    post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    txn.commit().await.unwrap();
    assert!(manager.unarchive_existing_table("posts").await.is_err());
    run(&organisations.owner, "alter table posts drop column views").await;
    manager.sync_archived_table("posts").await.unwrap();
    manager
        .alter_archived_table(
            Table::alter()
                .table("posts")
                .rename_column("org_id", "organisation"),
        )
        .await
        .unwrap();
    assert_eq!(
        sea_orm_archive::check(&organisations.owner).await.unwrap(),
        []
    );
    let txn = organisations.tenant(1).await;
    assert_eq!(
        number(
            &txn,
            "select count(*) from deleted_posts where organisation = 1"
        )
        .await,
        1
    );
    assert_eq!(number(&txn, "select count(*) from posts").await, 1);
}

#[tokio::test]
async fn disable_tenancy_drops_every_policy_and_trigger() {
    let organisations = Organisations::new().await;
    let manager = organisations.manager();
    // The temporal foreign key of `staff` refers to `department_history`, so `staff` goes first.
    for table in TABLES.into_iter().rev() {
        manager.disable_tenancy(table).await.unwrap();
        manager.disable_tenancy(table).await.unwrap();
    }
    assert!(!texts(&organisations.web, EVERYTHING).await.is_empty());
    assert_eq!(
        number(
            &organisations.owner,
            "select count(*) from pg_policy where polname like 'tenancy%'"
        )
        .await,
        0
    );
    assert_eq!(
        number(
            &organisations.owner,
            "select count(*) from pg_trigger where tgname like 'tenancy%'"
        )
        .await,
        0
    );
    assert_eq!(
        number(
            &organisations.owner,
            "select count(*) from pg_class where relrowsecurity and relname not in ('archival', 'hold', 'event', 'event_consumer', 'erasure', 'erased_place') or relforcerowsecurity"
        )
        .await,
        0
    );
    post::Entity::archive_by_id(1)
        .exec(&organisations.web)
        .await
        .unwrap();
    organisations
        .web
        .execute_unprepared("select 1")
        .await
        .unwrap();
}

/// Tenants of type varchar in a partitioned table. A name too long for the column matches no row.
#[tokio::test]
async fn text_tenants_are_isolated_in_partitions() {
    let organisations = Organisations::open().await;
    let owner = &organisations.owner;
    let web = organisations.database.role("web").await;
    run(owner, &format!(
        "create table logs (id int, tenant varchar(4) not null, primary key (id)) partition by range (id);
         create table logs_1 partition of logs for values from (0) to (100);
         create table notes (id int primary key, log_id int references logs on delete cascade, tenant varchar(4) not null) ;
         insert into logs values (1, 'acme'), (2, 'ab');
         grant all on logs, logs_1, notes to \"{web}\"")).await;
    organisations
        .manager()
        .enable_tenancy(("logs", "tenant"))
        .await
        .unwrap();
    run(owner, &format!("create table logs_2 partition of logs for values from (100) to (200); grant select on logs_2 to \"{web}\"")).await;
    let found = sea_orm_archive::check(owner).await.unwrap();
    assert!(
        found.iter().any(|d| d.object == "public.logs_2"),
        "{found:?}"
    );
    organisations
        .manager()
        .enable_tenancy(("logs", "tenant"))
        .await
        .unwrap();
    assert_eq!(sea_orm_archive::check(owner).await.unwrap(), []);
    for (tenant, rows) in [("acme", 1), ("acme-and-more", 0), ("ab", 1), ("ab  ", 0)] {
        let txn = sea_orm_archive::Context::new()
            .tenant(tenant)
            .begin(&organisations.web)
            .await
            .unwrap();
        for table in ["logs", "logs_1"] {
            assert_eq!(
                number(&txn, &format!("select count(*) from {table}")).await,
                rows,
                "{tenant}"
            );
        }
        assert_eq!(post::Entity::find().all(&txn).await.unwrap().len(), 4);
    }
}
