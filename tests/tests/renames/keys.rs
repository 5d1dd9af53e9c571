//! Primary keys that were renamed, or whose values have another text, after the archive.

use sea_orm::EntityTrait;
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::sql::{dump, run};
use sea_orm_archive_tests::tables::tables;
use sea_orm_migration::SchemaManager;
use sea_orm_migration::sea_query::{Alias, Table};

/// An entity with this key, whose rows are archived with the rows below them.
macro_rules! node {
    ($name:ident, $key:ident: $type:ty, $column:literal) => {
        mod $name {
            use sea_orm::entity::prelude::*;
            use sea_orm_archive::DeriveArchive;

            #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
            #[sea_orm(table_name = "nodes")]
            #[archive(cascade(Entity, via_rel = "Parent"))]
            pub struct Model {
                #[sea_orm(primary_key, auto_increment = false)]
                pub $key: $type,
                pub parent_id: Option<$type>,
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {
                #[sea_orm(
                                                                    belongs_to = "Entity",
                                                                    from = "Column::ParentId",
                                                                    to = $column
                                                                )]
                Parent,
            }

            impl Related<Entity> for Entity {
                fn to() -> RelationDef {
                    Relation::Parent.def()
                }
            }

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}

node!(before, id: i64, "Column::Id");
node!(after, node_id: i64, "Column::NodeId");

/// A tree of three rows, of which the second is archived with the first.
const NODES: &str = "create table nodes (id bigint primary key, parent_id bigint references nodes (id) on delete cascade);
    insert into nodes values (1, null), (2, 1), (3, null)";

#[tokio::test]
async fn archival_is_restored_by_a_key_that_was_renamed() {
    let (_database, db) = tables(NODES, &["nodes"]).await;
    let rows = dump(&db, "nodes").await;
    let archival = before::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let rename = Table::alter()
        .table("nodes")
        .rename_column(Alias::new("id"), Alias::new("node_id"))
        .to_owned();
    let manager = SchemaManager::new(&db);
    manager.alter_archived_table(&rename).await.unwrap();
    let deleted = after::Entity::find_deleted_roots().all(&db).await.unwrap();
    assert_eq!(deleted.len(), 1);
    assert_eq!(deleted[0].0.node_id, 1);
    let preview = after::Entity::restore_by_id(1).preview(&db).await.unwrap();
    assert_eq!(
        (preview.archival, preview.conflicts.len()),
        (archival.id, 0)
    );
    match after::Entity::restore_by_id(2).exec(&db).await {
        Err(Error::Conflict(ConflictError::ParentArchived {
            archival: parent, ..
        })) => {
            assert_eq!(parent, archival.id);
        }
        other => panic!("{other:?}"),
    }
    let restored = after::Entity::restore_by_id(1).exec(&db).await.unwrap();
    assert_eq!(
        (restored.archival.id, restored.missing.len()),
        (archival.id, 0)
    );
    assert_eq!(dump(&db, "nodes").await, rows);
    assert_eq!(after::Entity::find().all(&db).await.unwrap().len(), 3);
}

mod code {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "codes")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub code: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// `char(3)` pads its values, and `text` does not.
#[tokio::test]
async fn archival_is_restored_by_a_key_whose_type_was_changed() {
    let ddl =
        "create table codes (code char(3) primary key); insert into codes values ('ab'), ('cd')";
    let (_database, db) = tables(ddl, &["codes"]).await;
    let archivals = code::Entity::archive_many().exec(&db).await.unwrap();
    assert_eq!(archivals.len(), 2);
    run(
        &db,
        "alter table codes alter code type text; alter table deleted_codes alter code type text",
    )
    .await;
    assert_eq!(
        code::Entity::find_deleted_roots()
            .all(&db)
            .await
            .unwrap()
            .len(),
        2
    );
    for code in ["ab", "cd"] {
        code::Entity::restore_by_id(code.to_owned())
            .exec(&db)
            .await
            .unwrap();
    }
    assert_eq!(dump(&db, "codes").await.len(), 2);
}
