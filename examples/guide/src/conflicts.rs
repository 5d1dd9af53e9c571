//! Conflicts.

use sea_orm::{ActiveValue::Set, DatabaseConnection, IntoActiveModel, entity::prelude::*};
use sea_orm_archive::archival;
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;

use crate::Output;
use crate::blog::{comment, post};

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
    let thief = post::Entity::find()
        .filter(post::Column::Slug.eq("first"))
        .one(db)
        .await?;
    if let Some(thief) = thief {
        let mut change = thief.into_active_model();
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

pub async fn run(db: &DatabaseConnection, output: &mut Output) -> anyhow::Result<()> {
    crate::blog::fill(db).await?;
    post::Entity::archive_by_id(1).exec(db).await?;
    let thief = post::ActiveModel {
        author_id: Set(1),
        title: Set("Another first post".to_owned()),
        slug: Set("first".to_owned()),
        ..Default::default()
    };
    thief.insert(db).await?;
    preview(db, output).await?;
    restore(db, output).await?;
    rename(db, output).await?;
    parent(db, output).await?;
    Ok(())
}
