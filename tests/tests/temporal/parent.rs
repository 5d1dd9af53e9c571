//! Changes of the history: a statement that leaves a row without its version is refused.

use sea_orm::{ConnectionTrait, DbErr, IsolationLevel, TransactionTrait};

use crate::temporal::company::{FOREIGN_KEY, company, refusal};

#[tokio::test]
async fn ending_moving_or_deleting_a_referenced_version_is_refused() {
    let m = company().await;
    let refusal = m
        .refused("update department_history set valid_to = '2024-03-15Z' where id = 2")
        .await;
    assert_eq!(refusal.code, "23503");
    assert_eq!(refusal.constraint.as_deref(), Some(FOREIGN_KEY));
    assert_eq!(refusal.table.as_deref(), Some("user_audit"));
    assert_eq!(refusal.schema.as_deref(), Some("public"));
    for part in [
        r#"row {"audit_id": 2}"#,
        r#"{"department_id": 1} at 2024-04-01"#,
        "public.department_history",
    ] {
        assert!(refusal.message.contains(part), "{}", refusal.message);
    }
    for sql in [
        "update department_history set valid_to = '2024-04-01Z' where id = 2",
        "update department_history set valid_from = '2024-04-01 00:00:01Z' where id = 2",
        "update department_history set valid_to = '2024-01-15Z' where id = 1",
        "update department_history set department_id = 3 where id = 1",
        "delete from department_history where id = 1",
        "delete from department_history",
        "truncate department_history",
        "truncate department_history, departments",
        "with deleted as (delete from department_history where department_id = 1)
         insert into department_history (id, department_id, name, valid_from) values (9, 2, 'x', '2000-01-01Z')",
    ] {
        m.refused(sql).await;
        if !sql.starts_with("with") {
            m.violates(sql).await;
        }
    }
}

#[tokio::test]
async fn unreferenced_time_of_a_version_can_be_removed() {
    let m = company().await;
    m.run(
        "update department_history set valid_to = '2024-04-01 00:00:01Z' where id = 2;
         update department_history set valid_to = '2024-02-01 00:00:01Z' where id = 1;
         update department_history set name = 'x', id = id + 10;
         delete from department_history where department_id = 2",
    )
    .await;
}

#[tokio::test]
async fn boundary_between_two_versions_can_be_moved() {
    let m = company().await;
    // In both directions. The version that is shortened comes first, since the exclusion constraint is checked for
    // each row.
    m.run(
        "with shorter as (update department_history set valid_to = '2024-01-20Z' where id = 1 returning 1)
         update department_history set valid_from = '2024-01-20Z' from shorter where id = 2;
         with later as (update department_history set valid_from = '2024-05-01Z' where id = 2 returning 1)
         update department_history set valid_to = '2024-05-01Z' from later where id = 1",
    )
    .await;
    // Two versions are replaced by one, and one by two.
    m.run(
        "with deleted as (delete from department_history where id = 1 returning 1)
         update department_history set valid_from = '2024-01-01Z' from deleted where id = 2;
         with ended as (update department_history set valid_to = '2024-02-10Z' where id = 2 returning 1)
         insert into department_history (id, department_id, name, valid_from) select 7, 1, 'new', '2024-02-10Z' from ended",
    )
    .await;
    // A gap that contains the time of a row is refused.
    m.violates(
        "with ended as (update department_history set valid_to = '2024-01-31Z' where id = 2 returning 1)
         update department_history set valid_from = '2024-02-20Z' from ended where id = 7",
    )
    .await;
}

#[tokio::test]
async fn versions_and_rows_can_be_moved_in_one_statement() {
    let m = company().await;
    m.run(
        "create table deleted_audit (like user_audit); create table deleted_history (like department_history);
         create table deleted_departments (like departments);
         with audit as (delete from user_audit where department_id = 1 returning *),
              history as (delete from department_history where department_id = 1 returning *),
              department as (delete from departments where id = 1 returning *),
              a as (insert into deleted_audit select * from audit),
              h as (insert into deleted_history select * from history)
         insert into deleted_departments select * from department",
    )
    .await;
    assert_eq!(
        m.one::<i64>("select count(*) from deleted_history").await,
        2
    );
    // They can be moved back in one statement.
    m.run(
        "with audit as (delete from deleted_audit returning *),
              history as (delete from deleted_history returning *),
              department as (delete from deleted_departments returning *),
              a as (insert into user_audit select * from audit),
              h as (insert into department_history select * from history)
         insert into departments select * from department",
    )
    .await;
    m.violates("delete from department_history where department_id = 1")
        .await;
    m.run("truncate department_history, user_audit").await;
}

#[tokio::test]
async fn rows_are_checked_if_the_identity_is_deleted_too() {
    let m = company().await;
    m.violates(
        "with h as (delete from department_history where department_id = 1 returning 1)
         delete from departments where id = 1",
    )
    .await;
}

#[tokio::test]
async fn ending_a_version_above_read_committed_is_refused() -> Result<(), DbErr> {
    let m = company().await;
    for level in [IsolationLevel::RepeatableRead, IsolationLevel::Serializable] {
        for sql in [
            "update department_history set valid_to = '2030-01-01Z' where id = 3",
            "delete from department_history where id = 3",
            "truncate department_history",
        ] {
            let txn = m.db.begin_with_config(Some(level), None).await?;
            let refusal = refusal(txn.execute_unprepared(sql).await);
            assert_eq!(refusal.code, "0A000", "{}", refusal.message);
            txn.rollback().await?;
        }
        let txn = m.db.begin_with_config(Some(level), None).await?;
        txn.execute_unprepared(
            "update department_history set name = 'x';
             insert into user_audit values (5, 1, '2024-04-01Z'); delete from user_audit where audit_id = 5;
             with shorter as (update department_history set valid_to = '2024-02-20Z' where id = 1 returning 1)
             update department_history set valid_from = '2024-02-20Z' from shorter where id = 2;
             with shorter as (update department_history set valid_from = '2024-03-01Z' where id = 2 returning 1)
             update department_history set valid_to = '2024-03-01Z' from shorter where id = 1",
        )
        .await?;
        txn.commit().await?;
    }
    Ok(())
}

/// Only a change that shortens coverage reads the audit, and it uses the index.
#[tokio::test]
async fn index_for_the_reverse_lookup_is_created() {
    let m = company().await;
    assert_eq!(
        m.indexes("user_audit").await,
        ["key audit_id", "department_id, changed_at"]
    );
}
