//! The errors that the work of `Context::run` can return.

use std::error::Error as StdError;
use std::ops::Deref;

use crate::error::Error;

/// An error that the work of [`Context::run`](super::Context::run) returns. [`Error`] converts into it, and a
/// deadlock or a serialization failure can be found in it.
///
/// It is implemented for every `std::error::Error` with `From<Error>`, such as `DbErr` or an enum of the
/// application with `#[from]`, and for what dereferences to one: `anyhow::Error`, `eyre::Report`, `Box<dyn
/// std::error::Error + Send + Sync>`. `Form` distinguishes the two and is inferred. An error that is neither,
/// such as a response of axum, implements it for a `Form` of its own:
///
/// ```
/// use sea_orm_archive::{Error, context::WorkError};
///
/// struct AppError(Error);
///
/// impl From<Error> for AppError {
///     fn from(error: Error) -> Self {
///         Self(error)
///     }
/// }
///
/// impl WorkError<AppError> for AppError {
///     fn as_error(&self) -> &(dyn std::error::Error + 'static) {
///         &self.0
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`Context::run` cannot return `{Self}`",
    note = "it needs `From<sea_orm_archive::Error>`, and `std::error::Error` or `sea_orm_archive::context::WorkError`"
)]
pub trait WorkError<Form>: From<Error> {
    /// The error, with the chain of its sources.
    fn as_error(&self) -> &(dyn StdError + 'static);
}

/// A `std::error::Error`.
#[derive(Debug)]
pub struct Plain;

/// What dereferences to a `std::error::Error` of any type.
#[derive(Debug)]
pub struct Boxed;

impl<E: From<Error> + StdError + 'static> WorkError<Plain> for E {
    fn as_error(&self) -> &(dyn StdError + 'static) {
        self
    }
}

impl<E> WorkError<Boxed> for E
where
    E: From<Error> + Deref<Target = dyn StdError + Send + Sync>,
{
    fn as_error(&self) -> &(dyn StdError + 'static) {
        &**self
    }
}
