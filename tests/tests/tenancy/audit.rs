//! Each audit entry belongs to the tenant of its row.

use sea_orm::TransactionTrait;
use sea_orm_archive::Context;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::AuditSchema;

use crate::tenancy::database::{Organisations, attempt, number, run, texts};
use crate::tenancy::model::post;

const ENTRIES: &str = "select operation || ' ' || table_name || ' ' || (key->>'id') || ' ' || coalesce(tenant, '-')
                       from archive.audit_entry where at > '2000-01-01' and operation <> 'INSERT' order by id";

#[tokio::test]
async fn entries_carry_the_tenant_of_their_row() {
    let organisations = Organisations::new().await;
    let context = Context::new()
        .actor(9)
        .reason("mixed")
        .role(&organisations.ops);
    let desk = organisations.database.connect_as("desk").await;
    let txn = context.begin(&desk).await.unwrap();
    run(
        &txn,
        "update posts set slug = slug || '!' where id in (3, 4)",
    )
    .await;
    // A change of the tenant is logged as a DELETE for the old tenant and an INSERT for the new one.
    run(
        &txn,
        "update bookmarks set org_id = 2, post_id = null where id = 21",
    )
    .await;
    txn.commit().await.unwrap();
    let txn = organisations.tenant(1).await;
    post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    assert_eq!(
        texts(&txn, ENTRIES).await,
        [
            "UPDATE public.posts 3 1",
            "DELETE public.bookmarks 21 1",
            "ARCHIVE public.posts 1 1"
        ]
    );
    assert_eq!(
        number(&txn, "select count(*) from archive.audit_details").await,
        0
    );
    txn.commit().await.unwrap();
    let txn = organisations.tenant(2).await;
    assert_eq!(texts(&txn, ENTRIES).await, ["UPDATE public.posts 4 2"]);
    drop(txn);
    assert_eq!(
        texts(&organisations.web, ENTRIES).await,
        Vec::<String>::new()
    );
    assert_eq!(
        texts(&organisations.owner, ENTRIES).await,
        Vec::<String>::new()
    );
    let txn = organisations.administrator().await;
    let all = texts(&txn, ENTRIES).await;
    assert!(
        all.contains(&"DELETE public.bookmarks 21 1".to_owned()),
        "{all:?}"
    );
    assert_eq!(
        number(&txn, "select count(*) from archive.audit_details").await,
        1
    );
}

#[tokio::test]
async fn details_are_for_the_tenant_of_the_request() {
    let organisations = Organisations::new().await;
    for org in [1, 2] {
        let context = Context::new().tenant(org).reason(format!("of {org}"));
        let txn = context.begin(&organisations.web).await.unwrap();
        run(&txn, "update posts set slug = slug || '?'").await;
        run(
            &txn,
            "update comments set org_id = org_id, post_id = post_id",
        )
        .await;
        txn.commit().await.unwrap();
    }
    for org in [1, 2] {
        let txn = organisations.tenant(org).await;
        assert_eq!(
            texts(&txn, "select details->>'reason' from archive.audit_details").await,
            [format!("of {org}")]
        );
    }
}

/// The owner of the log is no superuser, so the policies of the log apply to it.
#[tokio::test]
async fn partitions_are_created_and_dropped_under_policies() {
    let organisations = Organisations::new().await;
    let manager = organisations.manager();
    let txn = organisations.tenant(1).await;
    run(&txn, "update posts set slug = 'old' where id = 1").await;
    txn.commit().await.unwrap();
    // Rows in the default partition, which a new one takes over.
    let superuser = organisations.database.connect().await;
    run(
        &superuser,
        "update archive.audit_entry set at = now() + interval '5 months'",
    )
    .await;
    manager.make_audit_partitions(6).await.unwrap();
    let in_default = number(
        &superuser,
        "select count(*) from archive.audit_entry_default",
    )
    .await;
    assert_eq!(in_default, 0);
    assert_eq!(
        sea_orm_archive::check(&organisations.owner).await.unwrap(),
        []
    );
    // The grant to create partitions does not let a tenant see more.
    let web = organisations.database.role("web").await;
    manager.grant_audit_maintenance(&web).await.unwrap();
    run(
        &organisations.web,
        "select archive.make_audit_partitions(8)",
    )
    .await;
    assert_eq!(
        sea_orm_archive::check(&organisations.owner).await.unwrap(),
        []
    );
    let partition = texts(
        &superuser,
        "select max(tableoid::regclass::text) from archive.audit_entry",
    )
    .await;
    assert!(
        attempt(&organisations.web, &format!("select from {}", partition[0]))
            .await
            .is_err()
    );
    assert_eq!(
        number(
            &organisations.owner,
            &format!("select count(*) from {}", partition[0])
        )
        .await,
        0
    );
    run(&superuser, "insert into archive.audit_entry (at, transaction_id, operation, table_name, database_user) values ('2001-01-01', 1, 'X', 'x', 'x')").await;
    manager.drop_audit_partitions("2026-01-01").await.unwrap();
    assert_eq!(
        number(
            &superuser,
            "select count(*) from archive.audit_entry where at < '2020-01-01'"
        )
        .await,
        0
    );
    assert_eq!(
        sea_orm_archive::check(&organisations.owner).await.unwrap(),
        []
    );
}

/// Entries from before tenancy belong to the tenant of the row with their key; of deleted rows, to the administrator.
#[tokio::test]
async fn entries_from_before_tenancy_belong_to_the_tenant_of_the_row() {
    let organisations = Organisations::open().await;
    let owner = &organisations.owner;
    run(owner, "update posts set slug = 'deleted' where id = 4; delete from invoices; delete from posts where id = 4").await;
    run(
        owner,
        "update posts set slug = 'moved' where id = 3; update posts set org_id = 2 where id = 3",
    )
    .await;
    organisations.enable().await;
    organisations.attribute().await;
    let log = "select (key->>'id') || tenant from archive.audit_entry where table_name = 'public.posts' order by id";
    let txn = organisations.tenant(2).await;
    assert_eq!(texts(&txn, log).await, ["22"]);
    drop(txn);
    let txn = organisations.tenant(1).await;
    assert_eq!(texts(&txn, log).await, ["11"]);
    txn.commit().await.unwrap();
    // Entries of tables that are audited later have a tenant as well.
    organisations.manager().audit_table("likes").await.unwrap();
    let txn = organisations.administrator().await;
    run(&txn, "delete from likes").await;
    txn.commit().await.unwrap();
    let txn = organisations.tenant(1).await;
    assert_eq!(
        number(
            &txn,
            "select count(*) from archive.audit_entry where table_name = 'public.likes'"
        )
        .await,
        1
    );
}

const TRUNCATED: &str = "select (key->>'id') || ' ' || coalesce(tenant, '-') from archive.audit_entry where operation = 'TRUNCATE' order by 1";

/// The log is under policies if any table is under tenancy. Only policies of the table itself matter to a TRUNCATE.
#[tokio::test]
async fn a_truncate_is_recorded_where_another_table_is_under_tenancy() {
    let organisations = Organisations::open().await;
    organisations.enable_one("invoices").await.unwrap();
    let web = organisations.database.role("web").await;
    run(
        &organisations.owner,
        &format!("grant truncate on bookmarks to \"{web}\""),
    )
    .await;
    for txn in [
        Context::new().actor(7).begin(&organisations.web).await,
        Context::new().actor(7).begin(&organisations.owner).await,
    ] {
        let txn = txn.unwrap();
        run(&txn, "truncate bookmarks").await;
        assert_eq!(texts(&txn, TRUNCATED).await, ["21 -", "22 -"]);
    }
    // The caller's settings are unchanged.
    let txn = organisations.web.begin().await.unwrap();
    run(
        &txn,
        "set local timezone = 'Asia/Tokyo'; truncate bookmarks",
    )
    .await;
    let settings = "select current_setting('timezone') || current_setting('row_security')";
    assert_eq!(texts(&txn, settings).await, ["Asia/Tokyoon"]);
}

#[tokio::test]
async fn a_truncate_of_a_table_under_tenancy_is_recorded_for_the_administrator_alone() {
    let organisations = Organisations::new().await;
    let web = organisations.database.role("web").await;
    run(
        &organisations.owner,
        &format!(
            "grant truncate on bookmarks, deleted_posts to \"{web}\", \"{}\"",
            organisations.ops
        ),
    )
    .await;
    let txn = organisations.tenant(1).await;
    post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    txn.commit().await.unwrap();
    for (table, rows) in [
        ("bookmarks", &["21 1", "22 2"][..]),
        ("deleted_posts", &["1 1"]),
    ] {
        let truncate = format!("truncate {table}");
        let txn = organisations.tenant(1).await;
        let refused = attempt(&txn, &truncate).await.unwrap_err().to_string();
        assert!(refused.contains("row-level security"), "{refused}");
        drop(txn);
        let refused = attempt(&organisations.owner, &truncate).await;
        assert!(refused.is_err());
        let txn = organisations.administrator().await;
        run(&txn, &truncate).await;
        assert_eq!(texts(&txn, TRUNCATED).await, rows);
        drop(txn);
    }
    // A policy of the application that hides rows from the owner of the log.
    run(
        &organisations.owner,
        "create policy mine on bookmarks as restrictive using (id <> 22)",
    )
    .await;
    let txn = organisations.administrator().await;
    let refused = attempt(&txn, "truncate bookmarks").await.unwrap_err();
    assert!(
        refused.to_string().contains("row-level security"),
        "{refused}"
    );
}
