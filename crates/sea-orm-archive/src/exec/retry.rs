//! Trying again.

use std::time::Duration;

use crate::Error;
use crate::error;

/// How often a call is tried before its error is the caller's.
pub(crate) const ATTEMPTS: u32 = 10;

/// Whether the error says that the plan is not of these tables (any more).
///
/// Besides our own code, it is what PostgreSQL answers when a name in a planned statement is gone or
/// its type has changed.
pub(crate) fn is_stale(error: &Error) -> bool {
    match error {
        Error::NotInstalled(_) => false,
        error => error::code(error).is_some_and(|code| {
            matches!(
                code.as_str(),
                error::STALE
                    | "3F000"
                    | "428C9"
                    | "42P01"
                    | "42703"
                    | "42704"
                    | "42804"
                    | "42846"
                    | "42883"
                    | "0A000"
            )
        }),
    }
}

/// Waits a little before the next attempt; longer each time, and not the same for everybody.
pub(crate) async fn back_off(attempt: u32) {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(attempt) % 1000;
    let most = 2_u64.pow(attempt.min(7)) * 1000;
    tokio::time::sleep(Duration::from_micros(most / 2 + most * random / 2000)).await;
}
