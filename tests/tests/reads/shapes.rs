//! Entities of many shapes.

use sea_orm::prelude::*;
use sea_orm::{PaginatorTrait, QueryFilter, QueryOrder};
use sea_orm_archive::deletion;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ExistingTable;
use sea_orm_archive_tests::{
    sql::{refusal, run},
    tables::{archive_table, tables},
};

use crate::reads::blog::{assert_agrees, split};

/// Another schema, names that must be quoted, a composite key, an enumeration, a generated column, an ignored field, and a
/// column that is selected as another type.
mod odd {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "mood")]
    pub enum Mood {
        #[sea_orm(string_value = "so so")]
        SoSo,
        #[sea_orm(string_value = "happy")]
        Happy,
    }

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(schema_name = "the Shop", table_name = "Order \"Ünï\" $1's?")]
    #[archive(
        deleted_by = "String",
        table_name = "x $2 \"y\"?",
        deleted_at_column = "When?",
        deleted_by_column = "Who \"exactly\" $1",
        archival_id_column = "where's"
    )]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false, column_name = "Primary \"Key\"")]
        pub id: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub part: String,
        pub mood: Option<Mood>,
        pub moods: Vec<Mood>,
        #[sea_orm(column_name = "%s")]
        pub generated: Option<i64>,
        #[sea_orm(select_as = "text", save_as = "numeric")]
        pub price: String,
        #[sea_orm(ignore)]
        pub ignored: Option<i32>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const ODD: &str = r#"
    create schema "the Shop"; create type mood as enum ('so so', 'happy');
    create table "the Shop"."Order ""Ünï"" $1's?" (
        "Primary ""Key""" bigint, part varchar(5), mood mood, moods mood[] not null,
        "%s" bigint generated always as ("Primary ""Key""" * 2) stored, price numeric not null, primary key ("Primary ""Key""", part));
    insert into "the Shop"."Order ""Ünï"" $1's?" values
        (1, 'a', 'happy', '{happy,"so so"}', default, 1.50), (1, 'b', 'so so', '{}', default, 2),
        (2, 'a', null, '{happy}', default, 3.0);"#;

split!(odd);

#[tokio::test]
async fn names_types_and_added_columns_of_any_kind_are_read() {
    let (_database, db) = tables(ODD, &[]).await;
    archive_table(
        &db,
        ExistingTable::new(("the Shop", "Order \"Ünï\" $1's?"))
            .archive_table("x $2 \"y\"?")
            .deleted_by(sea_orm_migration::prelude::ColumnType::Text)
            .deleted_at_column("When?")
            .deleted_by_column("Who \"exactly\" $1")
            .archival_id_column("where's"),
    )
    .await;
    odd::Entity::archive_by_id((1, "a".to_owned()))
        .by("Ann".to_owned())
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(assert_agrees::<odd::Entity>(&db).await, (2, 1));
    let (order, deletion) = odd::Entity::find_with_deleted()
        .filter(odd::Column::Mood.eq(odd::Mood::Happy))
        .filter(deletion::Column::DeletedBy.eq("Ann"))
        .one(&db)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(order.moods, [odd::Mood::Happy, odd::Mood::SoSo]);
    assert_eq!((order.generated, order.price.as_str()), (Some(2), "1.50"));
    assert_eq!(deletion.unwrap().deleted_by.as_deref(), Some("Ann"));
    let pages = odd::Entity::find_with_deleted()
        .order_by_asc(odd::Column::Price)
        .paginate(&db, 2);
    assert_eq!(
        pages.num_items_and_pages().await.unwrap().number_of_pages,
        2
    );
    assert_eq!(pages.fetch_page(1).await.unwrap().len(), 1);
}

mod note {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "notes")]
    #[archive(deleted_by = "String")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(column_type = "Json")]
        pub document: Json,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
split!(note);

async fn notes(by: &str) -> (sea_orm_archive_tests::Database, DatabaseConnection) {
    let (database, db) = tables(
        "create table notes (id bigint primary key, document json not null);
         insert into notes values (1, '{\"a\": 1}'), (2, '[2]')",
        &["notes"],
    )
    .await;
    run(
        &db,
        &format!(
            "alter table deleted_notes alter deleted_by type {by};
             insert into deleted_notes values (3, '[3]', now(), 'Ann', 9), (4, '4', now(), null, 9)"
        ),
    )
    .await;
    (database, db)
}

#[tokio::test]
async fn actor_of_any_text_type_is_compared() {
    for by in ["text", "varchar(9)", "text collate \"C\"", "name"] {
        let (_database, db) = notes(&format!("{by} using null")).await;
        let anns = note::Entity::find_with_deleted()
            .filter(deletion::Column::DeletedBy.eq("Ann"))
            .order_by_asc(deletion::Column::DeletedBy)
            .all(&db)
            .await
            .unwrap();
        let ids: Vec<_> = anns.iter().map(|(note, _)| note.id).collect();
        assert_eq!(ids, [3], "{by}");
    }
    let (_database, db) = notes("text using null").await;
    assert_eq!(assert_agrees::<note::Entity>(&db).await, (2, 2));
}

/// The owner of a type may define casts of it, which would run as whoever reads.
#[tokio::test]
async fn no_cast_of_the_owner_of_a_type_runs() {
    let (_database, db) = notes("text using null").await;
    run(
        &db,
        "create type actor as enum ('Ann', 'Ben');
         alter table deleted_notes alter deleted_by type actor using deleted_by::actor;
         create function as_text(actor) returns text language plpgsql as $$ begin raise 'the cast ran'; end $$;
         create cast (actor as text) with function as_text(actor) as implicit",
    )
    .await;
    let cast =
        sea_orm_archive_tests::sql::refused(&db, "select deleted_by::text from deleted_notes")
            .await;
    assert_eq!(cast.message, "the cast ran");
    let found = note::Entity::find_with_deleted()
        .order_by_asc(note::Column::Id)
        .all(&db)
        .await
        .unwrap();
    let by: Vec<_> = found
        .iter()
        .map(|(_, deletion)| deletion.as_ref().map(|d| d.deleted_by.as_deref()))
        .collect();
    assert_eq!(by, [None, None, Some(Some("Ann")), Some(None)]);
}

/// Columns of the entity have the names of the deletion's columns.
mod parcel {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "parcels")]
    #[archive(
        deleted_by = "i64",
        deleted_at_column = "removed_at",
        deleted_by_column = "removed_by",
        archival_id_column = "removal"
    )]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub deleted_at: Option<i32>,
        pub deleted_by: Option<i32>,
        pub archival_id: Option<i32>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

#[tokio::test]
async fn columns_with_the_names_of_the_deletion_are_those_of_the_entity() {
    let (_database, db) = tables(
        "create table parcels (id bigint primary key, deleted_at int, deleted_by int, archival_id int);
         insert into parcels values (1, 10, 20, 30), (2, null, null, null), (3, 11, 21, 31)",
        &[],
    )
    .await;
    archive_table(
        &db,
        ExistingTable::new("parcels")
            .deleted_at_column("removed_at")
            .deleted_by_column("removed_by")
            .archival_id_column("removal"),
    )
    .await;
    parcel::Entity::archive_by_id(1)
        .by(7)
        .exec(&db)
        .await
        .unwrap();
    let found = parcel::Entity::find_with_deleted()
        .filter(parcel::Column::DeletedBy.is_not_null())
        .order_by_asc(parcel::Column::Id)
        .all(&db)
        .await
        .unwrap();
    let [(deleted, Some(deletion)), (active, None)] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(
        (deleted.deleted_at, deleted.deleted_by, deleted.archival_id),
        (Some(10), Some(20), Some(30))
    );
    assert_eq!(deletion.deleted_by.as_deref(), Some("7"));
    assert_eq!((active.id, active.deleted_at), (3, Some(11)));
}

/// A column with the name of one that the subquery adds is ambiguous.
mod dotted {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "dotted")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(column_name = "archive.archival_id")]
        pub archival: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

#[tokio::test]
async fn column_with_the_name_of_an_added_one_is_refused() {
    let (_database, db) = tables(
        "create table dotted (id bigint primary key, \"archive.archival_id\" bigint); insert into dotted values (1, 2)",
        &["dotted"],
    )
    .await;
    let found = dotted::Entity::find_with_deleted().all(&db).await;
    assert_eq!(refusal(found).code, "42702");
}
