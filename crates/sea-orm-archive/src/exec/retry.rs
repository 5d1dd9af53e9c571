//! Trying again.

use std::time::Duration;

use sea_orm_archive_postgres::sqlstate;

use crate::error::{self, Error};

/// How often a call is tried before its error is the caller's.
pub(crate) const ATTEMPTS: u32 = 10;

/// Whether the error may come from a plan that is not of these tables.
pub(crate) fn is_stale(error: &Error) -> bool {
    error::code(error).is_some_and(sqlstate::is_stale)
}

/// Waits a little before the next attempt; longer each time, and not the same for everybody.
pub(crate) async fn back_off(attempt: u32) {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(attempt) % 1000;
    let most = 2_u64.pow(attempt.min(7)) * 1000;
    tokio::time::sleep(Duration::from_micros(most / 2 + most * random / 2000)).await;
}
