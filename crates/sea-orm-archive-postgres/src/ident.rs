//! Names, literals and other small parts of statements.

use std::borrow::Cow;

use crate::catalog::{ForeignKey, Form, KeyColumn};

/// A name as SQL, whatever its spelling.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as an SQL literal. The E form means the same under any `standard_conforming_strings`.
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        format!("E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

/// A type as a statement names it, from its name in the catalog.
///
/// A type in the temporary schema of the session precedes that of `pg_catalog`: an earlier user of the session can have left
/// a domain `text` there, whose CHECK runs as the present user. Some names are keywords of PostgreSQL's grammar, which always
/// mean built-in types, and some of these are not allowed with a schema.
pub fn type_name(sql_type: &str) -> Cow<'_, str> {
    const KEYWORDS: [&str; 13] = [
        "bigint",
        "bit",
        "boolean",
        "character",
        "decimal",
        "double",
        "integer",
        "interval",
        "numeric",
        "real",
        "smallint",
        "time",
        "timestamp",
    ];
    let first = sql_type.split([' ', '(', '[']).next().unwrap_or_default();
    if sql_type.contains('.') || KEYWORDS.contains(&first) {
        Cow::Borrowed(sql_type)
    } else {
        Cow::Owned(format!("pg_catalog.{sql_type}"))
    }
}

/// Whether this name in the catalog is that of a built-in type: no role defines a cast of it.
pub fn is_own_type(sql_type: &str) -> bool {
    !sql_type.contains('.')
}

/// `a."x", a."y"`.
pub fn columns<'a>(alias: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let columns: Vec<_> = names
        .into_iter()
        .map(|name| format!("{alias}.{}", quote(name)))
        .collect();
    columns.join(", ")
}

/// `"x", "y"`.
pub fn bare<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let columns: Vec<_> = names.into_iter().map(quote).collect();
    columns.join(", ")
}

/// `a."id" = b."id"`, with the operator of the index of the key.
pub fn same_key(key: &[KeyColumn], left: &str, right: &str) -> String {
    let pairs: Vec<_> = key
        .iter()
        .map(|column| {
            let name = quote(&column.name);
            format!("{left}.{name} {} {right}.{name}", column.equals)
        })
        .collect();
    pairs.join(" AND ")
}

/// `p."id" = t."post_id"`, with the operator of the foreign key.
pub fn joined(key: &ForeignKey, parent: &str, child: &str) -> String {
    let pairs: Vec<_> = key
        .columns
        .iter()
        .map(|c| {
            format!(
                "{parent}.{} {} {child}.{}",
                quote(&c.parent),
                c.equals,
                quote(&c.child)
            )
        })
        .collect();
    pairs.join(" AND ")
}

/// A jsonb object of any number of names and SQL values: a function call takes at most a hundred arguments.
pub fn object(pairs: &[(String, String)]) -> String {
    let objects: Vec<_> = pairs
        .chunks(40)
        .map(|chunk| {
            let arguments: Vec<_> = chunk
                .iter()
                .map(|(name, value)| format!("{}, {value}", literal(name)))
                .collect();
            format!("pg_catalog.jsonb_build_object({})", arguments.join(", "))
        })
        .collect();
    if objects.is_empty() {
        "'{}'::pg_catalog.jsonb".to_owned()
    } else {
        objects.join(" || ")
    }
}

/// A row's key as a jsonb object, each value exact.
pub fn key_object(key: &[KeyColumn], alias: &str) -> String {
    let pairs: Vec<_> = key
        .iter()
        .map(|c| {
            let value = format!("{alias}.{}", quote(&c.name));
            (c.name.clone(), exact(c.form, &value))
        })
        .collect();
    object(&pairs)
}

/// A value as an argument of `jsonb_build_object`, exact and independent of the settings of the session. It is read back with
/// `->>` and a cast to its type.
///
/// The output function of the type writes it, not a cast that a role may have defined.
pub fn exact(form: Form, value: &str) -> String {
    match form {
        Form::Json => value.to_owned(),
        form => exact_text(form, value),
    }
}

/// The same as text.
fn exact_text(form: Form, value: &str) -> String {
    match form {
        Form::Json | Form::Text => format!("pg_catalog.format('%s', {value})"),
        Form::Settings | Form::Inexact => format!("archive.exact_text({value})"),
    }
}

/// The key of a row in the form of the detached links: a jsonb array of texts in the order of the key.
///
/// It is positional, so that a rename of a column does not matter. `archive.follow_key()` writes the same form.
pub fn key_array(key: &[KeyColumn], alias: &str) -> String {
    let values: Vec<_> = key
        .iter()
        .map(|c| exact_text(c.form, &format!("{alias}.{}", quote(&c.name))))
        .collect();
    format!("pg_catalog.jsonb_build_array({})", values.join(", "))
}

/// The condition that `row` has the key that a detached link recorded in `array`.
pub fn has_recorded_key(key: &[KeyColumn], row: &str, array: &str) -> String {
    let pairs: Vec<_> = key
        .iter()
        .enumerate()
        .map(|(n, c)| {
            format!(
                "{row}.{} {} ({array} OPERATOR(pg_catalog.->>) {n})::{}",
                quote(&c.name),
                c.equals,
                type_name(&c.sql_type)
            )
        })
        .collect();
    pairs.join(" AND ")
}

/// A recorded key with the present names of the columns, for reports: an integer as a number, as in other reports.
pub fn recorded_key(key: &[KeyColumn], array: &str) -> String {
    let pairs: Vec<_> = key
        .iter()
        .enumerate()
        .map(|(n, c)| {
            let text = format!("({array} OPERATOR(pg_catalog.->>) {n})");
            let value = format!("archive.exact_json({text}::{})", type_name(&c.sql_type));
            (c.name.clone(), value)
        })
        .collect();
    object(&pairs)
}

/// The condition that a recorded key has as many columns as `key`.
pub fn is_recorded_key(key: &[KeyColumn], array: &str) -> String {
    format!(
        "CASE WHEN pg_catalog.jsonb_typeof({array}) OPERATOR(pg_catalog.=) 'array' \
         THEN pg_catalog.jsonb_array_length({array}) OPERATOR(pg_catalog.=) {} ELSE false END",
        key.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_literals_with_special_characters_are_quoted() {
        assert_eq!(quote(r#"we"ird"#), r#""we""ird""#);
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal(r"a\'b"), r"E'a\\''b'");
    }

    #[test]
    fn built_in_types_are_qualified_with_pg_catalog() {
        for own in [
            "text",
            "uuid",
            "timestamptz",
            "int4range",
            "\"char\"",
            "text[]",
        ] {
            assert_eq!(type_name(own), format!("pg_catalog.{own}"));
        }
        for other in [
            "bigint[]",
            "character varying(20)",
            "numeric(10,2)",
            "bit(3)",
            "timestamp(3) with time zone",
            "public.mood",
        ] {
            assert_eq!(type_name(other), other);
        }
    }
}
