//! Which entries of the audit log a tenant sees: those from before tenancy, under it, and of tables without it.

use sea_orm::QueryOrder;
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use sea_orm_archive::Context;
use sea_orm_archive::audit::AuditEntity;
use sea_orm_archive_migration::{AuditSchema, Tenancy, TenancySchema};
use sea_orm_archive_tests::sql::clock;

use crate::tenancy::bare::grant;
use crate::tenancy::database::{Organisations, TABLES, number, run, texts};
use crate::tenancy::model::{bookmark, post};

/// The entries of a table that `who` sees, as `operation key tenant`.
pub async fn visible_entries(who: &impl ConnectionTrait, table: &str) -> Vec<String> {
    let entries = format!(
        "select concat_ws(' ', operation, key->>'id', coalesce(tenant, '-')) from archive.audit_entry
         where table_name = 'public.{table}' order by id"
    );
    texts(who, &entries).await
}

/// A tenant, another tenant, and a session without one.
pub async fn contexts(organisations: &Organisations) -> [DatabaseTransaction; 3] {
    [
        organisations.tenant(1).await,
        organisations.tenant(2).await,
        Context::new().begin(&organisations.web).await.unwrap(),
    ]
}

#[tokio::test]
async fn entries_of_a_table_without_tenancy_are_visible_to_every_tenant() {
    let organisations = Organisations::open().await;
    for table in TABLES.iter().filter(|table| **table != "bookmarks") {
        organisations.enable_one(table).await.unwrap();
    }
    let start = clock(&organisations.web).await;
    for context in contexts(&organisations).await {
        run(&context, "update bookmarks set org_id = org_id + 10").await;
        context.commit().await.unwrap();
    }
    let txn = organisations.administrator().await;
    let all = visible_entries(&txn, "bookmarks").await;
    assert_eq!(
        all,
        [
            "INSERT 21 -",
            "INSERT 22 -",
            "UPDATE 21 1",
            "UPDATE 22 1",
            "UPDATE 21 2",
            "UPDATE 22 2",
            "UPDATE 21 -",
            "UPDATE 22 -"
        ]
    );
    drop(txn);
    for context in contexts(&organisations).await {
        assert_eq!(visible_entries(&context, "bookmarks").await, all);
        let changes = bookmark::Entity::find_changes_of(22, bookmark::Column::OrgId);
        let changes = changes
            .order_by_asc(sea_orm_archive::audit::Column::Id)
            .all(&context)
            .await
            .unwrap();
        assert_eq!(changes.len(), 4);
        for (entry, org) in changes.iter().zip([2, 12, 22, 32]) {
            let then = bookmark::Entity::find_as_of(22, entry.at)
                .one(&context)
                .await
                .unwrap();
            assert_eq!(then.unwrap().row.org_id, org);
        }
        let then = bookmark::Entity::find_as_of(21, start)
            .one(&context)
            .await
            .unwrap();
        assert_eq!(then.unwrap().row.org_id, 1);
        // This shows no entry of tables under tenancy.
        let posts = visible_entries(&context, "posts").await;
        assert!(posts.len() < 3, "{posts:?}");
    }
}

/// A table of which the log has changes and no whole row.
const NOTES: &str = "create table notes (id bigint primary key, org_id bigint not null, body text);
                     insert into notes values (1, 1, 'one'), (2, 2, 'two');";

#[tokio::test]
async fn another_table_of_the_same_name_shows_no_entry_of_the_dropped_one() {
    let organisations = Organisations::new().await;
    let (owner, manager) = (&organisations.owner, organisations.manager());
    let web = organisations.database.role("web").await;
    let grant = format!("grant all on notes to \"{web}\", \"{}\"", organisations.ops);
    run(owner, NOTES).await;
    run(owner, &grant).await;
    manager.audit_table("notes").await.unwrap();
    organisations.enable_one("notes").await.unwrap();
    for org in [1, 2] {
        let txn = organisations.tenant(org).await;
        run(&txn, "update notes set body = 'secret'").await;
        if org == 1 {
            run(
                &txn,
                "insert into notes values (3, 1, 'deleted'); delete from notes where id = 3",
            )
            .await;
        }
        txn.commit().await.unwrap();
    }
    let secrets = ["UPDATE 1 1", "INSERT 3 1", "DELETE 3 1", "UPDATE 2 2"];

    // The keys belong to the other tenant now.
    run(owner, "drop table notes").await;
    run(owner, NOTES).await;
    run(owner, &grant).await;
    run(
        owner,
        "update notes set org_id = 3 - org_id, body = 'dropped'; insert into notes values (3, 2, 'three')",
    )
    .await;
    manager.audit_table("notes").await.unwrap();
    run(&organisations.web, "update notes set body = 'public'").await;
    let new = ["UPDATE 1 -", "UPDATE 2 -", "UPDATE 3 -"];
    let [one, two, without_tenant] = contexts(&organisations).await;
    assert_eq!(
        visible_entries(&one, "notes").await,
        [&secrets[..3], &new[..]].concat()
    );
    assert_eq!(
        visible_entries(&two, "notes").await,
        [&secrets[3..], &new[..]].concat()
    );
    assert_eq!(visible_entries(&without_tenant, "notes").await, new);
    drop((one, two, without_tenant));

    // Nor when it comes under tenancy or leaves it again: earlier entries are visible to the administrator alone.
    organisations.enable_one("notes").await.unwrap();
    for context in contexts(&organisations).await {
        assert!(visible_entries(&context, "notes").await.is_empty());
    }
    let attributed = organisations.attribute().await;
    assert!(attributed.entries_left >= 4, "{attributed:?}");
    let [one, two, without_tenant] = contexts(&organisations).await;
    assert_eq!(visible_entries(&one, "notes").await, ["UPDATE 2 1"]);
    assert_eq!(
        visible_entries(&two, "notes").await,
        ["UPDATE 1 2", "UPDATE 3 2"]
    );
    assert!(visible_entries(&without_tenant, "notes").await.is_empty());
    drop((one, two, without_tenant));
    manager.disable_tenancy("notes").await.unwrap();
    for context in contexts(&organisations).await {
        let new = ["UPDATE 1 2", "UPDATE 2 1", "UPDATE 3 2"];
        assert_eq!(visible_entries(&context, "notes").await, new);
    }
    let all = visible_entries(&organisations.administrator().await, "notes").await;
    assert_eq!(all.len(), 7, "{all:?}");
}

/// A role that can read the table without tenancy can read all its entries: from before tenancy, under it and after.
#[tokio::test]
async fn entries_of_a_table_that_leaves_tenancy_are_shared() {
    let organisations = Organisations::open().await;
    let owner = &organisations.owner;
    let manager = organisations.manager();
    manager.audit_table("department_history").await.unwrap();
    let start = clock(owner).await;
    run(
        owner,
        "update posts set slug = 'before' where id = 3; update posts set org_id = 2 where id = 3",
    )
    .await;
    organisations.enable().await;
    let txn = organisations.tenant(1).await;
    run(&txn, "update posts set slug = 'under' where id = 1").await;
    run(&txn, "update department_history set name = 'under'").await;
    txn.commit().await.unwrap();
    manager.disable_tenancy("posts").await.unwrap();
    manager.disable_tenancy("staff").await.unwrap();
    manager.disable_tenancy("departments").await.unwrap();
    let txn = organisations.tenant(2).await;
    run(&txn, "update posts set slug = 'after' where id = 1").await;
    txn.commit().await.unwrap();

    let last_entries = ["UPDATE 3 -", "UPDATE 3 -", "UPDATE 1 1", "UPDATE 1 2"];
    for context in contexts(&organisations).await {
        let all = visible_entries(&context, "posts").await;
        assert_eq!(all.len(), 8, "{all:?}");
        assert_eq!(all[4..], last_entries);
        assert_eq!(
            visible_entries(&context, "department_history").await,
            ["UPDATE 101 1"]
        );
        for (id, slug, org) in [(1, "one", 1), (2, "two", 2), (3, "three", 1)] {
            let then = post::Entity::find_as_of(id, start)
                .one(&context)
                .await
                .unwrap();
            let row = then.unwrap().row;
            assert_eq!((row.slug.as_str(), row.org_id), (slug, org));
        }
        // Other tables stay under tenancy.
        assert!(visible_entries(&context, "bookmarks").await.len() < 2);
    }

    // When the table comes under tenancy again, its earlier entries have no tenant.
    organisations.enable_one("posts").await.unwrap();
    for context in contexts(&organisations).await {
        assert!(visible_entries(&context, "posts").await.is_empty());
    }
    organisations.attribute().await;
    let [one, two, without_tenant] = contexts(&organisations).await;
    assert_eq!(
        visible_entries(&one, "posts").await,
        ["INSERT 1 1", "UPDATE 1 1", "UPDATE 1 1"]
    );
    assert_eq!(
        visible_entries(&two, "posts").await,
        ["INSERT 2 2", "INSERT 4 2"]
    );
    assert!(visible_entries(&without_tenant, "posts").await.is_empty());
}

/// The tenant column may lose its NOT NULL under tenancy. Entries without a tenant must not become shared.
#[tokio::test]
async fn table_with_a_nullable_tenant_column_cannot_be_audited() {
    let organisations = Organisations::new().await;
    run(
        &organisations.owner,
        "alter table invoices alter column org_id drop not null",
    )
    .await;
    let refused = organisations.manager().audit_table("invoices").await;
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains("would be visible to every tenant"),
        "{refused}"
    );
}

/// A dump and a restore omit dropped columns and renumber the others. The register finds the tenant column by name.
#[tokio::test]
async fn tenant_column_is_found_by_name_after_its_number_changed() {
    let organisations = Organisations::new().await;
    let manager = organisations.manager();
    run(
        &organisations.owner,
        "update archive.audited_table set tenant = tenant + 1 where table_name = 'public.posts'",
    )
    .await;
    manager.install_audit().await.unwrap();
    for org in [1, 2] {
        let txn = organisations.tenant(org).await;
        run(&txn, "update posts set slug = 'of ' || id").await;
        txn.commit().await.unwrap();
    }
    for (org, ids) in [(1, ["1", "3"]), (2, ["2", "4"])] {
        let txn = organisations.tenant(org).await;
        let keys = "select key->>'id' from archive.audit_entry where table_name = 'public.posts' order by id";
        assert_eq!(texts(&txn, keys).await, ids);
    }
    assert_eq!(
        number(
            &organisations.owner,
            "select tenant::bigint from archive.audited_table where table_name = 'public.posts'"
        )
        .await,
        2
    );
}

/// Tenants recorded from one column do not count for another column.
#[tokio::test]
async fn entries_under_another_column_belong_to_the_administrator() {
    let organisations = Organisations::new().await;
    run(
        &organisations.owner,
        "create table papers (id bigint primary key, org bigint not null, holder bigint not null); insert into papers values (1, 1, 2)",
    )
    .await;
    organisations.manager().audit_table("papers").await.unwrap();
    enable_papers(&organisations, "org").await;
    grant(&organisations).await;
    let txn = organisations.tenant(1).await;
    run(&txn, "insert into papers values (2, 1, 2)").await;
    txn.commit().await.unwrap();
    enable_papers(&organisations, "holder").await;
    for context in contexts(&organisations).await {
        assert!(visible_entries(&context, "papers").await.is_empty());
    }
    let txn = organisations.tenant(2).await;
    run(&txn, "update papers set org = 3 where id = 1").await;
    txn.commit().await.unwrap();
    let [one, two, without_tenant] = contexts(&organisations).await;
    assert!(visible_entries(&one, "papers").await.is_empty());
    assert_eq!(visible_entries(&two, "papers").await, ["UPDATE 1 2"]);
    drop((one, two, without_tenant));
    organisations.attribute().await;
    let txn = organisations.tenant(2).await;
    assert_eq!(
        visible_entries(&txn, "papers").await,
        ["INSERT 2 2", "UPDATE 1 2"]
    );
}

/// The table was not audited when it came under tenancy: its entries have the tenant of their writer.
#[tokio::test]
async fn entries_from_an_earlier_audit_of_the_table_belong_to_the_administrator() {
    let organisations = Organisations::open().await;
    let manager = organisations.manager();
    let txn = organisations.tenant(1).await;
    run(&txn, "update posts set slug = 'written by ' || id").await;
    txn.commit().await.unwrap();
    manager.unaudit_table("posts").await.unwrap();
    organisations.enable_one("posts").await.unwrap();
    manager.audit_table("posts").await.unwrap();
    organisations.attribute().await;
    for context in contexts(&organisations).await {
        assert!(visible_entries(&context, "posts").await.is_empty());
    }
    let all = visible_entries(&organisations.administrator().await, "posts").await;
    assert_eq!(all.len(), 8, "{all:?}");
}

pub async fn enable_papers(organisations: &Organisations, column: &'static str) {
    let tenancy = Tenancy::new("papers", column).administrator(&organisations.ops);
    organisations
        .manager()
        .enable_tenancy(tenancy)
        .await
        .unwrap();
}

/// Lets `change` and then `later` wait for `open`, which has written to `papers`, and commits `open`.
async fn meet(
    organisations: &Organisations,
    open: DatabaseTransaction,
    change: impl Future<Output = ()>,
    later: (DatabaseTransaction, &str),
) {
    let superuser = organisations.database.connect().await;
    let waiting = async |wanted: i64| {
        let waits =
            "select count(*) from pg_locks where not granted and relation = 'papers'::regclass";
        while number(&superuser, waits).await < wanted {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::join!(
        change,
        async {
            waiting(1).await;
            run(&later.0, later.1).await;
            later.0.commit().await.unwrap();
        },
        async {
            waiting(2).await;
            open.commit().await.unwrap();
        }
    );
}

#[tokio::test]
async fn concurrent_writes_are_either_before_or_after_a_change_of_tenancy() {
    let organisations = Organisations::open().await;
    let (owner, manager) = (&organisations.owner, organisations.manager());
    run(
        owner,
        "create table papers (id bigint primary key, org bigint not null, slug text)",
    )
    .await;
    manager.audit_table("papers").await.unwrap();
    grant(&organisations).await;

    // Race: `enable_tenancy` waits for an insert, and an insert waits for it. Before tenancy an entry has the tenant of
    // the context, which enabling it clears. Under tenancy it has the tenant of the row.
    let open = organisations.tenant(1).await;
    run(&open, "insert into papers values (9, 2)").await;
    let later = organisations.administrator().await;
    let enable = enable_papers(&organisations, "org");
    let insert = "insert into papers values (8, 1)";
    meet(&organisations, open, enable, (later, insert)).await;
    let administrator = organisations.administrator().await;
    let all = visible_entries(&administrator, "papers").await;
    assert_eq!(all, ["INSERT 9 -", "INSERT 8 1"]);
    drop(administrator);

    let open = organisations.administrator().await;
    run(&open, "insert into papers values (7, 2)").await;
    let later = organisations.tenant(2).await;
    let disable = async { manager.disable_tenancy("papers").await.unwrap() };
    let update = "update papers set slug = 'after' where id = 8";
    meet(&organisations, open, disable, (later, update)).await;
    let all = visible_entries(&organisations.web, "papers").await;
    assert_eq!(all[2..], ["INSERT 7 2", "UPDATE 8 2"]);
}
