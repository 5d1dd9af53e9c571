//! Adapts tokens written for one module to a module inside it.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::quote_spanned;

/// Adapts relative paths to a module that is one level deeper: `super::X` becomes
/// `super::super::X`, and `self::X` becomes `super::X`.
///
/// A path starts at a `super` or `self` that no `::` precedes. The nested module has `use super::*`
/// for names without a path. `crate::X` and `::x::X` mean the same in every module.
pub(crate) fn one_deeper(tokens: TokenStream) -> TokenStream {
    let mut deeper = TokenStream::new();
    let mut after_colon = false;
    for token in tokens {
        let colon = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ':');
        match token {
            TokenTree::Ident(ident) if !after_colon && ident == "super" => {
                let span = ident.span();
                deeper.extend(quote_spanned!(span=> super::#ident));
            }
            TokenTree::Ident(ident) if !after_colon && ident == "self" => {
                let span = ident.span();
                deeper.extend(quote_spanned!(span=> super));
            }
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), one_deeper(group.stream()));
                inner.set_span(group.span());
                deeper.extend([TokenTree::Group(inner)]);
            }
            other => deeper.extend([other]),
        }
        after_colon = colon;
    }
    deeper
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    #[track_caller]
    fn assert_deeper(written: TokenStream, expected: TokenStream) {
        assert_eq!(one_deeper(written).to_string(), expected.to_string());
    }

    #[test]
    fn relative_paths_gain_a_level() {
        assert_deeper(quote!(super::Status), quote!(super::super::Status));
        assert_deeper(
            quote!(super::super::Status),
            quote!(super::super::super::Status),
        );
        assert_deeper(quote!(self::Status), quote!(super::Status));
    }

    #[test]
    fn paths_inside_generics_and_tuples_gain_a_level() {
        assert_deeper(
            quote!(Option<Vec<super::Status>>),
            quote!(Option<Vec<super::super::Status>>),
        );
        assert_deeper(
            quote!((self::A, super::B)),
            quote!((super::A, super::super::B)),
        );
        assert_deeper(
            quote!(<super::A as self::B>::C),
            quote!(<super::super::A as super::B>::C),
        );
    }

    #[test]
    fn absolute_paths_and_names_do_not_change() {
        for unchanged in [
            quote!(crate::super_status::Status),
            quote!(::chrono::NaiveDate),
            quote!(Option<Json>),
        ] {
            assert_deeper(unchanged.clone(), unchanged);
        }
    }
}
