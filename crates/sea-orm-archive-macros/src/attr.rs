//! The grammar of all attributes of this crate: `#[name(word, key = "value", list(..))]`.
//!
//! An attribute is split at its commas before its items are parsed, so that an invalid item does not
//! hide the errors of the next one.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, LitStr, MacroDelimiter, Meta};

use crate::error::Errors;

/// One item between the commas of an attribute.
pub(crate) struct Item {
    /// The word it starts with.
    pub(crate) name: Ident,
    /// What follows the word.
    pub(crate) value: ItemValue,
}

/// The part of an item after its name.
pub(crate) enum ItemValue {
    /// `name`
    Word,
    /// `name = "value"`
    Str(LitStr),
    /// `name = ` and something that is not a string.
    Other(TokenStream),
    /// `name(..)`
    List(Group),
}

impl Item {
    /// The name as text, without `r#`.
    pub(crate) fn key(&self) -> String {
        let name = self.name.to_string();
        name.strip_prefix("r#").map(str::to_owned).unwrap_or(name)
    }

    /// The value of `key = "value"`; anything else is an error that shows the example.
    pub(crate) fn string(&self, example: &str, errors: &mut Errors) -> Option<LitStr> {
        if let ItemValue::Str(value) = &self.value {
            return Some(value.clone());
        }
        let key = self.key();
        errors.on(self, format!("`{key}` takes a string: write `{example}`"));
        None
    }
}

impl ToTokens for Item {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.name.to_tokens(tokens);
        match &self.value {
            ItemValue::Word => {}
            ItemValue::Str(value) => {
                syn::Token![=](value.span()).to_tokens(tokens);
                value.to_tokens(tokens);
            }
            ItemValue::Other(value) => value.to_tokens(tokens),
            ItemValue::List(list) => list.to_tokens(tokens),
        }
    }
}

/// The items of every `#[name(..)]` among the attributes, in order.
///
/// Tokens that are not an item are recorded as an error that ends with the example.
pub(crate) fn items(
    attrs: &[Attribute],
    name: &str,
    example: &str,
    errors: &mut Errors,
) -> Vec<Item> {
    let mut items = Vec::new();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident(name)) {
        let Meta::List(list) = &attr.meta else {
            errors.on(&attr.meta, format!("write `#[{name}({example})]`"));
            continue;
        };
        if !matches!(list.delimiter, MacroDelimiter::Paren(_)) {
            errors.on(
                &attr.meta,
                format!("use parentheses: write `#[{name}({example})]`"),
            );
            continue;
        }
        for tokens in split(list.tokens.clone()) {
            match item(tokens) {
                Ok(item) => items.push(item),
                Err(tokens) => errors.on(
                    tokens,
                    format!("expected an option of `#[{name}(..)]`: write `{example}`"),
                ),
            }
        }
    }
    items
}

/// The items of attributes that another macro owns and checks: tokens that are not an item are skipped.
pub(crate) fn foreign_items(attrs: &[Attribute], name: &str) -> Vec<Item> {
    attrs
        .iter()
        .filter(|attr| attr.path().is_ident(name))
        .filter_map(|attr| attr.meta.require_list().ok())
        .flat_map(|list| split(list.tokens.clone()))
        .filter_map(|tokens| item(tokens).ok())
        .collect()
}

/// Splits at the commas outside of brackets; one comma at the end is allowed.
///
/// An empty part (two commas in a row) becomes the comma that ends it. That is not an item, so the
/// error is reported on the span of the comma.
pub(crate) fn split(tokens: TokenStream) -> Vec<TokenStream> {
    let mut parts = Vec::new();
    let mut part: Vec<TokenTree> = Vec::new();
    for token in tokens {
        match &token {
            TokenTree::Punct(punct) if punct.as_char() == ',' => {
                if part.is_empty() {
                    parts.push(TokenStream::from(token));
                } else {
                    parts.push(part.drain(..).collect());
                }
            }
            _ => part.push(token),
        }
    }
    if !part.is_empty() {
        parts.push(part.into_iter().collect());
    }
    parts
}

/// Parses one item, or returns the tokens.
pub(crate) fn item(tokens: TokenStream) -> Result<Item, TokenStream> {
    let mut rest = tokens.clone().into_iter();
    let Some(TokenTree::Ident(name)) = rest.next() else {
        return Err(tokens);
    };
    let value = match (rest.next(), rest.next()) {
        (None, _) => ItemValue::Word,
        (Some(TokenTree::Group(list)), None) if list.delimiter() == Delimiter::Parenthesis => {
            ItemValue::List(list)
        }
        (Some(TokenTree::Punct(equals)), Some(value)) if equals.as_char() == '=' => {
            let value: TokenStream = std::iter::once(value).chain(rest).collect();
            match syn::parse2::<LitStr>(value.clone()) {
                Ok(text) => ItemValue::Str(text),
                Err(_) => ItemValue::Other(value),
            }
        }
        _ => return Err(tokens),
    };
    Ok(Item { name, value })
}
