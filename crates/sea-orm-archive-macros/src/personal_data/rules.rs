//! How rows belong to a person: the options on the struct and on relation fields.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};

use crate::{
    attr::{self, Item, ItemValue},
    entity::{Entity, Format, Relation, RelationKind},
    error::Errors,
    naming,
};

/// What the attributes say about rows.
#[derive(Default)]
pub(super) struct Rules {
    pub(super) person: bool,
    pub(super) is_actor: bool,
    pub(super) delete_rows: bool,
    pub(super) relations: Vec<BelongsTo>,
}

/// A relation by which rows belong to a person.
pub(super) struct BelongsTo {
    /// The field or the variant, for `of`.
    pub(super) name: String,
    /// Its `RelationDef`.
    pub(super) definition: TokenStream,
}

/// For error messages.
pub(super) const EXAMPLE: &str = "person";

impl Rules {
    pub(super) fn read(entity: &Entity, errors: &mut Errors) -> Self {
        let mut rules = Self::default();
        for item in attr::items(&entity.attrs, "personal_data", EXAMPLE, errors) {
            rules.set(&item, errors);
        }
        for relation in &entity.relations {
            rules.add(entity.format, relation, errors);
        }
        if errors.is_empty() {
            rules.check(entity, errors);
        }
        rules
    }

    fn set(&mut self, item: &Item, errors: &mut Errors) {
        let key = item.key();
        let flag = match key.as_str() {
            "belongs_to" => return self.add_variant(item, errors),
            "person" => &mut self.person,
            "is_actor" => &mut self.is_actor,
            "delete_rows" => &mut self.delete_rows,
            _ => {
                let message = format!(
                    "unknown option `{key}`: on the struct, `#[personal_data(..)]` takes `person`, `is_actor`, `delete_rows` and \
                     `belongs_to = \"Author\"`"
                );
                return errors.on(&item.name, message);
            }
        };
        if !matches!(item.value, ItemValue::Word) {
            let message = format!("`{key}` takes no value: write `#[personal_data({key})]`");
            errors.on(item, message);
        } else if *flag {
            errors.on(item, format!("`{key}` is given twice: remove one of them"));
        }
        *flag = true;
    }

    /// The relation of `belongs_to = "Variant"`.
    fn add_variant(&mut self, item: &Item, errors: &mut Errors) {
        let example = "belongs_to = \"Author\"";
        let Some(text) = item.string(example, errors) else {
            return;
        };
        match naming::ident(&text.value(), text.span()) {
            Some(variant) => self.push(item, text.value(), own(&variant), errors),
            None => errors.on(
                text,
                format!("this is not a variant of `Relation`: write `{example}`"),
            ),
        }
    }

    /// The relation of a field with `#[personal_data(belongs_to)]`.
    fn add(&mut self, format: Format, relation: &Relation, errors: &mut Errors) {
        for item in attr::items(&relation.attrs, "personal_data", "belongs_to", errors) {
            if item.key() != "belongs_to" || !matches!(item.value, ItemValue::Word) {
                let message = "a relation has `#[personal_data(belongs_to)]` alone: put other options on the struct or on a column";
                errors.on(&item, message);
            } else if relation.kind != RelationKind::BelongsTo && !relation.keys.belongs_to {
                let message = "the other entity has the foreign key: put `#[personal_data(belongs_to)]` on its field for this one";
                errors.on(&item, message);
            } else if let Some(definition) = definition(format, relation) {
                let name = naming::plain(&relation.ident);
                self.push(&item, name, definition, errors);
            }
        }
    }

    fn push(&mut self, item: &Item, name: String, definition: TokenStream, errors: &mut Errors) {
        let text = definition.to_string();
        let mut relations = self.relations.iter();
        match relations.find(|other| other.definition.to_string() == text) {
            Some(other) => errors.on(
                item,
                format!(
                    "rows belong to a person by this relation already, given at `{}`: remove one of them",
                    other.name
                ),
            ),
            None => self.relations.push(BelongsTo { name, definition }),
        }
    }

    fn check(&self, entity: &Entity, errors: &mut Errors) {
        if !self.person && self.relations.is_empty() {
            errors.on(
                entity.place(),
                "the entity does not declare how rows belong to a person: write `#[personal_data(person)]` if a row is a person, or \
                 `#[personal_data(belongs_to)]` on the relation to one",
            );
        } else if self.is_actor && !self.person {
            errors.on(
                entity.place(),
                "`is_actor` is for the persons themselves: write `#[personal_data(person, is_actor)]` on their entity",
            );
        }
    }
}

/// The `RelationDef` of a relation field; `None` if SeaORM refuses the field and reports that itself.
fn definition(format: Format, relation: &Relation) -> Option<TokenStream> {
    let variant = match &relation.keys.relation_enum {
        Some(name) => naming::variant(&name.value()),
        None if format == Format::Dense => naming::inferred(&relation.target),
        None => {
            let target = relation.target.to_token_stream();
            return Some(
                quote!(<Entity as ::sea_orm_archive::__private::sea_orm::Related<#target>>::to()),
            );
        }
    };
    Some(own(&naming::ident(&variant, relation.ident.span())?))
}

fn own(variant: &Ident) -> TokenStream {
    quote!(::sea_orm_archive::__private::sea_orm::RelationTrait::def(&Relation::#variant))
}
