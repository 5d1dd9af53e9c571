//! Keys of rows.

use sea_orm::sea_query::IntoValueTuple;
use sea_orm::{
    EntityTrait, IdenStatic, Iterable, ModelTrait, PrimaryKeyToColumn, PrimaryKeyTrait, Value,
};
use serde_json::Value as Json;

use crate::entity::DeclaredName;
use crate::exec::value_text;

/// The key of a row, for errors.
pub(crate) fn key_json<E: EntityTrait>(key: &[Value]) -> Box<Json> {
    columns_json(key_columns::<E>(), key)
}

/// Columns with their values, for errors: `{"id": 42}`. Values other than integers are text, which JSON represents
/// exactly.
pub(crate) fn columns_json(names: impl IntoIterator<Item = String>, values: &[Value]) -> Box<Json> {
    let value = |value: &Value| -> Json {
        let text = value_text(value);
        match value {
            Value::SmallInt(_) | Value::Int(_) | Value::BigInt(_) | Value::Unsigned(_) => {
                text.and_then(|text| text.parse::<i64>().ok()).into()
            }
            _ => text.into(),
        }
    };
    let columns = names.into_iter().zip(values.iter().map(value));
    Box::new(columns.collect())
}

/// The table of an entity, for errors.
pub(crate) fn table_name<E: EntityTrait>() -> String {
    DeclaredName::of::<E>().to_string()
}

/// The names of the columns of a primary key.
pub(crate) fn key_columns<E: EntityTrait>() -> Vec<String> {
    E::PrimaryKey::iter()
        .map(|key| key.into_column().as_str().to_owned())
        .collect()
}

/// The values of a primary key, in the order of its columns.
pub(crate) fn key_values<K: IntoValueTuple>(key: K) -> Vec<Value> {
    key.into_value_tuple().into_iter().collect()
}

/// The values of a model's primary key.
pub(crate) fn key_of<M: ModelTrait>(model: &M) -> Vec<Value> {
    <M::Entity as EntityTrait>::PrimaryKey::iter()
        .map(|key| model.get(key.into_column()))
        .collect()
}

/// The key type of an entity.
pub(crate) type Key<E> = <<E as EntityTrait>::PrimaryKey as PrimaryKeyTrait>::ValueType;
