//! Races: other sessions change versions with plain SQL, without a lock on the identity. A verb that waits for such a
//! session must see all of its changes, not a part of them.

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

/// Four versions named `A`: three of two months each, and one that is open.
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

/// Runs `sql` in one session, starts `verb` in another one, which waits, and commits the first.
async fn after<T: Send + 'static>(
    database: &Database,
    sql: &str,
    verb: impl FnOnce(&Session) -> Step<T>,
) -> T {
    let (writer, caller) = (
        database.session("writer").await,
        database.session("caller").await,
    );
    let transaction = writer.db().begin().await.unwrap();
    transaction.execute_unprepared(sql).await.unwrap();
    let step = verb(&caller);
    database.wait_until_blocked_by(&caller, &writer).await;
    transaction.commit().await.unwrap();
    step.finish().await
}

#[tokio::test]
async fn version_changed_meanwhile_is_not_merged() {
    let (database, db) = company().await;
    let sql = "update department_history set name = 'PRECIOUS' where valid_from = '2024-03-01Z'";
    let coalesce = |session: &Session| {
        let db = session.db();
        session.start(async move { Names::coalesce(1).exec(&db).await })
    };
    after(&database, sql, coalesce).await.unwrap();
    assert_eq!(timeline(&db).await, "A@1-3 PRECIOUS@3-5 A@5-");
}

#[tokio::test]
async fn coalesce_does_not_extend_over_a_version_deleted_meanwhile() {
    let (database, db) = company().await;
    let sql = "delete from department_history where valid_from = '2024-05-01Z'";
    let coalesce = |session: &Session| {
        let db = session.db();
        session.start(async move { Names::coalesce(1).exec(&db).await })
    };
    after(&database, sql, coalesce).await.unwrap();
    assert_eq!(timeline(&db).await, "A@1-5 A@7-");
}

#[tokio::test]
async fn neighbour_changed_meanwhile_is_not_merged() {
    let (database, db) = company().await;
    run(
        &db,
        "update department_history set name = 'B' where valid_from = '2024-03-01Z'",
    )
    .await;
    let sql = "update department_history set name = 'PRECIOUS' where valid_from = '2024-01-01Z'";
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
    after(&database, sql, during).await.unwrap();
    assert_eq!(timeline(&db).await, "PRECIOUS@1-3 A@3-7 A@7-");
}

#[tokio::test]
async fn change_of_a_period_includes_versions_inserted_meanwhile() {
    let (database, db) = company().await;
    let sql =
        "update department_history set valid_to = '2024-04-01Z' where valid_from = '2024-03-01Z';
                insert into department_history (department_id, name, valid_from, valid_to)
                values (1, 'SQL', '2024-04-01Z', '2024-05-01Z')";
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
    after(&database, sql, during).await.unwrap();
    assert_eq!(timeline(&db).await, "A@1-3 X@3-4 X@4-5 A@5-7 A@7-");
}

#[tokio::test]
async fn change_ends_the_open_version_inserted_meanwhile() {
    let (database, db) = company().await;
    let sql = "update department_history set valid_to = '2024-09-01Z' where valid_to is null;
                insert into department_history (department_id, name, valid_from) values (1, 'SQL', '2024-09-01Z')";
    let change = |session: &Session| {
        let db = session.db();
        session.start(async move {
            let change = Names::change(1).value(Column::Name, "NEW");
            change.valid_from(time("2024-10")).exec(&db).await
        })
    };
    let changed = after(&database, sql, change).await.unwrap();
    assert_eq!(changed.name, "NEW");
    assert!(timeline(&db).await.ends_with("A@7-9 SQL@9-10 NEW@10-"));
}

#[tokio::test]
async fn reschedule_of_a_version_deleted_meanwhile_moves_no_other() {
    let (database, db) = company().await;
    let plan = Names::change(1)
        .value(Column::Name, "PLAN")
        .valid_from(time("2999-03"));
    plan.exec(&db).await.unwrap();
    let sql = "delete from department_history where name = 'PLAN'";
    let reschedule = |session: &Session| {
        let db = session.db();
        session.start(async move {
            Names::reschedule(1, time("2999-03"), time("2999-06"))
                .exec(&db)
                .await
        })
    };
    let error = after(&database, sql, reschedule).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::NotFound(NotFoundError::ScheduledVersion { .. })
        ),
        "{error}"
    );
    assert!(timeline(&db).await.ends_with("A@7-3"));
}

/// Race: another version is written with plain SQL after the change has found that the version has the new name already, and before it
/// reads that version. The change begins again, and does not return the other one.
#[tokio::test]
async fn change_to_the_same_name_does_not_return_a_version_with_another_one() {
    let (database, db) = company().await;
    // The change sends two statements that change nothing. The second one ends when the writer has committed.
    run(
        &db,
        "create function wait_at_second() returns trigger language plpgsql as $$
         begin
             perform set_config('test.updates', (coalesce(nullif(current_setting('test.updates', true), ''), '0')::int + 1)::text, true);
             if current_setting('test.updates') = '2' then
                 perform pg_advisory_xact_lock(1);
             end if;
             return null;
         end $$;
         create trigger wait_at_second after update on department_history for each statement execute function wait_at_second()",
    )
    .await;
    let sql = "select pg_advisory_xact_lock(1);
               update department_history set valid_to = '2024-09-01Z' where valid_from = '2024-07-01Z';
               insert into department_history (department_id, name, floor, valid_from) values (1, 'B', 1, '2024-09-01Z')";
    let change = |session: &Session| {
        let db = session.db();
        session.start(async move {
            let change = Names::change(1).value(Column::Name, "A");
            change.exec(&db).await
        })
    };
    let version = after(&database, sql, change).await.unwrap();
    assert_eq!(version.name, "A");
    let since = version.valid_from.format("%-m").to_string();
    assert_eq!(
        timeline(&db).await,
        format!("A@1-3 A@3-5 A@5-7 A@7-9 B@9-{since} A@{since}-")
    );
}
