//! The columns of a history that have a meaning.

use sea_orm::IdenStatic;

use super::entity::{History, HistoryColumns};

/// The columns with a meaning, by name.
#[derive(Debug)]
pub(crate) struct Names {
    pub identity: Vec<String>,
    pub valid_from: String,
    pub valid_to: String,
    pub recorded_by: Option<String>,
    pub recorded: Option<(String, String)>,
}

impl Names {
    pub fn of<E: History>() -> Self {
        let name = |column: E::Column| column.as_str().to_owned();
        let HistoryColumns {
            identity,
            valid_from,
            valid_to,
            recorded_by,
            recorded,
        } = E::columns();
        Self {
            identity: identity.into_iter().map(name).collect(),
            valid_from: name(valid_from),
            valid_to: name(valid_to),
            recorded_by: recorded_by.map(name),
            recorded: recorded.map(|r| (name(r.from), name(r.to))),
        }
    }

    /// Whether the column means something here: anything else is a value, or a key.
    pub fn has(&self, name: &str) -> bool {
        self.identity.iter().any(|n| n == name)
            || name == self.valid_from
            || name == self.valid_to
            || self.recorded_by.as_deref() == Some(name)
            || matches!(&self.recorded, Some((from, to)) if name == from || name == to)
    }
}
