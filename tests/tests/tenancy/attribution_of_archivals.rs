//! Which tenant archivals from before tenancy are attributed to.

use sea_orm::{ConnectionTrait, EntityTrait, QueryOrder};
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, AuditSchema, Tenancy, TenancySchema};

use crate::tenancy::database::{EVERYTHING, Organisations, TABLES, number, run, texts};
use crate::tenancy::log::{enable_papers, visible_entries};
use crate::tenancy::model::post;

/// The tenants of the archivals that the session sees, by id.
async fn tenants(db: &impl ConnectionTrait) -> Vec<Option<String>> {
    let seen = archival::Entity::find()
        .order_by_asc(archival::Column::Id)
        .all(db)
        .await;
    seen.unwrap().into_iter().map(|a| a.tenant).collect()
}

fn owned<const N: usize>(tenants: [&str; N]) -> Vec<Option<String>> {
    tenants.map(|tenant| Some(tenant.to_owned())).to_vec()
}

#[tokio::test]
async fn archivals_belong_to_the_tenant_of_the_rows_that_they_hold() {
    let organisations = Organisations::open().await;
    for id in [1, 2] {
        let archival = post::Entity::archive_by_id(id).exec(&organisations.owner);
        assert_eq!(archival.await.unwrap().tenant, None);
    }
    organisations.enable().await;
    for org in [1, 2] {
        let txn = organisations.tenant(org).await;
        assert_eq!(tenants(&txn).await, []);
        let refused = post::Entity::restore_by_id(org).exec(&txn).await;
        assert!(refused.is_err(), "{refused:?}");
    }
    let administrator = organisations.administrator().await;
    assert_eq!(tenants(&administrator).await, owned(["", ""]));
    drop(administrator);

    let attributed = organisations.attribute().await;
    assert_eq!((attributed.archivals, attributed.archivals_left), (2, 0));
    for org in [1, 2] {
        let txn = organisations.tenant(org).await;
        let seen = texts(&txn, EVERYTHING).await;
        let suffix = format!(" {org}");
        assert!(seen.iter().all(|row| row.ends_with(&suffix)), "{seen:?}");
        let restored = post::Entity::restore_by_id(org).exec(&txn).await;
        assert_eq!(restored.unwrap().relinked, 1);
    }
}

/// A tree of two tenants, and a restored archival: its row may have another tenant by now.
#[tokio::test]
async fn archivals_of_two_tenants_or_without_rows_stay_without_a_tenant() {
    let organisations = Organisations::open().await;
    let owner = &organisations.owner;
    run(owner, "insert into comments values (15, 2, 1)").await;
    post::Entity::archive_by_id(1).exec(owner).await.unwrap();
    let restored = post::Entity::archive_by_id(2).exec(owner).await.unwrap();
    restored.restore(owner).await.unwrap();
    organisations.enable().await;
    let attributed = organisations.attribute().await;
    assert_eq!((attributed.archivals, attributed.archivals_left), (0, 2));
    for org in [1, 2] {
        assert_eq!(tenants(&organisations.tenant(org).await).await, []);
    }
    let txn = organisations.administrator().await;
    assert_eq!(tenants(&txn).await, owned(["", ""]));
    let restored = post::Entity::restore_by_id(1).exec(&txn).await.unwrap();
    assert_eq!(restored.rows["public.comments"], 3);
}

/// An archival whose archived rows are shared gets the tenant of the rows of its detached links.
#[tokio::test]
async fn archivals_belong_to_the_tenant_of_the_rows_that_were_detached() {
    let organisations = Organisations::open().await;
    organisations.let_forge_links().await;
    let owner = &organisations.owner;
    run(owner, "insert into bookmarks values (23, 1, 1), (24, 2, 1)").await;
    let mut archivals = Vec::new();
    for id in [2, 1] {
        let archival = post::Entity::archive_by_id(id).exec(owner).await;
        archivals.push(archival.unwrap());
    }
    organisations.enable_one("bookmarks").await.unwrap();
    let txn = organisations.tenant(1).await;
    for table in ["archive.archival", "archive.detached_link"] {
        let seen = number(&txn, &format!("select count(*) from {table}")).await;
        assert_eq!(seen, 0, "{table}");
    }
    drop(txn);
    let attributed = organisations.attribute().await;
    assert_eq!((attributed.archivals, attributed.archivals_left), (1, 1));
    assert_eq!(tenants(&organisations.tenant(1).await).await, []);
    let txn = organisations.tenant(2).await;
    assert_eq!(tenants(&txn).await, owned(["2"]));
    let [of_two, of_both] = archivals.try_into().unwrap();
    assert_eq!(of_two.restore(&txn).await.unwrap().relinked, 1);
    drop(txn);
    // Only the administrator restores links of two tenants.
    let txn = organisations.administrator().await;
    assert_eq!(of_both.restore(&txn).await.unwrap().relinked, 3);
}

/// Tenant 2 of one column is not tenant 2 of another column.
#[tokio::test]
async fn archivals_under_another_column_belong_to_the_administrator() {
    let organisations = Organisations::open().await;
    let owner = &organisations.owner;
    run(
        owner,
        "alter table posts add column team_id bigint not null default 0; update posts set team_id = 3 - (2 - id % 2);
         delete from comments; delete from post_tags; delete from bookmarks; delete from invoices",
    )
    .await;
    let manager = organisations.manager();
    manager.sync_archived_table("posts").await.unwrap();
    organisations.enable_one("posts").await.unwrap();
    let txn = organisations.tenant(2).await;
    let restored = post::Entity::archive_by_id(2).exec(&txn).await.unwrap();
    restored.restore(&txn).await.unwrap();
    post::Entity::archive_by_id(4).exec(&txn).await.unwrap();
    txn.commit().await.unwrap();
    let by_team = Tenancy::new("posts", "team_id").administrator(&organisations.ops);
    manager.enable_tenancy(by_team).await.unwrap();
    for org in [1, 2] {
        assert_eq!(tenants(&organisations.tenant(org).await).await, []);
    }
    organisations.attribute().await;
    assert_eq!(tenants(&organisations.tenant(2).await).await, []);
    let txn = organisations.tenant(1).await;
    assert_eq!(tenants(&txn).await, owned(["1"]));
    post::Entity::restore_by_id(4).exec(&txn).await.unwrap();
    let txn = organisations.administrator().await;
    assert_eq!(tenants(&txn).await, owned(["", "1"]));
}

/// Records from an earlier tenancy count as records from before this one.
#[tokio::test]
async fn records_of_an_earlier_tenancy_have_no_tenant_until_attributed() {
    let organisations = Organisations::new().await;
    organisations.let_forge_links().await;
    let txn = organisations.tenant(1).await;
    let archival = post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    run(&txn, "insert into bookmarks values (25, 1, null)").await;
    txn.commit().await.unwrap();
    // A link that another tenant forged never counts as a link of the archival.
    let txn = organisations.tenant(2).await;
    let forged = format!(
        "insert into archive.detached_link (archival_id, child, child_key, edge, link, tenant)
         select {}, 'bookmarks', '[\"25\"]', 'post_id', '{{\"post_id\": 1}}', tenant from unnest(array[null, '2']) as tenant",
        archival.id
    );
    run(&txn, &forged).await;
    txn.commit().await.unwrap();
    let manager = organisations.manager();
    for _ in 0..2 {
        for table in TABLES.into_iter().rev() {
            manager.disable_tenancy(table).await.unwrap();
        }
        assert_eq!(tenants(&organisations.web).await, [None]);
        organisations.enable().await;
        let txn = organisations.tenant(1).await;
        assert_eq!(tenants(&txn).await, []);
        for table in ["posts", "bookmarks"] {
            assert!(visible_entries(&txn, table).await.is_empty());
        }
    }
    organisations.attribute().await;
    let txn = organisations.tenant(1).await;
    assert_eq!(visible_entries(&txn, "bookmarks").await.len(), 3);
    assert_eq!(archival.restore(&txn).await.unwrap().relinked, 1);
}

/// Entries of deleted rows and dropped tables cannot be attributed, and are counted.
#[tokio::test]
async fn entries_of_deleted_rows_and_dropped_tables_are_counted_as_left() {
    let organisations = Organisations::open().await;
    let (owner, manager) = (&organisations.owner, organisations.manager());
    assert_eq!(
        manager.attribute_to_tenants().await.unwrap(),
        Default::default()
    );
    run(
        owner,
        "create table papers (id bigint primary key, org bigint not null)",
    )
    .await;
    manager.audit_table("papers").await.unwrap();
    run(owner, "insert into papers values (1, 1), (2, 2)").await;
    run(
        owner,
        "delete from invoices where id = 32; delete from posts where id = 4",
    )
    .await;
    enable_papers(&organisations, "org").await;
    organisations.enable().await;
    run(owner, "drop table papers").await;
    let attributed = organisations.attribute().await;
    // Two papers; the post that was inserted and deleted.
    assert_eq!((attributed.entries, attributed.entries_left), (5, 4));
}
