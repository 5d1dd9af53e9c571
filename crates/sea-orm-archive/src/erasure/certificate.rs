//! What was erased where.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::Model;
use crate::decode;
use crate::error::{Error, unexpected_answer};

/// The proof of an erasure: what was erased where, how many values, by which rule, and what a search found at the end.
///
/// It covers the database: not its backups, other databases, logs of servers, files and mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The erasure.
    pub erasure: Model,
    /// What was erased, by table and column.
    pub places: Vec<ErasedPlace>,
}

/// What was erased in one column, or how many rows of a table were deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedPlace {
    /// The table, as `schema.table`.
    pub place: String,
    /// The column, `schema.table.column` in entries of the audit log, or `rows`.
    pub item: String,
    /// `null`, `constant`, `pseudonym` or `delete`; `mention` for an identifying value within a text; `actor` for the details of a request of the person.
    pub rule: String,
    /// How many values, or rows. Of mentions and details: how many rows.
    pub values: u64,
}

impl Certificate {
    /// Whether the erasure has ended, and the search found no identifying value and read every table.
    pub fn is_complete(&self) -> bool {
        let is_empty = |found: &Option<Json>| match found {
            Some(Json::Object(places)) => places.is_empty(),
            Some(Json::Array(tables)) => tables.is_empty(),
            _ => false,
        };
        let erasure = &self.erasure;
        erasure.finished_at.is_some() && is_empty(&erasure.found) && is_empty(&erasure.unread)
    }

    /// In how many rows of which column an identifying value was still found, by `schema.table.column`. No rule is for these columns.
    pub fn found(&self) -> BTreeMap<String, u64> {
        let found = self.erasure.found.as_ref().and_then(Json::as_object);
        let counts = found.into_iter().flatten();
        counts
            .map(|(column, rows)| (column.clone(), rows.as_u64().unwrap_or_default()))
            .collect()
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let erasure = &self.erasure;
        write!(
            f,
            "erasure {} of {} {}",
            erasure.id, erasure.subject_table, erasure.subject_key
        )?;
        if let Some(by) = &erasure.started_by {
            write!(f, " by {by}")?;
        }
        if let Some(reason) = &erasure.reason {
            write!(f, ": {reason}")?;
        }
        writeln!(f)?;
        for place in &self.places {
            let ErasedPlace {
                place,
                item,
                rule,
                values,
            } = place;
            writeln!(f, "  {place:<28} {item:<28} {rule:<10} {values:>6}")?;
        }
        if let Some(searched) = erasure.searched {
            let plural = if searched == 1 { "" } else { "s" };
            writeln!(f, "  searched for {searched} value{plural}")?;
        }
        for (column, rows) in self.found() {
            writeln!(f, "  still found in {column}: {rows} rows")?;
        }
        if self.is_complete() {
            writeln!(f, "  complete: nothing of it was found at the end")?;
        }
        write!(
            f,
            "  not covered: entries of dropped tables, backups, other databases, logs of servers, files and mail"
        )
    }
}

/// A certificate as `archive.erasure_json` returns it.
#[derive(Deserialize)]
struct Record {
    id: i64,
    subject_table: String,
    subject_key: String,
    reason: Option<String>,
    started_at: String,
    started_by: Option<String>,
    finished_at: Option<String>,
    state: String,
    searched: Option<i64>,
    not_searched: Option<i64>,
    found: Option<Json>,
    unread: Option<Json>,
    tenant: Option<String>,
    places: Vec<ErasedPlace>,
}

pub(super) fn from_answer(answer: Json) -> Result<Certificate, Error> {
    let record: Record = serde_json::from_value(answer).map_err(unexpected_answer)?;
    Ok(Certificate {
        erasure: Model {
            id: record.id,
            subject_table: record.subject_table,
            subject_key: decode::json(&record.subject_key),
            reason: record.reason,
            started_at: decode::time(&record.started_at),
            started_by: record.started_by,
            finished_at: record.finished_at.as_deref().map(decode::time),
            state: record.state,
            searched: record.searched,
            not_searched: record.not_searched,
            found: record.found,
            unread: record.unread,
            tenant: record.tenant,
        },
        places: record.places,
    })
}
