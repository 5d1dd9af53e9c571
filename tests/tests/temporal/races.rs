//! Fixed interleavings: a row is written while the version that it needs goes.

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbErr, ExecResult, IsolationLevel, TransactionTrait,
};
use sea_orm_archive_tests::{Session, Step};

use crate::migration::database::Migrated;
use crate::temporal::company::{Refusal, company, refusal};

const INSERT: &str = "insert into user_audit values (3, 2, '2024-05-01Z')";

/// What takes version 3 away from May 2024.
const ENDS: [&str; 4] = [
    "update department_history set valid_to = '2024-04-01Z' where id = 3",
    "update department_history set valid_from = '2024-06-01Z' where id = 3",
    "update department_history set department_id = 3 where id = 3",
    "delete from department_history where id = 3",
];

async fn begin(session: &Session, level: IsolationLevel) -> DatabaseTransaction {
    let txn = session.db().begin_with_config(Some(level), None).await;
    txn.unwrap()
}

/// Starts a statement that is committed at once.
fn start(session: &Session, sql: &str) -> Step<Result<ExecResult, DbErr>> {
    let (db, sql) = (session.db(), sql.to_owned());
    session.start(async move { db.execute_unprepared(&sql).await })
}

/// Starts a statement in a transaction that has begun, and commits it.
fn go_on(session: &Session, txn: DatabaseTransaction, sql: &str) -> Step<Result<(), DbErr>> {
    let sql = sql.to_owned();
    session.start(async move {
        txn.execute_unprepared(&sql).await?;
        txn.commit().await
    })
}

async fn sessions(m: &Migrated) -> (Session, Session) {
    (
        m.database.session("writer").await,
        m.database.session("ender").await,
    )
}

/// Every row has a version at its time.
async fn holds(m: &Migrated) {
    let without: i64 = m
        .one(
            "select count(*) from user_audit as a where not exists (
                 select from department_history as h where h.department_id = a.department_id
                     and h.valid_from <= a.changed_at and (h.valid_to is null or h.valid_to > a.changed_at))",
        )
        .await;
    assert_eq!(without, 0);
}

fn assert_violates(refusal: &Refusal) {
    assert_eq!(refusal.code, "23503", "{}", refusal.message);
    assert!(refusal.message.contains("temporal foreign key"));
}

#[tokio::test]
async fn a_row_is_written_first() {
    for end in ENDS {
        let m = company().await;
        let (writer, ender) = sessions(&m).await;
        let writing = begin(&writer, IsolationLevel::ReadCommitted).await;
        writing.execute_unprepared(INSERT).await.unwrap();
        let ending = start(&ender, end);
        m.database.wait_until_blocked_by(&ender, &writer).await;
        writing.commit().await.unwrap();
        assert_violates(&refusal(ending.finish().await));
        holds(&m).await;
    }
}

#[tokio::test]
async fn a_row_is_written_first_and_taken_back() {
    let m = company().await;
    let (writer, ender) = sessions(&m).await;
    let writing = begin(&writer, IsolationLevel::ReadCommitted).await;
    writing.execute_unprepared(INSERT).await.unwrap();
    let ending = start(&ender, ENDS[0]);
    m.database.wait_until_blocked_by(&ender, &writer).await;
    writing.rollback().await.unwrap();
    ending.finish().await.unwrap();
}

#[tokio::test]
async fn a_version_goes_first() {
    for end in ENDS {
        let m = company().await;
        let (writer, ender) = sessions(&m).await;
        let ending = begin(&ender, IsolationLevel::ReadCommitted).await;
        ending.execute_unprepared(end).await.unwrap();
        let writing = start(&writer, INSERT);
        m.database.wait_until_blocked_by(&writer, &ender).await;
        ending.commit().await.unwrap();
        assert_violates(&refusal(writing.finish().await));
        holds(&m).await;
    }
}

#[tokio::test]
async fn a_version_goes_first_and_comes_back() {
    let m = company().await;
    let (writer, ender) = sessions(&m).await;
    let ending = begin(&ender, IsolationLevel::ReadCommitted).await;
    ending.execute_unprepared(ENDS[3]).await.unwrap();
    let writing = start(&writer, INSERT);
    m.database.wait_until_blocked_by(&writer, &ender).await;
    ending.rollback().await.unwrap();
    writing.finish().await.unwrap();
    holds(&m).await;
}

/// The row is moved into the time that goes, and not inserted.
#[tokio::test]
async fn a_row_is_moved() {
    let update =
        "update user_audit set department_id = 2, changed_at = '2024-05-01Z' where audit_id = 1";
    let m = company().await;
    let (writer, ender) = sessions(&m).await;
    let writing = begin(&writer, IsolationLevel::ReadCommitted).await;
    writing.execute_unprepared(update).await.unwrap();
    let ending = start(&ender, ENDS[0]);
    m.database.wait_until_blocked_by(&ender, &writer).await;
    writing.commit().await.unwrap();
    assert_violates(&refusal(ending.finish().await));

    let m = company().await;
    let (writer, ender) = sessions(&m).await;
    let ending = begin(&ender, IsolationLevel::ReadCommitted).await;
    ending.execute_unprepared(ENDS[0]).await.unwrap();
    let writing = start(&writer, update);
    m.database.wait_until_blocked_by(&writer, &ender).await;
    ending.commit().await.unwrap();
    assert_violates(&refusal(writing.finish().await));
    holds(&m).await;
}

/// The version is committed away between the snapshot of the writer and its look at the version: the
/// writer must not see what its snapshot shows.
#[tokio::test]
async fn an_old_snapshot_writes_after_the_version_went() {
    for level in [IsolationLevel::RepeatableRead, IsolationLevel::Serializable] {
        for end in ENDS {
            let m = company().await;
            let (writer, ender) = sessions(&m).await;
            let writing = begin(&writer, level).await;
            writing
                .execute_unprepared("select * from user_audit")
                .await
                .unwrap();
            ender.db().execute_unprepared(end).await.unwrap();
            let done = writing.execute_unprepared(INSERT).await;
            assert_eq!(refusal(done).code, "40001", "{end}");
            writing.rollback().await.unwrap();
            holds(&m).await;
        }
    }
}

#[tokio::test]
async fn an_old_snapshot_waits_for_the_version_that_goes() {
    for end in ENDS {
        let m = company().await;
        let (writer, ender) = sessions(&m).await;
        let writing = begin(&writer, IsolationLevel::RepeatableRead).await;
        writing
            .execute_unprepared("select * from user_audit")
            .await
            .unwrap();
        let ending = begin(&ender, IsolationLevel::ReadCommitted).await;
        ending.execute_unprepared(end).await.unwrap();
        let writing = go_on(&writer, writing, INSERT);
        m.database.wait_until_blocked_by(&writer, &ender).await;
        ending.commit().await.unwrap();
        assert_eq!(refusal(writing.finish().await).code, "40001", "{end}");
        holds(&m).await;
    }
}

#[tokio::test]
async fn an_old_snapshot_wrote_first() {
    for end in ENDS {
        let m = company().await;
        let (writer, ender) = sessions(&m).await;
        let writing = begin(&writer, IsolationLevel::RepeatableRead).await;
        writing.execute_unprepared(INSERT).await.unwrap();
        let ending = start(&ender, end);
        m.database.wait_until_blocked_by(&ender, &writer).await;
        writing.commit().await.unwrap();
        assert_violates(&refusal(ending.finish().await));
        holds(&m).await;
    }
}

/// The period of a row is covered by two versions, of which either may go.
#[tokio::test]
async fn a_period_is_written_while_a_part_of_it_goes() -> Result<(), DbErr> {
    use sea_orm_archive_migration::{HistorySchema, TemporalForeignKey};
    for (level, code) in [
        (IsolationLevel::ReadCommitted, "23503"),
        (IsolationLevel::RepeatableRead, "40001"),
    ] {
        for gone in [1, 2] {
            let m = company().await;
            m.run("delete from user_audit; create table posts (id int primary key, dep int, starts timestamptz, ends timestamptz)").await;
            m.manager()
                .create_temporal_foreign_key(
                    TemporalForeignKey::new("posts", ["dep"])
                        .during("starts", "ends")
                        .references("department_history"),
                )
                .await?;
            let (writer, ender) = sessions(&m).await;
            let writing = begin(&writer, level).await;
            writing.execute_unprepared("select * from posts").await?;
            let ending = begin(&ender, IsolationLevel::ReadCommitted).await;
            ending
                .execute_unprepared(&format!("delete from department_history where id = {gone}"))
                .await?;
            let writing = go_on(
                &writer,
                writing,
                "insert into posts values (1, 1, '2024-02-01Z', '2024-04-01Z')",
            );
            m.database.wait_until_blocked_by(&writer, &ender).await;
            ending.commit().await?;
            assert_eq!(refusal(writing.finish().await).code, code);
        }
    }
    Ok(())
}

/// Each of two statements leaves the row covered by the version that the other one takes away.
#[tokio::test]
async fn two_ends_at_once() {
    let m = company().await;
    m.run("delete from user_audit where audit_id = 1").await;
    let (one, other) = sessions(&m).await;
    let first = begin(&one, IsolationLevel::ReadCommitted).await;
    // Version 1 takes the time over from version 2, which ends no sooner for it.
    first
        .execute_unprepared(
            "with later as (update department_history set valid_from = '2024-05-01Z' where id = 2 returning 1)
             update department_history set valid_to = '2024-05-01Z' from later where id = 1",
        )
        .await
        .unwrap();
    let second = start(&other, "delete from department_history where id = 1");
    m.database.wait_until_blocked_by(&other, &one).await;
    first.commit().await.unwrap();
    assert_violates(&refusal(second.finish().await));
    holds(&m).await;
}

/// Two ends of different versions of one identity wait for each other and both succeed.
#[tokio::test]
async fn two_ends_that_nobody_minds() {
    let m = company().await;
    m.run("delete from user_audit").await;
    let (one, other) = sessions(&m).await;
    let first = begin(&one, IsolationLevel::ReadCommitted).await;
    first
        .execute_unprepared("delete from department_history where id = 1")
        .await
        .unwrap();
    let second = start(&other, "delete from department_history where id = 2");
    m.database.wait_until_blocked_by(&other, &one).await;
    first.commit().await.unwrap();
    second.finish().await.unwrap();
}

/// Rows of the same identities do not wait for each other.
#[tokio::test]
async fn two_rows_at_once() {
    let m = company().await;
    let (one, other) = sessions(&m).await;
    let first = begin(&one, IsolationLevel::ReadCommitted).await;
    first.execute_unprepared(INSERT).await.unwrap();
    let second = start(
        &other,
        "insert into user_audit values (4, 1, '2024-05-01Z'), (5, 2, '2024-05-01Z')",
    );
    second.finish().await.unwrap();
    first.commit().await.unwrap();
    holds(&m).await;
}

/// The identities are locked in the order of their key, whatever the order of the rows: who waits for
/// the second holds the first.
#[tokio::test]
async fn identities_are_locked_in_the_order_of_their_key() {
    for (sql, lock) in [
        (
            "insert into user_audit values (4, 2, '2024-05-01Z'), (5, 1, '2024-05-01Z')",
            "select from departments where id = 1 for no key update nowait",
        ),
        (
            "delete from department_history where department_id in (1, 2)",
            "select from departments where id = 1 for share nowait",
        ),
    ] {
        let m = company().await;
        m.run("delete from user_audit; insert into department_history (id, department_id, name, valid_from, valid_to) values (0, 2, 'x', '2000-01-01Z', '2001-01-01Z')")
            .await;
        let (blocker, waiter) = sessions(&m).await;
        let blocking = begin(&blocker, IsolationLevel::ReadCommitted).await;
        blocking
            .execute_unprepared("select from departments where id = 2 for no key update")
            .await
            .unwrap();
        let waiting = start(&waiter, sql);
        m.database.wait_until_blocked_by(&waiter, &blocker).await;
        assert_eq!(m.refused(lock).await.code, "55P03", "{sql}");
        blocking.commit().await.unwrap();
        waiting.finish().await.unwrap();
    }
}

/// A truncate waits for whoever has looked at a version, and then sees the row.
#[tokio::test]
async fn the_history_is_truncated() {
    let m = company().await;
    m.run("delete from user_audit").await;
    let (writer, ender) = sessions(&m).await;
    let writing = begin(&writer, IsolationLevel::ReadCommitted).await;
    writing.execute_unprepared(INSERT).await.unwrap();
    let ending = start(&ender, "truncate department_history");
    m.database.wait_until_blocked_by(&ender, &writer).await;
    writing.commit().await.unwrap();
    assert_violates(&refusal(ending.finish().await));

    m.run("delete from user_audit").await;
    let ending = begin(&ender, IsolationLevel::ReadCommitted).await;
    ending
        .execute_unprepared("truncate department_history")
        .await
        .unwrap();
    let writing = start(&writer, INSERT);
    m.database.wait_until_blocked_by(&writer, &ender).await;
    ending.commit().await.unwrap();
    assert_violates(&refusal(writing.finish().await));
    holds(&m).await;
}

/// The identity goes with its versions: a row that waited finds neither.
#[tokio::test]
async fn the_identity_goes_with_its_versions() {
    let gone = "with h as (delete from department_history where department_id = 2 returning 1)
                delete from departments where id = 2";
    let m = company().await;
    let (writer, ender) = sessions(&m).await;
    let ending = begin(&ender, IsolationLevel::ReadCommitted).await;
    ending.execute_unprepared(gone).await.unwrap();
    let writing = start(&writer, INSERT);
    m.database.wait_until_blocked_by(&writer, &ender).await;
    ending.commit().await.unwrap();
    assert_violates(&refusal(writing.finish().await));

    let m = company().await;
    let (writer, ender) = sessions(&m).await;
    let writing = begin(&writer, IsolationLevel::ReadCommitted).await;
    writing.execute_unprepared(INSERT).await.unwrap();
    let ending = start(&ender, gone);
    m.database.wait_until_blocked_by(&ender, &writer).await;
    writing.commit().await.unwrap();
    assert_violates(&refusal(ending.finish().await));
    holds(&m).await;
}

/// A row is written while the foreign key is created: it is checked with the others.
#[tokio::test]
async fn a_row_is_written_while_the_foreign_key_is_created() {
    use sea_orm_archive_migration::HistorySchema;
    let m = company().await;
    m.manager()
        .drop_temporal_foreign_key("user_audit", crate::temporal::company::FOREIGN_KEY)
        .await
        .unwrap();
    let (writer, migration) = sessions(&m).await;
    let writing = begin(&writer, IsolationLevel::ReadCommitted).await;
    writing
        .execute_unprepared("insert into user_audit values (9, 1, '1999-01-01Z')")
        .await
        .unwrap();
    let db = migration.db();
    let creating = migration.start(async move {
        sea_orm_migration::SchemaManager::new(&db)
            .create_temporal_foreign_key(crate::temporal::company::audit())
            .await
    });
    m.database.wait_until_blocked_by(&migration, &writer).await;
    writing.commit().await.unwrap();
    let error = crate::migration::database::refused(creating.finish().await);
    crate::migration::database::assert_says(&error, &[r#"{"audit_id": 9}"#]);
}
