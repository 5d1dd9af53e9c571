//! The trigger function of an audited table, written for its columns.

use sea_orm_archive_postgres::catalog::{ArchiveTable, Table};
use sea_orm_archive_postgres::schema;
use sea_orm_archive_postgres::template::fill_with;

use crate::{
    audit::{
        column::{Column, differs, image, json, member, object, text, value},
        register::Audited,
    },
    name::{literal, quote},
};

/// The function of a table and its partitions.
pub(crate) fn name(id: i32) -> String {
    format!("archive.audit_{id}")
}

/// The function of its archive table.
pub(crate) fn archive_table_name(id: i32) -> String {
    format!("archive.audit_{id}_archive_table")
}

/// The columns of an entry, in the order in which the templates list the values.
const TARGET: &str = "at, transaction_id, operation, table_name, key, old, new, redacted, tenant, actor, request_id, \
                      database_user, details_id";
/// As bigint. `pg_current_xact_id()` would need a cast through text.
const TRANSACTION: &str = "txid_current()";

/// Whether a move of this transaction has announced the table. A value that an earlier transaction of the session has set
/// contains another transaction id.
const MOVING: &str = "coalesce(current_setting('archive.moving', true) LIKE pg_current_xact_id_if_assigned()::text || ':%,' || TG_RELID || ',%', false)";
const CONTEXT: [&str; 4] = [
    "archive.audit_text(archive.current_actor())",
    "archive.audit_text(archive.current_request_id())",
    "session_user::text",
    "CASE WHEN archive.current_details() IS NOT NULL THEN archive.audit_details() END",
];
const SHORT_CONTEXT: &str = "archive.current_actor(), archive.current_request_id(), session_user::text, \
                             CASE WHEN archive.current_details() IS NOT NULL THEN archive.audit_details() END";
/// Whether `archive.audit_text` would truncate none of them.
const IS_SHORT: &str = "octet_length(concat(archive.current_actor(), archive.current_request_id(), archive.current_tenant())) <= 400";
const TENANT: &str = "archive.audit_text(archive.current_tenant())";

/// The most arguments of one call; PostgreSQL allows 100.
const MOST_ARGUMENTS: usize = 90;

/// The number of columns that are compared in one expression. PL/pgSQL prepares each expression again in every
/// transaction, so expressions should be few and short: 4 groups for a table of 15 columns.
const GROUP: usize = 4;

/// The settings that a value's text may depend on, by their letters.
const SETTINGS: [(char, &str); 6] = [
    ('f', "SET extra_float_digits = '1'"),
    ('b', "SET bytea_output = 'hex'"),
    ('i', "SET intervalstyle = 'postgres'"),
    ('t', "SET timezone = 'UTC'"),
    ('d', "SET datestyle = 'ISO, YMD'"),
    ('m', "SET lc_monetary = 'C'"),
];

/// Generates the trigger functions of a table and of its archive table.
pub(crate) struct TriggerFunctions<'a> {
    pub(crate) table: &'a Table,
    pub(crate) audited: &'a Audited,
    pub(crate) columns: &'a [Column],
}

impl TriggerFunctions<'_> {
    /// The function of the table.
    pub(crate) fn of_table(&self) -> String {
        let body = fill_with(schema::audit::TRIGGER_FUNCTION, &|place| {
            self.of_pair(place).or_else(|| self.of_rows(place))
        });
        self.create(&name(self.audited.id), &body)
    }

    /// The function of the archive table, which has the columns `columns`.
    pub(crate) fn of_archive_table(
        &self,
        archive_table: &ArchiveTable,
        columns: &[Column],
    ) -> String {
        let number = |name: &str| columns.iter().find(|c| c.name == name).map(|c| c.number);
        let same = |numbers: &[i16]| -> Vec<i16> {
            let here = self.columns.iter().filter(|c| numbers.contains(&c.number));
            here.filter_map(|c| number(&c.name)).collect()
        };
        let added = [
            &archive_table.deleted_at,
            &archive_table.deleted_by,
            &archive_table.archival_id,
        ];
        let added = added.iter().filter_map(|name| number(name));
        let body = fill_with(schema::audit::ARCHIVE_TABLE_TRIGGER_FUNCTION, &|place| {
            Some(match place {
                "archival_id" => quote(&archive_table.archival_id),
                // A whole-row reference would include the columns that the archive table adds.
                "whole_b" => self.whole_by_columns("b"),
                "tenant_number" => {
                    let tenant = self.audited.tenant.map(|tenant| same(&[tenant]));
                    optional(tenant.and_then(|found| found.first().copied()))
                }
                "excluded" => {
                    let excluded = same(&self.audited.excluded);
                    numbers(
                        &excluded
                            .into_iter()
                            .chain(added.clone())
                            .collect::<Vec<_>>(),
                    )
                }
                place => return self.of_rows(place),
            })
        });
        self.create(&archive_table_name(self.audited.id), &body)
    }

    fn create(&self, function: &str, body: &str) -> String {
        let settings: Vec<_> = SETTINGS
            .iter()
            .filter(|(letter, _)| self.columns.iter().any(|c| c.settings.contains(*letter)))
            .map(|(_, setting)| *setting)
            .collect();
        format!(
            "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger
             LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp {} AS {}",
            settings.join(" "),
            literal(body)
        )
    }

    /// The values of places that both functions use. `b` is the row before, `a` the row after.
    fn of_rows(&self, place: &str) -> Option<String> {
        let moves = |text: &str| match self.table.archive_table {
            Some(_) => fill_with(text, &|place| self.of_rows(place)),
            None => String::new(),
        };
        Some(match place {
            "id" => self.audited.id.to_string(),
            "name" => literal(&self.audited.name),
            "target" => TARGET.to_owned(),
            "transaction" => TRANSACTION.to_owned(),
            "moving" => MOVING.to_owned(),
            "tenant" => TENANT.to_owned(),
            "context" => CONTEXT.join(", "),
            "context_once" => CONTEXT.map(|c| format!("(SELECT {c})")).join(", "),
            "context_values" => format!("{TENANT}, {}", CONTEXT.join(", ")),
            "excluded" => numbers(&self.audited.excluded),
            "tenant_number" => optional(self.audited.tenant),
            "redacted" => self.redacted(),
            "key_of_a" => self.key("a"),
            "key_of_b" => self.key("b"),
            "whole_a" => self.whole("a"),
            "whole_b" => self.whole("b"),
            "tenant_of_a" => self.tenant("a"),
            "tenant_of_b" => self.tenant("b"),
            "digest" => self.digest("d.image"),
            "digest_of_keys" => self.digest("d.key_image"),
            "image_of_a" => image("a", self.columns.iter()),
            "image_of_b" => image("b", self.columns.iter()),
            "image_of_key_a" => image("a", self.keys()),
            "image_of_key_b" => image("b", self.keys()),
            "is_computed" => self.table.columns.iter().any(|c| c.generated).to_string(),
            "departure" => moves(schema::audit::DEPARTURE),
            "arrival" => moves(schema::audit::ARRIVAL),
            _ => return None,
        })
    }

    /// The values of places that only the function of the table uses.
    fn of_pair(&self, place: &str) -> Option<String> {
        let first = || {
            self.keys()
                .next()
                .map(|c| quote(&c.name))
                .unwrap_or_default()
        };
        Some(match place {
            "context_is_short" => IS_SHORT.to_owned(),
            "short_context" => SHORT_CONTEXT.to_owned(),
            "old_and_new_of_variables" => self.if_hidden(
                "nullif(v_before, '{}'), nullif(v_after, '{}')",
                "v_before, v_after",
            ),
            "hidden_of_variables" => {
                self.if_hidden("('[' || substr(v_hidden, 2) || ']')::jsonb", "NULL")
            }
            "same_of_variables" => {
                self.if_hidden("v_before = '{}' AND v_hidden IS NULL", "v_before = '{}'")
            }
            "same_key_of_variables" => self.same_key("v_old", "v_new"),
            "same_key" => self.same_key("b", "a"),
            "key_of_v_old" => self.key("v_old"),
            "key_of_v_new" => self.key("v_new"),
            "whole_a_by_columns" => self.whole_by_columns("a"),
            "whole_b_by_columns" => self.whole_by_columns("b"),
            "sample_of_v_old" => self.sample(self.whole("v_old")),
            "sample_of_b" => self.sample(self.whole_by_columns("b")),
            "whole_v_old" => self.whole("v_old"),
            "whole_v_new" => self.whole("v_new"),
            "tenant_of_v_old" => self.short_tenant(self.tenant("v_old")),
            "tenant_of_v_new" => self.short_tenant(self.tenant("v_new")),
            // Not IS NULL, which is also true for a composite value of NULLs.
            "b_is_missing" => format!("b.{} IS NOT DISTINCT FROM NULL", first()),
            "a_is_missing" => format!("a.{} IS NOT DISTINCT FROM NULL", first()),
            "both" => format!(
                "a.{0} IS DISTINCT FROM NULL AND b.{0} IS DISTINCT FROM NULL",
                first()
            ),
            "text_before" => self.changed_text("b"),
            "text_after" => self.changed_text("a"),
            "text_hidden" => self.hidden_text(),
            "differences" => self.differences(),
            _ => return None,
        })
    }

    fn keys(&self) -> impl Iterator<Item = &Column> {
        let keys = self.table.key.iter();
        keys.filter_map(|key| self.columns.iter().find(|c| c.name == key.name))
    }

    fn is_redacted(&self, column: &Column) -> bool {
        self.audited.redacted.contains(&column.name)
    }

    /// By its name, and by its number where a registered name no longer exists.
    fn is_excluded(&self, column: &Column) -> bool {
        let names = &self.audited.excluded_names;
        let exists = |name: &String| self.columns.iter().any(|c| c.name == *name);
        names.contains(&column.name)
            || (self.audited.excluded.contains(&column.number) && !names.iter().all(exists))
    }

    fn logged(&self) -> impl Iterator<Item = &Column> {
        self.columns
            .iter()
            .filter(|c| !self.is_excluded(c) && !self.is_redacted(c))
    }

    fn hidden(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|c| self.is_redacted(c))
    }

    fn if_hidden(&self, some: &str, none: &str) -> String {
        let text = match self.hidden().next() {
            None => none,
            Some(_) => some,
        };
        text.to_owned()
    }

    /// The IFs that collect the differences between the two variables, by groups: a group without a change, which is
    /// the common case, is one expression.
    fn differences(&self) -> String {
        let logged: Vec<_> = self.logged().collect();
        let mut text = String::new();
        for group in logged.chunks(GROUP) {
            let differ: Vec<_> = group.iter().map(|c| differs(c, "v_old", "v_new")).collect();
            text.push_str(&format!(
                "                IF {} THEN\n",
                differ.join(" OR ")
            ));
            for column in group {
                text.push_str(&format!(
                    "                    IF {} THEN v_before := v_before || {}; v_after := v_after || {}; END IF;\n",
                    differs(column, "v_old", "v_new"),
                    object(column, "v_old"),
                    object(column, "v_new"),
                ));
            }
            text.push_str("                END IF;\n");
        }
        for column in self.hidden() {
            text.push_str(&format!(
                "                IF {} THEN v_hidden := concat(v_hidden, {}); END IF;\n",
                differs(column, "v_old", "v_new"),
                literal(&format!(",{}", json(&column.name))),
            ));
        }
        text
    }

    fn changed_text(&self, row: &str) -> String {
        concat(self.logged().map(|c| {
            format!(
                "CASE WHEN {} THEN {} END",
                differs(c, "b", "a"),
                member(c, row)
            )
        }))
    }

    fn hidden_text(&self) -> String {
        concat(self.hidden().map(|c| {
            format!(
                "CASE WHEN {} THEN {} END",
                differs(c, "b", "a"),
                literal(&format!(",{}", json(&c.name)))
            )
        }))
    }

    /// The names of the redacted columns, for a row that was inserted or deleted.
    fn redacted(&self) -> String {
        let names: Vec<_> = self.hidden().map(|c| json(&c.name)).collect();
        if names.is_empty() {
            "NULL::jsonb".to_owned()
        } else {
            format!("{}::jsonb", literal(&format!("[{}]", names.join(","))))
        }
    }

    /// The row as a JSON object, without excluded and redacted columns.
    fn whole(&self, row: &str) -> String {
        let is_simple =
            |c: &Column| c.is_builtin && !c.is_json && !self.is_excluded(c) && !self.is_redacted(c);
        if !self.columns.iter().all(is_simple) {
            return self.whole_by_columns(row);
        }
        match row {
            // Not `to_jsonb(a)`, which would be the column `a` where the table has one.
            "a" | "b" => format!("to_jsonb({row}.*)"),
            variable => format!("to_jsonb({variable})"),
        }
    }

    /// The row before an update, in one entry of 32: the microseconds of the time choose it, so that no state is read or changed.
    /// Without redacted columns only: their values at that time would be missing.
    fn sample(&self, whole: String) -> String {
        match self.hidden().next() {
            Some(_) => "NULL::jsonb".to_owned(),
            None => {
                format!(
                    "CASE WHEN timestamp_hash(clock_timestamp()::timestamp) & 31 = 0 THEN {whole} END"
                )
            }
        }
    }

    /// The same without a whole-row reference.
    fn whole_by_columns(&self, row: &str) -> String {
        let columns: Vec<_> = self
            .logged()
            .map(|c| format!("{} AS {}", value(c, row), quote(&c.name)))
            .collect();
        format!(
            "(SELECT to_jsonb(w.*) FROM (SELECT {}) AS w)",
            columns.join(", ")
        )
    }

    fn key(&self, row: &str) -> String {
        let members: Vec<_> = self
            .keys()
            .map(|c| format!("{}, {}", literal(&c.name), value(c, row)))
            .collect();
        format!("jsonb_build_object({})", members.join(", "))
    }

    /// Whether two rows have the same key and the same tenant. An update that changes either is logged as a DELETE and an
    /// INSERT.
    fn same_key(&self, one: &str, other: &str) -> String {
        let keys = self.table.key.iter();
        let pairs = keys.map(|key| {
            let name = quote(&key.name);
            match self.columns.iter().find(|c| c.name == key.name) {
                Some(column) if !column.has_operators => {
                    format!("{} = {}", text(column, one), text(column, other))
                }
                _ => format!("{one}.{name} {} {other}.{name}", key.equals),
            }
        });
        let tenant = self
            .tenant_column()
            .map(|column| format!("{} = {}", text(column, one), text(column, other)));
        pairs.chain(tenant).collect::<Vec<_>>().join(" AND ")
    }

    /// A digest of the images of several rows that does not depend on their order. Values of an enumeration are part of an
    /// image by their labels, so the digest includes the labels.
    fn digest(&self, images: &str) -> String {
        let labels = if self.columns.iter().all(|c| c.is_builtin) {
            ""
        } else {
            " || (SELECT convert_to(coalesce(string_agg(concat_ws(' ', e.oid, e.enumlabel), ',' ORDER BY e.oid), ''), \
             getdatabaseencoding()) FROM pg_enum AS e)"
        };
        format!("sha256(coalesce(string_agg({images}, '' ORDER BY {images}), ''){labels})")
    }

    fn tenant_column(&self) -> Option<&Column> {
        let number = self.audited.tenant?;
        self.columns.iter().find(|c| c.number == number)
    }

    /// The tenant of the row.
    fn tenant(&self, row: &str) -> String {
        match self.tenant_column() {
            Some(column) => text(column, row),
            None => format!("(SELECT {TENANT})"),
        }
    }

    /// The tenant of a row where the context is known to be short.
    fn short_tenant(&self, of_row: String) -> String {
        match self.tenant_column() {
            Some(_) => of_row,
            None => "archive.current_tenant()".to_owned(),
        }
    }
}

/// `concat(..)` of any number of texts.
fn concat(texts: impl Iterator<Item = String>) -> String {
    let texts: Vec<_> = texts.collect();
    let parts: Vec<_> = texts
        .chunks(MOST_ARGUMENTS)
        .map(|chunk| format!("concat({})", chunk.join(", ")))
        .collect();
    match parts.len() {
        0 => "''".to_owned(),
        1 => parts.concat(),
        _ => format!("concat({})", parts.join(", ")),
    }
}

fn numbers(numbers: &[i16]) -> String {
    let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    format!("'{{{}}}'::smallint[]", numbers.join(","))
}

fn optional(number: Option<i16>) -> String {
    number.map_or("NULL::smallint".to_owned(), |number| {
        format!("{number}::smallint")
    })
}
