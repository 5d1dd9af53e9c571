//! Sets of archivals whose triggers count rows.

use sea_orm::ColumnTrait;
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{dumps, number, run};

use super::entities::{ALL, comment, event, photo, post, posts};
use super::shop::{THESE, organizer, shop, venue};

/// A conflict with a row that a trigger of the application inserts, counters, and skip.
#[tokio::test]
async fn counters_with_skip_and_links() {
    let (_database, db) = posts().await;
    run(
        &db,
        "alter table posts add column comments_count bigint not null default 3;
         alter table events add column photos_count bigint not null default 3;
         create function count_comments() returns trigger language plpgsql as $$ begin
             update posts set comments_count = comments_count + case tg_op when 'INSERT' then 1 else -1 end
             where id = case tg_op when 'INSERT' then new.post_id else old.post_id end;
             return null;
         end $$;
         create trigger count_comments after insert or delete on comments for each row execute function count_comments();
         create function count_photos() returns trigger language plpgsql as $$ begin
             if tg_op <> 'INSERT' then update events set photos_count = photos_count - 1 where id = old.event_id; end if;
             if tg_op <> 'DELETE' then update events set photos_count = photos_count + 1 where id = new.event_id; end if;
             return null;
         end $$;
         create constraint trigger count_photos after insert or update or delete on photos deferrable initially deferred for each row execute function count_photos()",
    )
    .await;
    let manager = sea_orm_migration::SchemaManager::new(&db);
    for table in ["posts", "events"] {
        sea_orm_archive_migration::ArchiveSchema::sync_archived_table(&manager, table)
            .await
            .unwrap();
    }
    let before = dumps(&db, &ALL).await;
    post::Entity::archive_many()
        .filter(post::Column::Id.lt(6))
        .exec(&db)
        .await
        .unwrap();
    event::Entity::archive_many().exec(&db).await.unwrap();
    photo::Entity::archive_by_id(2).exec(&db).await.unwrap();
    run(&db, "insert into posts values (101, 'post 3')").await;
    let preview = archival::Entity::restore_many()
        .skip_conflicts()
        .preview(&db)
        .await
        .unwrap();
    let restored = archival::Entity::restore_many()
        .skip_conflicts()
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(
        (preview.archivals.len(), &preview.conflicts),
        (restored.archivals.len(), &restored.skipped)
    );
    assert_eq!(
        (restored.archivals.len(), restored.skipped.len()),
        (9, 1),
        "{restored:?}"
    );
    run(&db, "delete from posts where id = 101").await;
    post::Entity::restore_many()
        .in_batches(1)
        .next(&db)
        .await
        .unwrap();
    assert_eq!(dumps(&db, &ALL).await, before);
}

const COUNTER: &str = "alter table posts add column comments_count bigint not null default 3;
    create function count_comments() returns trigger language plpgsql as $$ begin
        update posts set comments_count = comments_count + case tg_op when 'INSERT' then 1 else -1 end
        where id = case tg_op when 'INSERT' then new.post_id else old.post_id end;
        return null;
    end $$;
    create trigger count_comments after insert or delete on comments for each row execute function count_comments()";

/// A set would set the counter of the post to that of its image, which is older than the return of the comment.
#[tokio::test]
async fn set_whose_counters_could_be_wrong_is_refused() {
    let (_database, db) = posts().await;
    run(&db, COUNTER).await;
    sea_orm_archive_migration::ArchiveSchema::sync_archived_table(
        &sea_orm_migration::SchemaManager::new(&db),
        "posts",
    )
    .await
    .unwrap();
    comment::Entity::archive_by_id(11).exec(&db).await.unwrap();
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let before = dumps(&db, &super::entities::ARCHIVE).await;
    let error = archival::Entity::restore_many()
        .exec(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Drift(sea_orm_archive::error::DriftError::Trigger { message })
            if message.contains("count_comments") && message.contains("one after the other, the newest first")),
        "{error}"
    );
    assert_eq!(dumps(&db, &super::entities::ARCHIVE).await, before);
    post::Entity::restore_by_id(1).exec(&db).await.unwrap();
    comment::Entity::restore_by_id(11).exec(&db).await.unwrap();
    assert_eq!(
        number(&db, "select comments_count from posts where id = 1").await,
        3
    );
}

/// A restore defers a row to an archival of a set that waits for it.
#[tokio::test]
async fn row_is_deferred_to_a_set_that_waits() {
    for resolve in [false, true] {
        let (database, db) = shop().await;
        let before = dumps(&db, &THESE).await;
        let first = venue::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
        organizer::Entity::archive_many().exec(&db).await.unwrap();
        let holder = database.session("holder").await;
        let txn = sea_orm::TransactionTrait::begin(&holder.db())
            .await
            .unwrap();
        let waiting = archival::Entity::restore_by_id(first)
            .exec(&txn)
            .await
            .unwrap();
        assert_eq!(waiting.waiting.len(), 1);
        let many = database.session("many").await;
        let db_of_many = many.db();
        let restore = many.start(async move {
            match resolve {
                true => {
                    archival::Entity::restore_many()
                        .filter(archival::Column::RootTable.eq("public.organizers"))
                        .exec(&db_of_many)
                        .await
                }
                false => organizer::Entity::restore_many().exec(&db_of_many).await,
            }
        });
        database.wait_until_blocked(&many).await;
        txn.commit().await.unwrap();
        let restored = restore.finish().await.unwrap();
        assert_eq!(
            (restored.relinked, restored.rows["public.shows"]),
            (3, 3),
            "{restored:?}"
        );
        assert_eq!(dumps(&db, &THESE).await, before);
    }
}

const SHOWS: &str = "alter table organizers add column shows_count bigint not null default 0;
    update organizers as o set shows_count = (select count(*) from shows s where s.organizer_id = o.id);
    create function count_shows() returns trigger language plpgsql as $$ begin
        update organizers set shows_count = shows_count + case tg_op when 'INSERT' then 1 else -1 end
        where id = case tg_op when 'INSERT' then new.organizer_id else old.organizer_id end;
        return null;
    end $$;
    create trigger count_shows after insert or delete on shows for each row execute function count_shows()";

/// The organizer was archived without the show, so it would get that counter while the show comes back.
#[tokio::test]
async fn counted_row_does_not_wait_for_its_other_parent() {
    let (_database, db) = shop().await;
    run(&db, SHOWS).await;
    let manager = sea_orm_migration::SchemaManager::new(&db);
    sea_orm_archive_migration::ArchiveSchema::sync_archived_table(&manager, "organizers")
        .await
        .unwrap();
    let before = dumps(&db, &THESE).await;
    let first = venue::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let second = organizer::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let archived = dumps(
        &db,
        &["deleted_shows", "deleted_venues", "archive.archival"],
    )
    .await;
    let error = first.restore(&db).await.unwrap_err();
    assert!(
        matches!(&error, Error::Drift(sea_orm_archive::error::DriftError::Trigger { message })
            if message.contains("count_shows") && message.contains(&format!("restore archival {} first", second.id))),
        "{error}"
    );
    assert_eq!(
        dumps(
            &db,
            &["deleted_shows", "deleted_venues", "archive.archival"]
        )
        .await,
        archived
    );
    second.restore(&db).await.unwrap();
    first.restore(&db).await.unwrap();
    assert_eq!(dumps(&db, &THESE).await, before);
}

/// What one call archived has counters of one time.
#[tokio::test]
async fn set_of_one_call_is_restored_with_its_counters() {
    let (_database, db) = shop().await;
    run(&db, SHOWS).await;
    let manager = sea_orm_migration::SchemaManager::new(&db);
    sea_orm_archive_migration::ArchiveSchema::sync_archived_table(&manager, "organizers")
        .await
        .unwrap();
    let before = dumps(&db, &THESE).await;
    organizer::Entity::archive_many().exec(&db).await.unwrap();
    archival::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(dumps(&db, &THESE).await, before);
}
