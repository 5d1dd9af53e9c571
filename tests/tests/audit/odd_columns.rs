//! Columns with unusual names, values or numbers.

use sea_orm::ConnectionTrait;
use sea_orm_archive::AuditEntity;
use sea_orm_archive_migration::{ArchiveSchema, AuditSchema, AuditedTable, StampSchema};
use sea_orm_archive_tests::Database;
use sea_orm_migration::SchemaManager;
use serde_json::{Value as Json, json};

use crate::audit::database::{clock, json, run, shop};

/// A database with the log and the tables that `sql` creates; `tables` are audited.
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

async fn all_entries(db: &impl ConnectionTrait) -> Vec<Json> {
    json(db, "select jsonb_build_array(operation, old, new, redacted) from archive.audit_entry order by id").await
}

/// Named like the placeholders in our statements.
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
async fn row_as_of_a_time_is_read_under_any_name() {
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

/// In `to_jsonb(a)` a column `a` of the table has precedence over the alias `a`.
#[tokio::test]
async fn columns_named_like_our_table_aliases_are_logged() {
    let sql = "create table t (id int primary key, a text, b text, w text, t text, k text, d text, v text, x int)";
    let (_database, db) = audited(sql, vec![AuditedTable::new("t").redact(["d"])]).await;
    run(&db, "insert into t values (1, 'a', 'b', 'w', 't', 'k', 'd', 'v', 1), (2, 'a', 'b', 'w', 't', 'k', 'd', 'v', 1)").await;
    run(&db, "update t set x = 2").await;
    run(&db, "alter table t add y int").await;
    run(&db, "update t set y = 3 where id = 1").await;
    run(&db, "update t set y = 4").await;
    run(&db, "truncate t").await;
    let row = |id: i64| json!({"id": id, "a": "a", "b": "b", "w": "w", "t": "t", "k": "k", "v": "v", "x": 1});
    let logged = all_entries(&db).await;
    assert_eq!(logged[0], json!(["INSERT", null, row(1), ["d"]]));
    assert_eq!(logged[1], json!(["INSERT", null, row(2), ["d"]]));
    assert_eq!(logged[2], json!(["UPDATE", {"x": 1}, {"x": 2}, null]));
    assert_eq!(logged[4], json!(["UPDATE", {"y": null}, {"y": 3}, null]));
    assert_eq!(logged[7][0], "TRUNCATE");
    assert_eq!(
        (&logged[7][1]["a"], &logged[7][1]["y"]),
        (&json!("a"), &json!(4))
    );
}

/// A dump and a restore renumber columns, and a new column can have the name of a dropped one.
#[tokio::test]
async fn column_stays_redacted_by_name_and_by_number() {
    let sql = "create table t (junk int, id int primary key, password text, z text); alter table t drop junk";
    let (_database, db) = audited(sql, vec![AuditedTable::new("t").redact(["password"])]).await;
    run(&db, "insert into t values (1, 'hidden 1', 'z')").await;
    // A wrong column number, as after a dump and a restore.
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
        !all_entries(&db)
            .await
            .iter()
            .any(|entry| entry.to_string().contains("hidden"))
    );
}

#[tokio::test]
async fn generated_column_over_a_redacted_one_must_be_redacted() {
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
async fn json_that_jsonb_cannot_store_is_logged_as_text() {
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
    let logged = all_entries(&db).await;
    assert_eq!(logged[0][2]["j"], json!(odd[0]));
    assert_eq!(logged[2][2], json!({"j": odd[0]}));
    assert_eq!(logged.last().unwrap()[0], "TRUNCATE");
}

/// The trigger functions read columns that were added later in another way, which must detect every change too.
#[tokio::test]
async fn columns_added_later_log_every_change_of_their_bytes() {
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
    let logged = all_entries(&db).await;
    assert_eq!(logged.len(), 6, "{logged:?}");
    assert_eq!(
        logged[2],
        json!(["UPDATE", {"f": 100.1}, {"f": 100.2}, null])
    );
    assert_eq!(logged[5][1], json!({"at": "1970-01-01T00:00:00+00:00"}));
    run(&db, "reset all").await;
    // Nor does the text of a time depend on the session once the function contains the column.
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
async fn changed_collation_or_key_is_detected() {
    let sql =
        "create collation ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
               create table t (id int primary key, name text, u int unique not null)";
    let (_database, db) = audited(sql, vec![AuditedTable::new("t")]).await;
    run(&db, "insert into t values (1, 'a', 10)").await;
    run(&db, "alter table t alter name type text collate ci").await;
    run(&db, "update t set name = 'A'").await;
    assert_eq!(
        all_entries(&db).await[1],
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
async fn truncate_logs_rows_of_partitions_added_later() {
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

/// A policy that hides rows from the owner would hide them from the log.
#[tokio::test]
async fn truncate_of_rows_that_a_policy_hides_is_refused() {
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
async fn table_can_be_stamped_after_it_is_audited() {
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
    // A column added to both tables with plain SQL: a restore is refused until `install_audit` is called again.
    run(
        &owner,
        "alter table orders add extra int; alter table deleted_orders add extra int",
    )
    .await;
    let refused = order::Entity::restore_by_id((1, 1))
        .exec(&owner)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("install_audit"), "{refused}");
    manager.install_audit().await.unwrap();
    order::Entity::restore_by_id((1, 1))
        .exec(&owner)
        .await
        .unwrap();
}
