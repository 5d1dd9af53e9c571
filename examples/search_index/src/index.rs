//! The search index: which posts and comments have a word.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::entity::prelude::*;
use sea_orm::{DatabaseConnection, DatabaseTransaction};
use sea_orm_archive::event;

use crate::forum::{comment, post};

/// A post, or a comment with its post.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Document {
    Post(i64),
    Comment { id: i64, post: i64 },
}

impl Document {
    /// The post that it is, or belongs to.
    fn post(self) -> i64 {
        match self {
            Self::Post(id) | Self::Comment { post: id, .. } => id,
        }
    }
}

/// The documents, by word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchIndex {
    words: BTreeMap<String, BTreeSet<Document>>,
}

impl SearchIndex {
    /// Reads every active post.
    pub async fn build(db: &DatabaseConnection) -> Result<Self, DbErr> {
        let mut index = Self::default();
        for post in post::Entity::find().all(db).await? {
            index.read_post(post.id, db).await?;
        }
        Ok(index)
    }

    /// The documents with a word.
    pub fn find(&self, word: &str) -> Vec<Document> {
        let found = self.words.get(word).into_iter().flatten();
        found.copied().collect()
    }

    /// Reads what an event is about again. The event says which rows changed, and not how they are now: it may be read late, or twice.
    pub async fn apply(
        &mut self,
        event: &event::Model,
        db: &DatabaseTransaction,
    ) -> Result<(), DbErr> {
        let key = event.root_key.as_ref().and_then(|key| key["id"].as_i64());
        match (event.root_table.as_deref(), key) {
            (Some("public.posts"), Some(post)) => {
                self.forget(|document| document.post() == post);
                self.read_post(post, db).await
            }
            (Some("public.comments"), Some(id)) => {
                self.forget(|document| matches!(document, Document::Comment { id: found, .. } if found == id));
                if let Some(comment) = comment::Entity::find_by_id(id).one(db).await? {
                    self.add_comment(&comment);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Adds a post with its comments, if it is active.
    async fn read_post(&mut self, post: i64, db: &impl ConnectionTrait) -> Result<(), DbErr> {
        let found = post::Entity::find_by_id(post)
            .find_with_related(comment::Entity)
            .all(db)
            .await?;
        for (post, comments) in found {
            self.add(Document::Post(post.id), &post.title);
            for comment in comments {
                self.add_comment(&comment);
            }
        }
        Ok(())
    }

    fn add_comment(&mut self, comment: &comment::Model) {
        let document = Document::Comment {
            id: comment.id,
            post: comment.post_id,
        };
        self.add(document, &comment.content);
    }

    fn add(&mut self, document: Document, text: &str) {
        for word in text.split_whitespace() {
            let word = word.to_lowercase();
            self.words.entry(word).or_default().insert(document);
        }
    }

    fn forget(&mut self, is_forgotten: impl Fn(Document) -> bool) {
        for documents in self.words.values_mut() {
            documents.retain(|document| !is_forgotten(*document));
        }
        self.words.retain(|_, documents| !documents.is_empty());
    }
}
