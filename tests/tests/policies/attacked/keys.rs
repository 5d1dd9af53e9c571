//! Keys of all kinds, rings, and columns that were renamed.
use super::kit::both;
use super::kit::{no_raw, sound};
use crate::policies::forum::entity;
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{run, texts};
use sea_orm_archive_tests::tables::tables;

// Keys that contain the key of the parent, and a key whose parent may not be copied.
entity!(owner, "owners", {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(has_many)]
    #[archive(cascade)]
    pub things: HasMany<super::thing::Entity>,
    #[sea_orm(has_many)]
    #[archive(cascade)]
    pub papers: HasMany<super::paper::Entity>,
});
entity!(thing, "things", {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub owner_id: i64,
    #[sea_orm(belongs_to, from = "owner_id", to = "id")]
    pub owner: BelongsTo<super::owner::Entity>,
    #[sea_orm(has_one)]
    #[archive(cascade)]
    pub paper: HasOne<super::paper::Entity>,
});
entity!(paper, "papers", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub thing_id: i64,
    pub owner_id: i64,
    #[sea_orm(belongs_to, from = "thing_id", to = "id")]
    pub thing: BelongsTo<super::thing::Entity>,
    #[sea_orm(belongs_to, from = "owner_id", to = "id")]
    pub owner: BelongsTo<super::owner::Entity>,
});
#[tokio::test]
async fn a_row_whose_key_is_that_of_an_active_parent_is_not_copied() {
    let (_d, db) = tables("create table owners (id bigserial primary key); create table things (id bigserial primary key, owner_id bigint not null references owners on delete cascade);
        create table papers (thing_id bigint primary key references things on delete cascade, owner_id bigint not null references owners on delete cascade);
        insert into owners values (1), (2); insert into things values (1, 1), (2, 2); insert into papers values (1, 1), (2, 1); select setval('owners_id_seq', 10), setval('things_id_seq', 10)", &["owners", "things", "papers"]).await;
    owner::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let all = [
        "owners",
        "things",
        "papers",
        "deleted_owners",
        "deleted_things",
        "deleted_papers",
        "archive.archival",
    ];
    let error = both!(&db, "copy", all, owner::Entity::restore_by_id(1).as_new()).unwrap_err();
    no_raw(&error);
    assert!(!error.to_string().contains("deleted_papers"), "{error}");
}

entity!(node, "nodes", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub a: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub b: i64,
    pub up_a: Option<i64>,
    pub up_b: Option<i64>,
    pub name: String,
    #[sea_orm(self_ref, relation_enum = "Up", from = "(up_a, up_b)", to = "(a, b)")]
    pub up: BelongsTo<Option<Entity>>,
    #[sea_orm(self_ref, relation_enum = "Down", relation_reverse = "Up")]
    #[archive(cascade)]
    pub down: HasMany<Entity>,
});
const NODES: &str = "create table nodes (a bigint, b bigint, up_a bigint, up_b bigint, name text not null unique, primary key (a, b), foreign key (up_a, up_b) references nodes on delete cascade);
    insert into nodes values (1, 2, null, null, 'root'), (2, 1, 1, 2, 'mirrored'), (3, 3, 2, 1, 'below')";
const OF_NODES: [&str; 3] = ["nodes", "deleted_nodes", "archive.archival"];

#[tokio::test]
async fn composite_keys_self_references_and_parts() {
    let (_d, db) = tables(NODES, &["nodes"]).await;
    node::Entity::archive_by_id((1, 2)).exec(&db).await.unwrap();
    let error = both!(
        &db,
        "copy",
        OF_NODES,
        node::Entity::restore_by_id((1, 2)).as_new()
    )
    .unwrap_err();
    no_raw(&error);
    let done = both!(
        &db,
        "part",
        OF_NODES,
        node::Entity::restore_by_id((2, 1))
            .as_part()
            .set(node::Column::UpA, None::<i64>)
    )
    .unwrap();
    assert_eq!(done.rows["public.nodes"], 2);
    // The foreign key of the other column stays, and is not checked (MATCH SIMPLE).
    sound(&db, &[("nodes", &["a", "b"])], "nodes").await;
    let done = both!(&db, "rest", OF_NODES, node::Entity::restore_by_id((1, 2))).unwrap();
    assert_eq!(done.rows["public.nodes"], 1);
    node::Entity::archive_by_id((1, 2)).exec(&db).await.unwrap();
    node::Entity::archive_by_id((2, 1)).exec(&db).await.unwrap();
    let _done = both!(
        &db,
        "remap to itself",
        OF_NODES,
        node::Entity::restore_by_id((2, 1)).remap(node::Entity, (2, 1), (3, 3))
    );
    sound(&db, &[("nodes", &["a", "b"])], "nodes").await;
}

// Odd names, off the search_path, identity always.
pub mod odd {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(
        schema_name = "Odd \"schema",
        table_name = "The \"table's\" name, 63 bytes, as long as may be it"
    )]
    pub struct Model {
        #[sea_orm(primary_key, column_name = "Id \"of\" it's")]
        pub id: i64,
        #[sea_orm(column_name = "select {n}")]
        pub name: String,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub children: HasMany<super::child::Entity>,
    }
    impl ActiveModelBehavior for ActiveModel {}
}
pub mod child {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(schema_name = "Odd \"schema", table_name = "t")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub b: Uuid,
        pub w: i64,
        pub done: String,
        #[sea_orm(belongs_to, from = "w", to = "id")]
        pub parent: BelongsTo<super::odd::Entity>,
    }
    impl ActiveModelBehavior for ActiveModel {}
}

#[tokio::test]
async fn odd_names_and_identity_always() {
    let database = sea_orm_archive_tests::tables::installed().await;
    let db = database.connect().await;
    let (schema, table) = (
        r#""Odd ""schema""#,
        r#""The ""table's"" name, 63 bytes, as long as may be it""#,
    );
    run(&db, &format!(r#"create schema {schema}; create table {schema}.{table} ("Id ""of"" it's" bigint generated always as identity primary key, "select {{n}}" varchar(20) unique);
        create table {schema}.t (b uuid primary key default gen_random_uuid(), w bigint not null references {schema}.{table} on delete cascade, done text not null unique);
        insert into {schema}.{table} ("select {{n}}") values ('one'), ('two'); insert into {schema}.t (w, done) values (1, 'a'), (1, 'b')"#)).await;
    use sea_orm_archive_migration::ArchiveSchema;
    let manager = sea_orm_migration::SchemaManager::new(&db);
    use sea_orm::sea_query::Alias;
    for name in ["The \"table's\" name, 63 bytes, as long as may be it", "t"] {
        let done = manager
            .archive_existing_table((Alias::new("Odd \"schema"), Alias::new(name)))
            .await;
        done.unwrap();
    }
    let archival = odd::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, &format!(r#"insert into {schema}.{table} ("select {{n}}") values ('one'); insert into {schema}.t (w, done) values (2, 'a')"#)).await;
    let done = odd::Entity::restore_by_id(1)
        .as_new()
        .rename(odd::Column::Name, " {n}")
        .rename(child::Column::Done, "'{n}\"")
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(done.changes.len(), 2);
    let done = odd::Entity::restore_by_id(1)
        .rename(odd::Column::Name, " {n}")
        .skip_conflicting()
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(done.stayed.len(), 2);
    let done = archival::Entity::restore_by_id(done.stayed[0].archival.unwrap())
        .set(child::Column::Done, "z")
        .remap(odd::Entity, 1, 2)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(done.changes.len(), 2);
    let key: Vec<sea_orm::prelude::Uuid> =
        sea_orm_archive_tests::sql::all(&db, &format!("select b from {schema}.deleted_t")).await;
    assert_eq!(key.len(), 1);
    assert!(archival.id > 0);
}

// Partitions: the key contains the time of creation.
entity!(event, "events", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub at: DateTimeUtc,
    pub name: String,
});
#[tokio::test]
async fn copies_of_a_partitioned_table_keep_what_is_no_id() {
    let (_d, db) = tables("create table events (id bigint generated always as identity, at timestamptz not null default now(), name text not null, primary key (id, at)) partition by range (at);
        create table events_old partition of events for values from ('2000-01-01Z') to ('2020-01-01Z'); create table events_new partition of events for values from ('2020-01-01Z') to ('2100-01-01Z');
        insert into events (at, name) values ('2010-05-05Z', 'old')", &["events"]).await;
    let at = "2010-05-05T00:00:00Z"
        .parse::<sea_orm::prelude::DateTimeUtc>()
        .unwrap();
    event::Entity::archive_by_id((1, at))
        .exec(&db)
        .await
        .unwrap();
    let done = both!(
        &db,
        "copy",
        ["events", "deleted_events", "archive.archival"],
        event::Entity::restore_by_id((1, at)).as_new()
    );
    done.unwrap();
    assert_eq!(
        texts(&db, "select at::date::text from events").await,
        ["2010-05-05"],
        "the copy has another time"
    );
    both!(
        &db,
        "set",
        ["events", "deleted_events", "archive.archival"],
        event::Entity::restore_by_id((1, at)).set(event::Column::Name, "x")
    )
    .unwrap();
}

// Rings.
entity!(mate, "mates", {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub mate_id: Option<i64>,
    pub name: String,
    #[sea_orm(self_ref, relation_enum = "Mate", from = "mate_id", to = "id")]
    pub mate: BelongsTo<Option<Entity>>,
    #[sea_orm(self_ref, relation_enum = "Mates", relation_reverse = "Mate")]
    #[archive(detach)]
    pub mates: HasMany<Entity>,
});
#[tokio::test]
async fn a_ring_is_restored_with_a_change() {
    let (_d, db) = tables("create table mates (id bigint primary key, mate_id bigint references mates on delete set null, name text not null unique);
        insert into mates values (1, null, 'a'), (2, 1, 'b'); update mates set mate_id = 2 where id = 1", &["mates"]).await;
    mate::Entity::archive_by_id(1).exec(&db).await.unwrap();
    mate::Entity::archive_by_id(2).exec(&db).await.unwrap();
    run(&db, "update deleted_mates set mate_id = 3 - id").await;
    let all = [
        "mates",
        "deleted_mates",
        "archive.archival",
        "archive.detached_link",
    ];
    let done = both!(
        &db,
        "ring",
        all,
        mate::Entity::restore_by_id(1).set(mate::Column::Name, "other")
    );
    done.unwrap();
}
#[tokio::test]
async fn a_ring_is_restored_with_a_rename() {
    let (_d, db) = tables("create table mates (id bigint primary key, mate_id bigint references mates on delete set null, name text not null unique);
        insert into mates values (1, null, 'a'), (2, 1, 'b'); update mates set mate_id = 2 where id = 1", &["mates"]).await;
    mate::Entity::archive_by_id(1).exec(&db).await.unwrap();
    mate::Entity::archive_by_id(2).exec(&db).await.unwrap();
    run(
        &db,
        "update deleted_mates set mate_id = 3 - id; insert into mates values (9, null, 'a')",
    )
    .await;
    let all = [
        "mates",
        "deleted_mates",
        "archive.archival",
        "archive.detached_link",
    ];
    both!(
        &db,
        "ring",
        all,
        mate::Entity::restore_by_id(1)
            .rename(mate::Column::Name, "-{n}")
            .with_parents()
    )
    .expect("no call restores a ring with a change");
}
