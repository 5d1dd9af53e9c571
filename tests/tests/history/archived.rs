//! Archive and restore of an identity with its history.

use sea_orm::prelude::*;
use sea_orm_archive::error::{ConflictError, NotFoundError};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, HistorySchema, HistoryTable, TemporalForeignKey};
use sea_orm_archive_tests::Database;
use sea_orm_migration::SchemaManager;

use crate::history::departments::run;

mod department {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "departments")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub versions: HasMany<super::version::Entity>,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub audits: HasMany<super::audit::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod version {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::{DeriveArchive, DeriveHistory};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive, DeriveHistory)]
    #[sea_orm(table_name = "department_history")]
    #[history(identity = "department_id")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub department_id: i32,
        pub name: String,
        pub valid_from: DateTimeUtc,
        pub valid_to: Option<DateTimeUtc>,
        #[sea_orm(belongs_to, from = "department_id", to = "id")]
        pub department: BelongsTo<super::department::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod audit {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "user_audit")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub department_id: i32,
        pub changed_at: DateTimeUtc,
        #[sea_orm(belongs_to, from = "department_id", to = "id")]
        pub department: BelongsTo<super::department::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

use department::Entity as Departments;
use version::{Column, Entity as Names};

fn time(text: &str) -> DateTimeUtc {
    format!("{text}T00:00:00Z").parse().unwrap()
}

async fn company() -> Database {
    Database::from_template("archived company", async |db| {
        let manager = SchemaManager::new(&db);
        manager.install_archive().await?;
        db.execute_unprepared(
            "create table departments (id int primary key);
             create table user_audit (id bigserial primary key,
                 department_id int not null references departments, changed_at timestamptz not null)",
        )
        .await?;
        manager
            .create_history_table(
                HistoryTable::new("department_history")
                    .identity("department_id", "departments")
                    .column(sea_orm_migration::schema::text("name")),
            )
            .await?;
        manager
            .create_temporal_foreign_key(
                TemporalForeignKey::new("user_audit", ["department_id"])
                    .at("changed_at")
                    .references("department_history"),
            )
            .await?;
        for table in ["departments", "department_history", "user_audit"] {
            manager.archive_existing_table(table).await?;
        }
        db.execute_unprepared("insert into departments values (1), (2)").await?;
        for id in [1, 2] {
            let start = Names::start(id).value(Column::Name, "A").valid_from(time("2020-01-01"));
            start.exec(&db).await.map_err(|error| DbErr::Custom(error.to_string()))?;
        }
        db.execute_unprepared("insert into user_audit (department_id, changed_at) values (1, '2021-01-01'), (1, '2023-01-01'), (2, '2023-01-01')")
            .await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn identity_is_archived_and_restored_with_all_versions_and_dependent_rows() {
    let company = company().await;
    let db = company.connect().await;
    for name in ["B", "C"] {
        Names::change(1)
            .value(Column::Name, name)
            .valid_from(time(if name == "B" {
                "2022-01-01"
            } else {
                "2999-01-01"
            }))
            .exec(&db)
            .await
            .unwrap();
    }
    let (versions, audits) = (
        Names::find_timeline(1).all(&db).await.unwrap(),
        audit::Entity::find().all(&db).await.unwrap(),
    );
    assert_eq!(versions.len(), 3);
    let archival = Departments::archive_by_id(1).exec(&db).await.unwrap();
    assert!(Names::find_timeline(1).all(&db).await.unwrap().is_empty());
    assert_eq!(
        version::deleted::Entity::find().count(&db).await.unwrap(),
        3
    );
    let error = Names::change(1)
        .value(Column::Name, "D")
        .exec(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::NotFound(NotFoundError::Identity { .. })),
        "{error}"
    );
    archival.restore(&db).await.unwrap();
    assert_eq!(Names::find_timeline(1).all(&db).await.unwrap(), versions);
    assert_eq!(
        audit::Entity::find().all(&db).await.unwrap().len(),
        audits.len()
    );
    // The constraints are still enforced.
    let error = Names::end(1)
        .at(time("2022-06-01"))
        .exec(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::LaterVersion { .. })),
        "{error}"
    );
    Names::cancel(1, time("2999-01-01"))
        .exec(&db)
        .await
        .unwrap();
    let error = Names::end(1)
        .at(time("2022-06-01"))
        .exec(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::DependentRows { .. })),
        "{error}"
    );
}

#[tokio::test]
async fn archive_of_a_version_that_a_row_needs_is_refused() {
    let company = company().await;
    let db = company.connect().await;
    let only = Names::find_timeline(1).one(&db).await.unwrap().unwrap();
    let error = only.archive(&db).await.unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::DependentRows { .. })),
        "{error}"
    );
    assert_eq!(Names::find_timeline(1).all(&db).await.unwrap().len(), 1);
}

#[tokio::test]
async fn restore_of_an_overlapping_version_is_a_conflict() {
    let company = company().await;
    let db = company.connect().await;
    Names::end(2)
        .at(time("2024-01-01"))
        .exec(&db)
        .await
        .unwrap();
    let later = Names::start(2)
        .value(Column::Name, "L")
        .valid_from(time("2025-01-01"))
        .exec(&db)
        .await
        .unwrap();
    let archival = Names::archive_by_id(later.id).exec(&db).await.unwrap();
    Names::start(2)
        .value(Column::Name, "M")
        .valid_from(time("2024-06-01"))
        .exec(&db)
        .await
        .unwrap();
    let error = archival.restore(&db).await.unwrap_err();
    let Error::Conflict(ConflictError::Restore { conflicts, .. }) = &error else {
        panic!("{error}");
    };
    assert!(
        conflicts.iter().any(|conflict| conflict
            .to_string()
            .contains("department_history_period_excl")),
        "{error}"
    );
    assert_eq!(
        version::deleted::Entity::find().count(&db).await.unwrap(),
        1
    );
    run(&db, "delete from department_history where name = 'M'").await;
    archival.restore(&db).await.unwrap();
}
