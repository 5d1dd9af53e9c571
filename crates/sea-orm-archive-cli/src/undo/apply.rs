//! Carries out the steps of an undo, in one transaction.

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, RuntimeErr, SqlxPostgresError,
    TransactionTrait,
};
use sea_orm_archive::archival;

use super::current::{differing, values_now};
use super::group;
use super::step::{Action, Row, Step};
use super::values::Values;
use crate::failure::Failure;

/// Carries out the steps without conflicts. Nothing is done where one of them fails.
pub(crate) async fn apply(
    db: &DatabaseConnection,
    steps: &[Step],
    actor: Option<&str>,
) -> Result<u64, Failure> {
    let steps: Vec<_> = possible(steps);
    let transaction = db.begin().await?;
    let refused = carry_out(&transaction, &steps, actor).await?;
    if let Some((_, error)) = refused.into_iter().next() {
        transaction.rollback().await?;
        return Err(error);
    }
    transaction.commit().await?;
    Ok(steps.len() as u64)
}

/// Carries out the steps and rolls them back, to find those whose row has other values now, and those that a constraint or a trigger refuses:
/// these have a conflict then.
pub(crate) async fn rehearse(db: &DatabaseConnection, steps: &mut [Step]) -> Result<(), Failure> {
    loop {
        let tried: Vec<usize> = (0..steps.len())
            .filter(|place| steps[*place].conflict.is_none())
            .collect();
        let (refused, deferred) = rehearsal(db, &possible(steps)).await?;
        let is_refused = !refused.is_empty();
        for (place, error) in refused {
            steps[tried[place]].conflict = Some(refusal(&error));
        }
        let Some(conflict) = deferred.filter(|_| !tried.is_empty()) else {
            return Ok(());
        };
        // With a refused step left out, other rows are there at the end.
        if !is_refused {
            let place = cause(db, &possible(steps), &conflict).await?;
            steps[tried[place]].conflict = Some(conflict);
        }
    }
}

fn possible(steps: &[Step]) -> Vec<&Step> {
    let possible = steps.iter().filter(|step| step.conflict.is_none());
    possible.collect()
}

/// Carries out the steps, and rolls back. Returns those that are refused, and what a deferred constraint or trigger refuses at the end.
async fn rehearsal(
    db: &DatabaseConnection,
    steps: &[&Step],
) -> Result<(Vec<(usize, Failure)>, Option<String>), Failure> {
    let transaction = db.begin().await?;
    let refused = carry_out(&transaction, steps, None).await?;
    let checked = transaction
        .execute_unprepared("SET CONSTRAINTS ALL IMMEDIATE")
        .await;
    transaction.rollback().await?;
    let deferred = checked.err().map(|error| refusal(&error.into()));
    Ok((refused, deferred))
}

/// The first step after which a deferred constraint would refuse the same: that of the row in the way, or of the row that it lacks.
async fn cause(db: &DatabaseConnection, steps: &[&Step], conflict: &str) -> Result<usize, Failure> {
    let (mut without, mut with) = (0, steps.len());
    while with - without > 1 {
        let middle = without + (with - without) / 2;
        let (_, deferred) = rehearsal(db, &steps[..middle]).await?;
        match deferred.as_deref() == Some(conflict) {
            true => with = middle,
            false => without = middle,
        }
    }
    Ok(with.saturating_sub(1))
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

/// Carries out the steps in their order, those that are alike and follow each other with one statement. Returns the steps that are refused;
/// the others are done.
///
/// A statement that is refused is split in halves, down to the steps that are refused by themselves.
async fn carry_out(
    transaction: &DatabaseTransaction,
    steps: &[&Step],
    actor: Option<&str>,
) -> Result<Vec<(usize, Failure)>, Failure> {
    let mut refused = Vec::new();
    let mut first = 0;
    for group in group::groups(steps) {
        let mut waiting = vec![(first, &group[..])];
        first += group.len();
        while let Some((place, part)) = waiting.pop() {
            let savepoint = transaction.begin().await?;
            let done = match part {
                [step] => one(&savepoint, step, actor).await,
                several => group::change(&savepoint, several).await,
            };
            let Err(error) = done else {
                savepoint.commit().await?;
                continue;
            };
            savepoint.rollback().await?;
            match part.len() {
                1 => refused.push((place, error)),
                rows => {
                    let (early, late) = part.split_at(rows / 2);
                    waiting.extend([(place + early.len(), late), (place, early)]);
                }
            }
        }
    }
    Ok(refused)
}

async fn one(
    transaction: &DatabaseTransaction,
    step: &Step,
    actor: Option<&str>,
) -> Result<(), Failure> {
    match &step.action {
        Action::Restore(id) => {
            let mut restore = archival::Entity::restore_by_id(*id);
            if let Some(actor) = actor {
                restore = restore.by(actor.to_owned());
            }
            return restore
                .exec(transaction)
                .await
                .map(drop)
                .map_err(Into::into);
        }
        Action::Delete(row, after) | Action::Update(row, _, after) => {
            existing(transaction, row, after).await?;
        }
        Action::Insert(row, _) if values_now(transaction, row).await?.is_some() => {
            let conflict = "a row with this key exists again".to_owned();
            return Err(Failure::Conflict(conflict));
        }
        Action::Insert(..) | Action::Refused(_) => {}
    }
    group::change(transaction, &[step]).await
}

/// Fails unless the row exists and has the values that the log has of it.
async fn existing(
    transaction: &DatabaseTransaction,
    row: &Row,
    after: &Values,
) -> Result<(), Failure> {
    let conflict = match values_now(transaction, row).await? {
        None => Some("it was deleted or archived since".to_owned()),
        Some(now) => differing(&now, after),
    };
    conflict.map_or(Ok(()), |conflict| Err(Failure::Conflict(conflict)))
}
