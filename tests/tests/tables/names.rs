//! Names that need quoting, long names, and schemas.

use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ExistingTable;

use sea_orm_archive_tests::{
    sql::{count, dumps, run},
    tables::{archive_table, tables},
};

/// Names that must be quoted, and quotes in them.
mod odd {
    pub mod order {
        use sea_orm::entity::prelude::*;
        use sea_orm_archive::DeriveArchive;

        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
        #[sea_orm(table_name = "Order \"Ünï\" $1's")]
        #[archive(
            cascade(super::select::Entity),
            detach(super::user::Entity),
            table_name = "x",
            archival_id_column = "%s"
        )]
        pub struct Model {
            #[sea_orm(primary_key, column_name = "Primary \"Key\"")]
            pub id: i64,
            #[sea_orm(column_name = "from")]
            pub from: Option<String>,
        }

        #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
        pub enum Relation {}

        impl ActiveModelBehavior for ActiveModel {}
    }

    pub mod select {
        use sea_orm::entity::prelude::*;
        use sea_orm_archive::DeriveArchive;

        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
        #[sea_orm(table_name = "select")]
        #[archive(
            deleted_at_column = "When?",
            deleted_by_column = "Who \"exactly\"",
            archival_id_column = "where"
        )]
        pub struct Model {
            #[sea_orm(primary_key, column_name = "group")]
            pub group: i64,
            #[sea_orm(column_name = "Ordér's")]
            pub order_id: i64,
        }

        #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
        pub enum Relation {
            #[sea_orm(
                belongs_to = "super::order::Entity",
                from = "Column::OrderId",
                to = "super::order::Column::Id"
            )]
            Order,
        }

        impl Related<super::order::Entity> for Entity {
            fn to() -> RelationDef {
                Relation::Order.def()
            }
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    pub mod user {
        use sea_orm::entity::prelude::*;

        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "user")]
        pub struct Model {
            #[sea_orm(primary_key, column_name = "a.b")]
            pub id: i64,
            #[sea_orm(column_name = "?")]
            pub order_id: Option<i64>,
        }

        #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
        pub enum Relation {
            #[sea_orm(
                belongs_to = "super::order::Entity",
                from = "Column::OrderId",
                to = "super::order::Column::Id"
            )]
            Order,
        }

        impl Related<super::order::Entity> for Entity {
            fn to() -> RelationDef {
                Relation::Order.def()
            }
        }

        impl ActiveModelBehavior for ActiveModel {}
    }
}

/// Names of the maximum length, 63 bytes.
mod long {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "a_table_whose_name_is_as_long_as_postgresql_lets_a_name_be_here")]
    #[archive(table_name = "an_archive_whose_name_is_as_long_as_postgresql_lets_it_be_truly")]
    pub struct Model {
        #[sea_orm(
            primary_key,
            column_name = "a_column_whose_name_is_as_long_as_postgresql_lets_names_be_here"
        )]
        pub id: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Tables in two schemas; `public` has tables of the same names.
mod shop {
    pub mod order {
        use sea_orm::entity::prelude::*;
        use sea_orm_archive::DeriveArchive;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
        #[sea_orm(schema_name = "the Shop", table_name = "orders")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            #[sea_orm(has_many)]
            #[archive(cascade)]
            pub items: HasMany<super::item::Entity>,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    pub mod item {
        use sea_orm::entity::prelude::*;
        use sea_orm_archive::DeriveArchive;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
        #[sea_orm(schema_name = "stock", table_name = "items")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            pub order_id: i64,
            #[sea_orm(belongs_to, from = "order_id", to = "id")]
            pub order: BelongsTo<super::order::Entity>,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }
}

#[tokio::test]
async fn names_are_quoted_in_every_statement() {
    let (order, select, user) = (r#""Order ""Ünï"" $1's""#, r#""select""#, r#""user""#);
    let (_database, db) = tables(
        &format!(
            r#"create table {order} ("Primary ""Key""" bigint primary key, "from" text, "archival_id" int, "%" text);
             create table {select} ("group" bigint primary key, "Ordér's" bigint not null,
                 constraint "a 'constraint' ""here""" foreign key ("Ordér's") references {order} on delete cascade);
             create table {user} ("a.b" bigint primary key, "?" bigint references {order} on delete set null);
             insert into {order} values (1, 'a', 1, 'b'), (2, 'a', 2, 'b');
             insert into {select} values (1, 1), (2, 1), (3, 2);
             insert into {user} values (1, 1), (2, 2)"#
        ),
        &[],
    )
    .await;
    archive_table(
        &db,
        ExistingTable::new("Order \"Ünï\" $1's")
            .archive_table("x")
            .archival_id_column("%s"),
    )
    .await;
    archive_table(
        &db,
        ExistingTable::new("select")
            .deleted_at_column("When?")
            .deleted_by_column("Who \"exactly\"")
            .archival_id_column("where"),
    )
    .await;
    let names = [order, select, user];
    let before = dumps(&db, &names).await;
    let preview = odd::order::Entity::archive_by_id(1)
        .preview(&db)
        .await
        .unwrap();
    let archival = odd::order::Entity::archive_by_id(1)
        .by(7)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(preview.rows, archival.rows());
    assert_eq!(archival.root_table, "public.Order \"Ünï\" $1's");
    assert_eq!(archival.rows()["public.select"], 2);
    let by_7 = r#"deleted_select where "Who ""exactly""" = 7 and "When?" is not null"#;
    assert_eq!(count(&db, by_7).await, 2);
    // A conflict with such names is reported, too.
    run(&db, &format!("insert into {order} values (1, 'new')")).await;
    let preview = odd::order::Entity::restore_by_id(1)
        .preview(&db)
        .await
        .unwrap();
    assert!(matches!(preview.conflicts[..], [Conflict::KeyTaken { .. }]));
    run(&db, &format!("delete from {order} where \"from\" = 'new'")).await;
    let restored = odd::order::Entity::restore_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(restored.relinked, 1);
    assert_eq!(dumps(&db, &names).await, before);
    odd::order::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap()
        .restore(&db)
        .await
        .unwrap();
    assert_eq!(dumps(&db, &names).await, before);
}

#[tokio::test]
async fn names_of_63_bytes_are_supported() {
    let (table, archive) = (
        "a_table_whose_name_is_as_long_as_postgresql_lets_a_name_be_here",
        "an_archive_whose_name_is_as_long_as_postgresql_lets_it_be_truly",
    );
    let column = "a_column_whose_name_is_as_long_as_postgresql_lets_names_be_here";
    assert_eq!((table.len(), archive.len(), column.len()), (63, 63, 63));
    let (_database, db) = tables(
        &format!(
            "create table {table} ({column} bigint primary key); insert into {table} values (1)"
        ),
        &[],
    )
    .await;
    archive_table(&db, ExistingTable::new(table).archive_table(archive)).await;
    long::Entity::archive_by_id(1).exec(&db).await.unwrap();
    assert_eq!((count(&db, table).await, count(&db, archive).await), (0, 1));
    long::Entity::restore_by_id(1).exec(&db).await.unwrap();
    assert_eq!((count(&db, table).await, count(&db, archive).await), (1, 0));
}

#[tokio::test]
async fn tables_of_other_schemas_are_archived_without_their_namesakes() {
    let names = [r#""the Shop".orders"#, "stock.items", "orders", "items"];
    let (_database, db) = tables(
        r#"create schema "the Shop";
         create schema stock;
         create table "the Shop".orders (id bigint primary key);
         create table stock.items (id bigint primary key, order_id bigint not null references "the Shop".orders on delete cascade);
         create table orders (id bigint primary key);
         create table items (id bigint primary key, order_id bigint not null references orders on delete cascade);
         insert into "the Shop".orders values (1);
         insert into stock.items values (1, 1), (2, 1);
         insert into orders values (1);
         insert into items values (1, 1), (2, 1)"#,
        &["orders", "items"],
    )
    .await;
    archive_table(&db, ("the Shop", "orders")).await;
    archive_table(&db, ("stock", "items")).await;
    let before = dumps(&db, &names).await;
    let archival = shop::order::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(archival.root_table, "the Shop.orders");
    assert_eq!(archival.rows()["stock.items"], 2);
    assert_eq!(count(&db, "stock.deleted_items").await, 2);
    assert_eq!(dumps(&db, &names[2..]).await, before[2..]);
    shop::order::Entity::restore_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(dumps(&db, &names).await, before);
}

/// One entity over two schemas of one database: the `search_path` selects the tables.
#[tokio::test]
async fn search_path_selects_the_tables() {
    use crate::tables::family::{cascaded, two_families};

    let (database, db) = tables(&two_families("on delete cascade"), &["parents", "children"]).await;
    run(
        &db,
        &format!(
            "create schema other; set search_path = other; {}; set search_path = public",
            two_families("on delete cascade")
        ),
    )
    .await;
    archive_table(&db, ("other", "parents")).await;
    archive_table(&db, ("other", "children")).await;
    let session = database.session("mover").await;
    let mover = session.db();
    for (path, other) in [
        ("public", "other"),
        ("other", "public"),
        ("public", "other"),
    ] {
        run(&mover, &format!("set search_path = {path}")).await;
        let untouched = format!("{other}.parents");
        let archival = cascaded::parent::Entity::archive_by_id(1)
            .exec(&mover)
            .await
            .unwrap();
        assert_eq!(archival.root_table, format!("{path}.parents"));
        assert_eq!(count(&db, &format!("{path}.parents")).await, 1);
        assert_eq!(count(&db, &untouched).await, 2);
        cascaded::parent::Entity::restore_by_id(1)
            .exec(&mover)
            .await
            .unwrap();
        assert_eq!(count(&db, &format!("{path}.children")).await, 5);
    }
}
