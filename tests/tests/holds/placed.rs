//! What a hold keeps, and what it lets happen.

use blog::{comment, post, tag};
use sea_orm::entity::prelude::*;
use sea_orm_archive::error::{NotFoundError, RefusedError};
use sea_orm_archive::prelude::*;
use sea_orm_archive::{archival, hold};
use sea_orm_archive_migration::{ArchiveSchema, Retention, RetentionSchema};
use sea_orm_archive_tests::sql::{number, refused, run, texts};
use sea_orm_migration::SchemaManager;

use super::{assert_held, database, end};

#[tokio::test]
async fn held_archival_is_neither_purged_nor_restored() {
    let (_database, db) = database().await;
    let one = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let two = post::Entity::archive_by_id(2).exec(&db).await.unwrap();
    let held = archival::Entity::hold_by_id(one.id, "case 17")
        .by(7)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(
        (held.archival_id, &held.reason, held.placed_by.as_deref()),
        (Some(one.id), &"case 17".to_owned(), Some("7"))
    );
    let record = archival::Entity::find_by_id(one.id).one(&db).await;
    assert_eq!(record.unwrap().unwrap().holds, 1);

    assert_held(one.purge(&db).await, &[one.id], held.id);
    assert_held(
        post::Entity::purge_many().exec(&db).await,
        &[one.id],
        held.id,
    );
    assert_held(
        post::Entity::purge_many().preview(&db).await,
        &[one.id],
        held.id,
    );
    assert_held(
        archival::Entity::purge_many().exec(&db).await,
        &[one.id],
        held.id,
    );
    assert_held(one.restore(&db).await, &[one.id], held.id);
    assert_held(
        post::Entity::restore_by_id(1).exec(&db).await,
        &[one.id],
        held.id,
    );
    assert_held(
        post::Entity::restore_many().exec(&db).await,
        &[one.id],
        held.id,
    );
    assert_held(
        post::Entity::restore_by_id(1).as_new().exec(&db).await,
        &[one.id],
        held.id,
    );
    assert_held(
        comment::Entity::restore_by_id(1).as_part().exec(&db).await,
        &[one.id],
        held.id,
    );

    let manager = SchemaManager::new(&db);
    manager.retain("posts", Retention::days(0)).await.unwrap();
    let expired = archival::Entity::purge_expired;
    assert_eq!(expired().preview(&db).await.unwrap()[0].expired, 1);
    let purged = expired().exec(&db).await.unwrap();
    assert_eq!(purged.archivals, 1);
    assert_eq!(number(&db, "select count(*) from deleted_posts").await, 1);
    assert!(two.restore(&db).await.is_err());

    let released = hold::Entity::release_by_id(held.id, "closed")
        .by(8)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(
        (
            released.released_by.as_deref(),
            released.release_reason.as_deref()
        ),
        (Some("8"), Some("closed"))
    );
    assert!(released.released_at.is_some());
    assert_eq!(hold::Entity::find().all(&db).await.unwrap(), [released]);
    let again = hold::Entity::release_by_id(held.id, "").exec(&db).await;
    assert!(matches!(
        again.unwrap_err(),
        Error::NotFound(NotFoundError::Hold { .. })
    ));
    one.restore(&db).await.unwrap();
}

#[tokio::test]
async fn each_of_several_holds_counts_until_it_ends() {
    let (_database, db) = database().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let hold = |reason: &str| archival::Entity::hold_by_id(archival.id, reason);
    let first = hold("first").exec(&db).await.unwrap();
    let later =
        DateTimeUtc::from(std::time::SystemTime::now() + std::time::Duration::from_secs(3600));
    let second = hold("second").until(later).exec(&db).await.unwrap();
    let millis = |time: DateTimeUtc| time.timestamp_millis();
    assert_eq!(second.until.map(millis), Some(millis(later)));
    end(&db, first.id).await;
    assert_held(archival.purge(&db).await, &[archival.id], second.id);
    end(&db, second.id).await;
    // They have ended, and were not released.
    archival.restore(&db).await.unwrap();
    let over = hold("over").exec(&db).await.unwrap_err();
    assert!(
        matches!(over, Error::NotFound(NotFoundError::Archival { .. })),
        "{over}"
    );
    let past = DateTimeUtc::UNIX_EPOCH;
    let past = post::Entity::hold_table("past").until(past).exec(&db).await;
    assert!(matches!(
        past.unwrap_err(),
        Error::Refused(RefusedError::EndedHold { .. })
    ));
}

/// A held row is archived and restored as any other, and is never purged.
#[tokio::test]
async fn hold_stays_on_a_row_that_is_archived_and_restored() {
    let (_database, db) = database().await;
    let held = post::Entity::hold_by_id(1, "case 17")
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(
        (held.held_table.as_deref(), &held.held_key),
        (Some("public.posts"), &Some(serde_json::json!(["1"])))
    );
    for _ in 0..2 {
        let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
        assert_held(archival.purge(&db).await, &[archival.id], held.id);
        archival.restore(&db).await.unwrap();
    }
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let archived = post::Entity::hold_by_id(1, "also archived")
        .exec(&db)
        .await
        .unwrap();
    end(&db, held.id).await;
    assert_held(archival.purge(&db).await, &[archival.id], archived.id);
    end(&db, archived.id).await;
    archival.purge(&db).await.unwrap();
    let gone = post::Entity::hold_by_id(1, "gone")
        .exec(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(gone, Error::NotFound(NotFoundError::Row { .. })),
        "{gone}"
    );
    assert_eq!(number(&db, "select count(*) from archive.hold").await, 2);
}

/// The archival of a held child is kept as a whole.
#[tokio::test]
async fn held_child_keeps_the_archival_of_its_root() {
    let (_database, db) = database().await;
    let held = comment::Entity::hold_by_id(1, "insult")
        .exec(&db)
        .await
        .unwrap();
    for id in [1, 2, 3] {
        post::Entity::archive_by_id(id).exec(&db).await.unwrap();
    }
    let of = "select archival_id from deleted_comments where id = 1";
    let held_archival = number(&db, of).await;
    let all = post::Entity::purge_many;
    assert_held(all().exec(&db).await, &[held_archival], held.id);
    let preview = all().skip_held().preview(&db).await.unwrap();
    assert_eq!(
        (preview.archivals, preview.held[&held_archival].clone()),
        (2, vec![held.id])
    );
    let mut batches = all().skip_held().in_batches(1);
    let mut purged = 0;
    while let Some(batch) = batches.next(&db).await.unwrap() {
        purged += batch.archivals;
    }
    assert_eq!(purged, 2);
    let left = "select id::text from deleted_posts";
    assert_eq!(texts(&db, left).await, ["1"]);
    let mut batches = archival::Entity::purge_many().skip_held().in_batches(2);
    assert_eq!(batches.next(&db).await.unwrap(), None);
    let manager = SchemaManager::new(&db);
    manager.retain("posts", Retention::days(0)).await.unwrap();
    let preview = archival::Entity::purge_expired().preview(&db).await;
    assert_eq!(preview.unwrap(), []);
    assert_eq!(
        archival::Entity::purge_expired()
            .exec(&db)
            .await
            .unwrap()
            .archivals,
        0
    );
}

#[tokio::test]
async fn held_table_keeps_every_archival_of_a_tree_with_it() {
    let (_database, db) = database().await;
    let post = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "insert into tags values (9, 'unused')").await;
    let tag = tag::Entity::archive_by_id(9).exec(&db).await.unwrap();
    let held = comment::Entity::hold_table("audit 2026")
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(
        (&held.held_key, held.held_table.as_deref()),
        (&None, Some("public.comments"))
    );
    assert_held(post.purge(&db).await, &[post.id], held.id);
    let manager = SchemaManager::new(&db);
    manager.retain("posts", Retention::days(0)).await.unwrap();
    let expired = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(
        (expired.archivals, expired.not_allowed),
        (0, vec!["public.comments".to_owned()])
    );
    tag.purge(&db).await.unwrap();
    // The record of a restored archival tells of the held table.
    post.restore(&db).await.unwrap();
    manager.retain_archivals(Retention::days(0)).await.unwrap();
    let expired = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(expired.records, 1);
    end(&db, held.id).await;
    let expired = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(expired.records, 1);
}

#[tokio::test]
async fn hold_follows_a_changed_key_and_a_renamed_table() {
    let (_database, db) = database().await;
    let held = post::Entity::hold_by_id(3, "case 17")
        .exec(&db)
        .await
        .unwrap();
    run(&db, "update posts set id = 30 where id = 3").await;
    let archival = post::Entity::archive_by_id(30).exec(&db).await.unwrap();
    assert_held(archival.purge(&db).await, &[archival.id], held.id);
    let key = "select held_key::text from archive.hold";
    assert_eq!(texts(&db, key).await, [r#"["30"]"#]);
    run(&db, "alter table posts rename to articles").await;
    let refusal = refused(
        &db,
        &format!("select archive.purge_archivals('{{{}}}')", archival.id),
    )
    .await;
    assert!(
        refusal.message.contains(&format!("hold {}", held.id)),
        "{}",
        refusal.message
    );
}

/// What PostgreSQL compares is the key, so a primary key with another column may be that of any row.
#[tokio::test]
async fn key_that_no_longer_fits_the_primary_key_holds_the_table() {
    let (_database, db) = database().await;
    let held = post::Entity::hold_by_id(1, "case 17")
        .exec(&db)
        .await
        .unwrap();
    run(&db, r#"update archive.hold set held_key = '["1", "2"]'"#).await;
    let other = post::Entity::archive_by_id(3).exec(&db).await.unwrap();
    assert_held(other.purge(&db).await, &[other.id], held.id);
}

#[tokio::test]
async fn install_archive_may_run_again_while_something_is_held() {
    let (_database, db) = database().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let held = archival::Entity::hold_by_id(archival.id, "case 17")
        .exec(&db)
        .await
        .unwrap();
    SchemaManager::new(&db).install_archive().await.unwrap();
    assert_held(archival.purge(&db).await, &[archival.id], held.id);
    assert_eq!(sea_orm_archive::check(&db).await.unwrap(), []);
}
