//! The options of `#[optimistic_lock(..)]` on the struct.

use syn::LitStr;

use crate::{
    attr::{self, Item},
    entity::Entity,
    error::Errors,
    naming,
};

/// An example of the attribute, for error messages.
pub(super) const EXAMPLE: &str = "field = \"revision\"";

/// The options as written. Whether the field exists is checked later.
pub(super) struct Options {
    pub(super) field: Option<LitStr>,
    /// Part of the attribute is invalid, so a missing option may be in that part.
    pub(super) invalid: bool,
}

impl Options {
    pub(super) fn read(entity: &Entity, errors: &mut Errors) -> Self {
        let items = attr::items(&entity.attrs, "optimistic_lock", EXAMPLE, errors);
        misplaced(entity, errors);
        let mut options = Self {
            field: None,
            invalid: !errors.is_empty(),
        };
        let mut seen = false;
        for item in items {
            if item.key() != "field" {
                errors.on(&item.name, unknown(&item));
                options.invalid = true;
            } else if seen {
                errors.on(&item, "`field` is given twice: remove one of them");
            } else {
                seen = true;
                options.field = item.string(EXAMPLE, errors);
                options.invalid |= options.field.is_none();
            }
        }
        options
    }
}

fn unknown(item: &Item) -> String {
    format!(
        "unknown option `{}`: `#[optimistic_lock(..)]` takes `{EXAMPLE}`",
        item.key()
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
        let own = |attr: &&syn::Attribute| attr.path().is_ident("optimistic_lock");
        for attr in attrs.iter().filter(own) {
            let field = naming::plain(field);
            errors.on(
                attr,
                format!(
                    "this attribute belongs on the struct and names the field: write \
                     `#[optimistic_lock(field = \"{field}\")]` there"
                ),
            );
        }
    }
}
