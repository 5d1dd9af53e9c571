//! Purges by the id of an archival.

use sea_orm::Value;
use sea_orm_archive_postgres::emit::purge;

use crate::archival;
use crate::error::{Error, NotFoundError, unexpected_answer};
use crate::exec::{
    ATTEMPTS, Executor, Sql, ask_here, back_off, begin, check_backend, finish, is_stale, value_text,
};
use crate::plan;
use crate::report::Purged;
use crate::restore::claim;

/// Deletes everything that an archival moved from the archive tables for good. Created by
/// [`archival::Entity::purge_by_id`](crate::archival::Entity::purge_by_id).
#[derive(Clone, Debug)]
#[must_use = "nothing is purged before `.exec(&db)`"]
pub struct PurgeArchival {
    archival: i64,
    by: Option<String>,
}

impl PurgeArchival {
    pub(crate) fn new(archival: i64) -> Self {
        Self { archival, by: None }
    }

    /// Who purges it: `purged_by` in the archival table.
    pub fn by(mut self, actor: impl Into<Value>) -> Self {
        self.by = value_text(&actor.into());
        self
    }

    /// Deletes the rows of the archival from their archive tables, and its detached links. The archival record stays, with
    /// `purged_at` and `purged_by`.
    ///
    /// It deletes every row of the archival, also rows that wait in it for their parent. A row of another archival that refers
    /// to a purged row is restored without its link where the foreign key is ON DELETE SET NULL, and is otherwise a
    /// [`Conflict::MissingParent`](crate::Conflict::MissingParent). The role needs the rights of a restore.
    ///
    /// One transaction; in a transaction of the caller a savepoint.
    ///
    /// # Errors
    ///
    /// [`NotFoundError::Archival`], [`DriftError::Schema`], [`RetryError::Contention`], and
    /// [`DriftError::IncompleteArchival`] while an archive table has rows whose table was dropped: nothing is deleted then.
    ///
    /// [`DriftError::IncompleteArchival`]: crate::error::DriftError::IncompleteArchival
    /// [`DriftError::Schema`]: crate::error::DriftError::Schema
    /// [`RetryError::Contention`]: crate::error::RetryError::Contention
    pub async fn exec<C>(self, db: &C) -> Result<Purged, Error>
    where
        C: Executor,
    {
        check_backend(db)?;
        let mut attempt = 1;
        loop {
            let transaction = begin(db).await?;
            let outcome = self.purge(&transaction).await;
            match finish(transaction, outcome).await {
                Err(error) if attempt < ATTEMPTS && self.may_pass(db, &error) => {}
                outcome => return outcome,
            }
            back_off(attempt).await;
            attempt += 1;
        }
    }

    fn may_pass<C: Executor>(&self, db: &C, error: &Error) -> bool {
        is_stale(error) || (db.is_pool() && error.is_retryable())
    }

    async fn purge<T>(&self, db: &T) -> Result<Purged, Error>
    where
        T: sea_orm::ConnectionTrait,
    {
        let archival = self.archival;
        let missing = || Error::NotFound(NotFoundError::Archival { archival });
        if claim(db, &[archival]).await?.is_empty() {
            return Err(missing());
        }
        let plan = plan::from_record(db, &[archival]).await?;
        let delete = Sql {
            text: purge::statement(&plan),
            values: vec![archival.into()],
        };
        let rows = ask_here(db, &delete).await?.unwrap_or_default();
        let mark =
            "SELECT archive.finish_purge($1, coalesce($2, archive.current_actor())) AS result";
        let mark = Sql {
            text: mark.to_owned(),
            values: vec![archival.into(), self.by.clone().into()],
        };
        let record = ask_here(db, &mark)
            .await?
            .filter(|record| !record.is_null());
        Ok(Purged {
            archival: archival::from_answer(record.ok_or_else(missing)?)?,
            rows: serde_json::from_value(rows).map_err(unexpected_answer)?,
        })
    }
}
