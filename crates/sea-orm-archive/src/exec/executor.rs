//! The types of connections that a verb runs on.

use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseExecutor, DatabaseTransaction};

/// A connection that the verbs of this crate run on: a `DatabaseConnection`, a `DatabaseTransaction`, a
/// `DatabaseExecutor`, or what a migration gets from `manager.get_connection()`.
///
/// On a `DatabaseConnection` a verb is one transaction, and is retried after a deadlock or a serialization
/// failure. In a transaction a verb is a savepoint: an error leaves the transaction usable, and nothing is
/// retried.
///
/// ```no_run
/// # use sea_orm_archive::prelude::*;
/// # use sea_orm_archive::{Executor, archival};
/// /// Restores an archival on a pool or in a transaction of the caller.
/// async fn undo(db: &impl Executor, archival: i64) -> Result<(), Error> {
///     archival::Entity::restore_by_id(archival).exec(db).await?;
///     Ok(())
/// }
/// ```
pub trait Executor: ConnectionTrait + sealed::Sealed {
    /// The connection as SeaORM's enum of connections.
    #[doc(hidden)]
    fn executor(&self) -> DatabaseExecutor<'_>;

    /// The pool, if this is one. On a pool each statement is a transaction of its own.
    #[doc(hidden)]
    fn pool(&self) -> Option<&DatabaseConnection>;

    /// Whether each statement is a transaction of its own.
    #[doc(hidden)]
    fn is_pool(&self) -> bool {
        self.pool().is_some()
    }
}

impl Executor for DatabaseConnection {
    fn executor(&self) -> DatabaseExecutor<'_> {
        self.into()
    }

    fn pool(&self) -> Option<&DatabaseConnection> {
        Some(self)
    }
}

impl Executor for DatabaseTransaction {
    fn executor(&self) -> DatabaseExecutor<'_> {
        self.into()
    }

    fn pool(&self) -> Option<&DatabaseConnection> {
        None
    }
}

impl Executor for DatabaseExecutor<'_> {
    fn executor(&self) -> DatabaseExecutor<'_> {
        match self {
            Self::Connection(pool) => DatabaseExecutor::Connection(pool),
            Self::Transaction(transaction) => DatabaseExecutor::Transaction(transaction),
            Self::OwnedTransaction(transaction) => DatabaseExecutor::Transaction(transaction),
        }
    }

    fn pool(&self) -> Option<&DatabaseConnection> {
        match self {
            Self::Connection(pool) => Some(pool),
            Self::Transaction(_) | Self::OwnedTransaction(_) => None,
        }
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for sea_orm::DatabaseConnection {}
    impl Sealed for sea_orm::DatabaseTransaction {}
    impl Sealed for sea_orm::DatabaseExecutor<'_> {}
}
