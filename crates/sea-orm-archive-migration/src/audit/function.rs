//! The trigger function of an audited table, written for its columns.

use sea_orm_archive::catalog::{Table, Twin};
use sea_orm_migration::{
    DbErr,
    sea_orm::{JsonValue, QueryResult},
};

use crate::{
    audit::register::Audited,
    name::{literal, quote},
    template::fill,
    work::Work,
};

/// The function of a table and its partitions.
pub(crate) fn name(id: i32) -> String {
    format!("archive.audit_{id}")
}

/// The function of its twin.
pub(crate) fn twin_name(id: i32) -> String {
    format!("archive.audit_{id}_twin")
}

/// How the log reads one column.
pub(crate) struct Column {
    name: String,
    number: i16,
    /// IS DISTINCT FROM tells every change of its bytes.
    exact: bool,
    /// Its text may be something that jsonb refuses.
    is_json: bool,
    /// Which settings its text depends on, a letter for each.
    settings: String,
}

/// Reads how the log reads the columns of a table.
pub(crate) async fn columns(work: &Work, oid: i64) -> Result<Vec<Column>, DbErr> {
    let rows = work
        .rows(include_str!("../sql/audit/columns.sql"), [oid.into()])
        .await?;
    let read = |row: &QueryResult| {
        Ok(Column {
            name: row.try_get("", "name")?,
            number: row.try_get("", "number")?,
            exact: row.try_get("", "exact")?,
            is_json: row.try_get("", "is_json")?,
            settings: row.try_get("", "settings")?,
        })
    };
    rows.iter().map(read).collect()
}

/// What stands in an entry, in this order.
const TARGET: &str = "at, transaction_id, operation, table_name, key, old, new, redacted, tenant, actor, request_id, \
                      database_user, details_id";
/// As a number, without the detour over text that `pg_current_xact_id()` would need.
const TRANSACTION: &str = "txid_current()";
const CONTEXT: [&str; 4] = [
    "archive.audit_text(archive.current_actor())",
    "archive.audit_text(archive.current_request_id())",
    "session_user::text",
    "CASE WHEN archive.current_details() IS NOT NULL THEN archive.audit_details() END",
];
const SHORT_CONTEXT: &str = "archive.current_actor(), archive.current_request_id(), session_user::text, \
                             CASE WHEN archive.current_details() IS NOT NULL THEN archive.audit_details() END";
/// So short that `archive.audit_text` leaves each as it is.
const IS_SHORT: &str = "octet_length(concat(archive.current_actor(), archive.current_request_id(), archive.current_tenant())) <= 400";
const TENANT: &str = "archive.audit_text(archive.current_tenant())";

/// As many arguments as a function takes, and some to spare.
const MOST_ARGUMENTS: usize = 90;

/// Columns that are compared in one expression. PL/pgSQL makes each expression ready anew in every transaction,
/// so few and short ones are wanted: as many groups as columns in a group, of a table of 15 columns.
const GROUP: usize = 4;

/// The settings that a value's text may depend on, by their letters.
const SETTINGS: [(char, &str); 5] = [
    ('f', "SET extra_float_digits = '1'"),
    ('b', "SET bytea_output = 'hex'"),
    ('i', "SET intervalstyle = 'postgres'"),
    ('t', "SET timezone = 'UTC'"),
    ('d', "SET datestyle = 'ISO, YMD'"),
];

/// A table as its trigger functions see it.
pub(crate) struct Written<'a> {
    pub(crate) table: &'a Table,
    pub(crate) audited: &'a Audited,
    pub(crate) columns: &'a [Column],
}

impl Written<'_> {
    /// The function of the table.
    pub(crate) fn of_table(&self) -> String {
        let body = fill(include_str!("../sql/audit/table.sql"), &|place| {
            self.of_pair(place).unwrap_or_else(|| self.of_rows(place))
        });
        self.create(&name(self.audited.id), &body)
    }

    /// The function of the twin, whose own columns are `columns`.
    pub(crate) fn of_twin(&self, twin: &Twin, columns: &[Column]) -> String {
        let number = |name: &str| columns.iter().find(|c| c.name == name).map(|c| c.number);
        let same = |numbers: &[i16]| -> Vec<i16> {
            let here = self.columns.iter().filter(|c| numbers.contains(&c.number));
            here.filter_map(|c| number(&c.name)).collect()
        };
        let added = [&twin.deleted_at, &twin.deleted_by, &twin.archival_id];
        let added = added.iter().filter_map(|name| number(name));
        let body = fill(
            include_str!("../sql/audit/twin.sql"),
            &|place| match place {
                "archival_id" => quote(&twin.archival_id),
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
                "hidden" => numbers(&same(&self.audited.redacted)),
                place => self.of_rows(place),
            },
        );
        self.create(&twin_name(self.audited.id), &body)
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

    /// What any of the bodies speaks of: the rows `b` (before) and `a` (after).
    fn of_rows(&self, place: &str) -> String {
        let moves = |text: &str| match self.table.twin {
            Some(_) => fill(text, &|place| self.of_rows(place)),
            None => String::new(),
        };
        match place {
            "id" => self.audited.id.to_string(),
            "name" => literal(&self.audited.name),
            "target" => TARGET.to_owned(),
            "transaction" => TRANSACTION.to_owned(),
            "tenant" => TENANT.to_owned(),
            "context" => CONTEXT.join(", "),
            "context_once" => CONTEXT.map(|c| format!("(SELECT {c})")).join(", "),
            "context_values" => format!("{TENANT}, {}", CONTEXT.join(", ")),
            "excluded" => numbers(&self.audited.excluded),
            "hidden" => numbers(&self.audited.redacted),
            "tenant_number" => optional(self.audited.tenant),
            "redacted" => self.redacted(),
            "key_of_a" => self.key("a"),
            "key_of_b" => self.key("b"),
            "whole_a" => self.whole("a"),
            "whole_b" => self.whole("b"),
            "tenant_of_a" => self.tenant("a"),
            "tenant_of_b" => self.tenant("b"),
            "digest_of_keys_a" => digest("a", self.keys()),
            "digest_of_keys_b" => digest("b", self.keys()),
            "digest_a" => digest("a", self.columns.iter()),
            "digest_b" => digest("b", self.columns.iter()),
            "departure" => moves(include_str!("../sql/audit/departure.sql")),
            "arrival" => moves(include_str!("../sql/audit/arrival.sql")),
            other => format!("{{{other}}}"),
        }
    }

    /// What only the UPDATE of the table speaks of.
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
            "told_of_variables" => self.if_hidden(
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
            "whole_v_old" => self.whole("v_old"),
            "whole_v_new" => self.whole("v_new"),
            "tenant_of_v_old" => self.short_tenant(self.tenant("v_old")),
            "tenant_of_v_new" => self.short_tenant(self.tenant("v_new")),
            "b_is_missing" => format!("b.{} IS NULL", first()),
            "a_is_missing" => format!("a.{} IS NULL", first()),
            "both" => format!("a.{0} IS NOT NULL AND b.{0} IS NOT NULL", first()),
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
        self.audited.redacted.contains(&column.number)
            || self.audited.redacted_names.contains(&column.name)
    }

    /// By its name, and by its number where the name is gone.
    fn is_excluded(&self, column: &Column) -> bool {
        let names = &self.audited.excluded_names;
        let is_there = |name: &String| self.columns.iter().any(|c| c.name == *name);
        names.contains(&column.name)
            || (self.audited.excluded.contains(&column.number) && !names.iter().all(is_there))
    }

    fn told(&self) -> impl Iterator<Item = &Column> {
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

    /// The IFs that collect what is different between the two variables, by groups: where nothing of a
    /// group has changed, which is mostly so, it is one expression.
    fn differences(&self) -> String {
        let told: Vec<_> = self.told().collect();
        let mut text = String::new();
        for group in told.chunks(GROUP) {
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
        concat(self.told().map(|c| {
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

    /// The names of the redacted columns, of a row that came or went as a whole.
    fn redacted(&self) -> String {
        let names: Vec<_> = self.hidden().map(|c| json(&c.name)).collect();
        if names.is_empty() {
            "NULL::jsonb".to_owned()
        } else {
            format!("{}::jsonb", literal(&format!("[{}]", names.join(","))))
        }
    }

    /// The whole row as a JSON object, but for what is not told.
    fn whole(&self, row: &str) -> String {
        let is_simple = |c: &Column| !c.is_json && !self.is_excluded(c) && !self.is_redacted(c);
        if !self.columns.iter().all(is_simple) {
            return self.whole_by_columns(row);
        }
        match row {
            // Not `to_jsonb(a)`, which is the column `a` where there is one.
            "a" | "b" => format!("to_jsonb({row}.*)"),
            variable => format!("to_jsonb({variable})"),
        }
    }

    /// The same without naming the row as a whole.
    fn whole_by_columns(&self, row: &str) -> String {
        let columns: Vec<_> = self
            .told()
            .map(|c| match c.is_json {
                true => format!("{} AS {}", json_value(c, row), quote(&c.name)),
                false => format!("{row}.{}", quote(&c.name)),
            })
            .collect();
        format!(
            "(SELECT to_jsonb(w.*) FROM (SELECT {}) AS w)",
            columns.join(", ")
        )
    }

    fn key(&self, row: &str) -> String {
        let members: Vec<_> = self
            .keys()
            .map(|c| format!("{}, {row}.{}", literal(&c.name), quote(&c.name)))
            .collect();
        format!("jsonb_build_object({})", members.join(", "))
    }

    /// Whether two rows are one: they have the same key, and are of the same tenant. What goes to another tenant is
    /// told as gone to the one, and as come to the other.
    fn same_key(&self, one: &str, other: &str) -> String {
        let keys = self.table.key.iter();
        let pairs = keys.map(|key| {
            let name = quote(&key.name);
            format!("{one}.{name} {} {other}.{name}", key.equals)
        });
        let tenant = self.tenant_column().map(|column| {
            let name = quote(&column.name);
            format!("{one}.{name}::text = {other}.{name}::text")
        });
        pairs.chain(tenant).collect::<Vec<_>>().join(" AND ")
    }

    fn tenant_column(&self) -> Option<&Column> {
        let number = self.audited.tenant?;
        self.columns.iter().find(|c| c.number == number)
    }

    /// Whose row it is.
    fn tenant(&self, row: &str) -> String {
        match self.tenant_column() {
            Some(column) => format!("{row}.{}::text", quote(&column.name)),
            None => format!("(SELECT {TENANT})"),
        }
    }

    /// The same where the context is known to be short.
    fn short_tenant(&self, of_row: String) -> String {
        match self.tenant_column() {
            Some(_) => of_row,
            None => "archive.current_tenant()".to_owned(),
        }
    }
}

/// Whether the column's bytes are different in two rows.
fn differs(column: &Column, before: &str, after: &str) -> String {
    let name = quote(&column.name);
    if column.exact {
        format!("{before}.{name} IS DISTINCT FROM {after}.{name}")
    } else {
        format!("record_image_ne(ROW({before}.{name}), ROW({after}.{name}))")
    }
}

/// `{"name": value}`, as SQL.
fn object(column: &Column, row: &str) -> String {
    let value = match column.is_json {
        true => json_value(column, row),
        false => format!("{row}.{}", quote(&column.name)),
    };
    format!("jsonb_build_object({}, {value})", literal(&column.name))
}

/// `,"name":value`, as SQL.
fn member(column: &Column, row: &str) -> String {
    let start = literal(&format!(",{}:", json(&column.name)));
    format!(
        "{start} || coalesce({}::text, 'null')",
        json_value(column, row)
    )
}

/// The value as json: what jsonb could not keep, as the text that it is.
fn json_value(column: &Column, row: &str) -> String {
    let value = format!("{row}.{}", quote(&column.name));
    if column.is_json {
        format!(
            r"CASE WHEN {value}::text ~ '\\u|[eE][-+]?[0-9]{{4}}' THEN archive.audit_value({value})::json ELSE to_json({value}) END"
        )
    } else {
        format!("to_json({value})")
    }
}

/// A number that rows of the same content have in common, in whatever order they come.
fn digest<'a>(row: &str, columns: impl Iterator<Item = &'a Column>) -> String {
    let columns: Vec<_> = columns
        .map(|c| format!("{row}.{}", quote(&c.name)))
        .collect();
    format!(
        "coalesce(sum(hashtextextended(ROW({})::text, 0)), 0)",
        columns.join(", ")
    )
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

/// A name as a JSON string.
fn json(name: &str) -> String {
    JsonValue::from(name).to_string()
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
