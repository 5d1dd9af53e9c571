//! A table reached by two paths, trees in one table, shared rows, composite keys.

use sea_orm::entity::prelude::*;
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;

use crate::trees::database::{column, contents, count, database, run};

mod project {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "projects")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub tasks: HasMany<super::task::Entity>,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub notes: HasMany<super::note::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod task {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "tasks")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub project_id: i32,
        #[sea_orm(belongs_to, from = "project_id", to = "id")]
        pub project: BelongsTo<super::project::Entity>,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub notes: HasMany<super::note::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod note {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "notes")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub project_id: Option<i32>,
        pub task_id: Option<i32>,
        #[sea_orm(belongs_to, from = "project_id", to = "id")]
        pub project: BelongsTo<Option<super::project::Entity>>,
        #[sea_orm(belongs_to, from = "task_id", to = "id")]
        pub task: BelongsTo<Option<super::task::Entity>>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Note 1 is reached by both paths, note 2 by the project, note 3 by the task, note 4 by two projects.
const PROJECTS: &str = "
    create table projects (id int primary key);
    create table tasks (id int primary key, project_id int not null references projects on delete cascade);
    create table notes (id int primary key, project_id int references projects on delete cascade, task_id int references tasks on delete cascade);
    insert into projects values (1), (2);
    insert into tasks values (1, 1), (2, 1), (3, 2);
    insert into notes values (1, 1, 1), (2, 1, null), (3, null, 2), (4, 1, 3), (5, null, null)";

#[tokio::test]
async fn rows_reached_by_two_paths_are_archived_once() {
    let database = database("projects", PROJECTS, &["projects", "tasks", "notes"]).await;
    let db = database.connect().await;
    let before = contents(&db).await;
    let preview = project::Entity::archive_by_id(1)
        .preview(&db)
        .await
        .unwrap();
    let archival = project::Entity::archive_by_id(1).exec(&db).await.unwrap();
    assert_eq!(archival.rows(), preview.rows);
    assert_eq!(archival.rows()["public.notes"], 4);
    assert_eq!(count(&db, "notes", "true").await, 1);
    archival.restore(&db).await.unwrap();
    assert_eq!(contents(&db).await, before);
}

/// A row reached by two roots belongs to one archival, and is restored when both roots are active.
#[tokio::test]
async fn row_reached_by_two_roots_waits_for_both() {
    for first in [0, 1] {
        let database = database("projects", PROJECTS, &["projects", "tasks", "notes"]).await;
        let db = database.connect().await;
        let before = contents(&db).await;
        let archivals = project::Entity::archive_many().exec(&db).await.unwrap();
        assert_eq!(archivals.len(), 2);
        assert_eq!(count(&db, "deleted_notes", "true").await, 4);
        archivals[first].restore(&db).await.unwrap();
        assert_eq!(count(&db, "deleted_notes", "id = 4").await, 1);
        archivals[1 - first].restore(&db).await.unwrap();
        assert_eq!(contents(&db).await, before);
    }
}

mod node {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "nodes")]
    #[archive(cascade(Entity, via_rel = "Parent"))]
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

/// A chain of 200 nodes, a branch, and a circle.
const NODES: &str = "
    create table nodes (id bigint primary key, parent_id bigint references nodes);
    create index on nodes (parent_id);
    insert into nodes select n, nullif(n - 1, 0) from generate_series(1, 200) n;
    insert into nodes values (301, 1), (302, 301), (401, null), (402, 401), (403, 402);
    update nodes set parent_id = 403 where id = 401";

#[tokio::test]
async fn tree_in_one_table_is_archived_at_any_depth() {
    let database = database("nodes", NODES, &["nodes"]).await;
    let db = database.connect().await;
    let before = contents(&db).await;
    for (root, rows) in [(1, 202), (100, 101), (200, 1), (301, 2), (401, 3), (402, 3)] {
        let archival = node::Entity::archive_by_id(root).exec(&db).await.unwrap();
        assert_eq!(archival.rows()["public.nodes"], rows, "below {root}");
        node::Entity::restore_by_id(root).exec(&db).await.unwrap();
        assert_eq!(contents(&db).await, before, "below {root}");
    }
}

/// A root below another one is archived with the upper one.
#[tokio::test]
async fn roots_below_other_roots_have_no_archival_of_their_own() {
    let database = database("nodes", NODES, &["nodes"]).await;
    let db = database.connect().await;
    let before = contents(&db).await;
    let some = node::Column::Id.is_in([5, 50, 302, 402, 403]);
    let archivals = node::Entity::archive_many()
        .filter(some)
        .exec(&db)
        .await
        .unwrap();
    let roots: Vec<_> = archivals
        .iter()
        .map(|a| a.root_key["id"].as_i64().unwrap())
        .collect();
    assert_eq!(roots, [5, 302, 402]);
    for archival in archivals.iter().rev() {
        archival.restore(&db).await.unwrap();
    }
    assert_eq!(contents(&db).await, before);
}

/// A subtree that was archived before has its own archival, and waits for its parent.
#[tokio::test]
async fn subtree_archived_before_stays_archived() {
    let database = database("nodes", NODES, &["nodes"]).await;
    let db = database.connect().await;
    let before = contents(&db).await;
    node::Entity::archive_by_id(150).exec(&db).await.unwrap();
    let upper = node::Entity::archive_by_id(100).exec(&db).await.unwrap();
    assert_eq!(upper.rows()["public.nodes"], 50);
    match node::Entity::restore_by_id(150)
        .exec(&db)
        .await
        .unwrap_err()
    {
        Error::Conflict(ConflictError::ParentArchived { archival, .. }) => {
            assert_eq!(archival, upper.id)
        }
        error => panic!("{error}"),
    }
    upper.restore(&db).await.unwrap();
    assert_eq!(count(&db, "deleted_nodes", "true").await, 51);
    node::Entity::restore_by_id(150).exec(&db).await.unwrap();
    assert_eq!(contents(&db).await, before);
}

/// Two posts with one tag, archived and restored in every order: no row is lost, and all are active at the end.
#[tokio::test]
async fn shared_rows_are_restored_in_every_order() {
    use blog::{post, tag};
    use migration::MigratorTrait;
    use sea_orm_archive_tests::Database;

    let blog = Database::from_template("blog", async |db| {
        migration::Migrator::up(&db, None).await?;
        db.execute_unprepared(
            "insert into users (id, name) values (1, 'alice');
             insert into posts (id, title, slug, content, author_id) values (1, '', 'one', '', 1), (2, '', 'two', '', 1);
             insert into tags (id, name) values (1, 'rust');
             insert into post_tags values (1, 1), (2, 1)",
        )
        .await?;
        Ok(())
    })
    .await;
    let db = blog.connect().await;
    let before = contents(&db).await;
    for order in 0..36 {
        for step in permutation(order / 6) {
            match step {
                0 => drop(post::Entity::archive_by_id(1).exec(&db).await.unwrap()),
                1 => drop(post::Entity::archive_by_id(2).exec(&db).await.unwrap()),
                _ => drop(tag::Entity::archive_by_id(1).exec(&db).await.unwrap()),
            }
        }
        assert_eq!(count(&db, "deleted_post_tags", "true").await, 2);
        for step in permutation(order % 6) {
            match step {
                0 => drop(post::Entity::restore_by_id(1).exec(&db).await.unwrap()),
                1 => drop(post::Entity::restore_by_id(2).exec(&db).await.unwrap()),
                _ => drop(tag::Entity::restore_by_id(1).exec(&db).await.unwrap()),
            }
            let both = count(&db, "deleted_post_tags", "true").await
                + count(&db, "post_tags", "true").await;
            assert_eq!(both, 2, "order {order}");
        }
        assert_eq!(contents(&db).await, before, "order {order}");
    }
}

fn permutation(n: usize) -> [u8; 3] {
    [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ][n]
}

mod region {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(schema_name = "geo graphy", table_name = "Régions \"of\" select")]
    #[archive(cascade(super::town::Entity))]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false, column_name = "Land's")]
        pub land: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub order: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod town {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "towns_with_a_name_that_is_as_long_as_postgresql_lets_a_name_be_")]
    #[archive(table_name = "removed_towns")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub land: String,
        pub region: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::region::Entity",
            from = "(Column::Land, Column::Region)",
            to = "(super::region::Column::Land, super::region::Column::Order)"
        )]
        Region,
    }

    impl Related<super::region::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Region.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Composite keys, another schema, and names that need quoting.
#[tokio::test]
async fn composite_keys_with_names_that_need_quoting() {
    use sea_orm_archive_migration::{ArchiveSchema, ExistingTable};
    use sea_orm_archive_tests::Database;
    use sea_orm_migration::SchemaManager;

    let database = Database::from_template("names", async |db| {
        db.execute_unprepared(
            r#"create schema "geo graphy";
            create table "geo graphy"."Régions ""of"" select" ("Land's" text, "order" int, primary key ("Land's", "order"));
            create table towns_with_a_name_that_is_as_long_as_postgresql_lets_a_name_be_ (
                name text primary key, land text, region int,
                foreign key (land, region) references "geo graphy"."Régions ""of"" select" on delete cascade);
            insert into "geo graphy"."Régions ""of"" select" values ('a\b''c', 1), ('a\b''c', 2);
            insert into towns_with_a_name_that_is_as_long_as_postgresql_lets_a_name_be_
                values ('x', 'a\b''c', 1), ('y', 'a\b''c', 2), ('z', null, 1)"#,
        )
        .await?;
        let manager = SchemaManager::new(&db);
        manager.install_archive().await?;
        manager.archive_existing_table(("geo graphy", "Régions \"of\" select")).await?;
        let towns = ExistingTable::new("towns_with_a_name_that_is_as_long_as_postgresql_lets_a_name_be_");
        manager.archive_existing_table(towns.archive_table("removed_towns")).await?;
        Ok(())
    })
    .await;
    let db = database.connect().await;
    let before = contents(&db).await;
    let archival = region::Entity::archive_by_id(("a\\b'c".to_owned(), 1))
        .by(7)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(
        archival.root_key,
        serde_json::json!({ "Land's": "a\\b'c", "order": 1 })
    );
    assert_eq!(column(&db, "select name from removed_towns").await, ["x"]);
    let deleted = region::deleted::Entity::find()
        .one(&db)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(deleted.deleted_by, Some(7));
    deleted.restore(&db).await.unwrap();
    assert_eq!(contents(&db).await, before);
    let archived = region::Entity::archive_many().exec(&db).await.unwrap();
    archival_round_trip(&db, &archived).await;
    assert_eq!(contents(&db).await, before);
}

async fn archival_round_trip(db: &sea_orm::DatabaseConnection, archived: &[Archival]) {
    assert_eq!(archived.len(), 2);
    for archival in archived {
        archival.restore(db).await.unwrap();
    }
}

/// A partitioned table with identity and generated columns. Rows that refer to one of its partitions block, too.
#[tokio::test]
async fn partitioned_table_with_identity_and_generated_columns() {
    let sql = "create table nodes (
            id bigint generated always as identity, parent_id bigint, twice bigint generated always as (parent_id * 2) stored,
            primary key (id)) partition by range (id);
        create table nodes_1 partition of nodes for values from (0) to (100);
        create table nodes_2 partition of nodes for values from (100) to (1000);
        alter table nodes add foreign key (parent_id) references nodes (id);
        create table marks (id bigint references nodes_1 (id));
        insert into nodes overriding system value values (1, null), (2, 1), (150, 2), (3, null);
        insert into marks values (3)";
    let database = database("partitions", sql, &["nodes"]).await;
    let db = database.connect().await;
    let before = contents(&db).await;
    let archival = node::Entity::archive_by_id(1).exec(&db).await.unwrap();
    assert_eq!(archival.rows()["public.nodes"], 3);
    assert_eq!(
        column(&db, "select twice::text from deleted_nodes where id = 150").await,
        ["4"]
    );
    archival.restore(&db).await.unwrap();
    assert_eq!(contents(&db).await, before);
    run(
        &db,
        "insert into nodes overriding system value values (4, 1)",
    )
    .await;
    assert!(matches!(
        node::Entity::archive_by_id(3).exec(&db).await.unwrap_err(),
        Error::Conflict(ConflictError::Blocked { .. })
    ));
}
