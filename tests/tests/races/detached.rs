//! Rows that lose and get back a link while others move them, or their parent's key changes.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, TransactionTrait};
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::Database;
use sea_orm_migration::SchemaManager;

mod parent {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "parents")]
    #[archive(detach(super::child::Entity))]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod child {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "children")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub parent_id: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::parent::Entity",
            from = "Column::ParentId",
            to = "super::parent::Column::Id"
        )]
        Parent,
    }

    impl Related<super::parent::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Parent.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

async fn families() -> Database {
    Database::from_template("families", async |db| {
        db.execute_unprepared(
            "create table parents (id bigint primary key);
             create table children (id bigint primary key, parent_id bigint references parents on update cascade on delete set null);
             create table others (id bigint primary key, parent_id bigint references parents);
             insert into parents values (1);
             insert into children values (1, 1)",
        )
        .await?;
        let manager = SchemaManager::new(&db);
        manager.install_archive().await?;
        manager.archive_existing_table("parents").await?;
        manager.archive_existing_table("children").await?;
        Ok::<_, DbErr>(())
    })
    .await
}

/// The child wherever it is, with its link, and how many links are remembered.
async fn state(db: &impl ConnectionTrait) -> String {
    let sql = "select concat_ws(' ', (select 'active ' || coalesce(parent_id, 0) from children),
                                     (select 'archived ' || coalesce(parent_id, 0) from deleted_children),
                                     (select count(*) from archive.detached_link)) as state";
    let row = db
        .query_one_raw(Statement::from_string(DbBackend::Postgres, sql))
        .await;
    row.unwrap().unwrap().try_get("", "state").unwrap()
}

/// An archived child comes back, and then its parent is archived: the child loses its link where it is.
#[tokio::test]
async fn the_parent_of_a_child_that_comes_back_is_archived() {
    let database = families().await;
    let (first, second) = (
        database.session("restorer").await,
        database.session("archiver").await,
    );
    child::Entity::archive_by_id(1)
        .exec(&first.db())
        .await
        .unwrap();
    let restoring = first.db().begin().await.unwrap();
    child::Entity::restore_by_id(1)
        .exec(&restoring)
        .await
        .unwrap();
    let db = second.db();
    let archiving = second.start(async move { parent::Entity::archive_by_id(1).exec(&db).await });
    database.wait_until_blocked_by(&second, &first).await;
    restoring.commit().await.unwrap();
    let archival = archiving.finish().await.unwrap();
    assert_eq!(state(&first.db()).await, "active 0 1");
    assert_eq!(archival.restore(&first.db()).await.unwrap().relinked, 1);
    assert_eq!(state(&first.db()).await, "active 1 0");
}

/// The parent is archived first: the child comes back without its link, or with it if the parent stays.
#[tokio::test]
async fn a_child_comes_back_while_its_parent_is_archived() {
    for commit in [true, false] {
        let database = families().await;
        let (first, second) = (
            database.session("archiver").await,
            database.session("restorer").await,
        );
        child::Entity::archive_by_id(1)
            .exec(&first.db())
            .await
            .unwrap();
        let archiving = first.db().begin().await.unwrap();
        let archival = parent::Entity::archive_by_id(1)
            .exec(&archiving)
            .await
            .unwrap();
        let db = second.db();
        let restoring =
            second.start(async move { child::Entity::restore_by_id(1).exec(&db).await });
        database.wait_until_blocked_by(&second, &first).await;
        if commit {
            archiving.commit().await.unwrap();
        } else {
            archiving.rollback().await.unwrap();
        }
        restoring.finish().await.unwrap();
        if commit {
            assert_eq!(state(&first.db()).await, "active 0 1");
            assert_eq!(archival.restore(&first.db()).await.unwrap().relinked, 1);
        }
        assert_eq!(state(&first.db()).await, "active 1 0", "{commit}");
    }
}

/// Parent and child come back at the same moment: the link is put back wherever the child is by then.
#[tokio::test]
async fn the_parent_of_a_child_that_comes_back_comes_back() {
    for commit in [true, false] {
        let database = families().await;
        let (first, second) = (
            database.session("first").await,
            database.session("second").await,
        );
        let archival = parent::Entity::archive_by_id(1)
            .exec(&first.db())
            .await
            .unwrap();
        child::Entity::archive_by_id(1)
            .exec(&first.db())
            .await
            .unwrap();
        let restoring = first.db().begin().await.unwrap();
        child::Entity::restore_by_id(1)
            .exec(&restoring)
            .await
            .unwrap();
        let db = second.db();
        let relinking = second.start(async move { archival.restore(&db).await });
        database.wait_until_blocked_by(&second, &first).await;
        let expected = if commit {
            restoring.commit().await.unwrap();
            "active 1 0"
        } else {
            restoring.rollback().await.unwrap();
            "archived 1 0"
        };
        let restored = relinking.finish().await.unwrap();
        assert_eq!((restored.relinked, restored.not_relinked), (1, Vec::new()));
        assert_eq!(state(&first.db()).await, expected);
    }
}

/// The child is archived while its parent comes back.
#[tokio::test]
async fn a_child_is_archived_while_its_parent_comes_back() {
    let database = families().await;
    let (first, second) = (
        database.session("first").await,
        database.session("second").await,
    );
    let archival = parent::Entity::archive_by_id(1)
        .exec(&first.db())
        .await
        .unwrap();
    let archiving = first.db().begin().await.unwrap();
    child::Entity::archive_by_id(1)
        .exec(&archiving)
        .await
        .unwrap();
    let db = second.db();
    let relinking = second.start(async move { archival.restore(&db).await });
    database.wait_until_blocked_by(&second, &first).await;
    archiving.commit().await.unwrap();
    let restored = relinking.finish().await.unwrap();
    assert_eq!((restored.relinked, restored.not_relinked), (1, Vec::new()));
    assert_eq!(state(&first.db()).await, "archived 1 0");
}

/// The row gets another link while its parent comes back: that is no error, and it keeps it.
#[tokio::test]
async fn a_child_gets_another_link_while_its_parent_comes_back() {
    let database = families().await;
    let (first, second) = (
        database.session("first").await,
        database.session("second").await,
    );
    let archival = parent::Entity::archive_by_id(1)
        .exec(&first.db())
        .await
        .unwrap();
    let writing = first.db().begin().await.unwrap();
    writing
        .execute_unprepared("insert into parents values (2); update children set parent_id = 2")
        .await
        .unwrap();
    let db = second.db();
    let relinking = second.start(async move { archival.restore(&db).await });
    database.wait_until_blocked_by(&second, &first).await;
    writing.commit().await.unwrap();
    let restored = relinking.finish().await.unwrap();
    assert_eq!((restored.relinked, restored.not_relinked.len()), (0, 1));
    assert_eq!(state(&first.db()).await, "active 2 0");
}

/// The key of a parent changes while its child is archived: the archived child follows.
#[tokio::test]
async fn a_key_changes_while_a_row_is_archived() {
    let database = families().await;
    let (first, second) = (
        database.session("archiver").await,
        database.session("writer").await,
    );
    let archiving = first.db().begin().await.unwrap();
    let archival = child::Entity::archive_by_id(1)
        .exec(&archiving)
        .await
        .unwrap();
    let db = second.db();
    let writing =
        second.start(async move { db.execute_unprepared("update parents set id = 2").await });
    database.wait_until_blocked_by(&second, &first).await;
    archiving.commit().await.unwrap();
    writing.finish().await.unwrap();
    assert_eq!(state(&first.db()).await, "archived 2 0");
    archival.restore(&first.db()).await.unwrap();
    assert_eq!(state(&first.db()).await, "active 2 0");
}

/// A row that blocks is inserted while a trigger would delete it: it is counted, since the archive waits for it.
#[tokio::test]
async fn a_blocking_row_is_inserted_beside_a_trigger() {
    let database = families().await;
    let (first, second) = (
        database.session("writer").await,
        database.session("archiver").await,
    );
    first
        .db()
        .execute_unprepared(
            "create function f() returns trigger language plpgsql as $$ begin delete from others; return old; end $$;
             create trigger t before delete on parents for each row execute function f()",
        )
        .await
        .unwrap();
    let writing = first.db().begin().await.unwrap();
    writing
        .execute_unprepared("insert into others values (1, 1)")
        .await
        .unwrap();
    let db = second.db();
    let archiving = second.start(async move { parent::Entity::archive_by_id(1).exec(&db).await });
    database.wait_until_blocked_by(&second, &first).await;
    writing.commit().await.unwrap();
    let refused = archiving.finish().await;
    assert!(
        matches!(refused, Err(Error::Conflict(ConflictError::Blocked { .. }))),
        "{refused:?}"
    );
    assert_eq!(state(&first.db()).await, "active 1 0");
}
