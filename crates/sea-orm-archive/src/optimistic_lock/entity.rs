//! What a derive declares for an entity with a lock version.

use std::fmt::{Debug, Display};
use std::marker::PhantomData;

use sea_orm::sea_query::ValueType;
use sea_orm::{EntityTrait, Value};

use crate::entity::{Archivable, Declaration};

/// An entity with a lock version, a column that each update increments, so that no update overwrites a change
/// that its caller has not read.
///
/// Derive it with `DeriveOptimisticLock`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no lock version",
    label = "this entity has no lock version column",
    note = "derive `DeriveOptimisticLock` on its Model, and add `pub lock_version: i32`"
)]
pub trait OptimisticLock: EntityTrait {
    /// The type of the lock version: that of its field.
    type LockVersion: LockVersionType;

    /// The column of the lock version.
    fn lock_version_column() -> Self::Column;

    /// What the entity declares about its archive, where it has one: a row that is missing is searched for there.
    fn declared_archive() -> Option<Declaration> {
        None
    }
}

/// A type that a lock version can have.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type for a lock version",
    label = "not a signed integer",
    note = "use `i32`, or `i64` for rows that change more than two thousand million times"
)]
pub trait LockVersionType:
    Into<Value> + ValueType + Copy + Debug + Display + Send + Sync + 'static
{
    /// The lock version as an `i64`, for messages.
    fn number(self) -> i64;
}

macro_rules! numbers {
    ($($number:ty),+) => {$(
        impl LockVersionType for $number {
            fn number(self) -> i64 {
                self.into()
            }
        }
    )+};
}

numbers!(i16, i32, i64);

/// `Archive::<E>::declaration()`: an inherent function where `E` is archivable, and that of
/// [`NoArchive`] where it is not. A derive cannot see which other derives the entity has; the compiler can.
#[derive(Debug)]
pub struct Archive<E>(PhantomData<E>);

impl<E: Archivable> Archive<E> {
    /// What the entity declares.
    pub fn declaration() -> Option<Declaration> {
        Some(E::declaration())
    }
}

/// The function where there is no inherent one.
pub trait NoArchive {
    /// No declaration.
    fn declaration() -> Option<Declaration> {
        None
    }
}

impl<E> NoArchive for Archive<E> {}
