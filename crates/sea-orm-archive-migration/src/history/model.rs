//! The model of a history table.

use sea_orm_archive_postgres::catalog::TableId;

use crate::name::quote;

/// A history table and the table of its identities.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) id: TableId,
    pub(crate) identity: TableId,
    pub(crate) columns: Vec<IdentityColumn>,
    pub(crate) time: Time,
    pub(crate) valid_from: String,
    pub(crate) valid_to: String,
    /// The columns of transaction time: from when and until when a version was recorded.
    pub(crate) recorded: Option<(String, String)>,
    pub(crate) recorded_by: Option<String>,
    /// The columns that `split_into_history` moved here from the identity table.
    pub(crate) split_columns: Option<Vec<String>>,
}

impl History {
    /// The names of the columns that refer to the identity.
    pub(crate) fn identity_names(&self) -> Vec<String> {
        self.columns
            .iter()
            .map(|column| column.name.clone())
            .collect()
    }
}

/// A column of a history that refers to a column of its identity's primary key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdentityColumn {
    /// The column of the history.
    pub(crate) name: String,
    /// The column of the identity table.
    pub(crate) key: String,
    /// Its type and collation, as SQL.
    pub(crate) definition: String,
    /// The operator that the index of the key compares with.
    pub(crate) equals: String,
}

impl IdentityColumn {
    /// The condition that two columns are equal, as SQL.
    pub(crate) fn equal(&self, left: &str, right: &str) -> String {
        format!("{left} {} {right}", self.equals)
    }

    /// This column of the history with the alias `alias`.
    pub(crate) fn of(&self, alias: &str) -> String {
        format!("{alias}.{}", quote(&self.name))
    }
}

/// The type of the bounds of periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Time {
    Timestamps,
    Dates,
}

impl Time {
    /// The type of `valid_from` and `valid_to`.
    pub(crate) fn column_type(self) -> &'static str {
        match self {
            Self::Timestamps => "timestamptz",
            Self::Dates => "date",
        }
    }

    /// The type of a period, and the function that constructs one.
    pub(crate) fn range(self) -> &'static str {
        match self {
            Self::Timestamps => "tstzrange",
            Self::Dates => "daterange",
        }
    }

    /// The type of several periods, and the function that constructs one.
    pub(crate) fn multirange(self) -> &'static str {
        match self {
            Self::Timestamps => "tstzmultirange",
            Self::Dates => "datemultirange",
        }
    }

    /// The type of the bounds of this type of period.
    pub(crate) fn of_range(range: &str) -> Self {
        if range == Self::Dates.range() {
            Self::Dates
        } else {
            Self::Timestamps
        }
    }
}
