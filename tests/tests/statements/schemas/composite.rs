//! A composite key, with a user-defined type.

use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_migration::{DbErr, SchemaManager};

use super::{Schema, moves};
use crate::recorder::Recorder;

pub mod page {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "language")]
    pub enum Language {
        #[sea_orm(string_value = "en")]
        English,
        #[sea_orm(string_value = "de")]
        German,
    }

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "pages")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub slug: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub language: Language,
        #[sea_orm(primary_key, auto_increment = false)]
        pub weight: f64,
        pub text: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use page::Language;

pub struct This;

impl Schema for This {
    fn name(&self) -> &'static str {
        "composite"
    }

    fn tables(&self) -> &'static str {
        "create type language as enum ('en', 'de');
         create table pages (slug text, language language, weight float8, text text not null, primary key (slug, language, weight))"
    }

    fn rows(&self) -> &'static str {
        "insert into pages values ('home', 'en', 0.1, 'Home'), ('home', 'de', 0.1, 'Start')"
    }

    async fn migrate(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        for table in ["pages"] {
            manager.archive_existing_table(table).await?;
        }
        Ok(())
    }

    async fn call(&self, recorder: &Recorder) {
        let key = || ("home".to_owned(), Language::English, 0.1);
        moves!(recorder, page::Entity, key());
    }
}
