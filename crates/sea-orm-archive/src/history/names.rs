//! The names of the columns of a history that have a meaning for the verbs.

use sea_orm::IdenStatic;
use sea_orm_archive_postgres::compare::VersionColumns;

use super::entity::{History, HistoryColumns, ValidTime};

/// The names of the columns with a meaning for the verbs.
pub(crate) fn version_columns<E: History>() -> VersionColumns {
    let name = |column: E::Column| column.as_str().to_owned();
    let HistoryColumns {
        identity,
        valid_from,
        valid_to,
        recorded_by,
        recorded,
    } = E::columns();
    VersionColumns {
        identity: identity.into_iter().map(name).collect(),
        valid_from: name(valid_from),
        valid_to: name(valid_to),
        recorded_by: recorded_by.map(name),
        recorded: recorded.map(|r| (name(r.from), name(r.to))),
        range: E::Time::RANGE.to_owned(),
    }
}
