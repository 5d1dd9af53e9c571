//! The tables change while an archive is on its way. Its plan was made before, and is kept: it must
//! move everything that is there now, or refuse.

use blog::post;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, TransactionTrait};
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::{Database, Session};

use crate::blog::{At, OnDelete, blog as database, count, find};

/// A session that has archived before: its plan is kept, its statements are prepared. Six times, since
/// PostgreSQL plans the first five executions of a prepared statement one by one.
async fn warm(archiver: &Session) {
    let db = archiver.db();
    for _ in 0..6 {
        let archival = post::Entity::archive_by_id(3).exec(&db).await.unwrap();
        archival.restore(&db).await.unwrap();
    }
}

/// Runs `sql` in a transaction, starts an archive of post 1, commits when it waits.
async fn archive_while(sql: &str) -> (Database, Result<Archival, ArchiveError>) {
    let blog = database(OnDelete::Cascade).await;
    let (changer, archiver) = (
        blog.session("changer").await,
        blog.session("archiver").await,
    );
    warm(&archiver).await;
    let changing = changer.db().begin().await.unwrap();
    changing.execute_unprepared(sql).await.unwrap();
    let db = archiver.db();
    let archiving = archiver.start(async move { post::Entity::archive_by_id(1).exec(&db).await });
    blog.wait_until_blocked_by(&archiver, &changer).await;
    changing.commit().await.unwrap();
    let outcome = archiving.finish().await;
    (blog, outcome)
}

/// A column appears in the table alone: the archive refuses, and says what to call.
#[tokio::test]
async fn a_column_is_added() {
    for table in ["posts", "comments", "likes"] {
        let sql = format!("alter table {table} add column extra text not null default 'precious'");
        let (blog, outcome) = archive_while(&sql).await;
        match outcome.unwrap_err() {
            ArchiveError::Drift { problems, .. } => {
                assert!(
                    problems
                        .iter()
                        .any(|p| p.contains("extra") && p.contains("sync_archived_table")),
                    "{problems:?}"
                );
            }
            error => panic!("{error}"),
        }
        assert_eq!(
            count(
                &blog.connect().await,
                table,
                "extra = 'precious' and id = 1"
            )
            .await,
            1
        );
    }
}

/// It appears in both: it is moved.
#[tokio::test]
async fn a_column_is_added_to_both() {
    for table in ["posts", "comments", "likes"] {
        let sql = format!(
            "alter table {table} add column extra text not null default 'precious';
             alter table deleted_{table} add column extra text not null"
        );
        let (blog, outcome) = archive_while(&sql).await;
        outcome.unwrap();
        assert_eq!(
            count(
                &blog.connect().await,
                &format!("deleted_{table}"),
                "extra = 'precious' and id = 1"
            )
            .await,
            1
        );
    }
}

/// A table with ON DELETE CASCADE appears below the tree: its rows would be deleted uncopied.
#[tokio::test]
async fn a_child_table_is_added() {
    for parent in ["posts", "comments", "likes"] {
        let sql = format!(
            "create table precious (id bigint references {parent} (id) on delete cascade);
             insert into precious values (1)"
        );
        let (blog, outcome) = archive_while(&sql).await;
        match outcome.unwrap_err() {
            ArchiveError::UndeclaredEdge { edges, .. } => {
                assert_eq!(edges[0].child, "public.precious(id)")
            }
            error => panic!("{error}"),
        }
        assert_eq!(count(&blog.connect().await, "precious", "true").await, 1);
        assert_eq!(
            find(&blog.connect().await, "posts", "id = 1").await,
            At::Active
        );
    }
}

/// A rewritten table looks empty to a snapshot from before; the cascade would delete what the move did
/// not see.
#[tokio::test]
async fn a_table_is_rewritten() {
    for table in ["posts", "comments", "likes"] {
        let sql = format!(
            "alter table {table} alter column created_at type timestamptz using created_at + interval '0'"
        );
        let (blog, outcome) = archive_while(&sql).await;
        outcome.unwrap();
        for table in ["posts", "comments", "likes"] {
            assert_eq!(
                find(&blog.connect().await, table, "id = 1").await,
                At::Archived,
                "{table}"
            );
        }
    }
}

/// A column of another type appears in the place of an old one.
#[tokio::test]
async fn a_column_changes_its_type() {
    let sql = "alter table comments alter column content type varchar(2000)";
    let (blog, outcome) = archive_while(sql).await;
    assert!(matches!(outcome.unwrap_err(), ArchiveError::Drift { .. }));
    assert_eq!(
        find(&blog.connect().await, "comments", "id = 1").await,
        At::Active
    );
}

/// A table of the same name appears earlier in the search_path: the plan is of another table.
#[tokio::test]
async fn a_name_is_taken_over() -> Result<(), DbErr> {
    let blog = database(OnDelete::Cascade).await;
    let archiver = blog.session("archiver").await;
    let db = archiver.db();
    db.execute_unprepared("create schema other; set search_path = other, public")
        .await?;
    warm(&archiver).await;
    db.execute_unprepared("create table other.comments (id bigint primary key)")
        .await?;
    let error = post::Entity::archive_by_id(1).exec(&db).await.unwrap_err();
    assert!(matches!(error, ArchiveError::Drift { .. }), "{error}");
    assert_eq!(count(&db, "public.comments", "id = 1").await, 1);
    Ok(())
}

/// The levels are locked under a snapshot that may be older than a rewrite, and would find nothing to
/// lock: so a rewritten table is another table to a plan.
#[tokio::test]
async fn a_rewrite_is_noticed() -> Result<(), DbErr> {
    let blog = database(OnDelete::Cascade).await;
    let db = blog.connect().await;
    let fingerprint = async || {
        let sql = "select archive.fingerprint(array['comments'])";
        let row = db
            .query_one_raw(Statement::from_string(DbBackend::Postgres, sql))
            .await?;
        row.expect("a fingerprint").try_get_by_index::<i64>(0)
    };
    let before = fingerprint().await?;
    assert_eq!(fingerprint().await?, before);
    db.execute_unprepared(
        "alter table comments alter column created_at type timestamptz using created_at + interval '0'",
    )
    .await?;
    assert_ne!(fingerprint().await?, before);
    Ok(())
}
