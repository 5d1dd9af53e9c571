//! Retries after contention.

use std::time::Duration;

use sea_orm::DbErr;
use sea_orm_archive_postgres::sqlstate;

use crate::error::{self, Error, RetryError};

/// How often a call is tried before its error is returned to the caller.
pub(crate) const ATTEMPTS: u32 = 10;

/// How often a batch is looked for while other workers take each one first. The last attempts are 0.1 s apart.
pub(crate) const ATTEMPTS_OF_A_BATCH: u32 = 100;

/// The error of a worker that others always precede.
pub(crate) fn preceded() -> Error {
    Error::Retry(RetryError::Contention {
        code: sqlstate::SERIALIZATION_FAILURE.to_owned(),
        source: DbErr::Custom("other workers took the rows of each batch first".to_owned()),
    })
}

/// Whether a stale plan may be the cause of the error.
pub(crate) fn is_stale(error: &Error) -> bool {
    error::code(error).is_some_and(sqlstate::is_stale)
}

/// Waits before the next attempt: longer each time, with a random part, so that two transactions do not retry
/// in step.
pub(crate) async fn back_off(attempt: u32) {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(attempt) % 1000;
    let longest = 2_u64.pow(attempt.min(7)) * 1000;
    tokio::time::sleep(Duration::from_micros(longest / 2 + longest * random / 2000)).await;
}
