//! Reads rows of the crate's own tables, with any value that callers stored there.
//!
//! PostgreSQL stores JSON that `serde_json` cannot represent: a number that f64 rounds, nesting deeper than 128.
//! Such a value in one row must not fail a query of all rows, nor the result of a move that has been committed.

use ::sea_orm::prelude::{DateTime, DateTimeUtc, Json};
use ::sea_orm::{QueryResult, TryGetError, TryGetableFromJson};
use serde_json::value::RawValue;

/// Parses JSON. A number whose digits `serde_json` would round or cannot represent becomes a string with its digits. Nesting
/// that it cannot represent becomes a string: the member concerned if the text is an object, otherwise the whole text.
pub(crate) fn json(text: &str) -> Json {
    // Only numbers with a fraction or an exponent, or of more than 64 bits, are rounded.
    if let Ok(value) = serde_json::from_str::<Json>(text)
        && !has_float(&value)
    {
        return value;
    }
    let value_or_text = |text: &str| exact(text, LEVELS).unwrap_or_else(|| text.into());
    match serde_json::from_str::<Members>(text) {
        Ok(members) => members
            .into_iter()
            .map(|(name, value)| (name, value_or_text(value.get())))
            .collect(),
        Err(_) => value_or_text(text),
    }
}

fn has_float(value: &Json) -> bool {
    match value {
        Json::Number(number) => number.is_f64(),
        Json::Array(values) => values.iter().any(has_float),
        Json::Object(members) => members.values().any(has_float),
        Json::Null | Json::Bool(_) | Json::String(_) => false,
    }
}

/// How deep a value may be nested for `serde_json` to read it.
const LEVELS: u8 = 127;

/// The value with exact numbers; `None` where it is nested deeper.
fn exact(text: &str, levels: u8) -> Option<Json> {
    Some(match text.as_bytes().first()? {
        b'{' => {
            let inner = levels.checked_sub(1)?;
            let members = serde_json::from_str::<Members>(text).ok()?.into_iter();
            let members = members.map(|(name, value)| Some((name, exact(value.get(), inner)?)));
            Json::Object(members.collect::<Option<_>>()?)
        }
        b'[' => {
            let inner = levels.checked_sub(1)?;
            let values = serde_json::from_str::<Vec<Box<RawValue>>>(text).ok()?;
            let values = values.iter().map(|value| exact(value.get(), inner));
            Json::Array(values.collect::<Option<_>>()?)
        }
        b'-' | b'0'..=b'9' => match serde_json::from_str::<Json>(text) {
            Ok(number) if digits(&number.to_string()) == digits(text) => number,
            _ => text.into(),
        },
        _ => serde_json::from_str(text).ok()?,
    })
}

/// The digits of a decimal number without leading and trailing zeros, and its exponent: the same for `1.50`, `1.5` and
/// `15e-1`.
fn digits(number: &str) -> Option<(bool, String, i64)> {
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse().ok()?),
        None => (number, 0_i64),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{}{fraction}", whole.trim_start_matches('-'));
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return Some((false, String::new(), 0));
    }
    let trailing = digits.len() - digits.trim_end_matches('0').len();
    let exponent = exponent
        .checked_sub(i64::try_from(fraction.len()).ok()?)?
        .checked_add(i64::try_from(trailing).ok()?)?;
    Some((number.starts_with('-'), significant.to_owned(), exponent))
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

as_sea_orm_does!(bool, i32, i64, String, DateTimeUtc);

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
    fn number_has_the_digits_of_the_database() {
        for same in [
            "0",
            "-0.0",
            "1.50",
            "0.1",
            "-2.5e-3",
            "1e300",
            "18446744073709551615",
            "100.000",
            "0.000",
        ] {
            assert!(super::json(same).is_number(), "{same}");
        }
        for rounded in [
            "12345678901234567890.1",
            "0.10000000000000000001",
            "9007199254740993.5",
            "18446744073709551617",
            "1e-400",
        ] {
            assert_eq!(super::json(rounded), json!(rounded));
        }
        let nested =
            r#"{"a": [1, {"b": 0.30000000000000000004}], "c": 2.5, "d": "0.30000000000000000004"}"#;
        let text = "0.30000000000000000004";
        assert_eq!(
            super::json(nested),
            json!({"a": [1, {"b": text}], "c": 2.5, "d": text})
        );
    }

    #[test]
    fn nesting_that_serde_json_reads_is_no_text() {
        for deep in 1..130 {
            for inner in ["1", "2.5"] {
                let text = format!("{}{inner}{}", "[".repeat(deep), "]".repeat(deep));
                let plain = serde_json::from_str::<Json>(&text);
                if let Ok(plain) = plain {
                    assert_eq!(super::json(&text), plain, "{deep}");
                }
            }
        }
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
