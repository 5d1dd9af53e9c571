//! The error of a temporal foreign key shows a row only to a role that may read it.

use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive_migration::{HistorySchema, TemporalForeignKey};

use crate::migration::database::Migrated;
use crate::temporal::company::{Refusal, company, refusal};

/// Runs a statement that the temporal foreign key must refuse. The error names table and constraint.
async fn refused(db: &DatabaseConnection, sql: &str) -> Refusal {
    let done = db.execute_unprepared(sql).await;
    assert!(done.is_err(), "it was not refused: {sql}");
    let refusal = refusal(done);
    assert_eq!(refusal.code, "23503", "{}", refusal.message);
    assert_eq!(refusal.table.as_deref(), Some("user_audit"));
    assert!(
        refusal
            .message
            .contains("user_audit_department_id_changed_at_fkey"),
        "{}",
        refusal.message
    );
    refusal
}

#[track_caller]
fn hides(refusal: &Refusal, sql: &str) {
    let text = format!(
        "{} {}",
        refusal.message,
        refusal.detail.as_deref().unwrap_or_default()
    );
    for part in ["audit_id", "department_id\":", "2024", "{"] {
        assert!(!text.contains(part), "{sql}: {text}");
    }
    assert!(text.contains("may not read"), "{sql}: {text}");
    assert!(text.contains("public.user_audit"), "{sql}: {text}");
}

#[track_caller]
fn shows(refusal: &Refusal) {
    for part in ["{\"audit_id\": 2}", "{\"department_id\": 1} at 2024-04-01"] {
        assert!(refusal.message.contains(part), "{}", refusal.message);
    }
}

const END: &str = "update department_history set valid_to = '2024-03-15Z' where id = 2";

/// A role that may change the history, but has no rights on the audit, except those in `more`.
async fn historian(more: &str) -> (Migrated, DatabaseConnection) {
    let m = company().await;
    let role = m.database.role("historian").await;
    m.run(&format!(
        "grant all on department_history to \"{role}\"; {}",
        more.replace("{role}", &format!("\"{role}\""))
    ))
    .await;
    let db = m.database.connect_as("historian").await;
    (m, db)
}

#[tokio::test]
async fn role_without_select_is_shown_no_row() {
    let (_m, db) = historian("").await;
    for sql in [
        END,
        "delete from department_history where id = 1",
        "truncate department_history",
    ] {
        hides(&refused(&db, sql).await, sql);
    }
}

#[tokio::test]
async fn role_with_select_is_shown_the_row() {
    let (_m, db) = historian("grant select on user_audit to {role}").await;
    shows(&refused(&db, END).await);
}

#[tokio::test]
async fn every_column_of_the_error_has_to_be_readable() {
    let some = "grant select (audit_id, department_id) on user_audit to {role}";
    let (m, db) = historian(some).await;
    hides(&refused(&db, END).await, END);
    let role = m.database.role("historian").await;
    m.run(&format!(
        "grant select (changed_at) on user_audit to \"{role}\""
    ))
    .await;
    shows(&refused(&db, END).await);
}

#[tokio::test]
async fn role_under_policies_is_shown_no_row() {
    let all = "grant all on user_audit to {role}; alter table user_audit enable row level security;
               create policy own on user_audit using (audit_id = 1)";
    let (_m, db) = historian(all).await;
    hides(&refused(&db, END).await, END);
}

#[tokio::test]
async fn writer_of_rows_that_it_may_not_read_is_shown_none() {
    let write = "grant insert, update (changed_at) on user_audit to {role}";
    let (_m, db) = historian(write).await;
    // An UPDATE without WHERE needs no SELECT, and the error would show the key of a row.
    for sql in [
        "update user_audit set changed_at = '1999-01-01Z'",
        "insert into user_audit values (3, 1, '1999-01-01Z')",
    ] {
        hides(&refused(&db, sql).await, sql);
    }
}

/// The caller of a SECURITY DEFINER function of the owner gets the error.
#[tokio::test]
async fn caller_of_a_definers_function_is_shown_no_row() {
    let function = format!(
        "create function end_it() returns void language sql security definer as $$ {END} $$"
    );
    let (_m, db) = historian(&function).await;
    let sql = "select end_it()";
    hides(&refused(&db, sql).await, sql);
}

/// The error is written as the owner of the function: a cast of another role's type would run as that owner.
#[tokio::test]
async fn error_runs_no_cast_of_a_columns_type() {
    let m = company().await;
    m.run(
        "create type mood as enum ('calm');
         create table visits (mood mood primary key, dep int, at timestamptz);
         create function mood_json(mood) returns json language plpgsql as
             $$ begin raise exception 'the cast ran as %', current_user; end $$;
         create cast (mood as json) with function mood_json(mood)",
    )
    .await;
    let key = TemporalForeignKey::new("visits", ["dep"]).at("at");
    let key = key.references("department_history");
    m.manager().create_temporal_foreign_key(key).await.unwrap();
    m.run("insert into visits values ('calm', 1, '2024-04-02Z')")
        .await;
    let end = "update department_history set valid_to = '2024-04-01 12:00Z' where id = 2";
    let message = m.violates(end).await;
    assert!(message.contains("{\"mood\": \"calm\"}"), "{message}");
}
