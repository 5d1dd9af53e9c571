//! What a derive says of a history entity, and the types that valid time is told in.

use std::fmt::{Debug, Display};
use std::ops::{Range, RangeFrom};

use sea_orm::prelude::{Date, DateTimeLocal, DateTimeUtc, DateTimeWithTimeZone};
use sea_orm::sea_query::ValueTuple;
use sea_orm::{EntityTrait, TryGetable, Value};

/// An entity whose rows are versions: what was true of an identity from one time to another.
///
/// `DeriveHistory` implements it.
pub trait History: EntityTrait {
    /// The type of the identity: that of its field, or a tuple of them in their order.
    type Identity: Into<ValueTuple> + Clone + Send + Sync;

    /// The type of the field with the start of a version.
    type Time: ValidTime;

    /// The columns with a meaning.
    fn columns() -> HistoryColumns<Self>;
}

/// A history entity with transaction time: versions that were corrected are kept.
///
/// `DeriveHistory` implements it for `#[history(bitemporal)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not keep what was known",
    label = "this history has no transaction time",
    note = "write `#[history(.., bitemporal)]` on its Model, and `.bitemporal()` in the migration"
)]
pub trait Bitemporal: History {}

/// Which columns of a history entity mean what.
#[derive(Debug)]
pub struct HistoryColumns<E: EntityTrait> {
    /// What lasts: `department_id`.
    pub identity: Vec<E::Column>,
    /// Where a version starts.
    pub valid_from: E::Column,
    /// Where it ends, itself not included; NULL while it is still true.
    pub valid_to: E::Column,
    /// Who made a version.
    pub recorded_by: Option<E::Column>,
    /// When versions were known, where they are kept after a correction.
    pub recorded: Option<RecordedColumns<E>>,
}

/// The columns of transaction time.
#[derive(Debug)]
pub struct RecordedColumns<E: EntityTrait> {
    /// When the version was written.
    pub from: E::Column,
    /// When another one took its place; NULL while it stands.
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
    /// Now, as SQL that is read anew each time. A date is that of the session's time zone.
    const NOW: &'static str;

    /// What PostgreSQL keeps of it: microseconds, or days. Finer differences are none there.
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

/// A half-open period: from its start, to its end, which is not in it, or for ever.
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
