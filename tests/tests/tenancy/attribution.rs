//! What was recorded before tenancy belongs to the administrator, until it is attributed to tenants.

use sea_orm::prelude::DateTimeUtc;
use sea_orm_archive::audit::AuditEntity;
use sea_orm_archive::error::NotFoundError;
use sea_orm_archive::{Context, Error};
use sea_orm_archive_migration::{AuditSchema, AuditedTable, HistorySchema, HistoryTable};
use sea_orm_archive_tests::sql::clock;

use crate::tenancy::bare::grant;
use crate::tenancy::database::{Organisations, number, run, texts};
use crate::tenancy::log::{contexts, visible_entries};
use crate::tenancy::model::{bookmark, post, version};

/// Likes of both organisations, odd ids of the first. ANALYZE ran before the likes were logged, so PostgreSQL estimates
/// one row where there are very many.
pub const MANY: &str = "
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

pub const OF_LIKES: &str = "from archive.audit_entry where table_name = 'public.likes'";

/// With a nested loop, which PostgreSQL chose because of its wrong estimate, this would take hours.
#[tokio::test]
async fn very_many_entries_get_their_tenants() {
    let organisations = Organisations::open().await;
    let owner = &organisations.owner;
    organisations.manager().audit_table("likes").await.unwrap();
    run(owner, MANY).await;
    let all = number(owner, &format!("select count(*) {OF_LIKES}")).await;
    assert!(all > 60_000, "{all}");
    organisations.enable().await;
    for org in [1, 2] {
        let txn = organisations.tenant(org).await;
        assert_eq!(
            number(&txn, &format!("select count(*) {OF_LIKES}")).await,
            0
        );
    }
    let attributed = organisations.attribute().await;

    // Without a tenant: the row that was moved, and the deleted rows.
    let left = ["3001 INSERT", "3001 UPDATE", "3001 UPDATE", "60001 UPDATE"];
    let deleted = 1_000 * 2;
    assert_eq!(attributed.entries_left, deleted + left.len() as u64);
    let mut found = attributed.entries_left as i64;
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
    let without_tenant = format!(
        "select concat(key->>'id', ' ', operation) {OF_LIKES} and tenant is null
         and (key->>'id')::bigint % 100 not in (7, 8) order by id"
    );
    assert_eq!(texts(&txn, &without_tenant).await, left);
    drop(txn);
    let again = organisations.attribute().await;
    assert_eq!((again.entries, again.archivals), (0, 0));
    assert_eq!(again.entries_left, attributed.entries_left);
}

/// An entry of a history belongs to the tenant of the identity, regardless of its writer, before tenancy and after.
#[tokio::test]
async fn entries_of_a_history_belong_to_the_tenant_of_the_identity() {
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
    organisations.attribute().await;
    let desk = organisations.database.connect_as("desk").await;
    let context = Context::new().tenant(2).role(&organisations.ops);
    let after = context.begin(&desk).await.unwrap();
    run(&after, "update department_history set name = name || '?'").await;
    after.commit().await.unwrap();

    let [one, two, without_tenant] = contexts(&organisations).await;
    for (context, id, name) in [(&one, 101, "Sales!"), (&two, 102, "Secret!")] {
        let org = id - 100;
        assert_eq!(
            visible_entries(context, "department_history").await,
            [format!("UPDATE {id} {org}"), format!("UPDATE {id} {org}")]
        );
        let then = version::Entity::find_as_of(id, middle)
            .one(context)
            .await
            .unwrap();
        assert_eq!(then.unwrap().row.name, name);
        let other = version::Entity::find_as_of(203 - id, middle)
            .one(context)
            .await
            .unwrap();
        assert_eq!(other, None);
    }
    assert!(
        visible_entries(&without_tenant, "department_history")
            .await
            .is_empty()
    );
}

/// A tenant that reads a row as of a time gets an error, and no incomplete row, if it cannot see every change since.
#[tokio::test]
async fn row_as_of_a_time_before_tenancy_is_refused_until_its_changes_are_attributed() {
    let organisations = Organisations::open().await;
    let owner = &organisations.owner;
    let start = clock(owner).await;
    run(owner, "update posts set slug = 'was ' || slug").await;
    let middle = clock(owner).await;
    run(owner, "update posts set org_id = 2 where id = 3").await;
    let moved = clock(owner).await;
    run(
        owner,
        "update posts set slug = 'is ' || id; update bookmarks set post_id = null",
    )
    .await;
    let end = clock(owner).await;
    organisations.enable().await;

    let refused = async |org: i64, id: i64, at: DateTimeUtc, by: DateTimeUtc| {
        let txn = organisations.tenant(org).await;
        let then = post::Entity::find_as_of(id, at).one(&txn).await;
        let Err(Error::NotFound(NotFoundError::LogEntries { since, .. })) = then else {
            panic!("{then:?}");
        };
        assert!(at < since && since <= by, "{since}");
    };
    for (org, id) in [(1, 1), (2, 3), (2, 2)] {
        for at in [start, middle, moved] {
            refused(org, id, at, end).await;
        }
        let txn = organisations.tenant(org).await;
        let then = post::Entity::find_as_of(id, end).one(&txn).await.unwrap();
        assert_eq!(then.unwrap().row.slug, format!("is {id}"));
    }
    organisations.attribute().await;
    for (org, id) in [(1, 1), (2, 3), (2, 2)] {
        // The row that changed its tenant stays without attribution up to that change.
        refused(org, id, start, moved).await;
        refused(org, id, middle, moved).await;
        let txn = organisations.tenant(org).await;
        let then = post::Entity::find_as_of(id, moved).one(&txn).await.unwrap();
        assert!(then.unwrap().row.slug.starts_with("was "));
        // Of a table whose entries all have a tenant, the tenant sees every change.
        let bookmark = bookmark::Entity::find_as_of(20 + org, start);
        let then = bookmark.one(&txn).await.unwrap().unwrap();
        assert_eq!(then.row.post_id, Some(org));
    }
    let txn = organisations.administrator().await;
    for (at, slug, org) in [(start, "three", 1), (moved, "was three", 2)] {
        let then = post::Entity::find_as_of(3, at).one(&txn).await.unwrap();
        let row = then.unwrap().row;
        assert_eq!((row.slug.as_str(), row.org_id), (slug, org));
    }
}

/// A table whose entries did not always contain what is now the tenant column.
struct Reused {
    table: &'static str,
    columns: &'static str,
    /// How its column changed.
    change: &'static str,
    /// What the log leaves out before that, and after.
    hides: [&'static str; 2],
    /// What the first tenant still sees.
    seen: &'static [&'static str],
}

const REUSED: [Reused; 10] = [
    Reused {
        table: "replaced",
        columns: "org bigint not null, org_id bigint default 1",
        change: "drop org_id; alter table replaced rename org to org_id",
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
        seen: &["UPDATE 5 1", "UPDATE 5 1", "INSERT 9 1", "INSERT 8 1"],
    },
    Reused {
        table: "filled",
        columns: "org_id bigint, other bigint default 1",
        change: "alter org_id set not null",
        hides: ["", ""],
        seen: &["UPDATE 5 1", "UPDATE 5 1", "INSERT 9 1", "INSERT 8 1"],
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
        seen: &["INSERT 9 1", "INSERT 8 1"],
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
        seen: &["INSERT 9 1", "INSERT 8 1"],
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
pub fn audited(table: &'static str, hides: &'static str) -> AuditedTable {
    match hides.split_once(' ') {
        Some(("exclude", column)) => AuditedTable::new(table).exclude([column]),
        Some((_, column)) => AuditedTable::new(table).redact([column]),
        None => AuditedTable::new(table),
    }
}

/// Key 9 was another row, of the second organisation, which had the row of key 5 too. Both belong to the first now.
#[tokio::test]
async fn entries_of_another_row_or_another_tenant_stay_without_a_tenant() {
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
    organisations.attribute().await;

    let [one, two, without_tenant] = contexts(&organisations).await;
    let administrator = organisations.administrator().await;
    for Reused { table, seen, .. } in &REUSED {
        assert_eq!(visible_entries(&one, table).await, *seen, "{table}");
        assert!(visible_entries(&two, table).await.is_empty(), "{table}");
        assert!(
            visible_entries(&without_tenant, table).await.is_empty(),
            "{table}"
        );
        let left = format!(
            "select count(*) from archive.audit_entry as e join archive.audited_table as r using (table_name)
             where table_name = 'public.{table}' and e.tenant is null and e.at <= r.attributed_since"
        );
        assert!(number(&administrator, &left).await >= 3, "{table}");
    }
}

/// The keys of a version and its identity are used again, and the entries do not contain a tenant.
#[tokio::test]
async fn entries_of_an_earlier_version_of_the_same_key_stay_without_a_tenant() {
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
    organisations.attribute().await;
    let txn = organisations.tenant(1).await;
    run(&txn, "update room_names set name = 'mine'").await;
    txn.commit().await.unwrap();
    let [one, two, _] = contexts(&organisations).await;
    assert_eq!(
        visible_entries(&one, "room_names").await,
        ["INSERT 1", "UPDATE 1"]
    );
    assert!(visible_entries(&two, "room_names").await.is_empty());
    let all = visible_entries(&organisations.administrator().await, "room_names").await;
    assert_eq!(all, ["INSERT -", "DELETE -", "INSERT 1", "UPDATE 1"]);
}

/// The table was audited with the tenant of the context, and is no longer audited when it comes under tenancy.
#[tokio::test]
async fn entries_of_a_table_that_is_no_longer_audited_are_left_to_the_administrator() {
    let organisations = Organisations::open().await;
    let manager = organisations.manager();
    manager.audit_table("posts").await.unwrap();
    let owner = &organisations.owner;
    let before = Context::new().tenant(2).begin(owner).await.unwrap();
    run(&before, "update posts set slug = 'secret' where id = 1").await;
    before.commit().await.unwrap();
    manager.unaudit_table("posts").await.unwrap();
    organisations.enable().await;
    for who in contexts(&organisations).await {
        assert!(visible_entries(&who, "posts").await.is_empty());
    }
    let administrator = organisations.administrator().await;
    let entries = visible_entries(&administrator, "posts").await;
    assert_eq!(entries.last().map(String::as_str), Some("UPDATE 1 -"));
}
