//! The field of the lock version: checks that it exists, is a column, and can be incremented.

use proc_macro2::Span;
use syn::{LitStr, Type};

use super::options::Options;
use crate::{
    attr,
    entity::{self, Column, Entity, Relation},
    error::Errors,
    naming,
};

/// The field of the lock version.
pub(super) struct Version<'a> {
    pub(super) column: &'a Column,
    /// Its type, without the `Option` that is an error.
    pub(super) ty: &'a Type,
}

/// Finds the field that the option names, or else the field `lock_version`. `None` after an error.
pub(super) fn find<'a>(
    entity: &'a Entity,
    options: &Options,
    errors: &mut Errors,
) -> Option<Version<'a>> {
    let column = match &options.field {
        Some(name) => named(entity, name, errors)?,
        None => by_default_name(entity, options, errors)?,
    };
    // Errors about the field are reported on the option that names it, or else on the field.
    let place = match &options.field {
        Some(name) => name.span(),
        None => column.ident.span(),
    };
    refuse_primary_key(column, place, errors);
    refuse_attributes(column, errors);
    Some(Version {
        column,
        ty: never_null(column, errors),
    })
}

/// The field that the option names.
fn named<'a>(entity: &'a Entity, option: &LitStr, errors: &mut Errors) -> Option<&'a Column> {
    let name = option.value();
    let name = name.strip_prefix("r#").unwrap_or(&name);
    if let Some(column) = column(entity, name) {
        return is_column(column, option.span(), errors);
    }
    if relation(entity, name).is_some() {
        let message = format!("`{name}` is a relation: name a field that is a column");
        errors.on(option, message);
        return None;
    }
    let columns = || entity.columns.iter().filter(|column| !column.ignored());
    let same_name = columns().find(|column| column.name == name || column.variant == name);
    let message = match same_name {
        Some(column) => format!(
            "the option names a field, not a column: write `\"{}\"`",
            naming::plain(&column.ident)
        ),
        None => {
            let fields = columns()
                .map(|column| format!("`{}`", naming::plain(&column.ident)))
                .collect::<Vec<_>>()
                .join(", ");
            format!("there is no field `{name}`: the entity has {fields}")
        }
    };
    errors.on(option, message);
    None
}

/// The field `lock_version`.
fn by_default_name<'a>(
    entity: &'a Entity,
    options: &Options,
    errors: &mut Errors,
) -> Option<&'a Column> {
    if let Some(column) = column(entity, "lock_version") {
        return is_column(column, column.ident.span(), errors);
    }
    if let Some(relation) = relation(entity, "lock_version") {
        errors.on(
            &relation.ident,
            "`lock_version` is a relation: name the field of the lock version with \
             `#[optimistic_lock(field = \"..\")]`",
        );
    } else if !options.invalid {
        errors.on(
            entity.place(),
            "the entity has no field for the lock version: add `pub lock_version: i32`, or name your \
             field with `#[optimistic_lock(field = \"..\")]`",
        );
    }
    None
}

fn column<'a>(entity: &'a Entity, name: &str) -> Option<&'a Column> {
    let mut columns = entity.columns.iter();
    columns.find(|column| naming::plain(&column.ident) == name)
}

fn relation<'a>(entity: &'a Entity, name: &str) -> Option<&'a Relation> {
    let mut relations = entity.relations.iter();
    relations.find(|relation| naming::plain(&relation.ident) == name)
}

/// Refuses a field that is not a column.
fn is_column<'a>(column: &'a Column, place: Span, errors: &mut Errors) -> Option<&'a Column> {
    if !column.ignored() {
        return Some(column);
    }
    let field = naming::plain(&column.ident);
    let message = format!(
        "`{field}` is not a column, and the lock version is stored in the row: remove \
         `#[sea_orm(ignore)]`, or name another field"
    );
    errors.push(syn::Error::new(place, message));
    None
}

/// Refuses a field of the primary key.
fn refuse_primary_key(column: &Column, place: Span, errors: &mut Errors) {
    if column.primary_key {
        let field = naming::plain(&column.ident);
        let message = format!(
            "`{field}` is part of the primary key, which never changes: add a separate field for the \
             lock version, as in `pub lock_version: i32`"
        );
        errors.push(syn::Error::new(place, message));
    }
}

/// Refuses attributes with which an increment of the lock version is not what the next read returns.
fn refuse_attributes(column: &Column, errors: &mut Errors) {
    let field = naming::plain(&column.ident);
    for item in attr::foreign_items(&column.attrs, "sea_orm") {
        let reason = match item.key().as_str() {
            "nullable" => "is the lock version, which is never NULL",
            "select_as" | "save_as" => "must be read and written without a conversion",
            "unique" | "unique_key" => {
                "cannot be unique, since many rows have the same lock version"
            }
            "extra" if is_generated(&item) => {
                "is incremented by `update_if_unchanged`, not generated by the database"
            }
            _ => continue,
        };
        let message = format!("`{field}` {reason}: remove `{}`", item.key());
        errors.on(&item, message);
    }
}

fn is_generated(item: &attr::Item) -> bool {
    let attr::ItemValue::Str(extra) = &item.value else {
        return false;
    };
    extra.value().to_ascii_lowercase().contains("generated")
}

/// The type of the field, without an `Option`, which is refused.
fn never_null<'a>(column: &'a Column, errors: &mut Errors) -> &'a Type {
    let Some(inner) = entity::option(&column.ty) else {
        return &column.ty;
    };
    let field = naming::plain(&column.ident);
    errors.on(
        &column.ty,
        format!(
            "`{field}` is the lock version, which is never NULL: write the type inside the `Option`"
        ),
    );
    inner
}
