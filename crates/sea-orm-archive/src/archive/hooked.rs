//! Archives, with the hooks of the entity if it has any.

use sea_orm::{DatabaseTransaction, DbBackend};

use super::execute::execute_plain;
use super::request::Request;
use crate::archival::Model as Archival;
use crate::entity::Archivable;
use crate::error::Error;
use crate::exec::{Executor, check_backend};
use crate::hooks::{Hooks, Work, in_transaction};
use crate::planned::{ArchiveSteps, Planned};

/// Runs the request until it succeeds or fails with an error that a retry cannot resolve.
pub(super) async fn execute<E, C>(
    db: &C,
    request: &Request<E>,
    steps: fn(&Planned) -> &ArchiveSteps,
) -> Result<Vec<Archival>, Error>
where
    E: Archivable,
    C: Executor,
{
    check_backend(db)?;
    match E::hooks() {
        Some(hooks) => {
            let hooked = Hooked {
                request,
                steps,
                hooks,
            };
            in_transaction(db, &hooked).await
        }
        None => execute_plain(db, request, steps).await,
    }
}

/// An archive with hooks.
struct Hooked<'a, E: Archivable> {
    request: &'a Request<E>,
    steps: fn(&Planned) -> &ArchiveSteps,
    hooks: Hooks,
}

impl<E: Archivable> Work for Hooked<'_, E> {
    type Done = Vec<Archival>;

    /// Race: another transaction changes the roots, or adds some. They are locked as the archive locks them before a hook reads them, and
    /// the archive is one of these rows alone.
    async fn run(&self, transaction: &DatabaseTransaction) -> Result<Vec<Archival>, Error> {
        let roots = DbBackend::Postgres.build(&self.request.models());
        let keys = self.hooks.before_archive(roots, transaction).await?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let request = self.request.of_rows(&keys);
        let archived = execute_plain::<E, _>(transaction, &request, self.steps).await?;
        if archived.len() != keys.len() {
            return Err(self.hooks.removed(keys.len(), archived.len()));
        }
        self.hooks.after_archive(&archived, transaction).await?;
        Ok(archived)
    }
}
