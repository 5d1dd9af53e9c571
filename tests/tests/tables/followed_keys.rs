//! Keys that change while a row is archived: what referred to the row still does, and to no other.

use sea_orm_archive::prelude::*;

use crate::family::detached;
use crate::rows::{count, dump, run, tables};

mod world {
    pub mod country {
        use sea_orm::entity::prelude::*;
        use sea_orm_archive::DeriveArchive;

        #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
        #[sea_orm(table_name = "countries")]
        pub struct Model {
            #[sea_orm(primary_key, auto_increment = false)]
            pub code: String,
        }

        #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
        pub enum Relation {}

        impl ActiveModelBehavior for ActiveModel {}
    }

    pub mod city {
        use sea_orm::entity::prelude::*;
        use sea_orm_archive::DeriveArchive;

        #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
        #[sea_orm(table_name = "cities")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            pub country: Option<String>,
        }

        #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
        pub enum Relation {}

        impl ActiveModelBehavior for ActiveModel {}
    }
}

const WORLD: &str = "
    create table countries (code text primary key, name text);
    create table cities (id bigint primary key, country text constraint cities_country references countries on update cascade);
    insert into countries values ('CZ', 'old'), ('SK', 'other');
    insert into cities values (1, 'CZ'), (2, 'CZ'), (3, 'SK'), (4, null)";

#[tokio::test]
async fn an_archived_row_follows_its_parents_new_key() {
    for archived in [&["cities"][..], &["countries", "cities"]] {
        let (_database, db) = tables(WORLD, archived).await;
        let archival = world::city::Entity::archive_by_id(1)
            .exec(&db)
            .await
            .unwrap();
        run(
            &db,
            "update countries set code = 'CZE' where code = 'CZ'; insert into countries values ('CZ', 'new')",
        )
        .await;
        archival.restore(&db).await.unwrap();
        assert_eq!(
            dump(&db, "cities").await,
            ["(1,CZE)", "(2,CZE)", "(3,SK)", "(4,)"]
        );
    }
}

/// The keys of the parents go round in one statement: each archived row follows its own.
#[tokio::test]
async fn archived_rows_follow_keys_that_are_swapped() {
    let (_database, db) = tables(
        "create table countries (code text primary key deferrable initially deferred, name text, number int unique);
         create table cities (id bigint primary key, country int references countries (number));
         insert into countries values ('A', 'a', 1), ('B', 'b', 2);
         insert into cities values (1, 1), (2, 2)",
        &["cities"],
    )
    .await;
    let archivals = world_cities::Entity::archive_many()
        .exec(&db)
        .await
        .unwrap();
    run(
        &db,
        "update countries set number = 3 where code = 'A'; update countries set number = 1 where code = 'B'",
    )
    .await;
    for archival in archivals {
        archival.restore(&db).await.unwrap();
    }
    assert_eq!(dump(&db, "cities").await, ["(1,3)", "(2,1)"]);
}

mod world_cities {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "cities")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub country: Option<i32>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The key of a row that stayed changes, and another row takes its old one.
#[tokio::test]
async fn a_link_goes_back_to_the_row_it_was_cut_from() {
    let (_database, db) = tables(
        &crate::family::two_families("on delete set null"),
        &["parents"],
    )
    .await;
    let archival = detached::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    run(
        &db,
        "update children set id = 111 where id = 11; insert into children values (11, null, 'another')",
    )
    .await;
    assert_eq!(archival.restore(&db).await.unwrap().relinked, 2);
    assert_eq!(
        dump(&db, "children").await,
        [
            "(11,,another)",
            "(111,1,a)",
            "(12,1,)",
            "(21,2,b)",
            "(22,2,c)",
            "(99,,d)"
        ]
    );
}

/// The row that stayed is deleted for good, and another row takes its key.
#[tokio::test]
async fn a_row_with_the_key_of_a_deleted_one_gets_no_link() {
    for delete in ["delete from children where id = 11", "truncate children"] {
        let (_database, db) = tables(
            &crate::family::two_families("on delete set null"),
            &["parents"],
        )
        .await;
        let archival = detached::parent::Entity::archive_by_id(1)
            .exec(&db)
            .await
            .unwrap();
        run(&db, delete).await;
        run(&db, "insert into children values (11, null, 'another')").await;
        archival.restore(&db).await.unwrap();
        assert_eq!(
            count(&db, "children where id = 11 and parent_id is null").await,
            1,
            "{delete}"
        );
    }
}
