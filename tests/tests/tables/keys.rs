//! Keys of every type, and values of every type.

use sea_orm::entity::prelude::*;
use sea_orm_archive::prelude::*;

use crate::tables::family::{FAMILY, cascaded};
use sea_orm_archive_tests::{
    sql::{count, dump, dumps, run},
    tables::tables,
};

/// A parent and a child whose key is of one type.
macro_rules! keyed {
    ($name:ident, $key:ty) => {
        mod $name {
            pub mod parent {
                use sea_orm::entity::prelude::*;
                use sea_orm_archive::DeriveArchive;

                #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
                #[sea_orm(table_name = "parents")]
                #[archive(cascade(super::child::Entity), deleted_by = "String")]
                pub struct Model {
                    #[sea_orm(primary_key, auto_increment = false)]
                    pub id: $key,
                }

                #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
                pub enum Relation {}

                impl ActiveModelBehavior for ActiveModel {}
            }

            pub mod child {
                use sea_orm::entity::prelude::*;
                use sea_orm_archive::DeriveArchive;

                #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
                #[sea_orm(table_name = "children")]
                #[archive(detach(super::note::Entity), deleted_by = "String")]
                pub struct Model {
                    #[sea_orm(primary_key, auto_increment = false)]
                    pub id: $key,
                    pub parent_id: $key,
                }

                #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
                pub enum Relation {
                    #[sea_orm(
                        belongs_to = "super::parent::Entity",
                        from = "Column::ParentId",
                        to = "super::parent::Column::Id"
                    )]
                    Parent,
                }

                impl Related<super::parent::Entity> for Entity {
                    fn to() -> RelationDef {
                        Relation::Parent.def()
                    }
                }

                impl ActiveModelBehavior for ActiveModel {}
            }

            pub mod note {
                use sea_orm::entity::prelude::*;

                #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
                #[sea_orm(table_name = "notes")]
                pub struct Model {
                    #[sea_orm(primary_key, auto_increment = false)]
                    pub id: $key,
                    pub child_id: Option<$key>,
                }

                #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
                pub enum Relation {
                    #[sea_orm(
                        belongs_to = "super::child::Entity",
                        from = "Column::ChildId",
                        to = "super::child::Column::Id"
                    )]
                    Child,
                }

                impl Related<super::child::Entity> for Entity {
                    fn to() -> RelationDef {
                        Relation::Child.def()
                    }
                }

                impl ActiveModelBehavior for ActiveModel {}
            }

            use sea_orm::entity::prelude::*;
            use sea_orm_archive::error::ConflictError;
            use sea_orm_archive::prelude::*;
            use sea_orm_archive_migration::ExistingTable;
            use sea_orm_migration::prelude::ColumnType;

            use sea_orm_archive_tests::{sql::{dumps}, tables::{archive_table, tables}};

            /// Archives and restores the parent `key` with its child and note. `literal` is the key in SQL, `others` are
            /// the keys of child and note.
            pub async fn round_trip(sql_type: &str, key: $key, literal: &str, others: [&str; 2]) {
                let names = ["parents", "children", "notes"];
                let [child, note] = others;
                let (_database, db) = tables(
                    &format!(
                        "create table parents (id {sql_type} primary key);
                         create table children (id {sql_type} primary key, parent_id {sql_type} not null references parents on delete cascade);
                         create table notes (id {sql_type} primary key, child_id {sql_type} references children on delete set null);
                         insert into parents values ({literal}), ({child});
                         insert into children values ({child}, {literal}), ({note}, {child});
                         insert into notes values ({note}, {child}), ({child}, {note})"
                    ),
                    &[],
                )
                .await;
                for table in ["parents", "children"] {
                    archive_table(&db, ExistingTable::new(table).deleted_by(ColumnType::Text)).await;
                }
                let before = dumps(&db, &names).await;
                let model = parent::Entity::find_by_id(key.clone()).one(&db).await.unwrap().unwrap();
                let archival = model.clone().archive(&db).await.unwrap();
                let rows = [("public.parents".to_owned(), 1), ("public.children".to_owned(), 1)];
                assert_eq!(archival.rows(), rows.into(), "{literal}");
                assert!(matches!(
                    parent::Entity::archive_by_id(key.clone()).exec(&db).await,
                    Err(Error::Conflict(ConflictError::AlreadyArchived { archival: by, .. })) if by == archival.id
                ));
                let deleted = parent::deleted::Entity::find_by_id(key.clone()).one(&db).await.unwrap().unwrap();
                assert_eq!(deleted.archival_id, archival.id);
                let restored = deleted.restore(&db).await.unwrap();
                assert_eq!(restored.relinked, 1, "{literal}");
                assert_eq!(dumps(&db, &names).await, before);
                // The same by the key alone, and by a filter.
                parent::Entity::archive_many()
                    .filter(parent::Column::Id.eq(key.clone()))
                    .by("alice")
                    .exec(&db)
                    .await
                    .unwrap();
                parent::Entity::restore_by_id(key).by("alice").exec(&db).await.unwrap();
                assert_eq!(dumps(&db, &names).await, before);
            }
        }
    };
}

keyed!(by_i32, i32);
keyed!(by_i64, i64);
keyed!(by_uuid, Uuid);
keyed!(by_text, String);
keyed!(by_bytes, Vec<u8>);
keyed!(by_time, DateTimeUtc);
keyed!(by_date, Date);

#[tokio::test]
async fn integer_keys_are_archived_and_restored() {
    by_i32::round_trip("int", i32::MAX, "2147483647", ["-1", "0"]).await;
}

/// Keys above 2^53, which some JSON readers round.
#[tokio::test]
async fn bigint_keys_are_archived_and_restored() {
    by_i64::round_trip(
        "bigint",
        i64::MAX,
        "9223372036854775807",
        ["-9223372036854775808", "9007199254740993"],
    )
    .await;
}

#[tokio::test]
async fn uuid_keys_are_archived_and_restored() {
    by_uuid::round_trip(
        "uuid",
        Uuid::from_u128(1),
        "'00000000-0000-0000-0000-000000000001'",
        [
            "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
            "'00000000-0000-0000-0000-000000000000'",
        ],
    )
    .await;
}

#[tokio::test]
async fn text_keys_are_archived_and_restored() {
    for key in [
        "a",
        "",
        "it's \"quoted\" \\ {}",
        "null",
        "ünï\u{1f980}",
        " 1 ",
        "a\nb\tc",
    ] {
        let literal = format!("'{}'", key.replace('\'', "''"));
        by_text::round_trip("text", key.to_owned(), &literal, ["'x'", "'{\"y\": 1}'"]).await;
    }
}

#[tokio::test]
async fn bytea_keys_are_archived_and_restored() {
    by_bytes::round_trip(
        "bytea",
        vec![0, 255, b'\\', b'\''],
        r"'\x00ff5c27'",
        [r"'\x'", r"'\x00'"],
    )
    .await;
}

#[tokio::test]
async fn timestamp_and_date_keys_are_archived_and_restored() {
    let key = "2024-02-29T23:59:59.123456Z".parse().unwrap();
    by_time::round_trip(
        "timestamptz",
        key,
        "'2024-02-29 23:59:59.123456+00'",
        ["'infinity'", "'0044-03-15 12:00:00+00 BC'"],
    )
    .await;
    let key = "2024-02-29".parse().unwrap();
    by_date::round_trip(
        "date",
        key,
        "'2024-02-29'",
        ["'-infinity'", "'0044-03-15 BC'"],
    )
    .await;
}

const VALUES: &str = "
    create schema other;
    create type other.mood as enum ('sad', 'it''s \"ok\"', 'ünhappy');
    create type other.pair as (a int, b text);
    create domain other.percent as int check (value between 0 and 100);
    create table parents (
        id bigint primary key,
        mood other.mood, moods other.mood[], pair other.pair, pairs other.pair[], percent other.percent,
        numbers int[], grid int[][], texts text[],
        j json, jb jsonb, path jsonpath,
        n numeric, n2 numeric(20, 4), f4 real, f8 double precision, cash money,
        b bytea, t text, v varchar(3), c char(3), quick \"char\",
        at timestamptz, local timestamp, day date, hour time, zoned timetz, lasting interval,
        net inet, block cidr, mac macaddr, bits bit(3), many bit varying,
        p point, poly polygon, r int4range, mr nummultirange, vec tsvector, q tsquery,
        x xml, u uuid, o oid, name name, flag bool);
    create table children (id bigint primary key, parent_id bigint references parents);
    insert into parents (id) values (1);
    insert into parents values (2,
        'it''s \"ok\"', array['sad', 'ünhappy', null]::other.mood[], row(1, 'a,\"b')::other.pair, array[row(null, '')]::other.pair[], 100,
        '[0:1]={1,null}', '{{1,2},{3,4}}', array['', null, 'null', 'a\"b\\c'],
        '{\"b\":  1, \"a\": 1.10, \"a\": 2}', '{\"b\": 1.100, \"a\": null, \"n\": 12345678901234567890.12345}', '$.a[*] ? (@ > 1)',
        1.500000000000000000000, 1.5, '-0', 'NaN', 12.34,
        '\\x00ff', E'\\t\\n\\\\', 'abc', 'a', 'z',
        '2024-01-01 00:00:00.000001+05:30', 'infinity', '-infinity', '24:00', '12:00:00.1-08', '1 mon -3 days 00:00:00.000001',
        '10.0.0.1/8', '::1', '08:00:2b:01:02:03', '101', '',
        '(1e-300,-0)', '((0,0),(1,1),(1,0))', '[1,5)', '{[1,2],(3,4.50)}', 'a:1A b', 'a & !b',
        '<a b=\"c\">d</a>', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 4294967295, 'n', true);
    insert into parents (id, n, f4, f8, at, t) values (3, 'NaN', 'Infinity', 1.7976931348623157e308, '-infinity', repeat('ünï', 100000)), (4, '-Infinity', 0.1, 0.1, '4714-11-24 00:00:00+00 BC', '')";

#[tokio::test]
async fn values_of_every_type_are_restored_unchanged() {
    let (_database, db) = tables(VALUES, &FAMILY).await;
    let before = dump(&db, "parents").await;
    let archivals = cascaded::parent::Entity::archive_many()
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(archivals.len(), 4);
    assert_eq!(count(&db, "parents").await, 0);
    // By archival and by key.
    archivals[0].restore(&db).await.unwrap();
    cascaded::parent::Entity::restore_by_id(2)
        .exec(&db)
        .await
        .unwrap();
    for archival in &archivals[2..] {
        archival.restore(&db).await.unwrap();
    }
    assert_eq!(dump(&db, "parents").await, before);
}

/// The same with a trigger, because of which the restore compares each row with the restored one.
#[tokio::test]
async fn values_of_every_type_are_compared_beside_a_trigger() {
    let (_database, db) = tables(VALUES, &FAMILY).await;
    run(
        &db,
        "create function pass() returns trigger language plpgsql as 'begin return new; end';
         create trigger pass before insert on parents for each row execute function pass()",
    )
    .await;
    let before = dump(&db, "parents").await;
    cascaded::parent::Entity::archive_many()
        .exec(&db)
        .await
        .unwrap();
    for id in 1..=4 {
        cascaded::parent::Entity::restore_by_id(id)
            .exec(&db)
            .await
            .unwrap();
    }
    assert_eq!(dump(&db, "parents").await, before);
}

/// Settings for the output of dates, bytes and numbers must not change stored values.
#[tokio::test]
async fn settings_of_the_session_change_no_value() {
    let (database, db) = tables(VALUES, &FAMILY).await;
    let before = dumps(&db, &FAMILY).await;
    let session = database.session("odd").await;
    run(
        &session.db(),
        "set datestyle = 'SQL, DMY'; set intervalstyle = sql_standard; set bytea_output = escape;
         set extra_float_digits = -15; set timezone = 'Asia/Kolkata'; set standard_conforming_strings = off;
         set xmlbinary = hex; set lc_monetary = 'C'; set default_transaction_isolation = 'repeatable read'",
    )
    .await;
    cascaded::parent::Entity::archive_many()
        .exec(&session.db())
        .await
        .unwrap();
    for id in 1..=4 {
        cascaded::parent::Entity::restore_by_id(id)
            .exec(&session.db())
            .await
            .unwrap();
    }
    assert_eq!(dumps(&db, &FAMILY).await, before);
}
