//! What `#[archive(..)]` says on the struct.

use proc_macro2::Ident;
use syn::{LitStr, Path};

use super::{deleted_by::DeletedBy, edge::Policy};
use crate::{
    attr::{self, Item, ItemValue},
    entity::Entity,
    error::Errors,
};

/// The attribute, as its errors show it.
pub(super) const EXAMPLE: &str = "deleted_by = \"i64\"";

/// The options that stand on the struct.
pub(super) struct Options {
    pub(super) deleted_by: DeletedBy,
    pub(super) names: Names,
    pub(super) edges: Vec<NamedEdge>,
}

/// The names that are overridden.
#[derive(Default)]
pub(super) struct Names {
    pub(super) table: Option<LitStr>,
    pub(super) deleted_at: Option<LitStr>,
    pub(super) deleted_by: Option<LitStr>,
    pub(super) archival_id: Option<LitStr>,
}

/// A policy on the struct, which names the child: `cascade(super::comment::Entity)`.
pub(super) struct NamedEdge {
    pub(super) policy: Policy,
    pub(super) child: Path,
    pub(super) via_rel: Option<Ident>,
}

impl Options {
    pub(super) fn read(entity: &Entity, errors: &mut Errors) -> Self {
        let mut options = Self {
            deleted_by: DeletedBy::default(),
            names: Names::default(),
            edges: Vec::new(),
        };
        let mut seen: Vec<String> = Vec::new();
        for item in attr::items(&entity.attrs, "archive", EXAMPLE, errors) {
            let key = item.key();
            if let Some(policy) = Policy::named(&item) {
                options.edges.extend(named_edges(&policy, &item, errors));
            } else if seen.contains(&key) {
                errors.on(&item, format!("`{key}` is given twice: keep one"));
            } else {
                options.set(&key, &item, errors);
                seen.push(key);
            }
        }
        options
    }

    fn set(&mut self, key: &str, item: &Item, errors: &mut Errors) {
        match key {
            "deleted_by" => self.deleted_by = DeletedBy::read(item, errors),
            "table_name" => self.names.table = name(item, "archived_posts", errors),
            "deleted_at_column" => self.names.deleted_at = name(item, "archived_at", errors),
            "deleted_by_column" => self.names.deleted_by = name(item, "archived_by", errors),
            "archival_id_column" => self.names.archival_id = name(item, "archived_in", errors),
            _ => errors.on(
                &item.name,
                format!(
                    "unknown option `{key}`: on the struct, `#[archive(..)]` knows \
                     `deleted_by = \"i64\"`, `table_name = \"..\"`, `deleted_at_column = \"..\"`, \
                     `deleted_by_column = \"..\"`, `archival_id_column = \"..\"`, and `cascade`, \
                     `detach` and `restrict` with a child entity, as in \
                     `cascade(super::comment::Entity)`"
                ),
            ),
        }
    }
}

/// The name in `key = "name"`.
fn name(item: &Item, example: &str, errors: &mut Errors) -> Option<LitStr> {
    let key = item.key();
    let name = item.string(&format!("{key} = \"{example}\""), errors)?;
    let text = name.value();
    if text.is_empty() || text.contains('\0') {
        errors.on(
            &name,
            format!("this cannot be a name: write `{key} = \"{example}\"`"),
        );
        return None;
    }
    Some(name)
}

/// The edges of one `cascade(..)`, `detach(..)` or `restrict(..)`.
fn named_edges(policy: &Policy, item: &Item, errors: &mut Errors) -> Vec<NamedEdge> {
    let word = policy.word();
    let example = format!("{word}(super::comment::Entity)");
    let ItemValue::List(list) = &item.value else {
        errors.on(
            item,
            format!(
                "on the struct, `{word}` names the child entity: write `{example}`, or put \
                 `#[archive({word})]` on a relation field"
            ),
        );
        return Vec::new();
    };
    let mut children: Vec<Path> = Vec::new();
    let mut via_rel: Option<(Item, Option<Ident>)> = None;
    for part in attr::split(list.stream()) {
        match (attr::item(part.clone()), syn::parse2::<Path>(part.clone())) {
            (Ok(key), _) if key.key() == "via_rel" => {
                if via_rel.is_some() {
                    errors.on(&key, "`via_rel` is given twice: keep one");
                } else {
                    let variant = variant(&key, errors);
                    via_rel = Some((key, variant));
                }
            }
            (_, Ok(child)) => children.push(child),
            _ => errors.on(
                part,
                format!("name the child entity by its path: write `{example}`"),
            ),
        }
    }
    match (children.as_slice(), &via_rel) {
        ([], _) if list.stream().is_empty() || via_rel.is_some() => {
            errors.on(item, format!("name the child entity: write `{example}`"));
        }
        ([_, _, ..], Some((via_rel, _))) => errors.on(
            via_rel,
            format!("`via_rel` is about one child: give each child a `{word}(..)` of its own"),
        ),
        _ => {}
    }
    let via_rel = via_rel.and_then(|(_, variant)| variant);
    children
        .into_iter()
        .map(|child| NamedEdge {
            policy: policy.clone(),
            child,
            via_rel: via_rel.clone(),
        })
        .collect()
}

/// The variant in `via_rel = "Variant"`.
fn variant(item: &Item, errors: &mut Errors) -> Option<Ident> {
    let example = "via_rel = \"Author\"";
    let text = item.string(example, errors)?;
    match text.parse::<Ident>() {
        Ok(variant) => Some(variant),
        Err(_) => {
            errors.on(
                &text,
                format!("this is not a variant of the child's `Relation`: write `{example}`"),
            );
            None
        }
    }
}
