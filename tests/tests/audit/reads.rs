//! Reads of the log with SeaORM.

use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use sea_orm::{IntoActiveModel, Set, TransactionTrait};
use sea_orm_archive::audit::{self, AuditEntity, Operation};
use sea_orm_archive::error::{NotFoundError, SetupError};
use sea_orm_archive::prelude::*;
use sea_orm_archive::{Context, Error};
use sea_orm_archive_migration::AuditSchema;
use serde_json::json;

use crate::audit::database::{clock, run, shop};
use crate::audit::entities::{customer, order};

#[tokio::test]
async fn changes_of_a_column_have_their_actor_and_both_values() {
    let shop = shop().await;
    let db = shop.connect_as("web").await;
    run(
        &db,
        "insert into customers (id, email) values (7, 'old@x'), (8, 'other@x')",
    )
    .await;
    let support = Context::new()
        .actor("support")
        .request_id("r1")
        .reason("ticket 5");
    let txn = support.begin(&db).await.unwrap();
    let customer = customer::Entity::find_by_id(7)
        .one(&txn)
        .await
        .unwrap()
        .unwrap();
    let mut change = customer.into_active_model();
    change.email = Set("new@x".to_owned());
    change.update(&txn).await.unwrap();
    txn.commit().await.unwrap();
    run(&db, "update customers set name = 'Ann' where id = 7").await;

    let changes = customer::Entity::find_changes_of(7, customer::Column::Email)
        .order_by_asc(sea_orm_archive::audit::Column::Id)
        .all(&db)
        .await
        .unwrap();
    assert_eq!(changes.len(), 2, "{changes:?}");
    assert_eq!(changes[0].operation, Operation::Insert);
    let entry = &changes[1];
    let change = entry.change_of(customer::Column::Email).unwrap();
    assert_eq!(entry.actor.as_deref(), Some("support"));
    assert_eq!(
        (change.old, change.new),
        (Some(json!("old@x")), Some(json!("new@x")))
    );
    let details = entry
        .find_related(audit::details::Entity)
        .one(&db)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(details.details, json!({"reason": "ticket 5"}));

    let all = customer::Entity::find_audit_by_id(7)
        .order_by_asc(sea_orm_archive::audit::Column::Id)
        .all(&db)
        .await
        .unwrap();
    assert_eq!(all.len(), 3);
    let by_actor = audit::Entity::find_by_actor("support")
        .order_by_asc(sea_orm_archive::audit::Column::Id)
        .all(&db)
        .await
        .unwrap();
    assert_eq!(by_actor, std::slice::from_ref(entry));
    assert_eq!(
        audit::Entity::find_by_request("r1")
            .order_by_asc(sea_orm_archive::audit::Column::Id)
            .all(&db)
            .await
            .unwrap(),
        by_actor
    );
    assert_eq!(
        audit::Entity::find_by_transaction(entry.transaction_id)
            .order_by_asc(sea_orm_archive::audit::Column::Id)
            .all(&db)
            .await
            .unwrap(),
        by_actor
    );
    assert_eq!(
        customer::Entity::find_audit()
            .order_by_asc(sea_orm_archive::audit::Column::Id)
            .all(&db)
            .await
            .unwrap()
            .len(),
        4
    );
    assert_eq!(
        order::Entity::find_audit()
            .order_by_asc(sea_orm_archive::audit::Column::Id)
            .all(&db)
            .await
            .unwrap(),
        []
    );
}

#[tokio::test]
async fn row_as_of_a_time_is_what_it_was() {
    let shop = shop().await;
    let db = shop.connect_as("web").await;
    let mut times = vec![clock(&db).await];
    let steps = [
        "insert into customers (id, email, balance) values (7, 'a@x', 1)",
        "update customers set email = 'b@x', balance = 2.50 where id = 7",
        "update customers set email = 'c@x', name = 'Ann' where id = 7",
    ];
    for step in steps {
        run(&db, step).await;
        times.push(clock(&db).await);
    }
    let archival = customer::Entity::archive_by_id(7).exec(&db).await.unwrap();
    times.push(clock(&db).await);
    archival.restore(&db).await.unwrap();
    times.push(clock(&db).await);

    for deleted in [false, true] {
        if deleted {
            run(&db, "delete from customers where id = 7").await;
        }
        let mut rows = Vec::new();
        for time in &times {
            let was = customer::Entity::find_as_of(7, *time).one(&db).await;
            if deleted && !rows.is_empty() {
                // The deleted row had a password, which the log does not contain.
                assert!(
                    matches!(
                        was,
                        Err(Error::NotFound(NotFoundError::UnknownColumns { .. }))
                    ),
                    "{was:?}"
                );
                continue;
            }
            rows.push(was.unwrap().map(|was| {
                (
                    was.row.email,
                    was.row.balance.to_string(),
                    was.row.name,
                    was.archived,
                )
            }));
        }
        if deleted {
            continue;
        }
        let row = |email: &str, balance: &str, name: Option<&str>, archived| {
            Some((
                email.to_owned(),
                balance.to_owned(),
                name.map(str::to_owned),
                archived,
            ))
        };
        assert_eq!(
            rows,
            [
                None,
                row("a@x", "1.00", None, false),
                row("b@x", "2.50", None, false),
                row("c@x", "2.50", Some("Ann"), false),
                row("c@x", "2.50", Some("Ann"), true),
                row("c@x", "2.50", Some("Ann"), false),
            ]
        );
    }
}

#[tokio::test]
async fn row_as_of_a_time_before_its_deletion_is_read_from_the_log() {
    let shop = shop().await;
    let db = shop.connect_as("web").await;
    run(&db, "insert into customers (id, email) values (1, 'a@x'); insert into orders values (1, 1, 0.1)").await;
    let first = clock(&db).await;
    run(&db, "update orders set total = 1e300 where number = 1").await;
    let second = clock(&db).await;
    run(&db, "delete from orders").await;
    let third = clock(&db).await;
    run(&db, "insert into orders values (1, 1, 'NaN')").await;
    let was = async |at| {
        order::Entity::find_as_of((1, 1), at)
            .one(&db)
            .await
            .unwrap()
            .map(|was| was.row.total)
    };
    assert_eq!(was(first).await, Some(0.1));
    assert_eq!(was(second).await, Some(1e300));
    assert_eq!(was(third).await, None);
    assert!(was(clock(&db).await).await.unwrap().is_nan());
}

#[tokio::test]
async fn row_as_of_a_time_that_the_log_does_not_cover_is_an_error() {
    let shop = shop().await;
    let db = shop.connect_as("web").await;
    let long_ago = "2000-01-01T00:00:00Z".parse().unwrap();
    let error = customer::Entity::find_as_of(7, long_ago)
        .one(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::NotFound(NotFoundError::LogEntries { .. })),
        "{error}"
    );
    let error = sea_orm_archive::archival::Entity::find_as_of(7, long_ago)
        .one(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Setup(SetupError::NotAudited { .. })),
        "{error}"
    );
    // Columns that are excluded, or redacted and changed since, are unknown.
    run(&db, "insert into customers (id, email) values (7, 'a@x')").await;
    let then = clock(&db).await;
    run(&db, "update customers set password = 'new' where id = 7").await;
    let was = customer::Entity::find_as_of(7, then)
        .one(&db)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(was.unknown, ["password", "seen_at"]);
    let now = clock(&db).await;
    let was = customer::Entity::find_as_of(7, now)
        .one(&db)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(was.unknown, ["seen_at"]);
    let entry = customer::Entity::find_audit_by_id(7)
        .order_by_asc(sea_orm_archive::audit::Column::Id)
        .all(&db)
        .await
        .unwrap()
        .pop()
        .unwrap();
    assert_eq!(entry.changes().len(), 1);
    assert!(entry.changes()[0].redacted && entry.old.is_none() && entry.new.is_none());
}

#[tokio::test]
async fn details_are_stored_once_per_transaction() {
    let shop = shop().await;
    let db = shop.connect_as("web").await;
    let context = Context::new()
        .actor(1)
        .client_address([10, 0, 0, 9])
        .user_agent("curl");
    let txn = context.begin(&db).await.unwrap();
    run(
        &txn,
        "insert into customers (id, email) select n, 'x' from generate_series(1, 50) as n",
    )
    .await;
    run(&txn, "update customers set email = 'y'").await;
    let nested = txn.begin().await.unwrap();
    run(&nested, "update customers set email = 'z' where id = 1").await;
    nested.commit().await.unwrap();
    txn.commit().await.unwrap();
    let details = audit::details::Entity::find().all(&db).await.unwrap();
    assert_eq!(details.len(), 1);
    assert_eq!(
        details[0].details,
        json!({"client_address": "10.0.0.9", "user_agent": "curl"})
    );
    let entries = details[0]
        .find_related(audit::Entity)
        .all(&db)
        .await
        .unwrap();
    assert_eq!(entries.len(), 101);
    assert!(
        entries
            .iter()
            .all(|entry| entry.actor.as_deref() == Some("1"))
    );
}

/// An empty list would read as "nothing happened".
#[tokio::test]
async fn every_read_of_the_log_refuses_a_table_that_is_not_audited() {
    let shop = shop().await;
    let owner = shop.connect().await;
    run(
        &owner,
        "create table entries (id bigint primary key, title text)",
    )
    .await;
    let db = shop.connect_as("web").await;
    let reads = [
        entry::Entity::find_audit(),
        entry::Entity::find_audit_by_id(1),
        entry::Entity::find_changes_of(1, entry::Column::Title),
        entry::Entity::find_audit().order_by_desc(audit::Column::Id),
    ];
    for read in reads {
        let count = read.clone().count(&db).await.map(|_| ());
        let first = read.clone().one(&db).await.map(|_| ());
        let page = read
            .clone()
            .paginate(&db, 10)
            .fetch_page(0)
            .await
            .map(|_| ());
        for answer in [read.all(&db).await.map(|_| ()), count, first, page] {
            let error = Error::from(answer.unwrap_err());
            assert!(
                matches!(&error, Error::Setup(SetupError::NotAudited { table }) if table == "entries"),
                "{error}"
            );
        }
    }
}

/// The caller passes the order: here the newest first, in pages.
#[tokio::test]
async fn entries_are_read_in_the_order_of_the_caller() {
    let shop = shop().await;
    let db = shop.connect_as("web").await;
    for id in 1..=3 {
        run(
            &db,
            &format!("insert into customers (id, email) values ({id}, '{id}@x')"),
        )
        .await;
    }
    let newest = customer::Entity::find_audit()
        .order_by_desc(audit::Column::Id)
        .paginate(&db, 2)
        .fetch_page(0)
        .await
        .unwrap();
    let keys: Vec<_> = newest
        .iter()
        .map(|entry| entry.key.clone().unwrap()["id"].clone())
        .collect();
    assert_eq!(keys, [json!(3), json!(2)]);
}

/// The statement that reads a past row has parts with names of their own.
#[tokio::test]
async fn a_table_named_as_a_part_of_the_statement_is_read_as_of_a_time() {
    let shop = shop().await;
    let owner = shop.connect().await;
    run(
        &owner,
        "create table boundary (id bigint primary key, title text)",
    )
    .await;
    let manager = sea_orm_migration::SchemaManager::new(&owner);
    manager.audit_table("boundary").await.unwrap();
    run(&owner, "insert into boundary values (1, 'first')").await;
    let then = clock(&owner).await;
    run(&owner, "update boundary set title = 'second'").await;
    let past = boundary::Entity::find_as_of(1, then)
        .one(&owner)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(past.row.title.as_deref(), Some("first"));
    assert!(!past.archived);
}

mod boundary {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "boundary")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub title: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod entry {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "entries")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub title: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
