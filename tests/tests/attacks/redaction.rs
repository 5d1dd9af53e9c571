//! Values of redacted columns, and of columns that depend on them, must not be logged.

use sea_orm::ConnectionTrait;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{AuditSchema, AuditedTable};
use serde_json::{Value as Json, json};

use crate::attacks::audited::{Audited, json, refused, run};

const TABLES: &str = "
    create table users (id int primary key, junk int, name text, password text not null, note text);
    alter table users drop junk;";

async fn open() -> Audited {
    Audited::new(
        TABLES,
        vec![AuditedTable::new("users").redact(["password"])],
        &["users"],
    )
    .await
}

/// Runs every kind of statement that logs values, on the table and on its archive table.
async fn write(audited: &Audited, password: &str, extra: &str) {
    let db = &audited.web;
    run(
        db,
        &format!("insert into users (id, {password}) values (1, 'hidden 1'), (2, 'hidden 2')"),
    )
    .await;
    run(db, &format!("insert into users (id, {password}) values (3, 'hidden 3'); update users set {password} = 'hidden 4' where id = 3")).await;
    run(db, &format!("update users set {password} = {password} || '!', {extra}; update users set id = 4 where id = 3")).await;
    run(db, "delete from users where id = 4; truncate users").await;
    run(db, &format!("insert into deleted_users (id, {password}, deleted_at, archival_id) values (1, 'hidden 5', now(), 1)")).await;
    run(
        db,
        &format!("update deleted_users set {password} = 'hidden 6'; delete from deleted_users"),
    )
    .await;
}

async fn assert_hidden(audited: &Audited, when: &str) {
    let entries = audited.entries().await;
    assert!(!entries.is_empty());
    for entry in entries {
        assert!(
            !entry.to_string().to_lowercase().contains("hidden"),
            "{when}: {entry}"
        );
    }
}

#[tokio::test]
async fn generated_column_over_a_redacted_one_is_redacted_even_if_added_later() {
    let audited = open().await;
    write(&audited, "password", "note = 'n'").await;
    run(
        &audited.owner,
        "alter table users add loud text generated always as (upper(password)) stored; alter table deleted_users add loud text",
    )
    .await;
    write(&audited, "password", "note = 'n'").await;
    run(&audited.web, "insert into deleted_users (id, password, loud, deleted_at, archival_id) values (9, 'x', 'HIDDEN', now(), 1)").await;
    assert_hidden(&audited, "by the slow statement").await;
    audited.manager().install_audit().await.unwrap();
    write(&audited, "password", "note = 'n'").await;
    run(
        &audited.web,
        "update deleted_users set loud = 'HIDDEN, too'; delete from deleted_users",
    )
    .await;
    assert_hidden(&audited, "by the trigger functions").await;
    let last = "select jsonb_build_array(old ? 'loud', redacted) from archive.audit_entry where operation = 'TRUNCATE' and key is not null order by id desc limit 1";
    assert_eq!(
        json(&audited.owner, last).await,
        [json!([false, ["password", "loud"]])]
    );
    // Auditing the table again without that column is refused.
    let again = AuditedTable::new("users").redact(["password"]);
    let error = audited.manager().audit_table(again).await.unwrap_err();
    assert!(
        error.to_string().contains("redact \"loud\", too"),
        "{error}"
    );
}

/// Simulates a dump and a restore: another table, whose columns have the same names and order, and other numbers.
async fn dump_and_restore(audited: &Audited, columns: &str) {
    let functions = "select to_jsonb(tgfoid::regproc::text) from pg_trigger where tgrelid = 'users'::regclass and tgname = 'archive_audit_insert'";
    let function = json(&audited.owner, functions).await[0]
        .as_str()
        .unwrap()
        .to_owned();
    let triggers = "
        create trigger archive_audit_insert after insert on users referencing new table as new_rows for each statement execute function F();
        create trigger archive_audit_update after update on users referencing old table as old_rows new table as new_rows for each statement execute function F();
        create trigger archive_audit_delete after delete on users referencing old table as old_rows for each statement execute function F();
        create trigger archive_audit_truncate before truncate on users for each statement execute function F();"
        .replace('F', &function);
    let web = audited.database.role("web").await;
    run(
        &audited.owner,
        &format!(
            "alter table users rename to old_users; create table users ({columns});
             update archive.audited_table set relation = 'users'::regclass; update archive.archived_table set active = 'users'::regclass;
             drop table old_users; grant all on users to \"{web}\"; {triggers}"
        ),
    )
    .await;
}

#[tokio::test]
async fn a_redacted_column_that_was_renamed_is_redacted_after_a_dump_and_a_restore() {
    let audited = open().await;
    run(
        &audited.owner,
        "alter table users rename password to passphrase; alter table deleted_users rename password to passphrase",
    )
    .await;
    write(&audited, "passphrase", "note = 'n'").await;
    assert_hidden(&audited, "renamed").await;
    dump_and_restore(
        &audited,
        "id int primary key, name text, passphrase text not null, note text",
    )
    .await;
    write(&audited, "passphrase", "note = 'n'").await;
    assert_hidden(&audited, "restored").await;
    let last = "select jsonb_build_array(old->'note', redacted) from archive.audit_entry where operation = 'TRUNCATE' and key is not null order by id desc limit 1";
    assert_eq!(
        json(&audited.owner, last).await,
        [json!(["n", ["passphrase"]])],
        "columns that are not redacted are recorded"
    );
    // The helper does not guess: the error names the call that is needed.
    let error = audited
        .manager()
        .install_audit()
        .await
        .unwrap_err()
        .to_string();
    for part in ["public.users", "\"passphrase\"", "audit_table"] {
        assert!(error.contains(part), "{error}");
    }
    audited
        .manager()
        .audit_table(AuditedTable::new("users").redact(["passphrase"]))
        .await
        .unwrap();
    audited.manager().install_audit().await.unwrap();
    write(&audited, "passphrase", "note = 'n'").await;
    assert_hidden(&audited, "named again").await;
}

/// A new column has the name of the redacted one, which was renamed: both are redacted.
#[tokio::test]
async fn renamed_redacted_column_and_its_namesake_are_redacted_after_a_dump_and_a_restore() {
    let audited = open().await;
    run(
        &audited.owner,
        "alter table users rename password to old_password; alter table users add password text; alter table users alter old_password drop not null",
    )
    .await;
    dump_and_restore(
        &audited,
        "id int primary key, name text, old_password text, note text, password text",
    )
    .await;
    run(&audited.web, "insert into users values (1, 'n', 'hidden', 'o', 'hidden'); update users set old_password = 'hidden, too', password = 'hidden, too'").await;
    assert_hidden(&audited, "restored").await;
}

/// A helper that generates the functions again records the current name of a column.
#[tokio::test]
async fn rename_recorded_by_a_helper_survives_a_dump_and_a_restore() {
    let audited = open().await;
    run(
        &audited.owner,
        "alter table users rename password to passphrase; alter table deleted_users rename password to passphrase",
    )
    .await;
    audited.manager().install_audit().await.unwrap();
    let columns = "id int primary key, name text, passphrase text not null, note text";
    dump_and_restore(&audited, columns).await;
    write(&audited, "passphrase", "note = 'n'").await;
    assert_hidden(&audited, "restored").await;
    audited.manager().install_audit().await.unwrap();
    write(&audited, "passphrase", "note = 'n'").await;
    assert_hidden(&audited, "installed again").await;
    // A column added later is recorded.
    run(&audited.owner, "alter table users add phone text").await;
    run(
        &audited.web,
        "insert into users values (1, 'n', 'hidden', 'o', '123')",
    )
    .await;
    let last = audited.entries().await.pop().unwrap();
    assert_eq!(
        (&last[4]["phone"], &last[5]),
        (&json!("123"), &json!(["passphrase"]))
    );
}

/// Entries contain the key, so it cannot be redacted.
#[tokio::test]
async fn writes_are_refused_if_a_redacted_column_becomes_the_key() {
    let audited = open().await;
    run(
        &audited.owner,
        "alter table users drop constraint users_pkey, add primary key (password)",
    )
    .await;
    let session = audited.database.session_as("web", "web").await;
    let error = refused(
        &session.db(),
        "insert into users (id, password) values (1, 'hidden')",
    )
    .await;
    assert!(
        error.contains("primary key of users") || error.contains("audit_table"),
        "{error}"
    );
    let error = audited
        .manager()
        .install_audit()
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("\"password\"") && error.contains("public.users"),
        "{error}"
    );
    assert_eq!(audited.entries().await, Vec::<Json>::new());
}

mod desk {
    pub mod person {
        use sea_orm::entity::prelude::*;
        use sea_orm_archive::DeriveArchive;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
        #[sea_orm(table_name = "people")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            #[sea_orm(has_many)]
            #[archive(detach)]
            pub files: HasMany<super::file::Entity>,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    pub mod file {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "files")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            pub informant_id: Option<i64>,
            #[sea_orm(belongs_to, from = "informant_id", to = "id")]
            pub informant: BelongsTo<Option<super::person::Entity>>,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }
}

/// The role that archives the parent can see its children. The log and its readers must not learn the foreign key.
#[tokio::test]
async fn redacted_foreign_key_is_not_logged_by_detach_and_restore() {
    let audited = Audited::new(
        "create table people (id bigint primary key);
         create table files (id bigint primary key, informant_id bigint references people on delete set null)",
        vec![AuditedTable::new("files").redact(["informant_id"])],
        &["people"],
    )
    .await;
    let db = &audited.web;
    run(
        db,
        "insert into people values (4711); insert into files values (1, 4711), (2, 4711)",
    )
    .await;
    let archival = desk::person::Entity::archive_by_id(4711)
        .exec(db)
        .await
        .unwrap();
    let links =
        "select to_jsonb(count(*)) from archive.detached_link where link->>'informant_id' = '4711'";
    assert_eq!(json(&audited.owner, links).await, [json!(2)]);
    assert_eq!(archival.restore(db).await.unwrap().relinked, 2);
    let entries = audited.entries().await;
    assert_eq!(entries.len(), 6, "{entries:?}");
    for entry in entries {
        assert!(!entry.to_string().contains("4711"), "{entry}");
        assert_eq!(entry[5], json!(["informant_id"]));
    }
    let reader = audited.database.role("reader").await;
    audited.manager().grant_audit(&reader).await.unwrap();
    let reader = audited.database.connect_as("reader").await;
    let denied = reader
        .execute_unprepared("select from archive.detached_link")
        .await;
    assert!(
        denied
            .unwrap_err()
            .to_string()
            .contains("permission denied")
    );
}
