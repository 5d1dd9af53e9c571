//! A changed row must not be logged as a move between a table and its archive table.

use sea_orm::prelude::DateTimeUtc;
use sea_orm_archive::AuditEntity;
use sea_orm_archive_migration::AuditedTable;
use sea_orm_archive_tests::sql::clock;
use serde_json::{Value as Json, json};

use crate::attacks::audited::{Audited, json, pretend_to_move, refused, run};

const TABLES: &str = "
    create table accounts (id int primary key, owner text not null, balance int not null);
    create table tags (name text primary key);
    create table posts (id int primary key, title text not null, password text not null, reviewer_id int);";

/// Rows whose images have the same `hashtextextended(.., 0)`, `(1,Ann,100)` and `(1,Mallory--..,1000000)`. The hash is
/// Jenkins' lookup3 with a known seed. Each of its steps can be inverted: 12 characters of a text, on a boundary of 12
/// bytes, take its state from what comes before them to what the rest needs. Trying about 300,000 values of the 32 bits
/// of the last state that the hash leaves out gives 12 printable ones.
const FORGED_OWNER: &str = "Mallory--WT1JaNZumP.7";
/// The same for rows that are a key and nothing else: `(Ann)` and `(Mallory----..)`.
const FORGED_TAG: &str = "Mallory----6UsJ9IftVTr1";

mod account {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "accounts")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub owner: String,
        pub balance: i32,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

async fn open() -> Audited {
    let audited = Audited::new(
        TABLES,
        vec![
            AuditedTable::new("accounts"),
            AuditedTable::new("tags"),
            AuditedTable::new("posts").redact(["password"]),
        ],
        &["accounts", "tags", "posts"],
    )
    .await;
    run(
        &audited.web,
        "insert into accounts values (1, 'Ann', 100); insert into tags values ('Ann');
         insert into posts values (1, 'a', 'hidden', null), (2, 'b', 'hidden', null)",
    )
    .await;
    audited
}

async fn balance_as_of(audited: &Audited, at: DateTimeUtc) -> i32 {
    let account = account::Entity::find_as_of(1, at).one(&audited.web).await;
    account.unwrap().unwrap().row.balance
}

#[tokio::test]
async fn a_changed_row_with_the_same_64_bit_hash_is_not_recorded_as_archived() {
    let audited = open().await;
    let session = audited.database.session_as("mallory", "web").await;
    let same = format!(
        "select to_jsonb(hashtextextended(row(1, 'Ann', 100)::text, 0) = hashtextextended(row(1, '{FORGED_OWNER}', 1000000)::text, 0))"
    );
    assert_eq!(json(&audited.owner, &same).await, [json!(true)]);
    let before = audited.entries().await;
    let forged = format!(
        "{} delete from accounts where id = 1;
         insert into deleted_accounts (id, owner, balance, deleted_at, archival_id) values (1, '{FORGED_OWNER}', 1000000, now(), 1)",
        pretend_to_move("accounts", false)
    );
    let error = refused(&session.db(), &forged).await;
    assert!(error.contains("seemed to move"), "{error}");
    assert_eq!(audited.entries().await, before);
    let now = clock(&audited.owner).await;
    assert_eq!(balance_as_of(&audited, now).await, 100);
}

#[tokio::test]
async fn row_with_another_key_and_the_same_64_bit_hash_is_not_logged_as_moved() {
    let audited = open().await;
    let session = audited.database.session_as("mallory", "web").await;
    let same = format!(
        "select to_jsonb(hashtextextended(row('Ann')::text, 0) = hashtextextended(row('{FORGED_TAG}')::text, 0))"
    );
    assert_eq!(json(&audited.owner, &same).await, [json!(true)]);
    let archived = format!(
        "{} delete from tags; insert into deleted_tags (name, deleted_at, archival_id) values ('{FORGED_TAG}', now(), 1)",
        pretend_to_move("tags", false)
    );
    let error = refused(&session.db(), &archived).await;
    assert!(error.contains("seemed to move"), "{error}");
    // The same for a restore.
    run(
        &session.db(),
        "insert into deleted_tags (name, deleted_at, archival_id) values ('Ann', now(), 1); delete from tags",
    )
    .await;
    let restored = format!(
        "{} delete from deleted_tags; insert into tags values ('{FORGED_TAG}')",
        pretend_to_move("tags", false)
    );
    let error = refused(&session.db(), &restored).await;
    assert!(error.contains("seemed to move"), "{error}");
}

#[tokio::test]
async fn a_changed_row_is_not_recorded_as_restored() {
    let audited = open().await;
    let session = audited.database.session_as("mallory", "web").await;
    let db = session.db();
    run(
        &db,
        &format!(
            "begin; {} with moved as (delete from accounts returning *)
             insert into deleted_accounts (id, owner, balance, deleted_at, archival_id) select *, now(), 1 from moved; commit",
            pretend_to_move("accounts", false)
        ),
    )
    .await;
    let archived = clock(&audited.owner).await;
    let forged = |linked| {
        format!(
            "{} delete from deleted_accounts; insert into accounts values (1, 'Ann', 1000000)",
            pretend_to_move("accounts", linked)
        )
    };
    // A move that restores no links changes no row.
    let error = refused(&db, &forged(false)).await;
    assert!(error.contains("seemed to move"), "{error}");
    // A move that does is logged with the values before and after it, regardless of the role.
    run(&db, &format!("begin; {}; commit", forged(true))).await;
    let last = audited.entries().await[5..].to_vec();
    let row = |balance: i32| json!({"id": 1, "owner": "Ann", "balance": balance});
    let entry = |operation: &str, old: Json, new: Json| json!([operation, "public.accounts", {"id": 1}, old, new, null]);
    assert_eq!(
        last,
        [
            entry("RESTORE", row(100), Json::Null),
            entry("UPDATE", Json::Null, row(1_000_000))
        ]
    );
    assert_eq!(balance_as_of(&audited, archived).await, 100);
    assert_eq!(
        balance_as_of(&audited, clock(&audited.owner).await).await,
        1_000_000
    );
}

#[tokio::test]
async fn restore_logs_new_values_only_for_rows_with_a_restored_link() {
    let audited = open().await;
    let session = audited.database.session_as("restorer", "web").await;
    let db = session.db();
    run(
        &db,
        &format!(
            "begin; {} with moved as (delete from posts returning *)
             insert into deleted_posts (id, title, password, reviewer_id, deleted_at, archival_id) select *, now(), 1 from moved; commit",
            pretend_to_move("posts", false)
        ),
    )
    .await;
    let before = audited.entries().await.len();
    // As a restore does it: one statement moves the rows, and restores the link of one.
    run(
        &db,
        &format!(
            "begin; {} with taken as (delete from deleted_posts returning *)
             insert into posts select id, title, password, case id when 2 then 7 end from taken; commit",
            pretend_to_move("posts", true)
        ),
    )
    .await;
    let entries = audited.entries().await[before..].to_vec();
    let restored: Vec<_> = entries.iter().filter(|e| e[0] == "RESTORE").collect();
    assert_eq!(restored.len(), 2, "{entries:?}");
    let updated: Vec<_> = entries.iter().filter(|e| e[0] == "UPDATE").collect();
    let new = json!({"id": 2, "title": "b", "reviewer_id": 7});
    assert_eq!(
        updated,
        [&json!(["UPDATE", "public.posts", {"id": 2}, null, new, ["password"]])]
    );
    let unfinished = "select to_jsonb(count(*)) from archive.audit_move";
    assert_eq!(json(&audited.owner, unfinished).await, [json!(0)]);
}

/// The image of a row is the same on both sides, regardless of what the session does between them.
#[tokio::test]
async fn settings_between_the_two_sides_neither_hide_nor_forge_a_change() {
    let audited = Audited::new(
        "create type mood as enum ('low', 'high');
         create table facts (id int primary key, f float8, t tstzrange, m money, c regclass, e mood, es mood[])",
        vec![AuditedTable::new("facts")],
        &["facts"],
    )
    .await;
    let db = audited.database.session_as("owner", "owner").await.db();
    run(
        &db,
        "insert into facts values (1, 0.30000000000000004, '[2026-01-01Z,2026-02-01Z)', 12.34, 'pg_class', 'low', '{low}')",
    )
    .await;
    let moves = pretend_to_move("facts", false);
    let into = "insert into deleted_facts (id, f, t, m, c, e, es, deleted_at, archival_id) select *, now(), 1";
    run(
        &db,
        &format!(
            "begin; create temporary table moved on commit drop as select * from facts; {moves} delete from facts;
             set local extra_float_digits = -15; set local timezone = 'X+20'; set local quote_all_identifiers = on;
             {into} from moved; commit"
        ),
    )
    .await;
    run(&db, "begin; set local timezone = 'X+3'; insert into facts select id, f, t, m, c, e, es from deleted_facts; delete from deleted_facts; commit").await;
    // Values with the same text that are not equal.
    for (between, forged) in [
        (
            "set local extra_float_digits = -15",
            "id, 0.3::float8, t, m, c, e, es",
        ),
        (
            "alter type mood rename value 'low' to 'x'; alter type mood rename value 'high' to 'low'",
            "id, f, t, m, c, 'low'::mood, '{low}'::mood[]",
        ),
    ] {
        let attempt = format!(
            "create temporary table moved on commit drop as select * from facts; {moves} delete from facts;
             {between}; {into} from (select {forged} from moved) as f"
        );
        let error = refused(&db, &attempt).await;
        assert!(error.contains("seemed to move"), "{between}: {error}");
    }
}

/// A setting outlives its user if sessions are pooled.
#[tokio::test]
async fn move_announced_by_an_earlier_user_of_the_session_does_not_count() {
    let notes = "create table people (id int primary key);
         create table notes (id int primary key, person_id int references people on delete set null)";
    let audited = Audited::new(
        notes,
        vec![AuditedTable::new("notes")],
        &["people", "notes"],
    )
    .await;
    let superuser = audited.database.connect().await;
    run(
        &superuser,
        "insert into notes values (1), (2);
         insert into archive.detached_link (archival_id, child, child_key, edge, link)
         select 77, 'notes', format('[\"%s\"]', id)::jsonb, 'person_id', '{\"person_id\": 1}' from notes",
    )
    .await;
    let session = audited.database.session_as("pooled", "web").await;
    for (id, transaction) in [(1, "''"), (2, "concat(pg_current_xact_id(), ':')")] {
        let announced = format!(
            "select set_config('archive.moving', concat({transaction}, ',', 'notes'::regclass::oid, ','), false)"
        );
        run(&session.db(), &announced).await;
        run(&session.db(), &format!("delete from notes where id = {id}")).await;
    }
    let deleted = "select to_jsonb(deleted) from archive.detached_link order by child_key";
    assert_eq!(json(&superuser, deleted).await, [json!(true), json!(true)]);
    let recorded = "select to_jsonb(operation) from archive.audit_entry order by id desc limit 2";
    assert_eq!(
        json(&superuser, recorded).await,
        [json!("DELETE"), json!("DELETE")]
    );
}

/// A row that never existed moves in a circle: it is inserted into the archive table without a move, leaves it as if
/// restored, and leaves the table as if archived. Each step matches another one, so that only the entry of the row
/// that leaves the archive table has its values.
#[tokio::test]
async fn a_row_that_never_existed_is_not_recorded_by_a_round_of_moves() {
    let audited = open().await;
    let session = audited.database.session_as("mallory", "web").await;
    let db = session.db();
    let then = clock(&audited.owner).await;
    let before = audited.entries().await;
    let on = pretend_to_move("accounts", true);
    let on = on.trim_end_matches(';');
    let off = "select set_config('archive.moving', '', true)";
    let arrives =
        |row: &str| format!("insert into deleted_accounts values ({row}, now(), null, 7)");
    let (forged, real) = ("1, 'Ann', 999", "1, 'Ann', 100");
    let forged_arrives = arrives(forged);
    let real_arrives = arrives(real);
    let leaves = "delete from accounts";
    let returns = "delete from deleted_accounts";
    let comes = |row: &str| format!("insert into accounts values ({row})");
    let (forged_comes, real_comes) = (comes(forged), comes(real));
    let goes_back = [leaves, real_arrives.as_str(), returns, real_comes.as_str()];
    let orders: [(&str, Vec<&str>); 6] = [
        (
            "the archive table first",
            vec![
                on,
                &forged_arrives,
                returns,
                leaves,
                &forged_comes,
                leaves,
                &real_arrives,
                returns,
                &real_comes,
            ],
        ),
        (
            "the table first",
            vec![
                on,
                leaves,
                &forged_arrives,
                returns,
                &forged_comes,
                leaves,
                &real_arrives,
                returns,
                &real_comes,
            ],
        ),
        (
            "deleted in the archive table without a move",
            vec![
                on,
                &forged_arrives,
                off,
                returns,
                on,
                leaves,
                off,
                &forged_comes,
                on,
                leaves,
                &real_arrives,
                returns,
                &real_comes,
            ],
        ),
        (
            "given another key in the archive table",
            vec![
                on,
                &forged_arrives,
                off,
                "update deleted_accounts set id = 2",
                on,
                leaves,
                off,
                &forged_comes,
                on,
                leaves,
                &real_arrives,
            ],
        ),
        (
            "given to another archival, and deleted",
            vec![
                on,
                &forged_arrives,
                off,
                "update deleted_accounts set archival_id = 8",
                returns,
                on,
                leaves,
                off,
                &forged_comes,
                on,
                leaves,
                &real_arrives,
            ],
        ),
        (
            "truncated in the archive table",
            vec![
                on,
                &forged_arrives,
                off,
                "truncate deleted_accounts",
                on,
                leaves,
                off,
                &forged_comes,
                on,
                leaves,
                &real_arrives,
            ],
        ),
    ];
    for (order, steps) in orders {
        let error = refused(&db, &steps.join("; ")).await;
        assert!(error.contains("move between it"), "{order}: {error}");
        assert_eq!(audited.entries().await, before, "{order}");
        assert_eq!(balance_as_of(&audited, then).await, 100, "{order}");
    }
    // A row may be archived and restored in one transaction, and again.
    let round = goes_back.join("; ");
    run(&db, &format!("begin; {on}; {round}; {round}; commit")).await;
    // An archive detaches rows of other archivals, possibly before its own rows have left the table.
    run(
        &db,
        &format!(
            "insert into deleted_accounts values (2, 'Bob', 1, now(), null, 3);
             begin; {on}; {real_arrives}; update deleted_accounts set balance = 0 where archival_id = 3; {leaves}; commit"
        ),
    )
    .await;
    assert_eq!(balance_as_of(&audited, then).await, 100);
}
