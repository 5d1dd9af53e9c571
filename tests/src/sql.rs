//! SQL helpers for tests. They panic with the statement when it fails.

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, JsonValue, RuntimeErr, SqlxError, SqlxPostgresError,
    Statement, TryGetable, prelude::DateTimeUtc,
};

/// Runs statements.
pub async fn run(db: &impl ConnectionTrait, sql: &str) {
    if let Err(error) = db.execute_unprepared(sql).await {
        panic!("{error}: {sql}");
    }
}

/// The first column of every row.
pub async fn all<T: TryGetable>(db: &impl ConnectionTrait, sql: &str) -> Vec<T> {
    let rows = db
        .query_all_raw(Statement::from_string(DbBackend::Postgres, sql))
        .await
        .unwrap_or_else(|error| panic!("{error}: {sql}"));
    let value = |row: &sea_orm::QueryResult| row.try_get_by_index(0);
    let values: Result<Vec<T>, DbErr> = rows.iter().map(value).collect();
    values.unwrap_or_else(|error| panic!("{error}: {sql}"))
}

/// The first column of the one row.
pub async fn one<T: TryGetable>(db: &impl ConnectionTrait, sql: &str) -> T {
    let mut values = all(db, sql).await;
    assert_eq!(values.len(), 1, "rows of {sql}");
    values.remove(0)
}

/// The one number that a query returns, usually a count.
pub async fn number(db: &impl ConnectionTrait, sql: &str) -> i64 {
    one(db, sql).await
}

/// The text of every row.
pub async fn texts(db: &impl ConnectionTrait, sql: &str) -> Vec<String> {
    all(db, sql).await
}

/// The JSON of every row.
pub async fn json(db: &impl ConnectionTrait, sql: &str) -> Vec<JsonValue> {
    all(db, sql).await
}

/// The number of rows of `from`: a table, optionally with a WHERE.
pub async fn count(db: &impl ConnectionTrait, from: &str) -> i64 {
    number(db, &format!("select count(*) from {from}")).await
}

/// The current time of the server.
pub async fn clock(db: &impl ConnectionTrait) -> DateTimeUtc {
    one(db, "select clock_timestamp()").await
}

/// Every row of a table in the text form of PostgreSQL.
pub async fn dump(db: &impl ConnectionTrait, table: &str) -> Vec<String> {
    let sql =
        format!("select \"the row\"::text collate \"C\" from {table} as \"the row\" order by 1");
    texts(db, &sql).await
}

/// The rows of several tables, to compare before and after.
pub async fn dumps(db: &impl ConnectionTrait, tables: &[&str]) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for table in tables {
        all.push(dump(db, table).await);
    }
    all
}

/// The error with which PostgreSQL refused a statement.
#[derive(Debug)]
#[allow(missing_docs, reason = "named like the fields of the protocol")]
pub struct Refusal {
    pub code: String,
    pub constraint: Option<String>,
    pub table: Option<String>,
    pub schema: Option<String>,
    pub message: String,
    pub detail: Option<String>,
}

/// Checks that the database refused a statement, and returns the error.
#[track_caller]
pub fn refusal<T>(result: Result<T, DbErr>) -> Refusal {
    let Err(DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        result
    else {
        panic!("the database did not refuse the statement");
    };
    let SqlxError::Database(error) = error.as_ref() else {
        panic!("{error}");
    };
    let error = error.downcast_ref::<SqlxPostgresError>();
    Refusal {
        code: error.code().to_owned(),
        constraint: error.constraint().map(str::to_owned),
        table: error.table().map(str::to_owned),
        schema: error.schema().map(str::to_owned),
        message: error.message().to_owned(),
        detail: error.detail().map(str::to_owned),
    }
}

/// Runs a statement that must be refused.
pub async fn refused(db: &impl ConnectionTrait, sql: &str) -> Refusal {
    let done = db.execute_unprepared(sql).await;
    assert!(done.is_err(), "the database did not refuse {sql}");
    refusal(done)
}

/// Every table and column of the database in which a text occurs, as `schema.table.column`. In the schema `archive` times and ids are
/// not searched, whose digits can be those of any number.
pub async fn places(db: &impl ConnectionTrait, text: &str) -> Vec<String> {
    let columns = texts(
        db,
        "select format('select %L where exists (select from %I.%I as t where strpos(lower(t.%I::text), $$%s$$) > 0)',
                       concat(s.nspname, '.', c.relname, '.', a.attname), s.nspname, c.relname, a.attname, '{value}')
         from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace s on s.oid = c.relnamespace
         where (s.nspname = 'public'
                or s.nspname = 'archive' and a.atttypid not in ('timestamptz'::regtype, 'xid8'::regtype, 'int8'::regtype))
           and c.relkind in ('r', 'p') and not c.relispartition and a.attnum > 0 and not a.attisdropped order by 1",
    )
    .await;
    let queries = columns.join(" union all ");
    texts(db, &queries.replace("{value}", &text.to_lowercase())).await
}
