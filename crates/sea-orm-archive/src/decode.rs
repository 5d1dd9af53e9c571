//! Reads rows of the framework's own tables, whatever values callers have put there.
//!
//! PostgreSQL stores JSON that `serde_json` cannot hold: a number beyond f64, a nesting deeper than 128. One such value
//! in one row must not make a query of all rows fail, nor the answer to a move that has been committed.

use ::sea_orm::prelude::{DateTime, DateTimeUtc, Json};
use ::sea_orm::{QueryResult, TryGetError, TryGetableFromJson};
use serde_json::value::RawValue;

/// A JSON text. What cannot be held becomes a string with its text: a member of the object if the text is an object,
/// otherwise all of it.
pub(crate) fn json(text: &str) -> Json {
    if let Ok(held) = serde_json::from_str(text) {
        return held;
    }
    let held_or_text =
        |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_owned()));
    match serde_json::from_str::<Members>(text) {
        Ok(members) => members
            .into_iter()
            .map(|(name, value)| (name, held_or_text(value.get())))
            .collect(),
        Err(_) => Json::String(text.to_owned()),
    }
}

type Members = std::collections::BTreeMap<String, Box<RawValue>>;

/// A time as PostgreSQL writes it into JSON, in UTC. A time that chrono does not know is the nearest that it knows.
pub(crate) fn time(text: &str) -> DateTimeUtc {
    let (digits, is_before_christ) = match text.strip_suffix(" BC") {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    let read = || {
        let (year, rest) = digits.split_once('-')?;
        let year: i32 = year.parse().ok()?;
        // 1 BC is the year 0.
        let year = if is_before_christ { 1 - year } else { year };
        format!("{year:+05}-{rest}").parse::<DateTime>().ok()
    };
    match read() {
        Some(time) => time.and_utc(),
        None if is_before_christ || text.starts_with('-') => DateTimeUtc::MIN_UTC,
        None => DateTimeUtc::MAX_UTC,
    }
}

/// A column of JSON. It is scanned, and neither a number nor a nesting makes that fail.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct JsonText(Box<RawValue>);

impl TryGetableFromJson for JsonText {}

/// A column as a field of a model, by name.
pub(crate) trait Decode: Sized {
    fn decode(row: &QueryResult, prefix: &str, column: &str) -> Result<Self, TryGetError>;
}

impl Decode for Json {
    fn decode(row: &QueryResult, prefix: &str, column: &str) -> Result<Self, TryGetError> {
        let text: JsonText = row.try_get_nullable(prefix, column)?;
        Ok(json(text.0.get()))
    }
}

macro_rules! as_sea_orm_does {
    ($($field:ty),*) => {
        $(impl $crate::decode::Decode for $field {
            fn decode(row: &::sea_orm::QueryResult, prefix: &str, column: &str) -> Result<Self, ::sea_orm::TryGetError> {
                row.try_get_nullable(prefix, column)
            }
        })*
    };
}
pub(crate) use as_sea_orm_does;

as_sea_orm_does!(i64, String, DateTimeUtc);

impl<T: Decode> Decode for Option<T> {
    fn decode(row: &QueryResult, prefix: &str, column: &str) -> Result<Self, TryGetError> {
        match T::decode(row, prefix, column) {
            Ok(value) => Ok(Some(value)),
            Err(TryGetError::Null(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What `sea_orm` means to `DeriveEntityModel` in the modules of these tables: SeaORM, but the derived model is read
/// through [`Decode`]. So the entity stays what the derive makes of it, and its fields stay what they are.
pub(crate) mod sea_orm {
    use super::Decode;
    pub(crate) use ::sea_orm::*;

    /// What the derive implements in the place of SeaORM's trait of this name.
    pub(crate) trait FromQueryResult: Sized {
        fn from_query_result(row: &QueryResult, prefix: &str) -> Result<Self, DbErr>;
        fn from_query_result_nullable(row: &QueryResult, prefix: &str)
        -> Result<Self, TryGetError>;
    }

    /// A row, as the derived code reads it.
    pub(crate) struct QueryResult<'a>(pub(crate) &'a ::sea_orm::QueryResult);

    impl QueryResult<'_> {
        pub(crate) fn try_get_nullable<T: Decode>(
            &self,
            prefix: &str,
            column: &str,
        ) -> Result<T, TryGetError> {
            T::decode(self.0, prefix, column)
        }
    }
}

/// Reads a model by what the derive has made of it.
macro_rules! read_as_derived {
    ($model:ty) => {
        impl ::sea_orm::FromQueryResult for $model {
            fn from_query_result(
                row: &::sea_orm::QueryResult,
                prefix: &str,
            ) -> Result<Self, ::sea_orm::DbErr> {
                use $crate::decode::sea_orm::{FromQueryResult, QueryResult};
                FromQueryResult::from_query_result(&QueryResult(row), prefix)
            }

            fn from_query_result_nullable(
                row: &::sea_orm::QueryResult,
                prefix: &str,
            ) -> Result<Self, ::sea_orm::TryGetError> {
                use $crate::decode::sea_orm::{FromQueryResult, QueryResult};
                FromQueryResult::from_query_result_nullable(&QueryResult(row), prefix)
            }
        }
    };
}
pub(crate) use read_as_derived;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_that_cannot_be_held_is_its_text() {
        let number = format!("1{}", "0".repeat(400));
        let nested = format!("{}{}", "[".repeat(200), "]".repeat(200));
        assert_eq!(super::json(&number), json!(number));
        assert_eq!(super::json(&nested), json!(nested));
        let object = format!(r#"{{"id": {number}, "deep": {nested}, "name": "Ann", "n": 1}}"#);
        assert_eq!(
            super::json(&object),
            json!({"id": number, "deep": nested, "name": "Ann", "n": 1})
        );
    }

    #[test]
    fn a_time_that_chrono_does_not_know_is_the_nearest() {
        let written = |text| time(text).to_string();
        assert_eq!(
            written("2024-05-01T12:00:00.25"),
            "2024-05-01 12:00:00.250 UTC"
        );
        assert_eq!(
            written("200000-01-01T00:00:00"),
            "+200000-01-01 00:00:00 UTC"
        );
        assert_eq!(
            written("0044-03-15T00:00:00 BC"),
            "-0043-03-15 00:00:00 UTC"
        );
        assert_eq!(
            written("0045-02-29T00:00:00 BC"),
            "-0044-02-29 00:00:00 UTC"
        );
        assert_eq!(time("294276-01-01T00:00:00"), DateTimeUtc::MAX_UTC);
        assert_eq!(time("infinity"), DateTimeUtc::MAX_UTC);
        assert_eq!(time("-infinity"), DateTimeUtc::MIN_UTC);
    }
}
