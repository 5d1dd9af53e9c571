//! A context is set on its own transaction alone.

use std::sync::atomic::{AtomicU32, Ordering};

use ::blog::post;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait};
use sea_orm_archive::Context;
use sea_orm_archive::context::WorkError;
use sea_orm_archive::error::RefusedError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, ContextSettings};
use sea_orm_migration::SchemaManager;

use crate::context::database::{Known, actor, blog, known, one};

#[tokio::test]
async fn context_never_stays_on_a_connection() {
    let blog = blog().await;
    // One connection: the next user would see a context that was not reset.
    let db = blog.session("pool of one").await.db();
    let alice = Context::new().actor("alice").tenant(4).request_id("r1");

    let txn = alice.begin(&db).await.unwrap();
    let carried = known(&txn).await;
    assert_eq!(carried.actor.as_deref(), Some("alice"));
    assert_eq!(carried.tenant.as_deref(), Some("4"));
    assert_eq!(carried.request_id.as_deref(), Some("r1"));
    txn.commit().await.unwrap();
    assert_eq!(known(&db).await, Known::default(), "after a commit");

    let txn = alice.begin(&db).await.unwrap();
    txn.rollback().await.unwrap();
    assert_eq!(known(&db).await, Known::default(), "after a rollback");

    drop(alice.begin(&db).await.unwrap());
    assert_eq!(
        known(&db).await,
        Known::default(),
        "after a transaction that was dropped"
    );

    let failed = alice
        .run(&db, async |txn| {
            txn.execute_unprepared("select 1 / 0").await?;
            Ok::<_, Error>(())
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(known(&db).await, Known::default(), "after work that failed");
}

#[tokio::test]
async fn nested_context_replaces_the_outer_one_and_then_restores_it() {
    let blog = blog().await;
    let db = blog.connect().await;
    let full = Context::new()
        .actor(7)
        .tenant("t")
        .request_id("r")
        .client_address([10, 0, 0, 1])
        .user_agent("curl")
        .reason("spam")
        .metadata(serde_json::json!({"ticket": "it's \"quoted\""}));
    let txn = full.begin(&db).await.unwrap();
    let details = known(&txn).await.details.unwrap();
    let details: serde_json::Value = serde_json::from_str(&details).unwrap();
    assert_eq!(
        details,
        serde_json::json!({"client_address": "10.0.0.1", "user_agent": "curl", "reason": "spam",
                           "metadata": {"ticket": "it's \"quoted\""}})
    );
    // The inner context is not merged with the outer one.
    Context::new()
        .actor("job")
        .run(&txn, async |txn| {
            assert_eq!(known(txn).await, actor("job"));
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    assert_eq!(known(&txn).await.tenant.as_deref(), Some("t"));
    let failed = Context::new()
        .actor("job")
        .run(&txn, async |_| Err::<(), _>(DbErr::Custom("no".to_owned())))
        .await;
    assert!(failed.is_err());
    assert_eq!(known(&txn).await.actor.as_deref(), Some("7"));
}

#[tokio::test]
async fn unusual_actors_are_set_unchanged_or_refused() {
    let blog = blog().await;
    let db = blog.connect().await;
    let megabyte = "x".repeat(1 << 20);
    for odd in [
        "o'hara",
        "\"; drop table posts; --",
        "\\",
        "ä\u{1f980}\n",
        &megabyte,
    ] {
        let txn = Context::new().actor(odd).begin(&db).await.unwrap();
        assert_eq!(known(&txn).await, actor(odd));
    }
    for (context, field) in [
        (Context::new().actor("a\0b"), "actor"),
        (Context::new().tenant("\0"), "tenant"),
        (
            Context::new().metadata(serde_json::json!({"a": ["\0"]})),
            "metadata",
        ),
    ] {
        let refused = context.begin(&db).await.map(drop).unwrap_err();
        assert!(
            matches!(&refused, Error::Refused(RefusedError::ZeroByte { field: f }) if *f == field),
            "{refused}"
        );
    }
    // The empty text is no actor.
    let txn = Context::new().actor("").begin(&db).await.unwrap();
    assert_eq!(known(&txn).await, Known::default());
}

#[tokio::test]
async fn work_is_retried_after_a_deadlock_and_can_be_spawned() {
    let blog = blog().await;
    let db = blog.connect().await;
    let tries = std::sync::Arc::new(AtomicU32::new(0));
    let counted = tries.clone();
    // In a spawned task, as a web server runs it: the future must be Send.
    let task = tokio::spawn(async move {
        Context::new()
            .actor("alice")
            .run(&db, async move |txn| {
                if counted.fetch_add(1, Ordering::SeqCst) == 0 {
                    let sql = "do $$ begin raise exception using errcode = '40P01'; end $$";
                    txn.execute_unprepared(sql).await?;
                }
                Ok::<_, DbErr>(known(txn).await)
            })
            .await
    });
    assert_eq!(task.await.unwrap().unwrap(), actor("alice"));
    assert_eq!(tries.load(Ordering::SeqCst), 2);
    // A deadlock has already ended the caller's transaction, so nothing is retried in it.
    let db = blog.connect().await;
    let txn = db.begin().await.unwrap();
    let tries = AtomicU32::new(0);
    let failed = Context::new()
        .run(&txn, async |txn| {
            tries.fetch_add(1, Ordering::SeqCst);
            let sql = "do $$ begin raise exception using errcode = '40P01'; end $$";
            txn.execute_unprepared(sql).await.map(drop)
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(tries.load(Ordering::SeqCst), 1);
}

/// An error of an application, with a source. `Error` and what converts into `Error` convert into it.
#[derive(Debug)]
struct Failed(Error);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("it failed")
    }
}

impl std::error::Error for Failed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

impl<E: Into<Error>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// A response that does not implement `std::error::Error`.
#[derive(Debug)]
struct Answer(anyhow::Error);

impl<E: Into<anyhow::Error>> From<E> for Answer {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl WorkError<Answer> for Answer {
    fn as_error(&self) -> &(dyn std::error::Error + 'static) {
        self.0.as_ref()
    }
}

/// The work is retried after a deadlock; any other error is returned.
async fn check_work<E, Form>(db: &DatabaseConnection)
where
    E: WorkError<Form> + From<DbErr> + std::fmt::Debug,
{
    let name = std::any::type_name::<E>();
    let tries = AtomicU32::new(0);
    let done: Result<(), E> = Context::new()
        .run(db, async |txn| {
            if tries.fetch_add(1, Ordering::SeqCst) == 0 {
                let sql = "do $$ begin raise exception using errcode = '40P01'; end $$";
                txn.execute_unprepared(sql).await?;
            }
            Ok(())
        })
        .await;
    done.unwrap();
    assert_eq!(tries.load(Ordering::SeqCst), 2, "{name}");
    let failed: Result<(), E> = Context::new()
        .run(db, async |txn| {
            tries.fetch_add(1, Ordering::SeqCst);
            let archive = post::Entity::archive_by_id(99);
            archive.exec(txn).await.map(drop).map_err(E::from)
        })
        .await;
    let error = failed.unwrap_err();
    let found = Error::find_in(error.as_error()).unwrap();
    assert_eq!(found.kind(), ErrorKind::NotFound, "{name}: {error:?}");
    assert_eq!(tries.load(Ordering::SeqCst), 3, "{name}");
}

#[tokio::test]
async fn work_returns_any_error_type_that_error_converts_into() {
    let blog = blog().await;
    let db = blog.connect().await;
    check_work::<Error, _>(&db).await;
    check_work::<DbErr, _>(&db).await;
    check_work::<anyhow::Error, _>(&db).await;
    check_work::<Box<dyn std::error::Error + Send + Sync>, _>(&db).await;
    check_work::<Failed, _>(&db).await;
    check_work::<Answer, _>(&db).await;
    // The form is inferred, and the future can be spawned.
    let task = tokio::spawn(async move {
        Context::new()
            .actor("alice")
            .run(&db, async move |txn| {
                txn.execute_unprepared("select 1").await?;
                anyhow::Ok(known(txn).await)
            })
            .await
    });
    assert_eq!(task.await.unwrap().unwrap(), actor("alice"));
}

#[tokio::test]
async fn context_settings_can_be_renamed() {
    let blog = blog().await;
    let db = blog.connect().await;
    let manager = SchemaManager::new(&db);
    let settings = ContextSettings::new().actor("mine.who").tenant("mine.org");
    manager.name_context_settings(settings).await.unwrap();
    // A later install does not reset the names.
    manager.install_archive().await.unwrap();
    let txn = Context::new()
        .actor("alice")
        .tenant("t")
        .begin(&db)
        .await
        .unwrap();
    txn.execute_unprepared("select 1 / (current_setting('mine.who') = 'alice' and current_setting('mine.org') = 't')::int")
        .await
        .unwrap();
    assert_eq!(known(&txn).await.actor.as_deref(), Some("alice"));
    drop(txn);
    let bad = ContextSettings::new().actor("nodot");
    assert!(manager.name_context_settings(bad).await.is_err());
    assert_eq!(
        one(
            &db,
            "select name from archive.context_setting where meaning = 'actor'"
        )
        .await
        .as_deref(),
        Some("mine.who")
    );
}
