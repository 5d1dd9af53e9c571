//! Restores of many as an ordinary role.

use sea_orm::{ConnectionTrait, TransactionTrait};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::sql::{dumps, number, run};
use sea_orm_migration::SchemaManager;

use super::entities::{ALL, ARCHIVE, event, post, posts};

#[tokio::test]
async fn role_with_the_grants_restores_many_and_another_is_refused() {
    let (database, db) = posts().await;
    let before = dumps(&db, &ALL).await;
    let (web, guest) = (database.role("web").await, database.role("guest").await);
    let manager = SchemaManager::new(&db);
    for role in [&web, &guest] {
        manager.grant_archive(role).await.unwrap();
    }
    run(
        &db,
        &format!(
            "grant select, insert, update, delete on posts, comments, deleted_posts, deleted_comments to {web};
             grant select on posts, comments, deleted_posts, deleted_comments to {guest}"
        ),
    )
    .await;
    let web = database.connect_as("web").await;
    post::Entity::archive_many().exec(&web).await.unwrap();
    let guest = database.connect_as("guest").await;
    let error = post::Entity::restore_many().exec(&guest).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("may not restore or purge this: it needs INSERT on"),
        "{error}"
    );
    assert_eq!(number(&db, "select count(*) from posts").await, 0);
    let restored = post::Entity::restore_many().by(7).exec(&web).await.unwrap();
    assert_eq!(restored.archivals.len(), 10);
    assert_eq!(dumps(&db, &ALL).await, before);
}

/// Direct calls of the functions with odd arrays.
#[tokio::test]
async fn functions_with_odd_arrays() {
    let (database, db) = posts().await;
    let manager = SchemaManager::new(&db);
    let (web, none) = (database.role("web").await, database.role("none").await);
    for role in [&web, &none] {
        manager.grant_archive(role).await.unwrap();
    }
    run(&db, &format!("grant select, insert, update, delete on posts, comments, deleted_posts, deleted_comments to {web}")).await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    event::Entity::archive_many().exec(&db).await.unwrap();
    let theirs = number(
        &db,
        "select min(id) from archive.archival where root_table = 'public.events'",
    )
    .await;
    let before = dumps(&db, &ARCHIVE).await;
    let ids = [
        "null::bigint[]".to_owned(),
        "array[]::bigint[]".to_owned(),
        "array[null]::bigint[]".to_owned(),
        format!("array[1, null, 1, {theirs}]::bigint[]"),
        format!("'[5:6]={{1,{theirs}}}'::bigint[]"),
        format!("array[[1, 2], [3, {theirs}]]::bigint[]"),
        format!("array[{theirs}, {theirs}]::bigint[]"),
        "array[-1, 9223372036854775807]::bigint[]".to_owned(),
    ];
    let mut log = Vec::new();
    for role in ["web", "none"] {
        let db_of_role = database.connect_as(role).await;
        for ids in &ids {
            for call in [
                format!("select archive.claim_archivals({ids})"),
                format!("select archive.finish_restores({ids}, 'x')"),
                format!("select archive.links_of({ids})"),
                format!("select archive.tables_of({ids})"),
                format!(
                    "select archive.forget_links({ids}, 'photos', array['{{}}', null]::jsonb[], array['event_id'], array[false])"
                ),
                format!(
                    "select archive.forget_links({ids}, 'photos', (select array_agg(child_key) from archive.detached_link), (select array_agg(edge) from archive.detached_link), (select array_agg(deleted) from archive.detached_link))"
                ),
                format!(
                    "select archive.move_links({ids}, 'photos', array[1, 2, 3], array['[\"1\"]']::jsonb[], array['event_id'])"
                ),
                format!(
                    "select archive.move_links(array[1, 2, 3], 'photos', {ids}, array['[\"1\"]']::jsonb[], array['event_id'])"
                ),
                format!("select archive.defer_to({ids}, array[{theirs}]::bigint[], 'events')"),
                format!("select archive.defer_to(array[{theirs}]::bigint[], {ids}, 'events')"),
                format!("select archive.defer_to({ids}, {ids}, 'posts')"),
                format!("select archive.defer_to({ids}, {ids}, null)"),
                format!("select archive.follow_links({ids})"),
            ] {
                let txn = db_of_role.begin().await.unwrap();
                if let Err(error) = txn.execute_unprepared(&call).await {
                    let text = error.to_string();
                    log.push(format!("{role}: {call}: {text}"));
                    txn.rollback().await.unwrap();
                } else if call.contains("finish_restores") {
                    // A role that may move the rows may mark its own archivals.
                    let others = number(&txn, &format!("select count(*) from archive.archival where restored_at is not null and (id >= {theirs} or '{role}' = 'none')")).await;
                    assert_eq!(others, 0, "{role}: {call}");
                    txn.rollback().await.unwrap();
                } else {
                    txn.commit().await.unwrap();
                }
                assert_eq!(dumps(&db, &ARCHIVE).await, before, "{role}: {call}");
            }
        }
    }
    let odd: Vec<_> = log
        .iter()
        .filter(|l| !l.contains("may not") && !l.contains("permission denied"))
        .collect();
    assert!(odd.is_empty(), "{odd:#?}");
}
