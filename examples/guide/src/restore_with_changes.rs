//! Restore with changes.

use sea_orm::{ActiveValue::Set, DatabaseConnection, entity::prelude::*};
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;

use crate::Output;
use crate::blog::{comment, post, user};

async fn another(db: &DatabaseConnection, slug: &str) -> Result<post::Model, DbErr> {
    let post = post::ActiveModel {
        author_id: Set(1),
        title: Set("Another post".to_owned()),
        slug: Set(slug.to_owned()),
        ..Default::default()
    };
    post.insert(db).await
}

async fn set(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let restore = post::Entity::restore_by_id(1).set(post::Column::Slug, "first-again");
    let preview = restore.clone().preview(db).await?;
    for change in preview.changes {
        output.line(format!(
            "{} {}: {} becomes {}",
            change.table, change.key, change.from, change.to
        ));
    }
    restore.exec(db).await?;
    Ok(())
}

async fn rename(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let restored = post::Entity::restore_by_id(2)
        .rename(post::Column::Slug, "-{n}")
        .exec(db)
        .await?;
    output.line(&restored.changes[0].to);
    Ok(())
}

async fn remap(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let restored = post::Entity::restore_by_id(1)
        .remap(user::Entity, 1, 2) // from user 1 to user 2
        .exec(db)
        .await?;
    output.line(&restored.changes[0].to);
    Ok(())
}

async fn skip(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let restored = post::Entity::restore_by_id(1)
        .skip_conflicting()
        .exec(db)
        .await?;
    output.line(format!("restored {:?}", restored.rows));
    for stayed in restored.stayed {
        output.line(format!(
            "{} {} stays: {}",
            stayed.table, stayed.key, stayed.conflicts[0]
        ));
        if let Some(id) = stayed.archival {
            comment::Entity::delete_by_id(1).exec(db).await?; // what was in the way
            archival::Entity::restore_by_id(id).exec(db).await?;
        }
    }
    Ok(())
}

async fn parents(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    comment::Entity::archive_by_id(3).exec(db).await?;
    post::Entity::archive_by_id(2).exec(db).await?; // the post of comment 3

    let restored = comment::Entity::restore_by_id(3)
        .with_parents()
        .exec(db)
        .await?;
    for parent in restored.parents {
        output.line(format!("first {:?}", parent.rows));
    }
    output.line(format!("then {:?}", restored.rows));
    Ok(())
}

async fn part(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    post::Entity::archive_by_id(1).exec(db).await?; // with its comments 1 and 2

    let restored = comment::Entity::restore_by_id(2)
        .as_part()
        .set(comment::Column::PostId, 2) // its own post is archived
        .exec(db)
        .await?;
    output.line(format!("restored {:?}", restored.rows));
    let restored = post::Entity::restore_by_id(1).exec(db).await?;
    output.line(format!("restored {:?}", restored.rows));
    Ok(())
}

async fn copy(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    post::Entity::archive_by_id(2).exec(db).await?;

    let copied = post::Entity::restore_by_id(2).as_new().exec(db).await?;
    output.line(format!("new {}", copied.archival.root_key));
    output.line(format!("copied {:?}", copied.rows));
    let archived = post::deleted::Entity::find_by_id(2).one(db).await?;
    output.line(format!("archived still: {}", archived.is_some()));
    Ok(())
}

/// What the page shows.
pub async fn run(db: &DatabaseConnection, output: &mut Output) -> Result<(), anyhow::Error> {
    crate::blog::fill(db).await?;
    let ben = user::ActiveModel {
        name: Set("Ben".to_owned()),
        ..Default::default()
    };
    ben.insert(db).await?;
    post::Entity::archive_by_id(1).exec(db).await?;
    another(db, "first").await?;
    set(db, output).await?;
    post::Entity::archive_by_id(2).exec(db).await?;
    another(db, "second").await?;
    another(db, "second-2").await?;
    rename(db, output).await?;
    post::Entity::archive_by_id(1).exec(db).await?;
    remap(db, output).await?;
    post::Entity::archive_by_id(1).exec(db).await?;
    let taken = comment::ActiveModel {
        id: Set(1),
        post_id: Set(2),
        content: Set("Inserted with the key of an archived one".to_owned()),
    };
    taken.insert(db).await?;
    skip(db, output).await?;
    parents(db, output).await?;
    part(db, output).await?;
    copy(db, output).await?;
    Ok(())
}
