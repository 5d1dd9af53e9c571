//! Transactions with a context.

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, QueryResult, Statement,
    Value,
};

use super::{Context, WorkError};
use crate::error::{Error, unexpected_answer};
use crate::exec::{Attempts, Executor, begin, check_backend};

/// The context of the outer transaction, to be restored after a nested one.
struct Outer {
    settings: [Option<String>; 4],
    role: String,
}

impl Context {
    /// Begins a transaction that has this context until its end.
    ///
    /// After BEGIN one statement sets the settings for this transaction only, as `set_config(.., is_local =>
    /// true)` does. After the commit or rollback the connection has no context. In a transaction that is open
    /// already use [`run`](Self::run), which restores the outer context.
    ///
    /// # Errors
    ///
    /// [`RefusedError::ZeroByte`] where a text contains a zero byte, [`SetupError::NotInstalled`], and those of the
    /// database: for example that the login role may not take the [`role`](Self::role).
    ///
    /// [`RefusedError::ZeroByte`]: crate::error::RefusedError::ZeroByte
    /// [`SetupError::NotInstalled`]: crate::error::SetupError::NotInstalled
    pub async fn begin(&self, db: &DatabaseConnection) -> Result<DatabaseTransaction, Error> {
        let (transaction, _) = self.open(db).await?;
        Ok(transaction)
    }

    /// Runs `work` in a transaction with this context: commits when it succeeds, rolls back when it fails.
    ///
    /// On a `DatabaseConnection` a deadlock or a serialization failure (40P01, 40001) runs the work again, ten
    /// times at most, so `work` must be repeatable. In a transaction of the caller it is a savepoint: nothing
    /// is retried, and the outer context is restored at the end.
    ///
    /// In a web handler, or any other task that may move between threads, write `async move |txn| ..`: the
    /// compiler cannot prove yet that a closure that borrows its environment is `Send`.
    ///
    /// The work returns `anyhow::Error`, `DbErr`, this crate's [`Error`], or any other [`WorkError`].
    ///
    /// # Errors
    ///
    /// Those of `work`, and those of [`begin`](Self::begin).
    pub async fn run<C, T, E, F, Form>(&self, db: &C, work: F) -> Result<T, E>
    where
        C: Executor,
        F: AsyncFn(&DatabaseTransaction) -> Result<T, E>,
        E: WorkError<Form>,
    {
        let mut attempts = Attempts::of(db);
        loop {
            let (transaction, outer) = self.open(db).await?;
            let done = match work(&transaction).await {
                Ok(value) => close(transaction, outer)
                    .await
                    .map(|()| value)
                    .map_err(E::from),
                Err(error) => {
                    // The rollback of a savepoint restores the outer settings.
                    transaction.rollback().await.map_err(Error::from)?;
                    Err(error)
                }
            };
            match done {
                Err(error) if attempts.allow(error.as_error()) => attempts.wait().await,
                done => return done,
            }
        }
    }

    /// Begins a transaction or a savepoint, and returns the context of the outer transaction.
    async fn open<C: Executor>(
        &self,
        db: &C,
    ) -> Result<(DatabaseTransaction, Option<Outer>), Error> {
        check_backend(db)?;
        self.check()?;
        let outer = if db.is_pool() {
            None
        } else {
            Some(Outer::read(db).await?)
        };
        let transaction = begin(db).await?;
        match self.set(&transaction).await {
            Ok(()) => Ok((transaction, outer)),
            Err(error) => {
                transaction.rollback().await?;
                Err(error)
            }
        }
    }

    /// Sets the context in one statement, always with four text arguments.
    async fn set(&self, db: &DatabaseTransaction) -> Result<(), Error> {
        let settings = [
            self.actor.clone(),
            self.tenant.clone(),
            self.request_id.clone(),
            self.details(),
        ];
        set(db, settings, self.role.as_deref()).await
    }
}

impl Outer {
    async fn read<C: ConnectionTrait>(db: &C) -> Result<Self, Error> {
        let statement = Statement::from_string(
            DbBackend::Postgres,
            "SELECT archive.current_actor() AS actor, archive.current_tenant() AS tenant, \
             archive.current_request_id() AS request_id, archive.current_details() AS details, \
             pg_catalog.current_setting('role') AS role",
        );
        let row = db.query_one_raw(statement).await?;
        let missing = || unexpected_answer("the context cannot be read");
        let row = row.ok_or_else(missing)?;
        let text = |row: &QueryResult, name: &str| row.try_get("", name);
        Ok(Self {
            settings: [
                text(&row, "actor")?,
                text(&row, "tenant")?,
                text(&row, "request_id")?,
                text(&row, "details")?,
            ],
            role: row.try_get("", "role")?,
        })
    }

    async fn restore(self, db: &DatabaseTransaction) -> Result<(), Error> {
        set(db, self.settings, Some(&self.role)).await
    }
}

async fn close(transaction: DatabaseTransaction, outer: Option<Outer>) -> Result<(), Error> {
    if let Some(outer) = outer {
        outer.restore(&transaction).await?;
    }
    transaction.commit().await?;
    Ok(())
}

async fn set(
    db: &DatabaseTransaction,
    settings: [Option<String>; 4],
    role: Option<&str>,
) -> Result<(), Error> {
    let mut values: Vec<Value> = settings.map(Value::from).into();
    let mut text = "SELECT archive.set_context($1, $2, $3, $4)".to_owned();
    if let Some(role) = role {
        values.push(role.into());
        text.push_str(", pg_catalog.set_config('role', $5, true)");
    }
    db.execute_raw(Statement::from_sql_and_values(
        DbBackend::Postgres,
        text,
        values,
    ))
    .await?;
    Ok(())
}
