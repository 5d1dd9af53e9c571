//! Values of rows, as the log has them.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::answer::{plain, raw};

/// The values of columns, each as the text of a jsonb: a number that became a float here would lose digits.
pub(super) type Values = BTreeMap<String, String>;

/// NULL, as the log has it.
pub(super) const NULL: &str = "null";

/// An expression of SQL that returns an object of jsonb, as one that [`read`] reads.
pub(super) fn texts(object: &str) -> String {
    format!(
        "(SELECT pg_catalog.jsonb_object_agg(v.key, v.value::pg_catalog.text) FROM pg_catalog.jsonb_each({object}) AS v)"
    )
}

pub(super) fn read(object: &Json) -> Values {
    let values = object.as_object().into_iter().flatten();
    values
        .map(|(name, text)| (name.clone(), raw(text)))
        .collect()
}

/// The object, as the text of a jsonb.
pub(super) fn object(values: &Values) -> String {
    let values = values
        .iter()
        .map(|(name, text)| format!("{}:{text}", Json::from(name.as_str())));
    format!("{{{}}}", values.collect::<Vec<_>>().join(","))
}

/// A value as a person reads it.
pub(super) fn shown(text: &str) -> String {
    match serde_json::from_str(text) {
        Ok(Json::Number(_)) | Err(_) => text.to_owned(),
        Ok(value) => plain(&value),
    }
}

/// A key as a person reads it.
pub(super) fn key(values: &Values) -> String {
    match values.len() {
        1 => values.values().map(|text| shown(text)).collect(),
        _ => {
            let values = values
                .iter()
                .map(|(name, text)| format!("{name}={}", shown(text)));
            values.collect::<Vec<_>>().join(", ")
        }
    }
}
