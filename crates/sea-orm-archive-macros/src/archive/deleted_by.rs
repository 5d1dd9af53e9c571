//! The type of the column `deleted_by`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{LitStr, Type, parse_quote};

use crate::{attr::Item, error::Errors};

/// An example of the attribute, for error messages.
pub(super) const EXAMPLE: &str = "deleted_by = \"i64\"";

/// The type of `deleted_by`: `i64` unless the attribute names another.
pub(super) struct DeletedBy {
    ty: Type,
    /// A type that may not exist, or may not be a column type.
    unverified: Option<LitStr>,
}

impl Default for DeletedBy {
    fn default() -> Self {
        Self {
            ty: parse_quote!(i64),
            unverified: None,
        }
    }
}

impl DeletedBy {
    /// The usual types of user ids, which are always column types.
    const USUAL: [&'static str; 5] = ["i16", "i32", "i64", "String", "Uuid"];

    /// The type in `deleted_by = "type"`, or the default after an error.
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
        let unverified = (!usual).then(|| text.clone());
        Some(Self { ty, unverified })
    }

    /// The type in the module of the deleted entity.
    ///
    /// Only [`Self::around`] contains an unverified type itself, so that a wrong type is one error.
    pub(super) fn in_deleted_entity(&self) -> TokenStream {
        match self.unverified {
            Some(_) => quote!(::sea_orm_archive::__private::DeletedBy<super::Entity>),
            None => self.ty.to_token_stream(),
        }
    }

    /// The impl that names the type. A type that is not a column type is one error there.
    pub(super) fn around(
        &self,
        archivable: impl FnOnce(TokenStream) -> TokenStream,
    ) -> TokenStream {
        let ty = &self.ty;
        let Some(text) = &self.unverified else {
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
