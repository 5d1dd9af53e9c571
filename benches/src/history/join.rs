//! A join of every audit row with the version that was valid at its time.

use std::time::Instant;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, EntityTrait, QueryTrait, Statement};
use sea_orm_archive::JoinVersion;
use throwaway_postgres::Postgres;

use super::tables::{GUARD, database, department_history, user_audit, versions};
use crate::aims::verdict;
use crate::databases::vacuum;
use crate::rival::median;
use crate::table::{self, ratio, time};
use crate::{Fallible, Size};

pub(super) async fn run(server: &Postgres, size: &Size) -> Fallible {
    eprintln!("history: joins ...");
    let db = database(server, "join_versions", false).await?;
    let (departments, each) = (size.departments, size.versions / size.departments);
    let all = format!("generate_series(1, {departments})");
    db.execute_unprepared(&format!("INSERT INTO departments SELECT * FROM {all}"))
        .await?;
    db.execute_unprepared(&versions(&all, each)).await?;
    db.execute_unprepared(&format!(
        "INSERT INTO user_audit (department_id, changed_at)
         SELECT 1 + a % {departments}, timestamptz '2010-01-01 02:00' + (a * 7919 % ({each} * 3600)) * interval '1 second'
         FROM generate_series(1, {}::bigint) AS a",
        size.versions
    ))
    .await?;
    db.execute_unprepared(GUARD).await?;
    db.execute_unprepared(
        "CREATE INDEX ON department_history (department_id, valid_from, valid_to)",
    )
    .await?;
    vacuum(&db).await?;
    let product = user_audit::Entity::find()
        .find_also_version_at::<department_history::Entity>(
            [user_audit::Column::DepartmentId],
            user_audit::Column::ChangedAt,
        )
        .build(DbBackend::Postgres)
        .to_string();
    let range = "SELECT a.*, h.name AS \"B_name\" FROM user_audit AS a JOIN department_history AS h
         ON h.department_id = a.department_id AND h.valid_from <= a.changed_at
         AND (h.valid_to > a.changed_at OR h.valid_to IS NULL)";
    let gist = "SELECT a.*, h.name AS \"B_name\" FROM user_audit AS a JOIN department_history AS h
         ON h.department_id = a.department_id
         AND tstzrange(h.valid_from, coalesce(h.valid_to, 'infinity'), '[)') @> a.changed_at";
    let queries = [product.as_str(), range, gist];
    let mut samples = vec![Vec::new(); queries.len()];
    for round in 0..=size.join_rounds {
        let mut answers = Vec::new();
        for turn in 0..queries.len() {
            let n = (turn + round) % queries.len();
            let start = Instant::now();
            answers.push(count(&db, queries[n]).await?);
            if round > 0 {
                samples[n].push(start.elapsed());
            }
        }
        if answers.iter().any(|answer| *answer != size.versions) {
            return Err(format!("the joins return {answers:?} rows").into());
        }
    }
    let times: Vec<_> = samples.iter().map(|samples| median(samples)).collect();
    let faster = |n: usize| Some(times[n]? / times[0]?);
    let short: Vec<_> = faster(1)
        .filter(|times| *times < 5.0)
        .map(|_| "range < 5".to_owned())
        .into_iter()
        .collect();
    println!(
        "## {} rows joined to the version at their time: median ms, and times faster\n",
        size.versions
    );
    table::print(
        &[
            "find_also_version_at",
            "range join",
            "faster",
            "GiST join",
            "faster",
            "aim",
        ],
        &[vec![
            time(times[0]),
            time(times[1]),
            ratio(faster(1)),
            time(times[2]),
            ratio(faster(2)),
            verdict(&short),
        ]],
    );
    Ok(())
}

/// Runs the join and counts the names that it finds, so that no rows are sent.
async fn count(db: &DatabaseConnection, query: &str) -> Fallible<i64> {
    let sql = format!("SELECT count(j.\"B_name\") AS found FROM ({query}) AS j");
    let row = db
        .query_one_raw(Statement::from_string(DbBackend::Postgres, sql))
        .await?
        .ok_or("no count")?;
    Ok(row.try_get("", "found")?)
}
