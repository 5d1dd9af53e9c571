//! The same roles without tables, for tests that create their own; and the texts of database errors.

use sea_orm::{ConnectionTrait, DbErr, RuntimeErr, SqlxError, SqlxPostgresError};
use sea_orm_archive::{Finding, check};
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::Database;
use sea_orm_migration::SchemaManager;

use crate::tenancy::database::{Organisations, attempt, let_write, with_roles};

/// The archive and no table. What `web` and `ops` may do is granted table by table.
pub async fn bare() -> Organisations {
    let copy = Database::from_template_with_roles("bare", async |template| {
        let (owner, [web, ops]) = with_roles(template).await;
        let manager = SchemaManager::new(&owner);
        manager.install_archive().await.unwrap();
        for role in [&web, &ops] {
            manager.grant_archive(role).await.unwrap();
        }
        owner.close().await.unwrap();
    });
    Organisations::of(copy.await).await
}

/// Lets the application and the administrator read and write every table that is there now.
pub async fn grant(organisations: &Organisations) {
    let web = organisations.database.role("web").await;
    let_write(&organisations.owner, [&web, &organisations.ops]).await;
}

/// The error of a statement that the database refuses: SQLSTATE, message, detail and hint.
pub async fn refusal(db: &impl ConnectionTrait, sql: &str) -> String {
    let Err(error) = attempt(db, sql).await else {
        panic!("was not refused: {sql}");
    };
    error_text(&error)
}

pub fn error_text(error: &DbErr) -> String {
    let (DbErr::Exec(RuntimeErr::SqlxError(source)) | DbErr::Query(RuntimeErr::SqlxError(source))) =
        error
    else {
        panic!("{error}");
    };
    let SqlxError::Database(source) = source.as_ref() else {
        panic!("{error}");
    };
    let postgres = source.try_downcast_ref::<SqlxPostgresError>().unwrap();
    [
        Some(postgres.code()),
        Some(postgres.message()),
        postgres.detail(),
        postgres.hint(),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join("\n")
}

/// What the check finds on `object`.
pub async fn findings_on(db: &sea_orm::DatabaseConnection, object: &str) -> Vec<Finding> {
    let mut findings = check(db).await.unwrap();
    findings.retain(|d| d.object == object);
    findings
}

/// Every table of the application with its columns and constraints.
pub const SHAPE: &str = "
    select conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) from pg_constraint
    where connamespace = 'public'::regnamespace
    union all
    select attrelid::regclass || ' ' || attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull || ' '
           || coalesce(pg_get_expr(adbin, adrelid), '')
    from pg_attribute join pg_class c on c.oid = attrelid left join pg_attrdef on adrelid = attrelid and adnum = attnum
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and attnum > 0 and not attisdropped
    union all
    select c.oid::regclass || ' ' || relrowsecurity || ' ' || relforcerowsecurity from pg_class c
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
    union all
    select tgrelid::regclass || ' ' || tgname from pg_trigger where tgname like 'tenancy%'
    union all
    select 'register ' || relation || ' ' || tenant_name from archive.tenancy
    union all
    select 'created ' || relation || ' ' || kind || ' ' || name from archive.tenancy_object where kind <> 'function'
    order by 1";
