//! `DeriveOptimisticLock`: parse, validate, expand.

mod expand;
mod options;
mod version;

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
            let options = options::Options::read(&entity, &mut errors);
            let version = version::find(&entity, &options, &mut errors);
            expand::expand(version)
        })
        .unwrap_or_default();
    // Expand despite errors, so that code that uses the lock has no errors that follow from them.
    expansion.extend(errors.into_compile_errors());
    expansion
}
