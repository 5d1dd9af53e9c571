//! A standby that is read and then promoted.

use sea_orm_archive::prelude::*;
use sea_orm_archive::{Error, check};
use sea_orm_archive_tests::{
    connect,
    sql::{number, one, run},
};
use throwaway_postgres::Postgres;
use tokio::time::{Duration, Instant, sleep};

use super::notes::{archive_and_restore, assert_same, migrate, note};
use super::programs::programs;

#[tokio::test]
async fn promoted_standby_archives_and_restores() {
    let settings = |builder: throwaway_postgres::Builder| {
        builder
            .setting("wal_level", "replica")
            .setting("max_wal_senders", "4")
    };
    let primary = settings(Postgres::builder()).start().unwrap();
    let db = connect(&primary.url("postgres")).await;
    if programs(&db, ["pg_basebackup"]).await.is_none() {
        return;
    }
    migrate(&db).await.unwrap();
    let first = note::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let standby = settings(Postgres::builder().standby_of(&primary))
        .start()
        .unwrap();
    let second = note::Entity::archive_by_id(2).exec(&db).await.unwrap();
    let end: String = one(&db, "select pg_current_wal_insert_lsn()::text").await;
    let copy = connect(&standby.url("postgres")).await;
    let start = Instant::now();
    while number(
        &copy,
        &format!("select (pg_last_wal_replay_lsn() >= '{end}')::int::bigint"),
    )
    .await
        == 0
    {
        assert!(start.elapsed() < Duration::from_secs(60));
        sleep(Duration::from_millis(10)).await;
    }

    // It is read, and refuses to move rows.
    assert_same(&copy, &db).await;
    assert_eq!(check(&copy).await.unwrap(), []);
    assert_eq!(
        note::Entity::archive_by_id(3)
            .preview(&copy)
            .await
            .unwrap()
            .rows["public.comments"],
        1
    );
    let error = second.clone().restore(&copy).await.unwrap_err();
    assert!(matches!(error, Error::Database(_)), "{error}");

    db.close().await.unwrap();
    primary.kill9().unwrap();
    run(&copy, "select pg_promote()").await;
    assert_eq!(first.restore(&copy).await.unwrap().relinked, 1);
    archive_and_restore(&copy, 3).await.unwrap();
    let third = note::Entity::archive_by_id(4).exec(&copy).await.unwrap();
    // No number is given twice. Some are skipped: a standby continues up to 32 numbers later than the primary stopped, and
    // a call with a stale plan draws one more.
    assert!(third.id > second.id, "{}", third.id);
    assert_eq!(second.restore(&copy).await.unwrap().relinked, 1);
    assert_eq!(check(&copy).await.unwrap(), []);
}
