//! The type of the column `deleted_by`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{LitStr, Type, parse_quote};

use crate::{attr::Item, error::Errors};

/// The attribute, as its errors show it.
pub(super) const EXAMPLE: &str = "deleted_by = \"i64\"";

/// The type of `deleted_by`, `i64` unless the attribute names another.
pub(super) struct DeletedBy {
    ty: Type,
    /// Where a type is written that may not be there, or be no column.
    doubtful: Option<LitStr>,
}

impl Default for DeletedBy {
    fn default() -> Self {
        Self {
            ty: parse_quote!(i64),
            doubtful: None,
        }
    }
}

impl DeletedBy {
    /// What ids of users usually are, and what is always a column.
    const USUAL: [&'static str; 5] = ["i16", "i32", "i64", "String", "Uuid"];

    /// The type in `deleted_by = "type"`; the default after an error.
    pub(super) fn read(item: &Item, errors: &mut Errors) -> Self {
        item.string(EXAMPLE, errors)
            .and_then(|text| Self::parse(&text, errors))
            .unwrap_or_default()
    }

    fn parse(text: &LitStr, errors: &mut Errors) -> Option<Self> {
        let Ok(ty) = text.parse::<Type>() else {
            errors.on(
                text,
                format!("this is not a type: write the type of a user's id, as in `{EXAMPLE}`"),
            );
            return None;
        };
        let path = match &ty {
            Type::Path(path) => Some(&path.path),
            _ => None,
        };
        if path
            .and_then(|path| path.segments.last())
            .is_some_and(|last| last.ident == "Option")
        {
            errors.on(
                text,
                "`deleted_by` is nullable by itself: write the type inside the `Option`",
            );
            return None;
        }
        let usual = path
            .and_then(|path| path.get_ident())
            .is_some_and(|ident| Self::USUAL.iter().any(|usual| ident == usual));
        let doubtful = (!usual).then(|| text.clone());
        Some(Self { ty, doubtful })
    }

    /// The type in the module of the deleted entity.
    ///
    /// One that may be wrong is written nowhere but in [`Self::around`], so that it is wrong once.
    pub(super) fn in_deleted_entity(&self) -> TokenStream {
        match self.doubtful {
            Some(_) => quote!(::sea_orm_archive::__private::DeletedBy<super::Entity>),
            None => self.ty.to_token_stream(),
        }
    }

    /// The impl that names the type, with the one error of a type that is no column.
    pub(super) fn around(
        &self,
        archivable: impl FnOnce(TokenStream) -> TokenStream,
    ) -> TokenStream {
        let ty = &self.ty;
        let Some(text) = &self.doubtful else {
            return archivable(ty.to_token_stream());
        };
        let message = format!(
            "`{}` cannot be the type of `deleted_by`: write that of a user's id, as in `{EXAMPLE}`, \
             or derive `Clone`, `Debug`, `PartialEq` and `DeriveValueType` for it",
            text.value().replace('{', "{{").replace('}', "}}")
        );
        let assertion =
            quote_spanned!(text.span()=> ::core::assert!(__DELETED_BY_IS_COLUMN, #message););
        let archivable = archivable(quote!(__DeletedBy));
        quote! {
            const _: () = {
                const __DELETED_BY_IS_COLUMN: bool = {
                    #[allow(unused_imports)]
                    use ::sea_orm_archive::__private::Otherwise as _;
                    ::sea_orm_archive::__private::Column::<#ty>::IS_ONE
                };
                type __DeletedBy =
                    <::sea_orm_archive::__private::If<__DELETED_BY_IS_COLUMN>
                        as ::sea_orm_archive::__private::Choose<#ty>>::Type;
                #assertion
                #archivable
            };
        }
    }
}
