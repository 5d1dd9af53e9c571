//! What a derive needs to know about a SeaORM entity: its table, columns and relation fields.
//!
//! `#[sea_orm(..)]` belongs to SeaORM, which checks it: what cannot be parsed here is skipped.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::{
    Attribute, Data, DeriveInput, Field, Fields, GenericArgument, LitStr, PathArguments, Type,
    Visibility, parse_quote,
};

use crate::{
    attr::{self, Item, ItemValue},
    error::Errors,
    naming,
};

/// The form in which the entity is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// `ModelEx` of `#[sea_orm::model]`: relations are fields, and SeaORM generates `Relation` from them.
    Dense,
    /// `ModelEx` of `#[sea_orm::compact_model]`: relation fields over a hand-written `Relation`.
    DenseOverRelation,
    /// `Model` with columns only and a hand-written `Relation`.
    Compact,
}

/// A SeaORM entity as its struct declares it.
pub(crate) struct Entity {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) format: Format,
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) table_name: Option<LitStr>,
    /// The container's keys that also hold for a table with the same columns.
    pub(crate) schema_name: Option<LitStr>,
    pub(crate) rename_all: Option<LitStr>,
    pub(crate) columns: Vec<Column>,
    pub(crate) relations: Vec<Relation>,
}

/// A field for a column, or a field that is not a column (`#[sea_orm(ignore)]`).
pub(crate) struct Column {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) name: String,
    pub(crate) variant: String,
    pub(crate) primary_key: bool,
    /// The keys of `#[sea_orm(..)]` on how the column is read and written.
    pub(crate) keys: Vec<Item>,
}

/// A relation field of the dense format.
pub(crate) struct Relation {
    pub(crate) ident: Ident,
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) kind: RelationKind,
    /// The entity on the other side, as the type of the field names it.
    pub(crate) target: Type,
    pub(crate) keys: RelationKeys,
}

/// The wrapper type of a relation field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum RelationKind {
    BelongsTo,
    HasOne,
    HasMany,
}

/// The keys of `#[sea_orm(..)]` that decide what a relation field generates.
#[derive(Default)]
pub(crate) struct RelationKeys {
    pub(crate) has: bool,
    pub(crate) belongs_to: bool,
    pub(crate) self_ref: bool,
    pub(crate) reverse: bool,
    pub(crate) via: Option<LitStr>,
    pub(crate) from: Option<LitStr>,
    pub(crate) to: Option<LitStr>,
    pub(crate) relation_enum: Option<LitStr>,
    pub(crate) relation_reverse: Option<LitStr>,
}

impl Entity {
    /// Parses the struct. `None` if another run of the derive gets more fields.
    ///
    /// `#[sea_orm::model]` copies the derive to `Model` (columns only, marked `model_ex`) and to
    /// `ModelEx` (every field). Only the second run expands.
    pub(crate) fn read(input: DeriveInput, errors: &mut Errors) -> Option<Self> {
        let container = attr::foreign_items(&input.attrs, "sea_orm");
        if container.iter().any(|item| item.key() == "model_ex") {
            return None;
        }
        if !input.generics.params.is_empty() {
            errors.on(&input.generics, "an entity has no generic parameters");
            return None;
        }
        let Data::Struct(data) = input.data else {
            errors.on(
                &input.ident,
                "derive this on the `Model` struct of an entity",
            );
            return None;
        };
        let Fields::Named(fields) = data.fields else {
            errors.on(
                &input.ident,
                "the `Model` of an entity has named fields, one for each column",
            );
            return None;
        };
        if input.ident != "Model" && input.ident != "ModelEx" {
            errors.on(
                &input.ident,
                "SeaORM requires the name `Model` for this struct",
            );
            return None;
        }

        let rename_all = string(&container, "rename_all");
        let mut entity = Self {
            format: format(&input.ident, &container),
            ident: input.ident,
            vis: input.vis,
            attrs: input.attrs,
            table_name: string(&container, "table_name"),
            schema_name: string(&container, "schema_name"),
            rename_all,
            columns: Vec::new(),
            relations: Vec::new(),
        };
        for field in fields.named {
            entity.add(field, errors)?;
        }
        Some(entity)
    }

    /// The tokens for an error about the whole struct.
    ///
    /// SeaORM generates the name `ModelEx` with the span of `#[sea_orm::model]`, so there only the
    /// visibility has a span in the code of the user.
    pub(crate) fn place(&self) -> TokenStream {
        match &self.vis {
            Visibility::Inherited => self.ident.to_token_stream(),
            vis if self.ident == "ModelEx" => vis.to_token_stream(),
            _ => self.ident.to_token_stream(),
        }
    }

    /// Adds a field. `None` if SeaORM refuses it too.
    fn add(&mut self, field: Field, errors: &mut Errors) -> Option<()> {
        let ident = field.ident?;
        let Some((kind, target)) = relation_type(&field.ty) else {
            let rename_all = self.rename_all.as_ref().map(LitStr::value);
            self.columns.push(Column::read(
                ident,
                field.ty,
                field.attrs,
                rename_all.as_deref(),
            ));
            return Some(());
        };
        if self.format == Format::Compact {
            errors.on(
                &field.ty,
                "a relation as a field belongs to the dense format: write `#[sea_orm::model]` \
                 above the derives",
            );
            return None;
        }
        self.relations.push(Relation {
            keys: RelationKeys::read(&field.attrs),
            ident,
            attrs: field.attrs,
            kind,
            target,
        });
        Some(())
    }
}

impl Column {
    /// Whether the field is not a column.
    pub(crate) fn ignored(&self) -> bool {
        has(&self.keys, "ignore")
    }

    /// The variant of `Column`; `None` for a name that SeaORM refuses too.
    pub(crate) fn variant_ident(&self) -> Option<Ident> {
        // SeaORM renames the one variant that would be a keyword.
        let variant = match self.variant.as_str() {
            "Self" => "Self_",
            variant => variant,
        };
        naming::ident(variant, self.ident.span())
    }

    /// The keys of `#[sea_orm(..)]` that define how a column is read and written in any table. The
    /// other keys are about one table: its keys, indexes and defaults.
    const KEYS: [&'static str; 7] = [
        "column_name",
        "column_type",
        "nullable",
        "select_as",
        "save_as",
        "ignore",
        "enum_name",
    ];

    fn read(ident: Ident, ty: Type, attrs: Vec<Attribute>, rename_all: Option<&str>) -> Self {
        let mut keys = attr::foreign_items(&attrs, "sea_orm");
        let field = naming::plain(&ident);
        let text = |key| string(&keys, key).map(|value| value.value());
        let name = text("column_name").unwrap_or_else(|| naming::column(&field, rename_all));
        let variant = text("enum_name").unwrap_or_else(|| naming::variant(&field));
        let primary_key = has(&keys, "primary_key");
        keys.retain(|item| Self::KEYS.contains(&item.key().as_str()));
        Self {
            ident,
            ty,
            attrs,
            name,
            variant,
            primary_key,
            keys,
        }
    }
}

impl RelationKeys {
    fn read(attrs: &[Attribute]) -> Self {
        let keys = attr::foreign_items(attrs, "sea_orm");
        Self {
            has: has(&keys, "has_one") || has(&keys, "has_many"),
            belongs_to: has(&keys, "belongs_to"),
            self_ref: has(&keys, "self_ref"),
            reverse: has(&keys, "reverse"),
            via: string(&keys, "via"),
            from: string(&keys, "from"),
            to: string(&keys, "to"),
            relation_enum: string(&keys, "relation_enum"),
            relation_reverse: string(&keys, "relation_reverse"),
        }
    }
}

fn format(ident: &Ident, container: &[Item]) -> Format {
    if has(container, "compact_model") {
        Format::DenseOverRelation
    } else if ident == "ModelEx" {
        Format::Dense
    } else {
        Format::Compact
    }
}

fn has(items: &[Item], key: &str) -> bool {
    items.iter().any(|item| item.key() == key)
}

fn string(items: &[Item], key: &str) -> Option<LitStr> {
    // The last one wins, as in SeaORM.
    items.iter().rev().find_map(|item| match &item.value {
        ItemValue::Str(value) if item.key() == key => Some(value.clone()),
        _ => None,
    })
}

/// The entity in `HasMany<E>`, `HasOne<E>`, `BelongsTo<E>` or `BelongsTo<Option<E>>`.
fn relation_type(ty: &Type) -> Option<(RelationKind, Type)> {
    let (name, argument) = generic(ty)?;
    let kind = match name.as_str() {
        "BelongsTo" => RelationKind::BelongsTo,
        "HasOne" => RelationKind::HasOne,
        "HasMany" => RelationKind::HasMany,
        _ => return None,
    };
    let target = match argument.and_then(generic) {
        Some((option, Some(entity))) if option == "Option" => entity.clone(),
        // SeaORM refuses a relation without an argument.
        _ => argument.cloned().unwrap_or_else(|| parse_quote!(Entity)),
    };
    Some((kind, target))
}

/// The last name in the path of a type, and its one generic argument.
fn generic(ty: &Type) -> Option<(String, Option<&Type>)> {
    let Type::Path(path) = ty else {
        return None;
    };
    let last = path.path.segments.last()?;
    let argument = match &last.arguments {
        PathArguments::AngleBracketed(arguments) => match arguments.args.first() {
            Some(GenericArgument::Type(argument)) => Some(argument),
            _ => None,
        },
        _ => None,
    };
    Some((naming::plain(&last.ident), argument))
}

/// The type inside an `Option`.
pub(crate) fn option(ty: &Type) -> Option<&Type> {
    match generic(bare(ty)) {
        Some((option, inner)) if option == "Option" => inner,
        _ => None,
    }
}

/// The last name in the path of a type without arguments.
pub(crate) fn last_name(ty: &Type) -> Option<String> {
    match generic(bare(ty)) {
        Some((name, None)) => Some(name),
        _ => None,
    }
}

/// The type without parentheses, and without the groups that macros add.
fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        ty => ty,
    }
}
