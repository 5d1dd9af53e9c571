//! The types of the fields: checks which are an `Option` and which are equal.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Type;

use super::fields::Fields;
use crate::{
    attr::Item,
    entity::{self, Column},
    error::Errors,
    naming,
};

/// The types of the identity and of valid time. Empty and `None` after an error.
pub(super) struct Types<'a> {
    pub(super) identity: Vec<&'a Type>,
    pub(super) time: Option<&'a Type>,
    /// The checks that only the compiler can do.
    pub(super) checks: TokenStream,
}

impl<'a> Types<'a> {
    pub(super) fn of(fields: &Fields<'a>, errors: &mut Errors) -> Self {
        let never_null = |column: &'a Column, reason: &str, errors: &mut Errors| {
            never_null(column, reason, errors);
            entity::option(&column.ty).unwrap_or(&column.ty)
        };
        let identity = fields.identity.iter().map(|column| {
            never_null(
                column,
                "rows without an identity are under no constraint",
                errors,
            )
        });
        let identity = identity.collect();
        let time = fields
            .valid_from
            .map(|column| never_null(column, "every version starts at some time", errors));
        let end = fields
            .valid_to
            .and_then(|column| null_for_ever(column, "while a version is still true", errors));

        let mut checks = Checks::default();
        checks.same(end, time);
        if let Some(recorded) = &fields.recorded {
            let from = never_null(
                recorded.from,
                "every version was written at some time",
                errors,
            );
            let to = null_for_ever(
                recorded.to,
                "until another version replaces this one",
                errors,
            );
            checks.same(to, Some(from));
            checks.timestamp(from);
        }
        Self {
            identity,
            time,
            checks: checks.expand(),
        }
    }
}

/// Refuses a column that can be NULL.
fn never_null(column: &Column, reason: &str, errors: &mut Errors) {
    let field = naming::plain(&column.ident);
    if entity::option(&column.ty).is_some() {
        errors.on(
            &column.ty,
            format!("`{field}` is never NULL, since {reason}: write the type inside the `Option`"),
        );
    } else if let Some(nullable) = nullable(column) {
        errors.on(
            nullable,
            format!("`{field}` is never NULL, since {reason}: remove `nullable`"),
        );
    }
}

/// The type inside the `Option` of a column that is NULL while a period has no end.
fn null_for_ever<'a>(column: &'a Column, when: &str, errors: &mut Errors) -> Option<&'a Type> {
    let field = naming::plain(&column.ident);
    let inner = entity::option(&column.ty);
    if inner.is_none() {
        errors.on(
            &column.ty,
            format!("`{field}` is NULL {when}: write `Option<..>`"),
        );
    }
    inner
}

fn nullable(column: &Column) -> Option<&Item> {
    column.keys.iter().find(|item| item.key() == "nullable")
}

/// Checks of the types themselves, which may have other names.
///
/// Types that are written with the usual names need no check.
#[derive(Default)]
struct Checks<'a> {
    same: Vec<(&'a Type, &'a Type)>,
    timestamps: Vec<&'a Type>,
}

/// SeaORM's names for `timestamptz`.
const TIMESTAMPS: [&str; 3] = ["DateTimeUtc", "DateTimeWithTimeZone", "DateTimeLocal"];

impl<'a> Checks<'a> {
    /// An end has the type of its start.
    fn same(&mut self, end: Option<&'a Type>, start: Option<&'a Type>) {
        if let (Some(end), Some(start)) = (end, start)
            && end.to_token_stream().to_string() != start.to_token_stream().to_string()
        {
            self.same.push((end, start));
        }
    }

    /// Transaction time has the type of an instant.
    fn timestamp(&mut self, ty: &'a Type) {
        if !entity::last_name(ty).is_some_and(|name| TIMESTAMPS.contains(&name.as_str())) {
            self.timestamps.push(ty);
        }
    }

    fn expand(&self) -> TokenStream {
        let same = self.expand_same();
        let timestamps = self.expand_timestamps();
        quote!(#same #timestamps)
    }

    fn expand_same(&self) -> Option<TokenStream> {
        let (ends, starts): (Vec<_>, Vec<_>) = self.same.iter().copied().unzip();
        (!ends.is_empty()).then(|| {
            quote! {
                const _: () = {
                    #[diagnostic::on_unimplemented(
                        message = "a period ends in the type that it starts in, and `{Self}` is not `{__Start}`",
                        label = "not the type of the start",
                    )]
                    trait __Ends<__Start> {}
                    impl<__Start> __Ends<__Start> for __Start {}
                    const fn __ends<__End: __Ends<__Start>, __Start>() {}
                    #(__ends::<#ends, #starts>();)*
                };
            }
        })
    }

    fn expand_timestamps(&self) -> Option<TokenStream> {
        let types = &self.timestamps;
        let names = TIMESTAMPS.map(|name| quote::format_ident!("{name}"));
        (!types.is_empty()).then(|| {
            quote! {
                const _: () = {
                    #[diagnostic::on_unimplemented(
                        message = "`{Self}` is not a type for transaction time",
                        label = "not a `timestamptz`",
                        note = "use `DateTimeUtc` or `DateTimeWithTimeZone`",
                    )]
                    trait __Timestamp {}
                    #(impl __Timestamp
                        for ::sea_orm_archive::__private::sea_orm::prelude::#names {})*
                    const fn __timestamp<__Type: __Timestamp>() {}
                    #(__timestamp::<#types>();)*
                };
            }
        })
    }
}
