//! Who may erase, and what a role with the grant cannot do.

use sea_orm::DatabaseConnection;
use sea_orm::EntityTrait;
use sea_orm_archive::erasure::PersonEntity;
use sea_orm_archive::prelude::*;
use sea_orm_archive::{archival, erasure};
use sea_orm_archive_migration::{ArchiveSchema, AuditSchema, ErasureSchema, HoldSchema};
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::{number, refused, run, texts};
use sea_orm_migration::SchemaManager;

use super::assert_gone;
use super::people::{people, person, post};

/// What the documentation recommends beside `grant_erasure`.
pub const PRIVILEGES: &str = "
    grant select, update on persons, deleted_persons, posts, deleted_posts, comments, deleted_comments, attachments, deleted_attachments, person_history to {role};
    grant select, update, delete on sessions to {role}";

async fn eraser(database: &Database, db: &DatabaseConnection) -> DatabaseConnection {
    let role = database.role("eraser").await;
    run(db, &PRIVILEGES.replace("{role}", &role)).await;
    SchemaManager::new(db).grant_erasure(&role).await.unwrap();
    database.connect_as("eraser").await
}

#[tokio::test]
async fn role_with_the_grant_previews_and_erases() {
    let database = people().await;
    let db = database.connect().await;
    post::Entity::archive_by_id(3).exec(&db).await.unwrap();
    let eraser = eraser(&database, &db).await;
    let preview = person::Entity::erase_by_id(1)
        .preview(&eraser)
        .await
        .unwrap();
    let certificate = person::Entity::erase_by_id(1).exec(&eraser).await.unwrap();
    assert_eq!(preview.places, certificate.places);
    assert!(certificate.is_complete(), "{certificate}");
    assert_eq!(erasure::Entity::find().all(&eraser).await.unwrap().len(), 1);
    assert_gone(&db, &["ada@", "lovelace", "from ada"]).await;
    for sql in [
        "update archive.audit_entry set old = null",
        "delete from archive.audit_entry",
        "select * from archive.erasure_value",
        "select * from archive.erasure_row",
        "update archive.erasure set reason = 'x'",
        "delete from archive.erased_place",
        "insert into archive.erasure (subject, subject_table, subject_key, pseudonym, started_at, state) values ('persons', 'x', '[]', 'x', now(), 'finished')",
        "update archive.personal_data set columns = '{}'",
        "select archive.place_hold(null, 'persons', null, 'x', null, null)",
        "select archive.purge_archivals('{1}')",
    ] {
        assert_eq!(refused(&eraser, sql).await.code, "42501", "{sql}");
    }
    let role = database.role("eraser").await;
    SchemaManager::new(&db).revoke_erasure(&role).await.unwrap();
    let error = person::Entity::erase_by_id(2)
        .exec(&eraser)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("permission denied"), "{error}");
    assert_eq!(number(&db, &format!("select count(*) from pg_proc where pronamespace = 'archive'::regnamespace and prosecdef and starts_with(proname, 'erasure_') and has_function_privilege('{role}', oid, 'execute')")).await, 0);
}

#[tokio::test]
async fn table_that_the_role_may_not_read_is_named_in_the_certificate() {
    let database = people().await;
    let db = database.connect().await;
    let eraser = eraser(&database, &db).await;
    run(&db, "create table notes (id bigint primary key, note text); insert into notes values (1, 'of ada@example.org')").await;
    SchemaManager::new(&db)
        .archive_existing_table("notes")
        .await
        .unwrap();
    let certificate = person::Entity::erase_by_id(1).exec(&eraser).await.unwrap();
    assert!(!certificate.is_complete());
    assert_eq!(
        certificate.erasure.unread,
        Some(serde_json::json!(["public.deleted_notes", "public.notes"]))
    );
    let certificate = person::Entity::erase_by_id(1).exec(&db).await.unwrap();
    // Its values are known no more.
    assert_eq!(certificate.erasure.searched, Some(0));
}

#[tokio::test]
async fn other_grants_do_not_erase() {
    let database = people().await;
    let db = database.connect().await;
    let manager = SchemaManager::new(&db);
    let role = database.role("web").await;
    run(
        &db,
        &format!("grant select, insert, update, delete on all tables in schema public to {role}"),
    )
    .await;
    manager.grant_archive(&role).await.unwrap();
    manager.grant_audit(&role).await.unwrap();
    manager.grant_audit_maintenance(&role).await.unwrap();
    manager.grant_holds(&role).await.unwrap();
    let web = database.connect_as("web").await;
    let functions = texts(&db, "select format('select archive.%I(%s)', proname, (select string_agg(format('null::%s', format_type(t, null)), ', ') from unnest(proargtypes) t))
        from pg_proc where pronamespace = 'archive'::regnamespace and starts_with(proname, 'erasure_') order by 1").await;
    assert!(functions.len() > 10, "{functions:?}");
    for call in functions {
        if call.contains("erasure_json") {
            continue;
        }
        assert_eq!(refused(&web, &call).await.code, "42501", "{call}");
    }
    let error = person::Entity::erase_by_id(1).exec(&web).await.unwrap_err();
    assert!(error.to_string().contains("permission denied"), "{error}");
    refused(&web, "select * from archive.erasure").await;
    refused(&web, "select * from archive.erasure_value").await;
    refused(&web, "update archive.audit_entry set old = null").await;
    // Nobody else may.
    assert_eq!(texts(&db, "select proname::text from pg_proc where pronamespace = 'archive'::regnamespace and prosecdef and starts_with(proname, 'eras') and has_function_privilege('public', oid, 'execute')").await, Vec::<String>::new());
}

/// The functions of the owner in any order, with any arguments.
#[tokio::test]
async fn forged_calls_change_nothing_that_is_not_declared() {
    let database = people().await;
    let db = database.connect().await;
    let eraser = eraser(&database, &db).await;
    archival::Entity::find().all(&db).await.unwrap();
    let before = texts(&db, "select e::text from archive.audit_entry e order by id").await;
    let begun = number(
        &eraser,
        "select archive.erasure_begin('persons', '[\"2\"]', null, null)",
    )
    .await;
    for call in [
        format!("select archive.erasure_next({begun}, 10)"),
        format!("select archive.erasure_record({begun}, 1, '[[\"1\"]]', '[]')"),
        format!("select archive.erasure_mentions({begun}, '[]')"),
        format!("select archive.erasure_finish({begun}, '{{}}', '[]')"),
        format!("select archive.erasure_found({begun})"),
        "select archive.erasure_record(99, 1, '[]', '[]')".to_owned(),
        "select archive.erasure_add(99, 1, '[]')".to_owned(),
    ] {
        assert_eq!(refused(&eraser, &call).await.code, "55000", "{call}");
    }
    // A rule that is none of the person's, a key that is no key, and a table with another owner's code.
    run(
        &eraser,
        &format!("select archive.erasure_add({begun}, 999, '[[\"1\"], {{\"id\": 1}}, null]')"),
    )
    .await;
    assert_eq!(
        texts(&db, "select e::text from archive.audit_entry e order by id").await,
        before
    );
    let certificate = person::Entity::erase_by_id(2).exec(&eraser).await.unwrap();
    // The title is not declared.
    assert_eq!(
        certificate.found().into_iter().collect::<Vec<_>>(),
        [("public.posts.title".to_owned(), 1)]
    );
    assert_eq!(
        number(
            &db,
            "select count(*) from persons where email = 'ada@example.org'"
        )
        .await,
        1
    );
}
