//! The position of a reader.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How far the events were read: after an event, or before all of them.
///
/// It can be stored as JSON, as text, or as an `i64`.
///
/// ```
/// use sea_orm_archive::event::Cursor;
///
/// let cursor: Cursor = "17".parse().unwrap();
/// assert_eq!(cursor.to_string(), "17");
/// assert!(cursor > Cursor::START);
/// assert!("-1".parse::<Cursor>().is_err());
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Cursor(i64);

impl Cursor {
    /// Before every event.
    pub const START: Self = Self(0);
}

/// The cursor after the event at this position. A negative one is refused when events are read.
impl From<i64> for Cursor {
    fn from(position: i64) -> Self {
        Self(position)
    }
}

impl From<Cursor> for i64 {
    fn from(cursor: Cursor) -> Self {
        cursor.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text that is no cursor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no cursor of events: it is the text of a `Cursor`, such as \"17\"")]
pub struct ParseCursorError {
    text: String,
}

impl FromStr for Cursor {
    type Err = ParseCursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(position @ 0..) => Ok(Self(position)),
            _ => Err(ParseCursorError {
                text: text.to_owned(),
            }),
        }
    }
}
