//! Begins transactions. No other code of this crate calls SeaORM's `begin`: `clippy.toml` refuses it.

use sea_orm::{DatabaseTransaction, DbErr, RuntimeErr, TransactionTrait};
use tokio::runtime::Handle;
use tracing::Instrument;

use super::Executor;

/// Begins a transaction on a pool, or a savepoint in a transaction.
///
/// On a pool BEGIN runs in a task of its own. The driver forgets a BEGIN whose future is dropped before the
/// response arrives. The pool would then lend a connection in a transaction that is never ended, and the writes
/// of the next request would be lost in it. The task completes the BEGIN, and a transaction without an owner is
/// rolled back.
///
/// A savepoint belongs to the transaction of the caller, who rolls it back or drops it. In a transaction that an error has aborted
/// there is none: after a SAVEPOINT that fails the driver ends the whole transaction, and would commit each later statement on its
/// own. So a statement asks first.
pub(crate) async fn begin(db: &impl Executor) -> Result<DatabaseTransaction, DbErr> {
    let (Some(pool), Ok(runtime)) = (db.pool().cloned(), Handle::try_current()) else {
        if !db.is_pool() {
            db.execute_unprepared("SELECT 1").await?;
        }
        return begin_here(&db.executor()).await;
    };
    let begin = async move { begin_here(&pool).await };
    let begun = runtime.spawn(begin.in_current_span()).await;
    begun.map_err(|error| DbErr::Conn(RuntimeErr::Internal(error.to_string())))?
}

#[allow(
    clippy::disallowed_methods,
    reason = "the only call, guarded by `begin`"
)]
async fn begin_here<C>(db: &C) -> Result<DatabaseTransaction, DbErr>
where
    C: TransactionTrait<Transaction = DatabaseTransaction>,
{
    db.begin().await
}
