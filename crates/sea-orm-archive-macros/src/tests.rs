//! Tests without the compiler: the text of the expansion, and that no derive panics.

use std::{env, fs, path::Path};

use proc_macro2::{Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
use proptest::prelude::*;
use quote::quote;

type Derive = fn(TokenStream) -> TokenStream;

/// Every derive of the crate, with its attribute.
const DERIVES: [(&str, Derive); 4] = [
    ("archive", crate::archive::derive),
    ("history", crate::history::derive),
    ("optimistic_lock", crate::lock::derive),
    ("personal_data", crate::personal_data::derive),
];

/// Compares the expansion with the file in the documentation. `UPDATE_EXPANSION=1` rewrites the file.
#[track_caller]
fn assert_expands(name: &str, derive: Derive) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expand");
    let written = fs::read_to_string(folder.join(format!("{name}.rs"))).unwrap();
    let expansion = expand_model(&written, derive);
    let path = folder.join(format!("{name}.expanded.rs"));
    if env::var_os("UPDATE_EXPANSION").is_some() {
        fs::write(&path, &expansion).unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap(), expansion);
}

/// The formatted expansion for the `ModelEx` that `#[sea_orm::model]` generates.
fn expand_model(model: &str, derive: Derive) -> String {
    let mut model: syn::ItemStruct = syn::parse_str(model).unwrap();
    model.ident = Ident::new("ModelEx", Span::call_site());
    let expansion = derive(quote!(#model));
    prettyplease::unparse(&syn::parse2(expansion).unwrap())
}

#[test]
fn the_documented_expansion_is_current() {
    assert_expands("post", crate::archive::derive);
    assert_expands("department_history", crate::history::derive);
    assert_expands("note", crate::lock::derive);
    assert_expands("message", crate::personal_data::derive);
}

#[test]
fn the_documentation_includes_every_example() {
    let documented = include_str!("lib.rs");
    for name in ["post", "department_history", "note", "message"] {
        for file in [format!("{name}.rs"), format!("{name}.expanded.rs")] {
            assert!(
                documented.contains(&format!("tests/expand/{file}")),
                "{file}"
            );
        }
    }
}

#[test]
fn the_run_without_relation_fields_expands_to_nothing() {
    let columns_only = quote! {
        #[sea_orm(table_name = "posts")]
        #[archive(no_such_option)]
        #[history(no_such_option)]
        #[optimistic_lock(no_such_option)]
        #[personal_data(no_such_option)]
        #[sea_orm(model_ex)]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
        }
    };
    for (_, derive) in DERIVES {
        assert!(derive(columns_only.clone()).is_empty());
    }
}

/// Words with a meaning in some attribute.
const WORDS: [&str; 43] = [
    "deleted_by",
    "table_name",
    "deleted_at_column",
    "deleted_by_column",
    "archival_id_column",
    "cascade",
    "detach",
    "restrict",
    "via_rel",
    "identity",
    "valid_from",
    "valid_to",
    "recorded_by",
    "recorded_from",
    "recorded_to",
    "bitemporal",
    "primary_key",
    "column_name",
    "column_type",
    "enum_name",
    "rename_all",
    "has_many",
    "has_one",
    "belongs_to",
    "self_ref",
    "via",
    "from",
    "to",
    "relation_enum",
    "relation_reverse",
    "reverse",
    "Entity",
    "super",
    "version",
    "extra",
    "nullable",
    "person",
    "is_actor",
    "delete_rows",
    "null",
    "constant",
    "pseudonym",
    "of",
];

/// Strings with a meaning in some attribute.
const TEXTS: [&str; 23] = [
    "",
    "i64",
    "Option<i64>",
    "super::user::Id",
    "posts",
    "deleted_posts",
    "deleted_at",
    "id",
    "post_tag::Post",
    "Author",
    "Relation::Author",
    "camelCase",
    "1 a",
    "\0",
    "self",
    "Gelöscht am",
    "valid_from",
    "valid_to",
    "title",
    "r#type",
    "id, title",
    "version",
    "GENERATED ALWAYS AS (1) STORED",
];

fn token() -> impl Strategy<Value = TokenTree> {
    let ident = |word: &str| TokenTree::Ident(Ident::new(word, Span::call_site()));
    let string = |text: &str| TokenTree::Literal(Literal::string(text));
    let leaf = prop_oneof![
        4 => prop::sample::select(&WORDS[..]).prop_map(ident),
        3 => prop::sample::select(&TEXTS[..]).prop_map(string),
        1 => any::<String>().prop_map(|text| TokenTree::Literal(Literal::string(&text))),
        1 => any::<i32>().prop_map(|number| TokenTree::Literal(Literal::u32_suffixed(number.unsigned_abs()))),
        5 => prop::sample::select(vec!['=', ',', ':', '<', '>', '#', '!', '-'])
            .prop_map(|character| TokenTree::Punct(Punct::new(character, Spacing::Alone))),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        (delimiter(), prop::collection::vec(inner, 0..6)).prop_map(|(delimiter, tokens)| {
            TokenTree::Group(Group::new(delimiter, tokens.into_iter().collect()))
        })
    })
}

fn delimiter() -> impl Strategy<Value = proc_macro2::Delimiter> {
    use proc_macro2::Delimiter::{Brace, Bracket, None, Parenthesis};
    prop::sample::select(vec![
        Parenthesis,
        Parenthesis,
        Parenthesis,
        Brace,
        Bracket,
        None,
    ])
}

/// Random tokens.
fn tokens() -> impl Strategy<Value = TokenStream> {
    prop::collection::vec(token(), 0..8).prop_map(TokenStream::from_iter)
}

/// An option, valid or not.
fn option() -> impl Strategy<Value = TokenStream> {
    let word =
        || prop::sample::select(&WORDS[..]).prop_map(|word| Ident::new(word, Span::call_site()));
    let text = prop::sample::select(&TEXTS[..]).prop_map(Literal::string);
    prop_oneof![
        word().prop_map(|word| quote!(#word)),
        (word(), text.clone()).prop_map(|(word, text)| quote!(#word = #text)),
        (word(), text.clone())
            .prop_map(|(word, text)| quote!(#word(super::post::Entity, via_rel = #text))),
        (word(), text.clone(), text).prop_map(|(word, a, b)| quote!(#word(#a, #b,))),
        (word(), tokens()).prop_map(|(word, tokens)| quote!(#word(#tokens))),
        (word(), tokens()).prop_map(|(word, tokens)| quote!(#word = #tokens)),
        tokens(),
    ]
}

fn attributes() -> impl Strategy<Value = TokenStream> {
    let attribute = (
        prop::sample::select(vec![
            "archive",
            "history",
            "optimistic_lock",
            "personal_data",
            "sea_orm",
            "serde",
        ]),
        prop::collection::vec(option(), 0..4),
        delimiter(),
    )
        .prop_map(|(name, options, delimiter)| {
            let name = Ident::new(name, Span::call_site());
            let list = Group::new(delimiter, quote!(#(#options),*));
            quote!(#[#name #list])
        });
    prop::collection::vec(attribute, 0..3).prop_map(TokenStream::from_iter)
}

fn model() -> impl Strategy<Value = TokenStream> {
    let name = prop::sample::select(vec!["Model", "ModelEx", "Post"])
        .prop_map(|name| Ident::new(name, Span::call_site()));
    let field_type = prop::sample::select(vec![
        "i64",
        "Option<super::Status>",
        "DateTimeUtc",
        "Option<DateTimeUtc>",
        "(Option<(self::Time)>)",
        "HasMany<super::comment::Entity>",
        "HasMany<Entity>",
        "HasOne",
        "BelongsTo<Option<Entity>>",
        "BelongsTo<(Entity, Entity)>",
        "[u8; { super::SIZE }]",
        "fn(self::A) -> super::B",
    ])
    .prop_map(|text| text.parse::<TokenStream>().unwrap());
    let field_name = prop::sample::select(vec![
        "deleted_at",
        "deleted_by",
        "archival_id",
        "title",
        "r#type",
        "__",
        "archive_deleted_at",
        "valid_from",
        "valid_to",
        "recorded_from",
        "recorded_to",
        "self_",
        "version",
    ])
    .prop_map(|text| text.parse::<TokenStream>().unwrap());
    let field = (attributes(), field_name, field_type)
        .prop_map(|(attributes, name, ty)| quote!(#attributes pub #name: #ty));
    (
        attributes(),
        name,
        any::<bool>(),
        prop::collection::vec(field, 0..5),
    )
        .prop_map(|(attributes, name, valid, fields)| {
            let valid = valid.then(|| quote!(#[sea_orm(table_name = "posts")]));
            quote! {
                #valid #attributes
                pub struct #name {
                    #[sea_orm(primary_key)] pub id: i64,
                    #(#fields),*
                }
            }
        })
}

/// A valid history with renamed fields, in random order.
fn history() -> impl Strategy<Value = TokenStream> {
    let shown = prop::sample::select(vec!["identity = \"item\"", "identity(\"item\", \"type\")"]);
    let fields = Just(vec![
        "#[sea_orm(primary_key)] pub id: i64",
        "pub item: i64",
        "pub r#type: String",
        "pub valid_from: Date",
        "pub until: Option<self::Date>",
        "pub author: Option<i64>",
        "#[sea_orm(enum_name = \"Recorded\")] pub recorded_from: DateTimeUtc",
        "pub recorded_to: Option<DateTimeUtc>",
    ])
    .prop_shuffle();
    let options = Just(vec![
        "valid_to = \"until\"",
        "recorded_by = \"author\"",
        "bitemporal",
        "recorded_from = \"recorded_from\"",
    ])
    .prop_shuffle();
    (shown, fields, options).prop_map(|(identity, fields, options)| {
        let fields = fields.join(", ");
        let options = options.join(", ");
        format!("#[history({options}, {identity})] pub struct Model {{ {fields} }}")
            .parse()
            .unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_model_expands_to_valid_code(model in model()) {
        for (attribute, derive) in DERIVES {
            let expansion = derive(model.clone());
            let parsed = syn::parse2::<syn::File>(expansion.clone());
            prop_assert!(parsed.is_ok(), "{attribute}: {expansion}");
        }
    }

    #[test]
    fn any_tokens_expand_to_valid_code(tokens in tokens()) {
        for (attribute, derive) in DERIVES {
            let expansion = derive(tokens.clone());
            prop_assert!(syn::parse2::<syn::File>(expansion).is_ok(), "{attribute}");
        }
    }

    #[test]
    fn the_fields_of_a_history_may_have_any_order(model in history()) {
        let expansion = crate::history::derive(model).to_string();
        prop_assert!(!expansion.contains("compile_error"), "{expansion}");
        prop_assert!(!expansion.contains("unreachable"), "{expansion}");
    }
}
