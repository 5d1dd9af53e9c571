//! Keys of which nothing is known: nobody is erased, and there is no certificate.

use sea_orm::EntityTrait;
use sea_orm_archive::Context;
use sea_orm_archive::erasure::{self, PersonEntity};
use sea_orm_archive::error::{Error, NotFoundError};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{AuditSchema, ErasureSchema, PersonalData};
use sea_orm_archive_tests::sql::{count, run};
use sea_orm_archive_tests::tables::tables;
use sea_orm_migration::SchemaManager;

use super::people::{people, person};

fn unknown<T: std::fmt::Debug>(erased: Result<T, Error>) -> String {
    match erased {
        Err(Error::NotFound(NotFoundError::Person { table, key })) => format!("{table} {key}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn key_without_a_row_has_no_certificate() {
    let database = people().await;
    let db = database.connect().await;
    let erase = || person::Entity::erase_by_id(7);
    for erased in [
        unknown(erase().exec(&db).await),
        unknown(erase().preview(&db).await),
        unknown(erase().in_batches(1).next(&db).await),
    ] {
        assert_eq!(erased, "public.persons [\"7\"]");
    }
    let error = erase().exec(&db).await.unwrap_err();
    assert_eq!(error.http_status(), 404);
    assert!(error.to_string().ends_with("check the key"), "{error}");
    assert_eq!(count(&db, "archive.erasure").await, 0);
    assert_eq!(count(&db, "archive.erasure_row").await, 0);
}

#[tokio::test]
async fn person_in_an_archive_table_the_log_or_a_link_alone_is_erased() {
    let database = people().await;
    let db = database.connect().await;
    let rows = "insert into persons (id, email, name) values (3, 'c@example.org', 'Carla'), (4, 'd@example.org', 'Dora')";
    run(&db, rows).await;
    person::Entity::archive_by_id(3).exec(&db).await.unwrap();
    // In the log alone, as a row and as an actor.
    run(&db, "delete from persons where id = 4").await;
    let txn = Context::new().actor(5).begin(&db).await.unwrap();
    run(&txn, "update persons set phone = '1' where id = 1").await;
    txn.commit().await.unwrap();
    // A row that refers to a person that never was in the table.
    run(&db, "alter table posts drop constraint posts_author_id_fkey; insert into posts values (60, 6, 'x', 'y')").await;
    for id in [3, 4, 5, 6] {
        let certificate = person::Entity::erase_by_id(id).exec(&db).await.unwrap();
        assert!(certificate.is_complete(), "{certificate}");
    }
    unknown(person::Entity::erase_by_id(8).exec(&db).await);
}

/// Without an audit log nothing of the person is left after the first erasure.
#[tokio::test]
async fn person_is_erased_again() {
    let (_database, db) = tables(
        "create table persons (id bigint primary key, email text, name text, phone text); insert into persons values (1, 'ada@example.org', 'Ada')",
        &[],
    )
    .await;
    let manager = SchemaManager::new(&db);
    let rule = PersonalData::of_person().delete_rows();
    manager
        .declare_personal_data("persons", rule)
        .await
        .unwrap();
    for _ in 0..2 {
        let certificate = person::Entity::erase_by_id(1).exec(&db).await.unwrap();
        assert!(certificate.is_complete(), "{certificate}");
    }
    unknown(person::Entity::erase_by_id(2).exec(&db).await);
    manager.install_audit().await.unwrap();
    unknown(person::Entity::erase_by_id(2).exec(&db).await);
    assert_eq!(erasure::Entity::find().all(&db).await.unwrap().len(), 2);
}
