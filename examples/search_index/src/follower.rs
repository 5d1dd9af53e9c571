//! The task that follows the events.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::{DatabaseConnection, TransactionTrait};
use sea_orm_archive::event::{self, Cursor, Listener};
use storyteller::Error;
use tokio::sync::{Mutex, watch};

use crate::index::SearchIndex;

/// The name of the consumer.
const SEARCH: &str = "search";

/// A search index that follows the database.
#[derive(Clone)]
pub struct Follower {
    pub index: Arc<Mutex<SearchIndex>>,
    reached: Arc<watch::Sender<Cursor>>,
}

impl Follower {
    /// Builds the index: the cursor first, and then the tables, so that nothing between them is missed.
    pub async fn start(db: &DatabaseConnection) -> Result<Self, Error> {
        let latest = event::Entity::latest(db).await?;
        event::Entity::consumer(SEARCH)
            .acknowledge(latest, db)
            .await?;
        Ok(Self {
            index: Arc::new(Mutex::new(SearchIndex::build(db).await?)),
            reached: Arc::new(watch::Sender::new(latest)),
        })
    }

    /// Follows the events until the task is aborted.
    pub async fn run(self, db: DatabaseConnection) -> Result<(), Error> {
        let mut listener = Listener::connect(&db).await?;
        loop {
            if !self.batch(&db).await? {
                listener.wait(Duration::from_secs(30)).await;
            }
        }
    }

    /// Applies the next events, and acknowledges them. Where it dies in between, they are read again. Returns whether there were some.
    async fn batch(&self, db: &DatabaseConnection) -> Result<bool, Error> {
        let search = event::Entity::consumer(SEARCH);
        // Another worker of this consumer waits until the commit.
        let transaction = db.begin().await?;
        let events = search.next(100, &transaction).await?;
        let mut index = self.index.lock().await;
        for event in &events {
            index.apply(event, &transaction).await?;
        }
        if let Some(last) = events.last() {
            search.acknowledge(last.cursor(), &transaction).await?;
        }
        transaction.commit().await?;
        if let Some(last) = events.last() {
            self.reached.send_replace(last.cursor());
        }
        Ok(!events.is_empty())
    }

    /// Waits until everything that was committed has been applied.
    pub async fn catch_up(&self, db: &DatabaseConnection) -> Result<(), Error> {
        let latest = event::Entity::latest(db).await?;
        let mut reached = self.reached.subscribe();
        let arrived = reached.wait_for(|cursor| *cursor >= latest);
        tokio::time::timeout(Duration::from_secs(60), arrived).await??;
        Ok(())
    }
}
