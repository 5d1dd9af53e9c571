//! The steps.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, DatabaseConnection, TransactionTrait};
use sea_orm_archive::event::{self, Cursor};
use sea_orm_archive::prelude::*;
use sea_orm_migration::{MigrationTrait, SchemaManager};
use storyteller::{Error, Narrator, ensure};

use crate::follower::Follower;
use crate::forum::{CreateForum, comment, post};
use crate::index::SearchIndex;

/// Runs the story.
pub async fn run(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    narrator
        .chapter("A forum with three posts, and a search index that was built from its tables.");
    CreateForum.up(&SchemaManager::new(db)).await?;
    narrator.print_sql_from_here();
    for title in ["Rust and SQL", "Gardens", "SQL in a garden"] {
        write(db, title).await?;
    }
    let follower = Follower::start(db).await?;
    show(narrator, &follower, "sql").await;
    let task = tokio::spawn(follower.clone().run(db.clone()));

    narrator.chapter("Post 1 is archived with its comments, and one comment of post 3.");
    post::Entity::archive_by_id(1).by(7).exec(db).await?;
    comment::Entity::archive_by_id(5).exec(db).await?;
    found(narrator, db, &follower, "sql").await?;
    ensure(
        follower.index.lock().await.find("rust").is_empty(),
        "post 1 is not found",
    )?;

    narrator.chapter("Post 1 is restored. An archive that is rolled back has no event.");
    let transaction = db.begin().await?;
    post::Entity::archive_by_id(3).exec(&transaction).await?;
    transaction.rollback().await?;
    post::Entity::restore_by_id(1).exec(db).await?;
    found(narrator, db, &follower, "sql").await?;

    narrator.chapter(
        "Two transactions: the one that archived first commits last. The index misses neither.",
    );
    let late = db.begin().await?;
    post::Entity::archive_by_id(3).exec(&late).await?;
    post::Entity::archive_by_id(2).exec(db).await?;
    found(narrator, db, &follower, "garden").await?;
    late.commit().await?;
    found(narrator, db, &follower, "garden").await?;

    narrator.chapter(
        "Post 2 is purged, and post 3 comes back without the comment that was archived alone.",
    );
    post::Entity::purge_many()
        .filter(post::deleted::Column::Id.eq(2))
        .exec(db)
        .await?;
    post::Entity::restore_by_id(3).exec(db).await?;
    found(narrator, db, &follower, "garden").await?;

    narrator.chapter("What the index has read, in the order of the commits.");
    for event in event::Entity::after(Cursor::START).all(db).await? {
        narrator.print(&format!(
            "{:?} {} {}",
            event.kind,
            event.root_table.unwrap_or_default(),
            event.root_key.unwrap_or_default()
        ));
    }
    task.abort();
    let built = SearchIndex::build(db).await?;
    ensure(
        *follower.index.lock().await == built,
        "the index that followed is the one that is built anew",
    )?;
    narrator.print("\nAn index that is built anew is the same. This is the end of the story.");
    Ok(())
}

async fn write(db: &DatabaseConnection, title: &str) -> Result<(), DbErr> {
    let post = post::ActiveModel {
        title: Set(title.to_owned()),
        ..Default::default()
    };
    let post = post.insert(db).await?;
    for content in ["SQL yes", "garden no"] {
        let comment = comment::ActiveModel {
            post_id: Set(post.id),
            content: Set(content.to_owned()),
            ..Default::default()
        };
        comment.insert(db).await?;
    }
    Ok(())
}

/// Shows a search after the index has caught up.
async fn found(
    narrator: &Narrator,
    db: &DatabaseConnection,
    follower: &Follower,
    word: &str,
) -> Result<(), Error> {
    follower.catch_up(db).await?;
    show(narrator, follower, word).await;
    Ok(())
}

async fn show(narrator: &Narrator, follower: &Follower, word: &str) {
    let found = follower.index.lock().await.find(word);
    narrator.print(&format!("`{word}`: {found:?}"));
}
