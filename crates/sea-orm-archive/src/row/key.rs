//! Keys of rows.

use sea_orm::sea_query::{IntoValueTuple, PostgresQueryBuilder, QueryBuilder};
use sea_orm::{
    EntityTrait, IdenStatic, Iterable, ModelTrait, PrimaryKeyToColumn, PrimaryKeyTrait, Value,
};

/// A key, for messages.
pub(crate) fn key_text<E: EntityTrait>(key: &[Value]) -> String {
    let pairs: Vec<_> = key_columns::<E>()
        .into_iter()
        .zip(key)
        .map(|(name, value)| format!("{name} = {}", PostgresQueryBuilder.value_to_string(value)))
        .collect();
    format!("({})", pairs.join(", "))
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
