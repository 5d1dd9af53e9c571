//! What each kind of change leaves in the log.

use serde_json::json;

use crate::database::{entries, run, shop};

#[tokio::test]
async fn a_change_tells_what_changed_and_nothing_else() {
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
    let gone = json!({"id": 1, "email": "b@x", "name": "Ann", "balance": 1.50, "tags": null, "settings": null, "note": null,
                      "joined": "2026-01-01T00:00:00+00:00"});
    let key = json!({"id": 1});
    assert_eq!(
        entries(&db).await,
        [
            json!(["INSERT", "public.customers", key, null, row]),
            json!(["UPDATE", "public.customers", key, {"email": "a@x"}, {"email": "b@x"}]),
            json!(["UPDATE", "public.customers", key, {"name": null, "balance": 0.00}, {"name": "Ann", "balance": 1.50}]),
            json!(["DELETE", "public.customers", key, gone, null]),
        ]
    );
}
