//! Partitioned tables: a key that contains the partition column finds its partition when the statement is planned.

use sea_orm::prelude::DateTimeUtc;
use sea_orm::{DatabaseConnection, TransactionTrait};
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{dump, number, run};
use sea_orm_archive_tests::tables::{archive_table, tables};

const PARTITIONS: i64 = 100;

macro_rules! event {
    ($name:ident, $type:ty) => {
        mod $name {
            use sea_orm::entity::prelude::*;
            use sea_orm_archive::DeriveArchive;

            #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
            #[sea_orm(table_name = "events")]
            pub struct Model {
                #[sea_orm(primary_key, auto_increment = false)]
                pub part: $type,
                #[sea_orm(primary_key, auto_increment = false)]
                pub id: i64,
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}

event!(numbered, i32);
event!(dated, DateTimeUtc);

/// A table with a partition for each number, and three rows in each. `value` is the SQL for the value of the number `%s`.
async fn partitioned(db: &DatabaseConnection, sql_type: &str, value: &str) {
    run(
        db,
        &format!(
            "create table events (part {sql_type}, id bigint, primary key (part, id)) partition by range (part);
             do $$ begin for n in 1..{PARTITIONS} loop
                 execute format('create table events_%s partition of events for values from ({value}) to ({value})', n, n, n + 1);
                 execute format('insert into events select {value}, 3 * %1$s + id from generate_series(0, 2) as id', n);
             end loop; end $$",
            value = value.replace('\'', "''"),
        ),
    )
    .await;
    archive_table(db, "events").await;
}

async fn locks(db: &impl sea_orm::ConnectionTrait) -> i64 {
    number(db, "select count(distinct relation) from pg_locks where pid = pg_backend_pid() and relation::regclass::text like 'events%'").await
}

#[tokio::test]
async fn archive_locks_the_partition_of_the_root_and_no_other() {
    let (_database, db) = tables("", &[]).await;
    partitioned(&db, "integer", "%s").await;
    let before = dump(&db, "events").await;
    let txn = db.begin().await.unwrap();
    let archival = numbered::Entity::archive_by_id((7, 21))
        .exec(&txn)
        .await
        .unwrap();
    // At most the table, the partition, and the key of each.
    assert!(locks(&txn).await <= 4);
    txn.commit().await.unwrap();
    let txn = db.begin().await.unwrap();
    archival.restore(&txn).await.unwrap();
    assert!(locks(&txn).await <= 4);
    txn.commit().await.unwrap();
    assert_eq!(dump(&db, "events").await, before);
}

/// The text of a time means the same partition with any settings of the session.
#[tokio::test]
async fn partition_of_a_time_is_found_under_any_time_zone() {
    let (_database, db) = tables("", &[]).await;
    partitioned(
        &db,
        "timestamptz",
        "timestamptz '2026-01-01 00:00Z' + interval '%s hours'",
    )
    .await;
    let before = dump(&db, "events").await;
    for zone in ["UTC", "Asia/Kolkata", "America/St_Johns"] {
        let txn = db.begin().await.unwrap();
        run(
            &txn,
            &format!("set local timezone = '{zone}'; set local datestyle = 'SQL, DMY'"),
        )
        .await;
        let at: DateTimeUtc = "2026-01-01T07:00:00Z".parse().unwrap();
        let archival = dated::Entity::archive_by_id((at, 21))
            .exec(&txn)
            .await
            .unwrap();
        assert!(locks(&txn).await <= 4, "{zone}");
        assert_eq!(number(&txn, "select count(*) from events_7").await, 2);
        archival.restore(&txn).await.unwrap();
        txn.commit().await.unwrap();
        assert_eq!(dump(&db, "events").await, before, "{zone}");
    }
}
