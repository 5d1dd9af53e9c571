//! The costs of reads, and joins.

use std::time::Duration;

use sea_orm::prelude::*;
use sea_orm::{DatabaseConnection, DbBackend, QueryTrait, Statement, TransactionTrait};
use sea_orm_archive::prelude::*;

use crate::history::departments::{department_history, departments, run, user_audit};
use department_history::{Column, Entity as Names};

/// The number of blocks that a statement reads in its second run, and its plan.
async fn blocks(db: &DatabaseConnection, query: &str) -> (i64, String) {
    let mut plan = serde_json::Value::Null;
    for _ in 0..2 {
        let explain =
            format!("explain (analyze, buffers, costs off, timing off, format json) {query}");
        let row = db
            .query_one_raw(Statement::from_string(DbBackend::Postgres, explain))
            .await
            .unwrap()
            .unwrap();
        plan = row.try_get("", "QUERY PLAN").unwrap();
    }
    let top = &plan[0]["Plan"];
    let count = |key: &str| top[key].as_i64().unwrap();
    (
        count("Shared Hit Blocks") + count("Shared Read Blocks"),
        plan.to_string(),
    )
}

async fn versions(db: &DatabaseConnection, id: i32, count: i32) {
    run(
        db,
        &format!(
            "insert into department_history (department_id, name, valid_from, valid_to)
             select {id}, 'name ' || i, timestamptz '2000-01-01' + i * interval '1 minute',
                    case when i < {count} then timestamptz '2000-01-01' + (i + 1) * interval '1 minute' end
             from generate_series(1, {count}) as i"
        ),
    )
    .await;
}

#[tokio::test]
async fn cost_of_find_version_at_does_not_depend_on_the_number_of_versions() {
    let database = departments().await;
    let db = database.connect().await;
    // Writing the index of the exclusion constraint takes most of the test's time, and the read does not use it.
    run(&db, "alter table department_history drop constraint department_history_department_id_tstzrange_excl").await;
    versions(&db, 1, 90).await;
    versions(&db, 2, 100_000).await;
    run(&db, "vacuum analyze department_history").await;
    let time = "2000-01-01T01:00:30Z".parse::<DateTimeUtc>().unwrap();
    for (id, time) in [(1, time), (2, time), (2, time + MONTH)] {
        let query = Names::find_version_at(id, time)
            .build(DbBackend::Postgres)
            .to_string();
        let (blocks, plan) = blocks(&db, &query).await;
        assert!(blocks <= 4, "{blocks} blocks for {id}: {plan}");
        let found = Names::find_version_at(id, time).all(&db).await.unwrap();
        assert_eq!(found.len(), 1);
        assert!(found[0].valid_from <= time && found[0].valid_to.is_none_or(|to| to > time));
    }
}

const MONTH: Duration = Duration::from_secs(30 * 86_400);

#[tokio::test]
async fn cost_of_a_change_does_not_depend_on_the_number_of_versions() {
    let database = departments().await;
    let db = database.connect().await;
    run(&db, "alter table department_history drop constraint department_history_department_id_tstzrange_excl").await;
    versions(&db, 2, 20_000).await;
    run(
        &db,
        "alter table department_history add exclude using gist (department_id with =, tstzrange(valid_from, valid_to) with &&);
         analyze department_history",
    )
    .await;
    let time = "2000-01-01T01:00:30Z".parse::<DateTimeUtc>().unwrap();
    // More calls than those for which PostgreSQL plans a prepared statement each time.
    for call in 0..8 {
        let transaction = db.begin().await.unwrap();
        let before = rows_read(&transaction).await;
        Names::change(2)
            .value(Column::Name, format!("new {call}"))
            .valid_from(time + Duration::from_secs(call))
            .exec(&transaction)
            .await
            .unwrap();
        let rows = rows_read(&transaction).await - before;
        assert!(rows < 100, "{rows} rows were read for call {call}");
        transaction.commit().await.unwrap();
    }
}

/// How many rows of the table this transaction has read.
async fn rows_read(db: &impl ConnectionTrait) -> i64 {
    let read = "select (seq_tup_read + idx_tup_fetch)::bigint as rows from pg_stat_xact_user_tables
                where relname = 'department_history'";
    let row = db
        .query_one_raw(Statement::from_string(DbBackend::Postgres, read))
        .await
        .unwrap();
    row.map_or(0, |row| row.try_get("", "rows").unwrap())
}

#[tokio::test]
async fn join_to_the_version_at_a_time_is_lateral_and_can_be_filtered() {
    let database = departments().await;
    let db = database.connect().await;
    versions(&db, 1, 90).await;
    run(
        &db,
        "insert into user_audit (user_id, department_id, changed_by, changed_at) values
         (1, 1, 2, '2000-01-01 00:00:30Z'), (1, 1, 2, '2000-01-01 00:05:00Z'), (1, 2, 2, '2000-01-01 00:05:00Z')",
    )
    .await;
    let joined = user_audit::Entity::find().find_also_version_at::<Names>(
        [user_audit::Column::DepartmentId],
        user_audit::Column::ChangedAt,
    );
    let sql = joined.clone().build(DbBackend::Postgres).to_string();
    assert!(sql.contains("LEFT JOIN LATERAL"), "{sql}");
    let names: Vec<_> = joined
        .clone()
        .all(&db)
        .await
        .unwrap()
        .into_iter()
        .map(|(_, version)| version.map(|version| version.name))
        .collect();
    assert_eq!(names, [None, Some("name 5".to_owned()), None]);
    let filtered = joined
        .filter(Column::Name.eq("name 5"))
        .all(&db)
        .await
        .unwrap();
    assert_eq!(filtered.len(), 1);
}
