//! Releases holds.

use sea_orm::Value;

use super::{Model, from_answer};
use crate::error::{Error, NotFoundError};
use crate::exec::{Executor, Sql, ask, check_backend, value_text};

/// Ends a hold. Created by [`hold::Entity::release_by_id`](crate::hold::Entity::release_by_id).
#[derive(Clone, Debug)]
#[must_use = "nothing is released before `.exec(&db)`"]
pub struct ReleaseHold {
    hold: i64,
    reason: String,
    by: Option<String>,
}

impl ReleaseHold {
    pub(super) fn new(hold: i64, reason: String) -> Self {
        Self {
            hold,
            reason,
            by: None,
        }
    }

    /// Who releases it: `released_by`. Otherwise the actor of the context.
    pub fn by(mut self, actor: impl Into<Value>) -> Self {
        self.by = value_text(&actor.into());
        self
    }

    /// Ends the hold, and returns it with `released_at`. What it held may be purged again, unless another hold is on it.
    ///
    /// One statement, `SELECT archive.release_hold(..)`.
    ///
    /// # Errors
    ///
    /// [`NotFoundError::Hold`], and an error of the database for a role without `grant_holds`.
    pub async fn exec<C>(self, db: &C) -> Result<Model, Error>
    where
        C: Executor,
    {
        check_backend(db)?;
        let hold = self.hold;
        let sql = Sql {
            text: "SELECT archive.release_hold($1, $2, $3) AS result".to_owned(),
            values: vec![hold.into(), self.reason.into(), self.by.into()],
        };
        match ask(db, &sql).await? {
            Some(released) => from_answer(released),
            None => Err(NotFoundError::Hold { hold }.into()),
        }
    }
}
