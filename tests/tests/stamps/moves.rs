//! Archive and restore do not change stamps, also where they detach and restore links.

use sea_orm::TransactionTrait;
use sea_orm_archive::Context;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, StampSchema};

use crate::stamps::database::{Stamped, all, run};

mod post {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "posts")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A document has an author and a creator, both detached when the person is archived.
mod person {
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
        #[sea_orm(has_many, relation_enum = "Created", via_rel = "Creator")]
        #[archive(detach)]
        pub created: HasMany<super::document::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod document {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "documents")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub author_id: Option<i64>,
        pub created_by: Option<i64>,
        #[sea_orm(belongs_to, relation_enum = "Author", from = "author_id", to = "id")]
        pub author: BelongsTo<Option<super::person::Entity>>,
        #[sea_orm(belongs_to, relation_enum = "Creator", from = "created_by", to = "id")]
        pub creator: BelongsTo<Option<super::person::Entity>>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Person 1 is the author of document 1; person 2 created it, and changed it last.
async fn documents(kind: &str) -> Stamped {
    let partitions = match kind {
        "" => "",
        _ => {
            "create table documents_a partition of documents for values from (0) to (100);
             create table documents_b partition of documents for values from (100) to (200) partition by range (id);
             create table documents_c partition of documents_b for values from (100) to (150)"
        }
    };
    let m = Stamped::tables(&format!(
        "create table people (id bigint primary key);
         create table documents (id bigint primary key, author_id bigint references people,
                                 created_by bigint references people, title text) {kind};
         {partitions};
         insert into people values (1), (2), (3)"
    ))
    .await;
    let manager = m.manager();
    manager.archive_existing_table("people").await.unwrap();
    manager.stamp_table("people").await.unwrap();
    manager.stamp_table("documents").await.unwrap();
    m.write_as(
        2,
        "insert into documents (id, author_id) values (1, 1), (2, 3), (101, 1)",
    )
    .await;
    m.write_as(2, "update documents set title = 'x'").await;
    m
}

#[tokio::test]
async fn archive_and_restore_do_not_change_stamps() {
    let m = Stamped::posts().await;
    m.manager().archive_existing_table("posts").await.unwrap();
    m.write_as(7, "insert into posts (id, title) values (3, 'three')")
        .await;
    m.write_as(8, "update posts set title = 'drei', version = version + 1")
        .await;
    let before = m.dump("posts").await;
    let txn = Context::new().actor(9).begin(&m.web).await.unwrap();
    let archivals = post::Entity::archive_many().exec(&txn).await.unwrap();
    txn.commit().await.unwrap();
    assert_eq!(m.dump("posts").await, Vec::<String>::new());
    let txn = Context::new().actor(9).begin(&m.web).await.unwrap();
    for archival in archivals {
        archival.restore(&txn).await.unwrap();
    }
    txn.commit().await.unwrap();
    assert_eq!(m.dump("posts").await, before);
}

/// Archives and restores person 1, and checks that the links are detached and restored without a stamp.
async fn detach_and_restore(m: &Stamped, cut: &[&str]) {
    let before = m.dump("documents").await;
    let txn = Context::new().actor(9).begin(&m.web).await.unwrap();
    let archival = person::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    txn.commit().await.unwrap();
    let links = "select concat(id, ' ', coalesce(author_id, 0)) from documents order by id";
    assert_eq!(all(&m.db, links).await, cut);
    let others = |columns: &str| format!("select concat({columns}) from documents order by id");
    let stamps = others("id, ' ', created_at, ' ', created_by, ' ', updated_at, ' ', updated_by");
    let stamps_cut = all(&m.db, &stamps).await;
    let txn = Context::new().actor(9).begin(&m.web).await.unwrap();
    archival.restore(&txn).await.unwrap();
    txn.commit().await.unwrap();
    assert_eq!(m.dump("documents").await, before);
    assert_eq!(all(&m.db, &stamps).await, stamps_cut);
}

#[tokio::test]
async fn detaching_and_restoring_a_link_does_not_stamp() {
    detach_and_restore(&documents("").await, &["1 0", "2 3", "101 0"]).await;
}

#[tokio::test]
async fn detaching_and_restoring_a_link_of_a_partition_does_not_stamp() {
    let m = documents("partition by range (id)").await;
    detach_and_restore(&m, &["1 0", "2 3", "101 0"]).await;
}

#[tokio::test]
async fn stamp_column_can_be_a_detached_link() {
    for kind in ["", "partition by range (id)"] {
        let m = documents(kind).await;
        let before = m.dump("documents").await;
        let txn = Context::new().actor(9).begin(&m.web).await.unwrap();
        let archival = person::Entity::archive_by_id(2).exec(&txn).await.unwrap();
        txn.commit().await.unwrap();
        assert_eq!(
            all(
                &m.db,
                "select concat(coalesce(created_by, 0), updated_by) from documents"
            )
            .await,
            ["02", "02", "02"]
        );
        archival.restore(&m.web).await.unwrap();
        assert_eq!(m.dump("documents").await, before);
    }
}

#[tokio::test]
async fn update_after_a_move_in_one_transaction_is_stamped() {
    let m = documents("").await;
    let txn = m.web.begin().await.unwrap();
    person::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    run(&txn, "update documents set title = 'y'").await;
    txn.commit().await.unwrap();
    assert_eq!(
        all(
            &m.db,
            "select distinct coalesce(updated_by, 0)::text from documents"
        )
        .await,
        ["0"]
    );
}

#[tokio::test]
async fn setting_of_a_move_set_by_a_client_cannot_forge_stamps() {
    let m = documents("").await;
    let before = m.dump("documents").await;
    let oid = m.one("select 'documents'::regclass::oid::text").await;
    m.write_as(
        8,
        &format!(
            "select set_config('archive.moving', concat(pg_current_xact_id(), ':,1,~{oid},'), true);
             update documents set title = title, created_at = '2000-01-01', updated_at = '2000-01-01', updated_by = 99"
        ),
    )
    .await;
    assert_eq!(m.dump("documents").await, before);
    // A setting of another transaction, left by an earlier user of the session, has no effect.
    m.write_as(
        8,
        &format!("set local archive.moving = '1:,1,~{oid},'; update documents set title = 'another transaction'"),
    )
    .await;
    assert_eq!(
        all(&m.db, "select distinct updated_by::text from documents").await,
        ["8"]
    );
    // The oid of another table with the same prefix or suffix has no effect.
    for other in [format!("~{oid}0,"), format!("~1{oid},"), format!(",{oid},")] {
        m.write_as(
            8,
            &format!(
                "select set_config('archive.moving', concat(pg_current_xact_id(), ':{other}'), true); update documents set title = '{other}'"
            ),
        )
        .await;
    }
    assert_eq!(
        all(&m.db, "select distinct updated_by::text from documents").await,
        ["8"]
    );
}
