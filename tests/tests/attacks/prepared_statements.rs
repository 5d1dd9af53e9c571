//! Prepared statements that an earlier user of a session left behind.

use blog::post;
use sea_orm_archive::prelude::*;

use crate::blog::{blog, number, run};

/// Replaces every prepared statement of ours by one that changes other rows and answers nothing.
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
async fn a_statement_of_the_same_name_is_not_run() {
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
    // What is ours is prepared once.
    let prepared = "select count(*) from pg_prepared_statements where name like 'archive\\_%'";
    let before = number(&session.db(), prepared).await;
    post::Entity::archive_by_id(1)
        .exec(&session.db())
        .await
        .unwrap();
    assert_eq!(number(&session.db(), prepared).await, before);
}
