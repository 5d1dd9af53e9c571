//! What an update writes.

use std::sync::{Arc, Mutex};

use sea_orm::ActiveValue::{NotSet, Set, Unchanged};
use sea_orm::{EntityTrait, IntoActiveModel};
use sea_orm_archive::error::{DriftError, RefusedError};
use sea_orm_archive::prelude::*;

use crate::locking::notes::{contents, note, notes, open, read, run};

/// A column that was not set is not written: a change by another writer that did not count stays.
#[tokio::test]
async fn only_changed_columns_and_the_lock_version_are_written() {
    let notes = notes().await;
    let db = notes.connect().await;
    let mut note = open(&db).await;
    run(&db, "update notes set color = 'blue' where id = 1").await;
    note.text = Set("new".to_owned());
    let saved = note.update_if_unchanged(&db).await.unwrap();
    assert_eq!((saved.version, saved.text.as_str()), (4, "new"));
    assert_eq!(saved.color.as_deref(), Some("blue"));
    assert_eq!(saved, read(&db).await);
    assert_eq!(contents(&db).await[1], "active (2,two,old,,0)");
}

#[tokio::test]
async fn update_is_one_statement_without_a_transaction() {
    let notes = notes().await;
    let mut db = notes.connect().await;
    let sent = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&sent);
    db.set_metric_callback(move |info| log.lock().unwrap().push(info.statement.sql.clone()));
    let note = note::ActiveModel {
        id: Unchanged(1),
        text: Set("new".to_owned()),
        version: Unchanged(3),
        ..Default::default()
    };
    note.update_if_unchanged(&db).await.unwrap();
    assert_eq!(
        *sent.lock().unwrap(),
        [
            r#"UPDATE "notes" SET "text" = $1, "version" = "version" + $2 WHERE ("notes"."id" OPERATOR(pg_catalog.=) $3) AND "notes"."version" = $4 RETURNING "id", "slug", "text", "color", "version""#
        ]
    );
}

/// The lock version of a request, which read the row before.
#[tokio::test]
async fn lock_version_that_is_set_is_the_expected_one() {
    let notes = notes().await;
    let db = notes.connect().await;
    let request = |version| note::ActiveModel {
        id: Set(1),
        text: Set("new".to_owned()),
        version: Set(version),
        ..Default::default()
    };
    let saved = request(3).update_if_unchanged(&db).await.unwrap();
    assert_eq!(saved.version, 4);
    for version in [3, 5, -1, i32::MAX] {
        match request(version).update_if_unchanged(&db).await {
            Err(UpdateError::Conflict {
                expected,
                found: 4,
                current,
                ..
            }) => assert_eq!((expected, *current), (version.into(), saved.clone())),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn unchanged_model_checks_the_lock_version_and_writes_nothing() {
    let notes = notes().await;
    let db = notes.connect().await;
    let before = contents(&db).await;
    let same = open(&db).await.update_if_unchanged(&db).await.unwrap();
    assert_eq!(same, read(&db).await);
    // Setting the lock version is not a change.
    let mut note = open(&db).await;
    note.version = Set(3);
    assert_eq!(note.update_if_unchanged(&db).await.unwrap(), same);
    assert_eq!(contents(&db).await, before);

    let stale = open(&db).await;
    run(&db, "update notes set text = 'new', version = 9").await;
    match stale.update_if_unchanged(&db).await {
        Err(UpdateError::Conflict {
            expected: 3,
            found: 9,
            current,
            ..
        }) => assert_eq!(current.text, "new"),
        other => panic!("{other:?}"),
    }
    let mut missing = open(&db).await;
    missing.id = Unchanged(99);
    assert!(matches!(
        missing.update_if_unchanged(&db).await,
        Err(UpdateError::NotFound { archival: None, .. })
    ));
}

#[tokio::test]
async fn unset_key_or_lock_version_is_refused() {
    let notes = notes().await;
    let db = notes.connect().await;
    let before = contents(&db).await;
    let without_version = note::ActiveModel {
        id: Set(1),
        text: Set("new".to_owned()),
        ..Default::default()
    };
    let error = without_version.update_if_unchanged(&db).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "`version` of notes is not set: change a model that was read, with `.into_active_model()`, or set `version` to what was read"
    );
    let without_key = note::ActiveModel {
        id: NotSet,
        ..open(&db).await
    };
    match without_key.update_if_unchanged(&db).await {
        Err(UpdateError::Other(Error::Refused(RefusedError::UnsetColumn { table, column }))) => {
            assert_eq!((table.as_str(), column.as_str()), ("notes", "id"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(contents(&db).await, before);
}

#[tokio::test]
async fn greatest_lock_version_is_not_exceeded() {
    let notes = notes().await;
    let db = notes.connect().await;
    run(&db, "update notes set version = 2147483647").await;
    let before = contents(&db).await;
    let mut note = open(&db).await;
    note.text = Set("new".to_owned());
    match note.update_if_unchanged(&db).await {
        Err(UpdateError::Other(Error::Database(error))) => {
            assert!(error.to_string().contains("out of range"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(contents(&db).await, before);
}

/// A unique violation is an error of the database, as in any update.
#[tokio::test]
async fn unique_violation_is_an_error_of_the_database() {
    let notes = notes().await;
    let db = notes.connect().await;
    let before = contents(&db).await;
    let mut note = open(&db).await;
    note.slug = Set("two".to_owned());
    let error = Error::from(note.update_if_unchanged(&db).await.unwrap_err());
    assert!(matches!(error, Error::Database(_)), "{error}");
    assert_eq!(contents(&db).await, before);
}

/// The row has the expected lock version but is not written: this is reported as a trigger, not as a conflict.
#[tokio::test]
async fn trigger_that_skips_the_update_is_reported() {
    let notes = notes().await;
    let db = notes.connect().await;
    run(
        &db,
        "create function skip_row() returns trigger language plpgsql as 'begin return null; end';
         create trigger skip_row before update on notes for each row execute function skip_row()",
    )
    .await;
    let mut note = open(&db).await;
    note.text = Set("new".to_owned());
    match note.update_if_unchanged(&db).await {
        Err(UpdateError::Other(Error::Drift(DriftError::Trigger { message: text }))) => {
            assert!(
                text.contains(r#"notes {"id":1} has lock version 3"#),
                "{text}"
            );
        }
        other => panic!("{other:?}"),
    }
}

/// Notes with hooks, one of which increments the lock version itself.
mod hooked {
    use sea_orm::ActiveValue::Set;
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveOptimisticLock;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveOptimisticLock)]
    #[optimistic_lock(field = "version")]
    #[sea_orm(table_name = "notes")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub text: String,
        pub color: Option<String>,
        pub version: i32,
    }

    #[async_trait::async_trait]
    impl ActiveModelBehavior for ActiveModel {
        async fn before_save<C>(mut self, _db: &C, insert: bool) -> Result<Self, DbErr>
        where
            C: ConnectionTrait,
        {
            if self.text.try_as_ref().is_some_and(String::is_empty) {
                return Err(DbErr::Custom("a note needs a text".to_owned()));
            }
            self.color = Set(Some(format!("before, insert = {insert}")));
            self.version = Set(self.version.take().unwrap_or_default() + 1);
            Ok(self)
        }

        async fn after_save<C>(mut model: Model, db: &C, insert: bool) -> Result<Model, DbErr>
        where
            C: ConnectionTrait,
        {
            let stored = Entity::find_by_id(model.id).one(db).await?;
            assert_eq!(stored.as_ref(), Some(&model));
            model.text = format!("{}, insert = {insert}", model.text);
            Ok(model)
        }
    }
}

#[tokio::test]
async fn hooks_of_an_update_are_called() {
    let notes = notes().await;
    let db = notes.connect().await;
    let read = hooked::Entity::find_by_id(1)
        .one(&db)
        .await
        .unwrap()
        .unwrap();
    let mut note = read.clone().into_active_model();
    note.text = Set("new".to_owned());
    let saved = note.update_if_unchanged(&db).await.unwrap();
    assert_eq!(saved.text, "new, insert = false");
    assert_eq!(saved.color.as_deref(), Some("before, insert = false"));
    assert_eq!(saved.version, 4);

    // If `before_save` refuses, nothing is written; after a conflict, `after_save` is not called.
    let before = contents(&db).await;
    let mut note = read.clone().into_active_model();
    note.text = Set(String::new());
    let error = note.update_if_unchanged(&db).await.unwrap_err();
    assert_eq!(error.to_string(), "Custom Error: a note needs a text");
    match read.into_active_model().update_if_unchanged(&db).await {
        Err(UpdateError::Conflict { current, .. }) => assert_eq!(current.text, "new"),
        other => panic!("{other:?}"),
    }
    assert_eq!(contents(&db).await, before);
}
