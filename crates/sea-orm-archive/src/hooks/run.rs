//! Runs the hooks of an entity in the transaction of a move.

use std::future::Future;
use std::pin::Pin;

use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, Statement, Value,
};

use crate::archival::{self, Model as Archival};
use crate::error::{Error, HookError};
use crate::exec::{Attempts, Executor, Sql, ask_here, begin, finish};

/// What a hook returns. An error rolls back the archive, the restore or the purge, which returns it as
/// [`Error::Hook`].
///
/// `?` converts any error of the application, of SeaORM and of this crate, and `.into()` a text.
pub type HookResult = Result<(), Box<dyn std::error::Error + Send + Sync>>;

type Pinned<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
type OfRoots = for<'a> fn(Statement, &'a DatabaseTransaction) -> Pinned<'a, Result<Keys, Error>>;
type OfArchival = for<'a> fn(&'a Archival, &'a DatabaseTransaction) -> Pinned<'a, HookResult>;
/// The primary keys of rows.
pub(crate) type Keys = Vec<Vec<Value>>;

/// The hooks of an entity, without the trait in the type: verbs exist for every entity.
#[doc(hidden)]
#[derive(Clone)]
pub struct Hooks {
    pub(super) table: String,
    pub(super) before_archive: OfRoots,
    pub(super) after_archive: OfArchival,
    pub(super) restore: [OfArchival; 2],
    pub(super) purge: [OfArchival; 2],
    /// The moves whose hooks must not be skipped.
    pub(super) required: Vec<String>,
}

/// A move with its hooks.
pub(crate) trait Work: Sync {
    type Done: Send;

    fn run(
        &self,
        transaction: &DatabaseTransaction,
    ) -> impl Future<Output = Result<Self::Done, Error>> + Send;
}

/// Runs a move with its hooks in one transaction, and again after a deadlock or a serialization failure, where the transaction is not the
/// caller's.
pub(crate) async fn in_transaction<C, W>(db: &C, work: &W) -> Result<W::Done, Error>
where
    C: Executor,
    W: Work,
{
    let mut attempts = Attempts::of(db);
    loop {
        let transaction = begin(db).await?;
        let outcome = work.run(&transaction).await;
        match finish(transaction, outcome).await {
            Err(error) => attempts.after(error).await?,
            done => return done,
        }
    }
}

/// Runs a move that is a preview, in a transaction that is rolled back. No hook runs.
pub(crate) async fn preview<C, W>(db: &C, work: &W) -> Result<W::Done, Error>
where
    C: Executor,
    W: Work,
{
    let transaction = begin(db).await?;
    let outcome = match allow(&transaction, "*").await {
        Ok(()) => work.run(&transaction).await,
        Err(error) => Err(error),
    };
    transaction.rollback().await?;
    outcome
}

impl Hooks {
    /// Runs the hooks of the rows that a query finds and locks, and returns their keys.
    pub(crate) async fn before_archive(
        &self,
        roots: Statement,
        db: &DatabaseTransaction,
    ) -> Result<Keys, Error> {
        (self.before_archive)(roots, db).await
    }

    /// The error of a root that its hook has removed.
    pub(crate) fn removed(&self, rows: usize, archived: usize) -> Error {
        let problem = format!(
            "of {rows} rows that it has read, {archived} can be archived now: let it neither delete nor archive its root"
        );
        HookError::new(self.table.clone(), "before_archive", problem.into()).into()
    }

    /// Records that the archivals have hooks, and runs those after the archive.
    ///
    /// They are recorded afterwards, since the proof of an archive restores it and runs no hook.
    pub(crate) async fn after_archive(
        &self,
        archivals: &[Archival],
        db: &DatabaseTransaction,
    ) -> Result<(), Error> {
        if !self.required.is_empty() {
            let ids: Vec<_> = archivals.iter().map(|archival| archival.id).collect();
            let sql = Sql {
                text: "SELECT pg_catalog.to_jsonb(archive.declare_hooks($1, $2)) AS result"
                    .to_owned(),
                values: vec![ids.into(), self.required.clone().into()],
            };
            ask_here(db, &sql).await?;
        }
        let hook = self.after_archive;
        self.each("after_archive", hook, archivals, db).await
    }

    pub(crate) async fn before_restore(
        &self,
        ids: &[i64],
        db: &DatabaseTransaction,
    ) -> Result<(), Error> {
        self.before("before_restore", self.restore[0], ids, db)
            .await
    }

    pub(crate) async fn after_restore(
        &self,
        archivals: &[Archival],
        db: &DatabaseTransaction,
    ) -> Result<(), Error> {
        self.after("after_restore", self.restore[1], archivals, db)
            .await
    }

    pub(crate) async fn before_purge(
        &self,
        ids: &[i64],
        db: &DatabaseTransaction,
    ) -> Result<(), Error> {
        self.before("before_purge", self.purge[0], ids, db).await
    }

    pub(crate) async fn after_purge(
        &self,
        ids: &[i64],
        db: &DatabaseTransaction,
    ) -> Result<(), Error> {
        let mut purged = records(ids, db).await?;
        purged.retain(|archival| archival.purged_at.is_some());
        self.after("after_purge", self.purge[1], &purged, db).await
    }

    /// Runs the hooks before a move, and then lets the database move these archivals. A hook may have moved others meanwhile.
    async fn before(
        &self,
        name: &'static str,
        hook: OfArchival,
        ids: &[i64],
        db: &DatabaseTransaction,
    ) -> Result<(), Error> {
        let archivals = records(ids, db).await?;
        self.each(name, hook, &archivals, db).await?;
        let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
        allow(db, &ids.join(",")).await
    }

    /// Runs the hooks after a move. The database no longer lets other calls of the transaction move what the move has left out.
    async fn after(
        &self,
        name: &'static str,
        hook: OfArchival,
        archivals: &[Archival],
        db: &DatabaseTransaction,
    ) -> Result<(), Error> {
        allow(db, "").await?;
        self.each(name, hook, archivals, db).await
    }

    async fn each(
        &self,
        name: &'static str,
        hook: OfArchival,
        archivals: &[Archival],
        db: &DatabaseTransaction,
    ) -> Result<(), Error> {
        for archival in archivals {
            let done = hook(archival, db).await;
            done.map_err(|source| HookError::new(self.table.clone(), name, source))?;
        }
        Ok(())
    }
}

async fn records(ids: &[i64], db: &DatabaseTransaction) -> Result<Vec<Archival>, Error> {
    let mut records = Vec::new();
    // A statement takes 65,535 values.
    for ids in ids.chunks(10_000) {
        let found = archival::Entity::find()
            .filter(archival::Column::Id.is_in(ids.iter().copied()))
            .order_by_asc(archival::Column::Id)
            .all(db);
        records.extend(found.await?);
    }
    Ok(records)
}

/// Lets the database restore or purge archivals with hooks in this transaction: these ids, any with `*`, or none.
pub(crate) async fn allow(transaction: &DatabaseTransaction, ids: &str) -> Result<(), Error> {
    let sql = Sql {
        text:
            "SELECT pg_catalog.to_jsonb(pg_catalog.set_config('archive.hooked', $1, true)) AS result"
                .to_owned(),
        values: vec![ids.to_owned().into()],
    };
    ask_here(transaction, &sql).await?;
    Ok(())
}
