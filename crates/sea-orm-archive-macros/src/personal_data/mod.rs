//! `DerivePersonalData`: parse, validate, expand.

mod columns;
mod expand;
mod rules;

use proc_macro2::TokenStream;
use syn::DeriveInput;

use crate::{entity::Entity, error::Errors};

/// The expansion of the derive, as far as its input is valid, and an error for every misuse.
pub(crate) fn derive(input: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let mut errors = Errors::default();
    let mut expansion = Entity::read(input, &mut errors)
        .map(|entity| {
            let rules = rules::Rules::read(&entity, &mut errors);
            let columns = columns::read(&entity, &rules, &mut errors);
            expand::expand(&rules, &columns)
        })
        .unwrap_or_default();
    // Expand despite errors, so that code that uses the declaration has no errors that follow from them.
    expansion.extend(errors.into_compile_errors());
    expansion
}
