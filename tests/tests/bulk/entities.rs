//! Posts with comments, and photos of events.

use sea_orm::DatabaseConnection;
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::tables::tables;

pub mod post {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "posts")]
    #[archive(deleted_by = "i64")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub slug: String,
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
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "comments")]
    #[archive(deleted_by = "i64")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub post_id: i64,
        #[sea_orm(belongs_to, from = "post_id", to = "id")]
        pub post: BelongsTo<super::post::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod event {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "events")]
    #[archive(deleted_by = "i64")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(has_many)]
        #[archive(detach)]
        pub photos: HasMany<super::photo::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod photo {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "photos")]
    #[archive(deleted_by = "i64")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub event_id: Option<i64>,
        #[sea_orm(belongs_to, from = "event_id", to = "id")]
        pub event: BelongsTo<Option<super::event::Entity>>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLES: &str = "create table posts (id bigint primary key, slug text not null constraint posts_slug unique);
    create table comments (id bigint primary key, post_id bigint not null constraint comments_post references posts on delete cascade);
    create table events (id bigint primary key);
    create table photos (id bigint primary key, event_id bigint constraint photos_event references events on delete set null);
    insert into posts select n, 'post ' || n from generate_series(1, 10) n;
    insert into comments select 10 * n + k, n from generate_series(1, 10) n, generate_series(1, 3) k;
    insert into events select generate_series(1, 4);
    insert into photos select n, 1 + n % 4 from generate_series(1, 12) n";

pub const ALL: [&str; 4] = ["posts", "comments", "events", "photos"];

/// The tables with ten posts, of three comments each, and four events with three photos each.
pub async fn posts() -> (Database, DatabaseConnection) {
    tables(TABLES, &ALL).await
}

/// The archive tables and the records, to compare before and after a refusal.
pub const ARCHIVE: [&str; 6] = [
    "deleted_posts",
    "deleted_comments",
    "deleted_events",
    "deleted_photos",
    "archive.archival",
    "archive.detached_link",
];
