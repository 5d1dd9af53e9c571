//! The verbs, as methods of a history entity.

use sea_orm::prelude::DateTimeUtc;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{QueryFilter, Select};

use super::change::{Change, Correct};
use super::changes::{Changes, Gaps};
use super::coalesce::Coalesce;
use super::entity::{Bitemporal, History};
use super::identity_values;
use super::lifecycle::{End, Merge, Start};
use super::read::AsKnownAt;
use super::recorded_at::{Known, own_name, time};
use super::schedule::{Cancel, Reschedule};

/// The verbs of a history entity: `department_history::Entity::change(4)`.
///
/// Periods are half-open: a version is valid from its start until just before its end. Every write
/// locks the row of the identity first, so that of two writes the second starts from the result of the first.
pub trait HistoryEntity: History {
    /// Starts a version where there is none: the first one, or one after a gap.
    fn start(identity: impl Into<Self::Identity>) -> Start<Self> {
        Start::new(identity_values::<Self>(identity))
    }

    /// Changes values from a time on, or for a period.
    fn change(identity: impl Into<Self::Identity>) -> Change<Self> {
        Change::new(identity_values::<Self>(identity))
    }

    /// Corrects the version that is valid at a time, for all of its period.
    fn correct(identity: impl Into<Self::Identity>, at: Self::Time) -> Correct<Self> {
        Correct::new(identity_values::<Self>(identity), at)
    }

    /// Ends the last version of the identity. The row of the identity is not deleted.
    fn end(identity: impl Into<Self::Identity>) -> End<Self> {
        End::new(identity_values::<Self>(identity))
    }

    /// Ends one identity, which continues as another: `merge(sales).into_identity(marketing)`.
    fn merge(identity: impl Into<Self::Identity>) -> Merge<Self> {
        Merge::new(identity_values::<Self>(identity))
    }

    /// Cancels the version that is scheduled to start at that time.
    fn cancel(identity: impl Into<Self::Identity>, starts: Self::Time) -> Cancel<Self> {
        Cancel::new(identity_values::<Self>(identity), starts)
    }

    /// Moves the version that is scheduled to start at one time to another.
    fn reschedule(
        identity: impl Into<Self::Identity>,
        starts: Self::Time,
        to: Self::Time,
    ) -> Reschedule<Self> {
        Reschedule::new(identity_values::<Self>(identity), starts, to)
    }

    /// Merges neighbours with equal values into one version.
    fn coalesce(identity: impl Into<Self::Identity>) -> Coalesce<Self> {
        Coalesce::new(identity_values::<Self>(identity))
    }

    /// The version of an identity that is valid at a time: `.one(&db)`.
    ///
    /// One step down the btree on the identity and the start, however many versions there are.
    fn find_version_at(identity: impl Into<Self::Identity>, at: Self::Time) -> Select<Self> {
        Known::now().find_version_at(&identity_values::<Self>(identity), time::<Self>(Some(at)))
    }

    /// The version of an identity that is valid now: `.one(&db)`.
    fn find_current_version(identity: impl Into<Self::Identity>) -> Select<Self> {
        Known::now().find_version_at(&identity_values::<Self>(identity), time::<Self>(None))
    }

    /// The versions of all identities that are valid at a time, to filter and join on.
    fn find_valid_at(at: Self::Time) -> Select<Self> {
        Known::now().find_valid_at(time::<Self>(Some(at)))
    }

    /// The versions of all identities that are valid now, to filter and join on.
    fn find_current() -> Select<Self> {
        Known::now().find_valid_at(time::<Self>(None))
    }

    /// The versions of an identity, past, present and scheduled, in no order.
    fn find_versions(identity: impl Into<Self::Identity>) -> Select<Self> {
        Known::now().find_versions(&identity_values::<Self>(identity))
    }

    /// [`find_versions`](Self::find_versions), the oldest first.
    fn find_timeline(identity: impl Into<Self::Identity>) -> Select<Self> {
        Known::now().find_timeline(&identity_values::<Self>(identity))
    }

    /// The versions of an identity that start later than now, in order.
    fn find_scheduled(identity: impl Into<Self::Identity>) -> Select<Self> {
        let starts = Expr::col((own_name::<Self>(), Self::columns().valid_from));
        Self::find_timeline(identity).filter(starts.gt(time::<Self>(None)))
    }

    /// The changes of a column, with the versions before and after:
    /// `find_changes(Column::Name).from_value("Engineering")`.
    fn find_changes(column: Self::Column) -> Changes<Self> {
        Changes::new(Known::now(), column)
    }

    /// The gaps between two versions of an identity.
    fn find_gaps() -> Gaps<Self> {
        Gaps::new(Known::now())
    }

    /// All reads on the versions as they were known at a time, for an entity that is `#[history(bitemporal)]`.
    fn as_known_at(known: DateTimeUtc) -> AsKnownAt<Self>
    where
        Self: Bitemporal,
    {
        AsKnownAt {
            known: Known::at(known),
        }
    }
}

impl<E: History> HistoryEntity for E {}
