//! Faults of the log and of its input, and their effect on the write.

use sea_orm::QueryOrder;
use sea_orm::{ConnectionTrait, EntityTrait, TransactionTrait};
use sea_orm_archive::Context;
use sea_orm_archive::audit::{self, AuditEntity};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::AuditSchema;
use sea_orm_migration::SchemaManager;
use serde_json::json;

use crate::audit::database::{json, run, shop};
use crate::audit::entities::customer;

#[tokio::test]
async fn change_is_refused_if_the_log_cannot_be_written() {
    let shop = shop().await;
    let owner = shop.connect().await;
    let db = shop.connect_as("web").await;
    run(&db, "insert into customers (id, email) values (1, 'a')").await;
    // Simulates a full disk.
    run(
        &owner,
        "create function full_disk() returns trigger language plpgsql as
         $$ begin raise exception using errcode = 'disk_full', message = 'No space left on device'; end $$;
         create trigger full_disk before insert on archive.audit_entry for each row execute function full_disk()",
    )
    .await;
    for statement in [
        "insert into customers (id, email) values (2, 'b')",
        "update customers set email = 'c'",
        "delete from customers",
        "truncate customers cascade",
    ] {
        let error = db
            .execute_unprepared(statement)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("No space left"), "{error}");
    }
    let error = customer::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("No space left"), "{error}");
    assert_eq!(
        json(&db, "select jsonb_build_array(id, email) from customers").await,
        [json!([1, "a"])]
    );
    // An update that changes nothing is not logged.
    run(&db, "update customers set email = email").await;
    run(&owner, "drop function full_disk() cascade").await;
    customer::Entity::archive_by_id(1).exec(&db).await.unwrap();
}

#[tokio::test]
async fn write_without_a_partition_is_neither_lost_nor_refused() {
    let shop = shop().await;
    let owner = shop.connect().await;
    let db = shop.connect_as("web").await;
    let manager = SchemaManager::new(&owner);
    let partitions = "select to_jsonb(c.relname) from pg_inherits as i join pg_class as c on c.oid = i.inhrelid
                      where i.inhparent = 'archive.audit_entry'::regclass and c.relname <> 'audit_entry_default' order by c.relname";
    let created = json(&owner, partitions).await;
    assert_eq!(created.len(), 4, "this month and three more: {created:?}");
    for partition in &created {
        run(
            &owner,
            &format!("drop table archive.{}", partition.as_str().unwrap()),
        )
        .await;
    }
    run(&db, "insert into customers (id, email) values (1, 'a')").await;
    run(&db, "update customers set email = 'b'").await;
    let in_default = "select to_jsonb(count(*)) from archive.audit_entry_default";
    assert_eq!(json(&owner, in_default).await, [json!(2)]);
    assert_eq!(
        customer::Entity::find_audit_by_id(1)
            .order_by_asc(sea_orm_archive::audit::Column::Id)
            .all(&db)
            .await
            .unwrap()
            .len(),
        2
    );
    // The application creates the partitions, and the rows of the default partition move into them.
    assert_eq!(audit::make_partitions(&db, 1).await.unwrap(), 2);
    assert_eq!(audit::make_partitions(&db, 1).await.unwrap(), 0);
    manager.make_audit_partitions(2).await.unwrap();
    assert_eq!(json(&owner, partitions).await, created[..3]);
    assert_eq!(json(&owner, in_default).await, [json!(0)]);
    let entries = customer::Entity::find_audit_by_id(1)
        .order_by_asc(sea_orm_archive::audit::Column::Id)
        .all(&db)
        .await
        .unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(
        entries[1].change_of(customer::Column::Email).unwrap().new,
        Some(json!("b"))
    );
    assert!(audit::make_partitions(&db, 25).await.is_err());
}

#[tokio::test]
async fn row_as_of_a_dropped_month_is_an_error_with_the_start_of_the_log() {
    let shop = shop().await;
    let owner = shop.connect().await;
    let db = shop.connect_as("web").await;
    let manager = SchemaManager::new(&owner);
    run(&db, "insert into customers (id, email) values (1, 'a')").await;
    // Entries of last year: one month has a partition, the other is in the default one.
    run(
        &owner,
        "create table archive.audit_entry_2025_01 (like archive.audit_entry including defaults including generated);
         alter table archive.audit_entry attach partition archive.audit_entry_2025_01 for values from ('2025-01-01 00:00:00+00') to ('2025-02-01 00:00:00+00');
         insert into archive.audit_entry (at, transaction_id, operation, table_name, database_user)
         select at, 1, 'INSERT', 'public.customers', 'old' from unnest('{2025-01-15, 2025-02-15, 2025-03-15}'::timestamptz[]) as at;
         update archive.audited_table set audited_since = '2025-01-01'",
    )
    .await;
    manager.drop_audit_partitions("2025-03-20").await.unwrap();
    let left = "select to_jsonb(date_trunc('day', at at time zone 'UTC')) from archive.audit_entry where database_user = 'old'";
    assert_eq!(json(&owner, left).await, [json!("2025-03-15T00:00:00")]);
    let before = "2025-02-20T00:00:00Z".parse().unwrap();
    let error = customer::Entity::find_as_of(1, before)
        .one(&db)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("since 2025-03-01"), "{error}");
    assert!(manager.drop_audit_partitions("no date").await.is_err());
}

#[tokio::test]
async fn odd_actors_are_logged() {
    let shop = shop().await;
    let db = shop.connect_as("web").await;
    let megabyte: String = (0..1 << 18)
        .map(|n| format!("{:04x}", n * 7919 % 65536))
        .collect();
    let odd = ["o'hara \"x\" \\", "{}", "ä\u{1f980}", megabyte.as_str()];
    for (n, actor) in odd.iter().enumerate() {
        let context = Context::new()
            .actor(*actor)
            .tenant(*actor)
            .request_id(*actor)
            .reason(*actor);
        let txn = context.begin(&db).await.unwrap();
        run(
            &txn,
            &format!("insert into customers (id, email) values ({n}, 'a')"),
        )
        .await;
        txn.commit().await.unwrap();
    }
    for actor in &odd[..3] {
        assert_eq!(
            audit::Entity::find_by_actor(*actor)
                .order_by_asc(sea_orm_archive::audit::Column::Id)
                .all(&db)
                .await
                .unwrap()
                .len(),
            1,
            "{actor}"
        );
    }
    let last = customer::Entity::find_audit_by_id(3)
        .order_by_asc(sea_orm_archive::audit::Column::Id)
        .all(&db)
        .await
        .unwrap()
        .pop()
        .unwrap();
    let actor = last.actor.unwrap();
    // Shortened to fit into an index, with a hash that distinguishes it from others with the same prefix.
    assert!(
        actor.len() < 200 && actor.starts_with(&megabyte[..80]) && actor.contains("md5"),
        "{actor}"
    );
    let details = audit::details::Entity::find_by_id(last.details_id.unwrap())
        .one(&db)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(details.details["reason"], json!(megabyte));
}

#[tokio::test]
async fn absent_or_invalid_settings_refuse_no_change() {
    let shop = shop().await;
    let session = shop.session_as("client", "web").await;
    let db = session.db();
    run(&db, "insert into customers (id, email) values (1, 'a')").await;
    for (setting, value) in [
        ("app.request_details", "this is no JSON"),
        ("app.request_details", "{\"a\": \"\\u0000\"}"),
        ("app.current_org_id", "''"),
        ("archive.moving", ",,,"),
        ("archive.moving", "%s"),
    ] {
        let quoted = value.replace('\'', "''");
        run(
            &db,
            &format!("select set_config('{setting}', '{quoted}', false)"),
        )
        .await;
        run(&db, "update customers set email = email || '.'").await;
    }
    run(&db, "set datestyle = 'sql, dmy'; set timezone = 'Asia/Kolkata'; set extra_float_digits = -15; set bytea_output = 'escape'").await;
    run(&db, "insert into orders values (1, 1, 0.1)").await;
    run(&db, "update orders set total = 1.0 / 3").await;
    let logged = "select jsonb_build_array(e.operation, e.actor, d.details) from archive.audit_entry as e
                left join archive.audit_details as d on d.id = e.details_id where table_name = 'public.customers' order by e.id";
    let logged = json(&db, logged).await;
    assert_eq!(logged.len(), 6);
    assert_eq!(logged[0], json!(["INSERT", null, null]));
    assert_eq!(logged[1], json!(["UPDATE", null, "this is no JSON"]));
    let exact = "select new->'total' from archive.audit_entry where table_name = 'public.orders' order by id desc limit 1";
    assert_eq!(json(&db, exact).await, [json!(0.333_333_333_333_333_3)]);
}

#[tokio::test]
async fn long_values_and_keys_are_logged() {
    let shop = shop().await;
    let db = shop.connect_as("web").await;
    let long = "select string_agg(md5(n::text), '') from generate_series(1, 100000) as n";
    run(
        &db,
        &format!("insert into customers (id, email) values (1, ({long}))"),
    )
    .await;
    run(
        &db,
        "update customers set email = email || 'x', tags = array['a', null]",
    )
    .await;
    let logged = "select to_jsonb(length(old->>'email')) from archive.audit_entry where operation = 'UPDATE'";
    assert_eq!(json(&db, logged).await, [json!(3_200_000)]);
    let owner = shop.connect().await;
    let manager = SchemaManager::new(&owner);
    run(&owner, "create table slugs (slug text primary key, n int)").await;
    manager.audit_table("slugs").await.unwrap();
    // The longest key that a primary key allows.
    run(&owner, "insert into slugs values (repeat('ä', 1300), 1)").await;
    run(&owner, "update slugs set n = 2").await;
    let logged = "select to_jsonb(length(key->>'slug')) from archive.audit_entry where table_name = 'public.slugs'";
    assert_eq!(json(&owner, logged).await, [json!(1300), json!(1300)]);
}

/// Race: a write goes to the default partition while the partition of its month is created. Without the lock on the
/// default partition its row would stay there, and the new partition could not be attached.
#[tokio::test]
async fn partition_can_be_created_during_a_write_of_its_month() {
    let shop = shop().await;
    let owner = shop.connect().await;
    run(
        &owner,
        "do $$ declare p regclass; begin
            for p in select inhrelid::regclass from pg_inherits where inhparent = 'archive.audit_entry'::regclass
                and inhrelid <> 'archive.audit_entry_default'::regclass
            loop execute format('drop table %s', p); end loop; end $$",
    )
    .await;
    let (writer, creator) = (
        shop.session_as("writer", "web").await,
        shop.session_as("creator", "web").await,
    );
    let writing = writer.db().begin().await.unwrap();
    run(
        &writing,
        "insert into customers (id, email) values (1, 'a')",
    )
    .await;
    let db = creator.db();
    let creating = creator.start(async move { audit::make_partitions(&db, 0).await });
    shop.wait_until_blocked_by(&creator, &writer).await;
    writing.commit().await.unwrap();
    assert_eq!(creating.finish().await.unwrap(), 1);
    let in_default = "select to_jsonb(count(*)) from archive.audit_entry_default";
    assert_eq!(json(&owner, in_default).await, [json!(0)]);
    assert_eq!(
        customer::Entity::find_audit_by_id(1)
            .order_by_asc(sea_orm_archive::audit::Column::Id)
            .all(&owner)
            .await
            .unwrap()
            .len(),
        1
    );
}
