//! A table that is changed with plain SQL stays audited.

use sea_orm_archive_migration::{ArchiveSchema, AuditSchema};
use sea_orm_migration::SchemaManager;
use sea_orm_migration::prelude::{ColumnDef, Table};
use serde_json::{Value as Json, json};

use crate::audit::database::{json, run, shop};

async fn last(db: &sea_orm::DatabaseConnection) -> Json {
    let sql = "select jsonb_build_array(operation, key, old, new, redacted) from archive.audit_entry order by id desc limit 1";
    json(db, sql).await.pop().unwrap()
}

#[tokio::test]
async fn added_dropped_and_renamed_columns_are_logged() {
    let shop = shop().await;
    let db = shop.connect_as("web").await;
    let owner = shop.connect().await;
    let key = json!({"id": 1});
    // The statements of this session are planned before the table is altered.
    run(
        &db,
        "insert into customers (id, email) values (1, 'a'), (2, 'b')",
    )
    .await;
    run(&db, "update customers set email = 'c' where id = 1").await;
    run(&db, "update customers set email = email || '!'").await;

    run(&owner, "alter table customers add phone text").await;
    run(&db, "update customers set phone = '1' where id = 1").await;
    assert_eq!(
        last(&db).await,
        json!(["UPDATE", key, {"phone": null}, {"phone": "1"}, null])
    );
    run(&db, "update customers set seen_at = now() where id = 1").await;
    assert_eq!(
        last(&db).await[3],
        json!({"phone": "1"}),
        "an excluded column stays excluded"
    );

    // A redacted column stays redacted under another name.
    run(
        &owner,
        "alter table customers rename password to passphrase",
    )
    .await;
    run(
        &db,
        "update customers set passphrase = 'hidden', name = 'n' where id = 1",
    )
    .await;
    assert_eq!(
        last(&db).await,
        json!(["UPDATE", key, {"name": null}, {"name": "n"}, ["passphrase"]])
    );
    run(&db, "update customers set passphrase = 'hidden, too'").await;
    assert_eq!(last(&db).await[4], json!(["passphrase"]));

    run(
        &owner,
        "alter table customers drop name, alter balance type float8",
    )
    .await;
    run(
        &db,
        "update customers set balance = 0.5, email = 'd' where id = 1",
    )
    .await;
    assert_eq!(
        last(&db).await,
        json!(["UPDATE", key, {"email": "c!", "balance": 0}, {"email": "d", "balance": 0.5}, null])
    );
    run(&db, "insert into customers (id, email) values (3, 'e')").await;
    assert_eq!(last(&db).await[3]["phone"], Json::Null);
    run(&db, "delete from customers where id = 3").await;
    assert_eq!(last(&db).await[0], "DELETE");
    let all = json(&db, "select to_jsonb(e) from archive.audit_entry as e").await;
    assert!(!all.iter().any(|entry| entry.to_string().contains("hidden")));

    // An entry has the new name of a renamed key column.
    run(&owner, "alter table customers rename id to number").await;
    run(&db, "update customers set email = 'f' where number = 1").await;
    assert_eq!(last(&db).await[1], json!({"number": 1}));

    // `install_audit` generates the trigger functions again, with the current columns.
    let manager = SchemaManager::new(&owner);
    manager.install_audit().await.unwrap();
    run(
        &db,
        "update customers set email = 'g', passphrase = 'x' where number = 1",
    )
    .await;
    assert_eq!(
        last(&db).await,
        json!(["UPDATE", {"number": 1}, {"email": "f"}, {"email": "g"}, ["passphrase"]])
    );
    let fits = "select to_jsonb(bool_and(shape = archive.audit_shape(relation))) from archive.audited_table";
    assert_eq!(json(&owner, fits).await, [json!(true)]);
}

#[tokio::test]
async fn archive_helpers_update_the_audit_triggers() {
    let shop = shop().await;
    let owner = shop.connect().await;
    let manager = SchemaManager::new(&owner);
    manager
        .alter_archived_table(
            Table::alter()
                .table("orders")
                .add_column(ColumnDef::new("note").text()),
        )
        .await
        .unwrap();
    let fits = "select to_jsonb(bool_and(shape = archive.audit_shape(relation))) from archive.audited_table";
    assert_eq!(json(&owner, fits).await, [json!(true)]);
    manager.drop_archived_table("orders").await.unwrap();
    let left = "select to_jsonb(count(*)) from pg_proc where pronamespace = 'archive'::regnamespace and proname like 'audit\\_2%'";
    assert_eq!(json(&owner, left).await, [json!(0)]);
    // The archive table of an audited table is audited as well.
    run(&owner, "create table late (id int primary key, note text)").await;
    manager.audit_table("late").await.unwrap();
    manager.archive_existing_table("late").await.unwrap();
    let triggers = "select to_jsonb(count(*)) from pg_trigger where tgrelid = 'deleted_late'::regclass and tgname like 'archive_audit%'";
    assert_eq!(json(&owner, triggers).await, [json!(4)]);
    manager.unarchive_existing_table("late").await.unwrap();
    run(&owner, "insert into late values (1, 'x')").await;
    run(&owner, "delete from late").await;
    assert_eq!(last(&owner).await[0], "DELETE");
    manager.unaudit_table("late").await.unwrap();
    manager.unaudit_table("late").await.unwrap();
    run(&owner, "insert into late values (2, 'x')").await;
    assert_eq!(last(&owner).await[0], "DELETE");
}

#[tokio::test]
async fn dropped_primary_key_is_an_error_with_a_remedy() {
    let shop = shop().await;
    let owner = shop.connect().await;
    run(
        &owner,
        "alter table orders drop constraint orders_pkey, drop column number",
    )
    .await;
    let error = sea_orm::ConnectionTrait::execute_unprepared(
        &owner,
        "insert into customers (id, email) values (1, 'a'); insert into orders values (1, 1)",
    )
    .await
    .unwrap_err()
    .to_string();
    assert!(
        error.contains("lost its primary key") && error.contains("unaudit_table"),
        "{error}"
    );
}

#[tokio::test]
async fn table_that_cannot_be_audited_is_refused_with_the_reason() {
    use sea_orm_archive_migration::AuditedTable;
    let shop = shop().await;
    let owner = shop.connect().await;
    let manager = SchemaManager::new(&owner);
    run(
        &owner,
        "create table nokey (id int); create table base (id int primary key); create table heir () inherits (base);
         create table parts (id int primary key) partition by hash (id); create table part partition of parts default_is_not_for_hash"
            .replace("default_is_not_for_hash", "for values with (modulus 1, remainder 0)")
            .as_str(),
    )
    .await;
    for (table, message) in [
        (AuditedTable::new("nokey"), "no primary key"),
        (AuditedTable::new("base"), "inherit"),
        (AuditedTable::new("part"), "is a partition"),
        (
            AuditedTable::new("deleted_orders"),
            "is the archive table of public.orders",
        ),
        (AuditedTable::new("nowhere"), "no table"),
        (
            AuditedTable::new("orders").exclude(["nothing"]),
            "no column \"nothing\"",
        ),
        (
            AuditedTable::new("orders").redact(["number"]),
            "primary key",
        ),
        (
            AuditedTable::new("orders")
                .redact(["total"])
                .exclude(["total"]),
            "both",
        ),
        (
            AuditedTable::new(("archive", "archival")),
            "not a table of the application",
        ),
    ] {
        let error = manager.audit_table(table).await.unwrap_err().to_string();
        assert!(error.contains(message), "{message}: {error}");
    }
    let error = manager.uninstall_audit().await.unwrap_err().to_string();
    assert!(error.contains("unaudit_table"), "{error}");
    for table in ["customers", "orders"] {
        manager.unaudit_table(table).await.unwrap();
    }
    manager.uninstall_audit().await.unwrap();
    manager.uninstall_audit().await.unwrap();
    assert!(
        manager
            .audit_table("orders")
            .await
            .unwrap_err()
            .to_string()
            .contains("install_audit")
    );
    // No trigger is left on the tables.
    run(&owner, "insert into customers (id, email) values (1, 'a')").await;
}

#[tokio::test]
async fn renamed_or_moved_table_is_logged_under_its_first_name() {
    let shop = shop().await;
    let owner = shop.connect().await;
    run(&owner, "insert into customers (id, email) values (1, 'a')").await;
    run(&owner, "create schema crm; alter table customers rename to clients; alter table clients set schema crm").await;
    // A session that has not compiled the trigger functions yet.
    let session = shop.session("later").await;
    let db = session.db();
    run(&db, "update crm.clients set email = 'b'").await;
    run(&db, "delete from crm.clients").await;
    let logged =
        "select jsonb_build_array(operation, table_name) from archive.audit_entry order by id";
    assert_eq!(
        json(&owner, logged).await,
        ["INSERT", "UPDATE", "DELETE"].map(|operation| json!([operation, "public.customers"]))
    );
    // A new table of that name has entries of its own.
    run(&owner, "create table customers (id int primary key)").await;
    let manager = SchemaManager::new(&owner);
    manager.audit_table("customers").await.unwrap();
    run(&owner, "insert into customers values (1)").await;
    let names = "select to_jsonb(count(distinct table_name)) from archive.audit_entry";
    assert_eq!(json(&owner, names).await, [json!(2)]);
}

#[tokio::test]
async fn hidden_or_renamed_columns_are_reported_as_unknown() {
    use crate::audit::database::clock;
    use crate::audit::entities::customer;
    use sea_orm_archive::audit::AuditEntity;
    use sea_orm_archive_migration::AuditedTable;
    let shop = shop().await;
    let owner = shop.connect().await;
    let manager = SchemaManager::new(&owner);
    let excluded = AuditedTable::new("customers")
        .exclude(["name"])
        .redact(["password"]);
    manager.audit_table(excluded).await.unwrap();
    run(
        &owner,
        "insert into customers (id, email, name) values (1, 'a', 'v1')",
    )
    .await;
    let then = clock(&owner).await;
    run(
        &owner,
        "update customers set name = 'v2', seen_at = now(), email = 'b'",
    )
    .await;
    manager
        .audit_table(AuditedTable::new("customers").redact(["password"]))
        .await
        .unwrap();
    let was = customer::Entity::find_as_of(1, then)
        .one(&owner)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (was.row.email.as_str(), was.unknown),
        ("a", vec!["name".to_owned(), "seen_at".to_owned()])
    );
    // The log has values of that column under its earlier name, which no column has now.
    run(&owner, "update customers set name = 'v3'; alter table customers rename name to called; alter table customers add name text").await;
    run(&owner, "alter table customers drop column name").await;
    let statement = "select to_jsonb(count(*)) from archive.audit_entry where old ? 'name'";
    assert_eq!(json(&owner, statement).await, [json!(1)]);
}
