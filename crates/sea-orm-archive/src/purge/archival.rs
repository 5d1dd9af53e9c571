//! Purges by the id of an archival.

use sea_orm::Value;

use super::call::Call;
use crate::archival;
use crate::error::{Error, NotFoundError};
use crate::exec::{Executor, check_backend, value_text};
use crate::report::Purged;

/// Deletes everything that an archival moved from the archive tables for good. Created by
/// [`archival::Entity::purge_by_id`](crate::archival::Entity::purge_by_id).
#[derive(Clone, Debug)]
#[must_use = "nothing is purged before `.exec(&db)`"]
pub struct PurgeArchival {
    archival: i64,
    by: Option<String>,
    policy: Option<String>,
}

impl PurgeArchival {
    pub(crate) fn new(archival: i64) -> Self {
        Self {
            archival,
            by: None,
            policy: None,
        }
    }

    /// Who purges it: `purged_by` in the archival table.
    pub fn by(mut self, actor: impl Into<Value>) -> Self {
        self.by = value_text(&actor.into());
        self
    }

    /// Why, such as the name of a policy or the number of an erasure request: `purge_policy` in the archival table.
    pub fn policy(mut self, policy: impl Into<String>) -> Self {
        self.policy = Some(policy.into());
        self
    }

    /// Deletes the rows of the archival from their archive tables, and its detached links. The archival record stays, with
    /// `purged_at`, `purged_by`, `purge_policy`, and in `purged_rows` how many rows of which table were deleted.
    ///
    /// It deletes every row of the archival, also rows that wait in it for their parent. A row of another archival that refers
    /// to a purged row is restored without its link where the foreign key is ON DELETE SET NULL, and is otherwise a
    /// [`Conflict::MissingParent`](crate::Conflict::MissingParent). The role needs the rights of a restore.
    ///
    /// One statement, `SELECT archive.purge_archivals(..)`; in a transaction of the caller a savepoint.
    ///
    /// # Errors
    ///
    /// [`NotFoundError::Archival`], [`ConflictError::Held`], [`RetryError::Contention`], [`ConflictError::OtherTenant`], and
    /// [`DriftError::IncompleteArchival`] while an archive table has rows whose table was dropped: nothing is deleted then.
    ///
    /// [`ConflictError::Held`]: crate::error::ConflictError::Held
    /// [`ConflictError::OtherTenant`]: crate::error::ConflictError::OtherTenant
    /// [`DriftError::IncompleteArchival`]: crate::error::DriftError::IncompleteArchival
    /// [`RetryError::Contention`]: crate::error::RetryError::Contention
    pub async fn exec<C>(self, db: &C) -> Result<Purged, Error>
    where
        C: Executor,
    {
        check_backend(db)?;
        let archival = self.archival;
        let call = Call {
            archivals: "ARRAY[$1::bigint]".to_owned(),
            values: vec![archival.into()],
            by: self.by,
            policy: self.policy,
        };
        let answer = call.purge(db).await?;
        let record = answer
            .archival
            .ok_or(NotFoundError::Archival { archival })?;
        Ok(Purged {
            archival: archival::from_answer(record)?,
            rows: answer.rows,
        })
    }
}
