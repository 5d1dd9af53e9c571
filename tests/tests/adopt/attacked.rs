//! Tables that are harder to adopt than most.

use sea_orm_archive_migration::prelude::*;
use sea_orm_archive_tests::sql::{count, refused, run, texts};
use sea_orm_archive_tests::tables::tables;
use sea_orm_migration::SchemaManager;

use super::helpdesk::rows;

fn users() -> SoftDeleted {
    SoftDeleted::new("users").deleted_at("deleted_at")
}

#[tokio::test]
async fn indexes_constraints_and_policies_of_any_kind_are_there_afterwards_and_after_the_down() {
    let (_database, db) = tables(
        "create table users (id bigint generated always as identity primary key, email text collate \"C\", code int, boss bigint references users,
                             lower_email text generated always as (lower(email)) stored, during int4range default '[1,2)',
                             deleted_at timestamptz(3) default null,
                             unique (code) deferrable initially deferred, exclude using gist (during with &&) where (deleted_at is null));
         create unique index \"E mail\" on users (lower(email) collate \"C\" text_pattern_ops desc) include (code) nulls not distinct where (deleted_at is null);
         create index by_code on users (code) with (fillfactor = 70) where deleted_at is null and email <> ' AND (deleted_at';
         alter table users enable row level security;
         create policy everyone on users using (true);
         insert into users (email, code, boss, during, deleted_at) values ('A', 1, 1, '[1,2)', null), ('a', 2, 2, '[1,2)', '2024-01-01Z'), ('a', 3, 2, '[1,2)', '2024-01-01Z'),
                                                         (null, 4, 1, '[5,6)', '2024-01-02Z'), (null, 5, 1, '[5,6)', null)",
        &[],
    )
    .await;
    let manager = SchemaManager::new(&db);
    let error = manager.adopt_soft_deleted([users()]).await.unwrap_err();
    assert!(error.to_string().contains("users_during_excl"), "{error}");
    run(&db, "alter table users drop constraint users_during_excl").await;
    let before = rows(&db, &["users"]).await;
    let indexes = || {
        texts(
            &db,
            "select indexdef from pg_indexes where tablename = 'users' order by indexname",
        )
    };
    let indexes_before = indexes().await;
    let adopted = manager.adopt_soft_deleted([users()]).await.unwrap();
    assert_eq!((adopted.archivals, adopted.rows()), (2, 3));
    assert_eq!(
        indexes().await[0],
        "CREATE UNIQUE INDEX \"E mail\" ON public.users USING btree (lower(email) text_pattern_ops DESC) INCLUDE (code) NULLS NOT DISTINCT"
    );
    refused(&db, "insert into users (email) values ('a')").await;
    assert_eq!(count(&db, "pg_policy where polname = 'everyone'").await, 2);
    manager.restore_soft_deleted(["users"]).await.unwrap();
    assert_eq!(rows(&db, &["users"]).await, before);
    assert_eq!(indexes().await, indexes_before);
    refused(&db, "insert into users (email) values ('a')").await;
}

/// A row that refers to itself, and rows below it that were marked at another time.
#[tokio::test]
async fn rows_that_were_restored_archived_and_changed_after_an_adoption_are_not_lost_by_the_down() {
    let (_database, db) = tables(
        "create table users (id int primary key, boss int references users, deleted_at timestamptz);
         insert into users values (1, 1, '2024-01-01Z'), (2, 1, '2024-01-01Z'), (3, 2, '2024-01-02Z'), (4, null, null)",
        &[],
    )
    .await;
    let manager = SchemaManager::new(&db);
    manager.adopt_soft_deleted([users()]).await.unwrap();
    assert_eq!(
        texts(
            &db,
            "select concat(root_key->>'id', row_counts) from archive.archival order by id"
        )
        .await,
        ["1{\"public.users\": 2}", "3{\"public.users\": 1}"]
    );
    let ids = texts(&db, "select id::text from archive.archival order by id").await;
    let restored = sea_orm_archive::archival::Entity::restore_by_id(ids[0].parse::<i64>().unwrap());
    assert_eq!(restored.exec(&db).await.unwrap().rows["public.users"], 2);
    run(&db, "update users set id = 20 where id = 4").await;
    manager.restore_soft_deleted(["users"]).await.unwrap();
    assert_eq!(
        texts(
            &db,
            "select concat_ws(' ', id, boss, deleted_at is not null) from users order by id"
        )
        .await,
        ["1 1 f", "2 1 f", "3 2 t", "20 f"]
    );
}
