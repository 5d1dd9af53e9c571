//! Whether row-level security still is what the migrations made.
//!
//! A policy that is dropped, a table that is no longer forced, a grant on a twin alone: nothing of it is an error when
//! it happens. [`check`] finds it, for operators and for tests.
//!
//! ```no_run
//! # async fn run(db: sea_orm::DatabaseConnection) -> Result<(), sea_orm_archive::Error> {
//! for disparity in sea_orm_archive::tenancy::check(&db).await? {
//!     eprintln!("{disparity}");
//! }
//! # Ok(())
//! # }
//! ```

use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Statement};
use sea_orm_archive_postgres::schema;

use crate::error::Error;
use crate::exec::{Executor, begin, check_backend};

/// Something that is not as `enable_tenancy` made it.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult, serde::Serialize)]
pub struct Disparity {
    /// The table or the function, as `schema.name`.
    pub object: String,
    /// What is wrong with it.
    pub problem: String,
    /// The way out.
    pub remedy: String,
}

impl std::fmt::Display for Disparity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            object,
            problem,
            remedy,
        } = self;
        write!(f, "{object} {problem}: {remedy}")
    }
}

/// Compares every table under tenancy, its partitions, twin and histories, the ledger, the detached links and the audit
/// log with what `enable_tenancy` made; empty where nothing differs.
///
/// It reads the catalog and the registers, and changes nothing:
///
/// ```sql
/// SELECT .. FROM archive.tenancy_object FULL JOIN archive.tenancy_found ..; -- policies and guards
/// SELECT .. FROM archive.tenancy_scope JOIN pg_class ..;                    -- row security enabled and forced
/// SELECT .. FROM archive.archived_table, aclexplode(..) ..;                 -- grants of twins
/// ```
///
/// # Errors
///
/// [`SetupError::NotInstalled`] where the archive is missing or knows no tenancy, [`Error::Database`] otherwise,
/// for one where the role was not given `grant_archive`.
///
/// [`SetupError::NotInstalled`]: crate::error::SetupError::NotInstalled
pub async fn check<C>(db: &C) -> Result<Vec<Disparity>, Error>
where
    C: Executor,
{
    check_backend(db)?;
    let transaction = begin(db).await?;
    let found = disparities(&transaction).await;
    sea_orm::TransactionSession::rollback(transaction).await?;
    found
}

async fn disparities<C: ConnectionTrait>(db: &C) -> Result<Vec<Disparity>, Error> {
    // PostgreSQL leaves out the schemas of the search_path where it writes an expression down.
    db.execute_unprepared(
        "SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true)",
    )
    .await?;
    let ask = |sql| Disparity::find_by_statement(Statement::from_string(DbBackend::Postgres, sql));
    let mut found = ask(schema::tenancy::CHECK).all(db).await?;
    let log = "SELECT pg_catalog.to_regclass('archive.audited_table') IS NOT NULL AS installed";
    let log = db.query_one_raw(Statement::from_string(DbBackend::Postgres, log));
    if matches!(log.await?, Some(row) if row.try_get("", "installed")?) {
        found.extend(ask(schema::tenancy::CHECK_LOG).all(db).await?);
    }
    Ok(found)
}
