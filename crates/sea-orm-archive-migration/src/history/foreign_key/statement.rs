//! The functions and triggers of a temporal foreign key, as SQL.

use sea_orm_archive_postgres::catalog::{Table, TableId};
use sea_orm_archive_postgres::schema;
use sea_orm_archive_postgres::template::{fill, fill_with, function_body};

use super::register::Event;
use crate::{
    history::model::{History, IdentityColumn},
    name::{literal, quote},
};

/// A temporal foreign key with everything that its SQL names.
pub(crate) struct ForeignKey<'a> {
    pub(crate) id: i64,
    pub(crate) name: &'a str,
    pub(crate) child: &'a Table,
    pub(crate) history: &'a History,
    /// The columns of the child, in the order of the identity columns of the history.
    pub(crate) columns: &'a [String],
    /// The columns of the child with the instant, or with the start and the end of the period.
    pub(crate) time: &'a [String],
}

impl ForeignKey<'_> {
    /// The query that finds a row of the child that no version covers.
    pub(crate) fn unmatched(&self) -> String {
        fill_with(schema::history::UNMATCHED, &|name| self.value(name, None))
    }

    /// The statements that create or replace the function and the trigger of an event.
    pub(crate) fn statements(&self, event: Event) -> [String; 2] {
        let template = match event {
            Event::Insert | Event::Update => schema::history::CHILD,
            Event::Shorten | Event::Delete => schema::history::PARENT,
            Event::Truncate => schema::history::TRUNCATE,
        };
        [
            function_body(template, &|name| self.value(name, Some(event))),
            self.trigger(event),
        ]
    }

    fn trigger(&self, event: Event) -> String {
        let rows = match event {
            // PostgreSQL creates row triggers on every partition, also on later ones.
            Event::Insert if self.by_row() => "AFTER INSERT ON {table} FOR EACH ROW",
            Event::Update if self.by_row() => "AFTER UPDATE ON {table} FOR EACH ROW",
            Event::Insert => {
                "AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT"
            }
            Event::Update | Event::Shorten => {
                "AFTER UPDATE ON {table} REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT"
            }
            Event::Delete => {
                "AFTER DELETE ON {table} REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT"
            }
            Event::Truncate => "AFTER TRUNCATE ON {table} FOR EACH STATEMENT",
        };
        let table = match event {
            Event::Insert | Event::Update => self.child.id.sql(),
            Event::Shorten | Event::Delete | Event::Truncate => self.history.id.sql(),
        };
        format!(
            "CREATE OR REPLACE TRIGGER {} {} EXECUTE FUNCTION {}()",
            quote(&event.name(self.name, self.id)),
            fill(rows, [("table", table)]),
            self.function(event)
        )
    }

    fn function(&self, event: Event) -> String {
        format!("archive.{}", quote(&event.name(self.name, self.id)))
    }

    /// Whether the triggers of the child run for each row.
    fn by_row(&self) -> bool {
        self.child.kind == "p"
    }

    /// A template that is part of another one.
    fn part(&self, template: &str, event: Option<Event>) -> String {
        fill_with(template.trim_end(), &|name| self.value(name, event))
    }

    /// The value of the place `{name}` of a template.
    ///
    /// Aliases in the templates: "n" is a new row of the child, "c" an existing one, and "w" what a row of the child
    /// requires: id_1, .., starts and ends. "h" is a version, "o" an old version, and "g" an old version whose period
    /// is no longer covered completely.
    fn value(&self, name: &str, event: Option<Event>) -> Option<String> {
        Some(match name {
            "function" => event.map_or_else(String::new, |event| self.function(event)),
            "starts" => quote(&self.time[0]),
            "wanted" => self.wanted(event),
            "ended" => self.ended(event),
            "new_rows" => self.rows("NEW", "new_rows"),
            "n_wanted" => self.wants("n"),
            "n_refers" => self.refers("n"),
            "c_refers" => self.refers("c"),
            "n_key" => self.key("n"),
            "c_key" => self.key("c"),
            "n_is_lacking" => self.is_lacking(),
            "w_identity" => self.identity("w"),
            "o_identity" => self.identity("o"),
            "g_columns" => self.identity("g"),
            "w_identity_text" => self.identity_text("w"),
            "lacking_identity" => self.identity_text("lacking"),
            "needed_identity" => self.identity_text("needed"),
            "c_identity" => {
                let columns = self.columns.iter();
                self.object(columns.map(|name| (name, format!("c.{}", quote(name)))))
            }
            "w_time" => self.time_text("w", "starts", "ends"),
            "lacking_time" => self.time_text("lacking", "starts", "ends"),
            "c_time" => {
                let time: Vec<_> = self.time.iter().map(|column| quote(column)).collect();
                self.time_text("c", &time[0], time.last().unwrap_or(&time[0]))
            }
            "i_is_w" => {
                self.pairs(|column, id| column.equal(&key_of("i", column), &format!("w.{id}")))
            }
            "i_is_o" => {
                self.pairs(|column, id| column.equal(&key_of("i", column), &format!("o.{id}")))
            }
            "h_is_w" => self.pairs(|column, id| column.equal(&column.of("h"), &format!("w.{id}"))),
            "h_is_o" => self.pairs(|column, id| column.equal(&column.of("h"), &format!("o.{id}"))),
            "c_is_g" => self.child_pairs("c", "g"),
            "h_is_current" => self.not_corrected("h"),
            "h_overlaps_w" => self.overlaps("w", self.time.len() == 1),
            "h_overlaps_o" => self.overlaps("o", false),
            "c_needs_g" => self.needs_lost(),
            "covered" if self.time.len() == 1 => self.part(schema::history::COVERED_AT, event),
            "covered" => self.part(schema::history::COVERED_DURING, event),
            "lost" => self.part(schema::history::LOST, event),
            "refuse_old_snapshot" => self.part(schema::history::OLD_SNAPSHOT, event),
            "child_is_readable" => self.child_is_readable(),
            "child_is_dropped" => format!(
                "EXISTS (SELECT FROM archive.temporal_foreign_key AS k WHERE k.id = {} \
                 AND NOT EXISTS (SELECT FROM pg_class AS t WHERE t.oid = k.child))",
                self.id
            ),
            _ => return self.table_value(name),
        })
    }

    /// The value of a place that is a name, or a property of one table.
    fn table_value(&self, name: &str) -> Option<String> {
        let history = self.history;
        Some(match name {
            "name" => literal(self.name),
            "name_text" => literal(&quote(self.name)),
            "child" => self.child.id.sql(),
            "child_schema" => literal(&self.child.id.schema),
            "child_name" => literal(&self.child.id.table),
            "child_text" => literal(&self.child.id.to_string()),
            "history" => history.id.sql(),
            "history_text" => literal(&history.id.to_string()),
            "identity_table" => history.identity.sql(),
            "valid_from" => quote(&history.valid_from),
            "valid_to" => quote(&history.valid_to),
            "range" => history.time.range().to_owned(),
            "multirange" => history.time.multirange().to_owned(),
            "identity_is_trusted" => {
                let key = history.columns.iter().map(|column| &column.key);
                is_trusted(&history.identity, &self.has(&history.identity, key))
            }
            "history_is_trusted" => {
                let identity = history.columns.iter().map(|column| &column.name);
                let recorded = history.recorded.iter().map(|(_, to)| to);
                let columns = identity
                    .chain([&history.valid_from, &history.valid_to])
                    .chain(recorded);
                is_trusted(&history.id, &self.has(&history.id, columns))
            }
            "child_has_columns" => self.has(&self.child.id, self.child_columns()),
            "child_is_trusted" => is_trusted(
                &self.child.id,
                &self.has(&self.child.id, self.child_columns()),
            ),
            _ => return None,
        })
    }

    /// The condition that the current role may read the rows of the child, so that an error may show one.
    fn child_is_readable(&self) -> String {
        let columns: Vec<_> = self.child_columns().map(|name| literal(name)).collect();
        format!(
            "coalesce(archive.may_read((SELECT k.child FROM archive.temporal_foreign_key AS k WHERE k.id = {}), \
             ARRAY[{}]::name[]), false)",
            self.id,
            columns.join(", ")
        )
    }

    /// The columns of the child that the functions name.
    fn child_columns(&self) -> impl Iterator<Item = &String> {
        let key = self.child.key.iter().map(|column| &column.name);
        self.columns.iter().chain(self.time).chain(key)
    }

    /// The check, when a function is planned, that a table still has the columns that it names.
    fn has<'n>(&self, table: &TableId, columns: impl Iterator<Item = &'n String>) -> String {
        let columns: Vec<_> = columns.map(|name| literal(name)).collect();
        format!(
            "archive.has_columns({}::regclass, ARRAY[{}]::name[], {})",
            literal(&table.sql()),
            columns.join(", "),
            literal(self.name)
        )
    }

    /// What the rows that a statement wrote refer to, without what they referred to before.
    fn wanted(&self, event: Option<Event>) -> String {
        let select = |rows: String, alias: &str| {
            format!(
                "SELECT {} FROM {rows} AS {alias} WHERE {}",
                self.wants(alias),
                self.refers(alias)
            )
        };
        let new = select(self.rows("NEW", "new_rows"), "n");
        match event {
            Some(Event::Update) => {
                let old = select(self.rows("OLD", "old_rows"), "o");
                format!("{new} EXCEPT {old}")
            }
            _ => new,
        }
    }

    /// The periods that versions had before the statement and no longer have.
    fn ended(&self, event: Option<Event>) -> String {
        let history = self.history;
        let select = |rows: &str, alias: &str| {
            let columns = self.numbered(|column| column.of(alias));
            let not_corrected = self.not_corrected(alias).replacen(" AND ", " WHERE ", 1);
            format!(
                "SELECT {columns}, {alias}.{} AS starts, {alias}.{} AS ends FROM {rows} AS {alias}{not_corrected}",
                quote(&history.valid_from),
                quote(&history.valid_to)
            )
        };
        let old = select("old_rows", "v");
        match event {
            Some(Event::Shorten) => format!("{old} EXCEPT {}", select("new_rows", "n")),
            _ => old,
        }
    }

    /// The rows of the transition table, or the row of a row trigger.
    fn rows(&self, row: &str, table: &str) -> String {
        if !self.by_row() {
            return table.to_owned();
        }
        let mut names: Vec<_> = self.child_columns().collect();
        names.sort();
        names.dedup();
        let columns: Vec<_> = names
            .into_iter()
            .map(|name| format!("{row}.{0} AS {0}", quote(name)))
            .collect();
        format!("(SELECT {})", columns.join(", "))
    }

    /// The identity and the time that a row of the child refers to.
    fn wants(&self, alias: &str) -> String {
        let mut columns = self
            .columns
            .iter()
            .map(|column| format!("{alias}.{}", quote(column)));
        let mut wanted = self.numbered(|_| columns.next().unwrap_or_default());
        for (column, name) in self.time.iter().zip(["starts", "ends"]) {
            wanted += &format!(", {alias}.{} AS {name}", quote(column));
        }
        wanted
    }

    /// The condition that a row of the child refers to an identity, as with MATCH SIMPLE.
    fn refers(&self, alias: &str) -> String {
        let columns: Vec<_> = self
            .columns
            .iter()
            .chain(self.time.first())
            .map(|column| format!("{alias}.{} IS NOT NULL", quote(column)))
            .collect();
        columns.join(" AND ")
    }

    fn is_lacking(&self) -> String {
        let starts = format!("n.{} = lacking.starts", quote(&self.time[0]));
        let ends = self
            .time
            .get(1)
            .map(|column| format!(" AND n.{} IS NOT DISTINCT FROM lacking.ends", quote(column)));
        let identity = self.child_pairs("n", "lacking");
        format!("{identity} AND {starts}{}", ends.unwrap_or_default())
    }

    /// The condition that the lost times of "g" overlap the time that a row of the child refers to.
    /// The bounds come first, because the index of the child serves them.
    fn needs_lost(&self) -> String {
        let starts = quote(&self.time[0]);
        let before = format!("c.{starts} <= coalesce(upper(g.lost), 'infinity')");
        match self.time.get(1) {
            None => {
                format!("c.{starts} >= lower(g.lost) AND {before} AND g.lost @> c.{starts}")
            }
            Some(ends) => {
                let ends = quote(ends);
                format!(
                    "{before} AND (c.{ends} IS NULL OR c.{ends} > lower(g.lost)) AND EXISTS (
                SELECT FROM unnest(g.lost) AS p(part)
                WHERE (upper_inf(p.part) OR c.{starts} < upper(p.part)) AND (c.{ends} IS NULL OR c.{ends} > lower(p.part)))"
                )
            }
        }
    }

    /// The condition that the version "h" overlaps the period of `alias`. The index finds versions by their start, so
    /// they are read from the last version that starts before the period. For an instant that is the only one.
    fn overlaps(&self, alias: &str, instant: bool) -> String {
        let from = quote(&self.history.valid_from);
        let same = self.pairs(|column, id| column.equal(&column.of("p"), &format!("{alias}.{id}")));
        let before = format!(
            "(SELECT max(p.{from}) FROM {} AS p WHERE {same} AND p.{from} <= {alias}.starts{})",
            self.history.id.sql(),
            self.not_corrected("p")
        );
        if instant {
            return format!("h.{from} = {before}");
        }
        format!(
            "h.{from} >= coalesce({before}, {alias}.starts) AND h.{from} < coalesce({alias}.ends, 'infinity')"
        )
    }

    /// The condition that a version has not been corrected, in a bitemporal history.
    fn not_corrected(&self, alias: &str) -> String {
        match &self.history.recorded {
            Some((_, to)) => format!(" AND {alias}.{} IS NULL", quote(to)),
            None => String::new(),
        }
    }

    /// The primary key of a row of the child, for an error.
    fn key(&self, alias: &str) -> String {
        if self.child.key.is_empty() {
            return "'without a key'::text".to_owned();
        }
        let key = self.child.key.iter().map(|column| &column.name);
        self.object(key.map(|name| (name, format!("{alias}.{}", quote(name)))))
    }

    /// The identity of `alias`, which has the columns id_1, .., with the names of the columns of the child.
    fn identity_text(&self, alias: &str) -> String {
        let ids = (1..).map(|number| format!("{alias}.id_{number}"));
        self.object(self.columns.iter().zip(ids))
    }

    /// Columns of the child as the text of a JSON object, such as `{"id": 42}`. It is written as the owner of the function,
    /// so a cast to json that the owner of a type has defined must not run. `format` calls the output function of the type.
    fn object<'n>(&self, columns: impl Iterator<Item = (&'n String, String)>) -> String {
        let pairs: Vec<_> = columns
            .map(|(name, value)| {
                let column = self.child.column(name);
                let is_built_in = column.is_some_and(|column| !column.sql_type.contains('.'));
                match is_built_in {
                    true => format!("{}, {value}", literal(name)),
                    false => format!("{}, format('%s', {value})", literal(name)),
                }
            })
            .collect();
        format!("jsonb_build_object({})::text", pairs.join(", "))
    }

    /// The time of `alias`, for an error.
    fn time_text(&self, alias: &str, starts: &str, ends: &str) -> String {
        match self.time.len() {
            1 => format!("concat('at ', {alias}.{starts})"),
            _ => format!(
                "concat('from ', {alias}.{starts}, coalesce(' to ' || {alias}.{ends}::text, ' on'))"
            ),
        }
    }

    fn identity(&self, alias: &str) -> String {
        let ids: Vec<_> = (1..=self.columns.len())
            .map(|number| format!("{alias}.id_{number}"))
            .collect();
        ids.join(", ")
    }

    /// The columns of the identity, as id_1, ..
    fn numbered(&self, mut of: impl FnMut(&IdentityColumn) -> String) -> String {
        let columns: Vec<_> = (1..)
            .zip(&self.history.columns)
            .map(|(number, column)| format!("{} AS id_{number}", of(column)))
            .collect();
        columns.join(", ")
    }

    /// A condition on each column of the identity.
    fn pairs(&self, mut of: impl FnMut(&IdentityColumn, &str) -> String) -> String {
        let pairs: Vec<_> = (1..)
            .zip(&self.history.columns)
            .map(|(number, column)| of(column, &format!("id_{number}")))
            .collect();
        pairs.join(" AND ")
    }

    /// The condition that a row of the child refers to the identity of `other`.
    fn child_pairs(&self, alias: &str, other: &str) -> String {
        let mut columns = self.columns.iter().map(|column| quote(column));
        self.pairs(|column, id| {
            let child = columns.next().unwrap_or_default();
            column.equal(&format!("{alias}.{child}"), &format!("{other}.{id}"))
        })
    }
}

/// Raises an error where queries of the table would run code of another role, or would name columns that it no longer has. The
/// table is found by its name, as in the queries.
fn is_trusted(table: &TableId, has_columns: &str) -> String {
    format!(
        "archive.stays_trusted({}::regclass) AND {has_columns}",
        literal(&table.sql())
    )
}

fn key_of(alias: &str, column: &IdentityColumn) -> String {
    format!("{alias}.{}", quote(&column.key))
}
