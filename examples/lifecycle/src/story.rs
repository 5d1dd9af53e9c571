//! The steps.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, DatabaseConnection, QueryOrder};
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;
use sea_orm_archive::{archival, hold};
use sea_orm_migration::{MigrationTrait, SchemaManager};
use storyteller::{Error, Narrator, ensure};

use crate::forum::{CreateForum, comment, post};
use crate::{person, stray};

const TABLES: [&str; 2] = ["posts", "comments"];

/// Runs the story.
pub async fn run(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    narrator.chapter("A forum with three posts. Deleted posts stay for 90 days, by a migration.");
    CreateForum.up(&SchemaManager::new(db)).await?;
    narrator.print_sql_from_here();
    for slug in ["welcome", "rules", "offer"] {
        let post = write(db, slug).await?;
        for text in ["Yes!", "No."] {
            let comment = comment::ActiveModel {
                post_id: Set(post.id),
                text: Set(format!("{text} ({slug})")),
                ..Default::default()
            };
            comment.insert(db).await?;
        }
    }
    narrator.show(db, &TABLES).await?;
    another_slug(narrator, db).await?;
    one_comment(narrator, db).await?;
    with_the_deleted(narrator, db).await?;
    purge(narrator, db).await?;
    hold(narrator, db).await?;
    person::leaves(narrator, db).await?;
    stray::delete(narrator, db).await?;
    narrator.print("\nThis is the end of the story.");
    Ok(())
}

async fn write(db: &DatabaseConnection, slug: &str) -> Result<post::Model, DbErr> {
    let post = post::ActiveModel {
        slug: Set(slug.to_owned()),
        ..Default::default()
    };
    post.insert(db).await
}

async fn another_slug(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    narrator.chapter("The post `welcome` is archived, and a new post takes its slug.");
    post::Entity::archive_by_id(1).exec(db).await?;
    write(db, "welcome").await?;
    match post::Entity::restore_by_id(1).exec(db).await {
        Err(sea_orm_archive::Error::Conflict(ConflictError::Restore { conflicts, .. })) => {
            for conflict in conflicts {
                narrator.print(&format!("Not restored: {conflict}."));
            }
        }
        other => return Err(format!("expected a conflict: {other:?}").into()),
    }

    narrator.chapter("It comes back under another slug.");
    let restore = post::Entity::restore_by_id(1).rename(post::Column::Slug, "-{n}");
    for change in restore.clone().preview(db).await?.changes {
        narrator.print(&format!(
            "Preview: {} {} has {} and would get {}.",
            change.table, change.key, change.from, change.to
        ));
    }
    let restored = restore.exec(db).await?;
    narrator.print(&format!("Restored: {:?}.", restored.rows));
    let post = post::Entity::find_by_id(1).one(db).await?;
    ensure(
        post.is_some_and(|post| post.slug == "welcome-2"),
        "post 1 has the slug welcome-2",
    )
}

async fn one_comment(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    narrator.chapter("The post `rules` is archived with its comments. One comment comes back alone, below `offer`.");
    post::Entity::archive_by_id(2).exec(db).await?;
    let restore = comment::Entity::restore_by_id(3)
        .as_part()
        .set(comment::Column::PostId, 3);
    let preview = restore.clone().preview(db).await?;
    narrator.print(&format!(
        "Preview: {:?} would come back, with {} conflicts.",
        preview.rows,
        preview.conflicts.len()
    ));
    let restored = restore.exec(db).await?;
    narrator.print(&format!(
        "Restored: {:?}, as archival {} that was part of {:?}.",
        restored.rows, restored.archival.id, restored.archival.part_of
    ));
    narrator.show(db, &TABLES).await?;
    let moved = comment::Entity::find_by_id(3).one(db).await?;
    ensure(
        moved.is_some_and(|comment| comment.post_id == 3),
        "comment 3 is below post 3",
    )
}

async fn with_the_deleted(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    narrator.chapter("A moderator reads all posts, the deleted ones too.");
    let posts = post::Entity::find_with_deleted()
        .order_by_asc(post::Column::Id)
        .all(db)
        .await?;
    for (post, deletion) in &posts {
        let state = match deletion {
            Some(deletion) => format!("deleted, archival {}", deletion.archival_id),
            None => "active".to_owned(),
        };
        narrator.print(&format!("{} {:<10} {state}", post.id, post.slug));
    }
    let deleted = posts.iter().filter(|(_, deletion)| deletion.is_some());
    ensure(deleted.count() == 1, "one post is deleted")
}

async fn purge(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    narrator.chapter("100 days later: what has expired is purged, what a court needs is not.");
    let case = post::Entity::archive_by_id(3)
        .metadata(serde_json::json!({"court": true}))
        .exec(db)
        .await?;
    db.execute_unprepared(
        "UPDATE archive.archival SET archived_at = archived_at - interval '100 days' WHERE restored_at IS NULL",
    )
    .await?;
    let expired = archival::Entity::purge_expired();
    for policy in expired.clone().preview(db).await? {
        narrator.print(&format!(
            "Preview: {} of {} by the rule \"{}\".",
            policy.expired, policy.table, policy.policy
        ));
    }
    let purged = expired.by("cleaner").exec(db).await?;
    narrator.print(&format!("Purged: {:?}.", purged.rows));
    narrator.show(db, &TABLES).await?;
    let records = archival::Entity::find()
        .filter(archival::Column::PurgedAt.is_not_null())
        .all(db)
        .await?;
    for record in &records {
        narrator.print(&format!(
            "The record stays: {} {} archived {}, purged by {:?}.",
            record.root_table,
            record.root_key,
            record.archived_at.date_naive(),
            record.purged_by
        ));
    }
    ensure(records.len() == 1, "one archival is purged")?;
    let kept = post::deleted::Entity::find_by_id(3).one(db).await?;
    ensure(
        kept.is_some_and(|post| post.archival_id == case.id),
        "the post of the court case is kept",
    )
}

async fn hold(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    narrator.chapter("The lawyers hold post 1. It is archived, and stays until they release it.");
    let held = post::Entity::hold_by_id(1, "case 17").by("legal");
    let held = held.exec(db).await?;
    post::Entity::archive_by_id(1).exec(db).await?;
    let purge = post::Entity::purge_many().filter(post::deleted::Column::Id.eq(1));
    match purge.clone().preview(db).await {
        Err(error @ sea_orm_archive::Error::Conflict(ConflictError::Held { .. })) => {
            narrator.print(&format!("Refused: {error}."));
        }
        other => return Err(format!("expected a hold: {other:?}").into()),
    }
    let release = hold::Entity::release_by_id(held.id, "case closed");
    let released = release.by("legal").exec(db).await?;
    narrator.print(&format!(
        "Hold {} was placed for \"{}\", and released for {:?}.",
        released.id, released.reason, released.release_reason
    ));
    let preview = purge.clone().preview(db).await?;
    narrator.print(&format!("Preview: {:?} would be purged.", preview.rows));
    let purged = purge.exec(db).await?;
    ensure(purged.archivals == 1, "the released post is purged")
}
