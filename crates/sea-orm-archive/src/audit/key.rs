//! Keys of rows in the form of the log.

use sea_orm::sea_query::Expr;
use sea_orm::{EntityTrait, IdenStatic, Iterable, PrimaryKeyToColumn, Value};
use sea_orm_archive_postgres::ident::literal;

use crate::entity::DeclaredName;

/// The key as entries contain it, as an array: with the present names of its columns, and with those from before renames. It is
/// cast to the types of the columns, so that `char(3)`, times and numbers are written in the same way, whatever type they are
/// bound as.
pub(super) fn logged_keys<E: EntityTrait>(key: &[Value]) -> Expr {
    let names: Vec<_> = E::PrimaryKey::iter()
        .map(|key| key.into_column().as_str().to_owned())
        .collect();
    let values: Vec<_> = (1..=names.len())
        .zip(&names)
        .map(|(n, name)| format!("{}, archive.exact_text(${n})", literal(name)))
        .collect();
    Expr::cust_with_values(
        format!(
            "archive.audit_keys(pg_catalog.to_regclass({}), pg_catalog.jsonb_build_object({}))",
            literal(&DeclaredName::of::<E>().quoted()),
            values.join(", "),
        ),
        key.iter().cloned(),
    )
}
