//! Departments and their names, in the tables of the requirements (see `seed`).

use sea_orm::ConnectionTrait;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::Database;
use sea_orm_migration::SchemaManager;

pub use sea_orm_archive_tests::sql::run;

pub mod department_history {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveHistory;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveHistory)]
    #[sea_orm(table_name = "department_history")]
    #[history(identity = "department_id")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub department_id: i32,
        pub name: String,
        pub floor: Option<i32>,
        pub valid_from: DateTimeUtc,
        pub valid_to: Option<DateTimeUtc>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod user_audit {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "user_audit")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub audit_id: i32,
        pub user_id: i32,
        pub department_id: i32,
        pub changed_by: i32,
        pub changed_at: DateTimeUtc,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// The tables, with the constraints of the requirements.
pub const SCHEMA: &str = "
    create extension if not exists btree_gist;
    create table users (id serial primary key, email text not null);
    create table departments (id serial primary key);
    create table department_history (
        id serial primary key,
        department_id int not null references departments (id),
        name varchar(100) not null,
        floor int,
        valid_from timestamptz not null,
        valid_to timestamptz,
        check (valid_to is null or valid_to > valid_from),
        unique (department_id, valid_from),
        exclude using gist (department_id with =, tstzrange(valid_from, coalesce(valid_to, 'infinity'), '[)') with &&)
    );
    create table user_audit (
        audit_id serial primary key,
        user_id int not null references users (id),
        department_id int not null references departments (id),
        changed_by int not null references users (id),
        changed_at timestamptz not null default now()
    );
    insert into departments values (1), (2), (3);
    insert into users (email) values ('bob@example.org'), ('alice@example.org')";

pub async fn departments() -> Database {
    Database::from_template("departments", async |db| {
        db.execute_unprepared(SCHEMA).await?;
        SchemaManager::new(&db).install_archive().await?;
        Ok(())
    })
    .await
}
