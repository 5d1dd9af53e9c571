//! Triggers that raise an error: the error of the verb names the table and the trigger.

use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::run;

use super::families::{contents, families, parent, suspend, with_function};

fn assert_raised(error: Error, triggers: &[&str], code: &str, message: &str) {
    match error {
        Error::Conflict(ConflictError::Trigger {
            table,
            triggers: found,
            code: raised,
            message: text,
        }) => {
            assert_eq!(table, "public.parents");
            assert_eq!(found, triggers);
            assert_eq!((raised.as_str(), text.as_str()), (code, message));
        }
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn error_of_a_trigger_names_table_and_trigger() {
    for (raise, code, message) in [
        ("raise 'no deleting'", "P0001", "no deleting"),
        (
            "raise 'no deleting' using errcode = '23514'",
            "23514",
            "no deleting",
        ),
        (
            "raise 'no deleting' using errcode = '23503'",
            "23503",
            "no deleting",
        ),
        (
            "raise 'no deleting' using errcode = '09000'",
            "09000",
            "no deleting",
        ),
        (
            "insert into parents values (2)",
            "23505",
            "duplicate key value violates unique constraint \"parents_pkey\"",
        ),
    ] {
        for timing in [
            "before delete on children for each statement",
            "after delete on parents for each row",
            "after update on loose for each row",
        ] {
            let trigger = format!("trigger t {timing}");
            let (_database, db) =
                with_function(&format!("{raise}; return old;"), &[&trigger]).await;
            let before = contents(&db).await;
            let table = timing.split(' ').nth(3).unwrap();
            let error = parent::Entity::archive_by_id(1)
                .exec(&db)
                .await
                .unwrap_err();
            if code == "23503" {
                // Its own kind: rows depend on the archived ones.
                assert!(error.to_string().contains(message), "{error}");
            } else {
                assert_raised(
                    error,
                    &[&format!("the trigger t on public.{table}")],
                    code,
                    message,
                );
            }
            assert_eq!(contents(&db).await, before);
        }
    }
}

#[tokio::test]
async fn error_of_a_trigger_during_a_restore_names_table_and_trigger() {
    let (_database, db) = families("").await;
    let archival = parent::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "create schema app; create function app.\"Keep out\"() returns trigger language plpgsql as $$ begin raise 'no inserting' using errcode = '23514'; end $$;
         create trigger a before insert on children for each row execute function app.\"Keep out\"();
         create trigger b after insert on parents for each row execute function app.\"Keep out\"()",
    )
    .await;
    let before = contents(&db).await;
    for error in [
        parent::Entity::restore_by_id(1)
            .exec(&db)
            .await
            .unwrap_err(),
        archival.restore(&db).await.unwrap_err(),
    ] {
        let triggers = [
            "the trigger b on public.parents",
            "the trigger a on public.children",
        ];
        assert_raised(error, &triggers, "23514", "no inserting");
    }
    assert_eq!(contents(&db).await, before);
    suspend(&db, "children", "a").await;
    suspend(&db, "parents", "b").await;
    archival.restore(&db).await.unwrap();
}
