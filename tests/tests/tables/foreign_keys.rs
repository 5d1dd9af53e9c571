//! Composite foreign keys, and foreign keys to a unique key.

use sea_orm_archive::prelude::*;

use sea_orm_archive_tests::{
    sql::{count, dump, dumps},
    tables::tables,
};

/// A foreign key of two columns, in another order than the primary key.
mod composite {
    pub mod area {
        use sea_orm::entity::prelude::*;
        use sea_orm_archive::DeriveArchive;

        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
        #[sea_orm(table_name = "areas")]
        #[archive(cascade(super::shop::Entity))]
        pub struct Model {
            #[sea_orm(primary_key, auto_increment = false)]
            pub country: String,
            #[sea_orm(primary_key, auto_increment = false)]
            pub code: i32,
        }

        #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
        pub enum Relation {}

        impl ActiveModelBehavior for ActiveModel {}
    }

    pub mod shop {
        use sea_orm::entity::prelude::*;
        use sea_orm_archive::DeriveArchive;

        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
        #[sea_orm(table_name = "shops")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            pub area_code: Option<i32>,
            pub area_country: String,
        }

        #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
        pub enum Relation {
            #[sea_orm(
                belongs_to = "super::area::Entity",
                from = "(Column::AreaCode, Column::AreaCountry)",
                to = "(super::area::Column::Code, super::area::Column::Country)"
            )]
            Area,
        }

        impl Related<super::area::Entity> for Entity {
            fn to() -> RelationDef {
                Relation::Area.def()
            }
        }

        impl ActiveModelBehavior for ActiveModel {}
    }
}

/// A foreign key to a unique key.
mod by_code {
    pub mod product {
        use sea_orm::entity::prelude::*;
        use sea_orm_archive::DeriveArchive;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
        #[sea_orm(table_name = "products")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            #[sea_orm(unique)]
            pub code: String,
            #[sea_orm(has_many)]
            #[archive(cascade)]
            pub prices: HasMany<super::price::Entity>,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    pub mod price {
        use sea_orm::entity::prelude::*;
        use sea_orm_archive::DeriveArchive;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
        #[sea_orm(table_name = "prices")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            pub product_code: String,
            #[sea_orm(belongs_to, from = "product_code", to = "code")]
            pub product: BelongsTo<super::product::Entity>,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }
}

#[tokio::test]
async fn composite_foreign_key_is_followed() {
    for on_delete in ["", "on delete cascade"] {
        let names = ["areas", "shops"];
        let (_database, db) = tables(
            &format!(
                "create table areas (country text, code int, primary key (country, code));
                 create table shops (id bigint primary key, area_code int, area_country text not null,
                     foreign key (area_country, area_code) references areas {on_delete});
                 insert into areas values ('at', 1), ('at', 2), ('de', 1), ('de', 2);
                 insert into shops values (1, 1, 'at'), (2, 2, 'at'), (3, 1, 'de'), (4, 2, 'de'), (5, null, 'at')"
            ),
            &names,
        )
        .await;
        let before = dumps(&db, &names).await;
        let key = ("at".to_owned(), 1);
        let archival = composite::area::Entity::archive_by_id(key.clone())
            .exec(&db)
            .await
            .unwrap();
        assert_eq!(archival.rows()["public.shops"], 1);
        assert_eq!(
            archival.root_key,
            serde_json::json!({"country": "at", "code": 1})
        );
        assert_eq!(count(&db, "deleted_shops where id = 1").await, 1);
        composite::area::Entity::restore_by_id(key)
            .exec(&db)
            .await
            .unwrap();
        assert_eq!(dumps(&db, &names).await, before);
    }
}

#[tokio::test]
async fn foreign_key_to_a_unique_key_is_followed() {
    let names = ["products", "prices"];
    let (_database, db) = tables(
        "create table products (id bigint primary key, code text not null unique);
         create table prices (id bigint primary key, product_code text not null references products (code) on delete cascade on update cascade);
         insert into products values (1, 'a'), (2, 'b');
         insert into prices values (1, 'a'), (2, 'a'), (3, 'b')",
        &names,
    )
    .await;
    let before = dumps(&db, &names).await;
    let archival = by_code::product::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(archival.rows()["public.prices"], 2);
    assert_eq!(dump(&db, "prices").await, ["(3,b)"]);
    archival.restore(&db).await.unwrap();
    assert_eq!(dumps(&db, &names).await, before);
}
