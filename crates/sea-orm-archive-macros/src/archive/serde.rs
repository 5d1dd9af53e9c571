//! Deleted rows are serialized like the rows of the entity, with the added columns as additional fields.

use proc_macro2::TokenStream;
use quote::quote;

use super::{deleted_by::DeletedBy, deleted_entity::DeletedEntity};
use crate::{
    attr::{self, ItemValue},
    entity::Entity,
};

/// `Serialize` and `Deserialize` of `deleted::Model`, for an entity whose Model has them.
///
/// They call the impls of the Model, so that its `#[serde(..)]` attributes apply to the deleted entity too.
pub(super) fn impls(
    entity: &Entity,
    deleted: &DeletedEntity,
    deleted_by: &DeletedBy,
) -> TokenStream {
    let deleted_by = deleted_by.in_deleted_entity();
    let fields = deleted.added().map(|added| &added.field);
    let columns = entity.columns.iter().map(|column| &column.ident);
    let columns = quote!(#(#columns: row.#columns,)*);
    let with_added = with_added(entity, deleted);
    quote! {
        #with_added

        #[automatically_derived]
        impl ::sea_orm_archive::__private::serde::Serialize for Model
        where
            for<'a> super::Model: ::sea_orm_archive::__private::serde::Serialize,
            for<'a> #deleted_by: ::sea_orm_archive::__private::serde::Serialize,
        {
            fn serialize<S>(&self, serializer: S) -> ::core::result::Result<S::Ok, S::Error>
            where
                S: ::sea_orm_archive::__private::serde::Serializer,
            {
                let row = super::Model::from(self.clone());
                ::sea_orm_archive::__private::serde::Serialize::serialize(
                    &WithAdded { row, #(#fields: self.#fields.clone()),* },
                    serializer,
                )
            }
        }

        #[automatically_derived]
        impl<'de> ::sea_orm_archive::__private::serde::Deserialize<'de> for Model
        where
            super::Model: ::sea_orm_archive::__private::serde::Deserialize<'de>,
            #deleted_by: ::sea_orm_archive::__private::serde::Deserialize<'de>,
        {
            fn deserialize<D>(deserializer: D) -> ::core::result::Result<Self, D::Error>
            where
                D: ::sea_orm_archive::__private::serde::Deserializer<'de>,
            {
                let WithAdded { row, #(#fields),* }: WithAdded<super::Model, #deleted_by> =
                    ::sea_orm_archive::__private::serde::Deserialize::deserialize(deserializer)?;
                ::core::result::Result::Ok(Self { #columns #(#fields),* })
            }
        }
    }
}

/// The struct that serde serializes. It is generic, so that it also compiles if the Model has no serde.
fn with_added(entity: &Entity, deleted: &DeletedEntity) -> TokenStream {
    let [deleted_at, deleted_by, archival_id] = deleted.added().map(|added| &added.field);
    // The added columns follow the `rename_all` of the Model.
    let rename_all = attr::foreign_items(&entity.attrs, "serde")
        .into_iter()
        .filter(|item| item.key() == "rename_all" && !matches!(item.value, ItemValue::Word));
    quote! {
        #[derive(
            ::sea_orm_archive::__private::serde::Serialize,
            ::sea_orm_archive::__private::serde::Deserialize,
        )]
        #[serde(crate = "::sea_orm_archive::__private::serde" #(, #rename_all)*)]
        struct WithAdded<M, B> {
            #[serde(flatten)]
            row: M,
            #deleted_at: sea_orm::prelude::DateTimeUtc,
            #deleted_by: ::core::option::Option<B>,
            #archival_id: i64,
        }
    }
}
