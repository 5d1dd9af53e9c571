//! Temporal foreign keys are registered, found after renames, and dropped.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_archive_migration::{ArchiveSchema, HistorySchema, TemporalForeignKey};
use sea_orm_migration::{MigrationTrait, MigratorTrait, SchemaManager, prelude::*};

use crate::migration::database::{Migrated, assert_mentions, refused};
use crate::temporal::company::{FOREIGN_KEY, audit, company, department_history};

const OURS: &str = "select count(*) from pg_proc where pronamespace = 'archive'::regnamespace and prorettype = 'trigger'::regtype and prosecdef
    and proname not in ('follow_key', 'mark_deleted', 'write_event', 'guard_archived', 'record_caught', 'refuse_departed')";

#[tokio::test]
async fn temporal_foreign_key_can_be_created_and_dropped_repeatedly() -> Result<(), DbErr> {
    let m = company().await;
    for _ in 0..2 {
        for _ in 0..2 {
            m.manager().create_temporal_foreign_key(audit()).await?;
            assert_eq!(m.one::<i64>(OURS).await, 5);
            assert_eq!(
                m.all::<String>(
                    "select regexp_replace(tgname, '[0-9]+', 'N') collate \"C\" from pg_trigger where tgname not in ('report_state', 'require_hooks', 'record_caught', 'refuse_departed') and not tgisinternal order by 1"
                )
                .await,
                ["delete", "insert", "shorten", "truncate", "update"]
                    .map(|event| format!("{FOREIGN_KEY}_N_{event}"))
            );
        }
        for _ in 0..2 {
            m.manager()
                .drop_temporal_foreign_key("user_audit", FOREIGN_KEY)
                .await?;
            assert_eq!(m.one::<i64>(OURS).await, 0);
            assert_eq!(m.indexes("user_audit").await, ["key audit_id"]);
            assert_eq!(
                m.one::<i64>("select count(*) from pg_trigger where tgname not in ('report_state', 'require_hooks', 'record_caught', 'refuse_departed') and not tgisinternal")
                    .await,
                0
            );
        }
    }
    m.run("delete from department_history").await;
    Ok(())
}

/// A role that could run them on its own table would read rows that it may not read.
#[tokio::test]
async fn trigger_functions_cannot_be_run_by_other_roles() -> Result<(), DbErr> {
    let m = company().await;
    let role = m.database.role("web").await;
    m.manager().grant_archive(role.clone()).await?;
    let allowed = format!(
        "select proname::text from pg_proc where pronamespace = 'archive'::regnamespace
         and prorettype = 'trigger'::regtype and has_function_privilege('{role}', oid, 'EXECUTE')"
    );
    assert!(m.all::<String>(&allowed).await.is_empty());
    Ok(())
}

#[tokio::test]
async fn different_key_of_the_same_name_is_refused() -> Result<(), DbErr> {
    let m = company().await;
    m.run("alter table user_audit add until timestamptz").await;
    let other = TemporalForeignKey::new("user_audit", ["department_id"])
        .during("changed_at", "until")
        .references("department_history");
    let error = refused(
        m.manager()
            .create_temporal_foreign_key(other.clone().name(FOREIGN_KEY))
            .await,
    );
    assert_mentions(&error, &["user_audit", FOREIGN_KEY, ".name("]);
    // Two keys of one table, and two keys of one name.
    m.run("delete from user_audit where audit_id = 1").await;
    m.manager().create_temporal_foreign_key(other).await?;
    m.run("create table visits (id int primary key, dep int, at timestamptz)")
        .await;
    m.manager()
        .create_temporal_foreign_key(
            TemporalForeignKey::new("visits", ["dep"])
                .at("at")
                .references("department_history")
                .name(FOREIGN_KEY),
        )
        .await?;
    m.violates("insert into visits values (1, 3, now())").await;
    m.manager()
        .drop_temporal_foreign_key("visits", FOREIGN_KEY)
        .await?;
    m.violates("insert into user_audit values (9, 3, now())")
        .await;
    Ok(())
}

#[tokio::test]
async fn referenced_history_is_not_dropped() -> Result<(), DbErr> {
    let m = company().await;
    let error = refused(m.manager().drop_history_table("department_history").await);
    assert_mentions(
        &error,
        &[
            "public.user_audit",
            FOREIGN_KEY,
            "drop_temporal_foreign_key",
        ],
    );
    let error = refused(m.manager().uninstall_archive().await);
    assert_mentions(
        &error,
        &[
            "public.user_audit",
            FOREIGN_KEY,
            "drop_temporal_foreign_key",
        ],
    );
    m.manager()
        .drop_temporal_foreign_key("user_audit", FOREIGN_KEY)
        .await?;
    m.manager().drop_history_table("department_history").await?;
    m.manager().uninstall_archive().await?;
    assert!(
        m.one::<bool>("select to_regnamespace('archive') is null")
            .await
    );
    m.manager()
        .drop_temporal_foreign_key("user_audit", FOREIGN_KEY)
        .await
}

/// A child table that is dropped with plain SQL no longer has a foreign key, as with any foreign key.
#[tokio::test]
async fn key_of_a_dropped_child_table_is_dropped() -> Result<(), DbErr> {
    let m = company().await;
    m.run("drop table user_audit; delete from department_history where id = 2; truncate department_history").await;
    m.manager().install_archive().await?;
    assert_eq!(m.one::<i64>(OURS).await, 0);
    m.manager().drop_history_table("department_history").await
}

#[tokio::test]
async fn renamed_tables_are_found() -> Result<(), DbErr> {
    let m = company().await;
    m.run("alter table user_audit rename to audit; alter table department_history rename to names")
        .await;
    m.refused("insert into audit values (9, 1, '2024-02-01Z')")
        .await;
    m.manager()
        .create_temporal_foreign_key(
            TemporalForeignKey::new("audit", ["department_id"])
                .at("changed_at")
                .references("names")
                .name(FOREIGN_KEY),
        )
        .await?;
    m.run("insert into audit values (9, 1, '2024-02-01Z')")
        .await;
    m.violates("insert into audit values (10, 1, '2020-02-01Z')")
        .await;
    assert_eq!(m.one::<i64>(OURS).await, 5);
    Ok(())
}

struct Installed;
struct Departments;

impl MigrationName for Installed {
    fn name(&self) -> &str {
        "m1_installed"
    }
}

impl MigrationName for Departments {
    fn name(&self) -> &str {
        "m2_departments"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Installed {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.install_archive().await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.uninstall_archive().await
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Departments {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .get_connection()
            .execute_unprepared(
                "create table departments (id serial primary key);
                 create table user_audit (audit_id int primary key, department_id int, changed_at timestamptz)",
            )
            .await?;
        manager.create_history_table(department_history()).await?;
        manager.create_temporal_foreign_key(audit()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_temporal_foreign_key("user_audit", FOREIGN_KEY)
            .await?;
        manager.drop_history_table("department_history").await?;
        manager
            .get_connection()
            .execute_unprepared("drop table user_audit; drop table departments")
            .await
            .map(drop)
    }
}

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Installed), Box::new(Departments)]
    }
}

/// `fresh` drops the tables without the migration helpers, so the registrations stay.
#[tokio::test]
async fn up_down_and_fresh_can_be_repeated_by_an_ordinary_role() -> Result<(), DbErr> {
    let m = Migrated::empty().await;
    let role = m.database.role("migrator").await;
    m.run(&format!(
        "grant create on database \"{}\" to \"{role}\"; grant create, usage on schema public to \"{role}\"",
        m.database.name()
    ))
    .await;
    let db = m.database.connect_as("migrator").await;
    for _ in 0..2 {
        Migrator::up(&db, None).await?;
        Migrator::fresh(&db).await?;
        Migrator::fresh(&db).await?;
        m.run(
            "insert into departments values (1);
             insert into department_history (department_id, name, valid_from) values (1, 'a', '2024-01-01Z');
             insert into user_audit values (1, 1, '2024-02-01Z')",
        )
        .await;
        m.violates("delete from department_history").await;
        assert_eq!(m.one::<i64>(OURS).await, 5);
        assert_eq!(
            m.one::<i64>("select count(*) from archive.history_table")
                .await,
            1
        );
        Migrator::down(&db, None).await?;
        assert!(
            m.one::<bool>("select to_regnamespace('archive') is null")
                .await
        );
        Migrator::reset(&db).await?;
    }
    Ok(())
}
