//! The errors of the verbs. A verb that returns an error has changed nothing.
//!
//! Most callers need only the [kind](Error::kind) of an [`Error`]. Each kind has cases with their data:
//!
//! ```
//! use sea_orm_archive::error::{ConflictError, ErrorKind};
//! use sea_orm_archive::Error;
//!
//! fn respond(error: &Error) -> (u16, String) {
//!     match error {
//!         // A case with its data.
//!         Error::Conflict(ConflictError::AlreadyArchived { archival, .. }) => {
//!             (409, format!("restore archival {archival} first"))
//!         }
//!         // What the client can act on, by its kind.
//!         error if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Refused | ErrorKind::Conflict) => {
//!             (error.http_status(), error.to_string())
//!         }
//!         // Other errors name tables, columns and statements: they are for the log.
//!         error => (error.http_status(), String::new()),
//!     }
//! }
//! ```
//!
//! With the cargo feature `axum` an [`Error`] is a response of this form.

#[cfg(feature = "axum")]
mod axum;
mod conflict;
mod convert;
mod database;
mod drift;
mod hook;
mod kind;
mod not_found;
mod refused;
mod retry;
mod setup;
mod trigger;

use sea_orm::DbErr;

pub use conflict::ConflictError;
pub use drift::{DriftError, UndeclaredEdge};
pub use hook::HookError;
pub use kind::ErrorKind;
pub use not_found::NotFoundError;
pub use refused::RefusedError;
pub use retry::RetryError;
pub use setup::SetupError;

pub(crate) use convert::is_contention;
pub(crate) use database::{code, dependent_rows, postgres, refused_by_trigger};
pub(crate) use setup::unexpected_answer;
pub(crate) use trigger::{Triggers, of_archive, of_trigger};

/// The error of a verb. Nothing has changed then.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something that the call names does not exist, such as a row, an archival or a version.
    #[error(transparent)]
    NotFound(#[from] NotFoundError),
    /// The call itself cannot be carried out, whatever the rows are.
    #[error(transparent)]
    Refused(#[from] RefusedError),
    /// Other rows conflict with the call.
    #[error(transparent)]
    Conflict(#[from] ConflictError),
    /// Concurrent transactions conflicted: run the transaction again.
    #[error(transparent)]
    Retry(#[from] RetryError),
    /// The database is not what the entities or the crate's records expect.
    #[error(transparent)]
    Drift(#[from] DriftError),
    /// A migration is missing.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// A hook of the entity returned an error.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// Any other error of the database.
    #[error(transparent)]
    Database(DbErr),
}

fn list<T: std::fmt::Display>(items: &[T]) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.join("; ")
}

#[cfg(test)]
mod tests;
