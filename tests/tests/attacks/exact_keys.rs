//! Keys have their exact value, regardless of the settings of the session.

use sea_orm::ConnectionTrait;
use sea_orm::entity::prelude::*;
use sea_orm_archive::LostLinkReason;
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, AuditSchema};
use sea_orm_archive_tests::{Database, Session};
use sea_orm_migration::SchemaManager;

use crate::attacks::blog::{number, run};

/// An entity for `things` and one for `notes` that refer to them, with a key of the given type.
macro_rules! keyed {
    ($name:ident, $key:ty) => {
        mod $name {
            use sea_orm::entity::prelude::*;
            use sea_orm_archive::DeriveArchive;

            #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
            #[sea_orm(table_name = "things")]
            #[archive(detach(super::$name::note::Entity), deleted_by = "String")]
            pub struct Model {
                #[sea_orm(primary_key, auto_increment = false)]
                pub id: $key,
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}

            pub mod note {
                use sea_orm::entity::prelude::*;

                #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
                #[sea_orm(table_name = "notes")]
                pub struct Model {
                    #[sea_orm(primary_key, auto_increment = false)]
                    pub id: $key,
                    pub thing_id: Option<$key>,
                }

                #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
                pub enum Relation {
                    #[sea_orm(
                        belongs_to = "super::Entity",
                        from = "Column::ThingId",
                        to = "super::Column::Id"
                    )]
                    Thing,
                }

                impl Related<super::Entity> for Entity {
                    fn to() -> RelationDef {
                        Relation::Thing.def()
                    }
                }

                impl ActiveModelBehavior for ActiveModel {}
            }
        }
    };
}

/// Keys of any type by their text: `spelled_key` is a domain over the type.
mod spelled {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "things")]
    #[archive(detach(super::spelled::note::Entity), deleted_by = "String")]
    pub struct Model {
        #[sea_orm(
            primary_key,
            auto_increment = false,
            select_as = "text",
            save_as = "spelled_key"
        )]
        pub id: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    pub mod note {
        use sea_orm::entity::prelude::*;

        #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
        #[sea_orm(table_name = "notes")]
        pub struct Model {
            #[sea_orm(
                primary_key,
                auto_increment = false,
                select_as = "text",
                save_as = "spelled_key"
            )]
            pub id: String,
            #[sea_orm(select_as = "text", save_as = "spelled_key")]
            pub thing_id: Option<String>,
        }

        #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
        pub enum Relation {
            #[sea_orm(
                belongs_to = "super::Entity",
                from = "Column::ThingId",
                to = "super::Column::Id"
            )]
            Thing,
        }

        impl Related<super::Entity> for Entity {
            fn to() -> RelationDef {
                Relation::Thing.def()
            }
        }

        impl ActiveModelBehavior for ActiveModel {}
    }
}

keyed!(float, f64);
keyed!(numeric, Decimal);
keyed!(moment, DateTimeUtc);

/// Things with these keys, each with a note; archived, audited.
async fn things(sql_type: &str, keys: &str) -> Database {
    things_with("select", sql_type, keys).await
}

/// The same after a statement that defines the type.
async fn things_with(define: &str, sql_type: &str, keys: &str) -> Database {
    let database = Database::from_template("installed", async |db| {
        let manager = SchemaManager::new(&db);
        manager.install_archive().await?;
        manager.install_audit().await?;
        db.execute_unprepared(
            "create domain moment as timestamptz; create type span as range (subtype = timestamptz)",
        )
        .await
        .map(drop)
    })
    .await;
    let db = database.connect().await;
    run(
        &db,
        &format!(
            "{define}; create table things (id {sql_type} primary key);
             create table notes (id {sql_type} primary key, thing_id {sql_type} references things on delete set null);
             insert into things select * from unnest({keys}); insert into notes select id, id from things"
        ),
    )
    .await;
    let manager = SchemaManager::new(&db);
    let things = sea_orm_archive_migration::ExistingTable::new("things")
        .deleted_by(sea_orm_migration::prelude::ColumnType::Text);
    manager.archive_existing_table(things).await.unwrap();
    manager.audit_table("things").await.unwrap();
    database
}

/// A session with settings that change the text of values.
async fn session(database: &Database, settings: &str) -> Session {
    let session = database.session(settings).await;
    run(&session.db(), settings).await;
    session
}

const ROUNDED: &str = "set extra_float_digits = -10";
/// Two numbers that are equal with fewer digits.
const NEAR: [f64; 2] = [0.1, 0.100_000_000_000_000_02];

#[tokio::test]
async fn a_float_key_is_not_rounded_to_another_row() {
    let database = things(
        "double precision",
        "array[0.1, 0.10000000000000002]::float8[]",
    )
    .await;
    let session = session(&database, ROUNDED).await;
    let db = session.db();
    let near = float::Entity::archive_many().filter(float::Column::Id.eq(NEAR[1]));
    let archived = near.exec(&db).await.unwrap();
    assert_eq!(
        archived[0].root_key,
        serde_json::json!({"id": "0.10000000000000002"})
    );
    assert_eq!(
        float::deleted::Entity::find()
            .one(&db)
            .await
            .unwrap()
            .unwrap()
            .id,
        NEAR[1]
    );
    assert_eq!(
        number(
            &db,
            "select count(*) from notes where thing_id is null and id > 0.1"
        )
        .await,
        1
    );
    assert_eq!(
        float::Entity::find_audit_by_id(NEAR[1])
            .all(&db)
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        float::Entity::find_audit_by_id(NEAR[0])
            .all(&db)
            .await
            .unwrap()
            .len(),
        0
    );
    let restored = float::Entity::restore_by_id(NEAR[1])
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(restored.relinked, 1);
    float::Entity::archive_by_id(NEAR[0])
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(
        float::Entity::find().one(&db).await.unwrap().unwrap().id,
        NEAR[1]
    );
    float::Entity::restore_by_id(NEAR[0])
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(
        number(&db, "select count(*) from notes where thing_id = id").await,
        2
    );
}

#[tokio::test]
async fn a_key_is_the_same_in_every_time_zone() {
    for sql_type in ["timestamptz", "moment"] {
        let database = things(sql_type, "array['2024-05-01 12:00+00']::timestamptz[]").await;
        let tokyo = session(&database, "set timezone = 'Asia/Tokyo'").await;
        let lima = session(
            &database,
            "set timezone = 'America/Lima'; set datestyle = 'German'",
        )
        .await;
        let key: DateTimeUtc = "2024-05-01T12:00:00Z".parse().unwrap();
        let archival = moment::Entity::archive_by_id(key)
            .exec(&tokyo.db())
            .await
            .unwrap();
        assert_eq!(
            archival.root_key,
            serde_json::json!({"id": "2024-05-01 12:00:00+00"})
        );
        let error = moment::Entity::archive_by_id(key)
            .exec(&lima.db())
            .await
            .unwrap_err();
        assert!(
            matches!(
                error,
                Error::Conflict(ConflictError::AlreadyArchived { .. })
            ),
            "{error}"
        );
        let restored = moment::Entity::restore_by_id(key)
            .exec(&lima.db())
            .await
            .unwrap();
        assert_eq!(restored.relinked, 1);
        let entries = moment::Entity::find_audit_by_id(key)
            .all(&lima.db())
            .await
            .unwrap();
        assert_eq!(entries.len(), 2, "{sql_type}");
    }
}

/// Sessions whose settings change the text of every type that has settings.
const SPELLINGS: [&str; 2] = [
    "set timezone = 'Asia/Kolkata'; set datestyle = 'SQL, DMY'; set intervalstyle = sql_standard; set bytea_output = escape; set extra_float_digits = -3",
    "set timezone = 'America/Lima'; set datestyle = 'German'; set intervalstyle = iso_8601; set bytea_output = hex; set extra_float_digits = 3",
];

#[tokio::test]
async fn a_key_is_the_same_under_all_settings() {
    for (sql_type, key) in [
        ("tstzrange", "[2024-05-01 12:00+00,2024-06-01 12:00+00)"),
        (
            "tstzmultirange",
            "{[2024-05-01 12:00+00,2024-06-01 12:00+00)}",
        ),
        ("span", "[2024-05-01 12:00+00,2024-06-01 12:00+00)"),
        ("timestamptz[]", "{2024-05-01 12:00+00}"),
        ("moment", "2024-05-01 12:00+00"),
        ("date", "2024-05-06"),
        ("timestamp", "2024-05-06 12:00"),
        ("timetz", "12:00:00.5+05:30"),
        ("interval", "-1 mon 3 days -00:00:01.5"),
        ("float8", "0.1"),
        ("float4", "0.3333333"),
        ("bytea", r"\x00ff5c27"),
    ] {
        let define = format!("create domain spelled_key as {sql_type}");
        let database = things_with(
            &define,
            "spelled_key",
            &format!("array['{key}'::spelled_key]"),
        )
        .await;
        let [first, second] = [
            session(&database, SPELLINGS[0]).await,
            session(&database, SPELLINGS[1]).await,
        ];
        let mut keys = Vec::new();
        for (writer, reader) in [(&first, &second), (&second, &first)] {
            let archival = spelled::Entity::archive_by_id(key)
                .exec(&writer.db())
                .await
                .unwrap();
            keys.push(archival.root_key);
            let error = spelled::Entity::archive_by_id(key)
                .exec(&reader.db())
                .await
                .unwrap_err();
            assert!(
                matches!(&error, Error::Conflict(ConflictError::AlreadyArchived { archival: by, .. }) if *by == archival.id),
                "{sql_type}: {error}"
            );
            let restored = spelled::Entity::restore_by_id(key).exec(&reader.db()).await;
            let restored = restored.unwrap_or_else(|error| panic!("{sql_type}: {error}"));
            assert_eq!(restored.not_relinked, [], "{sql_type}");
            assert_eq!(restored.relinked, 1, "{sql_type}");
        }
        assert_eq!(keys[0], keys[1], "{sql_type}");
        for session in [&first, &second] {
            let entries = spelled::Entity::find_audit_by_id(key)
                .all(&session.db())
                .await
                .unwrap();
            assert_eq!(entries.len(), 4, "{sql_type}");
        }
        let was = spelled::Entity::find_as_of(key, entries_time(&database).await)
            .one(&second.db())
            .await;
        assert!(was.unwrap().is_some_and(|was| was.archived), "{sql_type}");
    }
}

/// The time of the first entry.
async fn entries_time(database: &Database) -> DateTimeUtc {
    let db = database.connect().await;
    let first = sea_orm_archive::audit::Entity::find();
    first.one(&db).await.unwrap().unwrap().at
}

/// The result is read after the commit, so it must not fail: a key that the client cannot read as a number is text.
#[tokio::test]
async fn key_of_any_size_is_returned() {
    let database = things("numeric", "array[10::numeric ^ 400, 1.50]").await;
    let db = database.connect().await;
    let archived = numeric::Entity::archive_many().exec(&db).await.unwrap();
    assert_eq!(archived.len(), 2);
    let keys: Vec<_> = archived
        .iter()
        .map(|a| a.root_key["id"].as_str().unwrap())
        .collect();
    assert!(keys.contains(&"1.50"), "{keys:?}");
    for archival in archived {
        assert_eq!(archival.restore(&db).await.unwrap().relinked, 1);
    }
}

#[tokio::test]
async fn a_key_of_money_is_refused() {
    let database = things("money", "array[1::money]").await;
    let db = database.connect().await;
    let error = numeric::Entity::archive_many().exec(&db).await.unwrap_err();
    assert!(
        error.to_string().contains("depends on lc_monetary"),
        "{error}"
    );
}

#[tokio::test]
async fn link_to_a_row_outside_of_the_archival_is_not_restored() {
    let database = things("numeric", "array[1, 2]").await;
    let db = database.connect().await;
    let archived = numeric::Entity::archive_by_id(Decimal::ONE)
        .exec(&db)
        .await
        .unwrap();
    run(
        &db,
        "update archive.detached_link set link = '{\"thing_id\": \"2\"}'",
    )
    .await;
    let preview = numeric::Entity::restore_by_id(Decimal::ONE)
        .preview(&db)
        .await
        .unwrap();
    let restored = archived.restore(&db).await.unwrap();
    assert_eq!((restored.relinked, restored.not_relinked.len()), (0, 1));
    assert_eq!(
        restored.not_relinked[0].reason,
        LostLinkReason::ParentMissing
    );
    assert_eq!(preview.not_relinked, restored.not_relinked);
    assert_eq!(
        number(&db, "select count(*) from notes where thing_id is null").await,
        1
    );
}
