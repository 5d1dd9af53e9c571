//! The pieces of a write: the versions that replace each version that it takes.
//!
//! Every write is described in the same terms: the versions that it takes (`source`), and the pieces that
//! replace them (`piece`). In a table of valid time alone, the first piece of a version is the same row,
//! updated; further pieces are inserted; a version without pieces is deleted. With transaction time every
//! version that is taken is retained, as superseded, and every piece is inserted.
//!
//! The parts run in an order in which no row violates a constraint: deletes, versions that shrink, versions
//! that grow, inserts. PostgreSQL runs the data-modifying parts of a WITH in no guaranteed order, so each part
//! reads the count of the ones before it.

use sea_orm_archive_postgres::ident::{literal, quote, same_key};
use sea_orm_archive_postgres::sqlstate::TRIGGER;

use super::entity::History;
use super::plan::HistoryPlan;
use super::statement::{Statement, stop_disturbed};
use crate::exec::Sql;

/// What a write does with the versions that it takes.
pub(super) struct Write {
    /// Further parts before the source, which it can refer to.
    pub before: String,
    /// Which versions: the FROM and WHERE of a query in which `h` is the history table and `p` the
    /// period.
    pub source: String,
    /// More columns of the source, for the pieces.
    pub more: &'static str,
    /// Queries of the pieces of the version `s`, each of five columns: from, to, whether the piece has the
    /// given values, whether it is the first piece, whether it is longer than `s` was.
    pub pieces: Vec<String>,
    /// Which versions are returned.
    pub answer: Answer,
    /// Whether pieces are as long as their versions, or shorter.
    pub shrinks: bool,
}

impl Write {
    /// A write whose pieces are as long as their versions, or shorter.
    pub fn shrinking(source: String, pieces: Vec<String>, answer: Answer) -> Self {
        Self {
            before: String::new(),
            source,
            more: "",
            pieces,
            answer,
            shrinks: true,
        }
    }

    /// A write that deletes versions, or extends them.
    pub fn growing(source: String, pieces: Vec<String>, answer: Answer) -> Self {
        Self {
            shrinks: false,
            ..Self::shrinking(source, pieces, answer)
        }
    }
}

/// Which versions a statement returns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Those with the given values.
    Fresh,
    /// All that were written.
    Written,
    /// Those without a piece, as they were before they were deleted or superseded.
    Removed,
}

impl<E: History> Statement<'_, E> {
    /// The whole statement.
    pub fn write(mut self, write: &Write) -> Sql {
        let pieces = self.plan_pieces(write);
        self.sql.text.push_str(&pieces);
        let (parts, written) = match &self.plan.names.recorded {
            None => self.in_place(write),
            Some((from, to)) => self.superseding(from, to),
        };
        for part in parts {
            self.sql.text.push_str(",\n");
            self.sql.text.push_str(&part);
        }
        let written: Vec<_> = written
            .iter()
            .map(|part| format!("SELECT * FROM {part}"))
            .collect();
        self.sql.text.push_str(&format!(
            ",\nwritten AS ({})\n{}",
            written.join(" UNION ALL "),
            self.answer(write)
        ));
        self.sql
    }

    /// The parts that lock the versions and plan their pieces.
    ///
    /// Race: a transaction writes versions with plain SQL, without locking the identity. FOR UPDATE waits for
    /// it. If the rows are not the ones that were `seen` before, others may have been inserted, and the
    /// statement fails before it writes.
    fn plan_pieces(&self, write: &Write) -> String {
        let pieces: Vec<_> = write.pieces.iter().map(|p| format!("({p})")).collect();
        format!(
            "{},\nseen AS MATERIALIZED (SELECT h.ctid AS \"archive.place\" {}),\n\
             source AS MATERIALIZED (SELECT h.*, h.ctid AS \"archive.place\"{} {} FOR UPDATE OF h),\n\
             piece AS MATERIALIZED (SELECT s.*, x.* FROM source AS s, period AS p, LATERAL ({}) \
             AS x(\"archive.from\", \"archive.to\", \"archive.fresh\", \"archive.first\", \"archive.grows\") WHERE {})",
            write.before,
            write.source,
            write.more,
            write.source,
            pieces.join(" UNION ALL "),
            self.undisturbed(),
        )
    }

    /// Fails where the locked versions are not those that were seen.
    fn undisturbed(&self) -> String {
        format!(
            "(SELECT CASE WHEN (SELECT pg_catalog.count(*) FROM source) = (SELECT pg_catalog.count(*) FROM seen) \
             AND NOT EXISTS (SELECT \"archive.place\" FROM source EXCEPT SELECT \"archive.place\" FROM seen) \
             THEN true ELSE {} END)",
            stop_disturbed(self.plan)
        )
    }

    /// Valid time alone: the first piece is the row itself, updated.
    fn in_place(&self, write: &Write) -> (Vec<String>, Vec<&'static str>) {
        let table = self.plan.table.id.sql();
        let (from, to) = (self.from(), self.to());
        let key = &self.plan.table.key;
        let same = same_key(key, "h", "x");
        let period = format!("{from} = x.\"archive.from\", {to} = x.\"archive.to\"");
        let mut parts = Vec::new();
        let mut written = vec!["shrunk", "replaced"];
        let mut after = "true".to_owned();
        if !write.shrinks {
            parts.push(format!(
                "deleted AS (DELETE FROM {table} AS h USING source AS x WHERE {same} AND NOT EXISTS \
                 (SELECT FROM piece AS i WHERE {}) RETURNING h.*)",
                same_key(key, "i", "x"),
            ));
            after = counted(&["deleted"]);
        }
        parts.push(format!(
            "shrunk AS (UPDATE {table} AS h SET {period} FROM piece AS x WHERE {same} \
             AND x.\"archive.first\" AND NOT x.\"archive.fresh\" AND NOT x.\"archive.grows\" AND {after} RETURNING h.*)"
        ));
        parts.push(format!(
            "replaced AS (UPDATE {table} AS h SET {period}{} FROM piece AS x, given AS g WHERE {same} \
             AND x.\"archive.first\" AND x.\"archive.fresh\" AND {after} RETURNING h.*)",
            self.assignments(),
        ));
        if !write.shrinks {
            parts.push(format!(
                "grown AS (UPDATE {table} AS h SET {period} FROM piece AS x WHERE {same} \
                 AND x.\"archive.first\" AND NOT x.\"archive.fresh\" AND x.\"archive.grows\" AND {} RETURNING h.*)",
                counted(&["deleted", "shrunk", "replaced"]),
            ));
            written.push("grown");
        }
        let after = format!("NOT x.\"archive.first\" AND {}", counted(&written));
        parts.push(self.insert("split", false, &[], &after));
        parts.push(self.insert("added", true, &[], &after));
        written.extend(["split", "added"]);
        (parts, written)
    }

    /// Transaction time: the versions are superseded now, and the pieces are inserted.
    fn superseding(
        &self,
        recorded_from: &str,
        recorded_to: &str,
    ) -> (Vec<String>, Vec<&'static str>) {
        // If the clock was set back, the version would end in transaction time before it starts.
        let retired = format!(
            "retired AS (UPDATE {} AS h SET {} = c.now FROM source AS x, clock AS c WHERE {} \
             AND (x.{} < c.now OR archive.stop('40001', 'the clock of the server went back: try again')) RETURNING h.*)",
            self.plan.table.id.sql(),
            quote(recorded_to),
            same_key(&self.plan.table.key, "h", "x"),
            quote(recorded_from),
        );
        let now = [(quote(recorded_from), "c.now".to_owned())];
        let after = counted(&["retired"]);
        let parts = vec![
            retired,
            self.insert("split", false, &now, &after),
            self.insert("added", true, &now, &after),
        ];
        (parts, vec!["split", "added"])
    }

    /// `, "name" = g."name"` for each given value, and the actor.
    fn assignments(&self) -> String {
        let mut assignments: Vec<_> = self
            .values
            .names()
            .map(|name| format!(", {0} = g.{0}", quote(name)))
            .collect();
        if let Some(by) = &self.plan.names.recorded_by {
            let value = match self.values.by {
                Some(_) => "g.\"archive.by\"",
                // The former actor did not write these values.
                None => "DEFAULT",
            };
            assignments.push(format!(", {} = {value}", quote(by)));
        }
        assignments.concat()
    }

    /// Inserts the pieces with the given values, or those without, with the other values of their versions.
    fn insert(
        &self,
        name: &str,
        fresh: bool,
        more: &[(String, String)],
        condition: &str,
    ) -> String {
        let period = ["x.\"archive.from\"", "x.\"archive.to\""];
        let (columns, values) = self.inserted(fresh, period, more);
        let is_fresh = if fresh { "" } else { "NOT " };
        format!(
            "{name} AS (INSERT INTO {} ({columns}) SELECT {values} FROM piece AS x, given AS g, clock AS c \
             WHERE {is_fresh}x.\"archive.fresh\" AND {condition} RETURNING *)",
            self.plan.table.id.sql(),
        )
    }

    /// The columns of a piece with their values: given ones from `g`, others from `x`. All columns of the table
    /// are listed; the statement fails if the table has changed since it was planned.
    pub fn inserted(
        &self,
        fresh: bool,
        [from, to]: [&str; 2],
        more: &[(String, String)],
    ) -> (String, String) {
        let names = &self.plan.names;
        let mut columns: Vec<(String, String)> = names
            .identity
            .iter()
            .map(|name| (quote(name), format!("x.{}", quote(name))))
            .collect();
        columns.push((self.from(), from.to_owned()));
        columns.push((self.to(), to.to_owned()));
        for column in &self.plan.values {
            let given = fresh && self.values.names().any(|name| name == column.name);
            let side = if given { "g" } else { "x" };
            columns.push((
                quote(&column.name),
                format!("{side}.{}", quote(&column.name)),
            ));
        }
        columns.extend(self.recorded_by(fresh));
        columns.extend(self.generated_keys());
        columns.extend_from_slice(more);
        let (columns, values): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        (columns.join(", "), values.join(", "))
    }

    /// The actor of a version. A piece that is only shorter retains the actor of its version. With transaction
    /// time every piece is recorded now, by the caller.
    fn recorded_by(&self, fresh: bool) -> Option<(String, String)> {
        let by = quote(self.plan.names.recorded_by.as_ref()?);
        let value = match (&self.values.by, &self.plan.names.recorded) {
            (Some(_), Some(_)) => "g.\"archive.by\"".to_owned(),
            (Some(_), None) if fresh => "g.\"archive.by\"".to_owned(),
            (_, None) if !fresh => format!("x.{by}"),
            _ => return None,
        };
        Some((by, value))
    }

    /// The key columns that no default fills, with the expressions that do.
    pub fn generated_keys(&self) -> impl Iterator<Item = (String, String)> {
        self.plan
            .generated_keys
            .iter()
            .map(|(name, value)| (quote(name), (*value).to_owned()))
    }

    /// The query of the versions that the statement returns.
    fn answer(&self, write: &Write) -> String {
        let from = self.from();
        let rows = match write.answer {
            Answer::Written => "SELECT * FROM written".to_owned(),
            Answer::Fresh => format!(
                "SELECT w.* FROM written AS w JOIN piece AS x ON x.\"archive.from\" = w.{from} AND x.\"archive.fresh\""
            ),
            Answer::Removed => format!(
                "SELECT x.* FROM source AS x WHERE NOT EXISTS (SELECT FROM piece AS i WHERE {})",
                same_key(&self.plan.table.key, "i", "x"),
            ),
        };
        let all_written = self.all_written(write);
        format!(
            "SELECT {} FROM ({rows}) AS r WHERE {all_written} ORDER BY r.{from}",
            self.plan.selected
        )
    }

    /// Fails where not every piece was written as planned, or not every version was taken: a trigger or a
    /// policy that skips or changes a row would leave a gap.
    fn all_written(&self, write: &Write) -> String {
        let (from, to) = (self.from(), self.to());
        let mut counts = vec![format!(
            "(SELECT pg_catalog.count(*) FROM written AS w JOIN piece AS x ON x.\"archive.from\" = w.{from} \
             AND x.\"archive.to\" IS NOT DISTINCT FROM w.{to}) = (SELECT pg_catalog.count(*) FROM piece)"
        )];
        if self.plan.names.recorded.is_some() {
            counts.push(
                "(SELECT pg_catalog.count(*) FROM retired) = (SELECT pg_catalog.count(*) FROM source)"
                    .to_owned(),
            );
        } else if !write.shrinks {
            counts.push(format!(
                "(SELECT pg_catalog.count(*) FROM source AS s WHERE NOT EXISTS (SELECT FROM piece AS i WHERE {})) = {}",
                same_key(&self.plan.table.key, "i", "s"),
                "(SELECT pg_catalog.count(*) FROM deleted)",
            ));
        }
        format!(
            "(SELECT CASE WHEN {} THEN true ELSE {} END)",
            counts.join(" AND "),
            stop_unwritten(self.plan),
        )
    }
}

/// The SQL that fails where fewer rows were written than planned: a trigger that skips one would leave a gap.
pub(super) fn stop_unwritten(plan: &HistoryPlan) -> String {
    format!(
        "archive.stop('{TRIGGER}', {})",
        literal(&format!(
            "a trigger or a policy on {} skipped or changed a version, so nothing was written: let it pass the versions that sea-orm-archive writes",
            plan.table.id
        ))
    )
}

/// The condition that the parts are complete. It is always true: reading their counts makes PostgreSQL run them
/// first.
fn counted(parts: &[&str]) -> String {
    let counts: Vec<_> = parts
        .iter()
        .map(|part| format!("(SELECT pg_catalog.count(*) FROM {part}) >= 0"))
        .collect();
    counts.join(" AND ")
}
