//! The derives of sea-orm-archive.

use proc_macro::TokenStream;

/// Gives an entity its archive.
#[proc_macro_derive(DeriveArchive, attributes(archive, sea_orm))]
pub fn derive_archive(_input: TokenStream) -> TokenStream {
    TokenStream::new()
}
