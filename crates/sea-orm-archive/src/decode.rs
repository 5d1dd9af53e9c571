//! Reads rows of the crate's own tables, with any value that callers stored there.
//!
//! PostgreSQL stores JSON that `serde_json` cannot represent: a number beyond f64, nesting deeper than 128.
//! Such a value in one row must not fail a query of all rows, nor the result of a move that has been committed.

use ::sea_orm::prelude::{DateTime, DateTimeUtc, Json};
use ::sea_orm::{QueryResult, TryGetError, TryGetableFromJson};
use serde_json::value::RawValue;

/// Parses JSON. What `serde_json` cannot represent becomes a string with its text: the member concerned if the
/// text is an object, otherwise the whole text.
pub(crate) fn json(text: &str) -> Json {
    if let Ok(value) = serde_json::from_str(text) {
        return value;
    }
    let value_or_text =
        |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_owned()));
    match serde_json::from_str::<Members>(text) {
        Ok(members) => members
            .into_iter()
            .map(|(name, value)| (name, value_or_text(value.get())))
            .collect(),
        Err(_) => Json::String(text.to_owned()),
    }
}

type Members = std::collections::BTreeMap<String, Box<RawValue>>;

/// Parses a time as PostgreSQL writes it into JSON, in UTC. A time outside the range of chrono becomes the
/// nearest in it.
pub(crate) fn time(text: &str) -> DateTimeUtc {
    let (digits, is_before_christ) = match text.strip_suffix(" BC") {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    let parse = || {
        let (year, rest) = digits.split_once('-')?;
        let year: i32 = year.parse().ok()?;
        // 1 BC is the year 0.
        let year = if is_before_christ { 1 - year } else { year };
        format!("{year:+05}-{rest}").parse::<DateTime>().ok()
    };
    match parse() {
        Some(time) => time.and_utc(),
        None if is_before_christ || text.starts_with('-') => DateTimeUtc::MIN_UTC,
        None => DateTimeUtc::MAX_UTC,
    }
}

/// A column of JSON as raw text: serde_json only scans it, so no number and no nesting makes that fail.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct JsonText(Box<RawValue>);

impl TryGetableFromJson for JsonText {}

/// Reads a column, by name, as a field of a model.
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

/// Replaces the name `sea_orm` for `DeriveEntityModel` in the modules of these tables: SeaORM, except that the
/// derived model is read through [`Decode`]. The derived entity and the types of its fields are unchanged.
pub(crate) mod sea_orm {
    use super::Decode;
    pub(crate) use ::sea_orm::*;

    /// The trait that the derive implements instead of SeaORM's trait of this name.
    pub(crate) trait FromQueryResult: Sized {
        fn from_query_result(row: &QueryResult, prefix: &str) -> Result<Self, DbErr>;
        fn from_query_result_nullable(row: &QueryResult, prefix: &str)
        -> Result<Self, TryGetError>;
    }

    /// A row, as the derived code reads it: through [`Decode`].
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

/// Implements SeaORM's `FromQueryResult` for a model with the code that the derive generated.
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
    fn json_beyond_serde_json_is_read_as_its_text() {
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
    fn time_beyond_chrono_is_read_as_the_nearest_one() {
        let shown = |text| time(text).to_string();
        assert_eq!(
            shown("2024-05-01T12:00:00.25"),
            "2024-05-01 12:00:00.250 UTC"
        );
        assert_eq!(shown("200000-01-01T00:00:00"), "+200000-01-01 00:00:00 UTC");
        assert_eq!(shown("0044-03-15T00:00:00 BC"), "-0043-03-15 00:00:00 UTC");
        assert_eq!(shown("0045-02-29T00:00:00 BC"), "-0044-02-29 00:00:00 UTC");
        assert_eq!(time("294276-01-01T00:00:00"), DateTimeUtc::MAX_UTC);
        assert_eq!(time("infinity"), DateTimeUtc::MAX_UTC);
        assert_eq!(time("-infinity"), DateTimeUtc::MIN_UTC);
    }
}
