//! Equality with PostgreSQL's own operator.
//!
//! SeaORM writes `=`, which PostgreSQL resolves on the `search_path`. PostgreSQL has no operator of exactly the types
//! `varchar`, an enum or a domain, so it would call an operator of another schema that has exactly these types.

use sea_orm::sea_query::{BinOper, ColumnType, Expr, ExprTrait};
use sea_orm::{ColumnTrait, ColumnTypeTrait, Value};

const EQUALS: BinOper = BinOper::Custom("OPERATOR(pg_catalog.=)");

/// The condition that the column of the entity's table has this value.
pub(crate) fn is_value<C: ColumnTrait>(column: C, value: &Value) -> Expr {
    equals_value(Expr::col(column.as_column_ref()), column, value)
}

/// The condition that `left`, which has the type of the column, has this value.
///
/// A value that the column casts to a type of its own, such as `citext`, is compared by the operator of that type.
pub(crate) fn equals_value<C: ColumnTrait>(left: Expr, column: C, value: &Value) -> Expr {
    let value = column.save_as(Expr::val(value.clone()));
    let is_enum = column.def().get_column_type().get_enum_name().is_some();
    let operator = match value {
        Expr::Value(_) => EQUALS,
        _ if is_enum => EQUALS,
        _ => BinOper::Equal,
    };
    left.binary(operator, value)
}

/// The condition that `left` equals `right`; both have the type of the column.
pub(crate) fn equals_column<C: ColumnTrait>(left: Expr, column: C, right: Expr) -> Expr {
    let operator = match column.def().get_column_type() {
        ColumnType::String(_) | ColumnType::Char(_) | ColumnType::Enum { .. } => EQUALS,
        _ => BinOper::Equal,
    };
    left.binary(operator, right)
}
