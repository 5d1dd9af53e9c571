//! Races: the tables change while an archive with a cached plan waits. It must move all current columns and rows, or
//! refuse.

use blog::post;
use sea_orm::{
    AccessMode, ConnectionTrait, DbBackend, DbErr, IsolationLevel, Statement, TransactionTrait,
};
use sea_orm_archive::error::{DriftError, RetryError};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, HistorySchema, HistoryTable};
use sea_orm_archive_tests::{Database, Session, race};
use sea_orm_migration::{SchemaManager, schema::text};

use crate::races::blog::{At, OnDelete, blog as database, count, find};

/// Archives and restores, so that the plan is cached and the statements are prepared. Six times, since PostgreSQL plans
/// each of the first five executions of a prepared statement.
async fn warm(archiver: &Session) {
    let db = archiver.db();
    for _ in 0..6 {
        let archival = post::Entity::archive_by_id(3).exec(&db).await.unwrap();
        archival.restore(&db).await.unwrap();
    }
}

/// Runs `sql` in a transaction, starts an archive of post 1, commits when it waits.
async fn archive_while(sql: &str) -> (Database, Result<Archival, Error>) {
    archive_at_while("read committed", sql).await
}

/// The same on a pool whose transactions have this isolation level.
async fn archive_at_while(level: &str, sql: &str) -> (Database, Result<Archival, Error>) {
    let blog = database(OnDelete::Cascade).await;
    let (changer, archiver) = (
        blog.session("changer").await,
        blog.session("archiver").await,
    );
    let set = format!("set default_transaction_isolation = '{level}'");
    archiver.db().execute_unprepared(&set).await.unwrap();
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

/// Race: a column is added to a table but not to its archive table. The archive refuses, and names the helper to call.
#[tokio::test]
async fn column_added_to_the_table_alone_is_refused() {
    for table in ["posts", "comments", "likes"] {
        let sql = format!("alter table {table} add column extra text not null default 'precious'");
        let (blog, outcome) = archive_while(&sql).await;
        match outcome.unwrap_err() {
            Error::Drift(DriftError::Schema { problems, .. }) => {
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

/// The same in both tables: the column is moved. At any isolation level, since a call on a pool is retried.
#[tokio::test]
async fn column_added_to_both_tables_is_moved() {
    for level in ["read committed", "repeatable read", "serializable"] {
        for table in ["posts", "comments", "likes"] {
            let sql = format!(
                "alter table {table} add column extra text not null default 'precious';
                 alter table deleted_{table} add column extra text not null"
            );
            let (blog, outcome) = archive_at_while(level, &sql).await;
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
}

/// Race: a column is added while a plan is built, after its first statement. That one reads the fingerprint, so the plan is refused when it
/// is used, and built again.
#[tokio::test]
async fn column_added_while_the_plan_is_built_is_moved() {
    let blog = database(OnDelete::Cascade).await;
    let add = |column: &str| {
        format!(
            "alter table posts add column {column} text not null default 'precious';
             alter table deleted_posts add column {column} text not null"
        )
    };
    // No cached plan fits these tables.
    let db = blog.connect().await;
    db.execute_unprepared(&add("not_planned")).await.unwrap();
    let (_, archived, _) = race! { blog;
        // Read by the description of the tables, and not by the fingerprint.
        changer holds |txn| txn.execute_unprepared("lock table archive.tenancy");
        archiver waits for changer |db| post::Entity::archive_by_id(1).exec(db);
        changer goes on |txn| txn.execute_unprepared(&add("extra"));
        changer commits;
    };
    archived.unwrap();
    let moved = count(&db, "deleted_posts", "extra = 'precious' and id = 1").await;
    assert_eq!(moved, 1);
}

/// Race: a child table with ON DELETE CASCADE is created. Its rows would be deleted without a copy.
#[tokio::test]
async fn child_table_created_meanwhile_is_refused() {
    for parent in ["posts", "comments", "likes"] {
        let sql = format!(
            "create table precious (id bigint references {parent} (id) on delete cascade);
             insert into precious values (1)"
        );
        let (blog, outcome) = archive_while(&sql).await;
        match outcome.unwrap_err() {
            Error::Drift(DriftError::UndeclaredEdges { edges, .. }) => {
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

/// Race: a table gets another primary key. Its archive table would let that key be archived twice.
#[tokio::test]
async fn primary_key_changed_meanwhile_is_refused() {
    let sql = "alter table likes drop constraint likes_pkey, add primary key (comment_id, user_id)";
    let (blog, outcome) = archive_while(sql).await;
    match outcome.unwrap_err() {
        Error::Drift(DriftError::Schema { problems, .. }) => {
            let problem = problems.iter().find(|p| p.contains("primary key"));
            let named = problem.is_some_and(|p| p.contains("(comment_id, user_id)"));
            assert!(named, "{problems:?}");
        }
        error => panic!("{error}"),
    }
    assert_eq!(
        find(&blog.connect().await, "likes", "id = 1").await,
        At::Active
    );
}

/// Race: a table is rewritten. It is empty in an older snapshot, and the cascade would delete the rows that the move did
/// not see.
#[tokio::test]
async fn rows_of_a_table_rewritten_meanwhile_are_archived() {
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

/// Race: the type of a column changes.
#[tokio::test]
async fn column_type_changed_meanwhile_is_refused() {
    let sql = "alter table comments alter column content type varchar(2000)";
    let (blog, outcome) = archive_while(sql).await;
    assert!(matches!(
        outcome.unwrap_err(),
        Error::Drift(DriftError::Schema { .. })
    ));
    assert_eq!(
        find(&blog.connect().await, "comments", "id = 1").await,
        At::Active
    );
}

/// A table of the same name is created in a schema that is earlier in the search_path: the cached plan is for another
/// table.
#[tokio::test]
async fn table_created_earlier_in_the_search_path_is_refused() -> Result<(), DbErr> {
    let blog = database(OnDelete::Cascade).await;
    let archiver = blog.session("archiver").await;
    let db = archiver.db();
    db.execute_unprepared("create schema other; set search_path = other, public")
        .await?;
    warm(&archiver).await;
    db.execute_unprepared("create table other.comments (id bigint primary key)")
        .await?;
    let error = post::Entity::archive_by_id(1).exec(&db).await.unwrap_err();
    assert!(
        matches!(error, Error::Drift(DriftError::Schema { .. })),
        "{error}"
    );
    assert_eq!(count(&db, "public.comments", "id = 1").await, 1);
    Ok(())
}

/// Rows are locked under a snapshot that may be older than a rewrite, and would then find no row to lock. So a rewrite
/// must change the fingerprint of the table.
#[tokio::test]
async fn rewrite_of_a_table_changes_its_fingerprint() -> Result<(), DbErr> {
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

/// Changes of the tables after the snapshot of the caller's transaction was taken, which its reads of the catalog do not
/// show.
const UNSEEN: [&str; 8] = [
    "alter table posts add column boss text default 'ann'; alter table deleted_posts add column boss text",
    "alter table likes add column boss text default 'ann'; alter table deleted_likes add column boss text",
    "alter table comments add column boss text default 'ann'",
    "alter table comments rename column content to text; alter table comments add column content text default 'new';
     alter table deleted_comments add column text text",
    "alter table comments alter column created_at type timestamptz using created_at + interval '0'",
    "alter table precious add foreign key (id) references likes (id) on delete cascade",
    "alter table precious add foreign key (id) references posts (id) on delete set null",
    "create function nothing() returns trigger language plpgsql as 'begin return null; end';
     create trigger nothing before insert on deleted_likes for each row execute function nothing()",
];

/// The table to which a foreign key is added; its row is older than the snapshot.
const PRECIOUS: &str = "create table precious (id bigint); insert into precious values (1)";

/// An old snapshot does not show the change, and a new plan would not either: the caller has to retry the transaction.
/// The transaction stays usable.
#[tokio::test]
async fn change_after_the_snapshot_is_a_retry_error() -> Result<(), DbErr> {
    for level in [IsolationLevel::RepeatableRead, IsolationLevel::Serializable] {
        for (sql, cold) in UNSEEN
            .into_iter()
            .flat_map(|sql| [(sql, false), (sql, true)])
        {
            let blog = database(OnDelete::Cascade).await;
            let archiver = blog.session("archiver").await;
            let other = blog.connect().await;
            other.execute_unprepared(PRECIOUS).await?;
            if !cold {
                warm(&archiver).await;
            }
            let pool = archiver.db();
            let old = pool.begin_with_config(Some(level), None).await?;
            assert_eq!(count(&old, "tags", "id = 1").await, 1);
            other.execute_unprepared(sql).await?;
            for _ in 0..2 {
                let error = post::Entity::archive_by_id(1).exec(&old).await.unwrap_err();
                let Error::Retry(RetryError::Contention { code, source }) = &error else {
                    panic!("{sql}: {error}");
                };
                assert_eq!(code, "40001", "{sql}");
                assert!(source.to_string().contains("begin it again"), "{source}");
            }
            let preview = post::Entity::archive_by_id(1).preview(&old).await;
            assert!(
                matches!(preview, Err(Error::Retry(RetryError::Contention { .. }))),
                "{sql}"
            );
            old.commit().await?;
            for (table, id) in [("posts", 1), ("comments", 1), ("likes", 1)] {
                assert_eq!(find(&other, table, &format!("id = {id}")).await, At::Active);
            }
            assert_eq!(count(&other, "precious", "id = 1").await, 1);
            assert_eq!(count(&other, "archive.snapshot_probe", "true").await, 0);
        }
    }
    Ok(())
}

/// A transaction with an old snapshot of unchanged tables archives and restores; one that begins after a change sees it.
#[tokio::test]
async fn old_snapshot_of_unchanged_tables_archives() -> Result<(), DbErr> {
    let blog = database(OnDelete::Cascade).await;
    let archiver = blog.session("archiver").await;
    let (pool, other) = (archiver.db(), blog.connect().await);
    for level in [IsolationLevel::RepeatableRead, IsolationLevel::Serializable] {
        let old = pool.begin_with_config(Some(level), None).await?;
        assert_eq!(count(&old, "tags", "id = 1").await, 1);
        other
            .execute_unprepared("create table if not exists unrelated (); insert into users (id, name) select max(id) + 1, 'user ' || max(id) from users")
            .await?;
        for _ in 0..7 {
            let archival = post::Entity::archive_by_id(1).exec(&old).await.unwrap();
            archival.restore(&old).await.unwrap();
        }
        old.commit().await?;
        other
            .execute_unprepared(
                "alter table likes add column if not exists boss text default 'ann';
                 alter table deleted_likes add column if not exists boss text",
            )
            .await?;
        let new = pool.begin_with_config(Some(level), None).await?;
        let archival = post::Entity::archive_by_id(1).exec(&new).await.unwrap();
        assert_eq!(count(&new, "deleted_likes", "boss = 'ann'").await, 1);
        archival.restore(&new).await.unwrap();
        new.commit().await?;
    }
    Ok(())
}

/// A role that owns no table gets the same results, and a read-only transaction can preview.
#[tokio::test]
async fn change_after_the_snapshot_is_a_retry_error_for_an_ordinary_role() -> Result<(), DbErr> {
    let blog = database(OnDelete::Cascade).await;
    let other = blog.connect().await;
    let role = blog.role("web").await;
    SchemaManager::new(&other)
        .grant_archive(role.clone())
        .await?;
    other
        .execute_unprepared(&format!(
            "grant select, insert, update, delete on all tables in schema public to \"{role}\";
             alter table posts enable row level security;
             alter table deleted_posts enable row level security;
             create policy everything on posts to \"{role}\" using (true);
             create policy everything on deleted_posts to \"{role}\" using (true)"
        ))
        .await?;
    let web = blog.connect_as("web").await;
    let isolation = Some(IsolationLevel::RepeatableRead);
    let reading = web
        .begin_with_config(isolation, Some(AccessMode::ReadOnly))
        .await?;
    let preview = post::Entity::archive_by_id(1).preview(&reading).await;
    assert_eq!(preview.unwrap().rows["public.likes"], 1);
    reading.commit().await?;
    let old = web.begin_with_config(isolation, None).await?;
    let archival = post::Entity::archive_by_id(1).exec(&old).await.unwrap();
    archival.restore(&old).await.unwrap();
    old.commit().await?;
    let old = web.begin_with_config(isolation, None).await?;
    assert_eq!(count(&old, "tags", "id = 1").await, 1);
    other.execute_unprepared(UNSEEN[1]).await?;
    let error = post::Entity::archive_by_id(1).exec(&old).await.unwrap_err();
    assert!(
        matches!(error, Error::Retry(RetryError::Contention { .. })),
        "{error}"
    );
    Ok(())
}

mod names {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveHistory;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveHistory)]
    #[sea_orm(table_name = "names")]
    #[history(identity = "owner_id")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub owner_id: i32,
        pub name: String,
        pub valid_from: DateTimeUtc,
        pub valid_to: Option<DateTimeUtc>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// A change under an old snapshot would write the next version without the new column.
#[tokio::test]
async fn change_of_a_history_after_the_snapshot_is_a_retry_error() -> Result<(), DbErr> {
    let blog = database(OnDelete::Cascade).await;
    let changer = blog.session("changer").await;
    let (pool, other) = (changer.db(), blog.connect().await);
    other
        .execute_unprepared(
            "create table owners (id int primary key); insert into owners values (1)",
        )
        .await?;
    let history = HistoryTable::new("names")
        .identity("owner_id", "owners")
        .column(text("name"));
    SchemaManager::new(&other)
        .create_history_table(history)
        .await?;
    let name = |name: &str| names::Entity::change(1).value(names::Column::Name, name);
    let first = names::Entity::start(1).value(names::Column::Name, "0");
    first.exec(&pool).await.unwrap();
    for n in 1..7 {
        name(&n.to_string()).exec(&pool).await.unwrap();
    }
    let old = pool
        .begin_with_config(Some(IsolationLevel::RepeatableRead), None)
        .await?;
    assert_eq!(count(&old, "tags", "id = 1").await, 1);
    other
        .execute_unprepared("alter table names add column boss text default 'ann'")
        .await?;
    let error = name("lost").exec(&old).await.unwrap_err();
    assert!(
        matches!(error, Error::Retry(RetryError::Contention { .. })),
        "{error}"
    );
    old.commit().await?;
    name("7").exec(&pool).await.unwrap();
    assert_eq!(count(&other, "names", "boss = 'ann'").await, 8);
    Ok(())
}
