//! Tables where a verb could write a wrong row or report one that it did not write: it refuses them or works correctly.

use sea_orm::prelude::*;
use sea_orm::{ConnectOptions, DatabaseConnection, TransactionTrait};
use sea_orm_archive::error::{ConflictError, DriftError, NotFoundError};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::Database;
use sea_orm_migration::SchemaManager;

use crate::history::departments::run;

/// A history whose identity is a short text.
mod currency {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveHistory;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveHistory)]
    #[sea_orm(table_name = "currency_name")]
    #[history(identity = "code")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub code: String,
        pub name: String,
        pub valid_from: DateTimeUtc,
        pub valid_to: Option<DateTimeUtc>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

use currency::{Column, Entity as Names};

const EXCLUDE: &str = "exclude using gist (code with =, tstzrange(valid_from, valid_to) with &&)";

/// A currency, the dollar, in a table with additional columns and constraints.
async fn dollar(key: &'static str, more: &'static str) -> (Database, DatabaseConnection) {
    let database = Database::from_template(key, async |db| {
        db.execute_unprepared(&format!(
            "create extension btree_gist;
             create collation ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
             create table currency (code varchar(3) primary key);
             create table currency_name (
                 id serial primary key,
                 code varchar(3) not null references currency,
                 name text not null,
                 valid_from timestamptz not null,
                 valid_to timestamptz,
                 {more}
             );
             insert into currency values ('USD'), ('EUR');
             insert into currency_name (code, name, valid_from) values ('USD', 'dollar', '2024-01-01Z')"
        ))
        .await?;
        SchemaManager::new(&db).install_archive().await?;
        Ok(())
    })
    .await;
    let db = database.connect().await;
    (database, db)
}

fn rename(name: &str) -> sea_orm_archive::history::Change<Names> {
    Names::change("USD").value(Column::Name, name)
}

async fn names(db: &impl ConnectionTrait) -> Vec<String> {
    let versions = Names::find_timeline("USD").all(db).await.unwrap();
    versions.into_iter().map(|v| v.name).collect()
}

#[tokio::test]
async fn identity_longer_than_the_column_is_not_found() {
    let (_database, db) = dollar("guarded dollar", EXCLUDE).await;
    let tether = Names::change("USDT")
        .value(Column::Name, "Tether")
        .exec(&db)
        .await;
    assert!(
        matches!(tether, Err(Error::NotFound(NotFoundError::Identity { .. }))),
        "{tether:?}"
    );
    let ended = Names::end("USDCoin").exec(&db).await;
    assert!(
        matches!(ended, Err(Error::NotFound(NotFoundError::Identity { .. }))),
        "{ended:?}"
    );
    assert_eq!(names(&db).await, ["dollar"]);
}

#[tokio::test]
async fn nondeterministic_collation_does_not_hide_a_change() {
    let (_database, db) = dollar("spelled dollar", EXCLUDE).await;
    run(
        &db,
        "alter table currency_name alter column name type text collate ci",
    )
    .await;
    rename("DOLLAR").exec(&db).await.unwrap();
    assert_eq!(names(&db).await, ["dollar", "DOLLAR"]);
    assert_eq!(
        Names::find_changes(Column::Name)
            .all(&db)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn version_that_ends_at_infinity_is_open() {
    let (_database, db) = dollar("infinite dollar", EXCLUDE).await;
    run(&db, "update currency_name set valid_to = 'infinity'").await;
    let changed = rename("buck").exec(&db).await.unwrap();
    assert_eq!((changed.name.as_str(), changed.valid_to), ("buck", None));
}

#[tokio::test]
async fn exclusion_constraint_over_other_columns_is_refused() {
    let (_database, db) = dollar(
        "unguarded dollar",
        "valid_to_planned timestamptz, exclude using gist (code with =, tstzrange(valid_from, valid_to_planned) with &&)",
    )
    .await;
    let error = rename("buck").exec(&db).await.unwrap_err();
    assert!(
        matches!(error, Error::Drift(DriftError::Schema { .. })),
        "{error}"
    );
}

#[tokio::test]
async fn time_columns_that_round_are_refused() {
    let (_database, db) = dollar("rounded dollar", EXCLUDE).await;
    run(&db, "alter table currency_name alter column valid_from type timestamptz(0), alter column valid_to type timestamptz(0)").await;
    let error = rename("buck").exec(&db).await.unwrap_err();
    assert!(error.to_string().contains("rounds"), "{error}");
}

#[tokio::test]
async fn column_with_a_reserved_name_is_refused() {
    let (_database, db) = dollar("marked dollar", EXCLUDE).await;
    run(
        &db,
        "alter table currency_name add column \"archive.from\" text default 'precious'",
    )
    .await;
    let error = rename("buck").exec(&db).await.unwrap_err();
    assert!(error.to_string().contains("archive.from"), "{error}");
}

#[tokio::test]
async fn trigger_that_skips_or_moves_a_version_is_detected() {
    let (_database, db) = dollar("triggered dollar", EXCLUDE).await;
    let later: DateTimeUtc = "2999-01-01T00:00:00Z".parse().unwrap();
    Names::start("EUR")
        .value(Column::Name, "euro")
        .valid_from(later)
        .exec(&db)
        .await
        .unwrap();
    run(
        &db,
        "create function stays() returns trigger language plpgsql as $$ begin return null; end $$;
         create trigger stays before delete on currency_name for each row execute function stays()",
    )
    .await;
    let error = Names::cancel("EUR", later).exec(&db).await.unwrap_err();
    assert!(
        matches!(error, Error::Drift(DriftError::Trigger { .. })),
        "{error}"
    );
    run(
        &db,
        "create function moves() returns trigger language plpgsql as
         $$ begin new.valid_from := new.valid_from + interval '1 day'; return new; end $$;
         create trigger moves before insert on currency_name for each row execute function moves()",
    )
    .await;
    let error = rename("buck").exec(&db).await.unwrap_err();
    assert!(
        matches!(error, Error::Drift(DriftError::Trigger { .. })),
        "{error}"
    );
    assert_eq!(names(&db).await, ["dollar"]);
}

#[tokio::test]
async fn unique_violation_is_no_overlap() {
    let (_database, db) = dollar(
        "unique dollar",
        "unique (name), exclude using gist (code with =, tstzrange(valid_from, valid_to) with &&)",
    )
    .await;
    Names::start("EUR")
        .value(Column::Name, "euro")
        .exec(&db)
        .await
        .unwrap();
    let transaction = db.begin().await.unwrap();
    let error = rename("euro").exec(&transaction).await.unwrap_err();
    assert!(matches!(error, Error::Database(_)), "{error}");
    // The caller's transaction is still usable.
    rename("buck").exec(&transaction).await.unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn overlap_error_leaves_the_callers_transaction_usable() {
    let (_database, db) = dollar("planned dollar", EXCLUDE).await;
    let year = |year: i32| -> DateTimeUtc { format!("{year}-01-01T00:00:00Z").parse().unwrap() };
    Names::end("USD").at(year(2500)).exec(&db).await.unwrap();
    Names::start("USD")
        .value(Column::Name, "plan")
        .valid_from(year(2600))
        .exec(&db)
        .await
        .unwrap();
    let transaction = db.begin().await.unwrap();
    let moved = Names::reschedule("USD", year(2600), year(2400));
    let error = moved.exec(&transaction).await.unwrap_err();
    let Error::Conflict(ConflictError::Overlap { existing, .. }) = &error else {
        panic!("{error}");
    };
    assert!(existing.contains("2024"), "{error}");
    assert_eq!(names(&transaction).await, ["dollar", "plan"]);
}

#[tokio::test]
async fn dropped_foreign_key_no_longer_blocks_a_cancel() {
    let (_database, db) = dollar("referred dollar", EXCLUDE).await;
    let later: DateTimeUtc = "2999-01-01T00:00:00Z".parse().unwrap();
    rename("plan").valid_from(later).exec(&db).await.unwrap();
    run(
        &db,
        "create table note (version int references currency_name on delete cascade)",
    )
    .await;
    let error = Names::cancel("USD", later).exec(&db).await.unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::DependentRows { .. })),
        "{error}"
    );
    run(&db, "drop table note").await;
    Names::cancel("USD", later).exec(&db).await.unwrap();
}

#[tokio::test]
async fn renamed_identity_table_is_followed() {
    let (_database, db) = dollar("renamed dollar", EXCLUDE).await;
    rename("buck").exec(&db).await.unwrap();
    run(
        &db,
        "alter table currency rename to money; alter table money rename code to iso",
    )
    .await;
    rename("greenback").exec(&db).await.unwrap();
    run(&db, "create table currency (code text primary key)").await;
    rename("dollar").exec(&db).await.unwrap();
    assert_eq!(names(&db).await, ["dollar", "buck", "greenback", "dollar"]);
}

/// Two schemas with the same tables, chosen by the `search_path` of the connection.
#[tokio::test]
async fn identities_are_read_in_the_schema_of_the_search_path() {
    let (database, db) = dollar("two dollars", EXCLUDE).await;
    run(
        &db,
        "create schema b;
         create table b.currency (code varchar(3) primary key);
         create table b.currency_name (like public.currency_name including all, foreign key (code) references b.currency);
         insert into b.currency values ('JPY');
         insert into b.currency_name (code, name, valid_from) values ('JPY', 'yen', '2024-01-01Z')",
    )
    .await;
    let mut options = ConnectOptions::new(database.url());
    options.set_schema_search_path("b,public");
    let other = sea_orm::Database::connect(options).await.unwrap();
    rename("buck").exec(&db).await.unwrap();
    let yen = Names::change("JPY").value(Column::Name, "Yen");
    assert_eq!(yen.exec(&other).await.unwrap().name, "Yen");
    let none = Names::change("USD")
        .value(Column::Name, "x")
        .exec(&other)
        .await;
    assert!(
        matches!(none, Err(Error::NotFound(NotFoundError::Identity { .. }))),
        "{none:?}"
    );
    rename("greenback").exec(&db).await.unwrap();
}

/// A table of the same name is created in a schema that is earlier in the `search_path`. No table of the plan has
/// changed, so PostgreSQL does not plan again: each call has to resolve the name.
#[tokio::test]
async fn table_created_earlier_in_the_search_path_is_used() {
    let (database, db) = dollar("taken dollar", EXCLUDE).await;
    run(&db, "create schema b").await;
    let session = database.session("caller").await;
    let caller = session.db();
    run(&caller, "set search_path = b, public").await;
    for n in 0..8 {
        rename(&format!("buck {n}")).exec(&caller).await.unwrap();
    }
    run(
        &db,
        "create table b.currency (code varchar(3) primary key);
         create table b.currency_name (like public.currency_name including all, foreign key (code) references b.currency);
         insert into b.currency values ('USD');
         insert into b.currency_name (code, name, valid_from) values ('USD', 'B', '2024-01-01Z')",
    )
    .await;
    rename("C").exec(&caller).await.unwrap();
    assert_eq!(names(&caller).await, ["B", "C"]);
    assert_eq!(names(&db).await.len(), 9);
}
