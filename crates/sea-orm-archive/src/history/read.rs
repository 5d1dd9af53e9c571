//! Reads of the versions as they were known at a time.

use sea_orm::{ColumnTrait, QueryFilter, Select};

use super::changes::{Changes, Gaps};
use super::entity::History;
use super::identity_values;
use super::recorded_at::{Known, time};

/// The versions as they were known at a time, for every read. Made by
/// [`HistoryEntity::as_known_at`](super::HistoryEntity::as_known_at).
#[derive(Clone, Debug)]
pub struct AsKnownAt<E: History> {
    pub(super) known: Known<E>,
}

impl<E: History> AsKnownAt<E> {
    /// The version of an identity that was thought to be valid at a time.
    pub fn version_at(&self, identity: impl Into<E::Identity>, at: E::Time) -> Select<E> {
        self.known
            .version_at(&identity_values::<E>(identity), time::<E>(Some(at)))
    }

    /// The versions of all identities that were thought to be valid at a time.
    pub fn valid_at(&self, at: E::Time) -> Select<E> {
        self.known.valid_at(time::<E>(Some(at)))
    }

    /// The versions of an identity as they were known, in order.
    pub fn timeline(&self, identity: impl Into<E::Identity>) -> Select<E> {
        self.known.timeline(&identity_values::<E>(identity))
    }

    /// The versions of an identity that were going to start after a time.
    pub fn scheduled_after(&self, identity: impl Into<E::Identity>, after: E::Time) -> Select<E> {
        self.timeline(identity)
            .filter(E::columns().valid_from.gt(after))
    }

    /// What was known to change in a column.
    pub fn changes(&self, column: E::Column) -> Changes<E> {
        Changes::new(self.known.clone(), column)
    }

    /// The gaps that were known.
    pub fn gaps(&self) -> Gaps<E> {
        Gaps::new(self.known.clone())
    }
}
