//! Keys of rows, conditions on them, and the location of a row.

mod equality;
mod key;
mod locate;

pub(crate) use equality::{equals_column, equals_value, is_value};
pub(crate) use key::{Key, columns_json, key_columns, key_json, key_of, key_values, table_name};
pub(crate) use locate::{is_root, is_root_row, locate, moving_row, select_row};
