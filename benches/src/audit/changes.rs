//! The cost of one change, and of a change of all rows.

use std::ops::Range;
use std::time::Instant;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement, Value};
use throwaway_postgres::Postgres;

use super::clock::{Clock, Cost, median};
use super::loggers::Logger;
use crate::aims::verdict;
use crate::databases::WARM_UP;
use crate::table::{self, ratio};
use crate::{Fallible, Size};

/// Statements of a client between two readings of the clock.
const BATCH: usize = 25;
/// The same for a loop in the server.
const LOOP: usize = 100;

struct Case {
    name: &'static str,
    sql: &'static str,
    /// The overhead must be at most this multiple of that of the blog post.
    aim: Option<f64>,
}

/// `$1` is the id of the row, `$2` a new text.
const SINGLE: [Case; 5] = [
    Case {
        name: "UPDATE, 1 column",
        sql: "UPDATE account SET email = $2 WHERE id = $1",
        aim: Some(0.6),
    },
    Case {
        name: "UPDATE, 2 columns",
        sql: "UPDATE account SET email = $2, name = $2 WHERE id = $1",
        aim: Some(0.6),
    },
    Case {
        name: "UPDATE, nothing new",
        sql: "UPDATE account SET email = coalesce(email, $2) WHERE id = $1",
        aim: None,
    },
    Case {
        name: "INSERT",
        sql: "INSERT INTO account SELECT 1000000 + id, $2, name, status, country, city, street, phone, notes, balance,
                                         credit, created_at, updated_at, active, version FROM account WHERE id = $1",
        aim: None,
    },
    Case {
        name: "DELETE",
        sql: "DELETE FROM account WHERE id = 1000000 + $1 AND $2 <> ''",
        aim: None,
    },
];

const BULK: [Case; 4] = [
    Case {
        name: "UPDATE, 2 columns",
        sql: "UPDATE account SET email = $2 || id, name = $2 || id WHERE id <> $1",
        aim: Some(0.35),
    },
    Case {
        name: "UPDATE, nothing new",
        sql: "UPDATE account SET email = coalesce(email, $2) WHERE id <> $1",
        aim: None,
    },
    Case {
        name: "INSERT",
        sql: "INSERT INTO account SELECT 1000000 + id, $2, name, status, country, city, street, phone, notes, balance,
                                         credit, created_at, updated_at, active, version FROM account WHERE id <> $1",
        aim: None,
    },
    Case {
        name: "DELETE",
        sql: "DELETE FROM account WHERE id > 1000000 + $1 AND $2 <> ''",
        aim: None,
    },
];

type Loggers = Vec<(Logger, DatabaseConnection)>;

pub(super) async fn run(server: &Postgres, size: &Size) -> Fallible {
    eprintln!("audit: changes ...");
    let mut loggers = Vec::new();
    for logger in Logger::ALL {
        loggers.push((logger, logger.create(server, size.audited).await?));
    }
    single(&loggers, size).await?;
    bulk(&loggers, size).await?;
    storage(&loggers, size).await?;
    first_call(server, size).await
}

async fn single(loggers: &Loggers, size: &Size) -> Fallible {
    for (_, db) in loggers {
        for (n, case) in SINGLE.iter().enumerate() {
            create_loop(db, n, case).await?;
        }
    }
    let mut costs = vec![vec![Vec::new(); loggers.len()]; SINGLE.len()];
    let mut next = 0;
    for round in 0..size.audit_rounds + 1 {
        // The first round warms up the plans: PostgreSQL caches a generic plan from the sixth execution on.
        let batch = if round == 0 { 3 * WARM_UP } else { BATCH };
        for turn in 0..loggers.len() {
            let n = (turn + round) % loggers.len();
            let db = &loggers[n].1;
            for (case, costs) in costs.iter_mut().enumerate() {
                let first = next + LOOP as i64;
                let cost = Cost {
                    cpu: cpu_time_in_loop(db, case, next, size.audited).await?,
                    wall: wall_time_of_client(db, case, first..first + batch as i64, size.audited)
                        .await?,
                };
                if round > 0 {
                    costs[n].push(cost);
                }
            }
        }
        next += (LOOP + batch) as i64;
    }
    print(
        "## One row: us of CPU time in a loop in the server, and the overhead of the log (wall time of a client in brackets)",
        1e6,
        loggers,
        &SINGLE,
        &costs,
    );
    Ok(())
}

/// The id of the n-th row, in a scattered order that repeats no row within a round.
fn row(n: i64, rows: i64) -> i64 {
    1 + n * 7919 % rows
}

/// Creates a procedure that runs the statement for several rows, each in its own transaction. Its CPU time does not
/// include the communication with a client.
async fn create_loop(db: &DatabaseConnection, number: usize, case: &Case) -> Fallible {
    let sql = case.sql.replace("$1", "v_id").replace("$2", "v_text");
    db.execute_unprepared(&format!(
        "CREATE PROCEDURE change_{number}(first bigint, count bigint, rows bigint) LANGUAGE plpgsql AS $body$
         DECLARE
             v_id   bigint;
             v_text text := 'loop {number} ' || first;
         BEGIN
             FOR n IN first .. first + count - 1 LOOP
                 v_id := 1 + n * 7919 % rows;
                 {sql};
                 COMMIT;
             END LOOP;
         END
         $body$"
    ))
    .await?;
    Ok(())
}

/// The CPU time of one statement in the loop, in seconds.
async fn cpu_time_in_loop(
    db: &DatabaseConnection,
    case: usize,
    first: i64,
    rows: i64,
) -> Fallible<f64> {
    let clock = Clock::start(db).await?;
    db.execute_unprepared(&format!("CALL change_{case}({first}, {LOOP}, {rows})"))
        .await?;
    Ok(clock.stop(db, LOOP).await?.cpu)
}

/// The wall time of one statement of a client, in seconds.
async fn wall_time_of_client(
    db: &DatabaseConnection,
    case: usize,
    numbers: Range<i64>,
    rows: i64,
) -> Fallible<f64> {
    let batch = numbers.clone().count();
    let text = format!("sent {case} {}", numbers.start);
    let clock = Clock::start(db).await?;
    for n in numbers {
        change(db, SINGLE[case].sql, row(n, rows), &text).await?;
    }
    Ok(clock.stop(db, batch).await?.wall)
}

async fn bulk(loggers: &Loggers, size: &Size) -> Fallible {
    eprintln!("audit: bulk ...");
    let mut costs = vec![vec![Vec::new(); loggers.len()]; BULK.len()];
    for round in 0..size.audit_bulk_rounds {
        for turn in 0..loggers.len() {
            let n = (turn + round) % loggers.len();
            let (logger, db) = &loggers[n];
            for (case, costs) in BULK.iter().zip(&mut costs) {
                clear(*logger, db).await?;
                let clock = Clock::start(db).await?;
                change(db, case.sql, 0, &format!("round {round} ")).await?;
                costs[n].push(clock.stop(db, 1).await?);
            }
        }
    }
    let title = format!(
        "## {} rows in one statement: ms of CPU time, and the overhead of the log (wall time in brackets)",
        size.audited
    );
    print(&title, 1e3, loggers, &BULK, &costs);
    Ok(())
}

async fn change(db: &DatabaseConnection, sql: &str, id: i64, text: &str) -> Fallible {
    let values: [Value; 2] = [id.into(), text.into()];
    db.execute_raw(Statement::from_sql_and_values(
        DbBackend::Postgres,
        sql,
        values,
    ))
    .await?;
    Ok(())
}

async fn clear(logger: Logger, db: &DatabaseConnection) -> Fallible {
    if let Some(log) = logger.log() {
        db.execute_unprepared(&format!("TRUNCATE {log}")).await?;
    }
    db.execute_unprepared("VACUUM ANALYZE account").await?;
    Ok(())
}

fn print(title: &str, unit: f64, loggers: &Loggers, cases: &[Case], costs: &[Vec<Vec<Cost>>]) {
    println!("{title}\n");
    let mut titles = vec![""];
    for (logger, _) in loggers {
        titles.push(logger.name());
        if matches!(logger, Logger::Product | Logger::Native) {
            titles.push("of blog");
        }
    }
    titles.push("aim");
    let mut rows = Vec::new();
    for (case, costs) in cases.iter().zip(costs) {
        let medians: Vec<_> = costs.iter().map(|costs| median(costs)).collect();
        let over = |n: usize| -> Option<Cost> {
            let (with, without) = (medians[n]?, medians[0]?);
            Some(Cost {
                wall: with.wall - without.wall,
                cpu: with.cpu - without.cpu,
            })
        };
        let rival = loggers.iter().position(|(l, _)| *l == Logger::Rival);
        let rival = rival.and_then(over);
        let mut row = vec![case.name.to_owned()];
        let mut short = Vec::new();
        for (n, (logger, _)) in loggers.iter().enumerate() {
            let cost = if n == 0 { medians[0] } else { over(n) };
            let plus = if n == 0 { "" } else { "+" };
            row.push(cost.map_or_else(
                || "-".to_owned(),
                |cost| {
                    format!(
                        "{plus}{:.0} ({plus}{:.0})",
                        cost.cpu * unit,
                        cost.wall * unit
                    )
                },
            ));
            if matches!(logger, Logger::Product | Logger::Native) {
                let of = over(n).zip(rival).map(|(ours, rival)| ours.cpu / rival.cpu);
                row.push(ratio(of));
                if let Some(aim) = case.aim
                    && *logger == Logger::Product
                    && of.is_some_and(|of| of > aim)
                {
                    short.push(format!("> {aim}"));
                }
            }
        }
        row.push(case.aim.map_or_else(String::new, |_| verdict(&short)));
        rows.push(row);
    }
    table::print(&titles, &rows);
}

/// Prints the size of the log after an update of two columns of every row.
async fn storage(loggers: &Loggers, size: &Size) -> Fallible {
    println!("## Bytes for an UPDATE of 2 columns\n");
    let mut rows = Vec::new();
    let mut totals = Vec::new();
    for (logger, db) in loggers {
        let Some(log) = logger.log() else { continue };
        clear(*logger, db).await?;
        change(db, BULK[0].sql, 0, "one more ").await?;
        let sql = format!(
            "SELECT coalesce(sum(pg_table_size(c.oid)), 0)::float8 AS heap,
                    coalesce(sum(pg_indexes_size(c.oid)), 0)::float8 AS indexes
             FROM pg_class AS c WHERE c.oid = '{log}'::regclass AND c.relkind = 'r'
                OR c.oid IN (SELECT relid FROM pg_partition_tree('{log}') WHERE isleaf)"
        );
        let row = db
            .query_one_raw(Statement::from_string(DbBackend::Postgres, sql))
            .await?
            .ok_or("no size")?;
        let each = |bytes: f64| bytes / size.audited as f64;
        let (heap, indexes) = (
            each(row.try_get("", "heap")?),
            each(row.try_get("", "indexes")?),
        );
        totals.push((*logger, heap + indexes));
        rows.push(vec![
            logger.name().to_owned(),
            format!("{heap:.0}"),
            format!("{indexes:.0}"),
            format!("{:.0}", heap + indexes),
        ]);
    }
    let rival = totals.iter().find(|(l, _)| *l == Logger::Rival);
    for (row, (logger, total)) in rows.iter_mut().zip(&totals) {
        let of = rival.map(|(_, rival)| total / rival);
        row.push(ratio(of));
        let short: Vec<_> = of
            .filter(|of| *of > 1.0 / 3.0)
            .map(|_| "> 1 / 3".to_owned())
            .into_iter()
            .collect();
        row.push(match logger {
            Logger::Product => verdict(&short),
            _ => String::new(),
        });
    }
    table::print(&["", "heap", "indexes", "both", "of blog", "aim"], &rows);
    Ok(())
}

/// Measures the first UPDATE of a session, in which the trigger function is compiled.
async fn first_call(server: &Postgres, size: &Size) -> Fallible {
    let mut samples = vec![Vec::new(); Logger::ALL.len()];
    for round in 0..size.audit_sessions {
        for (logger, samples) in Logger::ALL.iter().zip(&mut samples) {
            let db = logger.connect(server).await?;
            let start = Instant::now();
            change(&db, SINGLE[0].sql, 1, &format!("session {round}")).await?;
            let wall = start.elapsed().as_secs_f64();
            samples.push(Cost { wall, cpu: 0.0 });
            db.close().await?;
        }
    }
    let milliseconds = |samples: &[Cost]| median(samples).map_or(0.0, |cost| cost.wall * 1e3);
    let times: Vec<_> = Logger::ALL
        .iter()
        .zip(&samples)
        .map(|(logger, samples)| format!("{} {:.1}", logger.name(), milliseconds(samples)))
        .collect();
    println!(
        "The first UPDATE of a session, wall time in ms: {}\n",
        times.join(", ")
    );
    Ok(())
}
