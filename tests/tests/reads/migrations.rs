//! After each change of a table, `find_with_deleted` of the changed entity returns the changed rows.

use sea_orm::{ConnectionTrait, QueryOrder};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::sql::{refusal, run};
use sea_orm_migration::SchemaManager;
use sea_orm_migration::prelude::{ColumnDef, Table, TableAlterStatement};

use crate::reads::blog::{Split, assert_agrees, split, two_rows};

/// An entity over `t` or `s`, with these columns beside `id`.
macro_rules! entity {
    ($name:ident, $table:literal, { $($column:tt)* }) => {
        mod $name {
            use sea_orm::entity::prelude::*;
            use sea_orm_archive::DeriveArchive;

            #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
            #[sea_orm(table_name = $table)]
            #[archive(deleted_by = "i64")]
            pub struct Model {
                #[sea_orm(primary_key)]
                pub id: i64,
                $($column)*
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}

entity!(before, "t", { pub n: Option<i32>, pub x: String, });
entity!(with_column, "t", { pub n: Option<i32>, pub x: String, pub views: i32, });
entity!(renamed, "t", { pub n: Option<i32>, pub title: String, });
entity!(smaller, "t", { pub x: String, });
entity!(wider, "t", { pub n: Option<i64>, pub x: String, });
entity!(moved, "s", { pub n: Option<i32>, pub x: String, });
split!(before, with_column, renamed, smaller, wider, moved);

struct Migrated {
    database: sea_orm_archive_tests::Database,
    db: sea_orm::DatabaseConnection,
}

async fn migrated() -> Migrated {
    let (database, db) = two_rows(
        "create table t (id bigint primary key, n int, x text not null)",
        "insert into t values (1, 5, 'a'), (2, 6, 'b')",
    )
    .await;
    before::Entity::archive_by_id(2)
        .by(7)
        .exec(&db)
        .await
        .unwrap();
    assert_agrees_on_one_each::<before::Entity>(&db).await;
    Migrated { database, db }
}

async fn assert_agrees_on_one_each<E: Split>(db: &impl ConnectionTrait)
where
    E::Model: Clone + PartialEq + std::fmt::Debug,
{
    assert_eq!(assert_agrees::<E>(db).await, (1, 1));
}

impl Migrated {
    async fn alter(&self, change: impl FnOnce(&mut TableAlterStatement)) {
        let mut alter = Table::alter().table("t").to_owned();
        change(&mut alter);
        let manager = SchemaManager::new(&self.db);
        manager.alter_archived_table(alter).await.unwrap();
    }

    /// The entity of before has a column that no longer exists in either table, as `find` of it has.
    async fn old_entity_is_refused(&self) {
        let found = before::Entity::find_with_deleted().all(&self.db).await;
        assert_eq!(refusal(found).code, "42703");
    }
}

#[tokio::test]
async fn added_column_is_read_from_both_tables() {
    let m = migrated().await;
    m.alter(|t| {
        t.add_column(ColumnDef::new("views").integer().not_null().default(3));
    })
    .await;
    assert_agrees_on_one_each::<with_column::Entity>(&m.db).await;
    // A build from before the migration still reads its columns.
    assert_agrees_on_one_each::<before::Entity>(&m.db).await;
}

#[tokio::test]
async fn renamed_column_is_read_from_both_tables() {
    let m = migrated().await;
    m.alter(|t| {
        t.rename_column("x", "title");
    })
    .await;
    assert_agrees_on_one_each::<renamed::Entity>(&m.db).await;
    m.old_entity_is_refused().await;
}

#[tokio::test]
async fn dropped_column_is_read_from_neither_table() {
    let m = migrated().await;
    m.alter(|t| {
        t.drop_column("n");
    })
    .await;
    assert_agrees_on_one_each::<smaller::Entity>(&m.db).await;
    m.old_entity_is_refused().await;
}

#[tokio::test]
async fn column_of_another_type_is_read_from_both_tables() {
    let m = migrated().await;
    m.alter(|t| {
        t.modify_column(ColumnDef::new("n").big_integer());
    })
    .await;
    // A session that has prepared the same statement before gets an error of PostgreSQL, as after `find()`.
    let db = m.database.connect().await;
    assert_agrees_on_one_each::<wider::Entity>(&db).await;
}

#[tokio::test]
async fn column_that_plain_sql_added_is_read_after_sync() {
    let m = migrated().await;
    run(
        &m.db,
        "alter table t add column views int not null default 4",
    )
    .await;
    // The archive table lacks the column: an error, and not the active rows alone.
    let found = with_column::Entity::find_with_deleted().all(&m.db).await;
    assert_eq!(refusal(found).code, "42703");
    let manager = SchemaManager::new(&m.db);
    manager.sync_archived_table("t").await.unwrap();
    assert_agrees_on_one_each::<with_column::Entity>(&m.db).await;
}

#[tokio::test]
async fn renamed_tables_are_read() {
    let m = migrated().await;
    run(
        &m.db,
        "alter table t rename to s; alter table deleted_t rename to deleted_s",
    )
    .await;
    SchemaManager::new(&m.db).install_archive().await.unwrap();
    assert_agrees_on_one_each::<moved::Entity>(&m.db).await;
    moved::Entity::restore_by_id(2).exec(&m.db).await.unwrap();
    assert_eq!(assert_agrees::<moved::Entity>(&m.db).await, (2, 0));
    let found = before::Entity::find_with_deleted().all(&m.db).await;
    assert_eq!(refusal(found).code, "42P01");
}

/// A column that one table lacks must not be resolved as one of an outer query.
#[tokio::test]
async fn column_that_the_archive_table_lacks_is_not_one_of_an_outer_query() {
    use sea_orm::prelude::*;
    use sea_orm::{QuerySelect, QueryTrait};
    let m = migrated().await;
    run(
        &m.db,
        "alter table t add column views int not null default 4",
    )
    .await;
    let ids = with_column::Entity::find_with_deleted()
        .select_only()
        .column(with_column::Column::Id)
        .into_query();
    run(
        &m.db,
        "create table s (id bigint primary key, n int, x text not null, views int)",
    )
    .await;
    let outer = moved::Entity::find()
        .filter(moved::Column::Id.in_subquery(ids))
        .order_by_asc(moved::Column::Id);
    assert_eq!(refusal(outer.all(&m.db).await).code, "42703");
}
