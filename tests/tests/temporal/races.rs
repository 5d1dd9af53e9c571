//! Races in fixed interleavings: a row is written while the version that it needs is removed.

use sea_orm::{ConnectionTrait, DbErr, IsolationLevel, TransactionTrait};
use sea_orm_archive_migration::{HistorySchema, TemporalForeignKey};
use sea_orm_archive_tests::{race, sql::run};
use sea_orm_migration::SchemaManager;

use crate::migration::database::{Migrated, assert_mentions, refused};
use crate::temporal::company::{FOREIGN_KEY, Refusal, audit, company, refusal};

const INSERT: &str = "insert into user_audit values (3, 2, '2024-05-01Z')";

/// Statements after which version 3 is no longer valid in May 2024.
const ENDS: [&str; 4] = [
    "update department_history set valid_to = '2024-04-01Z' where id = 3",
    "update department_history set valid_from = '2024-06-01Z' where id = 3",
    "update department_history set department_id = 3 where id = 3",
    "delete from department_history where id = 3",
];

/// Checks that every row has a version at its time.
async fn assert_every_row_has_a_version(m: &Migrated) {
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

/// The second statement waits for the first, and is refused.
async fn second_is_refused(m: &Migrated, first: &'static str, second: &'static str) {
    let (_, done) = race! { m.database;
        early holds |txn| txn.execute_unprepared(first);
        late waits for early |db| db.execute_unprepared(second);
        early commits;
    };
    assert_violates(&refusal(done));
}

/// The second statement waits for the first, and succeeds after it.
async fn second_succeeds(m: &Migrated, first: &'static str, commits: bool, second: &'static str) {
    let (_, done) = race! { m.database;
        early holds |txn| txn.execute_unprepared(first);
        late waits for early |db| db.execute_unprepared(second);
        early commits if commits;
    };
    done.unwrap();
}

#[tokio::test]
async fn end_of_a_version_after_the_insert_of_a_row_is_refused() {
    for end in ENDS {
        let m = company().await;
        second_is_refused(&m, INSERT, end).await;
        assert_every_row_has_a_version(&m).await;
    }
}

#[tokio::test]
async fn end_of_a_version_after_a_rolled_back_insert_succeeds() {
    let m = company().await;
    second_succeeds(&m, INSERT, false, ENDS[0]).await;
}

#[tokio::test]
async fn insert_of_a_row_after_the_end_of_its_version_is_refused() {
    for end in ENDS {
        let m = company().await;
        second_is_refused(&m, end, INSERT).await;
        assert_every_row_has_a_version(&m).await;
    }
}

#[tokio::test]
async fn insert_of_a_row_after_a_rolled_back_end_succeeds() {
    let m = company().await;
    second_succeeds(&m, ENDS[3], false, INSERT).await;
    assert_every_row_has_a_version(&m).await;
}

/// The row is updated, not inserted, to the time that is removed.
#[tokio::test]
async fn update_of_a_row_and_end_of_its_version_exclude_each_other() {
    let update =
        "update user_audit set department_id = 2, changed_at = '2024-05-01Z' where audit_id = 1";
    second_is_refused(&company().await, update, ENDS[0]).await;

    let m = company().await;
    second_is_refused(&m, ENDS[0], update).await;
    assert_every_row_has_a_version(&m).await;
}

/// Race: the version ends after the snapshot of the writer was taken. The writer must not use the version that its
/// snapshot shows.
#[tokio::test]
async fn insert_under_an_old_snapshot_after_the_end_is_a_serialization_failure() {
    for level in [IsolationLevel::RepeatableRead, IsolationLevel::Serializable] {
        for end in ENDS {
            let m = company().await;
            let writing = m.db.begin_with_config(Some(level), None).await.unwrap();
            run(&writing, "select * from user_audit").await;
            m.run(end).await;
            let refusal = refusal(writing.execute_unprepared(INSERT).await);
            assert_eq!(refusal.code, "40001", "{end}");
            writing.rollback().await.unwrap();
            assert_every_row_has_a_version(&m).await;
        }
    }
}

#[tokio::test]
async fn insert_under_an_old_snapshot_that_waited_for_the_end_is_a_serialization_failure() {
    for end in ENDS {
        let m = company().await;
        let (_, _, written) = race! { m.database;
            writer holds at IsolationLevel::RepeatableRead => |txn| txn.execute_unprepared("select * from user_audit");
            ender holds |txn| txn.execute_unprepared(end);
            writer then waits for ender |txn| txn.execute_unprepared(INSERT);
            ender commits;
        };
        assert_eq!(refusal(written).code, "40001", "{end}");
        assert_every_row_has_a_version(&m).await;
    }
}

#[tokio::test]
async fn end_after_an_insert_at_repeatable_read_is_refused() {
    for end in ENDS {
        let m = company().await;
        let (_, ended) = race! { m.database;
            writer holds at IsolationLevel::RepeatableRead => |txn| txn.execute_unprepared(INSERT);
            ender waits for writer |db| db.execute_unprepared(end);
            writer commits;
        };
        assert_violates(&refusal(ended));
        assert_every_row_has_a_version(&m).await;
    }
}

/// Race: the period of a row is covered by two versions, and one of them is deleted.
#[tokio::test]
async fn insert_of_a_period_after_the_delete_of_a_part_is_refused() {
    for (level, code) in [
        (IsolationLevel::ReadCommitted, "23503"),
        (IsolationLevel::RepeatableRead, "40001"),
    ] {
        for deleted in [1, 2] {
            let m = company().await;
            m.run("delete from user_audit; create table posts (id int primary key, dep int, starts timestamptz, ends timestamptz)").await;
            let key = TemporalForeignKey::new("posts", ["dep"])
                .during("starts", "ends")
                .references("department_history");
            m.manager().create_temporal_foreign_key(key).await.unwrap();
            let delete = format!("delete from department_history where id = {deleted}");
            let insert = "insert into posts values (1, 1, '2024-02-01Z', '2024-04-01Z')";
            let (_, _, written) = race! { m.database;
                writer holds at level => |txn| txn.execute_unprepared("select * from posts");
                ender holds |txn| txn.execute_unprepared(&delete);
                writer then waits for ender |txn| txn.execute_unprepared(insert);
                ender commits;
            };
            assert_eq!(refusal(written).code, code);
        }
    }
}

/// Race: each of two statements leaves the row covered by the version that the other one removes.
#[tokio::test]
async fn second_of_two_ends_that_remove_all_coverage_is_refused() {
    let m = company().await;
    m.run("delete from user_audit where audit_id = 1").await;
    // Version 1 is extended to the time of version 2, which is shortened.
    let takes_over = "with later as (update department_history set valid_from = '2024-05-01Z' where id = 2 returning 1)
        update department_history set valid_to = '2024-05-01Z' from later where id = 1";
    let delete = "delete from department_history where id = 1";
    second_is_refused(&m, takes_over, delete).await;
    assert_every_row_has_a_version(&m).await;
}

/// Race: two ends of different versions of one identity wait for each other, and both succeed.
#[tokio::test]
async fn two_ends_of_unreferenced_versions_succeed() {
    let m = company().await;
    m.run("delete from user_audit").await;
    let [one, other] = [
        "delete from department_history where id = 1",
        "delete from department_history where id = 2",
    ];
    second_succeeds(&m, one, true, other).await;
}

/// Inserts of rows of the same identities do not wait for each other.
#[tokio::test]
async fn inserts_of_rows_of_one_identity_do_not_wait() {
    let m = company().await;
    let first = m.db.begin().await.unwrap();
    run(&first, INSERT).await;
    let second = m.database.session("other").await;
    let db = second.db();
    let both = "insert into user_audit values (4, 1, '2024-05-01Z'), (5, 2, '2024-05-01Z')";
    let inserting = second.start(async move { db.execute_unprepared(both).await });
    inserting.finish().await.unwrap();
    first.commit().await.unwrap();
    assert_every_row_has_a_version(&m).await;
}

/// Identities are locked in the order of their keys, whatever the order of the rows: a session that waits for the second
/// holds the first.
#[tokio::test]
async fn identities_are_locked_in_the_order_of_their_keys() {
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
        let second = "select from departments where id = 2 for no key update";
        let refused = async || Ok::<_, DbErr>(m.refused(lock).await.code);
        let (_, waited, code) = race! { m.database;
            blocker holds |txn| txn.execute_unprepared(second);
            waiter waits for blocker |db| db.execute_unprepared(sql);
            blocker goes on |_txn| refused();
            blocker commits;
        };
        assert_eq!(code, "55P03", "{sql}");
        waited.unwrap();
    }
}

/// Race: a TRUNCATE waits for a session that has read a version, and then sees its row.
#[tokio::test]
async fn truncate_and_insert_exclude_each_other() {
    let m = company().await;
    m.run("delete from user_audit").await;
    second_is_refused(&m, INSERT, "truncate department_history").await;

    m.run("delete from user_audit").await;
    second_is_refused(&m, "truncate department_history", INSERT).await;
    assert_every_row_has_a_version(&m).await;
}

/// Race: the identity is deleted with its versions. A row that waited finds neither.
#[tokio::test]
async fn delete_of_an_identity_and_insert_exclude_each_other() {
    let delete = "with h as (delete from department_history where department_id = 2 returning 1)
                delete from departments where id = 2";
    second_is_refused(&company().await, delete, INSERT).await;

    let m = company().await;
    second_is_refused(&m, INSERT, delete).await;
    assert_every_row_has_a_version(&m).await;
}

/// Race: a row is inserted while the foreign key is created. It is checked with the existing rows.
#[tokio::test]
async fn row_inserted_while_the_key_is_created_is_checked() {
    let m = company().await;
    m.manager()
        .drop_temporal_foreign_key("user_audit", FOREIGN_KEY)
        .await
        .unwrap();
    let insert = "insert into user_audit values (9, 1, '1999-01-01Z')";
    let (_, created) = race! { m.database;
        writer holds |txn| txn.execute_unprepared(insert);
        migration waits for writer |db| SchemaManager::new(db).create_temporal_foreign_key(audit());
        writer commits;
    };
    assert_mentions(&refused(created), &[r#"{"audit_id": 9}"#]);
}
