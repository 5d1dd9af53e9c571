//! The transaction that one helper works in.

use sea_orm_archive::catalog;
use sea_orm_archive_postgres::catalog::Table;
use sea_orm_archive_postgres::sqlstate;
use sea_orm_migration::{
    DbErr, SchemaManager,
    sea_orm::{
        ConnectionTrait, DatabaseTransaction, DbBackend, QueryResult, RuntimeErr, SqlxError,
        SqlxPostgresError, Statement, StatementBuilder, TransactionTrait, Value,
    },
    sea_query::TableRef,
};

use crate::name;

/// All of a helper's work or nothing: a savepoint in the migration's transaction, or a transaction
/// of its own where the migration has none.
///
/// Its statements run with their own `search_path`. On the caller's, a role with CREATE on one of the schemas could
/// define a function or operator for exactly the types of a call, which would run instead of PostgreSQL's.
pub(crate) struct Work {
    db: DatabaseTransaction,
    row_security: String,
    /// The `search_path` of the caller.
    search_path: String,
}

const SEARCH_PATH: &str = "pg_catalog, pg_temp";

impl Work {
    /// Begins with `row_security` off: where a policy would hide rows from a count, that is an error, and not a
    /// smaller number.
    async fn begin(manager: &SchemaManager<'_>) -> Result<Self, DbErr> {
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
            search_path: String::new(),
        };
        work.row_security = work.set("row_security", "off").await?;
        work.search_path = work.set("search_path", SEARCH_PATH).await?;
        Ok(work)
    }

    /// Runs one verb: commits if it succeeds, rolls back if it fails.
    pub(crate) async fn of<T>(
        manager: &SchemaManager<'_>,
        verb: impl AsyncFnOnce(&Self) -> Result<T, DbErr>,
    ) -> Result<T, DbErr> {
        let work = Self::begin(manager).await?;
        let done = verb(&work).await;
        work.finish(done).await
    }

    /// Runs one verb and rolls back what it did: for a preview.
    pub(crate) async fn preview<T>(
        manager: &SchemaManager<'_>,
        verb: impl AsyncFnOnce(&Self) -> Result<T, DbErr>,
    ) -> Result<T, DbErr> {
        let work = Self::begin(manager).await?;
        let result = verb(&work).await;
        work.db.rollback().await?;
        result
    }

    /// The same as [`of`](Self::of) for a verb on one table, which is passed the name as SQL text.
    pub(crate) async fn on<T>(
        manager: &SchemaManager<'_>,
        table: TableRef,
        verb: impl AsyncFnOnce(&Self, &str) -> Result<T, DbErr>,
    ) -> Result<T, DbErr> {
        let table = name::table(&table)?;
        Self::of(manager, async |work| verb(work, &table).await).await
    }

    async fn finish<T>(self, result: Result<T, DbErr>) -> Result<T, DbErr> {
        match result {
            Ok(value) => {
                self.set("row_security", &self.row_security).await?;
                self.set("search_path", &self.search_path).await?;
                self.db.commit().await?;
                Ok(value)
            }
            Err(error) => {
                // The error that stopped the work is more useful than an error of the rollback.
                let _ = self.db.rollback().await;
                Err(behind_its_rows(&error).unwrap_or(error))
            }
        }
    }

    /// Runs a statement of the migration's author, on the author's `search_path`.
    pub(crate) async fn execute(&self, statement: &impl StatementBuilder) -> Result<(), DbErr> {
        self.set("search_path", &self.search_path).await?;
        self.db.execute(statement).await?;
        self.set("search_path", SEARCH_PATH).await.map(drop)
    }

    /// Runs statements that contain names of the author of the migration, or that fire triggers of the application,
    /// on the caller's `search_path`. So every function and operator in them has to be qualified.
    pub(crate) async fn run_on_callers_path(&self, sql: &str) -> Result<(), DbErr> {
        self.set("search_path", &self.search_path).await?;
        self.run(sql).await?;
        self.set("search_path", SEARCH_PATH).await.map(drop)
    }

    /// The same for one statement with arguments.
    pub(crate) async fn run_with_on_callers_path<const N: usize>(
        &self,
        sql: &str,
        values: [Value; N],
    ) -> Result<(), DbErr> {
        self.set("search_path", &self.search_path).await?;
        self.run_with(sql, values).await?;
        self.set("search_path", SEARCH_PATH).await.map(drop)
    }

    /// Runs one or more statements without arguments.
    pub(crate) async fn run(&self, sql: &str) -> Result<(), DbErr> {
        self.db.execute_unprepared(sql).await.map(drop)
    }

    /// Runs one statement, and returns how many rows it wrote.
    pub(crate) async fn affected(&self, sql: &str) -> Result<u64, DbErr> {
        let done = self.db.execute_unprepared(sql).await?;
        Ok(done.rows_affected())
    }

    /// Runs statements on the caller's `search_path`, with `row_security` on: the triggers that they fire may write to
    /// tables whose policies hide rows, such as the log. The caller has to check whether policies hid rows from the
    /// statement itself.
    pub(crate) async fn run_under_policies(&self, sql: &str) -> Result<(), DbErr> {
        let before = self.set("row_security", "on").await?;
        self.run_on_callers_path(sql).await?;
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

    /// The row of a query that always returns one.
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

    /// The same for a statement that fires triggers of the application, on the caller's `search_path`.
    pub(crate) async fn row_on_callers_path(&self, sql: &str) -> Result<QueryResult, DbErr> {
        self.set("search_path", &self.search_path).await?;
        let row = self.row(sql, []).await?;
        self.set("search_path", SEARCH_PATH).await?;
        Ok(row)
    }

    /// The oid of a type that the author of the migration named; `None` where there is none.
    pub(crate) async fn type_oid(&self, name: &str) -> Result<Option<i64>, DbErr> {
        self.set("search_path", &self.search_path).await?;
        let sql = "SELECT pg_catalog.to_regtype($1)::oid::bigint AS type_oid";
        let found = self.row(sql, [name.into()]).await?;
        self.set("search_path", SEARCH_PATH).await?;
        found.try_get("", "type_oid")
    }

    /// Runs the statements that a query returns in its column "statement".
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
        let name = match name::has_schema(name) {
            true => name.to_owned(),
            false => match self.resolved(name).await? {
                Some((name, _)) => name,
                None => return Ok(None),
            },
        };
        let tables = catalog::read(&self.db, &[name])
            .await
            .map_err(|error| DbErr::Migration(error.to_string()))?;
        Ok(tables.into_iter().next().flatten())
    }

    /// The name with its schema, as SQL text, and the kind of what a name means on the caller's `search_path`.
    async fn resolved(&self, name: &str) -> Result<Option<(String, String)>, DbErr> {
        self.set("search_path", &self.search_path).await?;
        let sql = "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name, c.relkind::pg_catalog.text AS kind
                   FROM pg_catalog.pg_class AS c
                   JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
                   WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)";
        let rows = self.rows(sql, [name.into()]).await?;
        self.set("search_path", SEARCH_PATH).await?;
        let found = rows.first();
        found
            .map(|row| Ok((row.try_get("", "name")?, row.try_get("", "kind")?)))
            .transpose()
    }

    /// The table of this name, which is SQL text, locked so that no other transaction writes to it until the end.
    pub(crate) async fn existing_table(&self, name: &str) -> Result<Table, DbErr> {
        let missing = || DbErr::Migration(format!("there is no table {name}"));
        let (found, kind) = self.resolved(name).await?.ok_or_else(missing)?;
        if !["r", "p"].contains(&kind.as_str()) {
            return Err(DbErr::Migration(format!(
                "{found} is not a table: only a table, partitioned or not, can have an archive table or a history"
            )));
        }
        self.run(&format!("LOCK TABLE {found} IN SHARE ROW EXCLUSIVE MODE"))
            .await?;
        self.table(&found).await?.ok_or_else(missing)
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

    /// Removes FORCE ROW LEVEL SECURITY from `table` where the migrating role owns it and would not see its rows.
    /// Returns whether it did. The lock on the table prevents other sessions from using that.
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

    /// The same for several tables. Returns those to pass to [`force_all`](Self::force_all) afterwards.
    pub(crate) async fn unforce_all(&self, tables: Vec<String>) -> Result<Vec<String>, DbErr> {
        let mut lifted = Vec::new();
        for table in tables {
            if self.unforce(&table).await? {
                lifted.push(table);
            }
        }
        Ok(lifted)
    }

    /// The first of these tables that [`unforce`](Self::unforce) would change.
    pub(crate) async fn unforced(&self, tables: &[String]) -> Result<Option<String>, DbErr> {
        let rows = self
            .rows(
                "SELECT n.name FROM pg_catalog.unnest($1::text[]) AS n(name) JOIN pg_catalog.pg_class AS c ON c.oid = pg_catalog.to_regclass(n.name)
                 WHERE c.relforcerowsecurity AND pg_catalog.row_security_active(c.oid) LIMIT 1",
                [tables.to_vec().into()],
            )
            .await?;
        rows.first().map(|row| row.try_get("", "name")).transpose()
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

    /// Sets a setting until the end of the transaction, and returns its value from before.
    pub(crate) async fn set(&self, setting: &str, value: &str) -> Result<String, DbErr> {
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

/// The error for an id of the schema `archive` that is taken: its rows were copied without the sequence.
fn behind_its_rows(error: &DbErr) -> Option<DbErr> {
    let source = database_error(error)?;
    let is_id = source.code() == sqlstate::UNIQUE_VIOLATION
        && source.schema() == Some("archive")
        && source
            .constraint()
            .is_some_and(|name| name.ends_with("_pkey"));
    is_id.then(|| {
        DbErr::Migration(format!(
            "the sequence of archive.{} is behind its rows: call `manager.reset_archive_sequences()`",
            source.table().unwrap_or_default()
        ))
    })
}

fn database_error(error: &DbErr) -> Option<&SqlxPostgresError> {
    let (DbErr::Exec(RuntimeErr::SqlxError(source)) | DbErr::Query(RuntimeErr::SqlxError(source))) =
        error
    else {
        return None;
    };
    match source.as_ref() {
        SqlxError::Database(source) => source.try_downcast_ref::<SqlxPostgresError>(),
        _ => None,
    }
}

/// The SQLSTATE of an error of the database.
pub(crate) fn sqlstate_of(error: &DbErr) -> Option<&str> {
    database_error(error).map(SqlxPostgresError::code)
}

/// The message of the database, with the detail that names the rows.
pub(crate) fn database_message(error: &DbErr) -> String {
    let Some(source) = database_error(error) else {
        return error.to_string();
    };
    match source.detail() {
        Some(detail) => format!("{} ({detail})", source.message()),
        None => source.message().to_owned(),
    }
}
