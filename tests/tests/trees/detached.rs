//! Rows that stay active and whose link is detached.

use sea_orm_archive::prelude::*;

use crate::trees::database::{column, contents, count, database, run};

#[allow(
    clippy::duplicated_attributes,
    reason = "two keys of one child take two policies"
)]
mod member {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "members")]
    #[archive(
        detach(super::page::Entity, via_rel = "Writer"),
        detach(super::page::Entity, via_rel = "Editor")
    )]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub team: i32,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod page {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "pages")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub team: i32,
        pub writer: Option<i32>,
        pub editor: Option<i32>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::member::Entity",
            from = "(Column::Team, Column::Writer)",
            to = "(super::member::Column::Team, super::member::Column::Id)"
        )]
        Writer,
        #[sea_orm(
            belongs_to = "super::member::Entity",
            from = "(Column::Team, Column::Editor)",
            to = "(super::member::Column::Team, super::member::Column::Id)"
        )]
        Editor,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Two composite foreign keys; both contain the team, which may not be NULL.
const PAGES: &str = "
    create table members (team int, id int, primary key (team, id));
    create table pages (id int primary key, team int not null, writer int, editor int,
        foreign key (team, writer) references members, foreign key (team, editor) references members on delete set null (editor));
    insert into members values (1, 1), (1, 2), (2, 1);
    insert into pages values (1, 1, 1, 1), (2, 1, 1, 2), (3, 1, 2, 1), (4, 2, 1, 1), (5, 1, null, 1)";

const LINKS: &str = "select concat_ws(' ', id, team, coalesce(writer, 0), coalesce(editor, 0)) from pages order by id";

#[tokio::test]
async fn links_of_composite_keys_are_detached_and_restored() {
    let database = database("pages", PAGES, &["members", "pages"]).await;
    let db = database.connect().await;
    let before = contents(&db).await;
    let preview = member::Entity::archive_by_id((1, 1))
        .preview(&db)
        .await
        .unwrap();
    assert_eq!(preview.detached.iter().map(|d| d.rows).sum::<u64>(), 5);
    let archival = member::Entity::archive_by_id((1, 1))
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(
        column(&db, LINKS).await,
        ["1 1 0 0", "2 1 0 2", "3 1 2 0", "4 2 1 1", "5 1 0 0"]
    );
    assert_eq!(archival.restore(&db).await.unwrap().relinked, 5);
    assert_eq!(contents(&db).await, before);
    assert_eq!(count(&db, "archive.detached_link", "true").await, 0);
}

/// Two parents are archived in one call: each link is restored with the archival that detached it.
#[tokio::test]
async fn two_links_of_one_row_are_restored_by_their_own_archivals() {
    let database = database("pages", PAGES, &["members", "pages"]).await;
    let db = database.connect().await;
    let before = contents(&db).await;
    let archivals = member::Entity::archive_many().exec(&db).await.unwrap();
    assert_eq!(column(&db, LINKS).await[1], "2 1 0 0");
    archivals[1].restore(&db).await.unwrap();
    assert_eq!(column(&db, LINKS).await[1], "2 1 0 2");
    for archival in [&archivals[0], &archivals[2]] {
        archival.restore(&db).await.unwrap();
    }
    assert_eq!(contents(&db).await, before);
}

/// A link that was set to another member meanwhile is not overwritten.
#[tokio::test]
async fn new_link_is_not_overwritten() {
    let database = database("pages", PAGES, &["members", "pages"]).await;
    let db = database.connect().await;
    let archival = member::Entity::archive_by_id((1, 1))
        .exec(&db)
        .await
        .unwrap();
    run(&db, "update pages set writer = 2 where id = 1").await;
    run(&db, "delete from pages where id = 3").await;
    archival.restore(&db).await.unwrap();
    assert_eq!(
        column(&db, LINKS).await,
        ["1 1 2 1", "2 1 1 2", "4 2 1 1", "5 1 0 1"]
    );
}

/// The link of a row that was archived meanwhile is restored in its archive table.
#[tokio::test]
async fn link_of_a_row_archived_meanwhile_is_restored() {
    for page_first in [true, false] {
        let database = database("pages", PAGES, &["members", "pages"]).await;
        let db = database.connect().await;
        let before = contents(&db).await;
        let member = member::Entity::archive_by_id((1, 1))
            .exec(&db)
            .await
            .unwrap();
        let page = page::Entity::archive_by_id(1).exec(&db).await.unwrap();
        let (first, second) = if page_first {
            (&page, &member)
        } else {
            (&member, &page)
        };
        first.restore(&db).await.unwrap();
        second.restore(&db).await.unwrap();
        assert_eq!(contents(&db).await, before, "page first: {page_first}");
    }
}
