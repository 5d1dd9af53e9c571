//! The code that the derive generates.

use proc_macro2::TokenStream;
use quote::quote;

use super::{fields::Fields, types::Types};
use crate::entity::Column;

/// The impls for the entity, and the checks of its types.
pub(super) fn expand(fields: &Fields<'_>, types: &Types<'_>) -> TokenStream {
    let identity = identity(types);
    let time = match types.time {
        Some(time) => quote!(#time),
        None => quote!(::sea_orm_archive::__private::sea_orm::prelude::DateTimeUtc),
    };
    // Without the columns an error is reported, so this code never runs.
    let columns = columns(fields).unwrap_or_else(|| quote!(::core::unreachable!()));
    let checks = &types.checks;
    let bitemporal = fields.recorded.as_ref().map(|_| {
        quote! {
            #[automatically_derived]
            impl ::sea_orm_archive::Bitemporal for Entity {}
        }
    });
    quote! {
        #[automatically_derived]
        impl ::sea_orm_archive::History for Entity {
            type Identity = #identity;
            type Time = #time;

            fn columns() -> ::sea_orm_archive::HistoryColumns<Self> {
                #columns
            }
        }
        #bitemporal
        #checks
    }
}

/// The type of the field, or a tuple for several fields. `i64` after an error.
fn identity(types: &Types<'_>) -> TokenStream {
    match types.identity.as_slice() {
        [] => quote!(i64),
        [one] => quote!(#one),
        several => quote!((#(#several),*)),
    }
}

/// The columns, if every field is known.
fn columns(fields: &Fields<'_>) -> Option<TokenStream> {
    if fields.identity.is_empty() {
        return None;
    }
    let identity = fields.identity.iter().map(|it| column(it));
    let identity = identity.collect::<Option<Vec<_>>>()?;
    let valid_from = column(fields.valid_from?)?;
    let valid_to = column(fields.valid_to?)?;
    let recorded_by = match fields.recorded_by {
        Some(by) => some(column(by)?),
        None => none(),
    };
    let recorded = match &fields.recorded {
        Some(recorded) => {
            let from = column(recorded.from)?;
            let to = column(recorded.to)?;
            some(quote!(::sea_orm_archive::RecordedColumns { from: #from, to: #to }))
        }
        None => none(),
    };
    Some(quote! {
        ::sea_orm_archive::HistoryColumns {
            identity: ::std::vec![#(#identity),*],
            valid_from: #valid_from,
            valid_to: #valid_to,
            recorded_by: #recorded_by,
            recorded: #recorded,
        }
    })
}

/// `Column::Variant`. `None` for a field that SeaORM refuses.
fn column(column: &Column) -> Option<TokenStream> {
    let variant = column.variant_ident()?;
    Some(quote!(Column::#variant))
}

fn some(value: TokenStream) -> TokenStream {
    quote!(::core::option::Option::Some(#value))
}

fn none() -> TokenStream {
    quote!(::core::option::Option::None)
}
