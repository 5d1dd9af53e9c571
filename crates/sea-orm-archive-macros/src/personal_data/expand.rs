//! The code that the derive generates.

use proc_macro2::TokenStream;
use quote::quote;

use super::{columns::Personal, rules::Rules};

/// The impl for the entity.
pub(super) fn expand(rules: &Rules, columns: &[Personal]) -> TokenStream {
    let delete_rows = rules.delete_rows.then(|| quote!(.delete_rows()));
    let person = rules.person.then(|| {
        let is_actor = rules.is_actor.then(|| quote!(.is_actor()));
        let columns = calls(columns.iter().filter(|column| column.of.is_none()));
        quote!(::sea_orm_archive::PersonalData::of_person() #columns #is_actor #delete_rows)
    });
    let relations = rules.relations.iter().map(|relation| {
        let is_own = |column: &&Personal| {
            let of = column.of.as_ref();
            of.is_none_or(|of| of.value() == relation.name)
        };
        let columns = calls(columns.iter().filter(is_own));
        let definition = &relation.definition;
        quote!(::sea_orm_archive::PersonalData::of_relation(#definition) #columns #delete_rows)
    });
    let rules = person.into_iter().chain(relations);
    quote! {
        #[automatically_derived]
        impl ::sea_orm_archive::DeclaresPersonalData for Entity {
            fn personal_data() -> ::std::vec::Vec<::sea_orm_archive::PersonalData> {
                ::std::vec![#(#rules),*]
            }
        }
    }
}

/// The calls that declare columns.
fn calls<'a>(columns: impl Iterator<Item = &'a Personal>) -> TokenStream {
    let columns: Vec<_> = columns.collect();
    let replacements = columns.iter().map(|column| &column.replacement);
    let identifying = columns.iter().filter(|column| column.identifying);
    let identifying: Vec<_> = identifying.map(|column| &column.name).collect();
    let identifying = (!identifying.is_empty()).then(|| quote!(.identifying([#(#identifying),*])));
    quote!(#(#replacements)* #identifying)
}
