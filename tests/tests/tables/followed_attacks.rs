//! Followed keys: no code of another role runs as the owner of the archive, and no row follows a key in part.

use sea_orm::{ConnectionTrait, DatabaseConnection, IsolationLevel, TransactionTrait};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::Database;
use sea_orm_migration::SchemaManager;

use crate::tables::family::detached;
use sea_orm_archive_tests::{
    sql::{count, dump, run},
    tables::tables,
};

mod city {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "cities")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const WORLD: &str = "
    create table countries (code text primary key);
    create domain code as text;
    create table cities (id bigint primary key, country {type} references countries {options});
    insert into countries values ('CZ'), ('SK');
    insert into cities values (1, 'CZ')";

/// An archived city of a country, and a function that another role may replace.
async fn archived(kind: &str, options: &str) -> (Database, DatabaseConnection) {
    let ddl = WORLD.replace("{type}", kind).replace("{options}", options);
    let (database, db) = tables(&ddl, &["cities"]).await;
    city::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let role = database.role("evil").await;
    run(
        &db,
        &format!(
            "create function checked(v text) returns boolean immutable language plpgsql as $$ begin return true; end $$;
             alter function checked(text) owner to \"{role}\""
        ),
    )
    .await;
    (database, db)
}

const CHANGE: &str = "update countries set code = 'CZE' where code = 'CZ'";

async fn refusal(db: &impl ConnectionTrait, sql: &str) -> String {
    let refused = db.execute_unprepared(sql).await;
    refused.expect_err(sql).to_string()
}

#[tokio::test]
async fn key_is_not_followed_if_code_of_another_role_would_run() {
    for (kind, sql) in [
        (
            "code",
            "alter domain code add constraint c check (checked(value)) not valid",
        ),
        (
            "text",
            "create trigger t before update on deleted_cities for each row when (checked(new.country))
             execute function suppress_redundant_updates_trigger()",
        ),
        (
            "text",
            "alter table deleted_cities add check (checked(country))",
        ),
        (
            "text",
            "create index on deleted_cities (id) where checked(country)",
        ),
    ] {
        let (_database, db) = archived(kind, "").await;
        run(&db, sql).await;
        let refused = refusal(&db, CHANGE).await;
        let names_the_role = refused.contains("another role") || refused.contains("of the role");
        assert!(names_the_role, "{sql}: {refused}");
        assert_eq!(count(&db, "deleted_cities where country = 'CZ'").await, 1);
    }
    let (_database, db) = archived("text", "").await;
    run(&db, "create index on deleted_cities (lower(country))").await;
    run(&db, CHANGE).await;
    assert_eq!(count(&db, "deleted_cities where country = 'CZE'").await, 1);
}

/// A trigger on the archive table resets or skips updates. Then no row is archived, and no key changes that archived rows
/// would have to follow: otherwise a row would be restored below another parent that gets the old key.
#[tokio::test]
async fn trigger_that_prevents_archived_rows_from_following_a_key_is_refused() {
    for body in [
        "return old",
        "return null",
        "new.country := 'SK'; return new",
    ] {
        let (_database, db) = archived("text", "").await;
        run(&db, "insert into cities values (2, 'SK')").await;
        run(
            &db,
            &format!(
                "create function t() returns trigger language plpgsql as $$ begin {body}; end $$;
                 create trigger own before update on deleted_cities for each row execute function t()"
            ),
        )
        .await;
        let refused = refusal(&db, CHANGE).await;
        assert!(refused.contains("the trigger own may"), "{refused}");
        let refused = city::Entity::archive_by_id(2).exec(&db).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("the trigger own may"), "{refused}");
        // An AFTER trigger cannot change the row.
        run(
            &db,
            "drop trigger own on deleted_cities;
             create trigger own after update on deleted_cities for each row execute function t()",
        )
        .await;
        run(&db, CHANGE).await;
        assert_eq!(count(&db, "deleted_cities where country = 'CZE'").await, 1);
    }
}

/// pg_dump writes triggers in the format of pg_get_triggerdef().
#[tokio::test]
async fn triggers_of_followed_keys_can_be_dumped_and_restored() {
    let (_database, db) = archived("text", "").await;
    // As earlier versions created it.
    run(
        &db,
        "create or replace trigger archive_follow_key after update on countries for each row
             when (row(old.code)::record *<> row(new.code)::record) execute function archive.follow_key();
         alter table countries enable always trigger archive_follow_key",
    )
    .await;
    SchemaManager::new(&db).install_archive().await.unwrap();
    run(
        &db,
        "do $$ declare definition text; begin
             set local search_path = '';
             select pg_get_triggerdef(oid) into strict definition from pg_trigger where tgname = 'archive_follow_key';
             drop trigger archive_follow_key on public.countries;
             execute definition;
         end $$",
    )
    .await;
    run(&db, CHANGE).await;
    assert_eq!(count(&db, "deleted_cities where country = 'CZE'").await, 1);
}

/// A key that is stored elsewhere too (as the key of archived rows, or of an archival record) cannot follow.
#[tokio::test]
async fn change_of_a_key_that_is_stored_elsewhere_is_refused() {
    let (_database, db) = tables(
        "create table towns (id bigint primary key);
         create table cities (id bigint primary key references towns on update cascade);
         insert into towns values (1), (2); insert into cities values (1), (2)",
        &["cities"],
    )
    .await;
    let archival = city::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let refused = refusal(&db, "update towns set id = 11 where id = 1").await;
    assert!(refused.contains("their own key"), "{refused}");
    run(&db, "update towns set id = 12 where id = 2").await;
    archival.restore(&db).await.unwrap();
    assert_eq!(dump(&db, "cities").await, ["(1)", "(12)"]);

    // In a key of two columns, only the column that is stored nowhere else may change.
    let (_database, db) = tables(
        "create table towns (org int, code text, primary key (org, code));
         create table cities (org int, id bigint, code text, primary key (org, id), foreign key (org, code) references towns);
         insert into towns values (1, 'a')",
        &["cities"],
    )
    .await;
    run(
        &db,
        "insert into deleted_cities (org, id, code, deleted_at, archival_id) values (1, 1, 'a', now(), 1);
         update towns set code = 'b'",
    )
    .await;
    assert_eq!(count(&db, "deleted_cities where code = 'b'").await, 1);
    let refused = refusal(&db, "update towns set org = 2").await;
    assert!(refused.contains("their own key"), "{refused}");

    let (_database, db) = tables(
        "create table roots (id bigint primary key, number bigint unique);
         create table parents (id bigint primary key references roots (number));
         create table children (id bigint primary key, parent_id bigint references parents on delete set null);
         insert into roots values (1, 1), (2, 2); insert into parents values (1); insert into children values (11, 1)",
        &["parents", "children"],
    )
    .await;
    // The detached link of the archived child stores the key of the parent.
    detached::child::Entity::archive_by_id(11)
        .exec(&db)
        .await
        .unwrap();
    detached::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    let refused = refusal(&db, "update roots set number = 9 where id = 1").await;
    assert!(refused.contains("their own key"), "{refused}");
}

#[tokio::test]
async fn change_of_a_followed_key_above_read_committed_is_refused() {
    for level in [IsolationLevel::RepeatableRead, IsolationLevel::Serializable] {
        let (_database, db) = archived("text", "").await;
        let txn = db.begin_with_config(Some(level), None).await.unwrap();
        let refused = refusal(&txn, CHANGE).await;
        assert!(refused.contains("READ COMMITTED"), "{refused}");
    }
}

/// Race: the trigger of the deferred foreign key fires at the end of the transaction, too late to wait for an archive.
#[tokio::test]
async fn change_of_a_key_waits_for_an_archive_below_a_deferred_foreign_key() {
    let ddl = WORLD
        .replace("{type}", "text")
        .replace("{options}", "deferrable initially deferred");
    let (database, _db) = tables(&ddl, &["cities"]).await;
    let (first, second) = (
        database.session("archiver").await,
        database.session("writer").await,
    );
    let archiving = first.db().begin().await.unwrap();
    city::Entity::archive_by_id(1)
        .exec(&archiving)
        .await
        .unwrap();
    let db = second.db();
    let writing = second.start(async move { db.execute_unprepared(CHANGE).await });
    database.wait_until_blocked_by(&second, &first).await;
    archiving.commit().await.unwrap();
    writing.finish().await.unwrap();
    let db = first.db();
    assert_eq!(count(&db, "deleted_cities where country = 'CZE'").await, 1);
}

/// A constant default is not a generated key.
#[tokio::test]
async fn only_tables_with_generated_keys_have_no_marking_trigger() {
    for (key, marked) in [
        ("bigint primary key", 1),
        ("text primary key default 'one'", 1),
        ("timestamptz primary key default now()", 1),
        ("bigserial primary key", 0),
        ("bigint primary key generated always as identity", 0),
        ("uuid primary key default gen_random_uuid()", 0),
    ] {
        let ddl = format!(
            "create table parents (id bigint primary key);
             create table children (id {key}, parent_id bigint references parents on delete set null)"
        );
        let (_database, db) = tables(&ddl, &["parents"]).await;
        let triggers =
            "pg_trigger where tgname = 'archive_mark_deleted' and tgrelid = 'children'::regclass";
        assert_eq!(count(&db, triggers).await, marked, "{key}");
    }
}
