//! The options of `#[archive(..)]` on the struct.

use proc_macro2::Ident;
use syn::LitStr;

use super::{
    deleted_by::{DeletedBy, EXAMPLE},
    named::NamedEdge,
    policy::Policy,
};
use crate::{
    attr::{self, Item, ItemValue},
    entity::Entity,
    error::Errors,
};

/// The options on the struct.
pub(super) struct Options {
    pub(super) deleted_by: DeletedBy,
    pub(super) names: Names,
    pub(super) edges: Vec<NamedEdge>,
    /// The word `hooks`, where it is given.
    pub(super) hooks: Option<Ident>,
}

/// The names that are overridden.
#[derive(Default)]
pub(super) struct Names {
    pub(super) table: Option<LitStr>,
    pub(super) deleted_at: Option<LitStr>,
    pub(super) deleted_by: Option<LitStr>,
    pub(super) archival_id: Option<LitStr>,
}

impl Options {
    pub(super) fn read(entity: &Entity, errors: &mut Errors) -> Self {
        let mut options = Self {
            deleted_by: DeletedBy::default(),
            names: Names::default(),
            edges: Vec::new(),
            hooks: None,
        };
        let mut seen: Vec<String> = Vec::new();
        for item in attr::items(&entity.attrs, "archive", EXAMPLE, errors) {
            let key = item.key();
            if let Some(policy) = Policy::named(&item) {
                options
                    .edges
                    .extend(NamedEdge::read(&policy, &item, errors));
            } else if seen.contains(&key) {
                errors.on(&item, format!("`{key}` is given twice: remove one of them"));
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
            "hooks" => match item.value {
                ItemValue::Word => self.hooks = Some(item.name.clone()),
                _ => errors.on(
                    item,
                    "`hooks` takes no value: write `#[archive(hooks)]`, and the hooks in `impl ArchiveHooks for Entity`",
                ),
            },
            "archival_id_column" => self.names.archival_id = name(item, "archived_in", errors),
            _ => errors.on(
                &item.name,
                format!(
                    "unknown option `{key}`: on the struct, `#[archive(..)]` takes \
                     `deleted_by = \"i64\"`, `table_name = \"..\"`, `deleted_at_column = \"..\"`, \
                     `deleted_by_column = \"..\"`, `archival_id_column = \"..\"`, `hooks`, and `cascade`, \
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
