//! The relations with a policy, and the foreign key of each in SeaORM.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Path;

use super::{named::NamedEdge, policy::Policy};
use crate::{
    attr::{self, ItemValue},
    entity::{Column, Entity, Format, Relation, RelationKind},
    error::Errors,
    naming,
};

/// A relation with its policy.
pub(super) struct Edge {
    pub(super) policy: Policy,
    /// The name for messages.
    pub(super) name: String,
    /// The entity that holds the foreign key.
    pub(super) child: TokenStream,
    pub(super) foreign_key: ForeignKey,
}

/// Which item of SeaORM returns the `RelationDef` of the foreign key.
pub(super) enum ForeignKey {
    /// A variant of this entity's `Relation`. `reverse` is the variant of the opposite direction.
    Own {
        variant: Ident,
        reverse: Option<Ident>,
        inferred: bool,
    },
    /// The child's `Related<Entity>`.
    Related,
    /// A variant of the child's `Relation`.
    Childs(Ident),
    /// The `RelatedSelfVia` of a many-to-many relation between rows of this entity: the junction's
    /// foreign key to the row that follows (`via`) or is followed (`to`).
    SelfVia(&'static str),
}

/// The edges of the entity: those of its relation fields, then those of the attribute on the struct.
pub(super) fn read(entity: &Entity, named: Vec<NamedEdge>, errors: &mut Errors) -> Vec<Edge> {
    for column in &entity.columns {
        refuse_on_column(column, errors);
    }
    let fields = entity
        .relations
        .iter()
        .filter_map(|relation| of_field(entity, relation, errors))
        .collect::<Vec<_>>();
    let mut edges: Vec<Edge> = Vec::new();
    let named = named
        .into_iter()
        .filter_map(|named| of_struct(named, errors))
        .collect::<Vec<_>>();
    for edge in fields.into_iter().chain(named) {
        match edges.iter().find(|other| other.key() == edge.key()) {
            Some(other) => errors.on(
                &edge.policy.0,
                format!(
                    "this relation has the policy `{}` already, given at `{}`: remove one of them",
                    other.policy.word(),
                    other.name
                ),
            ),
            None => edges.push(edge),
        }
    }
    edges
}

impl Edge {
    /// The `.edge(..)` of the declaration.
    ///
    /// The call has the span of the policy, so that a child without an archive is an error there.
    pub(super) fn expand(&self) -> TokenStream {
        let Self {
            policy: Policy(policy),
            name,
            child,
            foreign_key,
        } = self;
        let sea_orm = quote!(::sea_orm_archive::__private::sea_orm);
        let relation = match foreign_key {
            ForeignKey::Own { variant, .. } => {
                quote!(#sea_orm::RelationTrait::def(&Relation::#variant))
            }
            ForeignKey::Related => quote!(<#child as #sea_orm::Related<Self>>::to()),
            ForeignKey::Childs(variant) => quote!(#sea_orm::RelationTrait::def(
                &<#child as #sea_orm::EntityTrait>::Relation::#variant
            )),
            ForeignKey::SelfVia(side) => {
                let side = Ident::new(side, policy.span());
                quote!(<Self as #sea_orm::RelatedSelfVia<#child>>::#side())
            }
        };
        let child = (policy == "cascade").then(|| quote!(::<#child>));
        let span = policy.span();
        quote_spanned!(span=>
            .edge(::sea_orm_archive::DeclaredEdge::#policy #child (#name, #relation))
        )
    }

    /// Equal for two policies on the same foreign key.
    fn key(&self) -> (String, String) {
        let child = self.child.to_string();
        let foreign_key = match &self.foreign_key {
            ForeignKey::Own { inferred: true, .. } | ForeignKey::Related => String::new(),
            // A self reference can be named from both of its sides.
            ForeignKey::Own {
                reverse: Some(reverse),
                ..
            } => reverse.to_string(),
            ForeignKey::Own { variant, .. } if child == "Entity" => variant.to_string(),
            ForeignKey::Own { variant, .. } => format!("Relation::{variant}"),
            ForeignKey::Childs(variant) => variant.to_string(),
            ForeignKey::SelfVia(side) => format!("{side}()"),
        };
        (child, foreign_key)
    }
}

/// The edge of `cascade(super::comment::Entity)` on the struct.
fn of_struct(named: NamedEdge, errors: &mut Errors) -> Option<Edge> {
    let NamedEdge {
        policy,
        child,
        via_rel,
    } = named;
    let name = via_rel
        .as_ref()
        .map_or_else(|| shown(&child), naming::plain);
    let foreign_key = match via_rel {
        Some(variant) => ForeignKey::Childs(variant),
        None if child.is_ident("Entity") || child.is_ident("Self") => {
            errors.on(
                &child,
                format!(
                    "this is the entity itself: name the variant of its `Relation` with the \
                     foreign key, as in `{}(Entity, via_rel = \"Parent\")`",
                    policy.word()
                ),
            );
            return None;
        }
        None => ForeignKey::Related,
    };
    Some(Edge {
        policy,
        name,
        child: child.into_token_stream(),
        foreign_key,
    })
}

/// A path without the spaces between its tokens.
fn shown(path: &Path) -> String {
    path.to_token_stream().to_string().replace(' ', "")
}

/// The edge of `#[archive(cascade)]` on a relation field.
fn of_field(entity: &Entity, relation: &Relation, errors: &mut Errors) -> Option<Edge> {
    let policy = policy_of_field(relation, errors)?;
    match foreign_key(entity.format, relation) {
        Ok(Some((child, foreign_key))) => Some(Edge {
            policy,
            name: naming::plain(&relation.ident),
            child,
            foreign_key,
        }),
        Ok(None) => None,
        Err(message) => {
            errors.on(&policy.0, message.replace("{policy}", &policy.word()));
            None
        }
    }
}

/// The one policy of a relation field.
fn policy_of_field(relation: &Relation, errors: &mut Errors) -> Option<Policy> {
    let mut policy: Option<Policy> = None;
    for item in attr::items(&relation.attrs, "archive", "cascade", errors) {
        let key = item.key();
        let Some(named) = Policy::named(&item) else {
            errors.on(
                &item.name,
                format!(
                    "unknown option `{key}`: a relation has one of `#[archive(cascade)]`, \
                     `#[archive(detach)]` and `#[archive(restrict)]`; put other options on the struct"
                ),
            );
            continue;
        };
        if !matches!(item.value, ItemValue::Word) {
            errors.on(
                &item,
                format!("the field names the child already: write `#[archive({key})]`"),
            );
        } else if let Some(first) = &policy {
            errors.on(
                &item,
                format!(
                    "a relation has one policy: write `{}` or `{key}`",
                    first.word()
                ),
            );
        } else {
            policy = Some(named);
        }
    }
    policy
}

/// Refuses a policy on a column.
fn refuse_on_column(column: &Column, errors: &mut Errors) {
    for item in attr::items(&column.attrs, "archive", "cascade", errors) {
        let key = item.key();
        let message = match Policy::named(&item) {
            Some(_) => format!(
                "`{}` is a column: put `#[archive({key})]` on a relation field (`HasMany` or \
                 `HasOne`), or `#[archive({key}(super::comment::Entity))]` on the struct",
                naming::plain(&column.ident)
            ),
            None => format!("a column has no archive options: put `{key}` on the struct"),
        };
        errors.on(&item, message);
    }
}

type Found = Result<Option<(TokenStream, ForeignKey)>, &'static str>;

/// The foreign key of a relation field, and the entity that has it.
///
/// `None` if SeaORM refuses the field and reports that itself.
fn foreign_key(format: Format, relation: &Relation) -> Found {
    let keys = &relation.keys;
    if keys.via.is_some() {
        return Ok(through_junction(relation));
    }
    if keys.self_ref {
        return Ok(self_reference(relation));
    }
    if relation.kind == RelationKind::BelongsTo || keys.belongs_to {
        return Err("this entity has the foreign key, so it is the child: put \
             `#[archive({policy})]` on the `HasMany` or `HasOne` field of the other entity");
    }
    let generated = keys.has && format == Format::Dense;
    let foreign_key = match &keys.relation_enum {
        Some(name) if generated || format == Format::DenseOverRelation => {
            own(&naming::variant(&name.value()), name.span(), false)
        }
        None if generated => own(&naming::inferred(&relation.target), Span::call_site(), true),
        // A hand-written `Relation`, which must come with `Related`.
        _ => Some(ForeignKey::Related),
    };
    Ok(foreign_key.map(|foreign_key| (relation.target.to_token_stream(), foreign_key)))
}

fn own(variant: &str, span: Span, inferred: bool) -> Option<ForeignKey> {
    Some(ForeignKey::Own {
        variant: naming::ident(variant, span)?,
        reverse: None,
        inferred,
    })
}

/// A many-to-many relation: the child rows are those of the junction.
fn through_junction(relation: &Relation) -> Option<(TokenStream, ForeignKey)> {
    let keys = &relation.keys;
    let path = keys.via.as_ref()?.parse::<Path>().ok()?;
    let mut segments = path.segments.iter().map(|segment| &segment.ident);
    let junction = segments.next()?;
    let child = quote!(super::#junction::Entity);
    let foreign_key = match segments.next() {
        _ if keys.self_ref && keys.reverse => ForeignKey::SelfVia("to"),
        _ if keys.self_ref => ForeignKey::SelfVia("via"),
        Some(variant) => ForeignKey::Childs(variant.clone()),
        None => ForeignKey::Related,
    };
    Some((child, foreign_key))
}

/// A relation between rows of this entity: the child rows are those that reference the row.
///
/// `None` if SeaORM generates no relation for the field.
fn self_reference(relation: &Relation) -> Option<(TokenStream, ForeignKey)> {
    let keys = &relation.keys;
    let name = keys.relation_enum.as_ref()?;
    let has_many = relation.kind == RelationKind::HasMany;
    let upward = !has_many && keys.from.is_some() && keys.to.is_some();
    let reverse = keys.relation_reverse.as_ref().filter(|_| has_many);
    if !(upward || reverse.is_some() || keys.has) {
        return None;
    }
    let foreign_key = ForeignKey::Own {
        variant: naming::ident(&naming::variant(&name.value()), name.span())?,
        reverse: reverse.and_then(|name| naming::ident(&name.value(), name.span())),
        inferred: false,
    };
    Some((quote!(Entity), foreign_key))
}
