//! Shelves with books, whose archive tables are partitioned, and the pages of books, whose archive table is not.

use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive_migration::{ArchiveSchema, ExistingTable, Retention, RetentionSchema};
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::{run, texts};
use sea_orm_archive_tests::tables::installed;
use sea_orm_migration::SchemaManager;

pub mod shelf {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "shelves")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub books: HasMany<super::book::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod book {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "books")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub shelf_id: i64,
        pub lender_id: Option<i64>,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub pages: HasMany<super::page::Entity>,
        #[sea_orm(belongs_to, from = "shelf_id", to = "id")]
        pub shelf: HasOne<super::shelf::Entity>,
        #[sea_orm(belongs_to, from = "lender_id", to = "id")]
        pub lender: HasOne<super::lender::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod lender {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "lenders")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub books: HasMany<super::book::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod page {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "pages")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub book_id: i64,
        #[sea_orm(belongs_to, from = "book_id", to = "id")]
        pub book: HasOne<super::book::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Shelf n has the books 10n and 10n + 1. Book 10n is lent by lender n, and has the page 100n.
const TABLES: &str = "
    create table shelves (id bigint primary key);
    create table lenders (id bigint primary key);
    create table books (id bigint primary key, shelf_id bigint not null references shelves on delete cascade,
                        lender_id bigint references lenders on delete cascade);
    create table pages (id bigint primary key, book_id bigint not null references books on delete cascade);
    insert into shelves select n from generate_series(1, 9) as n;
    insert into lenders select n from generate_series(1, 9) as n;
    insert into books select 10 * n, n, n from generate_series(1, 9) as n;
    insert into books select 10 * n + 1, n from generate_series(1, 9) as n;
    insert into pages select 100 * n, 10 * n from generate_series(1, 9) as n";

/// The archivals of a partition. An archive that is tried again draws another id, so a test has ids to spare.
pub const SIZE: u32 = 100;

/// Lets the next archival be the first of the next partition, from `id` on.
pub async fn next_archival(db: &impl ConnectionTrait, id: i64) {
    run(
        db,
        &format!("select setval('archive.archival_id_seq', {id}, false)"),
    )
    .await;
}

/// The library, with a session of a superuser.
pub async fn library() -> (Database, DatabaseConnection) {
    let database = Database::from_template("library", async |db| {
        let manager = SchemaManager::new(&db);
        manager.install_archive().await?;
        db.execute_unprepared(TABLES).await?;
        for table in ["shelves", "lenders", "books"] {
            let table = ExistingTable::new(table).partitioned_by_archivals(SIZE);
            manager.archive_existing_table(table).await?;
        }
        manager.archive_existing_table("pages").await
    })
    .await;
    let db = database.connect().await;
    (database, db)
}

/// The same without pages, so that an archival has rows in partitions alone, and with a rule that lets every archival of a shelf expire.
pub async fn expiring() -> (Database, DatabaseConnection) {
    let (database, db) = library().await;
    run(&db, "delete from pages").await;
    SchemaManager::new(&db)
        .retain("shelves", Retention::days(0).named("at once"))
        .await
        .unwrap();
    (database, db)
}

/// An empty database with the archive.
pub async fn empty() -> (Database, DatabaseConnection) {
    let database = installed().await;
    let db = database.connect().await;
    (database, db)
}

/// The archived rows, each with its partition: `deleted_books_0 10 1` is the book 10 of the archival 1.
pub async fn archived(db: &impl ConnectionTrait) -> Vec<String> {
    let sql = "select concat_ws(' ', t.tableoid::regclass, t.id, t.archival_id)
               from (select tableoid, id, archival_id from deleted_shelves union all select tableoid, id, archival_id from deleted_books
                     union all select tableoid, id, archival_id from deleted_lenders
                     union all select tableoid, id, archival_id from deleted_pages) as t
               order by t.tableoid::regclass::text, t.id";
    texts(db, sql).await
}

/// The partitions of the archive tables.
pub async fn partitions(db: &impl ConnectionTrait) -> Vec<String> {
    let sql = "select concat_ws(' ', partition::regclass, first, until) from archive.archive_partitions() order by archive_table::regclass::text, first";
    texts(db, sql).await
}
