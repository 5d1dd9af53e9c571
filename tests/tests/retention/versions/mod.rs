//! Retention of the versions of histories: which ones expire, and which stay.

mod ages;
mod attacked;
mod races;
mod references;
mod rights;
mod rules;

use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive::PurgedExpired;
use sea_orm_archive::archival;
use sea_orm_archive_migration::{
    ArchiveSchema, HistorySchema, HistoryTable, Retention, RetentionSchema, TemporalForeignKey,
};
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::{run, texts};
use sea_orm_migration::{SchemaManager, schema::string};

mod version {
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
        pub valid_from: DateTimeUtc,
        pub valid_to: Option<DateTimeUtc>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Department 1 was A, B, C, until 100, 50 and 20 days ago, and is D. Department 2 was E and F, until 90 and 60 days ago.
const VERSIONS: &str = "
    insert into departments values (1), (2);
    insert into department_history (department_id, name, valid_from, valid_to)
        select d, n, now() - f * interval '24 hours', now() - t * interval '24 hours'
        from (values (1, 'A', 200, 100), (1, 'B', 100, 50), (1, 'C', 50, 20), (1, 'D', 20, null),
                     (2, 'E', 200, 90), (2, 'F', 90, 60)) as v (d, n, f, t)";

/// The versions, with an audit that refers to the version of a time, and labels that refer to a version by its key. Versions expire after
/// 40 days.
async fn database() -> (Database, DatabaseConnection) {
    let database = Database::from_template("versions", async |db| {
        let manager = SchemaManager::new(&db);
        manager.install_archive().await?;
        db.execute_unprepared("create table departments (id bigint primary key)")
            .await?;
        manager
            .create_history_table(
                HistoryTable::new("department_history")
                    .identity("department_id", "departments")
                    .column(string("name")),
            )
            .await?;
        db.execute_unprepared(VERSIONS).await?;
        db.execute_unprepared(
            "create table user_audit (id bigint generated always as identity primary key, department_id bigint, changed_at timestamptz);
             create table labels (version_id bigint references department_history on delete cascade)",
        )
        .await?;
        let audit = TemporalForeignKey::new("user_audit", ["department_id"])
            .at("changed_at")
            .references("department_history");
        manager.create_temporal_foreign_key(audit).await?;
        manager
            .retain_versions("department_history", Retention::days(40))
            .await
    })
    .await;
    let db = database.connect().await;
    (database, db)
}

/// A statement that inserts a row which refers to the version of a department so many days ago.
fn audit(department: i64, days: i64) -> String {
    format!(
        "insert into user_audit (department_id, changed_at) values ({department}, now() - {days} * interval '24 hours')"
    )
}

/// A statement that inserts a row which refers to a version by its key.
fn label(name: &str) -> String {
    format!("insert into labels select id from department_history where name = '{name}'")
}

async fn purge(db: &DatabaseConnection) -> PurgedExpired {
    let purge = archival::Entity::purge_expired().exec(db);
    let purged = tokio::time::timeout(Duration::from_secs(20), purge).await;
    purged
        .expect("a purge of versions waits for no lock")
        .unwrap_or_else(|error| panic!("{error}"))
}

/// How many versions a preview counts.
async fn previewed(db: &DatabaseConnection) -> u64 {
    let preview = archival::Entity::purge_expired().preview(db).await.unwrap();
    preview.iter().map(|line| line.expired).sum()
}

/// The names of the versions that are left.
async fn left(db: &impl ConnectionTrait) -> String {
    let names = texts(db, "select name from department_history order by name").await;
    names.concat()
}

/// Creates a history `versions` of `things` 1 and 2 with this definition, and these rows.
async fn history(history: HistoryTable, rows: &str) -> (Database, DatabaseConnection) {
    let (database, db) = sea_orm_archive_tests::tables::tables(
        "create table things (id bigint primary key); insert into things values (1), (2)",
        &[],
    )
    .await;
    let history = history
        .identity("thing_id", "things")
        .column(string("name"));
    SchemaManager::new(&db)
        .create_history_table(history)
        .await
        .unwrap();
    run(&db, rows).await;
    (database, db)
}
