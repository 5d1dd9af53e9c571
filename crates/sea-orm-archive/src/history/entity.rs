//! What a derive declares for a history entity, and the types of valid time.

use std::fmt::{Debug, Display};
use std::ops::{Range, RangeFrom};

use sea_orm::prelude::{Date, DateTimeLocal, DateTimeUtc, DateTimeWithTimeZone};
use sea_orm::sea_query::ValueTuple;
use sea_orm::{EntityTrait, TryGetable, Value};

/// An entity whose rows are versions: the values of an identity from one time to another.
///
/// `DeriveHistory` implements it.
pub trait History: EntityTrait {
    /// The type of the identity: that of its field, or a tuple of the types of its fields in their order.
    type Identity: Into<ValueTuple> + Clone + Send + Sync;

    /// The type of the field with the start of a version.
    type Time: ValidTime;

    /// The columns with a meaning for the verbs.
    fn columns() -> HistoryColumns<Self>;
}

/// A history entity with transaction time: superseded versions are retained.
///
/// `DeriveHistory` implements it for `#[history(bitemporal)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no transaction time",
    label = "this history is not bitemporal",
    note = "write `#[history(.., bitemporal)]` on its Model, and `.bitemporal()` in the migration"
)]
pub trait Bitemporal: History {}

/// The columns of a history entity with a meaning for the verbs.
#[derive(Debug)]
pub struct HistoryColumns<E: EntityTrait> {
    /// The identity: `department_id`.
    pub identity: Vec<E::Column>,
    /// The start of a version.
    pub valid_from: E::Column,
    /// The end of a version, which is not part of its period; NULL for a version without an end.
    pub valid_to: E::Column,
    /// The actor who wrote a version.
    pub recorded_by: Option<E::Column>,
    /// The columns of transaction time, if the history is bitemporal.
    pub recorded: Option<RecordedColumns<E>>,
}

/// The columns of transaction time.
#[derive(Debug)]
pub struct RecordedColumns<E: EntityTrait> {
    /// When the version was written.
    pub from: E::Column,
    /// When the version was superseded; NULL for a current version.
    pub to: E::Column,
}

/// A type that valid time can have: `timestamptz` or `date`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type for valid time",
    note = "use `DateTimeUtc`, `DateTimeWithTimeZone` or `Date`; a time without a zone means another instant on each server"
)]
pub trait ValidTime:
    Into<Value> + TryGetable + Clone + PartialOrd + Debug + Display + Send + Sync + 'static
{
    /// The type of the column in PostgreSQL.
    const SQL_TYPE: &'static str;
    /// The type of a period in PostgreSQL.
    const RANGE: &'static str;
    /// Now, as SQL that is evaluated at each call. A date is that of the session's time zone.
    const NOW: &'static str;

    /// The time in the resolution of PostgreSQL: microseconds, or days.
    fn ticks(&self) -> i64;
}

macro_rules! timestamps {
    ($($time:ty),+) => {$(
        impl ValidTime for $time {
            const SQL_TYPE: &'static str = "timestamptz";
            const RANGE: &'static str = "tstzrange";
            const NOW: &'static str = "pg_catalog.clock_timestamp()";

            fn ticks(&self) -> i64 {
                self.timestamp_micros()
            }
        }
    )+};
}

timestamps!(DateTimeUtc, DateTimeWithTimeZone, DateTimeLocal);

impl ValidTime for Date {
    const SQL_TYPE: &'static str = "date";
    const RANGE: &'static str = "daterange";
    const NOW: &'static str = "pg_catalog.clock_timestamp()::pg_catalog.date";

    fn ticks(&self) -> i64 {
        self.signed_duration_since(Self::MIN).num_days()
    }
}

/// A half-open period: from its start until its end, which is not part of it, or without an end.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Period<T> {
    /// The first instant.
    pub from: T,
    /// The first instant after it; `None` for a period without an end.
    pub to: Option<T>,
}

impl<T> From<Range<T>> for Period<T> {
    fn from(range: Range<T>) -> Self {
        Self {
            from: range.start,
            to: Some(range.end),
        }
    }
}

impl<T> From<RangeFrom<T>> for Period<T> {
    fn from(range: RangeFrom<T>) -> Self {
        Self {
            from: range.start,
            to: None,
        }
    }
}

impl<T: Display> Display for Period<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.to {
            Some(to) => write!(f, "[{}, {to})", self.from),
            None => write!(f, "[{}, )", self.from),
        }
    }
}
