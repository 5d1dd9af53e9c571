//! The trigger function of a guarded table, written for its columns.
//!
//! One function for all tables would have to read the catalog and to plan its statements for each deletion, which takes fifty times as
//! long: the figures are in `docs/internals/guard.md`.

use sea_orm_archive_postgres::catalog::{ArchiveTable, Table};
use sea_orm_archive_postgres::ident::{bare, columns, key_object, same_key, type_name};
use sea_orm_archive_postgres::schema;
use sea_orm_archive_postgres::template::{fill_with, function_body};

use super::register::Guarded;
use crate::name::{literal, quote};

/// A foreign key to a table that catches: its archive table and the condition that the row `o` refers to the row `p` of it.
pub(crate) struct Parent {
    pub(crate) archive_table: String,
    pub(crate) archival_id: String,
    pub(crate) same: String,
}

/// The function of one table.
pub(crate) struct Function<'a> {
    pub(crate) guarded: &'a Guarded,
    pub(crate) table: &'a Table,
    pub(crate) archive_table: &'a ArchiveTable,
    /// The type of the column for the actor.
    pub(crate) actor_type: &'a str,
    pub(crate) parents: &'a [Parent],
}

impl Function<'_> {
    pub(crate) fn sql(&self) -> String {
        function_body(schema::guard::TRIGGER_FUNCTION, &|place| {
            Some(match place {
                "function" => self.guarded.function(),
                "deleted" => self.past("old_rows", "true"),
                "truncated" => self.truncated(),
                place => return self.of_tables(place),
            })
        })
    }

    /// The statements for rows of `source` that are not archived.
    fn past(&self, source: &str, rows: &str) -> String {
        let template = match self.guarded.catches {
            true => schema::guard::CATCH,
            false => schema::guard::REFUSE,
        };
        self.of_source(template, source, rows)
    }

    fn of_source(&self, template: &str, source: &str, rows: &str) -> String {
        fill_with(template.trim_end(), &|place| {
            Some(match place {
                "source" => source.to_owned(),
                "rows" => rows.to_owned(),
                "key_once" if self.archive_table.is_partitioned => {
                    self.of_source(schema::guard::KEY_ONCE, source, rows)
                }
                "key_once" => String::new(),
                place => return self.of_tables(place),
            })
        })
    }

    fn truncated(&self) -> String {
        if !self.guarded.catches {
            return "    PERFORM archive.refuse_deletion(TG_RELID, TG_OP, NULL, NULL);".to_owned();
        }
        let checks = fill_with(schema::guard::TRUNCATED, &|place| self.of_tables(place));
        let rows = "o.tableoid = ANY (caught.v_truncated)";
        format!("{checks}{}", self.past(&self.table.id.sql(), rows))
    }

    fn of_tables(&self, place: &str) -> Option<String> {
        let names = || self.table.columns.iter().map(|c| c.name.as_str());
        // A generated column is computed from others.
        let stored = || {
            let stored = self.table.columns.iter().filter(|c| !c.generated);
            stored.map(|c| c.name.as_str())
        };
        let tag = quote(&self.archive_table.archival_id);
        Some(match place {
            "id" => self.guarded.id.to_string(),
            "table_name" => literal(&self.table.id.sql()),
            "archive_table" => self.archive_table.id.sql(),
            "archive_name" => literal(&self.archive_table.id.sql()),
            "archival_id" => tag,
            "deleted_at" => quote(&self.archive_table.deleted_at),
            "deleted_by" => quote(&self.archive_table.deleted_by),
            "names" => bare(names()),
            "columns" => columns("o", names()),
            "placed_columns" => columns("p", names()),
            "compared" => columns("o", stored()),
            "archived_columns" => columns("d", stored()),
            "same_key" => same_key(&self.table.key, "d", "o"),
            "missing" => fill_with(schema::guard::MISSING.trim_end(), &|place| {
                self.of_tables(place)
            }),
            "or_caught" => match self.guarded.catches {
                true => format!(
                    " OR EXISTS (SELECT FROM archive.caught AS c WHERE c.transaction_id = txid_current() AND c.archival_id = d.{tag} OFFSET 0)"
                ),
                false => String::new(),
            },
            "key" => match self.guarded.catches {
                true => key_object(&self.table.key, "p"),
                false => key_object(&self.table.key, "o"),
            },
            "tenant" => self.tenant(),
            "actor" => self.actor(),
            // A variable of a domain runs its CHECK, as the owner of the function. A guard that refuses stores no actor, and
            // one that catches is refused for such a type.
            "actor_type" if !self.guarded.catches => "text".to_owned(),
            "actor_type" => type_name(self.actor_type).into_owned(),
            "parents" => self.parents(),
            _ => return None,
        })
    }

    fn tenant(&self) -> String {
        match &self.table.id.tenant {
            Some(tenant) => self.table.id.tenant_text("p", tenant),
            None => "NULL::text".to_owned(),
        }
    }

    /// The actor as a value of its column.
    fn actor(&self) -> String {
        match self.actor_type {
            "text" => "v_actor".to_owned(),
            other => format!("archive.actor_or_null(NULL::{})", type_name(other)),
        }
    }

    /// The archival of a parent that this transaction has caught.
    fn parents(&self) -> String {
        let found = self.parents.iter().map(|parent| {
            format!(
                "SELECT p.{tag} FROM {} AS p WHERE {} AND EXISTS (SELECT FROM archive.caught AS c WHERE c.transaction_id = caught.v_transaction AND c.archival_id = p.{tag} OFFSET 0)",
                parent.archive_table,
                parent.same,
                tag = quote(&parent.archival_id),
            )
        });
        let found: Vec<_> = found.collect();
        match found.is_empty() {
            true => "CROSS JOIN (SELECT NULL::bigint) AS p(id)".to_owned(),
            false => format!(
                "LEFT JOIN LATERAL ({} LIMIT 1) AS p(id) ON true",
                found.join(" UNION ALL ")
            ),
        }
    }
}
