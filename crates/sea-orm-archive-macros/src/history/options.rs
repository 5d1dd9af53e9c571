//! The options of `#[history(..)]` on the struct.

use proc_macro2::{Group, Ident};
use syn::{Attribute, LitStr};

use crate::{
    attr::{self, Item, ItemValue},
    entity::Entity,
    error::Errors,
    naming,
};

/// An example of the attribute, for error messages.
pub(super) const EXAMPLE: &str = "identity = \"department_id\"";

/// An example of an identity of several fields, for error messages.
pub(super) const COMPOSITE: &str = "identity(\"tenant_id\", \"department_id\")";

/// The options that take the name of one field.
const FIELDS: [&str; 5] = [
    "valid_from",
    "valid_to",
    "recorded_by",
    "recorded_from",
    "recorded_to",
];

/// The options as written. Whether the fields exist is checked later.
#[derive(Default)]
pub(super) struct Options {
    pub(super) identity: Option<Vec<LitStr>>,
    pub(super) valid_from: Option<LitStr>,
    pub(super) valid_to: Option<LitStr>,
    pub(super) recorded_by: Option<LitStr>,
    pub(super) recorded_from: Option<LitStr>,
    pub(super) recorded_to: Option<LitStr>,
    /// The word `bitemporal`, which adds transaction time.
    pub(super) bitemporal: Option<Ident>,
    /// Part of the attribute is invalid, so a missing option may be in that part.
    pub(super) invalid: bool,
}

impl Options {
    pub(super) fn read(entity: &Entity, errors: &mut Errors) -> Self {
        let items = attr::items(&entity.attrs, "history", EXAMPLE, errors);
        misplaced(entity, errors);
        let mut options = Self {
            invalid: !errors.is_empty(),
            ..Self::default()
        };
        let mut seen: Vec<String> = Vec::new();
        for item in items {
            let key = item.key();
            if seen.contains(&key) {
                errors.on(&item, format!("`{key}` is given twice: remove one of them"));
            } else {
                options.invalid |= options.set(&key, &item, errors).is_none();
                seen.push(key);
            }
        }
        options.without_transaction_time(errors);
        options
    }

    /// Stores the option of the item. `None` after an error.
    fn set(&mut self, key: &str, item: &Item, errors: &mut Errors) -> Option<()> {
        match key {
            "identity" => self.identity = Some(identity(item, errors)?),
            "bitemporal" => {
                // Set it even if an invalid value follows the word.
                self.bitemporal = Some(item.name.clone());
                if !matches!(item.value, ItemValue::Word) {
                    errors.on(item, "`bitemporal` is a word: write `bitemporal`");
                    return None;
                }
            }
            _ => match self.field(key) {
                Some(field) => *field = Some(item.string(&format!("{key} = \"{key}\""), errors)?),
                None => {
                    errors.on(&item.name, unknown(key));
                    return None;
                }
            },
        }
        Some(())
    }

    /// The option that takes the name of one field.
    fn field(&mut self, key: &str) -> Option<&mut Option<LitStr>> {
        match key {
            "valid_from" => Some(&mut self.valid_from),
            "valid_to" => Some(&mut self.valid_to),
            "recorded_by" => Some(&mut self.recorded_by),
            "recorded_from" => Some(&mut self.recorded_from),
            "recorded_to" => Some(&mut self.recorded_to),
            _ => None,
        }
    }

    /// Refuses names of transaction time fields without `bitemporal`.
    fn without_transaction_time(&self, errors: &mut Errors) {
        let name = self.recorded_from.as_ref().or(self.recorded_to.as_ref());
        if let (None, Some(name)) = (&self.bitemporal, name) {
            errors.on(
                name,
                "this is a field of transaction time: write `bitemporal` too, for a history that \
                 also records when each version was written",
            );
        }
    }
}

/// The names in `identity = "field"` or `identity("field", "field")`.
fn identity(item: &Item, errors: &mut Errors) -> Option<Vec<LitStr>> {
    match &item.value {
        ItemValue::Str(name) => Some(vec![name.clone()]),
        ItemValue::List(list) => names(item, list, errors),
        ItemValue::Word | ItemValue::Other(_) => {
            errors.on(
                item,
                format!(
                    "`identity` takes the name of a field, or a list of them: write `{EXAMPLE}` \
                     or `{COMPOSITE}`"
                ),
            );
            None
        }
    }
}

/// The strings of a list. `None` if the list is empty or contains something else.
fn names(item: &Item, list: &Group, errors: &mut Errors) -> Option<Vec<LitStr>> {
    let parts = attr::split(list.stream());
    if parts.is_empty() {
        errors.on(
            item,
            format!("name the identity of the versions: write `{EXAMPLE}`"),
        );
        return None;
    }
    let mut names = Vec::new();
    let mut valid = true;
    for part in parts {
        match syn::parse2::<LitStr>(part.clone()) {
            Ok(name) => names.push(name),
            Err(_) => {
                errors.on(
                    part,
                    format!("this is not the name of a field: write `{COMPOSITE}`"),
                );
                valid = false;
            }
        }
    }
    valid.then_some(names)
}

fn unknown(key: &str) -> String {
    format!(
        "unknown option `{key}`: `#[history(..)]` takes `{EXAMPLE}` (of several fields: \
         `{COMPOSITE}`), `valid_from = \"..\"`, `valid_to = \"..\"`, `recorded_by = \"..\"`, and \
         `bitemporal` with `recorded_from = \"..\"` and `recorded_to = \"..\"`"
    )
}

/// Refuses the attribute on fields.
fn misplaced(entity: &Entity, errors: &mut Errors) {
    let columns = entity
        .columns
        .iter()
        .map(|field| (&field.ident, &field.attrs));
    let relations = entity
        .relations
        .iter()
        .map(|field| (&field.ident, &field.attrs));
    for (field, attrs) in columns.chain(relations) {
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("history")) {
            let key = intended_option(attr);
            let field = naming::plain(field);
            errors.on(
                attr,
                format!(
                    "this attribute belongs on the struct and names the field: write \
                     `#[history({key} = \"{field}\")]` there"
                ),
            );
        }
    }
}

/// The option that an attribute on a field was probably meant to be.
fn intended_option(attr: &Attribute) -> &'static str {
    let items = attr::foreign_items(std::slice::from_ref(attr), "history");
    let key = items.first().map(Item::key).unwrap_or_default();
    FIELDS
        .into_iter()
        .find(|field| *field == key)
        .unwrap_or("identity")
}
