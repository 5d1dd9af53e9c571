//! What purges report.

use std::collections::BTreeMap;

use sea_orm::prelude::DateTimeUtc;
use serde::{Deserialize, Serialize};

/// What a purge deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Purged {
    /// The archival, with `purged_at` set.
    pub archival: crate::archival::Model,
    /// How many rows of which table were deleted from its archive table, by `schema.table`.
    pub rows: BTreeMap<String, u64>,
}

/// What a purge of many archivals deleted, or would delete.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PurgedMany {
    /// How many archivals were purged. Their records stay.
    pub archivals: u64,
    /// How many rows of which table were deleted from their archive tables, by `schema.table`.
    pub rows: BTreeMap<String, u64>,
    /// The archivals that were left out, each with the ids of the [holds](crate::hold) on it or on one of its rows: with
    /// [`skip_held`](crate::PurgeMany::skip_held).
    pub held: BTreeMap<i64, Vec<i64>>,
}

/// What has expired by one retention rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExpiredPolicy {
    /// The name of the rule.
    pub policy: String,
    /// The table of the roots or the history, as `schema.table`; `archive.archival` for records, `archive.event` for events,
    /// `archive.audit_entry` for the log.
    pub table: String,
    /// How many archivals, records, entries or versions have expired.
    pub expired: u64,
    /// When the oldest was archived, closed or written, or its period ended.
    pub oldest: DateTimeUtc,
}

/// What a purge of expired archivals deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PurgedExpired {
    /// How many archivals were purged. Their records stay.
    pub archivals: u64,
    /// How many rows of which table were deleted from their archive tables, by `schema.table`.
    pub rows: BTreeMap<String, u64>,
    /// How many versions of histories were deleted.
    pub versions: u64,
    /// How many records of archivals were deleted, which had been restored or purged.
    pub records: u64,
    /// How many events were deleted, which every consumer had acknowledged.
    #[serde(default)]
    pub events: u64,
    /// The audit log has no entries before this any more, where months of it were dropped.
    pub audit_before: Option<DateTimeUtc>,
    /// What has a rule and was not purged: tables as `schema.table` on which the role lacks the rights, also those below the root of an
    /// archival that has expired; archive tables of which somebody dropped the table; histories; `archive.event`; and
    /// `archive.audit_entry`.
    pub not_allowed: Vec<String>,
    /// Whether something was deleted, so that another batch may find more.
    #[serde(skip_serializing)]
    pub(crate) more: bool,
}

impl PurgedExpired {
    /// Adds what another batch deleted.
    pub(crate) fn add(&mut self, other: Self) {
        self.archivals += other.archivals;
        for (table, rows) in other.rows {
            *self.rows.entry(table).or_default() += rows;
        }
        self.versions += other.versions;
        self.records += other.records;
        self.events += other.events;
        self.audit_before = other.audit_before.or(self.audit_before.take());
        self.not_allowed = other.not_allowed;
    }
}
