//! A client that can send any SQL as the application's role can neither change nor forge the log.

use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::audit::database::{json, run, shop};

/// Statements of the client, and a fragment of the error that refuses each.
const REFUSED: [(&str, &str); 22] = [
    (
        "update archive.audit_entry set actor = 'somebody else'",
        "permission denied",
    ),
    ("delete from archive.audit_entry", "permission denied"),
    ("truncate archive.audit_entry", "permission denied"),
    ("truncate archive.audit_entry_default", "permission denied"),
    (
        "delete from archive.audit_entry_default",
        "permission denied",
    ),
    (
        "update archive.audit_details set details = '{}'",
        "permission denied",
    ),
    (
        "insert into archive.audit_entry (at, transaction_id, operation, table_name, database_user)
         values (now(), 1, 'INSERT', 'public.customers', 'me')",
        "permission denied",
    ),
    (
        "insert into archive.audit_details (transaction_id, details) values (1, '{}')",
        "permission denied",
    ),
    (
        "select setval('archive.audit_entry_id_seq', 1)",
        "permission denied",
    ),
    (
        "insert into archive.audit_move (transaction_id, audited, operation, rows, digest) values (1, 1, 'LEFT', 0, '')",
        "permission denied",
    ),
    ("delete from archive.audited_table", "permission denied"),
    ("alter table customers disable trigger all", "must be owner"),
    (
        "drop trigger archive_audit_update on customers",
        "must be owner",
    ),
    ("drop table archive.audit_entry_default", "must be owner"),
    (
        "alter table archive.audit_entry detach partition archive.audit_entry_default",
        "must be owner",
    ),
    ("drop function archive.audit_1() cascade", "must be owner"),
    (
        "set session_replication_role = replica",
        "permission denied",
    ),
    (
        "create or replace function archive.audit_1() returns trigger language plpgsql as 'begin return null; end'",
        "permission denied",
    ),
    // On a table of the client the trigger functions would log forged rows.
    (
        "create temporary table customers (like public.customers);
         create trigger mine after insert on customers referencing new table as new_rows
         for each statement execute function archive.audit_1()",
        "permission denied for function",
    ),
    ("select archive.audit_1()", "permission denied for function"),
    (
        "select archive.run(array['a'], array['prepare a (jsonb, timestamptz, bigint, text) as delete from archive.audit_entry'], array['once'], '', '{}')",
        "permission denied",
    ),
    ("select archive.audit_details()", "permission denied"),
];

#[tokio::test]
async fn entries_can_be_neither_changed_nor_forged() {
    let shop = shop().await;
    let db = shop.connect_as("web").await;
    run(&db, "insert into customers (id, email) values (1, 'a')").await;
    let all = "select to_jsonb(e) from archive.audit_entry as e order by id";
    let before = json(&db, all).await;
    for (attempt, message) in REFUSED {
        let attempt = format!("select set_config('app.request_details', '{{}}', true); {attempt}");
        let refused = db.execute_unprepared(&attempt).await;
        let error = refused.expect_err(&attempt).to_string();
        assert!(error.contains(message), "{attempt}: {error}");
    }
    assert_eq!(json(&db, all).await, before);
}

#[tokio::test]
async fn search_path_and_temporary_objects_cannot_redirect_an_entry() {
    let shop = shop().await;
    let role = shop.role("web").await;
    run(
        &shop.connect().await,
        &format!("create schema trap; grant all on schema trap to \"{role}\""),
    )
    .await;
    let session = shop.session_as("attacker", "web").await;
    let db = session.db();
    run(
        &db,
        "create table trap.audit_entry (like archive.audit_entry); create temporary table audit_entry (like archive.audit_entry);
         create table trap.pg_class (n int);
         create function trap.current_setting(text, boolean) returns text language sql as $$ select 'forged' $$;
         create function trap.clock_timestamp() returns timestamptz language sql as $$ select '2000-01-01'::timestamptz $$;
         create function trap.to_json(anyelement) returns json language sql as $$ select '\"forged\"'::json $$;
         create function trap.concat(variadic text[]) returns text language sql as $$ select ''::text $$;
         create function trap.never(bigint, bigint) returns boolean language sql as $$ select false $$;
         create function trap.never(text, text) returns boolean language sql as $$ select false $$;
         create operator trap.= (leftarg = bigint, rightarg = bigint, function = trap.never);
         create operator trap.= (leftarg = text, rightarg = text, function = trap.never);
         set search_path = trap, pg_temp, public, pg_catalog;
         select set_config('app.current_user', 'alice', false)",
    )
    .await;
    run(&db, "insert into customers (id, email) values (1, 'a')").await;
    run(&db, "update customers set email = 'b'").await;
    run(&db, "delete from customers").await;
    let caught = "select pg_catalog.to_jsonb((select pg_catalog.count(*) from trap.audit_entry) + (select pg_catalog.count(*) from pg_temp.audit_entry))";
    assert_eq!(json(&db, caught).await, [json!(0)]);
    let logged = "select pg_catalog.jsonb_build_array(operation, old->'email', new->'email', actor, at > '2020-01-01') from archive.audit_entry order by id";
    assert_eq!(
        json(&db, logged).await,
        [
            json!(["INSERT", null, "a", "alice", true]),
            json!(["UPDATE", "a", "b", "alice", true]),
            json!(["DELETE", "b", null, "alice", true]),
        ]
    );
}

#[tokio::test]
async fn entry_has_the_login_role_after_set_role() {
    let shop = shop().await;
    let (web, other) = (shop.role("web").await, shop.role("other").await);
    run(
        &shop.connect().await,
        &format!("grant \"{other}\" to \"{web}\"; grant insert on customers to \"{other}\"; grant usage on sequence customers_id_seq to \"{other}\""),
    )
    .await;
    let session = shop.session_as("web", "web").await;
    let db = session.db();
    run(&db, &format!("set role \"{other}\"")).await;
    run(&db, "insert into customers (email) values ('a')").await;
    run(&db, "reset role").await;
    let logged = "select to_jsonb(database_user) from archive.audit_entry";
    assert_eq!(json(&db, logged).await, [json!(web)]);
}

#[tokio::test]
async fn changes_of_a_superuser_in_replica_mode_are_logged() {
    let shop = shop().await;
    let session = shop.session("replica").await;
    let db = session.db();
    run(&db, "set session_replication_role = replica").await;
    run(&db, "insert into customers (id, email) values (1, 'a')").await;
    run(&db, "update customers set email = 'b'").await;
    assert_eq!(
        json(
            &db,
            "select to_jsonb(operation) from archive.audit_entry order by id"
        )
        .await,
        [json!("INSERT"), json!("UPDATE")]
    );
}
