mod comment;
mod migrator;
mod post;

use sea_orm::{ActiveValue::Set, Database, entity::prelude::*};
use sea_orm_archive::prelude::*;
use sea_orm_migration::MigratorTrait;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let db = Database::connect(std::env::var("DATABASE_URL")?).await?;
    migrator::Migrator::up(&db, None).await?;

    let post = post::ActiveModel {
        title: Set("Hello".to_owned()),
        slug: Set("hello".to_owned()),
        ..Default::default()
    };
    let post = post.insert(&db).await?;
    for content in ["First!", "Welcome"] {
        let comment = comment::ActiveModel {
            post_id: Set(post.id),
            content: Set(content.to_owned()),
            ..Default::default()
        };
        comment.insert(&db).await?;
    }

    // The post and its comments move into deleted_posts and deleted_comments.
    let archival = post::Entity::archive_by_id(post.id)
        .by(7)
        .reason("spam")
        .exec(&db)
        .await?;
    println!("archived: {:?}", archival.rows());
    println!("posts left: {}", post::Entity::find().count(&db).await?);

    // The deleted list: what was archived itself, with who and why, the newest first.
    for (post, archival) in post::Entity::find_deleted_roots().all(&db).await? {
        let reason = archival.and_then(|archival| archival.reason);
        println!(
            "deleted: {:?} by {:?}, {reason:?}",
            post.title, post.deleted_by
        );
    }

    // Everything of that archival comes back, with its ids.
    let restored = post::Entity::restore_by_id(post.id).exec(&db).await?;
    println!("restored: {:?}", restored.rows);
    println!("comments: {}", comment::Entity::find().count(&db).await?);
    Ok(())
}

// What else the README shows.
#[allow(dead_code)]
mod features;
