//! A statement on the versions of an identity: it begins with the values, the clock and the period, and then finds
//! versions.

use sea_orm::Value;
use sea_orm_archive_postgres::ident::{literal, quote};
use sea_orm_archive_postgres::sqlstate::SERIALIZATION_FAILURE;

use super::entity::History;
use super::identity::{bound_identity, of_identity};
use super::plan::HistoryPlan;
use super::values::Values;
use crate::exec::Sql;

/// One end of a period: a time that the caller passed, now, or the end of another identity.
#[derive(Clone, Debug)]
pub(super) enum Instant {
    At(Value),
    Now,
    EndOf(Vec<Value>),
}

/// The text and the values of one statement.
pub(super) struct Statement<'a, E: History> {
    pub plan: &'a HistoryPlan,
    pub values: &'a Values<E>,
    pub sql: Sql,
    /// The columns of the identity with their bound values.
    pub identity: Vec<(String, String)>,
    /// Whether the period has an end.
    pub ends: bool,
}

impl<'a, E: History> Statement<'a, E> {
    /// Starts with the values, the clock and the period.
    ///
    /// This statement reads the clock. It begins after the identity is locked, so of two changes the second has
    /// the later time.
    pub fn new(
        plan: &'a HistoryPlan,
        values: &'a Values<E>,
        identity: &[Value],
        from: &Instant,
        to: Option<&Value>,
    ) -> Self {
        let mut sql = values.row();
        let time = plan.time_type();
        let from = instant::<E>(plan, from, "c.now", &mut sql);
        // NULL is in the text, not bound: the driver identifies a prepared statement by its text, and would
        // bind a time to one that was prepared for a NULL of another type.
        let ends = to.is_some();
        let to = to.map_or("NULL".to_owned(), |time| sql.bind(time.clone()));
        sql.text = format!(
            "WITH given AS MATERIALIZED {},\nclock AS MATERIALIZED (SELECT pg_catalog.clock_timestamp() AS now WHERE {}),\n\
             period AS MATERIALIZED (SELECT CAST({from} AS {time}) AS \"from\", CAST({to} AS {time}) AS \"to\" FROM clock AS c)",
            sql.text, plan.unchanged
        );
        let identity = bound_identity::<E>(identity, &mut sql);
        Self {
            plan,
            values,
            sql,
            identity,
            ends,
        }
    }

    /// The condition that the row `h` is of the identity, and current.
    pub fn of_identity(&self) -> String {
        of_identity(self.plan, &self.identity)
    }

    /// The column with the start of a version, quoted.
    pub fn from(&self) -> String {
        quote(&self.plan.names.valid_from)
    }

    /// The column with the end of a version, quoted.
    pub fn to(&self) -> String {
        quote(&self.plan.names.valid_to)
    }

    /// The versions of the identity, current ones only: what `source` selects from.
    pub fn versions(&self) -> String {
        format!(
            "{} AS h WHERE {}",
            self.plan.table.id.sql(),
            self.of_identity()
        )
    }

    /// The start of the last version that does not start after the period does: one search in the btree, with
    /// any number of versions.
    pub fn start_until(&self) -> String {
        self.last_start("<=")
    }

    /// The start of the last version that starts before the period does.
    pub fn start_before(&self) -> String {
        self.last_start("<")
    }

    fn last_start(&self, compare: &str) -> String {
        let from = self.from();
        format!(
            "(SELECT pg_catalog.max(h.{from}) FROM {} AND h.{from} {compare} p.\"from\")",
            self.versions()
        )
    }

    /// The version at the start of the period, where `condition` is true.
    pub fn version_valid_at(&self, condition: &str) -> String {
        let (from, to) = (self.from(), self.to());
        let of_identity = self.of_identity();
        format!(
            "FROM {} AS h, period AS p, given AS g WHERE {of_identity} AND h.{from} = {} \
             AND (h.{to} IS NULL OR h.{to} > p.\"from\") AND {condition}",
            self.plan.table.id.sql(),
            self.start_until(),
        )
    }

    /// The condition that the version `h` has the given values; it fails where it has others.
    ///
    /// Race: a transaction closes a version and opens another one with plain SQL, without the lock. Then the
    /// write has found no version, and this statement reads one with other values. The next attempt changes
    /// that one.
    pub fn agrees(&self) -> String {
        format!(
            "(CASE WHEN {} THEN {} ELSE true END)",
            self.values.differ(self.plan),
            stop_disturbed(self.plan)
        )
    }

    /// The statement that only reads the versions that a query finds.
    pub fn read(mut self, source: &str) -> Sql {
        let from = self.from();
        self.sql.text.push_str(&format!(
            "\nSELECT {} FROM (SELECT h.* {source}) AS r ORDER BY r.{from}",
            self.plan.selected
        ));
        self.sql
    }

    /// The versions that overlap the period, where `condition` is true. The bounds are simple comparisons, for
    /// the btree: otherwise all later versions would be read.
    pub fn overlapping(&self, condition: &str) -> String {
        let (from, to) = (self.from(), self.to());
        let of_identity = self.of_identity();
        let end = match self.ends {
            true => format!("AND h.{from} < p.\"to\""),
            false => String::new(),
        };
        format!(
            "FROM {} AS h, period AS p, given AS g WHERE {of_identity} AND h.{from} >= coalesce({}, p.\"from\") {end} \
             AND (h.{to} IS NULL OR h.{to} > p.\"from\") AND {condition}",
            self.plan.table.id.sql(),
            self.start_until(),
        )
    }

    /// The statement that inserts a version.
    ///
    /// Race: another transaction starts one in the same period. With the lock the second waits; without it, the
    /// exclusion constraint refuses the second.
    pub fn start(mut self) -> Sql {
        let names = &self.plan.names;
        let mut columns = self.identity.clone();
        columns.push((self.from(), "p.\"from\"".to_owned()));
        columns.push((self.to(), "p.\"to\"".to_owned()));
        for name in self.values.names() {
            columns.push((quote(name), format!("g.{}", quote(name))));
        }
        if let (Some(by), Some(_)) = (&names.recorded_by, &self.values.by) {
            columns.push((quote(by), "g.\"archive.by\"".to_owned()));
        }
        if let Some((recorded_from, _)) = &names.recorded {
            columns.push((quote(recorded_from), "c.now".to_owned()));
        }
        columns.extend(self.generated_keys());
        let (names, values): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        self.sql.text.push_str(&format!(
            ",\nadded AS (INSERT INTO {} ({}) SELECT {} FROM period AS p, given AS g, clock AS c \
             WHERE p.\"to\" IS NULL OR p.\"from\" < p.\"to\" RETURNING *)\n\
             SELECT {} FROM added AS r",
            self.plan.table.id.sql(),
            names.join(", "),
            values.join(", "),
            self.plan.selected,
        ));
        self.sql
    }
}

/// The SQL that fails with the code of a serialization failure: the versions have changed since they were read,
/// and the next attempt reads them again.
pub(super) fn stop_disturbed(plan: &HistoryPlan) -> String {
    format!(
        "archive.stop('{SERIALIZATION_FAILURE}', {})",
        literal(&format!(
            "another transaction wrote versions of {} without locking the identity: try again",
            plan.table.id
        ))
    )
}

/// A time as SQL.
pub(super) fn instant<E: History>(
    plan: &HistoryPlan,
    at: &Instant,
    now: &str,
    sql: &mut Sql,
) -> String {
    match at {
        Instant::At(time) => sql.bind(time.clone()),
        Instant::Now => now.to_owned(),
        Instant::EndOf(identity) => format!(
            "(SELECT pg_catalog.max(h.{}) FROM {} AS h WHERE {})",
            quote(&plan.names.valid_to),
            plan.table.id.sql(),
            of_identity(plan, &bound_identity::<E>(identity, sql)),
        ),
    }
}
