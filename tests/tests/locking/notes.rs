//! Notes with a lock version in the column `version`, with comments below them.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, EntityTrait, IntoActiveModel};
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::Database;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, integer, text, text_null, text_uniq};

pub use sea_orm_archive_tests::sql::{run, texts as column};

pub mod note {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::{DeriveArchive, DeriveOptimisticLock};

    #[sea_orm::model]
    #[derive(
        Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive, DeriveOptimisticLock,
    )]
    #[sea_orm(table_name = "notes")]
    #[optimistic_lock(field = "version")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub slug: String,
        pub text: String,
        pub color: Option<String>,
        pub version: i32,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub comments: HasMany<super::comment::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod comment {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "comments")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub note_id: i64,
        #[sea_orm(belongs_to, from = "note_id", to = "id")]
        pub note: BelongsTo<super::note::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// An entity over the table of the notes that is not archivable.
pub mod unarchived {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveOptimisticLock;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveOptimisticLock)]
    #[optimistic_lock(field = "version")]
    #[sea_orm(table_name = "notes")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub text: String,
        pub version: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Note 1 with lock version 3 and a comment, and note 2 with lock version 0.
pub async fn notes() -> Database {
    Database::from_template("notes", async |db| migrate(&db).await).await
}

async fn migrate(db: &DatabaseConnection) -> Result<(), DbErr> {
    let manager = SchemaManager::new(db);
    manager.install_archive().await?;
    let notes = Table::create()
        .table("notes")
        .col(big_integer("id").primary_key())
        .col(text_uniq("slug"))
        .col(text("text"))
        .col(text_null("color"))
        .col(integer("version").default(0))
        .to_owned();
    let comments = Table::create()
        .table("comments")
        .col(big_integer("id").primary_key())
        .col(big_integer("note_id"))
        .foreign_key(
            ForeignKey::create()
                .name("comments_note_id_fkey")
                .from("comments", "note_id")
                .to("notes", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned();
    manager.create_archived_table(notes).await?;
    manager.create_archived_table(comments).await?;
    db.execute_unprepared(
        "insert into notes (id, slug, text, color, version) values (1, 'one', 'old', 'red', 3);
         insert into notes (id, slug, text) values (2, 'two', 'old');
         insert into comments (id, note_id) values (1, 1)",
    )
    .await?;
    Ok(())
}

/// Reads note 1.
pub async fn read(db: &impl ConnectionTrait) -> note::Model {
    note::Entity::find_by_id(1).one(db).await.unwrap().unwrap()
}

/// Reads note 1, as an active model.
pub async fn open(db: &impl ConnectionTrait) -> note::ActiveModel {
    read(db).await.into_active_model()
}

/// Every active and archived note and comment, as text to compare.
pub async fn contents(db: &impl ConnectionTrait) -> Vec<String> {
    let sql = "select 'active ' || t::text from notes t
               union all select 'comment ' || t::text from comments t
               union all select 'archived ' || row(id, slug, text, color, version)::text from deleted_notes t
               union all select 'archived comment ' || row(id, note_id)::text from deleted_comments t
               order by 1";
    column(db, sql).await
}
