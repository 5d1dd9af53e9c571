//! Composite keys, keys of other types, names that need quoting, and columns of user-defined types.

use sea_orm::ActiveValue::Set;
use sea_orm::prelude::Uuid;
use sea_orm::{DatabaseConnection, DbErr, EntityTrait, IntoActiveModel};
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, ArchivedTable};
use sea_orm_archive_tests::Database;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, custom, integer, small_integer, text, uuid};
use serde_json::json;

use crate::locking::notes::{column, run};

mod grade {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::{DeriveArchive, DeriveOptimisticLock};

    #[derive(
        Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveOptimisticLock, DeriveArchive,
    )]
    #[sea_orm(schema_name = "The School", table_name = "Grades")]
    #[archive(table_name = "k")]
    #[optimistic_lock(field = "r#type")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: i32,
        #[sea_orm(primary_key, auto_increment = false, column_name = "Course \"Code\"")]
        pub code: String,
        pub grade: i32,
        #[sea_orm(column_name = "Lock Version")]
        pub r#type: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod document {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::{DeriveArchive, DeriveOptimisticLock};

    #[derive(Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "mood")]
    pub enum Mood {
        #[sea_orm(string_value = "draft")]
        Draft,
        #[sea_orm(string_value = "final")]
        Final,
    }

    #[sea_orm::model]
    #[derive(
        Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive, DeriveOptimisticLock,
    )]
    #[sea_orm(table_name = "documents")]
    #[optimistic_lock(field = "revision")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub mood: Mood,
        #[sea_orm(column_type = "Text", select_as = "text", save_as = "inet")]
        pub address: String,
        pub revision: i16,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

async fn shapes() -> Database {
    Database::from_template("shapes", async |db| migrate(&db).await).await
}

async fn migrate(db: &DatabaseConnection) -> Result<(), DbErr> {
    run(
        db,
        "create schema \"The School\"; create type mood as enum ('draft', 'final')",
    )
    .await;
    let manager = SchemaManager::new(db);
    manager.install_archive().await?;
    let grades = Table::create()
        .table(("The School", "Grades"))
        .col(integer("tenant_id"))
        .col(text("Course \"Code\""))
        .col(integer("grade"))
        .col(big_integer("Lock Version").default(0))
        .primary_key(Index::create().col("tenant_id").col("Course \"Code\""))
        .to_owned();
    let documents = Table::create()
        .table("documents")
        .col(uuid("id").primary_key())
        .col(custom("mood", "mood"))
        .col(custom("address", "inet"))
        .col(small_integer("revision").default(0))
        .to_owned();
    // A name that statements of sea-orm-archive use as an alias, too.
    let grades = ArchivedTable::new(grades).archive_table("k");
    manager.create_archived_table(grades).await?;
    manager.create_archived_table(documents).await?;
    run(
        db,
        "insert into \"The School\".\"Grades\" values (1, 'a''b', 2, 0), (2, 'a''b', 2, 0), (1, 'c', 2, 0);
         insert into documents values ('00000000-0000-0000-0000-000000000001', 'draft', '10.0.0.1', 0), ('00000000-0000-0000-0000-000000000002', 'draft', '10.0.0.1', 0)",
    )
    .await;
    Ok(())
}

#[tokio::test]
async fn composite_key_and_another_name_of_the_lock_version() {
    let shapes = shapes().await;
    let db = shapes.connect().await;
    let key = || (1, "a'b".to_owned());
    let read = grade::Entity::find_by_id(key()).one(&db).await;
    let read = read.unwrap().unwrap();
    let mut grade = read.clone().into_active_model();
    grade.grade = Set(1);
    let saved = grade.clone().update_if_unchanged(&db).await.unwrap();
    assert_eq!((saved.grade, saved.r#type), (1, 1));
    match grade.clone().update_if_unchanged(&db).await.unwrap_err() {
        UpdateError::Conflict {
            table,
            key,
            expected: 0,
            found: 1,
            current,
        } => {
            assert_eq!(table, "The School.Grades");
            assert_eq!(*key, json!({"tenant_id": 1, "Course \"Code\"": "a'b"}));
            assert_eq!(*current, saved);
        }
        error => panic!("{error}"),
    }
    let error = read.archive_if_unchanged(&db).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Conflict(ConflictError::LockVersion {
                expected: 0,
                found: 1,
                ..
            })
        ),
        "{error}"
    );
    let archival = saved.clone().archive_if_unchanged(&db).await.unwrap();
    match grade.update_if_unchanged(&db).await.unwrap_err() {
        UpdateError::NotFound {
            archival: Some(id), ..
        } => assert_eq!(id, archival.id),
        error => panic!("{error}"),
    }
    let deleted = grade::deleted::Entity::find_by_id(key()).one(&db).await;
    let mut deleted = deleted.unwrap().unwrap();
    deleted.r#type = 0;
    let error = deleted.clone().restore_if_unchanged(&db).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Conflict(ConflictError::LockVersion {
                expected: 0,
                found: 1,
                ..
            })
        ),
        "{error}"
    );
    deleted.r#type = 1;
    deleted.restore_if_unchanged(&db).await.unwrap();
    // The other rows were not changed.
    assert_eq!(
        column(
            &db,
            "select t::text from \"The School\".\"Grades\" t order by 1"
        )
        .await,
        ["(1,a'b,1,1)", "(1,c,2,0)", "(2,a'b,2,0)"]
    );
}

#[tokio::test]
async fn greatest_lock_version_of_bigint_and_smallint_is_not_exceeded() {
    let shapes = shapes().await;
    let db = shapes.connect().await;
    run(
        &db,
        "update \"The School\".\"Grades\" set \"Lock Version\" = 9223372036854775806;
         update documents set revision = 32767",
    )
    .await;
    let find = async || {
        grade::Entity::find_by_id((1, "c".to_owned()))
            .one(&db)
            .await
    };
    let mut grade = find().await.unwrap().unwrap().into_active_model();
    grade.grade = Set(1);
    let saved = grade.update_if_unchanged(&db).await.unwrap();
    assert_eq!(saved.r#type, i64::MAX);
    let mut grade = saved.clone().into_active_model();
    grade.grade = Set(3);
    let error = grade
        .update_if_unchanged(&db)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("out of range"), "{error}");
    assert_eq!(find().await.unwrap().unwrap(), saved);
    let document = document::Entity::find_by_id(Uuid::from_u128(1));
    let mut document = document
        .one(&db)
        .await
        .unwrap()
        .unwrap()
        .into_active_model();
    document.mood = Set(document::Mood::Final);
    let error = document
        .update_if_unchanged(&db)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("out of range"), "{error}");
}

/// A uuid, an enum of the database, and a column that is read and written as another type.
#[tokio::test]
async fn columns_of_type_uuid_enum_and_inet() {
    let shapes = shapes().await;
    let db = shapes.connect().await;
    let id = Uuid::from_u128(1);
    let read = document::Entity::find_by_id(id)
        .one(&db)
        .await
        .unwrap()
        .unwrap();
    let mut document = read.clone().into_active_model();
    document.mood = Set(document::Mood::Final);
    document.address = Set("::1".to_owned());
    let saved = document.clone().update_if_unchanged(&db).await.unwrap();
    let expected = document::Model {
        id,
        mood: document::Mood::Final,
        address: "::1/128".to_owned(),
        revision: 1,
    };
    assert_eq!(saved, expected);
    match document.update_if_unchanged(&db).await.unwrap_err() {
        UpdateError::Conflict { current, .. } => assert_eq!(*current, saved),
        error => panic!("{error}"),
    }
    let archive = document::Entity::archive_by_id(id);
    archive.at_lock_version(1).exec(&db).await.unwrap();
    let restore = document::Entity::restore_by_id(id);
    restore.at_lock_version(1).exec(&db).await.unwrap();
    let again = document::Entity::find_by_id(id).one(&db).await.unwrap();
    assert_eq!(again, Some(saved));
    let other = document::Entity::find_by_id(Uuid::from_u128(2))
        .one(&db)
        .await;
    assert_eq!(other.unwrap().unwrap().revision, 0);
}
