//! Values of every type are restored unchanged.

use sea_orm::entity::prelude::*;
use sea_orm_archive::prelude::*;

use crate::trees::database::{contents, database};

mod thing {
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

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "things")]
    #[archive(deleted_by = "Uuid")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub mood: Option<Mood>,
        pub numbers: Vec<i32>,
        #[sea_orm(column_type = "JsonBinary")]
        pub document: Json,
        pub at: DateTimeUtc,
        #[sea_orm(column_name = "class")]
        pub kind: Option<String>,
        pub bytes: Vec<u8>,
        pub ratio: f64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Columns that the entity does not have are moved too, since the plan reads them from the catalog.
#[tokio::test]
async fn columns_of_every_type_are_restored_unchanged() {
    let sql = r#"
        create type mood as enum ('so so', 'happy');
        create domain short as varchar(5) check (length(value) > 1);
        create table things (
            id uuid primary key, mood mood, numbers int[] not null, document jsonb not null, at timestamptz not null,
            class text, bytes bytea not null, ratio double precision not null,
            price numeric(10, 4), raw json, span tstzrange, title short, fixed char(4), moods mood[], place point,
            words tsvector, address inet, spent interval, bits bit(3), mine money, "Odd ""name""" text collate "C");
        insert into things values (
            '6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'so so', '{1,NULL,3}', '{"b": 1.0, "a": [null]}', '2024-02-29 12:34:56.789012+02',
            E'tab\tand \\ and ''', '\x00ff', 0.1::float8 + 0.2::float8, 1.5, '{"b":1,  "b":2}', '[2024-01-01,)', 'ab', 'x', '{happy,"so so"}', '(1.5,2)',
            'a:1 b:2', '10.0.0.1/8', '1 mon -2 days', b'101', 12.3, 'é');
        insert into things (id, mood, numbers, document, at, class, bytes, ratio) values
            ('6ba7b811-9dad-11d1-80b4-00c04fd430c8', null, '{}', 'null', 'infinity', null, '', 'NaN');
        update things set at = '2024-01-01' where at = 'infinity'"#;
    let database = database("things", sql, &[]).await;
    let db = database.connect().await;
    {
        use sea_orm_archive_migration::{ArchiveSchema, ExistingTable};
        use sea_orm_migration::prelude::ColumnType;
        let manager = sea_orm_migration::SchemaManager::new(&db);
        let things = ExistingTable::new("things").deleted_by(ColumnType::Uuid);
        manager.archive_existing_table(things).await.unwrap();
    }
    let before = contents(&db).await;
    let models = thing::Entity::find().all(&db).await.unwrap_or_default();
    let who = Uuid::from_u128(7);
    let archivals = thing::Entity::archive_many()
        .by(who)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(archivals.len(), 2);
    assert_eq!(archivals[0].archived_by, Some(who.to_string()));
    assert_eq!(
        contents(&db)
            .await
            .iter()
            .filter(|row| row.starts_with("public.deleted_things"))
            .count(),
        2
    );
    for model in models {
        let deleted = thing::deleted::Entity::find_by_id(model.id)
            .one(&db)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(deleted.deleted_by, Some(who));
        assert_eq!(thing::Model::from(deleted), model);
    }
    for archival in archivals {
        archival.restore(&db).await.unwrap();
    }
    assert_eq!(contents(&db).await, before);
}
