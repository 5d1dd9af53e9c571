//! The personal columns, and what becomes of them.

use proc_macro2::TokenStream;
use quote::quote;
use syn::LitStr;

use super::rules::Rules;
use crate::{
    attr::{self, Item, ItemValue},
    entity::{Column, Entity},
    error::Errors,
    naming,
};

/// A personal column.
pub(super) struct Personal {
    pub(super) name: String,
    /// The call that declares its replacement, without the receiver.
    pub(super) replacement: TokenStream,
    pub(super) identifying: bool,
    /// The only relation whose rule replaces it.
    pub(super) of: Option<LitStr>,
}

/// The options of one column.
#[derive(Default)]
struct Options {
    replacement: Option<TokenStream>,
    identifying: bool,
    of: Option<LitStr>,
}

pub(super) fn read(entity: &Entity, rules: &Rules, errors: &mut Errors) -> Vec<Personal> {
    let columns = entity.columns.iter();
    columns
        .filter_map(|column| of_column(column, rules, errors))
        .collect()
}

fn of_column(column: &Column, rules: &Rules, errors: &mut Errors) -> Option<Personal> {
    let items = attr::items(&column.attrs, "personal_data", "pseudonym", errors);
    let first = items.first()?;
    let field = naming::plain(&column.ident);
    if column.primary_key {
        let message = format!(
            "`{field}` is part of the primary key, which cannot be erased: use `#[personal_data(delete_rows)]` on the struct, or a key \
             without personal data"
        );
        errors.on(first, message);
        return None;
    } else if column.ignored() {
        errors.on(
            first,
            format!("`{field}` is not a column: remove `#[personal_data(..)]`"),
        );
        return None;
    }
    let mut options = Options::default();
    let mut valid = true;
    for item in &items {
        valid &= options.set(item, &column.name, rules, errors);
    }
    if options.replacement.is_none() && valid {
        errors.on(
            first,
            format!("nothing declares what `{field}` is replaced with: add `null`, `constant = \"..\"` or `pseudonym`"),
        );
    }
    Some(Personal {
        name: column.name.clone(),
        replacement: options.replacement?,
        identifying: options.identifying,
        of: options.of,
    })
}

impl Options {
    /// Whether the option is valid.
    fn set(&mut self, item: &Item, column: &str, rules: &Rules, errors: &mut Errors) -> bool {
        let key = item.key();
        match (key.as_str(), &item.value) {
            ("null", ItemValue::Word) => self.replace(item, quote!(.null(#column)), errors),
            ("pseudonym", ItemValue::Word) => {
                self.replace(item, quote!(.pseudonym(#column)), errors)
            }
            ("identifying", ItemValue::Word) => {
                self.identifying = true;
                true
            }
            ("null" | "pseudonym" | "identifying", _) => {
                let message = format!("`{key}` takes no value: write `#[personal_data({key})]`");
                errors.on(item, message);
                false
            }
            ("constant", _) => match item.string("constant = \"[erased]\"", errors) {
                Some(value) => self.replace(item, quote!(.constant(#column, #value)), errors),
                None => false,
            },
            ("of", _) => match item.string("of = \"author\"", errors) {
                Some(name)
                    if rules
                        .relations
                        .iter()
                        .all(|relation| relation.name != name.value()) =>
                {
                    let message = "no relation of this name has `#[personal_data(belongs_to)]`: name the field, or the variant in \
                                   `belongs_to = \"..\"`";
                    errors.on(name, message);
                    false
                }
                of => {
                    self.of = of;
                    self.of.is_some()
                }
            },
            _ => {
                let message = format!(
                    "unknown option `{key}`: on a column, `#[personal_data(..)]` takes `null`, `constant = \"..\"`, `pseudonym`, `identifying` \
                     and `of = \"..\"`"
                );
                errors.on(&item.name, message);
                false
            }
        }
    }

    fn replace(&mut self, item: &Item, replacement: TokenStream, errors: &mut Errors) -> bool {
        let is_first = self.replacement.is_none();
        if !is_first {
            errors.on(item, "a column has one of `null`, `constant = \"..\"` and `pseudonym`: remove the others");
        }
        self.replacement = Some(replacement);
        is_first
    }
}
