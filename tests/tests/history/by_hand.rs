//! Writers that go around the verbs, and do not lock the identity: no verb makes anything of half of
//! what they wrote.

use sea_orm::prelude::*;
use sea_orm::{DatabaseConnection, TransactionTrait};
use sea_orm_archive::error::NotFoundError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::{Database, Session, Step};

use crate::history::departments::{department_history, departments, run};
use department_history::{Column, Entity as Names};

fn time(text: &str) -> DateTimeUtc {
    format!("{text}-01T00:00:00Z").parse().unwrap()
}

/// `A` four times over, each for two months, and the last for ever.
async fn company() -> (Database, DatabaseConnection) {
    let database = departments().await;
    let db = database.connect().await;
    run(
        &db,
        "insert into department_history (department_id, name, floor, valid_from, valid_to) values
         (1, 'A', 1, '2024-01-01Z', '2024-03-01Z'), (1, 'A', 1, '2024-03-01Z', '2024-05-01Z'),
         (1, 'A', 1, '2024-05-01Z', '2024-07-01Z'), (1, 'A', 1, '2024-07-01Z', null)",
    )
    .await;
    (database, db)
}

async fn timeline(db: &DatabaseConnection) -> String {
    let versions = Names::find_timeline(1).all(db).await.unwrap();
    let month = |time: DateTimeUtc| time.format("%-m").to_string();
    let show = |v: department_history::Model| {
        let to = v.valid_to.map(month).unwrap_or_default();
        format!("{}@{}-{to}", v.name, month(v.valid_from))
    };
    versions.into_iter().map(show).collect::<Vec<_>>().join(" ")
}

/// Runs `hand` in one session, starts `verb` in another one, which waits, and commits the first.
async fn after<T: Send + 'static>(
    database: &Database,
    hand: &str,
    verb: impl FnOnce(&Session) -> Step<T>,
) -> T {
    let (by_hand, caller) = (
        database.session("by hand").await,
        database.session("caller").await,
    );
    let transaction = by_hand.db().begin().await.unwrap();
    transaction.execute_unprepared(hand).await.unwrap();
    let step = verb(&caller);
    database.wait_until_blocked_by(&caller, &by_hand).await;
    transaction.commit().await.unwrap();
    step.finish().await
}

#[tokio::test]
async fn a_version_that_says_something_else_by_now_is_not_merged() {
    let (database, db) = company().await;
    let hand = "update department_history set name = 'PRECIOUS' where valid_from = '2024-03-01Z'";
    let coalesce = |session: &Session| {
        let db = session.db();
        session.start(async move { Names::coalesce(1).exec(&db).await })
    };
    after(&database, hand, coalesce).await.unwrap();
    assert_eq!(timeline(&db).await, "A@1-3 PRECIOUS@3-5 A@5-");
}

#[tokio::test]
async fn a_version_that_is_gone_by_now_is_not_grown_over() {
    let (database, db) = company().await;
    let hand = "delete from department_history where valid_from = '2024-05-01Z'";
    let coalesce = |session: &Session| {
        let db = session.db();
        session.start(async move { Names::coalesce(1).exec(&db).await })
    };
    after(&database, hand, coalesce).await.unwrap();
    assert_eq!(timeline(&db).await, "A@1-5 A@7-");
}

#[tokio::test]
async fn a_neighbour_that_says_something_else_by_now_is_not_merged() {
    let (database, db) = company().await;
    run(
        &db,
        "update department_history set name = 'B' where valid_from = '2024-03-01Z'",
    )
    .await;
    let hand = "update department_history set name = 'PRECIOUS' where valid_from = '2024-01-01Z'";
    let during = |session: &Session| {
        let db = session.db();
        session.start(async move {
            let change = Names::change(1).value(Column::Name, "A");
            change
                .during(time("2024-03")..time("2024-05"))
                .exec(&db)
                .await
        })
    };
    after(&database, hand, during).await.unwrap();
    assert_eq!(timeline(&db).await, "PRECIOUS@1-3 A@3-7 A@7-");
}

#[tokio::test]
async fn a_period_is_changed_as_a_whole() {
    let (database, db) = company().await;
    let hand =
        "update department_history set valid_to = '2024-04-01Z' where valid_from = '2024-03-01Z';
                insert into department_history (department_id, name, valid_from, valid_to)
                values (1, 'HAND', '2024-04-01Z', '2024-05-01Z')";
    let during = |session: &Session| {
        let db = session.db();
        session.start(async move {
            let change = Names::change(1).value(Column::Name, "X");
            change
                .during(time("2024-03")..time("2024-05"))
                .exec(&db)
                .await
        })
    };
    after(&database, hand, during).await.unwrap();
    assert_eq!(timeline(&db).await, "A@1-3 X@3-4 X@4-5 A@5-7 A@7-");
}

#[tokio::test]
async fn a_change_is_not_told_of_what_another_one_opened() {
    let (database, db) = company().await;
    let hand = "update department_history set valid_to = '2024-09-01Z' where valid_to is null;
                insert into department_history (department_id, name, valid_from) values (1, 'HAND', '2024-09-01Z')";
    let change = |session: &Session| {
        let db = session.db();
        session.start(async move {
            let change = Names::change(1).value(Column::Name, "NEW");
            change.valid_from(time("2024-10")).exec(&db).await
        })
    };
    let changed = after(&database, hand, change).await.unwrap();
    assert_eq!(changed.name, "NEW");
    assert!(timeline(&db).await.ends_with("A@7-9 HAND@9-10 NEW@10-"));
}

#[tokio::test]
async fn a_plan_that_is_gone_by_now_moves_nobody_else() {
    let (database, db) = company().await;
    let plan = Names::change(1)
        .value(Column::Name, "PLAN")
        .valid_from(time("2999-03"));
    plan.exec(&db).await.unwrap();
    let hand = "delete from department_history where name = 'PLAN'";
    let reschedule = |session: &Session| {
        let db = session.db();
        session.start(async move {
            Names::reschedule(1, time("2999-03"), time("2999-06"))
                .exec(&db)
                .await
        })
    };
    let error = after(&database, hand, reschedule).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::NotFound(NotFoundError::ScheduledVersion { .. })
        ),
        "{error}"
    );
    assert!(timeline(&db).await.ends_with("A@7-3"));
}
