//! Rows that stay active when their parent is archived: their link is detached, and restored with the parent.

use sea_orm_archive::prelude::*;
use sea_orm_archive::{Detachment, LostLink, LostLinkReason, archival};

use crate::tables::family::{BOTH_SIDES, FAMILY, detached, two_families};
use sea_orm_archive_tests::{
    sql::{count, dump, dumps, run},
    tables::tables,
};

/// A document has an author and an editor, both detached.
mod desk {
    pub mod person {
        use sea_orm::entity::prelude::*;
        use sea_orm_archive::DeriveArchive;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
        #[sea_orm(table_name = "people")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            #[sea_orm(has_many, relation_enum = "Written", via_rel = "Author")]
            #[archive(detach)]
            pub written: HasMany<super::document::Entity>,
            #[sea_orm(has_many, relation_enum = "Edited", via_rel = "Editor")]
            #[archive(detach)]
            pub edited: HasMany<super::document::Entity>,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    pub mod document {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "documents")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            pub author_id: Option<i64>,
            pub editor_id: Option<i64>,
            #[sea_orm(belongs_to, relation_enum = "Author", from = "author_id", to = "id")]
            pub author: BelongsTo<Option<super::person::Entity>>,
            #[sea_orm(belongs_to, relation_enum = "Editor", from = "editor_id", to = "id")]
            pub editor: BelongsTo<Option<super::person::Entity>>,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }
}

/// Every row has a tenant, which is part of the foreign key and cannot be NULL.
mod tenant {
    pub mod folder {
        use sea_orm::entity::prelude::*;
        use sea_orm_archive::DeriveArchive;

        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
        #[sea_orm(table_name = "folders")]
        #[archive(detach(super::file::Entity))]
        pub struct Model {
            #[sea_orm(primary_key, auto_increment = false)]
            pub tenant: i64,
            #[sea_orm(primary_key, auto_increment = false)]
            pub id: i64,
        }

        #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
        pub enum Relation {}

        impl ActiveModelBehavior for ActiveModel {}
    }

    pub mod file {
        use sea_orm::entity::prelude::*;

        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "files")]
        pub struct Model {
            #[sea_orm(primary_key, auto_increment = false)]
            pub tenant: i64,
            #[sea_orm(primary_key, auto_increment = false)]
            pub id: i64,
            pub folder_id: Option<i64>,
        }

        #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
        pub enum Relation {
            #[sea_orm(
                belongs_to = "super::folder::Entity",
                from = "(Column::Tenant, Column::FolderId)",
                to = "(super::folder::Column::Tenant, super::folder::Column::Id)"
            )]
            Folder,
        }

        impl Related<super::folder::Entity> for Entity {
            fn to() -> RelationDef {
                Relation::Folder.def()
            }
        }

        impl ActiveModelBehavior for ActiveModel {}
    }
}

#[tokio::test]
async fn links_are_detached_and_restored_with_every_on_delete() {
    for on_delete in [
        "",
        "on delete restrict",
        "on delete cascade",
        "on delete set null",
        "on delete set default",
    ] {
        let (_database, db) = tables(&two_families(on_delete), &["parents"]).await;
        let before = dumps(&db, &FAMILY).await;
        let preview = detached::parent::Entity::archive_by_id(1)
            .preview(&db)
            .await
            .unwrap();
        assert_eq!(
            preview.detached,
            [Detachment {
                table: "public.children".to_owned(),
                constraint: "children_parent".to_owned(),
                rows: 2
            }]
        );
        assert_eq!(preview.blockers, []);
        let archival = detached::parent::Entity::archive_by_id(1)
            .exec(&db)
            .await
            .unwrap();
        assert_eq!(archival.rows(), [("public.parents".to_owned(), 1)].into());
        assert_eq!(
            dump(&db, "children").await,
            ["(11,,a)", "(12,,)", "(21,2,b)", "(22,2,c)", "(99,,d)"],
            "{on_delete}"
        );
        let restored = archival.restore(&db).await.unwrap();
        assert_eq!(restored.relinked, 2);
        assert_eq!(dumps(&db, &FAMILY).await, before, "{on_delete}");
        assert_eq!(count(&db, "archive.detached_link").await, 0);
    }
}

#[tokio::test]
async fn not_null_column_of_a_detached_foreign_key_is_not_changed() {
    let names = ["folders", "files"];
    for on_delete in ["", "on delete set null (folder_id)"] {
        let (_database, db) = tables(
            &format!(
                "create table folders (tenant bigint, id bigint, primary key (tenant, id));
                 create table files (tenant bigint, id bigint, folder_id bigint, primary key (tenant, id),
                     foreign key (tenant, folder_id) references folders {on_delete});
                 insert into folders values (1, 1), (2, 1);
                 insert into files values (1, 1, 1), (1, 2, null), (2, 1, 1)"
            ),
            &["folders"],
        )
        .await;
        let before = dumps(&db, &names).await;
        let archival = tenant::folder::Entity::archive_by_id((1, 1))
            .exec(&db)
            .await
            .unwrap();
        assert_eq!(dump(&db, "files").await, ["(1,1,)", "(1,2,)", "(2,1,1)"]);
        assert_eq!(archival.restore(&db).await.unwrap().relinked, 1);
        assert_eq!(dumps(&db, &names).await, before);
    }
}

#[tokio::test]
async fn two_links_of_one_row_are_restored_separately() {
    let names = ["people", "documents"];
    let (_database, db) = tables(
        "create table people (id bigint primary key);
         create table documents (id bigint primary key, author_id bigint references people on delete set null, editor_id bigint references people on delete cascade);
         insert into people values (1), (2);
         insert into documents values (1, 1, 1), (2, 1, 2), (3, 2, 1), (4, null, 1), (5, 2, 2)",
        &["people"],
    )
    .await;
    let before = dumps(&db, &names).await;
    let one = desk::person::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(
        dump(&db, "documents").await,
        ["(1,,)", "(2,,2)", "(3,2,)", "(4,,)", "(5,2,2)"]
    );
    let two = desk::person::Entity::archive_by_id(2)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(
        count(
            &db,
            "documents where author_id is null and editor_id is null"
        )
        .await,
        5
    );
    one.restore(&db).await.unwrap();
    assert_eq!(
        dump(&db, "documents").await,
        ["(1,1,1)", "(2,1,)", "(3,,1)", "(4,,1)", "(5,,)"]
    );
    two.restore(&db).await.unwrap();
    assert_eq!(dumps(&db, &names).await, before);
    // Both are archived in one call, and restored in the other order.
    let both = desk::person::Entity::archive_many()
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(both.len(), 2);
    for archival in both.iter().rev() {
        archival.restore(&db).await.unwrap();
    }
    assert_eq!(dumps(&db, &names).await, before);
}

/// The child is archived while its link is detached: the link is restored in the archive table.
#[tokio::test]
async fn link_of_a_child_archived_after_its_parent_is_restored() {
    let (_database, db) = tables(&two_families("on delete set null"), &FAMILY).await;
    let before = dumps(&db, &BOTH_SIDES).await;
    let parent = detached::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    let child = detached::child::Entity::archive_by_id(11)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(parent.restore(&db).await.unwrap().relinked, 2);
    assert_eq!(
        count(&db, "deleted_children where id = 11 and parent_id = 1").await,
        1
    );
    child.restore(&db).await.unwrap();
    assert_eq!(dumps(&db, &BOTH_SIDES).await, before);

    // The child is restored first.
    let parent = detached::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    let child = detached::child::Entity::archive_by_id(11)
        .exec(&db)
        .await
        .unwrap();
    child.restore(&db).await.unwrap();
    parent.restore(&db).await.unwrap();
    assert_eq!(dumps(&db, &BOTH_SIDES).await, before);
}

#[tokio::test]
async fn another_link_set_meanwhile_is_not_overwritten() {
    let (_database, db) = tables(&two_families("on delete set null"), &["parents"]).await;
    let archival = detached::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    run(
        &db,
        "update children set parent_id = 2 where id = 11; delete from children where id = 22",
    )
    .await;
    let lost = [lost_link(11, 1, LostLinkReason::OtherLink)];
    let restored = archival.restore(&db).await.unwrap();
    assert_eq!(restored.not_relinked, lost);
    assert_eq!(count(&db, "archive.detached_link").await, 0);
    assert_eq!(restored.relinked, 1);
    assert_eq!(
        dump(&db, "children").await,
        ["(11,2,a)", "(12,1,)", "(21,2,b)", "(99,,d)"]
    );
}

#[tokio::test]
async fn lost_link_of_a_deleted_child_is_reported_and_stays_detached() {
    let (_database, db) = tables(&two_families("on delete set null"), &["parents"]).await;
    let archival = detached::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    run(&db, "delete from children where id = 11").await;
    let lost = [lost_link(11, 1, LostLinkReason::RowDeleted)];
    let preview = archival::Entity::restore_by_id(archival.id).preview(&db);
    assert_eq!(preview.await.unwrap().not_relinked, lost);
    let restored = archival.restore(&db).await.unwrap();
    assert_eq!(restored.relinked, 1);
    assert_eq!(restored.not_relinked, lost);
    assert_eq!(count(&db, "children where parent_id = 1").await, 1);
    assert_eq!(count(&db, "archive.detached_link").await, 1);
}

/// The row was deleted without the trigger that marks its link: the link is reported and stays detached.
#[tokio::test]
async fn lost_link_of_a_missing_child_is_reported_and_stays_detached() {
    let (_database, db) = tables(&two_families("on delete set null"), &["parents"]).await;
    let archival = detached::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    run(
        &db,
        "alter table children disable trigger archive_mark_deleted; delete from children where id = 11",
    )
    .await;
    let lost = [lost_link(11, 1, LostLinkReason::RowMissing)];
    let preview = archival::Entity::restore_by_id(archival.id).preview(&db);
    assert_eq!(preview.await.unwrap().not_relinked, lost);
    let restored = archival.restore(&db).await.unwrap();
    assert_eq!(restored.not_relinked, lost);
    assert_eq!(count(&db, "archive.detached_link").await, 1);
}

/// An archived row has the key of an active one: it is unknown which of them had the link.
#[tokio::test]
async fn link_of_two_rows_with_one_key_is_restored_in_neither() {
    let (_database, db) = tables(&two_families("on delete set null"), &FAMILY).await;
    let parent = detached::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    detached::child::Entity::archive_by_id(11)
        .exec(&db)
        .await
        .unwrap();
    run(&db, "insert into children values (11, null, 'another')").await;
    let restored = parent.restore(&db).await.unwrap();
    assert_eq!(restored.relinked, 1);
    assert_eq!(
        restored.not_relinked,
        [lost_link(11, 1, LostLinkReason::KeyTaken)]
    );
    assert_eq!(
        count(&db, "children where id = 11 and parent_id = 1").await,
        0
    );
    assert_eq!(count(&db, "deleted_children where parent_id = 1").await, 0);
    assert_eq!(count(&db, "archive.detached_link").await, 1);
}

fn lost_link(child: i64, parent: i64, reason: LostLinkReason) -> LostLink {
    LostLink {
        table: "public.children".to_owned(),
        constraint: "children_parent".to_owned(),
        key: serde_json::json!({ "id": child }),
        link: serde_json::json!({ "parent_id": parent }),
        reason,
    }
}

/// A restore does not link a row whose link this archive has not detached.
#[tokio::test]
async fn row_without_a_detached_link_is_not_linked() {
    let (_database, db) = tables(&two_families("on delete set null"), &["parents"]).await;
    let archival = detached::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    run(&db, "insert into children values (50, null, 'new')").await;
    archival.restore(&db).await.unwrap();
    assert_eq!(count(&db, "children where parent_id is null").await, 2);
}
