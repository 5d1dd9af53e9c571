//! Departments, their names, and who was hired while which name was valid.

use sea_orm::prelude::DateTimeUtc;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{HistorySchema, HistoryTable, TemporalForeignKey};
use sea_orm_migration::schema::text;
use sea_orm_migration::{DbErr, SchemaManager};

use super::Schema;
use crate::recorder::Recorder;

pub mod department_history {
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
        #[sea_orm(column_type = "Text")]
        pub name: String,
        pub valid_from: DateTimeUtc,
        pub valid_to: Option<DateTimeUtc>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use department_history::{Column, Entity};

/// A day of the year 2020.
fn day_of_2020(day: i64) -> DateTimeUtc {
    DateTimeUtc::from_timestamp(1_577_836_800 + day * 86_400, 0).unwrap()
}

pub struct This;

impl Schema for This {
    fn name(&self) -> &'static str {
        "history"
    }

    fn tables(&self) -> &'static str {
        "create table departments (id bigint primary key);
         create table staff (id bigint primary key, department_id bigint not null, hired_at timestamptz not null)"
    }

    fn rows(&self) -> &'static str {
        "insert into departments values (1), (2)"
    }

    async fn migrate(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let history =
            HistoryTable::new("department_history").identity("department_id", "departments");
        manager
            .create_history_table(history.column(text("name")))
            .await?;
        let key = TemporalForeignKey::new("staff", ["department_id"]).at("hired_at");
        manager
            .create_temporal_foreign_key(key.references("department_history"))
            .await
    }

    async fn call(&self, recorder: &Recorder) {
        let db = recorder.db();
        let day = day_of_2020;
        recorder.section("start").await;
        Entity::start(1)
            .value(Column::Name, "a")
            .valid_from(day(1))
            .exec(db)
            .await
            .unwrap();
        recorder.section("change").await;
        Entity::change(1)
            .value(Column::Name, "b")
            .valid_from(day(10))
            .exec(db)
            .await
            .unwrap();
        recorder.section("correct").await;
        Entity::correct(1, day(2))
            .value(Column::Name, "c")
            .exec(db)
            .await
            .unwrap();
        recorder.section("end").await;
        Entity::end(1).at(day(20)).exec(db).await.unwrap();
        recorder.section("reads").await;
        Entity::find_timeline(1).all(db).await.unwrap();
        Entity::find_version_at(1, day(3)).one(db).await.unwrap();
        recorder.section("").await;
    }
}
