//! Values of a person that an erasure would miss, and holds that it would not see.

use sea_orm::DatabaseConnection;
use sea_orm_archive::erasure::PersonEntity;
use sea_orm_archive::error::SetupError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, AuditSchema, ErasureSchema, PersonalData};
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::{count, number, refused, run, texts};
use sea_orm_archive_tests::tables::tables;
use sea_orm_migration::SchemaManager;

use super::people::{people, person};
use super::{assert_gone, places};

/// Race: the row had been erased when it was changed and deleted, so its new values are in the log alone.
#[tokio::test]
async fn row_that_is_changed_and_deleted_between_two_steps_is_erased_in_the_log() {
    let database = people().await;
    let db = database.connect().await;
    let mut batches = person::Entity::erase_by_id(1).in_batches(1);
    while let Some(certificate) = batches.next(&db).await.unwrap() {
        if certificate.erasure.state == "check" && count(&db, "comments where id = 2").await == 1 {
            run(&db, "update comments set content = 'from Ada again' where id = 2; delete from comments where id = 2").await;
            run(&db, "update persons set phone = '+44 20 9999', email = 'countess@example.org' where id = 1; update persons set phone = null, email = 'x' where id = 1").await;
        }
    }
    assert_eq!(count(&db, "comments where id = 2").await, 0);
    assert_gone(&db, &["from ada", "20 9999", "countess"]).await;
}

/// Posts and comments without foreign keys.
async fn loose() -> (Database, DatabaseConnection) {
    let (database, db) = tables(
        "create table persons (id bigint primary key, name text);
         create table posts (id bigint primary key, author_id bigint, title text);
         create table comments (id bigint primary key, post_id bigint, content text)",
        &[],
    )
    .await;
    let manager = SchemaManager::new(&db);
    manager.install_audit().await.unwrap();
    for table in ["persons", "posts", "comments"] {
        manager.audit_table(table).await.unwrap();
    }
    for (table, data) in [
        ("persons", PersonalData::of_person().null("name")),
        (
            "posts",
            PersonalData::belongs_to("persons", ["author_id"]).null("title"),
        ),
        (
            "comments",
            PersonalData::belongs_to("posts", ["post_id"]).null("content"),
        ),
    ] {
        manager.declare_personal_data(table, data).await.unwrap();
    }
    (database, db)
}

/// Its parent was deleted, so only the log contains that the row belongs to the person.
#[tokio::test]
async fn row_without_its_parent_is_in_the_certificate() {
    let (_database, db) = loose().await;
    run(
        &db,
        "insert into persons values (1, 'Ada'), (2, 'Bob');
         insert into posts values (1, 1, 'a'), (2, 2, 'b'), (3, 1, 'c');
         insert into comments values (1, 1, 'of a deleted post'), (2, 2, 'of a post of Bob'), (3, 3, 'of a post');
         delete from posts where id in (1, 2)",
    )
    .await;
    let certificate = person::Entity::erase_by_id(1).exec(&db).await.unwrap();
    assert!(!certificate.is_complete());
    let found: Vec<_> = certificate.found().into_iter().collect();
    assert_eq!(found, [("public.comments.content".to_owned(), 1)]);
    assert_eq!(
        texts(
            &db,
            "select coalesce(content, '-') from comments order by id"
        )
        .await,
        ["of a deleted post", "of a post of Bob", "-"]
    );
    run(&db, "update comments set content = null where id = 1").await;
    let certificate = person::Entity::erase_by_id(1).exec(&db).await.unwrap();
    assert!(certificate.is_complete(), "{certificate}");
    assert_gone(&db, &["of a deleted post"]).await;
}

/// After two columns have exchanged their names, an image contains both names of each.
#[tokio::test]
async fn deleted_rows_are_found_by_a_link_whose_name_another_column_has_now() {
    let (_database, db) = loose().await;
    let manager = SchemaManager::new(&db);
    run(
        &db,
        "alter table posts add column reader_id bigint; insert into persons values (1, 'Ada'), (2, 'Bob')",
    )
    .await;
    manager.audit_table("posts").await.unwrap();
    run(
        &db,
        "insert into posts values (1, 1, 'early, from Bob to Ada', 2), (2, 2, 'early, from Ada to Bob', 1); delete from posts;
         alter table posts rename reader_id to other",
    )
    .await;
    manager.audit_table("posts").await.unwrap();
    run(
        &db,
        "alter table posts rename author_id to reader_id; alter table posts rename other to author_id",
    )
    .await;
    manager.audit_table("posts").await.unwrap();
    run(&db, "insert into posts (id, author_id, reader_id, title) values (3, 1, 2, 'late, from Ada'), (4, 2, 1, 'late, from Bob'); delete from posts").await;
    person::Entity::erase_by_id(1).exec(&db).await.unwrap();
    assert_gone(&db, &["early, from ada", "late, from ada"]).await;
    for value in ["early, from bob", "late, from bob"] {
        assert_eq!(places(&db, value).await.len(), 2, "{value}");
    }
}

/// Equal values of such a type have different texts, and a hold on one of them would not be that on the other.
#[tokio::test]
async fn key_with_equal_values_of_different_texts_identifies_no_person() {
    for (kind, is_exact) in [
        ("numeric", false),
        ("double precision", false),
        ("character(8)", false),
        ("text collate blind", false),
        ("amount", false),
        ("varchar(9)", true),
        ("word", true),
        ("timestamptz", true),
        ("mood", true),
    ] {
        let (_database, db) = tables(
            &format!(
                "create collation blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
                 create domain amount as numeric; create domain word as text; create type mood as enum ('glad');
                 create table persons (id {kind} primary key, name text)"
            ),
            &[],
        )
        .await;
        let manager = SchemaManager::new(&db);
        let declared = manager
            .declare_personal_data("persons", PersonalData::of_person().null("name"))
            .await;
        match declared {
            Ok(()) => assert!(is_exact, "{kind}"),
            Err(error) => assert!(
                !is_exact
                    && error
                        .to_string()
                        .contains("rows of public.persons cannot be persons"),
                "{kind}: {error}"
            ),
        }
    }
    // The type is changed later.
    let (_database, db) = loose().await;
    run(&db, "alter table persons alter column id type numeric").await;
    for sql in [
        "select archive.begin_erasure('persons', '[\"1\"]')",
        "select archive.hold_person('persons', '[\"1\"]', 'case', null, null)",
    ] {
        assert_eq!(refused(&db, sql).await.code, "AR025", "{sql}");
    }
}

#[tokio::test]
async fn keys_and_batches_that_are_none_are_refused() {
    let database = people().await;
    let db = database.connect().await;
    for key in ["null", "{}", "[]", "[null]", "1", "[\"1\", \"2\"]"] {
        for sql in [
            format!("select archive.begin_erasure('persons', '{key}')"),
            format!("select archive.hold_person('persons', '{key}', 'case', null, null)"),
        ] {
            let refusal = refused(&db, &sql).await;
            assert_eq!(refusal.code, "22023", "{sql}");
            assert!(
                refusal.message.contains("is not a primary key of persons"),
                "{}",
                refusal.message
            );
        }
    }
    let begun = number(&db, "select archive.begin_erasure('persons', '[\"1\"]')").await;
    for rows in [0, -1] {
        let refusal = refused(&db, &format!("select archive.erase_step({begun}, {rows})")).await;
        assert!(
            refusal.message.contains("at least 1 row"),
            "{}",
            refusal.message
        );
    }
}

#[tokio::test]
async fn values_in_rows_domains_and_other_types_are_found() {
    let database = people().await;
    let db = database.connect().await;
    run(
        &db,
        "create type pair as (a text, b text); create domain doc as jsonb;
         create table notes (id bigint primary key, of_row pair, of_rows pair[], of_domain doc, of_domains doc[]);
         insert into notes values (1, row('ada@example.org', 'x'), array[row('ada@example.org', 'x')::pair], '{\"a\": \"ada@example.org\"}', array['{\"a\": \"ada@example.org\"}'::doc])",
    )
    .await;
    SchemaManager::new(&db)
        .archive_existing_table("notes")
        .await
        .unwrap();
    let certificate = person::Entity::erase_by_id(1).exec(&db).await.unwrap();
    let found: Vec<_> = certificate.found().into_iter().collect();
    let of = |column: &str| (format!("public.notes.{column}"), 1);
    assert_eq!(
        found,
        [
            of("of_domain"),
            of("of_domains"),
            of("of_row"),
            of("of_rows")
        ]
    );
}

/// A rule for a table that was replaced by another one of the same name, or that leads to a dropped one, would erase nothing.
#[tokio::test]
async fn rule_of_a_replaced_or_dropped_table_stops_the_erasure() {
    let problem = |result: Result<_, Error>| match result {
        Err(Error::Setup(SetupError::PersonalData { message, .. })) => message,
        other => panic!("{other:?}"),
    };
    let (_database, db) = loose().await;
    let manager = SchemaManager::new(&db);
    run(
        &db,
        "insert into persons values (1, 'Ada'); insert into posts values (1, 1, 'By Ada'); insert into comments values (1, 1, 'of the post');
         create table posts_2 (like posts including all); insert into posts_2 select * from posts; drop table posts; alter table posts_2 rename to posts",
    )
    .await;
    let message = problem(person::Entity::erase_by_id(1).exec(&db).await);
    assert!(
        message.contains("comments") && message.contains("posts"),
        "{message}"
    );
    manager
        .declare_personal_data(
            "posts",
            PersonalData::belongs_to("persons", ["author_id"]).null("title"),
        )
        .await
        .unwrap();
    let certificate = person::Entity::erase_by_id(1).exec(&db).await.unwrap();
    assert!(certificate.is_complete(), "{certificate}");
    assert_eq!(
        number(
            &db,
            "select count(*) from posts join comments on true where title is null and content is null"
        )
        .await,
        1
    );

    run(&db, "drop table posts").await;
    let message = problem(person::Entity::erase_by_id(1).exec(&db).await);
    assert!(message.contains("comments"), "{message}");
    manager.drop_personal_data("comments").await.unwrap();
    person::Entity::erase_by_id(1).exec(&db).await.unwrap();
}
