//! The entries of each kind of change.

use sea_orm_archive::prelude::*;
use serde_json::{Value as Json, json};

use crate::audit::database::{entries, json, run, shop};
use crate::audit::entities::customer;

#[tokio::test]
async fn entry_has_only_the_columns_that_changed() {
    let shop = shop().await;
    let db = shop.connect_as("web").await;
    run(&db, "insert into customers (id, email) values (1, 'a@x')").await;
    run(
        &db,
        "update customers set email = 'b@x', seen_at = now() where id = 1",
    )
    .await;
    run(
        &db,
        "update customers set name = 'Ann', balance = 1.50 where id = 1",
    )
    .await;
    run(&db, "delete from customers where id = 1").await;
    let row = json!({"id": 1, "email": "a@x", "name": null, "balance": 0.00, "tags": null, "settings": null, "note": null,
                     "joined": "2026-01-01T00:00:00+00:00"});
    let deleted = json!({"id": 1, "email": "b@x", "name": "Ann", "balance": 1.50, "tags": null, "settings": null, "note": null,
                      "joined": "2026-01-01T00:00:00+00:00"});
    let key = json!({"id": 1});
    assert_eq!(
        entries(&db).await,
        [
            json!(["INSERT", "public.customers", key, null, row]),
            json!(["UPDATE", "public.customers", key, {"email": "a@x"}, {"email": "b@x"}]),
            json!(["UPDATE", "public.customers", key, {"name": null, "balance": 0.00}, {"name": "Ann", "balance": 1.50}]),
            json!(["DELETE", "public.customers", key, deleted, null]),
        ]
    );
}

#[tokio::test]
async fn archive_and_restore_log_one_entry_per_row() {
    let shop = shop().await;
    let db = shop.connect_as("web").await;
    run(&db, "insert into customers (id, email) values (1, 'a@x'), (2, 'b@x');
              insert into orders select c, n from generate_series(1, 2) as c, generate_series(1, 2) as n").await;
    let before = entries(&db).await.len();
    let archival = customer::Entity::archive_by_id(1).exec(&db).await.unwrap();
    archival.restore(&db).await.unwrap();
    let id = archival.id;
    let moves = json(
        &db,
        "select jsonb_build_array(operation, table_name, key, old, new, archival_id) from archive.audit_entry order by id",
    )
    .await;
    let moved =
        |operation: &str, table: &str, key: Json| json!([operation, table, key, null, null, id]);
    let mut moves = moves[before..].to_vec();
    moves.sort_by_key(ToString::to_string);
    let mut expected = Vec::new();
    for operation in ["ARCHIVE", "RESTORE"] {
        expected.push(moved(operation, "public.customers", json!({"id": 1})));
        for number in [1, 2] {
            let key = json!({"customer_id": 1, "number": number});
            expected.push(moved(operation, "public.orders", key));
        }
    }
    expected.sort_by_key(ToString::to_string);
    assert_eq!(moves, expected);
    let unfinished = "select to_jsonb(count(*)) from archive.audit_move";
    assert_eq!(json(&shop.connect().await, unfinished).await, [json!(0)]);
}

#[tokio::test]
async fn entries_have_the_actor_of_the_archive_and_of_the_restore() {
    let shop = shop().await;
    let db = shop.connect_as("web").await;
    run(
        &db,
        "insert into customers (id, email) values (1, 'a@x'); insert into orders values (1, 1)",
    )
    .await;
    let archival = customer::Entity::archive_by_id(1)
        .by(7)
        .exec(&db)
        .await
        .unwrap();
    sea_orm_archive::archival::Entity::restore_by_id(archival.id)
        .by(8)
        .exec(&db)
        .await
        .unwrap();
    let logged = "select jsonb_build_array(operation, actor) from archive.audit_entry where operation <> 'INSERT' order by operation, actor";
    let [archived, restored] = [json!(["ARCHIVE", "7"]), json!(["RESTORE", "8"])];
    assert_eq!(
        json(&db, logged).await,
        [archived.clone(), archived, restored.clone(), restored]
    );
}
