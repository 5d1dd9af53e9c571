//! A change from now on, against the same in plain SQL.

use std::time::Instant;

use sea_orm::prelude::DateTimeUtc;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement, TransactionTrait};
use sea_orm_archive::HistoryEntity;
use throwaway_postgres::Postgres;

use super::tables::{database, department_history, versions};
use crate::aims::verdict;
use crate::databases::{WARM_UP, vacuum};
use crate::rival::median;
use crate::table::{self, ratio, time};
use crate::{Fallible, Size};

/// The rivals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Product,
    PlainSql,
    PlainSqlUnguarded,
}

impl Kind {
    const ALL: [(Self, &'static str); 3] = [
        (Self::Product, "change_product"),
        (Self::PlainSql, "change_plain_sql"),
        (Self::PlainSqlUnguarded, "change_unguarded"),
    ];

    async fn change(self, db: &DatabaseConnection, id: i64, name: &str) -> Fallible {
        if self == Self::Product {
            department_history::Entity::change(id)
                .value(department_history::Column::Name, name)
                .exec(db)
                .await?;
            return Ok(());
        }
        change_in_plain_sql(db, id, name).await
    }
}

/// Takes the same lock, closes the version and opens the next one, with prepared statements.
async fn change_in_plain_sql(db: &DatabaseConnection, id: i64, name: &str) -> Fallible {
    let transaction = db.begin().await?;
    let lock = "SELECT 1 FROM departments WHERE id = $1 FOR NO KEY UPDATE";
    transaction
        .query_one_raw(statement(lock, [id.into()]))
        .await?;
    let close = "UPDATE department_history SET valid_to = clock_timestamp()
                 WHERE department_id = $1 AND valid_to IS NULL RETURNING valid_to, floor";
    let closed = transaction
        .query_one_raw(statement(close, [id.into()]))
        .await?
        .ok_or("no open version")?;
    let from: DateTimeUtc = closed.try_get("", "valid_to")?;
    let floor: i32 = closed.try_get("", "floor")?;
    let open = "INSERT INTO department_history (department_id, name, floor, valid_from) VALUES ($1, $2, $3, $4)
                RETURNING id, department_id, name, floor, valid_from, valid_to";
    let values = [id.into(), name.into(), floor.into(), from.into()];
    transaction.query_one_raw(statement(open, values)).await?;
    transaction.commit().await?;
    Ok(())
}

fn statement<const N: usize>(sql: &str, values: [sea_orm::Value; N]) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
}

pub(super) async fn run(server: &Postgres, size: &Size) -> Fallible {
    eprintln!("history: changes ...");
    let mut rivals = Vec::new();
    for (kind, name) in Kind::ALL {
        let db = database(server, name, kind != Kind::PlainSqlUnguarded).await?;
        let departments = format!("generate_series(1, {})", size.departments);
        db.execute_unprepared(&format!(
            "INSERT INTO departments SELECT * FROM {departments}"
        ))
        .await?;
        db.execute_unprepared(&versions(&departments, 10)).await?;
        vacuum(&db).await?;
        rivals.push((kind, db));
    }
    let mut samples = vec![Vec::new(); rivals.len()];
    for round in 0..size.change_rounds + WARM_UP {
        let id = 1 + round as i64 % size.departments;
        for turn in 0..rivals.len() {
            let n = (turn + round) % rivals.len();
            let (kind, db) = &rivals[n];
            let start = Instant::now();
            kind.change(db, id, &format!("round {round}")).await?;
            if round >= WARM_UP {
                samples[n].push(start.elapsed());
            }
        }
    }
    let times: Vec<_> = samples.iter().map(|samples| median(samples)).collect();
    let to = |n: usize| Some(times[0]? / times[n]?);
    let guard = times[1].zip(times[2]).map(|(with, without)| with / without);
    let short: Vec<_> = to(1)
        .filter(|ratio| *ratio > 1.15)
        .map(|_| "plain SQL > 1.15".to_owned())
        .into_iter()
        .collect();
    println!("## A change from now on: median ms, and product / rival\n");
    table::print(
        &[
            "product",
            "lock, close, open in plain SQL",
            "ratio",
            "the same without the guard",
            "ratio",
            "guard / no guard, plain SQL",
            "aim",
        ],
        &[vec![
            time(times[0]),
            time(times[1]),
            ratio(to(1)),
            time(times[2]),
            ratio(to(2)),
            ratio(guard),
            verdict(&short),
        ]],
    );
    Ok(())
}
