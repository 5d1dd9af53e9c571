//! The code that the derive generates.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::LitStr;

use super::{
    deleted_by::DeletedBy,
    deleted_entity::{Added, DeletedEntity},
    edge::Edge,
    serde,
};
use crate::{
    attr::ItemValue,
    entity::{Column, Entity},
    nested::one_deeper,
};

/// The impls for the entity, and the module with its deleted entity.
pub(super) fn expand(
    entity: &Entity,
    deleted: &DeletedEntity,
    deleted_by: &DeletedBy,
    edges: &[Edge],
    hooks: Option<&Ident>,
) -> TokenStream {
    let archivable = archivable(deleted, deleted_by, edges, hooks);
    let from_deleted = from_deleted(entity);
    let module = module(entity, deleted, deleted_by);
    quote! {
        #archivable
        #from_deleted
        #module
    }
}

fn archivable(
    deleted: &DeletedEntity,
    deleted_by: &DeletedBy,
    edges: &[Edge],
    hooks: Option<&Ident>,
) -> TokenStream {
    let added = added_columns(deleted);
    let of_trait = hooks.map(|word| {
        quote_spanned!(word.span()=>
            fn hooks() -> ::core::option::Option<::sea_orm_archive::__private::Hooks> {
                ::core::option::Option::Some(::sea_orm_archive::__private::Hooks::of::<Self>())
            }
        )
    });
    let declares = hooks.map(|_| {
        quote! {
            #[automatically_derived]
            impl ::sea_orm_archive::__private::DeclaresHooks for Entity {}
        }
    });
    let edges = edges.iter().map(Edge::expand);
    deleted_by.around(|deleted_by| {
        quote! {
            #[automatically_derived]
            impl ::sea_orm_archive::Archivable for Entity {
                type Deleted = deleted::Entity;
                type DeletedBy = #deleted_by;

                fn declaration() -> ::sea_orm_archive::Declaration {
                    ::sea_orm_archive::Declaration::of::<Self>() #added #(#edges)*
                }

                #of_trait
            }

            #declares
        }
    })
}

/// `.added_columns(..)`, if one of them is renamed.
fn added_columns(deleted: &DeletedEntity) -> Option<TokenStream> {
    let columns = deleted.added().map(|added| &added.column);
    let renamed = deleted.added().iter().any(|added| added.renamed());
    renamed.then(|| quote!(.added_columns(#(#columns),*)))
}

fn from_deleted(entity: &Entity) -> TokenStream {
    let fields = entity.columns.iter().map(|column| &column.ident);
    quote! {
        #[automatically_derived]
        impl ::core::convert::From<deleted::Model> for Model {
            fn from(deleted: deleted::Model) -> Self {
                Self { #(#fields: deleted.#fields),* }
            }
        }
    }
}

fn module(entity: &Entity, deleted: &DeletedEntity, deleted_by: &DeletedBy) -> TokenStream {
    let vis = &entity.vis;
    let model = model(entity, deleted, deleted_by);
    let relation = relation(deleted);
    let comparison = comparison(deleted, deleted_by);
    let serde = serde::impls(entity, deleted, deleted_by);
    quote! {
        /// The deleted entity: every column of the entity, and when, by whom and in which archival
        /// the row was archived.
        #[allow(missing_docs)]
        #vis mod deleted {
            // The types of the columns, as the entity's module names them.
            #[allow(unused_imports)]
            use super::*;
            #[allow(unused_imports)]
            use ::sea_orm_archive::__private::sea_orm::{
                self,
                entity::prelude::{
                    ActiveModelBehavior, ColumnTrait, DeriveEntityModel, DerivePrimaryKey,
                    DeriveRelation, EntityTrait, EnumIter, PrimaryKeyTrait, Related, RelationDef,
                    RelationTrait,
                },
            };

            #model
            #relation

            impl ActiveModelBehavior for ActiveModel {}

            #[automatically_derived]
            impl ::sea_orm_archive::Restorable for Entity {
                type Active = super::Entity;
            }

            #comparison
            #serde
        }
    }
}

/// `deleted::Model`, from which SeaORM derives the rest of the entity.
fn model(entity: &Entity, deleted: &DeletedEntity, deleted_by: &DeletedBy) -> TokenStream {
    let table = &deleted.table;
    let schema = entity.schema_name.iter();
    let rename_all = entity.rename_all.iter();
    let columns = entity.columns.iter().map(column);
    let deleted_by = deleted_by.in_deleted_entity();
    let explicit = entity.rename_all.is_some();
    let [at, by, archival] = deleted.added().map(|added| added_field(added, explicit));
    quote! {
        /// A row of the archive table.
        #[derive(Clone, Debug, DeriveEntityModel)]
        #[sea_orm(
            table_name = #table
            #(, schema_name = #schema)*
            #(, rename_all = #rename_all)*
        )]
        pub struct Model {
            #(#columns)*
            /// When the row was archived.
            #at: sea_orm::prelude::DateTimeUtc,
            /// Who archived it.
            #by: Option<#deleted_by>,
            /// The archival that the row belongs to.
            #archival: i64,
        }
    }
}

/// A field of the entity, adapted to the deleted entity.
fn column(column: &Column) -> TokenStream {
    let ident = &column.ident;
    let ty = one_deeper(column.ty.to_token_stream());
    let docs = column
        .attrs
        .iter()
        .filter(|attr| attr.path().is_ident("doc"));
    let keys = keys(column);
    quote! {
        #(#docs)*
        #keys
        pub #ident: #ty,
    }
}

/// The `#[sea_orm(..)]` of a column in the deleted entity.
fn keys(column: &Column) -> Option<TokenStream> {
    // The ids in the archive table are those of the entity. It never generates new ones.
    let primary_key = column
        .primary_key
        .then(|| quote!(primary_key, auto_increment = false));
    let keys = column.keys.iter().map(|item| match &item.value {
        // The only value that is code, which can contain relative paths.
        ItemValue::Str(text) if item.key() == "column_type" => {
            let text = deeper_text(text);
            let name = &item.name;
            quote!(#name = #text)
        }
        _ => item.to_token_stream(),
    });
    let keys = primary_key.into_iter().chain(keys).collect::<Vec<_>>();
    (!keys.is_empty()).then(|| quote!(#[sea_orm(#(#keys),*)]))
}

/// The code in a string, adapted to one module deeper. The same string if nothing changes.
fn deeper_text(text: &LitStr) -> LitStr {
    let Ok(tokens) = text.parse::<TokenStream>() else {
        return text.clone();
    };
    let written = tokens.to_string();
    let deeper = one_deeper(tokens).to_string();
    if deeper == written {
        text.clone()
    } else {
        LitStr::new(&deeper, text.span())
    }
}

/// An added field up to its name. `explicit` if `rename_all` could rename its column.
fn added_field(added: &Added, explicit: bool) -> TokenStream {
    let Added { field, column, .. } = added;
    let name = (explicit || field != column.value().as_str())
        .then(|| quote!(#[sea_orm(column_name = #column)]));
    quote!(#name pub #field)
}

fn relation(deleted: &DeletedEntity) -> TokenStream {
    let from = format!("Column::{}", deleted.archival_id.variant);
    quote! {
        /// A deleted row belongs to the archival that archived it.
        #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
        pub enum Relation {
            #[sea_orm(
                belongs_to = "::sea_orm_archive::archival::Entity",
                from = #from,
                to = "::sea_orm_archive::archival::Column::Id",
                // The archive table has no foreign keys: SeaORM's schema sync creates none.
                skip_fk
            )]
            Archival,
        }

        impl Related<::sea_orm_archive::archival::Entity> for Entity {
            fn to() -> RelationDef {
                Relation::Archival.def()
            }
        }
    }
}

/// `PartialEq` and `Eq` of `deleted::Model`, if the Model has them.
///
/// A derive cannot read the other derives of the struct. `for<'a>` defers the check of the bound: the
/// impl applies if the Model has the trait, and is no error if it has not.
fn comparison(deleted: &DeletedEntity, deleted_by: &DeletedBy) -> TokenStream {
    let deleted_by = deleted_by.in_deleted_entity();
    let fields = deleted.added().map(|added| &added.field);
    quote! {
        #[automatically_derived]
        impl ::core::cmp::PartialEq for Model
        where
            for<'a> super::Model: ::core::cmp::PartialEq,
            for<'a> #deleted_by: ::core::cmp::PartialEq,
        {
            fn eq(&self, other: &Self) -> bool {
                #(self.#fields == other.#fields &&)*
                <super::Model as ::core::cmp::PartialEq>::eq(
                    &super::Model::from(self.clone()),
                    &super::Model::from(other.clone()),
                )
            }
        }

        #[automatically_derived]
        impl ::core::cmp::Eq for Model
        where
            for<'a> super::Model: ::core::cmp::Eq,
            for<'a> #deleted_by: ::core::cmp::Eq,
        {
        }
    }
}
