//! Races with a tree of unknown depth, and with detached rows.

use sea_orm::entity::prelude::*;
use sea_orm::{DbErr, TransactionTrait};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::Database;
use sea_orm_migration::SchemaManager;

use crate::races::blog::{At, count, find};

mod node {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "nodes")]
    #[archive(cascade(Entity, via_rel = "Parent"), detach(super::note::Entity))]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub parent_id: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(belongs_to = "Entity", from = "Column::ParentId", to = "Column::Id")]
        Parent,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod note {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "notes")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub node_id: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::node::Entity",
            from = "Column::NodeId",
            to = "super::node::Column::Id"
        )]
        Node,
    }

    impl Related<super::node::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Node.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Node 1 is the parent of 2, and 2 of 3. Note 1 is on node 3: if its link is not detached, the cascade deletes it.
async fn tree() -> Database {
    Database::from_template("tree", async |db| {
        db.execute_unprepared(
            "create table nodes (id bigint primary key, parent_id bigint references nodes on delete cascade);
             create table notes (id bigint primary key, node_id bigint references nodes on delete cascade);
             insert into nodes values (1, null), (2, 1), (3, 2);
             insert into notes values (1, 3)",
        )
        .await?;
        let manager = SchemaManager::new(&db);
        manager.install_archive().await?;
        manager.archive_existing_table("nodes").await?;
        Ok::<_, DbErr>(())
    })
    .await
}

/// Race: descendants are inserted below a node that is not locked yet. Levels are locked until no new row is found.
#[tokio::test]
async fn descendant_inserted_meanwhile_is_archived_too() {
    let database = tree().await;
    let (writer, archiver) = (
        database.session("writer").await,
        database.session("archiver").await,
    );
    let writing = writer.db().begin().await.unwrap();
    writing
        .execute_unprepared("insert into nodes values (4, 3), (5, 4)")
        .await
        .unwrap();
    let db = archiver.db();
    let archiving = archiver.start(async move { node::Entity::archive_by_id(1).exec(&db).await });
    database.wait_until_blocked_by(&archiver, &writer).await;
    writing.commit().await.unwrap();
    assert_eq!(archiving.finish().await.unwrap().rows()["public.nodes"], 5);
    let db = archiver.db();
    assert_eq!(count(&db, "nodes", "true").await, 0);
    node::Entity::restore_by_id(1).exec(&db).await.unwrap();
    assert_eq!(count(&db, "nodes", "true").await, 5);
}

/// Race: a node is inserted after the archive has read the tree, and a transaction inserts another one below it. If the
/// archive did not read the tree again, the cascade would delete both.
#[tokio::test]
async fn descendant_inserted_below_a_new_one_is_archived_too() {
    let database = tree().await;
    let (blocker, writer) = (
        database.session("blocker").await,
        database.session("writer").await,
    );
    let archiver = database.session("archiver").await;
    let blocking = blocker.db().begin().await.unwrap();
    blocking
        .execute_unprepared("select from nodes where id = 2 for update")
        .await
        .unwrap();
    let db = archiver.db();
    let archiving = archiver.start(async move { node::Entity::archive_by_id(1).exec(&db).await });
    database.wait_until_blocked_by(&archiver, &blocker).await;
    writer
        .db()
        .execute_unprepared("insert into nodes values (4, 3)")
        .await
        .unwrap();
    let writing = writer.db().begin().await.unwrap();
    writing
        .execute_unprepared("insert into nodes values (5, 4)")
        .await
        .unwrap();
    blocking.commit().await.unwrap();
    database.wait_until_blocked_by(&archiver, &writer).await;
    writing.commit().await.unwrap();
    assert_eq!(archiving.finish().await.unwrap().rows()["public.nodes"], 5);
    assert_eq!(find(&archiver.db(), "nodes", "id = 5").await, At::Archived);
}

/// Race: a branch is moved out of the tree while the tree is locked. The branch stays active.
#[tokio::test]
async fn branch_moved_out_of_the_tree_is_not_archived() {
    let database = tree().await;
    let (writer, archiver) = (
        database.session("writer").await,
        database.session("archiver").await,
    );
    let writing = writer.db().begin().await.unwrap();
    writing
        .execute_unprepared("update nodes set parent_id = null where id = 2")
        .await
        .unwrap();
    let db = archiver.db();
    let archiving = archiver.start(async move { node::Entity::archive_by_id(1).exec(&db).await });
    database.wait_until_blocked_by(&archiver, &writer).await;
    writing.commit().await.unwrap();
    assert_eq!(archiving.finish().await.unwrap().rows()["public.nodes"], 1);
    assert_eq!(count(&archiver.db(), "nodes", "true").await, 2);
}

/// Race: a note is inserted on a node that is archived. Its link is detached and restored too.
#[tokio::test]
async fn row_inserted_meanwhile_is_detached_too() {
    let database = tree().await;
    let (writer, archiver) = (
        database.session("writer").await,
        database.session("archiver").await,
    );
    let writing = writer.db().begin().await.unwrap();
    writing
        .execute_unprepared("insert into notes values (2, 3)")
        .await
        .unwrap();
    let db = archiver.db();
    let archiving = archiver.start(async move { node::Entity::archive_by_id(1).exec(&db).await });
    database.wait_until_blocked_by(&archiver, &writer).await;
    writing.commit().await.unwrap();
    archiving.finish().await.unwrap();
    let db = archiver.db();
    assert_eq!(count(&db, "notes", "node_id is null").await, 2);
    assert_eq!(
        node::Entity::restore_by_id(1)
            .exec(&db)
            .await
            .unwrap()
            .relinked,
        2
    );
    assert_eq!(count(&db, "notes", "node_id = 3").await, 2);
}

/// Race: a note is moved to another node while its node is archived. Its new link is not changed.
#[tokio::test]
async fn row_moved_to_another_parent_is_not_detached() {
    let database = tree().await;
    let db = database.connect().await;
    db.execute_unprepared("insert into nodes values (9, null)")
        .await
        .unwrap();
    let (writer, archiver) = (
        database.session("writer").await,
        database.session("archiver").await,
    );
    let writing = writer.db().begin().await.unwrap();
    writing
        .execute_unprepared("update notes set node_id = 9 where id = 1")
        .await
        .unwrap();
    let db = archiver.db();
    let archiving = archiver.start(async move { node::Entity::archive_by_id(1).exec(&db).await });
    database.wait_until_blocked_by(&archiver, &writer).await;
    writing.commit().await.unwrap();
    archiving.finish().await.unwrap();
    let db = archiver.db();
    assert_eq!(count(&db, "notes", "node_id = 9").await, 1);
    node::Entity::restore_by_id(1).exec(&db).await.unwrap();
    assert_eq!(count(&db, "notes", "node_id = 9").await, 1);
    assert_eq!(find(&db, "nodes", "id = 3").await, At::Active);
}
