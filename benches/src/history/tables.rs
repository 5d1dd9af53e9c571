//! The tables of departments and their names.

use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_migration::SchemaManager;
use throwaway_postgres::Postgres;

use crate::Fallible;
use crate::databases::connect;

pub(super) mod department_history {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveHistory;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveHistory)]
    #[sea_orm(table_name = "department_history")]
    #[history(identity = "department_id")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub department_id: i64,
        pub name: String,
        pub floor: i32,
        pub valid_from: DateTimeUtc,
        pub valid_to: Option<DateTimeUtc>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod user_audit {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "user_audit")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub department_id: i64,
        pub changed_at: DateTimeUtc,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// The exclusion constraint on the versions.
pub(super) const GUARD: &str =
    "ALTER TABLE department_history ADD CONSTRAINT guard EXCLUDE USING gist
    (department_id WITH =, tstzrange(valid_from, coalesce(valid_to, 'infinity'), '[)') WITH &&)";

/// A database with the tables, and with the guard if `guarded`.
pub(super) async fn database(
    server: &Postgres,
    name: &str,
    guarded: bool,
) -> Fallible<DatabaseConnection> {
    let admin = connect(&server.url("postgres")).await?;
    admin
        .execute_unprepared(&format!("CREATE DATABASE {name}"))
        .await?;
    let db = connect(&server.url(name)).await?;
    SchemaManager::new(&db).install_archive().await?;
    db.execute_unprepared(
        "CREATE EXTENSION btree_gist;
         CREATE TABLE departments (id bigint PRIMARY KEY);
         CREATE TABLE department_history (
             id bigserial PRIMARY KEY,
             department_id bigint NOT NULL REFERENCES departments,
             name text NOT NULL,
             floor integer NOT NULL,
             valid_from timestamptz NOT NULL,
             valid_to timestamptz CHECK (valid_to > valid_from),
             UNIQUE (department_id, valid_from)
         );
         CREATE UNIQUE INDEX ON department_history (department_id) WHERE valid_to IS NULL;
         CREATE TABLE user_audit (
             id bigserial PRIMARY KEY,
             department_id bigint NOT NULL REFERENCES departments,
             changed_at timestamptz NOT NULL
         );",
    )
    .await?;
    if guarded {
        db.execute_unprepared(GUARD).await?;
    }
    Ok(db)
}

/// An INSERT of versions of one hour each. The last one is still valid.
pub(super) fn versions(departments: &str, count: i64) -> String {
    format!(
        "INSERT INTO department_history (department_id, name, floor, valid_from, valid_to)
         SELECT d, 'name ' || v, v % 7, timestamptz '2010-01-01' + v * interval '1 hour',
                CASE WHEN v < {count} THEN timestamptz '2010-01-01' + (v + 1) * interval '1 hour' END
         FROM {departments} AS d, generate_series(1, {count}) AS v"
    )
}
