//! The statement that writes versions.
//!
//! Every write is told in the same terms: the versions that it takes (`source`), and the pieces that
//! stand in their place (`piece`). In a table of valid time alone, the first piece of a version is
//! that very row, changed; further pieces are inserted; a version without pieces is deleted. With
//! transaction time every version that is taken is kept, as superseded, and every piece is inserted.
//!
//! The parts run in the order that keeps the constraints true at each row: deletes, what shrinks,
//! what grows, inserts. PostgreSQL runs the data-modifying parts of a WITH in no promised order, so
//! each part asks for the count of the ones before it.

use sea_orm::Value;

use super::entity::History;
use super::identity::{bound_identity, of_identity};
use super::plan::HistoryPlan;
use super::values::Values;
use crate::exec::Sql;
use crate::sql::{literal, quote, same_key};
use crate::sqlstate::{SERIALIZATION_FAILURE, TRIGGER};

/// One end of a period: a time that the caller gave, now, or when another identity ended.
#[derive(Clone, Debug)]
pub(super) enum Instant {
    At(Value),
    Now,
    EndOf(Vec<Value>),
}

/// What a write does with the versions that it takes.
pub(super) struct Write {
    /// What comes before the source, to be named in it.
    pub before: String,
    /// Which versions: the FROM and WHERE of a query in which `h` is the history table and `p` the
    /// period.
    pub source: String,
    /// More columns of it, for the pieces.
    pub more: &'static str,
    /// Queries of the pieces of the version `s`, each of five columns: from, to, whether the given
    /// values go there, whether it is the first piece, whether it is longer than `s` was.
    pub pieces: Vec<String>,
    /// Which versions are the answer.
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

    /// A write that deletes versions, or makes them longer.
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
    /// Those that are gone, as they were.
    Gone,
}

/// Writes one statement.
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
    /// The clock is read by this statement, which begins after the identity is locked: of two
    /// changes the second one's time is later.
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
        // A NULL is in the text: the driver knows a statement by its text, and would take a time for
        // one that it has prepared for a NULL of another type.
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

    /// A column of the history table, by what it means.
    pub fn from(&self) -> String {
        quote(&self.plan.names.valid_from)
    }

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

    /// Where the last version starts that starts no later than the period: one step down a btree,
    /// however many versions there are.
    pub fn start_until(&self) -> String {
        self.last_start("<=")
    }

    /// The same, of those that start earlier.
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

    /// The version at the start of the period, where `condition` holds.
    pub fn version_at(&self, condition: &str) -> String {
        let (from, to) = (self.from(), self.to());
        let of_identity = self.of_identity();
        format!(
            "FROM {} AS h, period AS p, given AS g WHERE {of_identity} AND h.{from} = {} \
             AND (h.{to} IS NULL OR h.{to} > p.\"from\") AND {condition}",
            self.plan.table.id.sql(),
            self.start_until(),
        )
    }

    /// True where the version `h` says what is given.
    ///
    /// Race: somebody closes a version by hand and opens another one. What we came to change is gone,
    /// and what is there instead is not what was asked for: it is for the next attempt.
    pub fn agrees(&self) -> String {
        format!(
            "(CASE WHEN {} THEN {} ELSE true END)",
            self.values.differ(self.plan),
            stop_disturbed(self.plan)
        )
    }

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

    /// The versions, locked, and what becomes of them.
    ///
    /// Race: somebody writes versions by hand, without locking the identity. FOR UPDATE waits for
    /// them; if the rows are not the ones that were `seen` before, others may have come that were
    /// not, and the statement stops before anything is made of half the truth.
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

    /// Stops where the locked versions are not those that were seen.
    fn undisturbed(&self) -> String {
        format!(
            "(SELECT CASE WHEN (SELECT pg_catalog.count(*) FROM source) = (SELECT pg_catalog.count(*) FROM seen) \
             AND NOT EXISTS (SELECT \"archive.place\" FROM source EXCEPT SELECT \"archive.place\" FROM seen) \
             THEN true ELSE {} END)",
            stop_disturbed(self.plan)
        )
    }

    /// Valid time alone: the first piece is the row itself.
    fn in_place(&self, write: &Write) -> (Vec<String>, Vec<&'static str>) {
        let table = self.plan.table.id.sql();
        let (from, to) = (self.from(), self.to());
        let key = &self.plan.table.key;
        let same = same_key(key, "h", "x");
        let period = format!("{from} = x.\"archive.from\", {to} = x.\"archive.to\"");
        let mut parts = Vec::new();
        let mut written = vec!["kept", "replaced"];
        let mut after = "true".to_owned();
        if !write.shrinks {
            parts.push(format!(
                "gone AS (DELETE FROM {table} AS h USING source AS x WHERE {same} AND NOT EXISTS \
                 (SELECT FROM piece AS i WHERE {}) RETURNING h.*)",
                same_key(key, "i", "x"),
            ));
            after = counted(&["gone"]);
        }
        parts.push(format!(
            "kept AS (UPDATE {table} AS h SET {period} FROM piece AS x WHERE {same} \
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
                counted(&["gone", "kept", "replaced"]),
            ));
            written.push("grown");
        }
        let after = format!("NOT x.\"archive.first\" AND {}", counted(&written));
        parts.push(self.insert("split", false, &[], &after));
        parts.push(self.insert("added", true, &[], &after));
        written.extend(["split", "added"]);
        (parts, written)
    }

    /// Transaction time: nothing is overwritten, and the pieces are known from now on.
    fn superseding(
        &self,
        recorded_from: &str,
        recorded_to: &str,
    ) -> (Vec<String>, Vec<&'static str>) {
        // A clock that was set back would make a version that was never known.
        let retired = format!(
            "retired AS (UPDATE {} AS h SET {} = c.now FROM source AS x, clock AS c WHERE {} \
             AND (x.{} < c.now OR archive.stop('{SERIALIZATION_FAILURE}', 'the clock of the server went back: try again')) RETURNING h.*)",
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

    /// `, "name" = g."name"`, and who says so.
    fn assignments(&self) -> String {
        let mut assignments: Vec<_> = self
            .values
            .names()
            .map(|name| format!(", {0} = g.{0}", quote(name)))
            .collect();
        if let Some(by) = &self.plan.names.recorded_by {
            let value = match self.values.by {
                Some(_) => "g.\"archive.by\"",
                // What another one said is not said by this caller.
                None => "DEFAULT",
            };
            assignments.push(format!(", {} = {value}", quote(by)));
        }
        assignments.concat()
    }

    /// Inserts the pieces with the given values, or those without, from the versions that they are
    /// pieces of.
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

    /// The columns of a piece with their values, from `x`, and those that are given from `g`. All
    /// columns are listed: the plan is of the table as it is.
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
        columns.extend(self.made());
        columns.extend_from_slice(more);
        let (columns, values): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        (columns.join(", "), values.join(", "))
    }

    /// Who made a version. A piece that only became shorter is still of who said it first; a
    /// superseding one is recorded now, by the caller.
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

    fn made(&self) -> impl Iterator<Item = (String, String)> {
        self.plan
            .made
            .iter()
            .map(|(name, value)| (quote(name), (*value).to_owned()))
    }

    /// The versions that the caller gets.
    fn answer(&self, write: &Write) -> String {
        let from = self.from();
        let rows = match write.answer {
            Answer::Written => "SELECT * FROM written".to_owned(),
            Answer::Fresh => format!(
                "SELECT w.* FROM written AS w JOIN piece AS x ON x.\"archive.from\" = w.{from} AND x.\"archive.fresh\""
            ),
            Answer::Gone => format!(
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

    /// Stops where not every piece was written as planned, or not every version taken: a trigger or a
    /// policy that drops or changes a row would leave a hole where it belongs.
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
                "(SELECT pg_catalog.count(*) FROM gone)",
            ));
        }
        format!(
            "(SELECT CASE WHEN {} THEN true ELSE {} END)",
            counts.join(" AND "),
            stop_unwritten(self.plan),
        )
    }

    /// Reads instead of writing: the versions that a query finds.
    pub fn read(mut self, source: &str) -> Sql {
        let from = self.from();
        self.sql.text.push_str(&format!(
            "\nSELECT {} FROM (SELECT h.* {source}) AS r ORDER BY r.{from}",
            self.plan.selected
        ));
        self.sql
    }

    /// The versions that overlap the period, where `condition` holds. The bounds are plain, for the
    /// btree: all later versions would be read otherwise.
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

    /// A new version, over nothing that is there.
    ///
    /// Race: somebody else starts one in the same period. With the lock the second waits; without it,
    /// the exclusion constraint lets one of them in.
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
        columns.extend(self.made());
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

/// Stops where fewer rows were written than planned: a trigger that drops one would leave a hole
/// where it belongs.
pub(super) fn stop_unwritten(plan: &HistoryPlan) -> String {
    format!(
        "archive.stop('{TRIGGER}', {})",
        literal(&format!(
            "a trigger or a policy on {} kept a version from being written as it should: nothing has changed",
            plan.table.id
        ))
    )
}

/// Stops with the code of a serialization failure: what was read is not what is there, and the next
/// attempt reads it anew.
fn stop_disturbed(plan: &HistoryPlan) -> String {
    format!(
        "archive.stop('{SERIALIZATION_FAILURE}', {})",
        literal(&format!(
            "versions of {} were written meanwhile by somebody who did not lock the identity: try again",
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

/// Asks for the parts to be complete.
fn counted(parts: &[&str]) -> String {
    let counts: Vec<_> = parts
        .iter()
        .map(|part| format!("(SELECT pg_catalog.count(*) FROM {part}) >= 0"))
        .collect();
    counts.join(" AND ")
}
