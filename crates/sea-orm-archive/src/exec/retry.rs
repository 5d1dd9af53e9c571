//! Whether a call is tried again, how often, and how long it waits.

use std::error::Error as StdError;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use sea_orm::DbErr;
use sea_orm_archive_postgres::sqlstate;

use super::Executor;
use crate::error::{self, Error, RetryError};

/// How often a call is tried before its error is returned to the caller.
const ATTEMPTS: u32 = 10;

/// How often a batch is looked for while other workers take each one first. The last attempts are 0.1 s apart.
const ATTEMPTS_OF_A_BATCH: u32 = 100;

/// The attempts of one call.
#[derive(Debug)]
pub(crate) struct Attempts {
    on_pool: bool,
    /// The number of the attempt, from 1.
    number: u32,
}

impl Attempts {
    pub fn of(db: &impl Executor) -> Self {
        Self {
            on_pool: db.is_pool(),
            number: 1,
        }
    }

    /// Whether another attempt is allowed.
    pub fn remain(&self) -> bool {
        self.remain_of(ATTEMPTS)
    }

    /// As [`remain`](Self::remain), where there are `most` attempts.
    pub fn remain_of(&self, most: u32) -> bool {
        self.number < most
    }

    /// Whether the error is contention, and another attempt is allowed after it. Only the caller can repeat a transaction of the
    /// caller.
    pub fn allow(&self, error: &(dyn StdError + 'static)) -> bool {
        self.on_pool && self.remain() && error::is_contention(error)
    }

    /// Begins the next attempt after contention; otherwise returns the error.
    pub async fn after(&mut self, error: Error) -> Result<(), Error> {
        if !self.allow(&error) {
            return Err(error);
        }
        self.wait().await;
        Ok(())
    }

    /// Begins the next attempt after other workers took each row of a batch.
    pub async fn after_others(&mut self) -> Result<(), Error> {
        self.wait().await;
        if self.remain_of(ATTEMPTS_OF_A_BATCH + 1) {
            return Ok(());
        }
        Err(Error::Retry(RetryError::Contention {
            code: sqlstate::SERIALIZATION_FAILURE.to_owned(),
            source: DbErr::Custom("other workers took the rows of each batch first".to_owned()),
        }))
    }

    /// Begins the next attempt at once, where the cause of the error is gone.
    pub fn next(&mut self) {
        self.number += 1;
    }

    /// Begins the next attempt. It waits longer each time, with a random part, so that two transactions do not retry in step.
    pub async fn wait(&mut self) {
        let random = RandomState::new().hash_one(self.number) % 1000;
        let longest = 2_u64.pow(self.number.min(7)) * 1000;
        tokio::time::sleep(Duration::from_micros(longest / 2 + longest * random / 2000)).await;
        self.next();
    }
}

/// Whether a stale plan may be the cause of the error.
pub(crate) fn is_stale(error: &Error) -> bool {
    error::code(error).is_some_and(sqlstate::is_stale)
}
