//! The names that sea-orm-macros gives to columns and relations.

use heck::{
    ToKebabCase, ToLowerCamelCase, ToShoutySnakeCase, ToSnakeCase, ToTitleCase, ToUpperCamelCase,
};
use proc_macro2::{Ident, Span};
use syn::Type;

/// The maximum length of a name in bytes. PostgreSQL truncates a longer name without an error.
pub(crate) const LONGEST_NAME: usize = 63;

/// An identifier as text, without `r#`.
pub(crate) fn plain(ident: &Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").map(str::to_owned).unwrap_or(text)
}

/// Text as an identifier, if it is one.
pub(crate) fn ident(text: &str, span: Span) -> Option<Ident> {
    let mut ident = syn::parse_str::<Ident>(text).ok()?;
    ident.set_span(span);
    Some(ident)
}

/// The variant of `Column` or `Relation` that a name becomes.
pub(crate) fn variant(name: &str) -> String {
    name.to_upper_camel_case()
}

/// The variant of `Relation` that SeaORM names after the module of the entity.
pub(crate) fn inferred(target: &Type) -> String {
    let Type::Path(target) = target else {
        return String::new();
    };
    let mut segments = target.path.segments.iter().rev();
    let last = segments.next();
    segments
        .next()
        .or(last)
        .map(|segment| variant(&plain(&segment.ident)))
        .unwrap_or_default()
}

/// The column of a field without a `column_name`.
pub(crate) fn column(field: &str, rename_all: Option<&str>) -> String {
    let variant = variant(field);
    match rename_all {
        Some("camel_case" | "PascalCase") => variant,
        Some("camelCase" | "mixed_case") => variant.to_lower_camel_case(),
        Some("kebab_case" | "kebab-case") => variant.to_kebab_case(),
        Some("SCREAMING-KEBAB-CASE") => variant.to_kebab_case().to_uppercase(),
        Some("shouty_snake_case" | "shouty_snek_case" | "SCREAMING_SNAKE_CASE") => {
            variant.to_shouty_snake_case()
        }
        Some("title_case") => variant.to_title_case(),
        Some("lowercase") => variant.to_lowercase(),
        Some("UPPERCASE") => variant.to_uppercase(),
        // SeaORM refuses other values.
        _ => field.to_snake_case(),
    }
}
