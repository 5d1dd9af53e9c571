//! What every comparison answers with.

use std::fmt;

use serde::Serialize;

/// Something that is not as it should be, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The table or the function, as `schema.name`.
    pub object: String,
    /// What is wrong with it: a sentence without its subject, which is the object.
    pub problem: String,
    /// What to do: a call in a migration, or SQL.
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
