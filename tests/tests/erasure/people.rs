//! A forum of persons: posts, comments, attachments, sessions, and a history of names.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use sea_orm_archive_migration::prelude::*;
use sea_orm_archive_tests::Database;
use sea_orm_migration::SchemaManager;
use sea_orm_migration::prelude::*;

pub mod person {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "persons")]
    #[archive(deleted_by = "String")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub email: String,
        pub name: String,
        pub phone: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod post {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "posts")]
    #[archive(deleted_by = "String")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub author_id: i64,
        pub title: String,
        pub signature: Option<String>,
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
    #[archive(deleted_by = "String")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub post_id: i64,
        pub author_id: i64,
        pub content: String,
        #[sea_orm(belongs_to, from = "post_id", to = "id")]
        pub post: HasOne<super::post::Entity>,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub attachments: HasMany<super::attachment::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod attachment {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "attachments")]
    #[archive(deleted_by = "String")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub comment_id: i64,
        pub file_name: String,
        #[sea_orm(belongs_to, from = "comment_id", to = "id")]
        pub comment: HasOne<super::comment::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLES: &str = "
    create table persons (id bigint primary key, email text not null unique, name text not null, phone text,
                          initials text generated always as (left(name, 1)) stored);
    create table posts (id bigint primary key, author_id bigint not null references persons, title text not null, signature text);
    create index on posts (author_id);
    create table comments (id bigint primary key, post_id bigint not null references posts on delete cascade,
                           author_id bigint not null references persons, content text not null);
    create table attachments (id bigint primary key, comment_id bigint not null references comments on delete cascade, file_name text not null);
    create table sessions (id bigint primary key, person_id bigint not null references persons, address inet not null);
";

const ROWS: &str = "
    insert into persons (id, email, name, phone) values (1, 'ada@example.org', 'Ada Lovelace', '+44 20 1815'), (2, 'bob@example.org', 'Bob', null);
    insert into posts values (1, 1, 'By me', 'Ada Lovelace'), (2, 2, 'By Bob', 'Bob'), (3, 1, 'Archived', 'Ada Lovelace');
    insert into comments values (1, 1, 2, 'from Bob'), (2, 2, 1, 'from Ada'), (3, 3, 1, 'archived with the post');
    insert into attachments values (1, 1, 'bob.pdf'), (2, 2, 'ada.pdf'), (3, 3, 'old.pdf');
    insert into sessions values (1, 1, '10.0.0.1'), (2, 2, '10.0.0.2');
";

/// The forum with its personal data declared, audited.
pub async fn people() -> Database {
    Database::from_template("people", async |db| fill(&db).await).await
}

async fn fill(db: &DatabaseConnection) -> Result<(), DbErr> {
    let manager = SchemaManager::new(db);
    manager.install_archive().await?;
    manager.install_audit().await?;
    db.execute_unprepared(TABLES).await?;
    for table in ["persons", "posts", "comments", "attachments"] {
        let table = ExistingTable::new(table).deleted_by(ColumnType::Text);
        manager.archive_existing_table(table).await?;
    }
    manager
        .create_history_table(
            HistoryTable::new("person_history")
                .identity("person_id", "persons")
                .column(ColumnDef::new("name").text().not_null()),
        )
        .await?;
    for table in ["persons", "posts", "comments", "attachments", "sessions"] {
        manager.audit_table(table).await?;
    }
    declare(&manager).await?;
    db.execute_unprepared(ROWS).await?;
    db.execute_unprepared(
        "insert into person_history (person_id, name, valid_from) values (1, 'Ada Byron', '2020-01-01'), (2, 'Bob', '2020-01-01')",
    )
    .await?;
    Ok(())
}

/// Every row of the tables, byte for byte.
pub async fn contents(db: &impl ConnectionTrait) -> Vec<Vec<String>> {
    let tables = [
        "persons",
        "deleted_persons",
        "posts",
        "deleted_posts",
        "comments",
        "deleted_comments",
        "attachments",
        "deleted_attachments",
        "sessions",
        "person_history",
        "archive.audit_entry",
        "archive.archival",
    ];
    sea_orm_archive_tests::sql::dumps(db, &tables).await
}

pub async fn declare(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let of_author = || PersonalData::belongs_to("persons", ["author_id"]);
    for (table, data) in [
        (
            "persons",
            PersonalData::of_person()
                .pseudonym("email")
                .constant("name", "deleted user")
                .null("phone")
                .identifying(["email", "name", "phone"])
                .is_actor(),
        ),
        ("posts", of_author().null("signature")),
        ("comments", of_author().constant("content", "[erased]")),
        (
            "attachments",
            PersonalData::belongs_to("comments", ["comment_id"]).constant("file_name", "erased"),
        ),
        (
            "sessions",
            PersonalData::belongs_to("persons", ["person_id"]).delete_rows(),
        ),
        (
            "person_history",
            PersonalData::belongs_to("persons", ["person_id"])
                .constant("name", "deleted user")
                .identifying(["name"]),
        ),
    ] {
        manager.declare_personal_data(table, data).await?;
    }
    Ok(())
}
