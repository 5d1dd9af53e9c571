//! How the audit log reads a column, as SQL.

use sea_orm_archive_postgres::schema;
use sea_orm_migration::{
    DbErr,
    sea_orm::{JsonValue, QueryResult},
};

use crate::{
    name::{literal, quote},
    work::Work,
};

/// A column, and how the log reads it.
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) number: i16,
    /// IS DISTINCT FROM detects every change of its bytes.
    pub(crate) exact: bool,
    /// Its type is built in, or an array or a domain of such a type. The owner of any other type may define casts that
    /// `to_json` and `::text` would run as the owner of the log: see `archive.audit_leaf()`.
    pub(crate) is_builtin: bool,
    /// `=` means an operator of the type itself: see `archive.audit_has_operators()`.
    pub(crate) has_operators: bool,
    /// Its text may be something that jsonb refuses.
    pub(crate) is_json: bool,
    /// Its text is the name of an object of the catalog, which can be renamed.
    pub(crate) is_reference: bool,
    /// The settings that its text depends on, a letter for each.
    pub(crate) settings: String,
}

/// The columns of a table, with how the log reads each.
pub(crate) async fn columns(work: &Work, oid: i64) -> Result<Vec<Column>, DbErr> {
    let rows = work.rows(schema::audit::COLUMNS, [oid.into()]).await?;
    let read = |row: &QueryResult| {
        Ok(Column {
            name: row.try_get("", "name")?,
            number: row.try_get("", "number")?,
            exact: row.try_get("", "exact")?,
            is_builtin: row.try_get("", "is_builtin")?,
            has_operators: row.try_get("", "has_operators")?,
            is_json: row.try_get("", "is_json")?,
            is_reference: row.try_get("", "is_reference")?,
            settings: row.try_get("", "settings")?,
        })
    };
    rows.iter().map(read).collect()
}

/// Whether the column's bytes are different in two rows.
pub(crate) fn differs(column: &Column, before: &str, after: &str) -> String {
    let name = quote(&column.name);
    if column.exact {
        format!("{before}.{name} IS DISTINCT FROM {after}.{name}")
    } else {
        format!("record_image_ne(ROW({before}.{name}), ROW({after}.{name}))")
    }
}

/// The value as text.
pub(crate) fn text(column: &Column, row: &str) -> String {
    let value = format!("{row}.{}", quote(&column.name));
    if column.is_builtin {
        format!("{value}::text")
    } else {
        // `format` runs the output function of the type, and no cast. Unlike IS NOT NULL, the comparison is true for a
        // composite value of NULLs. The parentheses are needed: PL/pgSQL ends the condition of an IF at its first THEN.
        format!("(CASE WHEN {value} IS DISTINCT FROM NULL THEN format('%s', {value}) END)")
    }
}

/// The value in a form that `to_jsonb` converts with built-in functions only.
pub(crate) fn value(column: &Column, row: &str) -> String {
    match (column.is_builtin, column.is_json) {
        (false, _) => text(column, row),
        (true, true) => json_value(column, row),
        (true, false) => format!("{row}.{}", quote(&column.name)),
    }
}

/// `{"name": value}`, as SQL.
pub(crate) fn object(column: &Column, row: &str) -> String {
    format!(
        "jsonb_build_object({}, {})",
        literal(&column.name),
        value(column, row)
    )
}

/// `,"name":value`, as SQL.
pub(crate) fn member(column: &Column, row: &str) -> String {
    let start = literal(&format!(",{}:", json(&column.name)));
    format!(
        "{start} || coalesce({}::text, 'null')",
        json_value(column, row)
    )
}

/// The value as json. A json value that jsonb could not store becomes a JSON string.
fn json_value(column: &Column, row: &str) -> String {
    let value = format!("{row}.{}", quote(&column.name));
    if !column.is_builtin {
        format!("to_json({})", text(column, row))
    } else if column.is_json {
        format!(
            r"CASE WHEN format('%s', {value}) ~ '\\u|[eE][-+]?[0-9]{{4}}' THEN archive.audit_value({value})::json ELSE to_json({value}) END"
        )
    } else {
        format!("to_json({value})")
    }
}

/// SHA-256 of the text of a row, quoted as a record, so that different rows have different hashes.
pub(crate) fn image<'a>(row: &str, columns: impl Iterator<Item = &'a Column>) -> String {
    let columns: Vec<_> = columns
        .map(|c| {
            let by_number = if c.is_reference { "::oid" } else { "" };
            format!("{row}.{}{by_number}", quote(&c.name))
        })
        .collect();
    format!(
        "sha256(convert_to(ROW({})::text, getdatabaseencoding()))",
        columns.join(", ")
    )
}

/// A name as a JSON string.
pub(crate) fn json(name: &str) -> String {
    JsonValue::from(name).to_string()
}
