//! Equality by PostgreSQL's own operator.
//!
//! SeaORM writes `=`, which PostgreSQL looks up on the `search_path`. For a `varchar`, an enum or a domain it has no
//! operator of exactly these types, and one of any other schema that has is called instead of it.

use sea_orm::sea_query::{BinOper, ColumnType, Expr, ExprTrait};
use sea_orm::{ColumnTrait, ColumnTypeTrait, Value};

const EQUALS: BinOper = BinOper::Custom("OPERATOR(pg_catalog.=)");

/// The column of the entity's table has this value.
pub(crate) fn is_value<C: ColumnTrait>(column: C, value: &Value) -> Expr {
    equals_value(Expr::col(column.as_column_ref()), column, value)
}

/// `left`, which has the type of the column, has this value.
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

/// `left`, which has the type of the column, equals `right`, which is a column of that type, too.
pub(crate) fn equals_column<C: ColumnTrait>(left: Expr, column: C, right: Expr) -> Expr {
    let operator = match column.def().get_column_type() {
        ColumnType::String(_) | ColumnType::Char(_) | ColumnType::Enum { .. } => EQUALS,
        _ => BinOper::Equal,
    };
    left.binary(operator, right)
}
