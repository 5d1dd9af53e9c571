//! Many sessions rename the same few departments at once, to find races that no other test covers. At the end every
//! acknowledged rename must have one version, in the right order.

mod dependents;
mod load;
mod naive;

use load::{Load, Outcome};
use sea_orm::ConnectionTrait;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::Database;
use sea_orm_migration::SchemaManager;

mod department_history {
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
        pub valid_from: DateTimeUtc,
        pub valid_to: Option<DateTimeUtc>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

const SCHEMA: &str = "
    create extension if not exists btree_gist;
    create table departments (id int primary key);
    create table department_history (
        id serial primary key,
        department_id int not null references departments,
        name text not null,
        valid_from timestamptz not null,
        valid_to timestamptz
    );
    insert into departments values (1), (2), (3);
    insert into department_history (department_id, name, valid_from)
        select id, 'Old', '2024-01-01Z' from departments";

const CONSTRAINTS: &str = "
    alter table department_history
        add check (valid_to > valid_from),
        add unique (department_id, valid_from),
        add exclude using gist (department_id with =, tstzrange(valid_from, valid_to) with &&)";

async fn guarded() -> Database {
    Database::from_template("guarded", async |db| {
        db.execute_unprepared(SCHEMA).await?;
        db.execute_unprepared(CONSTRAINTS).await?;
        SchemaManager::new(&db).install_archive().await
    })
    .await
}

/// A table without constraints on periods.
async fn unguarded() -> Database {
    Database::from_template("unguarded", async |db| {
        db.execute_unprepared(SCHEMA).await.map(drop)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_rename_has_one_version_in_order() {
    let database = guarded().await;
    let outcome = Load::of_the_product().run(&database.connect().await).await;
    assert_eq!(outcome, Outcome::default());
}

/// The same load detects the race of a rename that closes and opens versions without a lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn naive_rename_writes_wrong_versions_under_the_same_load() {
    let mut found = Outcome::default();
    for _ in 0..10 {
        let database = unguarded().await;
        found = Load::of_naive_renames()
            .run(&database.connect().await)
            .await;
        if found.versions_are_wrong() {
            break;
        }
    }
    assert!(
        found.versions_are_wrong(),
        "the load did not lead to a wrong version of a naive rename"
    );
}

/// With constraints the versions are correct, but the callers get errors.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn constraints_refuse_some_naive_renames() {
    let mut found = Outcome::default();
    for _ in 0..10 {
        let database = guarded().await;
        found = Load::of_naive_renames()
            .run(&database.connect().await)
            .await;
        if found.errors > 0 {
            break;
        }
    }
    assert!(
        found.errors > 0,
        "the load did not lead to an error of a naive rename"
    );
    assert_eq!(found.overlaps, 0);
}
