//! The policies that an attribute can name.

use proc_macro2::Ident;

use crate::{attr::Item, naming};

/// What archiving does to the child rows, as the identifier in the attribute.
#[derive(Clone)]
pub(super) struct Policy(pub(super) Ident);

impl Policy {
    /// The policy that the first word of an item names.
    pub(super) fn named(item: &Item) -> Option<Self> {
        ["cascade", "detach", "restrict"]
            .contains(&item.key().as_str())
            .then(|| Self(item.name.clone()))
    }

    pub(super) fn word(&self) -> String {
        naming::plain(&self.0)
    }
}
