//! Carries out the steps of an undo, in one transaction.

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, RuntimeErr,
    SqlxPostgresError, Statement, TransactionTrait, Value,
};
use sea_orm_archive::archival;
use serde_json::{Map, Value as Json};

use super::current::{differing, referring, values_now};
use super::plan::{Action, Row, Step};
use crate::failure::Failure;
use crate::query::quote;

/// Carries out the steps without conflicts. Nothing is done where one of them fails.
///
/// Race: a row changes between the plan and its step. The step compares it again, in the condition of its statement, and then fails.
pub(crate) async fn apply(
    db: &DatabaseConnection,
    steps: &[Step],
    actor: Option<&str>,
) -> Result<u64, Failure> {
    let transaction = db.begin().await?;
    let mut done = 0;
    for step in steps.iter().filter(|step| step.conflict.is_none()) {
        match carry_out(&transaction, &step.action, actor).await {
            Ok(()) => done += 1,
            Err(error) => {
                transaction.rollback().await?;
                return Err(error);
            }
        }
    }
    transaction.commit().await?;
    Ok(done)
}

/// Carries out the steps and rolls them back, to find those whose row has other values now, and those that a constraint or a trigger refuses:
/// these have a conflict then.
pub(crate) async fn rehearse(db: &DatabaseConnection, steps: &mut [Step]) -> Result<(), Failure> {
    let transaction = db.begin().await?;
    for step in steps.iter_mut().filter(|step| step.conflict.is_none()) {
        let savepoint = transaction.begin().await?;
        match carry_out(&savepoint, &step.action, None).await {
            Ok(()) => savepoint.commit().await?,
            Err(error) => {
                savepoint.rollback().await?;
                step.conflict = Some(refusal(&error));
            }
        }
    }
    transaction.rollback().await?;
    Ok(())
}

/// The message of the database, with the detail that names the row in the way.
fn refusal(error: &Failure) -> String {
    let Failure::Archive(sea_orm_archive::Error::Database(
        DbErr::Exec(RuntimeErr::SqlxError(source)) | DbErr::Query(RuntimeErr::SqlxError(source)),
    )) = error
    else {
        return error.to_string();
    };
    let Some(source) = source.as_database_error() else {
        return error.to_string();
    };
    match source
        .try_downcast_ref::<SqlxPostgresError>()
        .and_then(|source| source.detail())
    {
        Some(detail) => format!("{}: {detail}", source.message()),
        None => source.message().to_owned(),
    }
}

async fn carry_out(
    transaction: &DatabaseTransaction,
    action: &Action,
    actor: Option<&str>,
) -> Result<(), Failure> {
    match action {
        Action::Restore(id) => {
            let mut restore = archival::Entity::restore_by_id(*id);
            if let Some(actor) = actor {
                restore = restore.by(actor.to_owned());
            }
            restore.exec(transaction).await?;
            Ok(())
        }
        Action::Delete(row, after) => delete(transaction, row, after).await,
        Action::Insert(row, before) => insert(transaction, row, before).await,
        Action::Update(row, before, after) => update(transaction, row, before, after).await,
        Action::Refused(_) => Ok(()),
    }
}

/// Deletes a row that has the values of the log, and that no row refers to which the foreign key would delete or change with it.
///
/// Race: another transaction adds a row that refers to this one. It locks this one FOR KEY SHARE, so it has committed before the lock here is
/// acquired and is found by the next statement, or it waits until this transaction ends.
async fn delete(
    transaction: &DatabaseTransaction,
    row: &Row,
    after: &Map<String, Json>,
) -> Result<(), Failure> {
    existing(transaction, row, after).await?;
    let row_and_key = format!(
        "{0} AS t, pg_catalog.jsonb_populate_record(NULL::{0}, $1) AS k WHERE ",
        row.table
    );
    let (conditions, values) = unchanged(row, after, vec![row.key.clone().into()]);
    let lock = format!("SELECT FROM {row_and_key}{conditions} FOR UPDATE OF t");
    one(transaction, row, lock, values).await?;
    if let Some(constraint) = referring(transaction, row).await? {
        return Err(Failure::Conflict(format!(
            "other rows refer to it by {constraint}, which would delete or change them: delete or move them first"
        )));
    }
    let sql = format!(
        "DELETE FROM {0} AS t USING pg_catalog.jsonb_populate_record(NULL::{0}, $1) AS k WHERE {1}",
        row.table, row.is_row
    );
    one(transaction, row, sql, vec![row.key.clone().into()]).await
}

/// Fails unless the row exists and has the values that the log has of it.
async fn existing(
    transaction: &DatabaseTransaction,
    row: &Row,
    after: &Map<String, Json>,
) -> Result<(), Failure> {
    let conflict = match values_now(transaction, row).await? {
        None => Some("it was deleted or archived since".to_owned()),
        Some(now) => differing(&now, after),
    };
    conflict.map_or(Ok(()), |conflict| Err(Failure::Conflict(conflict)))
}

async fn insert(
    transaction: &DatabaseTransaction,
    row: &Row,
    before: &Map<String, Json>,
) -> Result<(), Failure> {
    if values_now(transaction, row).await?.is_some() {
        return Err(Failure::Conflict(
            "a row with this key exists again".to_owned(),
        ));
    }
    // A column that was added since gets its default.
    let columns: Vec<_> = row
        .columns
        .iter()
        .filter(|name| before.contains_key(*name))
        .map(|name| quote(name))
        .collect();
    let columns = columns.join(", ");
    let sql = format!(
        "INSERT INTO {0} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM pg_catalog.jsonb_populate_record(NULL::{0}, $1)",
        row.table
    );
    one(
        transaction,
        row,
        sql,
        vec![Json::Object(before.clone()).into()],
    )
    .await
}

async fn update(
    transaction: &DatabaseTransaction,
    row: &Row,
    before: &Map<String, Json>,
    after: &Map<String, Json>,
) -> Result<(), Failure> {
    existing(transaction, row, after).await?;
    let set: Vec<_> = before
        .keys()
        .map(|name| format!("{0} = r.{0}", quote(name)))
        .collect();
    let values = vec![row.key.clone().into(), Json::Object(before.clone()).into()];
    let (conditions, values) = unchanged(row, after, values);
    let sql = format!(
        "UPDATE {0} AS t SET {1} FROM pg_catalog.jsonb_populate_record(NULL::{0}, $1) AS k, pg_catalog.jsonb_populate_record(NULL::{0}, $2) AS r WHERE {2}",
        row.table,
        set.join(", "),
        conditions
    );
    one(transaction, row, sql, values).await
}

/// The condition that the row `t` has the key `k` and the values that the log has of it.
fn unchanged(row: &Row, after: &Map<String, Json>, mut values: Vec<Value>) -> (String, Vec<Value>) {
    let mut conditions = vec![row.is_row.clone()];
    for (name, value) in after.iter().filter(|(name, _)| row.columns.contains(*name)) {
        values.push(value.clone().into());
        // A JSON null stands for NULL.
        conditions.push(format!(
            "coalesce(archive.audit_value(t.{}), 'null') = ${}",
            quote(name),
            values.len()
        ));
    }
    (conditions.join(" AND "), values)
}

/// Runs a statement that has to change one row.
async fn one(
    transaction: &DatabaseTransaction,
    row: &Row,
    sql: String,
    values: Vec<Value>,
) -> Result<(), Failure> {
    let changed = transaction
        .execute_raw(Statement::from_sql_and_values(
            DbBackend::Postgres,
            sql,
            values,
        ))
        .await?;
    match changed.rows_affected() {
        1 => Ok(()),
        _ => Err(Failure::Conflict(format!(
            "{} {} changed meanwhile, or a trigger prevents the change",
            row.name,
            crate::answer::key(&row.key)
        ))),
    }
}
