//! A DELETE past the application is caught and restored, and a search index follows.

use std::collections::BTreeMap;

use sea_orm::entity::prelude::*;
use sea_orm::{DatabaseConnection, QuerySelect};
use sea_orm_archive::event::{self, Cursor};
use sea_orm_archive::prelude::*;
use storyteller::{Error, Narrator, ensure};

use crate::forum::post;

/// The slugs of the posts that exist, with their ids: what a search finds.
#[derive(Debug, PartialEq)]
struct Index {
    posts: BTreeMap<i64, String>,
    read: Cursor,
}

impl Index {
    async fn build(db: &DatabaseConnection) -> Result<Self, Error> {
        let read = event::Entity::latest(db).await?;
        let posts = post::Entity::find().all(db).await?;
        let posts = posts.into_iter().map(|post| (post.id, post.slug)).collect();
        Ok(Self { posts, read })
    }

    /// Reads what has happened since, and how each of these posts is now.
    async fn follow(&mut self, narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
        for event in event::Entity::after(self.read).limit(100).all(db).await? {
            self.read = event.cursor();
            let key = event.root_key.as_ref().and_then(|key| key["id"].as_i64());
            let Some(id) = key.filter(|_| event.root_table.as_deref() == Some("public.posts"))
            else {
                continue;
            };
            narrator.print(&format!("The index reads: post {id} was {:?}.", event.kind));
            match post::Entity::find_by_id(id).one(db).await? {
                Some(post) => drop(self.posts.insert(id, post.slug)),
                None => drop(self.posts.remove(&id)),
            }
        }
        Ok(())
    }
}

/// Tells it.
pub async fn delete(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    narrator.chapter(
        "Somebody deletes a post with psql. The guard catches it, and a search index follows.",
    );
    let mut index = Index::build(db).await?;
    let first = post::Entity::find().limit(1).one(db).await?;
    let Some(post) = first else {
        return Err("a post is left".into());
    };
    let id = post.id;
    let stray = format!(
        "BEGIN; DELETE FROM comments WHERE post_id = {id}; DELETE FROM posts WHERE id = {id}; COMMIT"
    );
    db.execute_unprepared(&stray).await?;
    index.follow(narrator, db).await?;
    ensure(!index.posts.contains_key(&id), "the post is not found")?;

    let restore = post::Entity::restore_by_id(id);
    let preview = restore.clone().preview(db).await?;
    narrator.print(&format!("Preview: {:?} would come back.", preview.rows));
    let restored = restore.exec(db).await?;
    narrator.print(&format!(
        "Restored: {:?}. It was {:?}.",
        restored.rows,
        restored.archival.reason.unwrap_or_default()
    ));
    index.follow(narrator, db).await?;
    ensure(
        index == Index::build(db).await?,
        "the index agrees with the posts",
    )
}
