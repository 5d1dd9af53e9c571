//! A role that calls the functions behind restores with changes itself.
use crate::policies::forum::{EVERYTHING, comment, forum, post};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait};
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::{dumps, run, texts};
use sea_orm_migration::SchemaManager;

/// Mallory may restore, and not archive.
async fn mallory(database: &Database, db: &DatabaseConnection) -> DatabaseConnection {
    let role = database.role("mallory").await;
    SchemaManager::new(db).grant_archive(&role).await.unwrap();
    for table in ["posts", "comments"] {
        run(db, &format!("grant select, insert on {table} to {role}; grant select, update, delete on deleted_{table} to {role}")).await;
    }
    database.connect_as("mallory").await
}
async fn call(
    db: &DatabaseConnection,
    source: &str,
    tables: &str,
    ids: &str,
    keys: &str,
    counts: &str,
    n: i32,
) -> Result<(), DbErr> {
    let txn = db.begin().await.unwrap();
    let ids = ids.replace("ID", "(select (d->'ids'->>0)::bigint from drawn)");
    let sql = format!(
        "with drawn as materialized (select archive.draw_archivals({n}) as d) select archive.record_parts((select d from drawn), {source}, {tables}, {ids}, {keys}, {counts})"
    );
    let done = txn.execute_unprepared(&sql).await;
    match done {
        Ok(_) => {
            txn.commit().await.unwrap();
            Ok(())
        }
        Err(error) => Err(error),
    }
}

#[tokio::test]
async fn a_record_without_a_root_is_not_written() {
    let (database, owner) = forum().await;
    let archival = comment::Entity::archive_by_id(5)
        .by(1)
        .reason("spam")
        .exec(&owner)
        .await
        .unwrap();
    let db = mallory(&database, &owner).await;
    let before = dumps(&owner, &EVERYTHING).await;
    let id = archival.id.to_string();
    let done = call(
        &db,
        &id,
        "array['comments']::regclass[]",
        "array[ID]",
        "array['{\"id\": 77}'::jsonb]",
        "array['{\"public.comments\": 5}'::jsonb]",
        1,
    )
    .await;
    assert!(
        done.is_err(),
        "{:?}",
        texts(&owner, "select a::text from archive.archival a").await
    );
    assert_eq!(dumps(&owner, &EVERYTHING).await, before);
}

#[tokio::test]
async fn odd_arrays_write_nothing() {
    let (database, owner) = forum().await;
    let archival = comment::Entity::archive_by_id(5)
        .by(1)
        .reason("spam")
        .exec(&owner)
        .await
        .unwrap();
    let whole = post::Entity::archive_by_id(1).exec(&owner).await.unwrap();
    let db = mallory(&database, &owner).await;
    let before = dumps(&owner, &EVERYTHING).await;
    let (c, w) = (archival.id.to_string(), whole.id.to_string());
    let (t, k, n) = (
        "array['comments']::regclass[]",
        "array['{\"id\": 5}'::jsonb]",
        "array['{}'::jsonb]",
    );
    let tries = [
        (&*c, "array[]::regclass[]", "array[ID]", k, n, 1),
        (&*c, "null", "array[ID]", k, n, 1),
        (&*c, "array[null]::regclass[]", "array[ID]", k, n, 1),
        (
            &*c,
            "array['comments', null]::regclass[]",
            "array[ID]",
            k,
            n,
            1,
        ),
        (&*c, "array[['comments']]::regclass[]", "array[ID]", k, n, 1),
        (&*c, "'[5:5]={comments}'::regclass[]", "array[ID]", k, n, 1),
        (&*c, "array['users']::regclass[]", "array[ID]", k, n, 1),
        (&*c, "array['files']::regclass[]", "array[ID]", k, n, 1),
        (&*c, "array['pg_class']::regclass[]", "array[ID]", k, n, 1),
        (
            &*c,
            "array['comments','users']::regclass[]",
            "array[ID]",
            k,
            n,
            1,
        ),
        (&*w, "array['files']::regclass[]", "array[ID]", k, n, 1),
        (
            &*w,
            "array['comments','files']::regclass[]",
            "array[ID]",
            k,
            n,
            1,
        ),
        ("999", t, "array[ID]", k, n, 1),
        ("null", t, "array[ID]", k, n, 1),
        (&*c, t, "null", k, n, 1),
        (&*c, t, "array[null]::bigint[]", k, n, 1),
        (
            &*c,
            t,
            "array[ID, null]",
            "array['{}','{}']::jsonb[]",
            "array['{}','{}']::jsonb[]",
            1,
        ),
        (&*c, t, "array[4711]::bigint[]", k, n, 1),
        (&*c, t, "array[1]::bigint[]", k, n, 1),
        (
            &*c,
            t,
            "array[ID, ID]",
            "array['{}','{}']::jsonb[]",
            "array['{}','{}']::jsonb[]",
            1,
        ),
        (&*c, t, "array[ID]", "null", n, 1),
        (&*c, t, "array[ID]", "array[]::jsonb[]", n, 1),
        (&*c, t, "array[ID]", "array[null]::jsonb[]", n, 1),
        (&*c, t, "array[ID]", k, "null", 1),
        (&*c, t, "array[ID]", k, "array[null]::jsonb[]", 1),
        (&*c, t, "array[ID + 2]", k, n, 2),
    ];
    let mut written = Vec::new();
    for (n, (source, tables, ids, keys, counts, drawn)) in tries.into_iter().enumerate() {
        print!("{n}: ");
        if call(&db, source, tables, ids, keys, counts, drawn)
            .await
            .is_ok()
        {
            written.push(format!("{n} {tables} {ids} {keys} {counts}"));
        }
    }
    assert_eq!(dumps(&owner, &EVERYTHING).await, before, "{written:#?}");
}

#[tokio::test]
async fn a_forged_record_does_not_prevent_the_restore_of_all() {
    let (database, owner) = forum().await;
    let archival = comment::Entity::archive_by_id(5)
        .by(1)
        .reason("spam")
        .exec(&owner)
        .await
        .unwrap();
    let db = mallory(&database, &owner).await;
    let id = archival.id.to_string();
    for (keys, counts) in [
        ("array['null'::jsonb]", "array['[1]'::jsonb]"),
        (
            "array['\"x\"'::jsonb]",
            "array['{\"public.comments\": -5}'::jsonb]",
        ),
        (
            "array['{\"id\": 5}'::jsonb]",
            "array['{\"public.comments\": 1e400}'::jsonb]",
        ),
        ("array['[]'::jsonb]", "array['7'::jsonb]"),
    ] {
        let forged = call(
            &db,
            &id,
            "array['comments']::regclass[]",
            "array[ID]",
            keys,
            counts,
            1,
        )
        .await;
        assert!(forged.is_err(), "{keys} {counts}");
    }
    let done = archival::Entity::restore_many().exec(&owner).await;
    done.unwrap();
}

#[tokio::test]
async fn a_drawn_id_of_another_transaction_is_not_used() {
    let (database, owner) = forum().await;
    let archival = comment::Entity::archive_by_id(5)
        .exec(&owner)
        .await
        .unwrap();
    let _ = mallory(&database, &owner).await;
    let session = database.session_as("m", "mallory").await;
    let db = session.db();
    let drawn = texts(&db, "select archive.draw_archivals(2)::text")
        .await
        .remove(0);
    let done = db.execute_unprepared(&format!("select archive.record_parts('{drawn}', {}, array['comments']::regclass[], array(select x::bigint from jsonb_array_elements_text('{drawn}'::jsonb->'ids') x), array['{{}}','{{}}']::jsonb[], array['{{}}','{{}}']::jsonb[])", archival.id)).await;
    assert!(done.is_err());
    // Single ids need no signature: another session drew this one.
    let other = texts(&owner, "select archive.draw_archivals(1)::text")
        .await
        .remove(0);
    let done = db.execute_unprepared(&format!("select archive.draw_archivals(1); select archive.record_parts('{other}', {}, array['comments']::regclass[], array(select x::bigint from jsonb_array_elements_text('{other}'::jsonb->'ids') x), array['{{}}']::jsonb[], array['{{}}']::jsonb[])", archival.id)).await;
    assert!(done.is_err());
}

#[tokio::test]
async fn a_role_without_rights_reads_no_defaults_and_writes_no_record() {
    let (database, owner) = forum().await;
    let archival = comment::Entity::archive_by_id(5)
        .exec(&owner)
        .await
        .unwrap();
    let role = database.role("nobody").await;
    let db = database.connect_as("nobody").await;
    let done = db.execute_unprepared(&format!("select archive.record_parts(archive.draw_archivals(1), {}, array['comments']::regclass[], array[1]::bigint[], array['{{}}']::jsonb[], array['{{}}']::jsonb[])", archival.id)).await;
    assert!(done.is_err());
    SchemaManager::new(&owner)
        .grant_archive(&role)
        .await
        .unwrap();
    let done = call(
        &db,
        &archival.id.to_string(),
        "array[(select 'public.comments'::regclass)]",
        "array[ID]",
        "array['{\"id\": 5}'::jsonb]",
        "array['{}'::jsonb]",
        1,
    )
    .await;
    assert!(done.is_err());
    // In an operation for the owner of a table.
    let done = db.execute_unprepared("select archive.key_defaults(null), archive.key_defaults('{}'), archive.key_defaults('{0, 1}'), archive.key_defaults('{{1},{2}}')").await;
    assert!(done.is_ok(), "{done:?}");
}
