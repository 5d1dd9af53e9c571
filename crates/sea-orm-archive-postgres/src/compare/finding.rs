//! The result of every comparison.

use std::fmt;

use serde::Serialize;

/// A problem with an object, and its remedy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The table or the function, as `schema.name`.
    pub object: String,
    /// The problem: a sentence without its subject, which is the object.
    pub problem: String,
    /// The remedy: a call in a migration, or SQL.
    pub remedy: String,
}

impl Finding {
    /// A finding about `object`.
    pub fn new(
        object: impl fmt::Display,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            object: object.to_string(),
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }
}

/// `object problem: remedy`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            object,
            problem,
            remedy,
        } = self;
        write!(f, "{object} {problem}: {remedy}")
    }
}
