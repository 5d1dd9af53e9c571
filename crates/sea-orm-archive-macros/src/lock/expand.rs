//! The code that the derive generates.

use proc_macro2::TokenStream;
use quote::quote;

use super::version::Version;

/// The impl for the entity.
pub(super) fn expand(version: Option<Version<'_>>) -> TokenStream {
    // Without the field an error is reported, so this code never runs.
    let (ty, column) = version
        .and_then(|version| {
            let (ty, variant) = (version.ty, version.column.variant_ident()?);
            Some((quote!(#ty), quote!(Column::#variant)))
        })
        .unwrap_or_else(|| (quote!(i32), quote!(::core::unreachable!())));
    quote! {
        #[automatically_derived]
        impl ::sea_orm_archive::OptimisticLock for Entity {
            type LockVersion = #ty;

            fn lock_version_column() -> Column {
                #column
            }

            fn declared_archive()
            -> ::core::option::Option<::sea_orm_archive::entity::Declaration> {
                #[allow(unused_imports)]
                use ::sea_orm_archive::__private::NoArchive as _;
                ::sea_orm_archive::__private::Archive::<Self>::declaration()
            }
        }
    }
}
