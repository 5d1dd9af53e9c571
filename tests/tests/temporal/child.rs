//! Writes of rows that need a version at their time.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_archive_migration::{HistorySchema, TemporalForeignKey};

use crate::temporal::company::{FOREIGN_KEY, company, refusal};

#[tokio::test]
async fn row_without_a_version_at_its_time_is_refused() {
    let m = company().await;
    let refusal = m
        .refused("insert into user_audit values (9, 1, '2023-12-31 23:59:59Z')")
        .await;
    assert_eq!(refusal.code, "23503");
    assert_eq!(refusal.constraint.as_deref(), Some(FOREIGN_KEY));
    assert_eq!(refusal.table.as_deref(), Some("user_audit"));
    assert_eq!(refusal.schema.as_deref(), Some("public"));
    for part in [
        r#"row {"audit_id": 9}"#,
        r#"{"department_id": 1} at 2023-12-31"#,
        "public.department_history",
    ] {
        assert!(refusal.message.contains(part), "{}", refusal.message);
    }
    // An identity without a version, and one that does not exist.
    m.violates("insert into user_audit values (9, 3, '2024-02-01Z')")
        .await;
    m.violates("insert into user_audit values (9, 4, '2024-02-01Z')")
        .await;
    m.violates("insert into user_audit values (9, 1, '-infinity')")
        .await;
    assert_eq!(m.one::<i64>("select count(*) from user_audit").await, 2);
}

#[tokio::test]
async fn periods_of_versions_are_half_open() {
    let m = company().await;
    m.run(
        "insert into user_audit values (3, 1, '2024-01-01Z'), (4, 1, '2024-03-01Z'), (5, 1, 'infinity');
         update department_history set valid_to = '2024-06-01Z' where department_id = 2",
    )
    .await;
    m.run("insert into user_audit values (6, 2, '2024-05-31 23:59:59.999999Z')")
        .await;
    m.violates("insert into user_audit values (7, 2, '2024-06-01Z')")
        .await;
    m.violates("insert into user_audit values (7, 2, 'infinity')")
        .await;
}

#[tokio::test]
async fn row_with_a_null_reference_is_not_checked() {
    let m = company().await;
    m.run(
        "insert into user_audit values (3, null, '1999-01-01Z'), (4, 7, null), (5, null, null);
         update user_audit set department_id = null where audit_id = 1;
         update user_audit set changed_at = null, department_id = 99 where audit_id = 2",
    )
    .await;
    m.violates("update user_audit set department_id = 1 where audit_id = 3")
        .await;
}

#[tokio::test]
async fn one_row_without_a_version_fails_the_statement() {
    let m = company().await;
    m.run("insert into user_audit select n, 1 + n % 2, '2024-02-01Z' from generate_series(10, 500) as n").await;
    let message = m
        .violates(
            "insert into user_audit select n, 1 + n % 2, case n when 777 then '2023-02-01Z' else '2024-02-01Z' end::timestamptz
             from generate_series(600, 900) as n",
        )
        .await;
    assert!(message.contains(r#"{"audit_id": 777}"#), "{message}");
    m.violates("update user_audit set department_id = department_id + 1")
        .await;
    m.run("update user_audit set department_id = 3 - department_id")
        .await;
    m.violates("insert into user_audit values (1, 1, '2024-02-01Z') on conflict (audit_id) do update set changed_at = '2020-01-01Z'")
        .await;
    m.violates(
        "merge into user_audit as a using (values (1, '2020-01-01Z'::timestamptz)) as v(id, t) on v.id = a.audit_id
         when matched then update set changed_at = t when not matched then insert values (id, 1, t)",
    )
    .await;
}

/// An update that does not change the reference reads no history.
#[tokio::test]
async fn update_of_other_columns_is_not_checked() -> Result<(), DbErr> {
    let m = company().await;
    m.run(
        "alter table department_history disable trigger user; delete from department_history;
         alter table department_history enable trigger user;
         alter table user_audit add note text;
         update user_audit set note = 'new', audit_id = audit_id + 10",
    )
    .await;
    m.violates("update user_audit set changed_at = changed_at + interval '1 day'")
        .await;
    Ok(())
}

#[tokio::test]
async fn existing_rows_are_checked_when_the_key_is_created() -> Result<(), DbErr> {
    let m = company().await;
    m.run("create table visits (id int primary key, dep int, at timestamptz);
           insert into visits values (1, null, '1999-01-01Z'), (2, 1, null), (3, 1, '2024-02-01Z'), (4, 2, '2023-12-01Z')")
        .await;
    let visits = || {
        TemporalForeignKey::new("visits", ["dep"])
            .at("at")
            .references("department_history")
    };
    let error = crate::migration::database::refused(
        m.manager().create_temporal_foreign_key(visits()).await,
    );
    crate::migration::database::assert_mentions(
        &error,
        &[
            "public.visits",
            r#"{"id": 4}"#,
            r#"{"dep": 2} at 2023-12-01"#,
        ],
    );
    assert_eq!(
        m.one::<i64>("select count(*) from archive.temporal_foreign_key")
            .await,
        1
    );
    m.run("delete from visits where id = 4").await;
    m.manager().create_temporal_foreign_key(visits()).await?;
    m.violates("insert into visits values (4, 2, '2023-12-01Z')")
        .await;
    Ok(())
}

/// A writer needs no rights on the history or the departments.
#[tokio::test]
async fn writes_of_a_role_without_rights_on_the_history_are_checked() -> Result<(), DbErr> {
    let m = company().await;
    let role = m.database.role("clerk").await;
    m.run(&format!(
        "grant select, insert, update, delete on user_audit to \"{role}\";
         grant update on department_history to \"{role}\"; grant select (id) on department_history to \"{role}\";
         alter table user_audit enable row level security;
         create policy none on user_audit for select using (false);
         create policy writers on user_audit for insert with check (true)"
    ))
    .await;
    let db = m.database.connect_as("clerk").await;
    db.execute_unprepared("insert into user_audit values (3, 1, '2024-02-01Z')")
        .await?;
    let done = db
        .execute_unprepared("insert into user_audit values (4, 1, '2023-02-01Z')")
        .await;
    assert_eq!(refusal(done).code, "23503");
    // Temporary tables of the same names have no effect.
    db.execute_unprepared(
        "create temporary table department_history as select 1 as department_id, '2000-01-01Z'::timestamptz as valid_from,
             null::timestamptz as valid_to; create temporary table new_rows (department_id int)",
    )
    .await
    .ok();
    let done = db
        .execute_unprepared("insert into user_audit values (4, 1, '2023-02-01Z')")
        .await;
    assert_eq!(refusal(done).code, "23503");
    // The policy hides the rows of the audit from the role, but not from the check.
    let done = db
        .execute_unprepared(
            "update public.department_history set valid_to = '2024-03-02Z' where id = 2",
        )
        .await;
    assert_eq!(refusal(done).code, "23503");
    Ok(())
}

/// If a policy would hide rows from the role that checks, the write fails: hidden rows are not ignored.
#[tokio::test]
async fn policy_that_applies_to_the_owner_fails_the_write() -> Result<(), DbErr> {
    let m = company().await;
    let role = m.database.role("owner").await;
    m.run(&format!(
        "grant all on schema archive to \"{role}\"; grant all on all tables in schema archive to \"{role}\";
         grant all on all sequences in schema archive to \"{role}\"; grant all on schema public to \"{role}\";
         alter table departments owner to \"{role}\"; alter table department_history owner to \"{role}\";
         create table visits (id int primary key, dep int, at timestamptz);
         alter table visits owner to \"{role}\"; grant all on all tables in schema public to \"{role}\";
         -- The existing foreign keys must check as the new owner, too.
         do $$ declare checks text; begin
             for checks in select oid::regprocedure from pg_proc where pronamespace = 'archive'::regnamespace
                           and proname ~ '_\\d+_(insert|update|shorten|delete|truncate)$'
             loop execute format('alter function %s owner to %I', checks, '{role}'); end loop;
         end $$"
    ))
    .await;
    let db = m.database.connect_as("owner").await;
    sea_orm_migration::SchemaManager::new(&db)
        .create_temporal_foreign_key(
            TemporalForeignKey::new("visits", ["dep"])
                .at("at")
                .references("department_history"),
        )
        .await?;
    db.execute_unprepared("insert into visits values (1, 2, '2024-02-01Z')")
        .await?;
    db.execute_unprepared(
        "alter table visits enable row level security; alter table visits force row level security",
    )
    .await?;
    let refusal = m
        .refused("delete from department_history where id = 3")
        .await;
    assert!(
        refusal.message.contains("row-level security"),
        "{}",
        refusal.message
    );
    Ok(())
}

/// The checks run with the rights of the migrating role, and must not call functions of the caller's search_path.
#[tokio::test]
async fn search_path_of_the_caller_has_no_effect_on_the_checks() -> Result<(), DbErr> {
    let m = company().await;
    m.run(
        "create schema evil;
         create function evil.current_setting(text) returns text language plpgsql as
             $$ begin raise exception 'hijacked'; end $$;
         create function evil.isempty(tstzmultirange) returns bool language sql as 'select true';
         create function evil.format(text, variadic text[]) returns text language sql as 'select null'",
    )
    .await;
    let db = m.database.session("caller").await.db();
    db.execute_unprepared("set search_path = evil, public, pg_catalog")
        .await?;
    db.execute_unprepared("insert into user_audit values (3, 1, '2024-02-01Z')")
        .await?;
    for sql in [
        "insert into user_audit values (4, 1, '2023-02-01Z')",
        "update user_audit set changed_at = '2023-02-01Z'",
        "update department_history set valid_to = '2024-03-02Z' where id = 2",
        "delete from department_history",
        "truncate department_history",
    ] {
        let refusal = refusal(db.execute_unprepared(sql).await);
        assert_eq!(refusal.code, "23503", "{sql}: {}", refusal.message);
    }
    Ok(())
}
