//! Hooks: code of the application that runs in the transaction of an archive, a restore or a purge.
//!
//! An entity declares them with `#[archive(hooks)]`, and implements [`ArchiveHooks`]. Every verb of the entity runs them, once for each root:
//!
//! ```no_run
//! mod post {
//!     use sea_orm::DatabaseTransaction;
//!     use sea_orm::entity::prelude::*;
//!     use sea_orm_archive::prelude::*;
//!
//!     #[sea_orm::model]
//!     #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
//!     #[sea_orm(table_name = "posts")]
//!     #[archive(deleted_by = "i64", hooks)]
//!     pub struct Model {
//!         #[sea_orm(primary_key)]
//!         pub id: i64,
//!         pub pinned: bool,
//!     }
//!
//!     impl ActiveModelBehavior for ActiveModel {}
//!
//!     impl ArchiveHooks for Entity {
//!         async fn before_archive(root: &Model, _db: &DatabaseTransaction) -> HookResult {
//!             match root.pinned {
//!                 true => Err("unpin the post first".into()),
//!                 false => Ok(()),
//!             }
//!         }
//!     }
//! }
//! ```

mod part_of;
pub(crate) mod run;

use std::future::{Future, ready};

use sea_orm::{DatabaseTransaction, FromQueryResult, Statement};

use crate::archival::Model as Archival;
use crate::entity::Archivable;
use crate::error::{Error, HookError};
use crate::exec::Repreparing;
use crate::row::{key_of, table_name};

pub(crate) use part_of::{PartOf, has_hooks_of};
use run::Keys;
pub use run::{HookResult, Hooks};
pub(crate) use run::{Work, allow, in_transaction, preview};

/// The hooks of an entity, which run in the transaction of the move.
///
/// Each runs once for a root, and not for the rows below it, whose entities may have hooks for roots of their own. Where several roots move in
/// one call, the hooks before it run for all of them first. On a pool a call is tried again after a deadlock, with its hooks: let them
/// do only what a rollback undoes, and let other systems follow the [events](crate::event).
///
/// An archival of the entity is then restored and purged only by verbs that run the hooks: those of the entity. `archival.restore(&db)`,
/// `archival::Entity::purge_expired()`, SQL, and a restore of another row with its parents are
/// [`RefusedError::SkippedHooks`](crate::error::RefusedError::SkippedHooks), or leave the archival out. Previews and rehearsals run no hook.
#[diagnostic::on_unimplemented(
    message = "`{Self}` declares hooks and has none",
    label = "implement `ArchiveHooks` for this entity",
    note = "write `impl ArchiveHooks for Entity {{ .. }}`, or remove `hooks` from `#[archive(..)]`"
)]
pub trait ArchiveHooks: Archivable<Model: Sync> + DeclaresHooks {
    /// Whether there are hooks of a restore. With `false` other calls may restore archivals of this entity, too.
    const OF_RESTORES: bool = true;

    /// Whether there are hooks of a purge. With `false` other calls may purge archivals of this entity, too.
    const OF_PURGES: bool = true;

    /// Runs before the root is archived. The row is locked.
    fn before_archive(
        root: &Self::Model,
        db: &DatabaseTransaction,
    ) -> impl Future<Output = HookResult> + Send {
        let _ = (root, db);
        ready(Ok(()))
    }

    /// Runs after the root and the rows below it were archived.
    fn after_archive(
        archival: &Archival,
        db: &DatabaseTransaction,
    ) -> impl Future<Output = HookResult> + Send {
        let _ = (archival, db);
        ready(Ok(()))
    }

    /// Runs before an archival is restored; also before it is skipped because of conflicts. A restore of some of its rows, or of copies,
    /// is one of the archival that they are in.
    fn before_restore(
        archival: &Archival,
        db: &DatabaseTransaction,
    ) -> impl Future<Output = HookResult> + Send {
        let _ = (archival, db);
        ready(Ok(()))
    }

    /// Runs after the rows are back. The archival has `restored_at`; of some rows, or of copies, it is their own.
    fn after_restore(
        archival: &Archival,
        db: &DatabaseTransaction,
    ) -> impl Future<Output = HookResult> + Send {
        let _ = (archival, db);
        ready(Ok(()))
    }

    /// Runs before the rows of an archival are deleted for good; also before it is left out because of a hold.
    fn before_purge(
        archival: &Archival,
        db: &DatabaseTransaction,
    ) -> impl Future<Output = HookResult> + Send {
        let _ = (archival, db);
        ready(Ok(()))
    }

    /// Runs after the rows were deleted. The archival has `purged_at`.
    fn after_purge(
        archival: &Archival,
        db: &DatabaseTransaction,
    ) -> impl Future<Output = HookResult> + Send {
        let _ = (archival, db);
        ready(Ok(()))
    }
}

/// `#[archive(hooks)]` is on the entity.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the hooks of `{Self}` would never run",
    label = "`hooks` is missing in `#[archive(..)]` on the Model",
    note = "write `#[archive(hooks)]`, beside the other options"
)]
pub trait DeclaresHooks {}

impl Hooks {
    /// Those of the trait.
    pub fn of<E: ArchiveHooks>() -> Self {
        let required = [("restore", E::OF_RESTORES), ("purge", E::OF_PURGES)];
        let required = required.into_iter().filter(|(_, is_required)| *is_required);
        Self {
            table: table_name::<E>(),
            before_archive: |roots, db| Box::pin(before_archive::<E>(roots, db)),
            after_archive: |archival, db| Box::pin(E::after_archive(archival, db)),
            restore: [
                |archival, db| Box::pin(E::before_restore(archival, db)),
                |archival, db| Box::pin(E::after_restore(archival, db)),
            ],
            purge: [
                |archival, db| Box::pin(E::before_purge(archival, db)),
                |archival, db| Box::pin(E::after_purge(archival, db)),
            ],
            required: required.map(|(verb, _)| verb.to_owned()).collect(),
        }
    }
}

/// Reads the roots, runs the hook for each, and returns their keys.
async fn before_archive<E: ArchiveHooks>(
    roots: Statement,
    db: &DatabaseTransaction,
) -> Result<Keys, Error> {
    let roots = E::Model::find_by_statement(roots)
        .all(&Repreparing(db))
        .await?;
    for root in &roots {
        let done = E::before_archive(root, db).await;
        done.map_err(|source| HookError::new(table_name::<E>(), "before_archive", source))?;
    }
    Ok(roots.iter().map(key_of).collect())
}
