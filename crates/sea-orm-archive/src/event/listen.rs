//! Wakes up when events were committed.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::PgPool;
use sea_orm::sqlx::postgres::{PgListener, PgPoolOptions};
use sea_orm::{DatabaseConnection, DatabaseConnectionType, DbErr, RuntimeErr, SqlxError};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::error::{Error, SetupError};
use crate::exec::check_backend;

/// The channel that transactions with events notify.
const CHANNEL: &str = "archive_events";

/// Waits for events, on a connection of its own that listens to the channel `archive_events`.
///
/// A notification is a hint and has no content: the events are read with a [`Consumer`](super::Consumer) or
/// [`after`](super::Entity::after). Where notifications are lost, because the connection broke or a pooler such as PgBouncer does not deliver
/// them, [`wait`](Self::wait) returns after its interval.
#[derive(Debug)]
pub struct Listener {
    pool: PgPool,
    listening: Option<PgListener>,
}

impl Listener {
    /// Begins to listen. Read events after this call: those that are committed later wake up [`wait`](Self::wait).
    ///
    /// It opens one more connection, with the options of the pool. One statement, `LISTEN archive_events`.
    ///
    /// # Errors
    ///
    /// An error of the connection, and [`SetupError::UnsupportedBackend`].
    pub async fn connect(db: &DatabaseConnection) -> Result<Self, Error> {
        check_backend(db)?;
        let DatabaseConnectionType::SqlxPostgresPoolConnection(_) = &db.inner else {
            let backend = db.get_database_backend();
            return Err(SetupError::UnsupportedBackend { backend }.into());
        };
        let options = db.get_postgres_connection_pool().connect_options();
        let mut listener = Self {
            pool: PgPoolOptions::new()
                .max_connections(1)
                .connect_lazy_with((*options).clone()),
            listening: None,
        };
        listener.listening().await.map_err(connection_error)?;
        Ok(listener)
    }

    /// Waits until events were committed, at most for `interval`. Returns whether there was a notification, or one may have been missed.
    ///
    /// Read the events afterwards, also where it returns `false`. A connection that broke is opened again by the next call; while that fails,
    /// each call takes its interval.
    pub async fn wait(&mut self, interval: Duration) -> bool {
        let end = Instant::now() + interval;
        let heard = timeout_at(end, self.heard()).await;
        match heard {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(%error, "no notifications of events: reading again after the interval");
                self.listening = None;
                sleep_until(end).await;
                false
            }
            Err(_) => false,
        }
    }

    /// Returns after a notification, and wherever one may have been missed: when the connection broke, and when it was opened again.
    async fn heard(&mut self) -> Result<(), SqlxError> {
        if self.listening.is_none() {
            self.listening().await?;
            return Ok(());
        }
        let listening = self.listening().await?;
        match listening.try_recv().await {
            Ok(Some(_)) => while listening.next_buffered().is_some() {},
            Ok(None) => self.listening = None,
            Err(error) => {
                tracing::warn!(%error, "the connection that listens to events broke");
                self.listening = None;
            }
        }
        Ok(())
    }

    async fn listening(&mut self) -> Result<&mut PgListener, SqlxError> {
        let listening = match self.listening.take() {
            Some(listening) => listening,
            None => {
                let mut listening = PgListener::connect_with(&self.pool).await?;
                // It would reconnect without a word where a call is cancelled meanwhile.
                listening.eager_reconnect(false);
                listening.listen(CHANNEL).await?;
                listening
            }
        };
        Ok(self.listening.insert(listening))
    }
}

fn connection_error(error: SqlxError) -> Error {
    Error::Database(DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))))
}
