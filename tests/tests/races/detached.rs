//! Races: links are detached and restored while other sessions move the rows, or change the key of a parent.

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

/// Whether the child is active or archived, its link, and the number of detached links.
async fn state(db: &impl ConnectionTrait) -> String {
    let sql = "select concat_ws(' ', (select 'active ' || coalesce(parent_id, 0) from children),
                                     (select 'archived ' || coalesce(parent_id, 0) from deleted_children),
                                     (select count(*) from archive.detached_link)) as state";
    sql::one(db, sql).await
}

/// A database after `archive` has archived a row.
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

/// Race: a child is restored, and then its parent is archived. The link of the active child is detached.
#[tokio::test]
async fn archive_of_a_parent_detaches_a_child_restored_before() {
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

/// Race: a child is archived, and then its parent. The archive of the parent waits for the row that loses its link, and cuts the link of
/// the archived row.
#[tokio::test]
async fn archive_of_a_parent_detaches_a_child_archived_at_the_same_time() {
    let database = families().await;
    let (_, archival) = race! { database;
        first holds |txn| child::Entity::archive_by_id(1).exec(txn);
        second waits for first |db| parent::Entity::archive_by_id(1).exec(db);
        first commits;
    };
    let db = database.connect().await;
    let archival = archival.unwrap();
    assert_eq!(state(&db).await, "archived 0 1");
    assert_eq!(archival.restore(&db).await.unwrap().relinked, 1);
    assert_eq!(state(&db).await, "archived 1 0");
}

/// Race: a parent is archived, and then its child is restored: without its link, or with it if the archive rolls back.
#[tokio::test]
async fn child_restored_after_its_parent_was_archived_has_no_link() {
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

/// Race: a child and its parent are restored. The link is restored in the table in which the child is then.
#[tokio::test]
async fn restore_of_a_parent_relinks_a_child_restored_at_the_same_time() {
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

/// Race: a child is archived while its parent is restored. The link is restored in the archive table.
#[tokio::test]
async fn restore_of_a_parent_relinks_a_child_archived_at_the_same_time() {
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

/// Race: a child gets another link while its parent is restored. The new link stays, and the old one is reported.
#[tokio::test]
async fn restore_of_a_parent_does_not_overwrite_a_link_set_meanwhile() {
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

/// Race: the key of a parent changes while its child is archived. The archived child follows the key.
#[tokio::test]
async fn archived_child_follows_a_key_changed_at_the_same_time() {
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

/// Race: a row that blocks the archive is inserted, which a trigger would delete. The archive waits, and counts the row.
#[tokio::test]
async fn blocking_row_inserted_meanwhile_is_counted_before_a_trigger_deletes_it() {
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

/// A row between a post and a tag, in the archival of the post. The link of its note is detached.
const WAITING: &str = "
    insert into archive.archival (id, root_table, root_key, archived_at, row_counts, tables) overriding system value values
        (1, 'public.posts', '{\"id\": 1}', now(), '{}', '{posts,post_tags}'), (2, 'public.tags', '{\"id\": 2}', now(), '{}', '{tags,post_tags}');
    insert into notes values (1, null, null);
    insert into deleted_post_tags (post_id, tag_id, deleted_at, archival_id) values (1, 2, now(), 1);
    insert into archive.detached_link (archival_id, child, child_key, edge, link, tenant, deleted) values (1, 'notes', '[\"1\"]', 'post_id, tag_id', '{\"post_id\": 1, \"tag_id\": 2}', null, false)";

/// The restore of the post: it reassigns that row and the detached link to the archival of the tag.
const DEFERRED: &str = "
    select archive.claim_archivals(array[1::bigint]); select archive.defer_to(array[1::bigint], array[2::bigint], 'post_tags');
    update deleted_post_tags set archival_id = 2;
    select archive.move_links(array[1::bigint], 'notes', array[2::bigint], array['[\"1\"]'::jsonb], array['post_id, tag_id'])";

#[tokio::test]
async fn restore_counts_links_that_another_restore_moved_to_its_archival() {
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
