//! Beginning a transaction. Nothing else of this crate calls `begin` of SeaORM: `clippy.toml` refuses it.

use sea_orm::{DatabaseTransaction, DbErr, RuntimeErr, TransactionTrait};
use tokio::runtime::Handle;
use tracing::Instrument;

use super::Executor;

/// Begins a transaction on a pool, or a savepoint in a transaction.
///
/// On a pool it runs in a task of its own. The driver forgets a BEGIN whose future is dropped before the answer
/// arrives, so the pool would lend a connection that is in a transaction which nothing ends: the writes of the next
/// request would be lost in it. The task completes the BEGIN, and a transaction that nobody takes is rolled back.
///
/// A savepoint belongs to the transaction of the caller, which is rolled back or dropped by the caller.
pub(crate) async fn begin(db: &impl Executor) -> Result<DatabaseTransaction, DbErr> {
    let (Some(pool), Ok(runtime)) = (db.pool().cloned(), Handle::try_current()) else {
        return begin_here(&db.executor()).await;
    };
    let begin = async move { begin_here(&pool).await };
    let begun = runtime.spawn(begin.in_current_span()).await;
    begun.map_err(|error| DbErr::Conn(RuntimeErr::Internal(error.to_string())))?
}

#[allow(
    clippy::disallowed_methods,
    reason = "the one place that calls it, guarded by `begin`"
)]
async fn begin_here<C>(db: &C) -> Result<DatabaseTransaction, DbErr>
where
    C: TransactionTrait<Transaction = DatabaseTransaction>,
{
    db.begin().await
}
