//! The net change of each row by the entries of one request.

use serde_json::Value as Json;

use super::values::{Values, read};

/// An entry of the log.
#[derive(Debug)]
pub(super) struct Entry {
    pub operation: String,
    pub table: String,
    pub key: Values,
    pub old: Values,
    pub new: Values,
    pub hidden: Vec<String>,
    pub archival: Option<i64>,
}

impl Entry {
    pub fn of(row: &Json) -> Self {
        let names = |name: &str| row[name].as_array().cloned().unwrap_or_default();
        let hidden = names("redacted").into_iter().chain(names("erased"));
        Self {
            operation: row["operation"].as_str().unwrap_or_default().to_owned(),
            table: row["table_name"].as_str().unwrap_or_default().to_owned(),
            key: read(&row["key"]),
            old: read(&row["old"]),
            new: read(&row["new"]),
            hidden: hidden
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect(),
            archival: row["archival_id"].as_i64(),
        }
    }
}

/// What a request did with one row, from before its first entry to after its last one.
#[derive(Debug)]
pub(super) struct NetChange {
    pub table: String,
    pub key: Values,
    /// The row was there before.
    existed: bool,
    /// The row is there afterwards.
    exists: bool,
    /// The values before: of an updated row those that changed, of a deleted row all.
    pub before: Values,
    /// The values afterwards of the columns that changed.
    pub after: Values,
    /// Columns that changed and whose values the log does not contain.
    pub hidden: Vec<String>,
    /// The archival that the row was restored from.
    pub restored_from: Option<i64>,
    /// The archival that the row was in when it was changed, or purged.
    pub archived_in: Option<i64>,
}

impl NetChange {
    fn new(entry: &Entry) -> Self {
        Self {
            table: entry.table.clone(),
            key: entry.key.clone(),
            existed: entry.operation != "INSERT",
            exists: true,
            before: Values::new(),
            after: Values::new(),
            hidden: Vec::new(),
            restored_from: None,
            archived_in: None,
        }
    }

    /// Adds the next entry of the row, in the order of time.
    pub fn add(&mut self, entry: &Entry) {
        match entry.operation.as_str() {
            "INSERT" => {
                self.exists = true;
                self.after = entry.new.clone();
            }
            "UPDATE" => {
                for (name, value) in &entry.old {
                    self.before
                        .entry(name.clone())
                        .or_insert_with(|| value.clone());
                }
                self.after.extend(entry.new.clone());
            }
            "RESTORE" => self.restored_from = entry.archival,
            _ => {
                self.exists = false;
                for (name, value) in &entry.old {
                    self.before
                        .entry(name.clone())
                        .or_insert_with(|| value.clone());
                }
            }
        }
        if !matches!(entry.operation.as_str(), "ARCHIVE" | "RESTORE") {
            self.archived_in = self.archived_in.or(entry.archival);
        }
        self.hidden.extend(entry.hidden.iter().cloned());
    }

    pub fn of(entry: &Entry) -> Self {
        let mut change = Self::new(entry);
        change.add(entry);
        change
    }

    pub fn kind(&self) -> Kind {
        match (self.existed, self.exists) {
            (true, true) => Kind::Updated,
            (true, false) => Kind::Deleted,
            (false, true) => Kind::Inserted,
            (false, false) => Kind::Nothing,
        }
    }
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Inserted,
    Updated,
    Deleted,
    /// Inserted and deleted by the same request.
    Nothing,
}
