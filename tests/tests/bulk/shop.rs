//! Brands with cars, shows of venues and organizers with posters, and tables with unusual unique indexes.

use sea_orm::DatabaseConnection;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::run;
use sea_orm_archive_tests::tables::tables;

macro_rules! plain {
    ($name:ident, $table:literal) => {
        pub mod $name {
            use sea_orm::entity::prelude::*;
            use sea_orm_archive::DeriveArchive;

            #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
            #[sea_orm(table_name = $table)]
            pub struct Model {
                #[sea_orm(primary_key)]
                pub id: i64,
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}

plain!(slot, "slots");
plain!(item, "items");

pub mod brand {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "brands")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub code: String,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub cars: HasMany<super::car::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod car {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "cars")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub brand_code: String,
        #[sea_orm(belongs_to, from = "brand_code", to = "code")]
        pub brand: BelongsTo<super::brand::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod venue {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "venues")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub shows: HasMany<super::show::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod organizer {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "organizers")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub shows: HasMany<super::show::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod show {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "shows")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub venue_id: i64,
        pub organizer_id: i64,
        #[sea_orm(belongs_to, from = "venue_id", to = "id")]
        pub venue: BelongsTo<super::venue::Entity>,
        #[sea_orm(belongs_to, from = "organizer_id", to = "id")]
        pub organizer: BelongsTo<super::organizer::Entity>,
        #[sea_orm(has_many)]
        #[archive(detach)]
        pub posters: HasMany<super::poster::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod poster {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "posters")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub show_id: Option<i64>,
        #[sea_orm(belongs_to, from = "show_id", to = "id")]
        pub show: BelongsTo<Option<super::show::Entity>>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod node {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "nodes")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub parent_id: Option<i64>,
        #[sea_orm(
            self_ref,
            relation_enum = "Parent",
            relation_reverse = "Children",
            from = "parent_id",
            to = "id"
        )]
        pub parent: BelongsTo<Option<Entity>>,
        #[sea_orm(self_ref, relation_enum = "Children", relation_reverse = "Parent")]
        #[archive(cascade)]
        pub children: HasMany<Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLES: &str = "create table brands (id bigint primary key, code text not null constraint brands_code unique);
    create table cars (id bigint primary key, brand_code text not null constraint cars_brand references brands (code) on delete cascade);
    create table venues (id bigint primary key);
    create table organizers (id bigint primary key);
    create table shows (id bigint primary key, venue_id bigint not null constraint shows_venue references venues on delete cascade,
        organizer_id bigint not null constraint shows_organizer references organizers on delete cascade);
    create table posters (id bigint primary key, show_id bigint constraint posters_show references shows on delete set null);
    create table nodes (id bigint primary key, parent_id bigint constraint nodes_parent references nodes on delete cascade);
    create table slots (id bigint primary key, during int4range not null, constraint slots_during exclude using gist (during with &&));
    create table items (id bigint primary key, code text constraint items_code unique nulls not distinct, deleted boolean not null default false, name text);
    create unique index items_name on items (lower(name)) where not deleted;
    insert into venues values (1), (2), (3); insert into organizers values (1), (2);
    insert into shows values (1, 1, 1), (2, 2, 1), (3, 3, 2);
    insert into posters values (1, 1), (2, 2), (3, 3)";

pub const THESE: [&str; 9] = [
    "brands",
    "cars",
    "venues",
    "organizers",
    "shows",
    "posters",
    "nodes",
    "slots",
    "items",
];

pub async fn shop() -> (Database, DatabaseConnection) {
    tables(TABLES, &THESE).await
}

pub async fn two_brands(db: &DatabaseConnection) -> (i64, i64) {
    run(
        db,
        "insert into brands values (1, 'a'); insert into cars values (1, 'a')",
    )
    .await;
    let first = brand::Entity::archive_by_id(1).exec(db).await.unwrap().id;
    run(
        db,
        "insert into brands values (2, 'a'); insert into cars values (2, 'a')",
    )
    .await;
    let second = brand::Entity::archive_by_id(2).exec(db).await.unwrap().id;
    (first, second)
}
