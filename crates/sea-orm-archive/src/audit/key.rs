//! Keys of rows in the form of the log.

use sea_orm::sea_query::Expr;
use sea_orm::{EntityTrait, Value};
use sea_orm_archive_postgres::ident::{literal, quote};

use crate::entity::DeclaredName;
use crate::row::key_columns;

/// The key as entries contain it, as an array: with the present names of its columns, and with those from before renames. It is
/// cast to the types of the columns, so that `char(3)`, times and numbers are written in the same way, whatever type they are
/// bound as.
pub(super) fn logged_keys<E: EntityTrait>(key: &[Value]) -> Expr {
    let table = literal(&DeclaredName::of::<E>().quoted());
    with_texts::<E>(key, |texts| {
        format!("archive.audit_keys(pg_catalog.to_regclass({table}), {texts})")
    })
}

/// The same for a table none of whose columns was renamed, with a key of such types that `to_jsonb` writes its values as entries
/// contain them. `definitions` are the columns of the key with their types.
pub(super) fn present_key<E: EntityTrait>(key: &[Value], definitions: &str) -> Expr {
    let names = key_columns::<E>();
    let written: Vec<_> = names
        .iter()
        .map(|name| format!("{}, pg_catalog.to_jsonb(k.{})", literal(name), quote(name)))
        .collect();
    with_texts::<E>(key, |texts| {
        format!(
            "ARRAY(SELECT pg_catalog.jsonb_build_object({}) FROM pg_catalog.jsonb_to_record({texts}) AS k ({definitions}))",
            written.join(", "),
        )
    })
}

/// An expression with the key as an object of texts.
fn with_texts<E: EntityTrait>(key: &[Value], expression: impl FnOnce(&str) -> String) -> Expr {
    let names = key_columns::<E>();
    let texts: Vec<_> = (1..=names.len())
        .zip(&names)
        .map(|(n, name)| format!("{}, archive.exact_text(${n})", literal(name)))
        .collect();
    let texts = format!("pg_catalog.jsonb_build_object({})", texts.join(", "));
    Expr::cust_with_values(expression(&texts), key.iter().cloned())
}
