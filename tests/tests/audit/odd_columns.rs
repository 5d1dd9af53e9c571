//! Columns whose names, values or whereabouts are unusual.

use sea_orm::ConnectionTrait;
use sea_orm_archive::AuditEntity;
use sea_orm_archive_migration::{ArchiveSchema, AuditSchema, AuditedTable, StampSchema};
use sea_orm_archive_tests::Database;
use sea_orm_migration::SchemaManager;
use serde_json::{Value as Json, json};

use crate::audit::database::{clock, json, run, shop};

/// A database with the log, and these tables audited.
async fn audited(sql: &str, tables: Vec<AuditedTable>) -> (Database, sea_orm::DatabaseConnection) {
    let database = Database::empty().await;
    let db = database.connect().await;
    let manager = SchemaManager::new(&db);
    manager.install_archive().await.unwrap();
    manager.install_audit().await.unwrap();
    run(&db, sql).await;
    for table in tables {
        manager.audit_table(table).await.unwrap();
    }
    (database, db)
}

async fn told(db: &impl ConnectionTrait) -> Vec<Json> {
    json(db, "select jsonb_build_array(operation, old, new, redacted) from archive.audit_entry order by id").await
}

/// Called like the places in our statements.
mod places {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "{key} {at}")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false, column_name = "{table}")]
        pub id: i32,
        #[sea_orm(column_name = "{columns}\n{name}")]
        pub name: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

#[tokio::test]
async fn a_row_is_told_as_it_was_under_any_name() {
    let (_database, db) = audited(
        "create table \"{key} {at}\" (\"{table}\" int primary key, \"{columns}\n{name}\" text)",
        vec![AuditedTable::new("{key} {at}")],
    )
    .await;
    run(&db, "insert into \"{key} {at}\" values (1, '{at}')").await;
    let before = clock(&db).await;
    run(
        &db,
        "update \"{key} {at}\" set \"{columns}\n{name}\" = 'new'",
    )
    .await;
    let row = places::Entity::find_as_of(1, before)
        .one(&db)
        .await
        .unwrap();
    assert_eq!(row.unwrap().row.name, "{at}");
}

/// `to_jsonb(a)` is the column `a`, where a table has one.
#[tokio::test]
async fn columns_that_are_called_as_rows_are_in_our_statements() {
    let sql = "create table t (id int primary key, a text, b text, w text, t text, k text, d text, v text, x int)";
    let (_database, db) = audited(sql, vec![AuditedTable::new("t").redact(["d"])]).await;
    run(&db, "insert into t values (1, 'a', 'b', 'w', 't', 'k', 'd', 'v', 1), (2, 'a', 'b', 'w', 't', 'k', 'd', 'v', 1)").await;
    run(&db, "update t set x = 2").await;
    run(&db, "alter table t add y int").await;
    run(&db, "update t set y = 3 where id = 1").await;
    run(&db, "update t set y = 4").await;
    run(&db, "truncate t").await;
    let row = |id: i64| json!({"id": id, "a": "a", "b": "b", "w": "w", "t": "t", "k": "k", "v": "v", "x": 1});
    let told = told(&db).await;
    assert_eq!(told[0], json!(["INSERT", null, row(1), ["d"]]));
    assert_eq!(told[1], json!(["INSERT", null, row(2), ["d"]]));
    assert_eq!(told[2], json!(["UPDATE", {"x": 1}, {"x": 2}, null]));
    assert_eq!(told[4], json!(["UPDATE", {"y": null}, {"y": 3}, null]));
    assert_eq!(told[7][0], "TRUNCATE");
    assert_eq!(
        (&told[7][1]["a"], &told[7][1]["y"]),
        (&json!("a"), &json!(4))
    );
}

/// A dump and a restore give columns other numbers, and a new column can take the name of an old one.
#[tokio::test]
async fn a_redacted_column_stays_so_by_name_and_by_number() {
    let sql = "create table t (junk int, id int primary key, password text, z text); alter table t drop junk";
    let (_database, db) = audited(sql, vec![AuditedTable::new("t").redact(["password"])]).await;
    run(&db, "insert into t values (1, 'hidden 1', 'z')").await;
    // As after a restore: what was the third column is the second one.
    run(&db, "update archive.audited_table set redacted = '{4}'").await;
    let manager = SchemaManager::new(&db);
    for again in [false, true] {
        if again {
            manager.install_audit().await.unwrap();
        }
        run(&db, "update t set password = password || '!' where id = 1").await;
        run(&db, "insert into t values (2, 'hidden 2', 'z'), (3, 'hidden 3', 'z'); delete from t where id > 1").await;
    }
    run(
        &db,
        "alter table t add password_new text; alter table t drop password",
    )
    .await;
    run(&db, "alter table t rename password_new to password").await;
    for again in [false, true] {
        if again {
            manager.install_audit().await.unwrap();
        }
        run(
            &db,
            "update t set password = 'hidden 4' || clock_timestamp()",
        )
        .await;
    }
    run(&db, "truncate t").await;
    assert!(
        !told(&db)
            .await
            .iter()
            .any(|entry| entry.to_string().contains("hidden"))
    );
}

#[tokio::test]
async fn a_column_that_tells_a_redacted_one_is_refused() {
    let sql = "create table t (id int primary key, secret text, loud text generated always as (upper(secret)) stored)";
    let (_database, db) = audited(sql, vec![]).await;
    let manager = SchemaManager::new(&db);
    let refused = manager
        .audit_table(AuditedTable::new("t").redact(["secret"]))
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("redact \"loud\", too"),
        "{refused}"
    );
    manager
        .audit_table(AuditedTable::new("t").redact(["secret", "loud"]))
        .await
        .unwrap();
}

#[tokio::test]
async fn json_that_jsonb_does_not_keep_is_told_as_text() {
    let sql = "create domain doc as json; create table t (id int primary key, j json, d doc, many json[])";
    let (_database, db) = audited(sql, vec![AuditedTable::new("t")]).await;
    let odd = [r#"{"a": "\u0000"}"#, "1e400000", r#""\ud800""#];
    for (n, odd) in odd.iter().enumerate() {
        run(
            &db,
            &format!("insert into t values ({n}, '{odd}', '{odd}', array['{odd}'::json])"),
        )
        .await;
        run(
            &db,
            &format!("update t set j = '1', d = '1', many = null where id = {n}"),
        )
        .await;
        run(&db, &format!("update t set j = '{odd}' where id = {n}")).await;
    }
    run(&db, "alter table t add x int").await;
    run(&db, "update t set x = 1").await;
    run(&db, "truncate t").await;
    let told = told(&db).await;
    assert_eq!(told[0][2]["j"], json!(odd[0]));
    assert_eq!(told[2][2], json!({"j": odd[0]}));
    assert_eq!(told.last().unwrap()[0], "TRUNCATE");
}

/// What the trigger functions do not know they read in another way, and miss nothing there.
#[tokio::test]
async fn columns_that_came_later_tell_every_change_of_their_bytes() {
    let (database, _db) = audited(
        "create table t (id int primary key)",
        vec![AuditedTable::new("t")],
    )
    .await;
    let session = database.session("client").await;
    let db = session.db();
    run(&db, "alter table t add n numeric, add f float8, add at timestamptz; insert into t values (1, 1.0, 100.1, 'epoch')").await;
    run(&db, "set extra_float_digits = -15; set timezone = 'X+20'").await;
    for change in [
        "n = 1.00",
        "f = 100.2",
        "f = '-0'",
        "f = 0",
        "at = at + interval '1 s'",
    ] {
        run(&db, &format!("update t set {change}")).await;
    }
    let told = told(&db).await;
    assert_eq!(told.len(), 6, "{told:?}");
    assert_eq!(told[2], json!(["UPDATE", {"f": 100.1}, {"f": 100.2}, null]));
    assert_eq!(told[5][1], json!({"at": "1970-01-01T00:00:00+00:00"}));
    run(&db, "reset all").await;
    // The text of a time does not depend on the session either where the function knows it.
    SchemaManager::new(&db).audit_table("t").await.unwrap();
    run(&db, "set timezone = 'X+20'").await;
    run(&db, "update t set at = 'epoch'").await;
    let last = json(
        &db,
        "select new from archive.audit_entry order by id desc limit 1",
    )
    .await;
    assert_eq!(last, [json!({"at": "1970-01-01T00:00:00+00:00"})]);
}

#[tokio::test]
async fn a_collation_or_a_key_that_changes_is_noticed() {
    let sql =
        "create collation ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
               create table t (id int primary key, name text, u int unique not null)";
    let (_database, db) = audited(sql, vec![AuditedTable::new("t")]).await;
    run(&db, "insert into t values (1, 'a', 10)").await;
    run(&db, "alter table t alter name type text collate ci").await;
    run(&db, "update t set name = 'A'").await;
    assert_eq!(
        told(&db).await[1],
        json!(["UPDATE", {"name": "a"}, {"name": "A"}, null])
    );
    run(&db, "alter table t drop constraint t_pkey").await;
    let refused = db
        .execute_unprepared("update t set name = 'B'")
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("lost its primary key"),
        "{refused}"
    );
    run(&db, "alter table t add primary key (u)").await;
    run(&db, "update t set name = 'B'").await;
    let key = json(
        &db,
        "select key from archive.audit_entry order by id desc limit 1",
    )
    .await;
    assert_eq!(key, [json!({"u": 10})]);
}

#[tokio::test]
async fn a_truncate_tells_of_partitions_that_came_later() {
    let sql = "create table t (id int primary key) partition by range (id); create table t1 partition of t for values from (0) to (10)";
    let (_database, db) = audited(sql, vec![AuditedTable::new("t")]).await;
    run(&db, "create table t2 partition of t for values from (10) to (20) partition by range (id);
              create table t21 partition of t2 for values from (10) to (20); insert into t values (1), (11)").await;
    run(&db, "truncate t").await;
    let keys = json(
        &db,
        "select key from archive.audit_entry where operation = 'TRUNCATE' order by key nulls last",
    )
    .await;
    assert_eq!(keys, [json!({"id": 1}), json!({"id": 11})]);
}

/// A policy that hides rows from the owner, too, would hide them from the log.
#[tokio::test]
async fn a_truncate_that_a_policy_hides_rows_from_is_refused() {
    let database = Database::empty().await;
    let role = database.role("owner").await;
    run(&database.connect().await, &format!("grant create on database \"{}\" to \"{role}\"; grant all on schema public to \"{role}\"", database.name())).await;
    let session = database.session_as("owner", "owner").await;
    let db = session.db();
    let manager = SchemaManager::new(&db);
    manager.install_archive().await.unwrap();
    manager.install_audit().await.unwrap();
    run(&db, "create table t (id int primary key); alter table t enable row level security, force row level security;
              create policy p on t using (current_setting('app.see', true) = 'yes')").await;
    manager.audit_table("t").await.unwrap();
    run(
        &db,
        "set app.see = 'yes'; insert into t values (1); set app.see = 'no'",
    )
    .await;
    let refused = db.execute_unprepared("truncate t").await.unwrap_err();
    assert!(
        refused.to_string().contains("row-level security"),
        "{refused}"
    );
}

#[tokio::test]
async fn stamps_come_after_the_audit_as_well_as_before() {
    use crate::audit::entities::order;
    use sea_orm_archive::prelude::*;
    let shop = shop().await;
    let owner = shop.connect().await;
    let manager = SchemaManager::new(&owner);
    manager.stamp_table("orders").await.unwrap();
    run(&owner, "insert into customers (id, email) values (1, 'a'); insert into orders (customer_id, number) values (1, 1)").await;
    order::Entity::archive_by_id((1, 1))
        .exec(&owner)
        .await
        .unwrap();
    let last = json(
        &owner,
        "select to_jsonb(operation) from archive.audit_entry order by id desc limit 1",
    )
    .await;
    assert_eq!(last, [json!("ARCHIVE")]);
    // What somebody else adds to both tables is refused until the log knows it, with the way out.
    run(
        &owner,
        "alter table orders add extra int; alter table deleted_orders add extra int",
    )
    .await;
    let refused = order::Entity::restore_by_id((1, 1))
        .exec(&owner)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("audit_table"), "{refused}");
    manager.audit_table("orders").await.unwrap();
    order::Entity::restore_by_id((1, 1))
        .exec(&owner)
        .await
        .unwrap();
}
