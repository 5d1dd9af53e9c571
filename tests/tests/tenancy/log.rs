//! Who finds which entry: of what was written before tenancy, beside it and after it.

use sea_orm::{ConnectionTrait, DatabaseTransaction};
use sea_orm_archive::audit::AuditEntity;
use sea_orm_archive::{Context, Error};
use sea_orm_archive_migration::{
    AuditSchema, AuditedTable, HistorySchema, HistoryTable, Tenancy, TenancySchema,
};
use sea_orm_archive_tests::sql::clock;

use crate::tenancy::bare::grant;
use crate::tenancy::database::{Organisations, TABLES, number, run, texts};
use crate::tenancy::model::{bookmark, post, version};

/// Likes of both organisations, odd ids of the first. Of the table that PostgreSQL has looked at there is nothing but
/// other entries, so it thinks of one row where there are these.
const MANY: &str = "
    analyze archive.audit_entry; analyze likes;
    insert into likes select n, 2 - n % 2, 12 - n % 2 from generate_series(1001, 51000) as n;
    update likes set comment_id = comment_id + 2 where id % 10 < 2;
    delete from likes where id % 100 in (7, 8);
    select set_config('app.current_org_id', '2', false);
    update likes set comment_id = 11 where id = 2001;
    select set_config('app.current_org_id', '', false);
    update likes set org_id = 2, comment_id = 12 where id = 3001;
    alter table likes disable trigger user;
    insert into likes values (60001, 1, 11);
    alter table likes enable trigger user;
    update likes set comment_id = 13 where id = 60001;
    alter table likes disable trigger user;
    delete from likes where id = 60001;
    alter table likes enable trigger user";

const OF_LIKES: &str = "from archive.audit_entry where table_name = 'public.likes'";

/// Compared one by one, which is what PostgreSQL did when it was wrong about how many there are, these would take hours.
#[tokio::test]
async fn very_many_entries_get_their_tenants() {
    let organisations = Organisations::open().await;
    let owner = &organisations.owner;
    organisations.manager().audit_table("likes").await.unwrap();
    run(owner, MANY).await;
    let all = number(owner, &format!("select count(*) {OF_LIKES}")).await;
    assert!(all > 60_000, "{all}");
    organisations.enable().await;

    // The row that was moved, and the one of which nothing else was told.
    let nobodys = ["3001 INSERT", "3001 UPDATE", "3001 UPDATE", "60001 UPDATE"];
    let mut found = nobodys.len() as i64;
    for org in [1, 2] {
        let txn = organisations.tenant(org).await;
        let own = number(&txn, &format!("select count(*) {OF_LIKES}")).await;
        let expected = format!(
            "select count(*) {OF_LIKES} and tenant = '{org}' and 2 - (key->>'id')::bigint % 2 = {org}
             and key not in ('{{\"id\": 3001}}', '{{\"id\": 60001}}')"
        );
        assert_eq!(number(&txn, &expected).await, own);
        found += own;
    }
    assert_eq!(found, all);
    let txn = organisations.administrator().await;
    assert_eq!(
        number(&txn, &format!("select count(*) {OF_LIKES}")).await,
        all
    );
    let told =
        format!("select concat(key->>'id', ' ', operation) {OF_LIKES} and tenant = '' order by id");
    assert_eq!(texts(&txn, &told).await, nobodys);
}

/// What `who` sees of a table, as `operation key tenant`.
async fn told(who: &impl ConnectionTrait, table: &str) -> Vec<String> {
    let entries = format!(
        "select concat_ws(' ', operation, key->>'id', coalesce(tenant, '-')) from archive.audit_entry
         where table_name = 'public.{table}' order by id"
    );
    texts(who, &entries).await
}

/// Those who look: a tenant, another one, and one without any.
async fn contexts(organisations: &Organisations) -> [DatabaseTransaction; 3] {
    [
        organisations.tenant(1).await,
        organisations.tenant(2).await,
        Context::new().begin(&organisations.web).await.unwrap(),
    ]
}

#[tokio::test]
async fn a_table_that_is_not_under_tenancy_is_told_to_everybody() {
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
    let all = told(&txn, "bookmarks").await;
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
        assert_eq!(told(&context, "bookmarks").await, all);
        let changes = bookmark::Entity::find_changes_of(22, bookmark::Column::OrgId);
        let changes = changes.all(&context).await.unwrap();
        assert_eq!(changes.len(), 4);
        for (entry, org) in changes.iter().zip([2, 12, 22, 32]) {
            let then = bookmark::Entity::row_as_of(22, entry.at)
                .one(&context)
                .await
                .unwrap();
            assert_eq!(then.unwrap().row.org_id, org);
        }
        let then = bookmark::Entity::row_as_of(21, start)
            .one(&context)
            .await
            .unwrap();
        assert_eq!(then.unwrap().row.org_id, 1);
        // Of the tables that are, nothing comes with it.
        let posts = told(&context, "posts").await;
        assert!(posts.len() < 3, "{posts:?}");
    }
}

/// A version belongs to its identity's tenant, whoever wrote it, before tenancy and after.
#[tokio::test]
async fn entries_of_a_history_are_those_of_the_identity() {
    let organisations = Organisations::open().await;
    let owner = &organisations.owner;
    organisations
        .manager()
        .audit_table("department_history")
        .await
        .unwrap();
    let before = Context::new().tenant(2).begin(owner).await.unwrap();
    run(&before, "update department_history set name = name || '!'").await;
    before.commit().await.unwrap();
    let middle = clock(owner).await;
    organisations.enable().await;
    let desk = organisations.database.connect_as("desk").await;
    let context = Context::new().tenant(2).role(&organisations.ops);
    let after = context.begin(&desk).await.unwrap();
    run(&after, "update department_history set name = name || '?'").await;
    after.commit().await.unwrap();

    let [one, two, nobody] = contexts(&organisations).await;
    for (context, id, name) in [(&one, 101, "Sales!"), (&two, 102, "Secret!")] {
        let org = id - 100;
        assert_eq!(
            told(context, "department_history").await,
            [format!("UPDATE {id} {org}"), format!("UPDATE {id} {org}")]
        );
        let then = version::Entity::row_as_of(id, middle)
            .one(context)
            .await
            .unwrap();
        assert_eq!(then.unwrap().row.name, name);
        let other = version::Entity::row_as_of(203 - id, middle)
            .one(context)
            .await
            .unwrap();
        assert_eq!(other, None);
    }
    assert!(told(&nobody, "department_history").await.is_empty());
}

/// Where entries are nobody's, a tenant that asks for that time is told so, and not something that leaves them out.
#[tokio::test]
async fn a_time_of_which_the_tenant_is_not_told_all() {
    let organisations = Organisations::open().await;
    let owner = &organisations.owner;
    let start = clock(owner).await;
    run(
        owner,
        "update posts set slug = 'was ' || slug; update posts set org_id = 2 where id = 3",
    )
    .await;
    let moved = clock(owner).await;
    run(
        owner,
        "update posts set slug = 'is ' || id; update bookmarks set post_id = null",
    )
    .await;
    let end = clock(owner).await;
    organisations.enable().await;

    for (org, id) in [(1, 1), (2, 3), (2, 2)] {
        let txn = organisations.tenant(org).await;
        for at in [start, moved] {
            let then = post::Entity::row_as_of(id, at).one(&txn).await;
            let Err(Error::NotAudited {
                since: Some(since), ..
            }) = then
            else {
                panic!("{then:?}");
            };
            assert!(moved < since && since <= end, "{since}");
        }
        let then = post::Entity::row_as_of(id, end).one(&txn).await.unwrap();
        assert_eq!(then.unwrap().row.slug, format!("is {id}"));
        // Of a table whose entries all have a tenant, all is told.
        let bookmark = bookmark::Entity::row_as_of(20 + org, start);
        let then = bookmark.one(&txn).await.unwrap().unwrap();
        assert_eq!(then.row.post_id, Some(org));
    }
    let txn = organisations.administrator().await;
    for (at, slug, org) in [(start, "three", 1), (moved, "was three", 2)] {
        let then = post::Entity::row_as_of(3, at).one(&txn).await.unwrap();
        let row = then.unwrap().row;
        assert_eq!((row.slug.as_str(), row.org_id), (slug, org));
    }
}

/// A table of which the log knows changes and no whole row.
const NOTES: &str = "create table notes (id bigint primary key, org_id bigint not null, body text);
                     insert into notes values (1, 1, 'one'), (2, 2, 'two');";

#[tokio::test]
async fn another_table_of_the_same_name_uncovers_nothing() {
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
                "insert into notes values (3, 1, 'gone'); delete from notes where id = 3",
            )
            .await;
        }
        txn.commit().await.unwrap();
    }
    let secrets = ["UPDATE 1 1", "INSERT 3 1", "DELETE 3 1", "UPDATE 2 2"];

    // The keys are the other tenant's now.
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
    let [one, two, nobody] = contexts(&organisations).await;
    assert_eq!(
        told(&one, "notes").await,
        [&secrets[..3], &new[..]].concat()
    );
    assert_eq!(
        told(&two, "notes").await,
        [&secrets[3..], &new[..]].concat()
    );
    assert_eq!(told(&nobody, "notes").await, new);
    drop((one, two, nobody));

    // Nor does it when it is put under tenancy, nor when it is taken out again.
    organisations.enable_one("notes").await.unwrap();
    let [one, two, nobody] = contexts(&organisations).await;
    assert_eq!(
        told(&one, "notes").await,
        [&secrets[..3], &["UPDATE 2 1"]].concat()
    );
    assert_eq!(
        told(&two, "notes").await,
        ["UPDATE 2 2", "UPDATE 1 2", "UPDATE 3 2"]
    );
    assert!(told(&nobody, "notes").await.is_empty());
    drop((one, two, nobody));
    manager.disable_tenancy("notes").await.unwrap();
    let [one, two, nobody] = contexts(&organisations).await;
    let new = ["UPDATE 1 2", "UPDATE 2 1", "UPDATE 3 2"];
    assert_eq!(
        told(&one, "notes").await,
        [&secrets[..3], &new[..]].concat()
    );
    assert_eq!(
        told(&two, "notes").await,
        [&secrets[3..], &new[..]].concat()
    );
    assert_eq!(told(&nobody, "notes").await, new);
}

/// Whoever may read the table then may read what became of its rows, before tenancy, under it and after.
#[tokio::test]
async fn the_entries_of_a_table_that_leaves_tenancy_are_everybodys() {
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

    let told_last = ["UPDATE 3 ", "UPDATE 3 ", "UPDATE 1 1", "UPDATE 1 2"];
    for context in contexts(&organisations).await {
        let all = told(&context, "posts").await;
        assert_eq!(all.len(), 8, "{all:?}");
        assert_eq!(all[4..], told_last);
        assert_eq!(told(&context, "department_history").await, ["UPDATE 101 1"]);
        for (id, slug, org) in [(1, "one", 1), (2, "two", 2), (3, "three", 1)] {
            let then = post::Entity::row_as_of(id, start)
                .one(&context)
                .await
                .unwrap();
            let row = then.unwrap().row;
            assert_eq!((row.slug.as_str(), row.org_id), (slug, org));
        }
        // Those that are under it still are.
        assert!(told(&context, "bookmarks").await.len() < 2);
    }

    // What was written meanwhile is its rows', when the table comes under tenancy again.
    organisations.enable_one("posts").await.unwrap();
    let [one, two, nobody] = contexts(&organisations).await;
    assert_eq!(
        told(&one, "posts").await,
        ["INSERT 1 1", "UPDATE 1 1", "UPDATE 1 1"]
    );
    assert_eq!(told(&two, "posts").await, ["INSERT 2 2", "INSERT 4 2"]);
    assert!(told(&nobody, "posts").await.is_empty());
}

/// The column that says whose a row is may be lost under tenancy; what nobody can tell is not everybody's.
#[tokio::test]
async fn a_table_that_lost_its_column_is_not_audited_for_everybody() {
    let organisations = Organisations::new().await;
    run(
        &organisations.owner,
        "alter table invoices alter column org_id drop not null",
    )
    .await;
    let refused = organisations.manager().audit_table("invoices").await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("would be everybody's"), "{refused}");
}

/// A dump and a restore leave out dropped columns and number the others anew: the register knows the tenant's by name.
#[tokio::test]
async fn the_column_of_the_tenant_is_found_when_it_has_another_number() {
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
    for (org, told_of) in [(1, ["1", "3", "1", "3"]), (2, ["2", "4", "2", "4"])] {
        let txn = organisations.tenant(org).await;
        let keys = "select key->>'id' from archive.audit_entry where table_name = 'public.posts' order by id";
        assert_eq!(texts(&txn, keys).await, told_of);
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

#[tokio::test]
async fn another_column_of_the_tenant_is_the_one_that_is_told() {
    let organisations = Organisations::new().await;
    let manager = organisations.manager();
    run(
        &organisations.owner,
        "create table keys (id bigint primary key, org_id bigint not null, holder bigint not null); insert into keys values (1, 1, 2)",
    )
    .await;
    manager.audit_table("keys").await.unwrap();
    organisations.enable_one("keys").await.unwrap();
    let by_holder = Tenancy::new("keys", "holder").administrator(&organisations.ops);
    manager.enable_tenancy(by_holder).await.unwrap();
    let owner = Context::new().tenant(2).begin(&organisations.owner).await;
    let owner = owner.unwrap();
    run(&owner, "update keys set org_id = 3").await;
    owner.commit().await.unwrap();
    let [one, two, _] = contexts(&organisations).await;
    assert!(told(&one, "keys").await.is_empty());
    assert_eq!(told(&two, "keys").await, ["UPDATE 1 2"]);
}

/// A table whose entries did not always tell the column that says now whose a row is.
struct Reused {
    table: &'static str,
    columns: &'static str,
    /// What became of its column.
    change: &'static str,
    /// What the log was told to leave out before that, and after.
    hides: [&'static str; 2],
    /// What the first tenant still sees.
    seen: &'static [&'static str],
}

const REUSED: [Reused; 10] = [
    Reused {
        table: "taken_over",
        columns: "org bigint not null, org_id bigint default 1",
        change: "drop org_id; alter table taken_over rename org to org_id",
        hides: ["", ""],
        seen: &["INSERT 8 1"],
    },
    Reused {
        table: "renamed",
        columns: "org bigint not null",
        change: "rename org to org_id",
        hides: ["", ""],
        seen: &["INSERT 8 1"],
    },
    Reused {
        table: "added",
        columns: "other bigint default 1",
        change: "add org_id bigint not null default 1",
        hides: ["", ""],
        // What tells no whole row does not tell either that there was no such column.
        seen: &["UPDATE 5 1", "UPDATE 5 1", "INSERT 8 1"],
    },
    Reused {
        table: "filled",
        columns: "org_id bigint, other bigint default 1",
        change: "alter org_id set not null",
        hides: ["", ""],
        seen: &["INSERT 8 1"],
    },
    Reused {
        table: "excluded",
        columns: "org_id bigint not null",
        change: "",
        hides: ["exclude org_id", "exclude org_id"],
        seen: &[],
    },
    Reused {
        table: "redacted",
        columns: "org_id bigint not null",
        change: "",
        hides: ["redact org_id", "redact org_id"],
        seen: &[],
    },
    Reused {
        table: "once_excluded",
        columns: "org_id bigint not null",
        change: "",
        hides: ["exclude org_id", ""],
        seen: &[],
    },
    Reused {
        table: "once_redacted",
        columns: "org_id bigint not null",
        change: "",
        hides: ["redact org_id", ""],
        seen: &[],
    },
    Reused {
        table: "excluded_renamed",
        columns: "org bigint not null",
        change: "rename org to org_id",
        hides: ["exclude org", ""],
        seen: &[],
    },
    Reused {
        table: "redacted_renamed",
        columns: "org bigint not null",
        change: "rename org to org_id",
        hides: ["redact org", ""],
        seen: &["INSERT 8 1"],
    },
];

/// `exclude` or `redact` and a column, or neither.
fn audited(table: &'static str, hides: &'static str) -> AuditedTable {
    match hides.split_once(' ') {
        Some(("exclude", column)) => AuditedTable::new(table).exclude([column]),
        Some((_, column)) => AuditedTable::new(table).redact([column]),
        None => AuditedTable::new(table),
    }
}

/// Key 9 was the second organisation's, and so was key 5, of which no whole row was told; both are the first's now.
#[tokio::test]
async fn what_does_not_tell_the_tenants_column_is_nobodys() {
    let organisations = Organisations::open().await;
    let (owner, manager) = (&organisations.owner, organisations.manager());
    for reused in &REUSED {
        let Reused {
            table,
            columns,
            change,
            hides: [before, after],
            ..
        } = *reused;
        let column = columns.split(' ').next().unwrap();
        let given = match table {
            "filled" => "null",
            _ => "2",
        };
        run(
            owner,
            &format!(
                "create table {table} (id bigint primary key, {columns}, slug text);
                 insert into {table} (id, {column}) values (5, {given})"
            ),
        )
        .await;
        manager.audit_table(audited(table, before)).await.unwrap();
        run(
            owner,
            &format!(
                "insert into {table} (id, {column}, slug) values (9, {given}, 'secret');
                 update {table} set slug = 'more secret'; delete from {table} where id = 9;
                 update {table} set {column} = 1 where id = 5"
            ),
        )
        .await;
        if !change.is_empty() {
            run(owner, &format!("alter table {table} {change}")).await;
        }
        manager.audit_table(audited(table, after)).await.unwrap();
        run(
            owner,
            &format!("insert into {table} (id, org_id) values (9, 1), (8, 1)"),
        )
        .await;
        organisations.enable_one(table).await.unwrap();
    }
    grant(&organisations).await;

    let [one, two, nobody] = contexts(&organisations).await;
    let administrator = organisations.administrator().await;
    for Reused { table, seen, .. } in &REUSED {
        assert_eq!(told(&one, table).await, *seen, "{table}");
        assert!(told(&two, table).await.is_empty(), "{table}");
        assert!(told(&nobody, table).await.is_empty(), "{table}");
        let untold = format!(
            "select count(*) from archive.audit_entry as e join archive.audited_table as r using (table_name)
             where table_name = 'public.{table}' and e.tenant = '' and e.at <= r.told_since"
        );
        assert!(number(&administrator, &untold).await >= 4, "{table}");
    }
}

/// The key of such a version is used again with its identity's, and its entries could not tell a tenant.
#[tokio::test]
async fn entries_of_versions_from_before_the_column_are_nobodys() {
    let organisations = Organisations::open().await;
    let (owner, manager) = (&organisations.owner, organisations.manager());
    run(
        owner,
        "create table rooms (id bigint primary key, org_id bigint not null);
         create table room_names (room_id bigint not null references rooms, name text not null,
             valid_from timestamptz not null, valid_to timestamptz, primary key (room_id, valid_from))",
    )
    .await;
    let history = HistoryTable::new("room_names").identity("room_id", "rooms");
    manager.create_history_table(history).await.unwrap();
    for table in ["rooms", "room_names"] {
        manager.audit_table(table).await.unwrap();
    }
    run(
        owner,
        "insert into rooms values (5, 2); insert into room_names values (5, 'secret', '2020-01-01Z');
         delete from room_names; delete from rooms;
         insert into rooms values (5, 1); insert into room_names values (5, 'first', '2020-01-01Z')",
    )
    .await;
    organisations.enable_one("rooms").await.unwrap();
    grant(&organisations).await;
    let txn = organisations.tenant(1).await;
    run(&txn, "update room_names set name = 'mine'").await;
    txn.commit().await.unwrap();
    let [one, two, _] = contexts(&organisations).await;
    assert_eq!(told(&one, "room_names").await, ["UPDATE 1"]);
    assert!(told(&two, "room_names").await.is_empty());
    let all = told(&organisations.administrator().await, "room_names").await;
    assert_eq!(all, ["INSERT ", "DELETE ", "INSERT ", "UPDATE 1"]);
}

/// Papers of both organisations, audited and under tenancy, and key 9, which was the second's and is the first's.
async fn papers() -> Organisations {
    let organisations = Organisations::open().await;
    let (owner, manager) = (&organisations.owner, organisations.manager());
    run(
        owner,
        "create table papers (id bigint primary key, org bigint not null, slug text not null);
         insert into papers values (4, 2, 'early')",
    )
    .await;
    manager.audit_table("papers").await.unwrap();
    enable_papers(&organisations, "org").await;
    grant(&organisations).await;
    let txn = organisations.tenant(2).await;
    run(
        &txn,
        "insert into papers values (9, 2, 'secret'), (8, 2, 'another'), (7, 2, 'kept'), (6, 2, 'lost')",
    )
    .await;
    run(
        &txn,
        "delete from papers where id = 8; delete from papers where id = 9; update papers set slug = 'late' where id = 4",
    )
    .await;
    txn.commit().await.unwrap();
    let txn = organisations.tenant(1).await;
    run(&txn, "insert into papers values (9, 1, 'first')").await;
    txn.commit().await.unwrap();
    organisations
}

async fn enable_papers(organisations: &Organisations, column: &'static str) {
    let tenancy = Tenancy::new("papers", column).administrator(&organisations.ops);
    organisations
        .manager()
        .enable_tenancy(tenancy)
        .await
        .unwrap();
}

const PAPERS_OF_2: [&str; 7] = [
    "INSERT 9 2",
    "INSERT 8 2",
    "INSERT 7 2",
    "INSERT 6 2",
    "DELETE 8 2",
    "DELETE 9 2",
    "UPDATE 4 2",
];

/// Of key 9 the log says two tenants, but of each entry whose it is.
#[tokio::test]
async fn what_was_told_under_tenancy_stays_told() {
    let organisations = papers().await;
    let (owner, manager) = (&organisations.owner, organisations.manager());
    let sees = async |more: [&[&str]; 2]| {
        let [one, two, nobody] = contexts(&organisations).await;
        let of_1 = [&["INSERT 9 1"], more[0]].concat();
        assert_eq!(told(&one, "papers").await, of_1);
        assert_eq!(told(&two, "papers").await, [&PAPERS_OF_2, more[1]].concat());
        assert!(told(&nobody, "papers").await.is_empty());
    };
    sees([&[], &[]]).await;
    manager.disable_tenancy("papers").await.unwrap();
    enable_papers(&organisations, "org").await;
    sees([&[], &[]]).await;

    manager.disable_tenancy("papers").await.unwrap();
    run(owner, "alter table papers rename org to org_id").await;
    // Of 4 and 6 only the log knows whose they were; of 8 and 9, that they were the other's once.
    run(
        owner,
        "update papers set slug = 'between' where id = 7; update papers set slug = 'between' where id = 4;
         update papers set slug = 'between' where id in (6, 9);
         insert into papers values (8, 1, 'first'), (5, 1, 'new');
         alter table papers disable trigger user; delete from papers where id in (4, 6); alter table papers enable trigger user",
    )
    .await;
    let middle = clock(owner).await;
    enable_papers(&organisations, "org_id").await;
    sees([&["INSERT 5 1"], &["UPDATE 7 2", "UPDATE 4 2", "UPDATE 6 2"]]).await;
    let since = format!(
        "select count(*) from archive.audited_table where table_name = 'public.papers' and told_since < '{middle}'"
    );
    assert_eq!(number(owner, &since).await, 1);

    // A dump and a restore number the columns anew, and another name does not make another column of it either.
    run(
        owner,
        "update archive.audited_table set tenant = tenant + 1 where table_name = 'public.papers'",
    )
    .await;
    enable_papers(&organisations, "org_id").await;
    run(owner, "alter table papers rename org_id to holder").await;
    enable_papers(&organisations, "holder").await;
    sees([&["INSERT 5 1"], &["UPDATE 7 2", "UPDATE 4 2", "UPDATE 6 2"]]).await;
    let differences = sea_orm_archive::tenancy::check(owner).await.unwrap();
    assert_eq!(differences, []);
}

/// The column in the history is another one then: what it was made for is the same.
#[tokio::test]
async fn what_was_told_of_versions_stays_told() {
    let organisations = Organisations::open().await;
    let (owner, manager) = (&organisations.owner, organisations.manager());
    manager.audit_table("department_history").await.unwrap();
    organisations.enable().await;
    let txn = organisations.tenant(2).await;
    run(
        &txn,
        "insert into department_history (id, department_id, name, valid_from, valid_to) overriding system value
             values (104, 2, 'secret', '2019-01-01Z', '2020-01-01Z');
         delete from department_history where id = 104",
    )
    .await;
    txn.commit().await.unwrap();
    for table in ["staff", "departments"] {
        manager.disable_tenancy(table).await.unwrap();
    }
    run(
        owner,
        "alter table departments rename org_id to org; alter table deleted_departments rename org_id to org",
    )
    .await;
    let tenancy = Tenancy::new("departments", "org").administrator(&organisations.ops);
    manager.enable_tenancy(tenancy).await.unwrap();
    let [one, two, nobody] = contexts(&organisations).await;
    let versions = "department_history";
    assert!(told(&one, versions).await.is_empty());
    assert_eq!(told(&two, versions).await, ["INSERT 104 2", "DELETE 104 2"]);
    assert!(told(&nobody, versions).await.is_empty());
}

/// Whose an entry was by one column says nothing of whose it is by another.
#[tokio::test]
async fn by_another_column_all_is_told_anew() {
    let organisations = Organisations::open().await;
    let (owner, manager) = (&organisations.owner, organisations.manager());
    run(
        owner,
        "create table papers (id bigint primary key, org bigint not null, team bigint not null);
         insert into papers values (1, 1, 2), (2, 2, 1)",
    )
    .await;
    manager.audit_table("papers").await.unwrap();
    enable_papers(&organisations, "org").await;
    grant(&organisations).await;
    let txn = organisations.tenant(2).await;
    run(
        &txn,
        "delete from papers; insert into papers values (3, 2, 1)",
    )
    .await;
    txn.commit().await.unwrap();
    let sees = async |other: i64| {
        let all = ["DELETE 2", "INSERT 3"].map(|entry| format!("{entry} {other}"));
        let txn = organisations.tenant(other).await;
        assert_eq!(told(&txn, "papers").await, all);
        let txn = organisations.tenant(3 - other).await;
        assert!(told(&txn, "papers").await.is_empty());
    };
    sees(2).await;
    // As it is, and after tenancy was away, when entries of the first column are remembered.
    enable_papers(&organisations, "team").await;
    sees(1).await;
    enable_papers(&organisations, "org").await;
    sees(2).await;
    manager.disable_tenancy("papers").await.unwrap();
    enable_papers(&organisations, "team").await;
    sees(1).await;
    enable_papers(&organisations, "org").await;
    sees(2).await;
}

/// Lets `change` and then `later` wait for `open`, which has written to papers, and commits that.
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
async fn writes_that_meet_a_change_of_tenancy_are_told_on_one_side_of_it() {
    let organisations = Organisations::open().await;
    let (owner, manager) = (&organisations.owner, organisations.manager());
    run(
        owner,
        "create table papers (id bigint primary key, org bigint not null, slug text)",
    )
    .await;
    manager.audit_table("papers").await.unwrap();
    grant(&organisations).await;

    // Before tenancy an entry has the tenant of the context, until it is told its row's; under it, that at once.
    let open = organisations.tenant(1).await;
    run(&open, "insert into papers values (9, 2)").await;
    let later = organisations.administrator().await;
    let enable = enable_papers(&organisations, "org");
    let insert = "insert into papers values (8, 1)";
    meet(&organisations, open, enable, (later, insert)).await;
    let administrator = organisations.administrator().await;
    let all = told(&administrator, "papers").await;
    assert_eq!(all, ["INSERT 9 2", "INSERT 8 1"]);
    drop(administrator);

    // Of the one key that is two tenants' the first of these were told, and the last was not.
    let open = organisations.administrator().await;
    run(
        &open,
        "delete from papers where id = 9; insert into papers values (9, 1)",
    )
    .await;
    let later = organisations.tenant(2).await;
    let disable = async { manager.disable_tenancy("papers").await.unwrap() };
    let update = "update papers set slug = 'between' where id = 9";
    meet(&organisations, open, disable, (later, update)).await;
    enable_papers(&organisations, "org").await;
    let administrator = organisations.administrator().await;
    let all = told(&administrator, "papers").await;
    assert_eq!(all[2..], ["DELETE 9 2", "INSERT 9 1", "UPDATE 9 "]);
}
