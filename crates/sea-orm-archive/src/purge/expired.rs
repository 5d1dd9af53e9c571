//! Purges what the retention rules let expire.

use sea_orm::{ConnectionTrait, Value};
use tracing::Instrument;

use super::call::{guarded, read, rows};
use super::many::span;
use crate::decode;
use crate::error::Error;
use crate::exec::{
    Attempts, Executor, Sql, ask, ask_here, begin, check_backend, finish, value_text,
};
use crate::report::{ExpiredPolicy, PurgedExpired};

/// How many archivals a batch has where the caller does not choose.
const BATCH: u32 = 1_000;

/// Purges what the retention rules let expire. Created by
/// [`archival::Entity::purge_expired`](crate::archival::Entity::purge_expired).
#[derive(Clone, Debug)]
#[must_use = "nothing is purged before `.exec(&db)`"]
pub struct PurgeExpired {
    by: Option<String>,
    most: u32,
}

impl PurgeExpired {
    pub(crate) fn new() -> Self {
        Self {
            by: None,
            most: BATCH,
        }
    }

    /// Who purges: `purged_by` in the archival table.
    pub fn by(mut self, actor: impl Into<Value>) -> Self {
        self.by = value_text(&actor.into());
        self
    }

    /// Purges at most `archivals` in a transaction, or as many versions or records, the oldest first, until none is left.
    pub fn in_batches(mut self, archivals: u32) -> PurgeExpiredBatches {
        self.most = archivals.clamp(1, i32::MAX.unsigned_abs());
        PurgeExpiredBatches { expired: self }
    }

    /// Purges everything that has expired, 1,000 archivals in a transaction of their own; in a transaction of the caller in savepoints.
    ///
    /// Whether an archival has expired is decided again after it is locked, by the rules and with the metadata of that moment. An
    /// archival that another transaction has locked is left out: it is restored, or purged by the next call. After the archivals,
    /// versions of histories, records of archivals and months of the audit log are deleted, where rules let them expire. A version to
    /// which a row refers stays, and so does the last version of an identity.
    ///
    /// A batch is `SELECT archive.purge_expired(1000, ..)`. It runs at READ COMMITTED.
    ///
    /// # Errors
    ///
    /// As [`PurgeArchival::exec`](crate::PurgeArchival::exec), for the archivals of one batch; the batches before it stay purged.
    /// [`RefusedError::IsolationLevel`] in a transaction of the caller above READ COMMITTED.
    ///
    /// [`RefusedError::IsolationLevel`]: crate::error::RefusedError::IsolationLevel
    pub async fn exec<C>(self, db: &C) -> Result<PurgedExpired, Error>
    where
        C: Executor,
    {
        check_backend(db)?;
        let mut all = PurgedExpired::default();
        loop {
            let batch = self.batch(db).await?;
            let more = batch.more;
            all.add(batch);
            if !more {
                return Ok(all);
            }
        }
    }

    /// What has expired now: for each rule and table of roots how many archivals, and when the oldest was archived; then records of
    /// archivals, entries of the audit log, and versions of histories.
    ///
    /// One statement, `SELECT * FROM archive.preview_expired()`, that deletes nothing.
    ///
    /// # Errors
    ///
    /// [`SetupError::NotInstalled`](crate::error::SetupError::NotInstalled), and errors of the database.
    pub async fn preview<C>(self, db: &C) -> Result<Vec<ExpiredPolicy>, Error>
    where
        C: Executor,
    {
        check_backend(db)?;
        rows(
            db,
            "SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('policy', e.policy, 'table', e.table_name, \
             'expired', e.expired, 'oldest', pg_catalog.timezone('UTC', e.oldest))), '[]') FROM archive.preview_expired() AS e",
        )
        .await
        .map(|found: Vec<Found>| found.into_iter().map(ExpiredPolicy::from).collect())
    }

    /// Purges one batch.
    async fn batch<C: Executor>(&self, db: &C) -> Result<PurgedExpired, Error> {
        let span = span("expired");
        let mut attempts = Attempts::of(db);
        loop {
            match self.batch_once(db).instrument(span.clone()).await {
                Err(error) => attempts.after(error).await?,
                Ok(batch) => {
                    span.record("archivals", batch.archivals);
                    span.record("rows", batch.rows.values().sum::<u64>());
                    span.in_scope(|| tracing::debug!("purged"));
                    return Ok(batch);
                }
            }
        }
    }

    async fn batch_once<C: Executor>(&self, db: &C) -> Result<PurgedExpired, Error> {
        let mut sql = Sql {
            text: String::new(),
            values: Vec::new(),
        };
        let (most, by) = (
            sql.bind(i32::try_from(self.most).unwrap_or(i32::MAX)),
            sql.bind(self.by.clone()),
        );
        let call = guarded(&format!("archive.purge_expired({most}, {by})"));
        sql.text = format!("SELECT {call} AS result");
        if !db.is_pool() {
            return read(ask(db, &sql).await?);
        }
        let transaction = begin(db).await?;
        let level = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED";
        let outcome = match transaction.execute_unprepared(level).await {
            Ok(_) => ask_here(&transaction, &sql).await,
            Err(error) => Err(error.into()),
        };
        read(finish(transaction, outcome).await?)
    }
}

/// A line of a preview as the database returns it.
#[derive(serde::Deserialize)]
struct Found {
    policy: String,
    table: String,
    expired: u64,
    oldest: String,
}

impl From<Found> for ExpiredPolicy {
    fn from(found: Found) -> Self {
        Self {
            policy: found.policy,
            table: found.table,
            expired: found.expired,
            oldest: decode::time(&found.oldest),
        }
    }
}

/// Purges what has expired in batches. Created by [`PurgeExpired::in_batches`].
#[derive(Clone, Debug)]
#[must_use = "nothing is purged before `.next(&db)`"]
pub struct PurgeExpiredBatches {
    expired: PurgeExpired,
}

impl PurgeExpiredBatches {
    /// Purges the next batch, and returns what was deleted; `None` when nothing is left that has expired.
    ///
    /// On a pool each batch is a transaction of its own, of whole archivals. It can be called beside traffic, by several workers, and
    /// again after an error or in another process.
    ///
    /// # Errors
    ///
    /// As [`PurgeExpired::exec`], for this batch.
    pub async fn next<C>(&mut self, db: &C) -> Result<Option<PurgedExpired>, Error>
    where
        C: Executor,
    {
        check_backend(db)?;
        let batch = self.expired.batch(db).await?;
        Ok(batch.more.then_some(batch))
    }
}
