//! Whether a type can be that of the column `deleted_by`, for the code that `DeriveArchive` generates.
//!
//! The attribute may name any type. For a type that is no value, SeaORM reports pages of errors about
//! everything that it derives. So the derive checks first, reports one error, and passes SeaORM a type that is
//! a value.

use std::{fmt::Debug, marker::PhantomData};

use sea_orm::{
    TryGetable, Value,
    sea_query::{Nullable, ValueType},
};

/// The type of `deleted_by` in the archive of `E`, as a path that SeaORM's derives parse: they do not parse
/// `<E as Archivable>::DeletedBy`.
pub type DeletedBy<E> = <E as crate::Archivable>::DeletedBy;

/// `Column::<T>::IS_ONE`: an inherent constant where `T` can be a column, and that of
/// [`Otherwise`] where it cannot.
pub struct Column<T>(PhantomData<T>);

impl<T> Column<T>
where
    T: Into<Value> + Nullable + ValueType + TryGetable,
    T: Clone + Debug + PartialEq + Send + Sync + 'static,
{
    /// It can.
    pub const IS_ONE: bool = true;
}

/// The constant where there is no inherent one.
pub trait Otherwise {
    /// It cannot.
    const IS_ONE: bool = false;
}

impl<T> Otherwise for Column<T> {}

/// The type itself where it can be a column, else `i64`.
pub struct If<const IS_COLUMN: bool>;

/// What [`If`] chooses.
pub trait Choose<T> {
    /// The chosen type.
    type Type;
}

impl<T> Choose<T> for If<true> {
    type Type = T;
}

impl<T> Choose<T> for If<false> {
    type Type = i64;
}
