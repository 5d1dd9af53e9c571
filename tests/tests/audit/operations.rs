//! Every kind of statement that changes a row is logged.

use sea_orm_archive_migration::{ArchiveSchema, AuditSchema};
use sea_orm_archive_tests::Database;
use sea_orm_migration::SchemaManager;
use serde_json::{Value as Json, json};

use crate::audit::database::{entries, json, run, shop};

/// Runs the statement. Returns its entries as `operation table key`, sorted, since they have no order.
async fn log_of(db: &sea_orm::DatabaseConnection, statement: &str) -> Vec<String> {
    let before = entries(db).await.len();
    run(db, statement).await;
    let mut logged: Vec<_> = entries(db).await[before..]
        .iter()
        .map(|entry| {
            format!(
                "{} {} {}",
                entry[0].as_str().unwrap(),
                entry[1].as_str().unwrap(),
                entry[2]
            )
        })
        .collect();
    logged.sort();
    // All entries of one statement, table and operation have one time.
    let times = format!(
        "select to_jsonb(count(distinct at)) from (select * from archive.audit_entry order by id offset {before}) as e
         where table_name = 'public.customers' group by operation"
    );
    assert!(
        json(db, &times).await.iter().all(|times| *times == 1),
        "{statement}"
    );
    logged
}

#[tokio::test]
async fn bulk_statements_and_cascades_log_every_row() {
    let shop = shop().await;
    let db = shop.connect_as("web").await;
    let customers = |operation: &str, ids: &[i64]| -> Vec<String> {
        ids.iter()
            .map(|id| format!("{operation} public.customers {{\"id\":{id}}}"))
            .collect()
    };
    assert_eq!(
        log_of(
            &db,
            "insert into customers (id, email) select n, 'c' || n from generate_series(1, 5) as n"
        )
        .await,
        customers("INSERT", &[1, 2, 3, 4, 5])
    );
    assert_eq!(
        log_of(&db, "update customers set email = 'x' where id <= 2").await,
        customers("UPDATE", &[1, 2])
    );
    // Nothing changes: nothing is logged.
    assert_eq!(
        log_of(&db, "update customers set email = email").await,
        [""; 0]
    );
    assert_eq!(
        log_of(&db, "update customers set seen_at = now()").await,
        [""; 0]
    );
    assert_eq!(
        log_of(&db, "update customers set email = 'y' where false").await,
        [""; 0]
    );
    // Equal values with other bytes.
    run(&db, "insert into orders values (5, 9, '0')").await;
    assert_eq!(
        log_of(&db, "update orders set total = '-0'").await,
        ["UPDATE public.orders {\"customer_id\":5,\"number\":9}"]
    );
    run(&db, "delete from orders").await;
    assert_eq!(
        log_of(&db, "insert into customers (id, email) values (5, 'z'), (6, 'z') on conflict (id) do update set email = excluded.email").await,
        [customers("INSERT", &[6]), customers("UPDATE", &[5])].concat()
    );
    assert_eq!(
        log_of(
            &db,
            "merge into customers as c using (values (4), (5), (7)) as v (id) on c.id = v.id
             when matched and c.id = 4 then delete when matched then update set name = 'merged'
             when not matched then insert (id, email) values (v.id, 'merged')"
        )
        .await,
        [
            customers("DELETE", &[4]),
            customers("INSERT", &[7]),
            customers("UPDATE", &[5])
        ]
        .concat()
    );
    run(&db, "insert into orders select c, n from generate_series(1, 2) as c, generate_series(1, 2) as n").await;
    let orders = [(1, 1), (1, 2), (2, 1), (2, 2)]
        .map(|(c, n)| format!("DELETE public.orders {{\"customer_id\":{c},\"number\":{n}}}"));
    assert_eq!(
        log_of(&db, "delete from customers where id <= 2").await,
        [customers("DELETE", &[1, 2]), orders.to_vec()].concat()
    );
}

#[tokio::test]
async fn update_of_the_key_is_logged_as_delete_and_insert() {
    let shop = shop().await;
    let db = shop.connect_as("web").await;
    run(
        &db,
        "insert into customers (id, email) values (1, 'a'), (2, 'b'), (3, 'c')",
    )
    .await;
    let logged = log_of(
        &db,
        "update customers set id = 10, email = 'x' where id = 1",
    )
    .await;
    assert_eq!(
        logged,
        [
            "DELETE public.customers {\"id\":1}",
            "INSERT public.customers {\"id\":10}"
        ]
    );
    // The entries have whole rows, with several rows as with one.
    run(
        &db,
        "insert into customers (id, email, balance, tags, note) values (4, 'd', 1.50, '{x}', '{\"a\": 1}'), (5, 'e', 2, null, null)",
    )
    .await;
    let rows = "select to_jsonb(c) - '{password,seen_at}'::text[] from customers as c where id % 20 in (4, 5) order by id";
    let before = json(&db, rows).await;
    log_of(
        &db,
        "update customers set id = id + 20, email = email || '!' where id in (4, 5)",
    )
    .await;
    let of = |operation: &str, values: &str| {
        format!(
            "select {values} from (select * from archive.audit_entry order by id desc limit 4) as e
             where operation = '{operation}' order by key"
        )
    };
    assert_eq!(json(&db, &of("DELETE", "old")).await, before);
    assert_eq!(json(&db, &of("INSERT", "new")).await, json(&db, rows).await);
    // Two rows that swap their keys: each key is logged with an UPDATE from its old row to its new one.
    run(
        &shop.connect().await,
        "alter table customers drop constraint customers_pkey cascade, add primary key (id) deferrable",
    )
    .await;
    run(&db, "update customers set id = 5 - id where id in (2, 3)").await;
    let last = json(&db, "select jsonb_build_array(operation, key, old, new) from archive.audit_entry order by id desc limit 2").await;
    let mut last: Vec<_> = last.iter().map(Json::to_string).collect();
    last.sort();
    assert_eq!(
        last,
        [
            json!(["UPDATE", {"id": 2}, {"email": "b"}, {"email": "c"}]).to_string(),
            json!(["UPDATE", {"id": 3}, {"email": "c"}, {"email": "b"}]).to_string(),
        ]
    );
}

#[tokio::test]
async fn truncate_logs_every_row() {
    let shop = shop().await;
    let db = shop.connect_as("web").await;
    run(&db, "insert into customers (id, email) values (1, 'a'), (2, 'b'); insert into orders values (1, 1)").await;
    assert_eq!(
        log_of(&db, "truncate customers, orders").await,
        [
            "TRUNCATE public.customers {\"id\":1}",
            "TRUNCATE public.customers {\"id\":2}",
            "TRUNCATE public.orders {\"customer_id\":1,\"number\":1}",
        ]
    );
    // The truncate of an empty table is logged too.
    assert_eq!(
        log_of(&db, "truncate orders").await,
        ["TRUNCATE public.orders null"]
    );
}

#[tokio::test]
async fn changes_of_archived_rows_are_logged_with_their_archival() {
    use crate::audit::entities::customer;
    use sea_orm_archive::prelude::*;
    let shop = shop().await;
    let db = shop.connect_as("web").await;
    run(
        &db,
        "insert into customers (id, email) values (1, 'a'), (2, 'b')",
    )
    .await;
    let archived = customer::Entity::archive_many().exec(&db).await.unwrap();
    run(
        &db,
        "update deleted_customers set email = 'edited' where id = 1",
    )
    .await;
    run(
        &db,
        "update deleted_customers set deleted_by = 7, password = 'p' where id = 1",
    )
    .await;
    run(&db, "delete from deleted_customers where id = 2").await;
    let logged = json(
        &db,
        "select jsonb_build_array(operation, key, old, new->'email', redacted, archival_id) from archive.audit_entry
         where operation in ('UPDATE', 'DELETE') order by id",
    )
    .await;
    let [first, second] =
        [1, 2].map(|id| archived.iter().find(|a| a.root_key["id"] == id).unwrap().id);
    assert_eq!(
        logged[0],
        json!(["UPDATE", {"id": 1}, {"email": "a"}, "edited", null, first])
    );
    assert_eq!(
        logged[1],
        json!(["UPDATE", {"id": 1}, null, null, ["password"], first])
    );
    assert_eq!(logged[2][0], "DELETE");
    assert_eq!(
        (&logged[2][2]["email"], &logged[2][5]),
        (&json!("b"), &json!(second))
    );
    assert_eq!(logged[2][2].get("password"), None);
    assert_eq!(logged.len(), 3);
}

#[tokio::test]
async fn forged_move_is_refused() {
    let shop = shop().await;
    let forger = shop.session_as("forger", "web").await;
    let db = &forger.db();
    run(
        db,
        "insert into customers (id, email) values (1, 'a'), (2, 'b')",
    )
    .await;
    // The client sets `archive.moving` itself, and deletes rows.
    let forged = "begin; select set_config('archive.moving', format('%s:,%s,%s,', pg_current_xact_id(), 'customers'::regclass::oid, 'deleted_customers'::regclass::oid), true);";
    let refused = [
        "delete from customers where id = 1",
        // Another row arrives, or the same row with other values, or only one of two.
        "delete from customers where id = 1; insert into deleted_customers (id, email, password, balance, joined, deleted_at, archival_id)
         values (1, 'forged', 'secret', 0, '2026-01-01T00:00:00Z', now(), 1)",
        "delete from customers; insert into deleted_customers (id, email, password, balance, joined, deleted_at, archival_id)
         values (1, 'a', 'secret', 0, '2026-01-01T00:00:00Z', now(), 1)",
        "delete from customers; set constraints all immediate",
        // A row arrives that never left.
        "insert into deleted_customers (id, email, password, balance, joined, deleted_at, archival_id)
         values (9, 'a', 'secret', 0, '2026-01-01T00:00:00Z', now(), 1)",
    ];
    for attempt in refused {
        let refused = sea_orm::ConnectionTrait::execute_unprepared(
            db,
            &format!("{forged} {attempt}; commit"),
        )
        .await;
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("seemed to move"), "{attempt}: {error}");
        sea_orm::ConnectionTrait::execute_unprepared(db, "rollback")
            .await
            .unwrap();
    }
    let db = shop.connect_as("web").await;
    assert_eq!(
        json(&db, "select to_jsonb(count(*)) from customers").await,
        [json!(2)]
    );
    // A row inserted into the archive table with plain SQL, without the setting, is logged as an INSERT.
    run(
        &db,
        "insert into deleted_customers (id, email, password, balance, joined, deleted_at, archival_id)
         values (9, 'a', 'secret', 0, '2026-01-01T00:00:00Z', now(), 1)",
    )
    .await;
    let last = json(&db, "select jsonb_build_array(operation, key, archival_id) from archive.audit_entry order by id desc limit 1").await;
    assert_eq!(last, [json!(["INSERT", {"id": 9}, 1])]);
}

#[tokio::test]
async fn tables_of_every_kind_can_be_audited() {
    let database = Database::empty().await;
    let db = database.connect().await;
    let manager = SchemaManager::new(&db);
    run(
        &db,
        r#"create schema "odd ""schema";
           create table "odd ""schema"."Select {oid}" (
               "a {name}" int, "Order" text, "o" int default 1, "v_old" json, "a" int, "b" int, "key" text,
               primary key ("Order", "a {name}"));
           create table tree (id int primary key, parent int references tree on delete cascade, name text);
           create table parts (id int, region text, note text, primary key (id, region)) partition by list (region);
           create table parts_eu partition of parts for values in ('eu');
           create table parts_us (note text, region text not null, id int not null, primary key (id, region));
           alter table parts attach partition parts_us for values in ('us');"#,
    )
    .await;
    manager.install_archive().await.unwrap();
    manager.install_audit().await.unwrap();
    for table in ["tree", "parts"] {
        manager.audit_table(table).await.unwrap();
    }
    manager
        .audit_table(("odd \"schema", "Select {oid}"))
        .await
        .unwrap();

    run(&db, r#"insert into "odd ""schema"."Select {oid}" values (1, 'x''y', 2, '{"a": "\u0000"}', 3, 4, 'k')"#).await;
    run(
        &db,
        r#"update "odd ""schema"."Select {oid}" set v_old = '{"b": 1}', a = null"#,
    )
    .await;
    let odd = json(&db, "select jsonb_build_array(table_name, key, old, new) from archive.audit_entry where operation = 'UPDATE'").await;
    assert_eq!(
        odd,
        [
            json!(["odd \"schema.Select {oid}", {"Order": "x'y", "a {name}": 1},
                {"a": 3, "v_old": "{\"a\": \"\\u0000\"}"}, {"a": null, "v_old": {"b": 1}}])
        ]
    );

    run(
        &db,
        "insert into tree values (1, null, 'r'), (2, 1, 'c'), (3, 2, 'g')",
    )
    .await;
    let cascade = log_of(&db, "delete from tree where id = 1").await;
    assert_eq!(
        cascade,
        [1, 2, 3].map(|id| format!("DELETE public.tree {{\"id\":{id}}}"))
    );

    run(
        &db,
        "insert into parts values (1, 'eu', 'a'), (2, 'us', 'b')",
    )
    .await;
    let key = |id: i64, region: &str| format!("{{\"id\":{id},\"region\":\"{region}\"}}");
    assert_eq!(
        log_of(&db, "update parts set note = 'c' where id = 2").await,
        [format!("UPDATE public.parts {}", key(2, "us"))]
    );
    // The row moves to another partition.
    assert_eq!(
        log_of(&db, "update parts set region = 'us' where id = 1").await,
        [
            format!("DELETE public.parts {}", key(1, "eu")),
            format!("INSERT public.parts {}", key(1, "us"))
        ]
    );
    // By the partition's own name.
    assert_eq!(
        log_of(&db, "update parts_us set note = 'd' where id = 2").await,
        [format!("UPDATE public.parts {}", key(2, "us"))]
    );
    assert_eq!(
        log_of(&db, "delete from parts_us where id = 2").await,
        [format!("DELETE public.parts {}", key(2, "us"))]
    );
    assert_eq!(
        log_of(&db, "truncate parts").await,
        [
            "TRUNCATE public.parts null".to_owned(),
            format!("TRUNCATE public.parts {}", key(1, "us")),
        ]
    );
}
