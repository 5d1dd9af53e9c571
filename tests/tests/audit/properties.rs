//! After random changes of a few rows, each is read as it was at every time.

use std::collections::BTreeMap;

use sea_orm::EntityTrait;
use sea_orm::prelude::DateTimeUtc;
use sea_orm_archive::prelude::*;

use crate::audit::database::{clock, run, shop};
use crate::audit::entities::{customer, order};

const KEYS: [(i64, i32); 4] = [(1, 1), (1, 2), (2, 1), (2, 2)];

/// The total of each order, and whether it is archived.
type Snapshot = BTreeMap<(i64, i32), (f64, bool)>;

#[tokio::test]
async fn every_row_as_of_a_time_is_what_it_was() {
    for seed in 0..3 {
        check(seed).await;
    }
}

async fn check(seed: u64) {
    let shop = shop().await;
    let db = shop.connect_as("web").await;
    run(
        &db,
        "insert into customers (id, email) values (1, 'a'), (2, 'b')",
    )
    .await;
    let mut random = seed * 7919 + 1;
    let mut next = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let mut history: Vec<(DateTimeUtc, Snapshot, String)> = Vec::new();
    for step in 0..40 {
        let (customer, number) = KEYS[usize::try_from(next(4)).unwrap()];
        let done = match next(9) {
            0..=2 => format!("insert into orders values ({customer}, {number}, {step}) on conflict do nothing"),
            3 => format!("update orders set total = {step} where customer_id = {customer}"),
            4 => format!("update orders set total = {step}.5 where number = {number}"),
            5 => format!("delete from orders where customer_id = {customer} and number = {number}"),
            // An update of the key.
            6 => format!("update orders set number = 3 - number where customer_id = {customer} and not exists
                          (select from deleted_orders as d where d.customer_id = {customer})
                          and (select count(*) from orders as o where o.customer_id = {customer}) = 1"),
            7 => {
                let _ = customer::Entity::archive_by_id(customer).exec(&db).await;
                format!("archive {customer}")
            }
            _ => {
                let _ = customer::Entity::restore_by_id(customer).exec(&db).await;
                format!("restore {customer}")
            }
        };
        if done.contains("orders") {
            // Refused where the customer is archived.
            let _ = sea_orm::ConnectionTrait::execute_unprepared(&db, &done).await;
        }
        history.push((clock(&db).await, snapshot(&db).await, done));
    }
    let steps: Vec<_> = history.iter().map(|(_, _, done)| done.as_str()).collect();
    for (n, (at, snapshot, _)) in history.iter().enumerate() {
        for key in KEYS {
            let found = order::Entity::find_as_of(key, *at).one(&db).await.unwrap();
            let found = found.map(|was| (was.row.total, was.archived));
            assert_eq!(
                found,
                snapshot.get(&key).copied(),
                "seed {seed}, {key:?} after step {n} of {steps:#?}"
            );
        }
    }
}

async fn snapshot(db: &sea_orm::DatabaseConnection) -> Snapshot {
    let active = order::Entity::find().all(db).await.unwrap();
    let active = active
        .into_iter()
        .map(|o| ((o.customer_id, o.number), (o.total, false)));
    let archived = order::deleted::Entity::find().all(db).await.unwrap();
    let archived = archived
        .into_iter()
        .map(|o| ((o.customer_id, o.number), (o.total, true)));
    active.chain(archived).collect()
}
