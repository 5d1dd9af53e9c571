//! Changes beside triggers and new columns, and in a transaction of the caller.

use sea_orm::prelude::*;
use sea_orm_archive::error::{ConflictError, DriftError};
use sea_orm_archive::prelude::*;

use crate::history::departments::{department_history, departments, run};
use crate::history::operations::*;
use department_history::{Column, Entity as Names};

#[tokio::test]
async fn trigger_that_skips_a_version_fails_the_change() {
    let database = departments().await;
    let db = database.connect().await;
    started(&db).await;
    run(
        &db,
        "create function drop_it() returns trigger language plpgsql as $$ begin return null; end $$;
         create trigger drop_it before insert on department_history for each row execute function drop_it()",
    )
    .await;
    // The first is written by the shorter statement for the open version.
    let change = || Names::change(1).value(Column::Name, "B");
    let changes = [
        change().valid_from(month(3)).exec(&db).await.map(|_| ()),
        change()
            .during(month(3)..month(6))
            .exec(&db)
            .await
            .map(|_| ()),
    ];
    for changed in changes {
        let error = changed.unwrap_err();
        assert!(
            matches!(error, Error::Drift(DriftError::Trigger { .. })),
            "{error}"
        );
    }
    assert_eq!(timeline(&db, 1).await, "A@1-");
}

/// A column that is added with plain SQL is copied to new versions, also where a version is split.
#[tokio::test]
async fn column_added_with_plain_sql_carries_over() {
    let database = departments().await;
    let db = database.connect().await;
    started(&db).await;
    for name in ["B", "C", "D", "E", "F", "G", "H"] {
        Names::change(1)
            .value(Column::Name, name)
            .exec(&db)
            .await
            .unwrap();
    }
    run(&db, "alter table department_history add column boss text; update department_history set boss = 'x'").await;
    Names::change(1)
        .value(Column::Name, "I")
        .exec(&db)
        .await
        .unwrap();
    let lost = "select count(*) as lost from department_history where boss is null";
    let row = db
        .query_one_raw(sea_orm::Statement::from_string(
            sea_orm::DbBackend::Postgres,
            lost,
        ))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.try_get::<i64>("", "lost").unwrap(), 0);
    run(&db, "alter table department_history drop constraint department_history_department_id_tstzrange_excl").await;
    let error = Names::change(1)
        .value(Column::Name, "J")
        .exec(&db)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("EXCLUDE USING gist"), "{error}");
}

#[tokio::test]
async fn change_in_a_transaction_of_the_caller_is_rolled_back_with_it() {
    use sea_orm::TransactionTrait;
    let database = departments().await;
    let db = database.connect().await;
    started(&db).await;
    let transaction = db.begin().await.unwrap();
    Names::change(1)
        .value(Column::Name, "B")
        .valid_from(month(2))
        .exec(&transaction)
        .await
        .unwrap();
    Names::change(1)
        .value(Column::Name, "C")
        .valid_from(month(2))
        .exec(&transaction)
        .await
        .unwrap();
    let error = Names::start(1)
        .value(Column::Name, "D")
        .valid_from(month(5))
        .exec(&transaction)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::Overlap { .. })),
        "{error}"
    );
    // Two changes in one transaction have different times.
    let first = Names::change(1)
        .value(Column::Name, "E")
        .exec(&transaction)
        .await
        .unwrap();
    let second = Names::change(1)
        .value(Column::Name, "F")
        .exec(&transaction)
        .await
        .unwrap();
    assert!(first.valid_from < second.valid_from);
    transaction.rollback().await.unwrap();
    assert_eq!(timeline(&db, 1).await, "A@1-");
}
