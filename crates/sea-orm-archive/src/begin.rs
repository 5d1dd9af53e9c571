//! Beginning a transaction. Nothing else of this crate calls `begin` of SeaORM: `clippy.toml` refuses it.

use std::any::Any;

use sea_orm::{
    DatabaseConnection, DatabaseExecutor, DatabaseTransaction, DbErr, RuntimeErr, TransactionTrait,
};
use tokio::runtime::Handle;
use tracing::Instrument;

/// Begins a transaction on a pool, or a savepoint in a transaction.
///
/// On a pool it runs in a task of its own. The driver forgets a BEGIN whose future is dropped before the answer
/// arrives, so the pool would lend a connection that is in a transaction which nothing ends: the writes of the next
/// request would be lost in it. The task completes the BEGIN, and a transaction that nobody takes is rolled back.
///
/// A savepoint belongs to the transaction of the caller, which is rolled back or dropped by the caller.
pub(crate) async fn begin<C>(db: &C) -> Result<C::Transaction, DbErr>
where
    C: TransactionTrait + 'static,
{
    let (Some(pool), Ok(runtime)) = (pool(db), Handle::try_current()) else {
        return begin_here(db).await;
    };
    let begin = async move { begin_here(&pool).await };
    let begun = runtime.spawn(begin.in_current_span()).await;
    let begun = begun.map_err(|error| internal(&error.to_string()))??;
    of_connection::<C>(begun)
}

/// The pool that `db` is; none where it is a transaction.
fn pool<C: 'static>(db: &C) -> Option<DatabaseConnection> {
    let db: &dyn Any = db;
    match db.downcast_ref::<DatabaseExecutor<'static>>() {
        Some(DatabaseExecutor::Connection(pool)) => Some((*pool).clone()),
        Some(_) => None,
        None => db.downcast_ref::<DatabaseConnection>().cloned(),
    }
}

/// The same transaction under the name that `C` has for it: the type that [`pool`] found says that it is one.
fn of_connection<C: TransactionTrait + 'static>(
    begun: DatabaseTransaction,
) -> Result<C::Transaction, DbErr> {
    let begun: Box<dyn Any> = Box::new(begun);
    match begun.downcast() {
        Ok(begun) => Ok(*begun),
        Err(_) => Err(internal("the connection has transactions of another type")),
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the one place that calls it, guarded by `begin`"
)]
async fn begin_here<C: TransactionTrait>(db: &C) -> Result<C::Transaction, DbErr> {
    db.begin().await
}

fn internal(text: &str) -> DbErr {
    DbErr::Conn(RuntimeErr::Internal(text.to_owned()))
}
