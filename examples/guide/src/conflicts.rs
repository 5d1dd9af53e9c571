//! Conflicts.

use sea_orm::{ActiveValue::Set, DatabaseConnection, IntoActiveModel, entity::prelude::*};
use sea_orm_archive::archival;
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::prelude::*;
use sea_orm_migration::SchemaManager;

use crate::Output;
use crate::blog::{comment, post};

pub mod album;
pub mod album_photo;
pub mod event;
pub mod person;
pub mod photo;

async fn restore(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    match post::Entity::restore_by_id(1).exec(db).await {
        Ok(restored) => output.line(format!("restored {:?}", restored.rows)),
        Err(Error::Conflict(ConflictError::Restore { conflicts, .. })) => {
            for conflict in conflicts {
                output.line(&conflict);
                if let Conflict::Unique { holder, values, .. } = conflict {
                    output.line(format!("post {} has {}", holder["id"], values["slug"]));
                }
            }
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

async fn rename(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let holder = post::Entity::find()
        .filter(post::Column::Slug.eq("first"))
        .one(db)
        .await?;
    if let Some(holder) = holder {
        let mut change = holder.into_active_model();
        change.slug = Set("first-2".to_owned());
        change.update(db).await?;
    }
    let restored = post::Entity::restore_by_id(1).exec(db).await?;
    output.line(format!("restored {:?}", restored.rows));
    Ok(())
}

async fn preview(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let preview = post::Entity::restore_by_id(1).preview(db).await?;
    output.line(format!(
        "{} rows, {} conflicts",
        preview.rows.values().sum::<u64>(),
        preview.conflicts.len()
    ));
    Ok(())
}

async fn parent(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    comment::Entity::archive_by_id(3).exec(db).await?;
    post::Entity::archive_by_id(2).exec(db).await?; // the post of comment 3
    match comment::Entity::restore_by_id(3).exec(db).await {
        Err(Error::Conflict(ConflictError::ParentArchived { archival, .. })) => {
            output.line(format!("archival {archival} has the post"));
            archival::Entity::restore_by_id(archival).exec(db).await?; // the parent first
            comment::Entity::restore_by_id(3).exec(db).await?;
        }
        other => drop(other?),
    }
    output.line(format!(
        "comments of post 2: {}",
        comment::Entity::find()
            .filter(comment::Column::PostId.eq(2))
            .count(db)
            .await?
    ));
    Ok(())
}

async fn photos(db: &DatabaseConnection) -> Result<(), DbErr> {
    db.execute_unprepared(
        "CREATE TABLE events (id bigint PRIMARY KEY);
         CREATE TABLE albums (id bigint PRIMARY KEY);
         CREATE TABLE photos (id bigint PRIMARY KEY, event_id bigint REFERENCES events);
         CREATE TABLE album_photos (
             album_id bigint REFERENCES albums,
             photo_id bigint REFERENCES photos,
             PRIMARY KEY (album_id, photo_id)
         );
         INSERT INTO events VALUES (1), (2);
         INSERT INTO albums VALUES (1);
         INSERT INTO photos VALUES (1, 1), (2, 1);
         INSERT INTO album_photos VALUES (1, 1), (1, 2)",
    )
    .await?;
    let manager = SchemaManager::new(db);
    for table in ["events", "albums", "photos", "album_photos"] {
        manager.archive_existing_table(table).await?;
    }
    Ok(())
}

async fn waiting(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    album::Entity::archive_by_id(1).exec(db).await?; // with both rows of album_photos
    photo::Entity::archive_by_id(2).exec(db).await?;

    let restored = album::Entity::restore_by_id(1).exec(db).await?;
    for waiting in restored.waiting {
        output.line(format!(
            "{} of {} until archival {} is restored",
            waiting.rows, waiting.table, waiting.archival
        ));
    }
    let restored = photo::Entity::restore_by_id(2).exec(db).await?;
    output.line(format!("restored {:?}", restored.rows));
    Ok(())
}

async fn lost_link(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    event::Entity::archive_by_id(1).exec(db).await?; // photos 1 and 2 have no event now
    let moved = photo::ActiveModel {
        id: Set(1),
        event_id: Set(Some(2)),
    };
    moved.update(db).await?;

    let restored = event::Entity::restore_by_id(1).exec(db).await?;
    output.line(format!("{} put back", restored.relinked));
    for lost in restored.not_relinked {
        output.line(format!(
            "{} {} had {}: {:?}",
            lost.table, lost.key, lost.link, lost.reason
        ));
    }
    Ok(())
}

async fn archived_key(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    album_photo::Entity::archive_by_id((1, 1)).exec(db).await?;
    let again = album_photo::ActiveModel {
        album_id: Set(1),
        photo_id: Set(1),
    };
    again.insert(db).await?;

    match album::Entity::archive_by_id(1).exec(db).await {
        Err(Error::Conflict(ConflictError::DuplicateKey { archivals, .. })) => {
            for archival in archivals {
                let purged = archival::Entity::purge_by_id(archival).exec(db).await?;
                output.line(format!("purged {:?}", purged.rows));
            }
            album::Entity::archive_by_id(1).exec(db).await?;
        }
        other => drop(other?),
    }
    Ok(())
}

async fn mates(db: &DatabaseConnection) -> Result<(), DbErr> {
    db.execute_unprepared(
        "CREATE TABLE people (id bigint PRIMARY KEY, mate_id bigint REFERENCES people);
         INSERT INTO people VALUES (1, NULL), (2, 1);
         UPDATE people SET mate_id = 2 WHERE id = 1",
    )
    .await?;
    SchemaManager::new(db)
        .archive_existing_table("people")
        .await
}

async fn ring(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    person::Entity::archive_many().exec(db).await?; // Anna and Ben
    let restored = person::Entity::restore_by_id(1).exec(db).await?;
    output.line(format!("restored {:?}", restored.rows));
    for archival in restored.together {
        output.line(format!("also person {}", archival.root_key["id"]));
    }
    Ok(())
}

/// The page says of two calls: in any order, and both links are back.
async fn two_calls(db: &DatabaseConnection) -> anyhow::Result<()> {
    person::Entity::archive_by_id(1).exec(db).await?;
    person::Entity::archive_by_id(2).exec(db).await?;
    person::Entity::restore_by_id(1).exec(db).await?;
    person::Entity::restore_by_id(2).exec(db).await?;
    for (id, mate) in [(1, 2), (2, 1)] {
        let person = person::Entity::find_by_id(id).one(db).await?;
        let found = person.and_then(|person| person.mate_id);
        anyhow::ensure!(found == Some(mate), "the mate of {id} is {found:?}");
    }
    Ok(())
}

pub async fn run(db: &DatabaseConnection, output: &mut Output) -> anyhow::Result<()> {
    crate::blog::fill(db).await?;
    post::Entity::archive_by_id(1).exec(db).await?;
    let other = post::ActiveModel {
        author_id: Set(1),
        title: Set("Another first post".to_owned()),
        slug: Set("first".to_owned()),
        ..Default::default()
    };
    other.insert(db).await?;
    preview(db, output).await?;
    restore(db, output).await?;
    rename(db, output).await?;
    parent(db, output).await?;
    photos(db).await?;
    waiting(db, output).await?;
    lost_link(db, output).await?;
    mates(db).await?;
    ring(db, output).await?;
    two_calls(db).await?;
    archived_key(db, output).await?;
    Ok(())
}
