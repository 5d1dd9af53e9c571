//! What a derive says of an entity whose rows count their versions.

use std::fmt::{Debug, Display};
use std::marker::PhantomData;

use sea_orm::sea_query::ValueType;
use sea_orm::{EntityTrait, Value};

use crate::entity::{Archivable, Declaration};

/// An entity whose rows count their versions, so that nobody overwrites what they have not read.
///
/// Derive it with `DeriveOptimisticLock`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no version to lock by",
    label = "the rows of this entity do not count their versions",
    note = "derive `DeriveOptimisticLock` on its Model, and add `pub version: i32`"
)]
pub trait OptimisticLock: EntityTrait {
    /// The type of the version: that of its field.
    type Version: LockVersionType;

    /// The column that counts the versions of a row.
    fn lock_version_column() -> Self::Column;

    /// What the entity declares about its archive, where it has one: a row that is gone is looked for
    /// there.
    fn declared_archive() -> Option<Declaration> {
        None
    }
}

/// A type that a version can have.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type for a version",
    label = "not a number that is counted on",
    note = "use `i32`, or `i64` for rows that change more than two thousand million times"
)]
pub trait LockVersionType:
    Into<Value> + ValueType + Copy + Debug + Display + Send + Sync + 'static
{
    /// The version as a number of any size, for messages.
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
/// [`NoArchive`] where it is not. A derive cannot see which others stand beside it; the compiler can.
#[derive(Debug)]
pub struct Archive<E>(PhantomData<E>);

impl<E: Archivable> Archive<E> {
    /// What the entity declares.
    pub fn declaration() -> Option<Declaration> {
        Some(E::declaration())
    }
}

/// The answer where there is no inherent one.
pub trait NoArchive {
    /// Nothing.
    fn declaration() -> Option<Declaration> {
        None
    }
}

impl<E> NoArchive for Archive<E> {}
