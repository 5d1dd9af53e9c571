//! Defers rows that have a parent in another archival to that archival.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use sea_orm_archive_postgres::emit::defer::{self as emit, ParentLink};
use sea_orm_archive_postgres::model::RestorePlan;

use crate::error::{DriftError, Error, unexpected_answer};
use crate::exec::{Sql, ask_here};
use crate::report::Waiting;

/// Rows that were deferred, and how many there can be.
pub(super) struct Deferral {
    /// How many rows the archivals had before.
    archived: u64,
    /// How many rows of which table of the plan were deferred to which archival.
    waiting: BTreeMap<(usize, i64), u64>,
}

impl Deferral {
    pub fn of(rows: BTreeMap<String, u64>) -> Self {
        Self {
            archived: rows.into_values().sum(),
            waiting: BTreeMap::new(),
        }
    }

    /// The rows that wait for a parent.
    pub fn waiting(self, plan: &RestorePlan) -> Vec<Waiting> {
        let waiting = self.waiting.into_iter();
        let waiting = waiting.map(|((table, archival), rows)| Waiting {
            table: plan.tables[table].table.id.to_string(),
            archival,
            rows,
        });
        waiting.collect()
    }

    /// Counts deferred rows. Each row is deferred once: a row that is found again was put back by a trigger,
    /// and would be put back each time.
    fn add(&mut self, plan: &RestorePlan, table: usize, to: i64, rows: u64) -> Result<(), Error> {
        *self.waiting.entry((table, to)).or_default() += rows;
        if self.waiting.values().sum::<u64>() <= self.archived {
            return Ok(());
        }
        Err(Error::Drift(DriftError::Trigger {
            message: format!(
                "rows of {} that wait for a parent in archival {to} were put back, so nothing was restored: let no trigger of that \
             table write its archival ids, and try again",
                plan.tables[table].archive_table.id
            ),
        }))
    }
}

/// Defers rows whose parent is in another archival, level by level, until there are none. Returns whether there
/// were any. The archivals are those that are restored.
pub(super) async fn defer<T: ConnectionTrait>(
    db: &T,
    plan: &RestorePlan,
    links: &[ParentLink],
    archivals: &[i64],
    deferral: &mut Deferral,
) -> Result<bool, Error> {
    let mut locked = BTreeSet::new();
    let mut any = false;
    loop {
        let mut deferred = false;
        for link in links {
            let Some(archive_table) = &link.archive_table else {
                continue;
            };
            let lock = Sql {
                text: emit::lock(plan, link, archive_table),
                values: vec![archivals.to_vec().into()],
            };
            let others = ask_here(db, &lock).await?.unwrap_or_default();
            let others: Option<Vec<i64>> =
                serde_json::from_value(others).map_err(unexpected_answer)?;
            let Some(others) = others else { continue };
            refuse_uncounted(plan, link, &others)?;
            locked.extend(others.iter().copied());
            let rows = to_others(emit::rows(plan, link, archive_table), archivals, others);
            for row in db.query_all_raw(rows).await? {
                let (to, rows): (i64, i64) =
                    (row.try_get("", "archival")?, row.try_get("", "rows")?);
                deferral.add(plan, link.table, to, rows.unsigned_abs())?;
                deferred = true;
            }
        }
        if !deferred {
            break;
        }
        any = true;
    }
    if locked.is_empty() {
        return Ok(any);
    }
    let others: Vec<i64> = locked.into_iter().collect();
    for child in &plan.detached {
        for sql in emit::links(child, plan) {
            let links = to_others(sql, archivals, others.clone());
            db.execute_raw(links).await?;
        }
    }
    Ok(any)
}

/// Refuses to defer rows of a table whose triggers act: the rows would come back with a parent that is set to its archived values, which
/// are from after the rows were archived, such as a counter without them. In the other order the trigger counts them.
fn refuse_uncounted(plan: &RestorePlan, link: &ParentLink, others: &[i64]) -> Result<(), Error> {
    let table = &plan.tables[link.table].table.id;
    let acting = plan.acting().into_iter();
    let mut triggers = acting.filter(|(of, _)| of.oid == table.oid);
    let Some((_, trigger)) = triggers.next() else {
        return Ok(());
    };
    let others: Vec<_> = others.iter().map(ToString::to_string).collect();
    let others = others.join(", ");
    Err(Error::Drift(DriftError::Trigger {
        message: format!(
            "rows of {table} have another parent ({}) in archival {others}, and the trigger {} on {table} could count them wrongly if they waited \
             for it, so nothing was restored: restore archival {others} first, or all of them in one call of restore_many() if one call \
             archived them",
            link.key.parent, trigger.name
        ),
    }))
}

fn to_others(sql: String, archivals: &[i64], others: Vec<i64>) -> Statement {
    let values = [archivals.to_vec().into(), others.into()];
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
}
