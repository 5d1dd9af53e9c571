//! The transaction that one helper works in.

use sea_orm_archive::catalog::{self, Table};
use sea_orm_migration::{
    DbErr, SchemaManager,
    sea_orm::{
        ConnectionTrait, DatabaseTransaction, DbBackend, QueryResult, RuntimeErr, SqlxError,
        SqlxPostgresError, Statement, StatementBuilder, TransactionTrait, Value,
    },
};

/// All of a helper's work or nothing: a savepoint in the migration's transaction, or a transaction
/// of its own where the migration has none.
pub(crate) struct Work {
    db: DatabaseTransaction,
    row_security: String,
}

impl Work {
    /// Begins, with `row_security` off: a count of archived rows that a policy would shorten is an
    /// error then, and not a smaller number.
    pub(crate) async fn begin(manager: &SchemaManager<'_>) -> Result<Self, DbErr> {
        let backend = manager.get_database_backend();
        if backend != DbBackend::Postgres {
            return Err(DbErr::Migration(format!(
                "archive tables need PostgreSQL 15 or newer; this is {}",
                backend.as_str()
            )));
        }
        let mut work = Self {
            db: manager.get_connection().begin().await?,
            row_security: String::new(),
        };
        work.row_security = work.set("row_security", "off").await?;
        Ok(work)
    }

    /// Commits what succeeded and undoes what did not.
    pub(crate) async fn finish<T>(self, result: Result<T, DbErr>) -> Result<T, DbErr> {
        match result {
            Ok(value) => {
                self.set("row_security", &self.row_security).await?;
                self.db.commit().await?;
                Ok(value)
            }
            Err(error) => {
                // The error that stopped the work says more than one of the rollback would.
                let _ = self.db.rollback().await;
                Err(error)
            }
        }
    }

    /// Runs a statement of the migration's author.
    pub(crate) async fn execute(&self, statement: &impl StatementBuilder) -> Result<(), DbErr> {
        self.db.execute(statement).await.map(drop)
    }

    /// Runs one or more statements without arguments.
    pub(crate) async fn run(&self, sql: &str) -> Result<(), DbErr> {
        self.db.execute_unprepared(sql).await.map(drop)
    }

    /// The same, with `row_security` on: the triggers that it runs may write where policies hide rows, such as to the
    /// log. Whether rows were hidden from the statement itself is for the caller to find out.
    pub(crate) async fn run_under_policies(&self, sql: &str) -> Result<(), DbErr> {
        let before = self.set("row_security", "on").await?;
        self.run(sql).await?;
        self.set("row_security", &before).await.map(drop)
    }

    /// Runs one statement with arguments.
    pub(crate) async fn run_with<const N: usize>(
        &self,
        sql: &str,
        values: [Value; N],
    ) -> Result<(), DbErr> {
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
        self.db.execute_raw(statement).await.map(drop)
    }

    /// The rows of a query.
    pub(crate) async fn rows<const N: usize>(
        &self,
        sql: &str,
        values: [Value; N],
    ) -> Result<Vec<QueryResult>, DbErr> {
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
        self.db.query_all_raw(statement).await
    }

    /// The one row of a query that always has one.
    pub(crate) async fn row<const N: usize>(
        &self,
        sql: &str,
        values: [Value; N],
    ) -> Result<QueryResult, DbErr> {
        let rows = self.rows(sql, values).await?;
        rows.into_iter()
            .next()
            .ok_or_else(|| DbErr::RecordNotFound(sql.to_owned()))
    }

    /// The rows of a query that reads SQL text from the catalog, with every name in it qualified:
    /// PostgreSQL leaves out the schemas of the `search_path`, so there is none while it runs.
    pub(crate) async fn qualified_rows<const N: usize>(
        &self,
        sql: &str,
        values: [Value; N],
    ) -> Result<Vec<QueryResult>, DbErr> {
        let search_path = self.set("search_path", "").await?;
        let rows = self.rows(sql, values).await?;
        self.set("search_path", &search_path).await?;
        Ok(rows)
    }

    /// Runs the statements that a query writes, in its column "statement".
    pub(crate) async fn run_each<const N: usize>(
        &self,
        sql: &str,
        values: [Value; N],
    ) -> Result<(), DbErr> {
        for row in self.rows(sql, values).await? {
            self.run(&row.try_get::<String>("", "statement")?).await?;
        }
        Ok(())
    }

    /// The table of this name, which is SQL text; `None` where there is none.
    pub(crate) async fn table(&self, name: &str) -> Result<Option<Table>, DbErr> {
        let tables = catalog::read(&self.db, &[name.to_owned()])
            .await
            .map_err(|error| DbErr::Migration(error.to_string()))?;
        Ok(tables.into_iter().next().flatten())
    }

    /// The table of this name, which is SQL text, locked so that nobody changes it until the end.
    pub(crate) async fn existing_table(&self, name: &str) -> Result<Table, DbErr> {
        let missing = || DbErr::Migration(format!("there is no table {name}"));
        let found = self.table(name).await?.ok_or_else(missing)?;
        if !["r", "p"].contains(&found.kind.as_str()) {
            return Err(DbErr::Migration(format!(
                "{} is not a table: only a table, partitioned or not, can have a twin or a history",
                found.id
            )));
        }
        self.run(&format!(
            "LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE",
            found.id.sql()
        ))
        .await?;
        self.table(&found.id.sql()).await?.ok_or_else(missing)
    }

    /// How many rows of `table` meet the condition.
    pub(crate) async fn count(&self, table: &str, condition: &str) -> Result<i64, DbErr> {
        let lifted = self.unforce(table).await?;
        let sql = format!("SELECT pg_catalog.count(*) AS rows FROM {table} WHERE {condition}");
        let rows = self.row(&sql, []).await?.try_get("", "rows")?;
        if lifted {
            self.force(table).await?;
        }
        Ok(rows)
    }

    /// Lets the owner of `table`, where that is who migrates, see its rows in spite of FORCE ROW LEVEL SECURITY;
    /// says whether that was in the way. The lock that it takes lets nobody else see it.
    pub(crate) async fn unforce(&self, table: &str) -> Result<bool, DbErr> {
        let rows = self
            .rows(
                "SELECT 1 AS forced FROM pg_catalog.pg_class
                 WHERE oid = pg_catalog.to_regclass($1) AND relforcerowsecurity AND pg_catalog.row_security_active(oid)
                   AND pg_catalog.pg_has_role(relowner, 'USAGE')",
                [table.into()],
            )
            .await?;
        if rows.is_empty() {
            return Ok(false);
        }
        self.run(&format!("ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"))
            .await?;
        Ok(true)
    }

    /// The same for several tables; those whose owner has to be put under policies again.
    pub(crate) async fn unforce_all(&self, tables: Vec<String>) -> Result<Vec<String>, DbErr> {
        let mut lifted = Vec::new();
        for table in tables {
            if self.unforce(&table).await? {
                lifted.push(table);
            }
        }
        Ok(lifted)
    }

    /// Puts the owner of `table` under its policies again.
    pub(crate) async fn force(&self, table: &str) -> Result<(), DbErr> {
        self.run(&format!("ALTER TABLE {table} FORCE ROW LEVEL SECURITY"))
            .await
    }

    /// The same for several tables.
    pub(crate) async fn force_all(&self, tables: Vec<String>) -> Result<(), DbErr> {
        for table in tables {
            self.force(&table).await?;
        }
        Ok(())
    }

    /// Sets a setting until the end of the transaction, and says what it was before.
    async fn set(&self, setting: &str, value: &str) -> Result<String, DbErr> {
        let before = self
            .row(
                "SELECT pg_catalog.current_setting($1) AS value",
                [setting.into()],
            )
            .await?
            .try_get("", "value")?;
        self.run_with(
            "SELECT pg_catalog.set_config($1, $2, true)",
            [setting.into(), value.into()],
        )
        .await?;
        Ok(before)
    }
}

/// What the database said, with the detail that names the rows.
pub(crate) fn said(error: &DbErr) -> String {
    let (DbErr::Exec(RuntimeErr::SqlxError(source)) | DbErr::Query(RuntimeErr::SqlxError(source))) =
        error
    else {
        return error.to_string();
    };
    let SqlxError::Database(source) = source.as_ref() else {
        return error.to_string();
    };
    let detail = source
        .try_downcast_ref::<SqlxPostgresError>()
        .and_then(|error| error.detail());
    match detail {
        Some(detail) => format!("{} ({detail})", source.message()),
        None => source.message().to_owned(),
    }
}
