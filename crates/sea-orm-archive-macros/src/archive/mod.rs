//! `DeriveArchive`: parse, validate, expand.

mod deleted_by;
mod deleted_entity;
mod edge;
mod expand;
mod named;
mod options;
mod policy;
mod serde;

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
        .and_then(|entity| {
            let options = options::Options::read(&entity, &mut errors);
            let edges = edge::read(&entity, options.edges, &mut errors);
            let deleted = deleted_entity::DeletedEntity::of(&entity, &options.names, &mut errors)?;
            Some(expand::expand(
                &entity,
                &deleted,
                &options.deleted_by,
                &edges,
                options.hooks.as_ref(),
            ))
        })
        .unwrap_or_default();
    // Expand despite errors, so that code that uses the deleted entity has no errors that follow from them.
    expansion.extend(errors.into_compile_errors());
    expansion
}
