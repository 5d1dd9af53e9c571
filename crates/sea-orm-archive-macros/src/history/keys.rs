//! The keys of the entity: checks that they allow more than one version.

use quote::quote;

use super::{fields::Fields, options::Options};
use crate::{
    attr,
    entity::{Column, Entity},
    error::Errors,
    naming,
};

/// Refuses keys that two versions of one identity would share.
pub(super) fn check(entity: &Entity, options: &Options, fields: &Fields<'_>, errors: &mut Errors) {
    let names = options.identity.iter().flatten();
    if is_key(entity, &fields.identity) {
        errors.on(
            quote!(#(#names),*),
            "the primary key consists of the identity alone, which allows one version only: give \
             the versions a key of their own, as in `#[sea_orm(primary_key)] pub id: i64`",
        );
    } else {
        unique(fields, errors);
        corrections(entity, options, fields, errors);
    }
}

/// Whether the primary key consists of these fields only.
fn is_key(entity: &Entity, fields: &[&Column]) -> bool {
    let mut key = entity
        .columns
        .iter()
        .filter(|column| column.primary_key)
        .peekable();
    key.peek().is_some() && key.all(|column| fields.iter().any(|it| it.ident == column.ident))
}

/// Refuses `unique` on an identity of one field.
fn unique(fields: &Fields<'_>, errors: &mut Errors) {
    let [column] = fields.identity.as_slice() else {
        return;
    };
    let keys = attr::foreign_items(&column.attrs, "sea_orm");
    for unique in keys.iter().filter(|item| item.key() == "unique") {
        errors.on(
            &unique.name,
            "a unique identity allows one version only: remove `unique`",
        );
    }
}

/// Refuses a primary key without transaction time in a bitemporal history.
fn corrections(entity: &Entity, options: &Options, fields: &Fields<'_>, errors: &mut Errors) {
    let (Some(bitemporal), Some(recorded)) = (&options.bitemporal, &fields.recorded) else {
        return;
    };
    let mut valid = fields.identity.clone();
    valid.extend(fields.valid_from);
    valid.extend(fields.valid_to);
    if is_key(entity, &valid) {
        let field = naming::plain(&recorded.from.ident);
        errors.on(
            bitemporal,
            format!(
                "a corrected version stays in the table, and the version that replaces it may have \
                 the same period: add `{field}` to the primary key, or give the versions a key of \
                 their own"
            ),
        );
    }
}
