//! Rows at an earlier time, after migrations of their table.

use sea_orm::entity::prelude::*;
use sea_orm_archive::audit::AuditEntity;
use sea_orm_archive::error::NotFoundError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, AuditSchema};
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::{clock, number, run};
use sea_orm_archive_tests::tables::tables;
use sea_orm_migration::SchemaManager;
use sea_orm_migration::sea_query::{Alias, Table};
use serde_json::json;

/// An entity over `papers` with these columns beside the lock version.
macro_rules! paper {
    ($name:ident { $key:ident, $($column:ident: $type:ty),* }) => {
        pub mod $name {
            use sea_orm_archive::{DeriveArchive, DeriveOptimisticLock};
            use sea_orm::entity::prelude::*;

            #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive, DeriveOptimisticLock)]
            #[sea_orm(table_name = "papers")]
            pub struct Model {
                #[sea_orm(primary_key, auto_increment = false)]
                pub $key: i64,
                $(pub $column: $type,)*
                pub lock_version: i32,
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}

paper!(paper {
    id,
    title: String,
    status: String
});
paper!(renamed {
    number,
    heading: String,
    status: String
});
paper!(exchanged { id, title: Option<String>, heading: String });
paper!(short { id, status: String });
paper!(optional { id, title: Option<String>, status: String });
paper!(typed { id, title: Option<i32>, status: Option<String> });
paper!(extended {
    id,
    title: String,
    status: String,
    language: String
});

/// An audited paper: draft `a`, then published `b`. Returns the time between the two changes.
pub async fn papers() -> (Database, DatabaseConnection, DateTimeUtc) {
    let ddl = "create table papers (id bigint primary key, title text, status text not null, lock_version int not null default 1)";
    let (database, db) = tables(ddl, &["papers"]).await;
    let manager = SchemaManager::new(&db);
    manager.install_audit().await.unwrap();
    manager.audit_table("papers").await.unwrap();
    run(&db, "insert into papers values (1, 'a', 'draft')").await;
    let then = clock(&db).await;
    run(
        &db,
        "update papers set title = 'b', status = 'published', lock_version = 2",
    )
    .await;
    (database, db, then)
}

async fn rename(db: &DatabaseConnection, from: &str, to: &str) {
    let rename = Table::alter()
        .table("papers")
        .rename_column(Alias::new(from), Alias::new(to))
        .to_owned();
    SchemaManager::new(db)
        .alter_archived_table(&rename)
        .await
        .unwrap();
}

#[tokio::test]
async fn values_of_a_renamed_column_are_read_and_reverted() {
    for with_helper in [true, false] {
        let (_database, db, then) = papers().await;
        if with_helper {
            rename(&db, "title", "heading").await;
            rename(&db, "id", "number").await;
        } else {
            run(&db, "alter table papers rename title to heading; alter table papers rename id to number;
                      alter table deleted_papers rename title to heading; alter table deleted_papers rename id to number").await;
        }
        run(&db, "update papers set heading = 'c', lock_version = 3").await;
        let was = renamed::Entity::find_as_of(1, then)
            .one(&db)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (was.row.heading.as_str(), was.row.status.as_str()),
            ("a", "draft"),
            "{with_helper}"
        );
        assert_eq!(was.unknown, Vec::<String>::new());
        let entries = renamed::Entity::find_audit_by_id(1).all(&db).await.unwrap();
        assert_eq!(entries.len(), 3);
        let changes = renamed::Entity::find_changes_of(1, renamed::Column::Heading);
        assert_eq!(changes.all(&db).await.unwrap().len(), 3);
        let changes = renamed::Entity::find_changes_of(1, renamed::Column::Status);
        assert_eq!(changes.all(&db).await.unwrap().len(), 2);
        let now = renamed::Entity::find_by_id(1)
            .one(&db)
            .await
            .unwrap()
            .unwrap();
        let back = now.revert_to(then, &db).await.unwrap();
        assert_eq!(
            (back.heading.as_str(), back.status.as_str()),
            ("a", "draft")
        );
        // An archived row, and a deleted one.
        if !with_helper {
            SchemaManager::new(&db).install_audit().await.unwrap();
        }
        renamed::Entity::archive_by_id(1).exec(&db).await.unwrap();
        let was = renamed::Entity::find_as_of(1, then)
            .one(&db)
            .await
            .unwrap()
            .unwrap();
        assert_eq!((was.row.heading.as_str(), was.archived), ("a", false));
        run(&db, "delete from deleted_papers").await;
        let was = renamed::Entity::find_as_of(1, then)
            .one(&db)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (was.row.heading.as_str(), was.row.status.as_str()),
            ("a", "draft")
        );
    }
}

/// The new `title` is another column than the one that entries from before the exchange name.
#[tokio::test]
async fn reused_name_of_a_column_is_not_mistaken_for_the_earlier_column() {
    for with_helper in [true, false] {
        let (_database, db, then) = papers().await;
        if with_helper {
            rename(&db, "title", "heading").await;
        } else {
            run(&db, "alter table papers rename title to heading").await;
        }
        run(&db, "alter table papers add title text").await;
        if with_helper {
            SchemaManager::new(&db).install_audit().await.unwrap();
        }
        let later = clock(&db).await;
        run(&db, "update papers set title = 'new', lock_version = 3").await;
        let was = exchanged::Entity::find_as_of(1, then)
            .one(&db)
            .await
            .unwrap()
            .unwrap();
        let now = exchanged::Entity::find_by_id(1)
            .one(&db)
            .await
            .unwrap()
            .unwrap();
        let changes = [exchanged::Column::Title, exchanged::Column::Heading]
            .map(|column| exchanged::Entity::find_changes_of(1, column));
        let [titles, headings] =
            changes.map(|changes| async { changes.all(&db).await.unwrap().len() });
        // Of the old entries, those that name `title` cannot be attributed without the helper.
        assert_eq!(
            (titles.await, headings.await),
            if with_helper { (1, 2) } else { (3, 0) }
        );
        if with_helper {
            assert_eq!((was.row.title, was.row.heading.as_str()), (None, "a"));
            assert_eq!(was.unknown, Vec::<String>::new());
            let back = now.revert_to(later, &db).await.unwrap();
            assert_eq!((back.title, back.heading.as_str()), (None, "b"));
        } else {
            // The log cannot know which of the two columns its entries mean.
            assert_eq!(was.unknown, ["title"]);
            match now.revert_to(then, &db).await.map_err(Error::from) {
                Err(Error::NotFound(NotFoundError::PastValues { columns, .. })) => {
                    assert_eq!(columns, ["title"])
                }
                other => panic!("{other:?}"),
            }
            assert_eq!(
                number(&db, "select count(*) from papers where lock_version = 3").await,
                1
            );
        }
    }
}

#[tokio::test]
async fn dropped_column_is_unknown_and_the_others_are_reverted() {
    let (_database, db, then) = papers().await;
    run(
        &db,
        "alter table papers drop title; alter table deleted_papers drop title",
    )
    .await;
    let was = short::Entity::find_as_of(1, then)
        .one(&db)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (was.row.status.as_str(), was.unknown),
        ("draft", vec!["title".to_owned()])
    );
    let now = short::Entity::find_by_id(1)
        .one(&db)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        now.clone().revert_to(then, &db).await.unwrap().status,
        "draft"
    );
    // The new column of that name is not given a value of the dropped one.
    run(&db, "alter table papers add title text").await;
    SchemaManager::new(&db).install_audit().await.unwrap();
    let was = optional::Entity::find_as_of(1, then)
        .one(&db)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (was.row.title, was.unknown),
        (None, vec!["title".to_owned()])
    );
}

#[tokio::test]
async fn values_that_a_type_no_longer_accepts_are_unknown() {
    for change in [
        "alter table {} alter title type int using null",
        "alter table {} alter title type int using 7",
    ] {
        let (_database, db, then) = papers().await;
        for table in ["papers", "deleted_papers"] {
            run(&db, &change.replace("{}", table)).await;
        }
        let was = typed::Entity::find_as_of(1, then)
            .one(&db)
            .await
            .unwrap()
            .unwrap();
        let now = typed::Entity::find_by_id(1)
            .one(&db)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (was.row.title, was.row.status.as_deref()),
            (now.title, Some("draft"))
        );
        assert_eq!(was.unknown, ["title"]);
        match now.revert_to(then, &db).await.map_err(Error::from) {
            Err(Error::NotFound(NotFoundError::PastValues { columns, .. })) => {
                assert_eq!(columns, ["title"])
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(
            number(
                &db,
                "select count(*) from papers where status = 'published'"
            )
            .await,
            1
        );
        // Of a deleted row the column is NULL.
        run(&db, "delete from papers").await;
        let was = typed::Entity::find_as_of(1, then)
            .one(&db)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (was.row.title, was.row.status.as_deref()),
            (None, Some("draft"))
        );
        assert_eq!(was.unknown, ["title"]);
    }
}

#[tokio::test]
async fn values_that_a_domain_or_an_enumeration_no_longer_accepts_are_unknown() {
    let ddl = "create type status as enum ('draft', 'published'); create domain headline as text;
        create table papers (id bigint primary key, title headline, status status not null, lock_version int not null default 1)";
    let (_database, db) = tables(ddl, &["papers"]).await;
    let manager = SchemaManager::new(&db);
    manager.install_audit().await.unwrap();
    manager.audit_table("papers").await.unwrap();
    run(
        &db,
        "insert into papers values (1, 'a', 'draft'), (2, 'c', 'draft')",
    )
    .await;
    let then = clock(&db).await;
    run(
        &db,
        "update papers set title = 'long', status = 'published', lock_version = 2",
    )
    .await;
    run(&db, "alter type status rename value 'draft' to 'sketch'; alter domain headline add check (length(value) > 1)").await;
    let was = find_labelled(&db, then).await;
    assert_eq!(
        (was.row.title.as_deref(), was.row.lock_version),
        (Some("long"), 1)
    );
    assert_eq!(was.unknown, ["status", "title"]);
    // A domain may refuse NULL, also where the log lacks the column.
    run(
        &db,
        "alter domain headline set not null; delete from papers where id = 1",
    )
    .await;
    let was = labelled::Entity::find_as_of(1, then)
        .json(&db)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(was.row, json!({"id": 1, "lock_version": 1}));
    assert_eq!(was.unknown, ["status", "title"]);
}

mod labelled {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "papers")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub title: Option<String>,
        #[sea_orm(select_as = "text", save_as = "status")]
        pub status: String,
        pub lock_version: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

async fn find_labelled(
    db: &DatabaseConnection,
    then: DateTimeUtc,
) -> sea_orm_archive::audit::AsOf<labelled::Model> {
    labelled::Entity::find_as_of(1, then)
        .one(db)
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn deleted_row_without_a_column_that_is_required_now_is_read_as_json() {
    let (_database, db, then) = papers().await;
    run(&db, "delete from papers; alter table papers add language text not null; alter table deleted_papers add language text not null").await;
    SchemaManager::new(&db).install_audit().await.unwrap();
    match extended::Entity::find_as_of(1, then).one(&db).await {
        Err(Error::NotFound(NotFoundError::UnknownColumns { columns, .. })) => {
            assert_eq!(columns, ["language"])
        }
        other => panic!("{other:?}"),
    }
    let was = extended::Entity::find_as_of(1, then)
        .json(&db)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        was.row,
        json!({"id": 1, "title": "a", "status": "draft", "lock_version": 1})
    );
    assert_eq!(
        (was.archived, was.unknown),
        (false, vec!["language".to_owned()])
    );
    // A row that exists has the value of the migration.
    run(&db, "insert into papers values (1, 'x', 'draft', 1, 'en')").await;
    let later = clock(&db).await;
    run(&db, "update papers set title = 'y'").await;
    let was = extended::Entity::find_as_of(1, later)
        .one(&db)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (
            was.row.title.as_str(),
            was.row.language.as_str(),
            was.unknown.len()
        ),
        ("x", "en", 0)
    );
}

/// Entries from before name other columns as the key, and would not be found.
#[tokio::test]
async fn row_before_a_change_of_the_primary_key_is_refused() {
    let (_database, db, then) = papers().await;
    run(&db, "alter table papers add part int not null default 1, drop constraint papers_pkey, add primary key (id, part);
              alter table deleted_papers add part int not null default 1").await;
    for recorded in [false, true] {
        if recorded {
            SchemaManager::new(&db).install_audit().await.unwrap();
        }
        match parts::Entity::find_as_of((1, 1), then).one(&db).await {
            Err(Error::NotFound(NotFoundError::LogEntries { since, .. })) => assert!(since > then),
            other => panic!("{other:?}"),
        }
    }
    let later = clock(&db).await;
    run(&db, "update papers set title = 'c'").await;
    let was = parts::Entity::find_as_of((1, 1), later)
        .one(&db)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(was.row.title, "b");
}

mod parts {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "papers")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub part: i32,
        pub title: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
