//! Reads versions as they were known at a time.

use sea_orm::{ColumnTrait, QueryFilter, Select};

use super::changes::{Changes, Gaps};
use super::entity::History;
use super::identity_values;
use super::recorded_at::{Known, time};

/// The reads on the versions as they were known at a time. Created by
/// [`HistoryEntity::as_known_at`](super::HistoryEntity::as_known_at).
#[derive(Clone, Debug)]
pub struct AsKnownAt<E: History> {
    pub(super) known: Known<E>,
}

impl<E: History> AsKnownAt<E> {
    /// The version of an identity that is valid at a time, as it was known.
    pub fn find_version_at(&self, identity: impl Into<E::Identity>, at: E::Time) -> Select<E> {
        self.known
            .find_version_at(&identity_values::<E>(identity), time::<E>(Some(at)))
    }

    /// The versions of all identities that are valid at a time, as they were known.
    pub fn find_valid_at(&self, at: E::Time) -> Select<E> {
        self.known.find_valid_at(time::<E>(Some(at)))
    }

    /// The versions of an identity as they were known, in no order.
    pub fn find_versions(&self, identity: impl Into<E::Identity>) -> Select<E> {
        self.known.find_versions(&identity_values::<E>(identity))
    }

    /// [`find_versions`](Self::find_versions), the oldest first.
    pub fn find_timeline(&self, identity: impl Into<E::Identity>) -> Select<E> {
        self.known.find_timeline(&identity_values::<E>(identity))
    }

    /// The versions of an identity that were scheduled to start after a time.
    pub fn find_scheduled_after(
        &self,
        identity: impl Into<E::Identity>,
        after: E::Time,
    ) -> Select<E> {
        self.find_timeline(identity)
            .filter(E::columns().valid_from.gt(after))
    }

    /// The changes of a column, as they were known.
    pub fn find_changes(&self, column: E::Column) -> Changes<E> {
        Changes::new(self.known.clone(), column)
    }

    /// The gaps between versions, as they were known.
    pub fn find_gaps(&self) -> Gaps<E> {
        Gaps::new(self.known.clone())
    }
}
