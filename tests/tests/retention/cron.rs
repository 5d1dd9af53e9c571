//! Purging from psql, cron and `pg_cron`.

use std::process::{Command, Stdio};

use blog::post;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{Retention, RetentionSchema};
use sea_orm_archive_tests::sql::{json, number, refused, run, texts};
use sea_orm_migration::SchemaManager;

use super::{archived, database};

#[tokio::test]
async fn functions_purge_without_the_crate() {
    let (_database, db) = database().await;
    SchemaManager::new(&db)
        .retain("posts", Retention::days(0))
        .await
        .unwrap();
    post::Entity::archive_many().exec(&db).await.unwrap();
    let purged = json(&db, "select archive.purge_expired(2, 'cron')").await;
    assert_eq!(
        (
            &purged[0]["archivals"],
            &purged[0]["rows"]["public.posts"],
            &purged[0]["more"]
        ),
        (&2.into(), &2.into(), &true.into())
    );
    let refusal = refused(&db, "select archive.purge_expired(0)").await;
    assert_eq!(refusal.code, "22023");
    run(&db, "call archive.purge_all_expired(1)").await;
    assert_eq!(archived(&db).await.len(), 0);
    let transactions = "select count(distinct xmin::text) from archive.archival";
    assert_eq!(number(&db, transactions).await, 2);
    let by = "select distinct coalesce(purged_by, '-') from archive.archival order by 1";
    assert_eq!(texts(&db, by).await, ["-", "cron"]);
    let left = json(&db, "select archive.purge_expired()").await;
    assert_eq!(
        (&left[0]["archivals"], &left[0]["more"]),
        (&0.into(), &false.into())
    );
    run(
        &db,
        "insert into posts (id, title, slug, content, author_id) values (9, '', 'nine', '', 1)",
    )
    .await;
    let archival = post::Entity::archive_by_id(9).exec(&db).await.unwrap().id;
    let call =
        format!("select archive.purge_archivals('{{{archival}, {archival}, 1}}', 'me', 'erasure')");
    let purged = json(&db, &call).await;
    assert_eq!(
        (
            &purged[0]["archivals"],
            &purged[0]["archival"]["purge_policy"]
        ),
        (&1.into(), &"erasure".into())
    );
}

/// As in a crontab. The procedure ends its transactions itself.
#[tokio::test]
async fn psql_purges_everything_that_has_expired() {
    let (database, db) = database().await;
    SchemaManager::new(&db)
        .retain("posts", Retention::days(0))
        .await
        .unwrap();
    post::Entity::archive_many().exec(&db).await.unwrap();
    let psql = |statement: &str| {
        Command::new("psql")
            .args(["--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-c", statement])
            .arg(database.url())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
    };
    let Ok(status) = psql("CALL archive.purge_all_expired(2)") else {
        eprintln!("NOT TESTED: there is no psql");
        return;
    };
    assert!(status.success());
    assert_eq!(archived(&db).await.len(), 0);
    assert!(
        !psql("BEGIN; CALL archive.purge_all_expired()")
            .unwrap()
            .success()
    );
}

/// The job of the guide. It is scheduled, and its command runs here.
#[tokio::test]
async fn pg_cron_runs_the_procedure() {
    let (_database, db) = database().await;
    let available = "select count(*) from pg_available_extensions where name = 'pg_cron'";
    let preloaded = "select count(*) from pg_settings where name = 'shared_preload_libraries' and setting like '%pg_cron%'";
    if number(&db, available).await == 0 || number(&db, preloaded).await == 0 {
        eprintln!("NOT TESTED: the server has no pg_cron");
        return;
    }
    SchemaManager::new(&db)
        .retain("posts", Retention::days(0))
        .await
        .unwrap();
    post::Entity::archive_many().exec(&db).await.unwrap();
    run(
        &db,
        "create extension if not exists pg_cron; select cron.schedule('purge', '1 second', 'CALL archive.purge_all_expired()')",
    )
    .await;
    for _ in 0..500 {
        if archived(&db).await.is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the job did not run");
}
