//! Prepared statements that an earlier user of a session has left in it.

use blog::post;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use sea_orm_archive::prelude::*;

use crate::attacks::blog::{blog, number, run};

/// Replaces every prepared statement of ours by one that changes other rows and returns nothing.
const REPLACE: &str = "do $$
    declare
        called text;
    begin
        for called in select name from pg_prepared_statements where name like 'archive\\_%' loop
            execute 'deallocate ' || called;
            execute 'prepare ' || called || ' (jsonb) as
                update users set name = ''stolen'' where $1 is not null returning null::jsonb';
        end loop;
    end $$";

#[tokio::test]
async fn replaced_prepared_statement_is_not_run() {
    let (database, db) = blog().await;
    let session = database.session_as("web", "web").await;
    let archival = post::Entity::archive_by_id(1)
        .exec(&session.db())
        .await
        .unwrap();
    archival.restore(&session.db()).await.unwrap();
    run(&session.db(), REPLACE).await;

    let archival = post::Entity::archive_by_id(2)
        .exec(&session.db())
        .await
        .unwrap();
    assert_eq!(archival.rows()["public.comments"], 1);
    archival.restore(&session.db()).await.unwrap();
    assert_eq!(
        number(&db, "select count(*) from users where name = 'stolen'").await,
        0
    );
    assert_eq!(number(&db, "select count(*) from posts").await, 2);
    // Our own statements are prepared once.
    let prepared = "select count(*) from pg_prepared_statements where name like 'archive\\_%'";
    let before = number(&session.db(), prepared).await;
    post::Entity::archive_by_id(1)
        .exec(&session.db())
        .await
        .unwrap();
    assert_eq!(number(&session.db(), prepared).await, before);
}

/// A driver prepares the whole text of a step, including PREPARE, under the name of the step. Executing that is not
/// executing the step.
#[tokio::test]
async fn statement_prepared_by_the_driver_is_not_run_as_a_step() {
    let (database, _db) = blog().await;
    let session = database.session("pooled").await.db();
    // sqlx numbers its statements, this one included.
    let next = "select max(substring(name from 8)::bigint) + 1 from pg_prepared_statements where name like 'sqlx\\_s\\_%'";
    let name = format!("sqlx_s_{}", number(&session, next).await);
    let step = format!(
        "PREPARE {name} (pg_catalog.jsonb, timestamp with time zone, bigint, pg_catalog.text) AS SELECT pg_catalog.to_jsonb(7)"
    );
    let statement = Statement::from_string(DbBackend::Postgres, &step);
    let error = session.execute_raw(statement).await.unwrap_err();
    assert!(error.to_string().contains("already exists"), "{error}");
    let is_there = format!(
        "select count(*) from pg_prepared_statements where name = '{name}' and not from_sql and statement = '{step}'"
    );
    assert_eq!(number(&session, &is_there).await, 1);
    let call = format!(
        "select archive.run('{{{name}}}', array['{step}'], '{{once}}', '', '{{}}')::bigint"
    );
    assert_eq!(number(&session, &call).await, 7);
}
