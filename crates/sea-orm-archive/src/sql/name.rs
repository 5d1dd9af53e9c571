//! Names, literals and the small pieces that statements are made of.

use crate::catalog::{ForeignKey, Form, KeyColumn};

/// A name as SQL, whatever its spelling.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as an SQL literal. The E form means the same under any `standard_conforming_strings`.
pub(crate) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        format!("E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

/// `a."x", a."y"`.
pub(crate) fn columns<'a>(alias: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let columns: Vec<_> = names
        .into_iter()
        .map(|name| format!("{alias}.{}", quote(name)))
        .collect();
    columns.join(", ")
}

/// `"x", "y"`.
pub(super) fn bare<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let columns: Vec<_> = names.into_iter().map(quote).collect();
    columns.join(", ")
}

/// `a."id" = b."id"`, with the operator of the key's own index.
pub(crate) fn same_key(key: &[KeyColumn], left: &str, right: &str) -> String {
    let pairs: Vec<_> = key
        .iter()
        .map(|column| {
            let name = quote(&column.name);
            format!("{left}.{name} {} {right}.{name}", column.equals)
        })
        .collect();
    pairs.join(" AND ")
}

/// `p."id" = t."post_id"`, with the operator that the foreign key is checked with.
pub(super) fn joined(key: &ForeignKey, parent: &str, child: &str) -> String {
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

/// A jsonb object of names and SQL values, however many: a function call takes a hundred arguments.
pub(crate) fn object(pairs: &[(String, String)]) -> String {
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
        "'{}'::jsonb".to_owned()
    } else {
        objects.join(" || ")
    }
}

/// A row's key as a jsonb object, each value exact.
pub(crate) fn key_object(key: &[KeyColumn], alias: &str) -> String {
    let pairs: Vec<_> = key
        .iter()
        .map(|c| {
            let value = format!("{alias}.{}", quote(&c.name));
            (c.name.clone(), exact(c.form, &value))
        })
        .collect();
    object(&pairs)
}

/// A value as an argument of `jsonb_build_object`, exact whatever the settings of the session; read back with
/// `->>` and a cast to its type.
///
/// The output function of the type writes it, and no cast that somebody defined.
pub(crate) fn exact(form: Form, value: &str) -> String {
    match form {
        Form::Json => value.to_owned(),
        Form::Text => format!("pg_catalog.format('%s', {value})"),
        Form::Settings | Form::Inexact => format!("archive.exact_text({value})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_literals_of_any_spelling() {
        assert_eq!(quote(r#"we"ird"#), r#""we""ird""#);
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal(r"a\'b"), r"E'a\\''b'");
    }
}
