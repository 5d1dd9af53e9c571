//! Histories and temporal foreign keys whose columns or tables were renamed.

use sea_orm_archive_migration::{ArchiveSchema, HistorySchema, HistoryTable, TemporalForeignKey};
use sea_orm_migration::sea_query::{Alias, Table};

use crate::migration::database::Migrated;
use crate::temporal::company::{FOREIGN_KEY, company, department_history};

/// Every column that the functions of the foreign key name, with its new name.
const RENAMES: [(&str, &str, &str); 7] = [
    ("department_history", "department_id", "unit_id"),
    ("department_history", "valid_from", "since"),
    ("department_history", "valid_to", "until"),
    ("user_audit", "department_id", "unit_id"),
    ("user_audit", "changed_at", "noted_at"),
    ("user_audit", "audit_id", "entry_id"),
    ("departments", "id", "department_number"),
];

/// The name that a column has after the renames `done`.
fn name(
    table: &str,
    column: &'static str,
    done: &[(&str, &'static str, &'static str)],
) -> &'static str {
    let renamed = done.iter().find(|(t, c, _)| (*t, *c) == (table, column));
    renamed.map_or(column, |(_, _, new)| new)
}

/// Writes rows that the foreign key accepts, and others that it refuses.
async fn assert_enforced(m: &Migrated, done: &[(&str, &'static str, &'static str)]) {
    let [id, entry, at] =
        ["department_id", "audit_id", "changed_at"].map(|column| name("user_audit", column, done));
    let [unit, since, until] = ["department_id", "valid_from", "valid_to"]
        .map(|column| name("department_history", column, done));
    let insert = format!("insert into user_audit ({entry}, {id}, {at}) values");
    m.run(&format!("{insert} (9, 2, '2024-05-01Z'); update user_audit set {at} = '2024-06-01Z' where {entry} = 9")).await;
    m.violates(&format!("{insert} (8, 1, '2023-01-01Z')")).await;
    m.violates(&format!("delete from department_history where {unit} = 2"))
        .await;
    m.violates(&format!(
        "update department_history set {until} = '2024-05-01Z' where {unit} = 2"
    ))
    .await;
    m.violates("truncate department_history").await;
    m.run(&format!(
        "delete from user_audit where {entry} = 9;
         update department_history set {until} = '2024-05-01Z' where {unit} = 2;
         update department_history set {until} = null, {since} = {since} where {unit} = 2"
    ))
    .await;
}

async fn registered(m: &Migrated) -> Vec<String> {
    m.all("select concat_ws(' ', identity_columns, valid_from, valid_to) from archive.history_table
           union all select concat_ws(' ', columns, time_columns) from archive.temporal_foreign_key")
        .await
}

#[tokio::test]
async fn renamed_column_of_a_temporal_foreign_key_is_named_with_the_helper_that_follows() {
    for renamed in RENAMES {
        let (table, from, to) = renamed;
        let m = company().await;
        // Sessions that have run the triggers before, and a new one.
        assert_enforced(&m, &[]).await;
        m.run(&format!("alter table {table} rename {from} to {to}"))
            .await;
        let at = name("user_audit", "changed_at", &[renamed]);
        let entry = name("user_audit", "audit_id", &[renamed]);
        let id = name("user_audit", "department_id", &[renamed]);
        let write =
            format!("insert into user_audit ({entry}, {id}, {at}) values (9, 1, '2024-05-01Z')");
        for _ in 0..2 {
            let refusal = m.refused(&write).await;
            assert_eq!(refusal.code, "55000", "{refusal:?}");
            for part in [from, table, "manager.install_archive()"] {
                assert!(refusal.message.contains(part), "{refusal:?}");
            }
        }
        m.manager().install_archive().await.unwrap();
        assert_enforced(&m, &[renamed]).await;
        // The definitions with the new names are those of the same objects.
        if table != "departments" {
            let [identity, from, to] = ["department_id", "valid_from", "valid_to"]
                .map(|column| name("department_history", column, &[renamed]));
            assert_eq!(
                registered(&m).await,
                [
                    format!("{{{identity}}} {from} {to}"),
                    format!("{{{id}}} {{{at}}}")
                ]
            );
        }
        if table == "user_audit" && from != "audit_id" {
            let wanted = TemporalForeignKey::new("user_audit", [id])
                .at(at)
                .references("department_history");
            m.manager()
                .create_temporal_foreign_key(wanted)
                .await
                .unwrap();
            assert_eq!(
                m.all::<String>("select name::text from archive.temporal_foreign_key")
                    .await,
                [FOREIGN_KEY]
            );
        }
        m.manager()
            .drop_temporal_foreign_key("user_audit", FOREIGN_KEY)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn renames_with_the_helper_are_followed_at_once() {
    for (n, (table, from, to)) in RENAMES.into_iter().enumerate() {
        let m = company().await;
        m.run("alter table user_audit alter department_id set not null")
            .await;
        m.manager().archive_existing_table(table).await.unwrap();
        let rename = Table::alter()
            .table(table)
            .rename_column(Alias::new(from), Alias::new(to))
            .to_owned();
        m.manager().alter_archived_table(&rename).await.unwrap();
        assert_enforced(&m, &RENAMES[n..=n]).await;
    }
}

#[tokio::test]
async fn renamed_tables_of_a_temporal_foreign_key_are_followed() {
    let m = company().await;
    m.run("create schema hr; alter table user_audit rename to \"User Audit\"; alter table \"User Audit\" set schema hr").await;
    m.manager().install_archive().await.unwrap();
    m.run("insert into hr.\"User Audit\" values (9, 2, '2024-05-01Z')")
        .await;
    m.violates("insert into hr.\"User Audit\" values (8, 1, '2023-01-01Z')")
        .await;
    m.violates("delete from department_history where department_id = 2")
        .await;
}

/// `department_id` is the new column, and the old one is not followed.
#[tokio::test]
async fn column_that_took_the_name_of_another_is_used() {
    let m = company().await;
    m.run(
        "alter table user_audit add unit_id int; update user_audit set unit_id = department_id;
         alter table user_audit rename department_id to old_id; alter table user_audit rename unit_id to department_id",
    )
    .await;
    m.violates(
        "insert into user_audit (audit_id, department_id, changed_at) values (8, 1, '2023-01-01Z')",
    )
    .await;
    m.manager().install_archive().await.unwrap();
    m.violates(
        "insert into user_audit (audit_id, department_id, changed_at) values (8, 1, '2023-01-01Z')",
    )
    .await;
    assert_eq!(registered(&m).await[1], "{department_id} {changed_at}");
    // A column that was dropped cannot be followed.
    m.run("alter table user_audit drop department_id").await;
    m.manager().install_archive().await.unwrap();
    let refusal = m
        .refused("insert into user_audit (audit_id, changed_at) values (8, '2023-01-01Z')")
        .await;
    assert!(refusal.message.contains("department_id"), "{refusal:?}");
    m.manager()
        .drop_temporal_foreign_key("user_audit", FOREIGN_KEY)
        .await
        .unwrap();
    m.run("insert into user_audit (audit_id, changed_at) values (8, '2023-01-01Z')")
        .await;
}

#[tokio::test]
async fn history_is_created_again_under_the_new_names_of_its_columns() {
    let m = company().await;
    m.run("alter table department_history rename valid_from to since; alter table department_history rename department_id to unit_id").await;
    let renamed = HistoryTable::new("department_history")
        .identity("unit_id", "departments")
        .valid_from("since")
        .column(sea_orm_migration::schema::string_len("name", 100));
    m.manager().create_history_table(renamed).await.unwrap();
    assert_eq!(registered(&m).await[0], "{unit_id} since valid_to");
    assert_enforced(&m, &[RENAMES[0], RENAMES[1]]).await;
    let error = m
        .manager()
        .create_history_table(department_history())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("department_id"), "{error}");
}
