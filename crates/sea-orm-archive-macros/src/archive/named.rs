//! Policies on the struct, which name the child: `cascade(super::comment::Entity)`.

use proc_macro2::{Group, Ident};
use syn::Path;

use super::policy::Policy;
use crate::{
    attr::{self, Item, ItemValue},
    error::Errors,
};

/// The policy of one child, which is named by its path.
pub(super) struct NamedEdge {
    pub(super) policy: Policy,
    pub(super) child: Path,
    /// The variant of the child's `Relation` with the foreign key.
    pub(super) via_rel: Option<Ident>,
}

/// The arguments in the parentheses.
struct Arguments {
    children: Vec<Path>,
    via_rel: Option<Item>,
}

impl NamedEdge {
    /// The edges of one `cascade(..)`, `detach(..)` or `restrict(..)`. Empty after an error.
    pub(super) fn read(policy: &Policy, item: &Item, errors: &mut Errors) -> Vec<Self> {
        let word = policy.word();
        let ItemValue::List(list) = &item.value else {
            errors.on(
                item,
                format!(
                    "on the struct, `{word}` names the child entity: write \
                     `{word}(super::comment::Entity)`, or put `#[archive({word})]` on a relation \
                     field"
                ),
            );
            return Vec::new();
        };
        Arguments::read(&word, item, list, errors)
            .and_then(|arguments| arguments.edges(policy, errors))
            .unwrap_or_default()
    }
}

impl Arguments {
    /// Parses them. `None` if one is not an argument.
    fn read(word: &str, item: &Item, list: &Group, errors: &mut Errors) -> Option<Self> {
        let example = format!("{word}(super::comment::Entity)");
        let mut children = Vec::new();
        let mut via_rel = None;
        let mut valid = true;
        for part in attr::split(list.stream()) {
            match (attr::item(part.clone()), syn::parse2::<Path>(part.clone())) {
                (Ok(key), _) if key.key() == "via_rel" => {
                    if via_rel.is_some() {
                        errors.on(key, "`via_rel` is given twice: remove one of them");
                        valid = false;
                    } else {
                        via_rel = Some(key);
                    }
                }
                (_, Ok(child)) => children.push(child),
                _ => {
                    let message = format!("name the child entity by its path: write `{example}`");
                    errors.on(part, message);
                    valid = false;
                }
            }
        }
        if valid && children.is_empty() {
            errors.on(item, format!("name the child entity: write `{example}`"));
        }
        valid.then_some(Self { children, via_rel })
    }

    fn edges(self, policy: &Policy, errors: &mut Errors) -> Option<Vec<NamedEdge>> {
        let via_rel = match &self.via_rel {
            Some(item) if self.children.len() > 1 => {
                let word = policy.word();
                errors.on(
                    item,
                    format!(
                        "`via_rel` applies to one child: write a separate `{word}(..)` for each child"
                    ),
                );
                return None;
            }
            Some(item) => Some(variant(item, errors)?),
            None => None,
        };
        let edge = |child| NamedEdge {
            policy: policy.clone(),
            child,
            via_rel: via_rel.clone(),
        };
        Some(self.children.into_iter().map(edge).collect())
    }
}

/// The variant in `via_rel = "Variant"`.
fn variant(item: &Item, errors: &mut Errors) -> Option<Ident> {
    let example = "via_rel = \"Author\"";
    let text = item.string(example, errors)?;
    let variant = text.parse::<Ident>().ok();
    if variant.is_none() {
        errors.on(
            text,
            format!("this is not a variant of the child's `Relation`: write `{example}`"),
        );
    }
    variant
}
