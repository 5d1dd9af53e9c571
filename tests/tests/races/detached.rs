//! Rows that lose and get back a link while others move them, or their parent's key changes.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::tables::tables;
use sea_orm_archive_tests::{Database, race, sql};
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
    sql::one(db, sql).await
}

/// A database in which `archive` has archived a row.
async fn after(
    archive: impl AsyncFnOnce(&DatabaseConnection) -> Result<Archival, Error>,
) -> (Database, DatabaseConnection, Archival) {
    let database = families().await;
    let db = database.connect().await;
    let archival = archive(&db).await.unwrap();
    (database, db, archival)
}

async fn archive_parent(db: &DatabaseConnection) -> Result<Archival, Error> {
    parent::Entity::archive_by_id(1).exec(db).await
}

async fn archive_child(db: &DatabaseConnection) -> Result<Archival, Error> {
    child::Entity::archive_by_id(1).exec(db).await
}

/// An archived child comes back, and then its parent is archived: the child loses its link where it is.
#[tokio::test]
async fn the_parent_of_a_child_that_comes_back_is_archived() {
    let (database, db, _) = after(archive_child).await;
    let (_, archival) = race! { database;
        restorer holds |txn| child::Entity::restore_by_id(1).exec(txn);
        archiver waits for restorer |db| parent::Entity::archive_by_id(1).exec(db);
        restorer commits;
    };
    assert_eq!(state(&db).await, "active 0 1");
    assert_eq!(archival.unwrap().restore(&db).await.unwrap().relinked, 1);
    assert_eq!(state(&db).await, "active 1 0");
}

/// The parent is archived first: the child comes back without its link, or with it if the parent stays.
#[tokio::test]
async fn a_child_comes_back_while_its_parent_is_archived() {
    for commit in [true, false] {
        let (database, db, _) = after(archive_child).await;
        let (archival, restored) = race! { database;
            archiver holds |txn| parent::Entity::archive_by_id(1).exec(txn);
            restorer waits for archiver |db| child::Entity::restore_by_id(1).exec(db);
            archiver commits if commit;
        };
        restored.unwrap();
        if commit {
            assert_eq!(state(&db).await, "active 0 1");
            assert_eq!(archival.restore(&db).await.unwrap().relinked, 1);
        }
        assert_eq!(state(&db).await, "active 1 0", "{commit}");
    }
}

/// Parent and child come back at the same moment: the link is put back wherever the child is by then.
#[tokio::test]
async fn the_parent_of_a_child_that_comes_back_comes_back() {
    for (commit, expected) in [(true, "active 1 0"), (false, "archived 1 0")] {
        let (database, db, archival) = after(archive_parent).await;
        archive_child(&db).await.unwrap();
        let (_, relinked) = race! { database;
            first holds |txn| child::Entity::restore_by_id(1).exec(txn);
            second waits for first |db| archival.restore(db);
            first commits if commit;
        };
        let restored = relinked.unwrap();
        assert_eq!((restored.relinked, restored.not_relinked), (1, Vec::new()));
        assert_eq!(state(&db).await, expected);
    }
}

/// The child is archived while its parent comes back.
#[tokio::test]
async fn a_child_is_archived_while_its_parent_comes_back() {
    let (database, db, archival) = after(archive_parent).await;
    let (_, relinked) = race! { database;
        first holds |txn| child::Entity::archive_by_id(1).exec(txn);
        second waits for first |db| archival.restore(db);
        first commits;
    };
    let restored = relinked.unwrap();
    assert_eq!((restored.relinked, restored.not_relinked), (1, Vec::new()));
    assert_eq!(state(&db).await, "archived 1 0");
}

/// The row gets another link while its parent comes back: that is no error, and it keeps it.
#[tokio::test]
async fn a_child_gets_another_link_while_its_parent_comes_back() {
    let (database, db, archival) = after(archive_parent).await;
    let link = "insert into parents values (2); update children set parent_id = 2";
    let (_, relinked) = race! { database;
        first holds |txn| txn.execute_unprepared(link);
        second waits for first |db| archival.restore(db);
        first commits;
    };
    let restored = relinked.unwrap();
    assert_eq!((restored.relinked, restored.not_relinked.len()), (0, 1));
    assert_eq!(state(&db).await, "active 2 0");
}

/// The key of a parent changes while its child is archived: the archived child follows.
#[tokio::test]
async fn a_key_changes_while_a_row_is_archived() {
    let database = families().await;
    let db = database.connect().await;
    let (archival, written) = race! { database;
        archiver holds |txn| child::Entity::archive_by_id(1).exec(txn);
        writer waits for archiver |db| db.execute_unprepared("update parents set id = 2");
        archiver commits;
    };
    written.unwrap();
    assert_eq!(state(&db).await, "archived 2 0");
    archival.restore(&db).await.unwrap();
    assert_eq!(state(&db).await, "active 2 0");
}

/// A row that blocks is inserted while a trigger would delete it: it is counted, since the archive waits for it.
#[tokio::test]
async fn a_blocking_row_is_inserted_beside_a_trigger() {
    let database = families().await;
    let db = database.connect().await;
    sql::run(
        &db,
        "create function f() returns trigger language plpgsql as $$ begin delete from others; return old; end $$;
         create trigger t before delete on parents for each row execute function f()",
    )
    .await;
    let (_, refused) = race! { database;
        writer holds |txn| txn.execute_unprepared("insert into others values (1, 1)");
        archiver waits for writer |db| parent::Entity::archive_by_id(1).exec(db);
        writer commits;
    };
    assert!(
        matches!(refused, Err(Error::Conflict(ConflictError::Blocked { .. }))),
        "{refused:?}"
    );
    assert_eq!(state(&db).await, "active 1 0");
}

const BETWEEN: &str = "
    create table posts (id bigint primary key); create table tags (id bigint primary key);
    create table post_tags (post_id bigint references posts, tag_id bigint references tags, primary key (post_id, tag_id));
    create table notes (id bigint primary key, post_id bigint, tag_id bigint,
        foreign key (post_id, tag_id) references post_tags on delete set null)";

/// The row between a post and a tag, whose note has lost its link, waits in the archival of the post.
const WAITING: &str = "
    insert into archive.archival (id, root_table, root_key, archived_at, row_counts, tables) overriding system value values
        (1, 'public.posts', '{\"id\": 1}', now(), '{}', '{posts,post_tags}'), (2, 'public.tags', '{\"id\": 2}', now(), '{}', '{tags,post_tags}');
    insert into notes values (1, null, null);
    insert into deleted_post_tags (post_id, tag_id, deleted_at, archival_id) values (1, 2, now(), 1);
    insert into archive.detached_link values (1, 'notes', '[\"1\"]', 'post_id, tag_id', '{\"post_id\": 1, \"tag_id\": 2}', null, false)";

/// What the restore of the post does with that row: it moves to the archival of the tag, and so does the link.
const DEFERRED: &str = "
    select archive.claim_archival(1); select archive.defer_to(1, array[2::bigint], 'post_tags');
    update deleted_post_tags set archival_id = 2;
    select archive.move_links(1, 'notes', array[2::bigint], array['[\"1\"]'::jsonb], array['post_id, tag_id'])";

#[tokio::test]
async fn a_restore_counts_the_links_that_another_one_has_moved_to_its_archival() {
    let (database, db) = tables(BETWEEN, &["posts", "tags", "post_tags"]).await;
    sql::run(&db, WAITING).await;
    let links = async move |db: &DatabaseConnection| {
        let begun = "select (archive.begin_restore(2, 'second')->>'links')::bigint";
        Ok::<i64, DbErr>(sql::one(db, begun).await)
    };
    let (_, links) = race! { database;
        first holds |txn| txn.execute_unprepared(DEFERRED);
        second waits for first |db| links(db);
        first commits;
    };
    assert_eq!(links.unwrap(), 1);
}
