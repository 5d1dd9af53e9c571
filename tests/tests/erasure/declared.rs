//! What may be declared as personal data, and what follows a changed table.

use sea_orm_archive::check;
use sea_orm_archive::erasure::PersonEntity;
use sea_orm_archive::error::{Error, SetupError};
use sea_orm_archive_migration::{ArchiveSchema, AuditSchema, ErasureSchema, PersonalData};
use sea_orm_archive_tests::sql::{count, one, run, texts};
use sea_orm_archive_tests::tables::tables;
use sea_orm_migration::SchemaManager;

use super::assert_gone;
use super::people::{people, person};

fn of(columns: &[&str]) -> PersonalData {
    PersonalData::belongs_to("users", columns.iter().copied())
}

#[tokio::test]
async fn rule_that_an_erasure_could_not_follow_is_refused() {
    let (_database, db) = tables(
        "create domain word as text check (value <> 'no');
         create table users (id bigint primary key, code text unique, pin char(4) not null, tags text[]);
         create table pairs (a bigint, b bigint, primary key (a, b));
         create table notes (id bigint primary key, user_id bigint, wrong_id integer, body text not null, short varchar(10), total numeric,
                             size bigint generated always as (length(body)) stored, own bigint, mark word);
         create table keyless (user_id bigint, body text);
         create view seen as select * from notes",
        &["notes"],
    )
    .await;
    let manager = SchemaManager::new(&db);
    let person = PersonalData::of_person;
    for (table, data, expected) in [
        (
            "notes",
            of(&["user_id"]).null("body"),
            "whose personal data is not declared: declare it first",
        ),
        (
            "users",
            person().constant("id", "1"),
            "part of the primary key",
        ),
        ("users", person().null("pin"), "is NOT NULL"),
        ("users", person().constant("code", "x"), "in a unique index"),
        (
            "users",
            person().pseudonym("pin"),
            "does not take a pseudonym",
        ),
        ("users", person().null("nick"), "has no column nick"),
        (
            "users",
            person().null("code").identifying(["pin"]),
            "nothing says what it is replaced with",
        ),
        (
            "users",
            person().null("tags").identifying(["tags"]),
            "leave it out of `.identifying(..)`",
        ),
        (
            "nowhere",
            person(),
            "whose personal data could be declared: create it first",
        ),
        ("seen", person(), ""),
        ("keyless", person(), "has no primary key"),
        (
            "pairs",
            person().is_actor(),
            "`.is_actor()` is for the persons themselves",
        ),
        ("users", of(&["id"]), "name the table of the persons"),
    ] {
        let error = manager
            .declare_personal_data(table, data)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{table} {expected}: {error}");
    }
    manager
        .declare_personal_data("users", person().pseudonym("code").identifying(["code"]))
        .await
        .unwrap();
    for (table, data, expected) in [
        ("notes", of(&["user_id"]).null("size"), "is generated"),
        (
            "notes",
            of(&["user_id"]).null("user_id"),
            "links rows to a person",
        ),
        (
            "notes",
            of(&["user_id"]).constant("total", "many"),
            "\"many\" is not a value of the column total",
        ),
        (
            "notes",
            of(&["user_id"]).constant("mark", "no"),
            "\"no\" is not a value of the column mark",
        ),
        (
            "notes",
            of(&["user_id"]).pseudonym("short"),
            "does not take a pseudonym",
        ),
        (
            "notes",
            of(&["wrong_id"]).null("mark"),
            "they have to be of the same type",
        ),
        (
            "notes",
            of(&["user_id", "own"]).null("mark"),
            "name one column for each",
        ),
        (
            "notes",
            of(&["author_id"]).null("mark"),
            "has no column author_id",
        ),
        (
            "notes",
            PersonalData::belongs_to("nowhere", ["user_id"]),
            "which does not exist",
        ),
        (
            "notes",
            PersonalData::belongs_to("pairs", ["user_id", "own"]),
            "whose personal data is not declared",
        ),
        (
            "deleted_notes",
            of(&["user_id"]).null("mark"),
            "is an archive table",
        ),
    ] {
        let error = manager
            .declare_personal_data(table, data)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{table} {expected}: {error}");
    }
    assert_eq!(count(&db, "archive.personal_data").await, 1);
    manager
        .declare_personal_data("notes", of(&["user_id"]).constant("body", "x"))
        .await
        .unwrap();
    // A rule with the same parent and links replaces the first one, and another link is another rule.
    manager
        .declare_personal_data("notes", of(&["user_id"]).constant("body", "y"))
        .await
        .unwrap();
    manager
        .declare_personal_data("notes", of(&["own"]).constant("body", "y"))
        .await
        .unwrap();
    assert_eq!(count(&db, "archive.personal_data").await, 3);
    let error = manager
        .drop_personal_data("users")
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("rows of public.notes belong to rows of public.users"),
        "{error}"
    );
    for table in ["notes", "users", "users"] {
        manager.drop_personal_data(table).await.unwrap();
    }
    assert_eq!(count(&db, "archive.personal_data").await, 0);
}

#[tokio::test]
async fn sender_and_recipient_are_two_rules_of_one_table() {
    let (_database, db) = tables(
        "create table persons (id bigint primary key, email text not null, name text not null, phone text);
         create table messages (id bigint primary key, sender bigint, recipient bigint, sent text, reply text);
         insert into persons values (1, 'ada@example.org', 'x', null), (2, 'bob@example.org', 'x', null);
         insert into messages values (1, 1, 2, 'from one', 'from two'), (2, 2, 1, 'from two', 'from one'), (3, 1, 1, 'from one', 'from one')",
        &["messages"],
    )
    .await;
    let manager = SchemaManager::new(&db);
    manager
        .declare_personal_data("persons", PersonalData::of_person().pseudonym("email"))
        .await
        .unwrap();
    for (link, column) in [("sender", "sent"), ("recipient", "reply")] {
        let rule = PersonalData::belongs_to("persons", [link]).null(column);
        manager
            .declare_personal_data("messages", rule)
            .await
            .unwrap();
    }
    let certificate = person::Entity::erase_by_id(1).exec(&db).await.unwrap();
    assert_eq!(
        texts(
            &db,
            "select concat(id, sent, reply) from messages order by id"
        )
        .await,
        ["1from two", "2from two", "3"]
    );
    let values: u64 = certificate.places.iter().map(|place| place.values).sum();
    assert_eq!(values, 5);
}

#[tokio::test]
async fn renamed_tables_and_columns_are_followed_and_dropped_ones_stop_the_erasure() {
    let database = people().await;
    let db = database.connect().await;
    let manager = SchemaManager::new(&db);
    run(
        &db,
        "alter table comments rename column content to body; alter table deleted_comments rename column content to body;
         alter table comments rename column author_id to written_by; alter table deleted_comments rename column author_id to written_by;
         alter table comments rename to remarks",
    )
    .await;
    manager.install_archive().await.unwrap();
    manager.install_audit().await.unwrap();
    run(&db, "insert into remarks values (30, 2, 1, 'from Ada, renamed'); delete from remarks where id = 30").await;
    let certificate = person::Entity::erase_by_id(1).exec(&db).await.unwrap();
    assert!(certificate.is_complete(), "{certificate}");
    assert_eq!(
        texts(
            &db,
            "select distinct body from remarks where written_by = 1"
        )
        .await,
        ["[erased]"]
    );
    assert_gone(&db, &["from ada", "lovelace", "ada@"]).await;
    assert_eq!(check(&db).await.unwrap(), []);

    run(
        &db,
        "alter table remarks drop column body; alter table deleted_comments drop column body",
    )
    .await;
    let error = person::Entity::erase_by_id(2).exec(&db).await.unwrap_err();
    assert!(
        matches!(&error, Error::Setup(SetupError::PersonalData { message }) if message.contains("content of public.remarks")),
        "{error}"
    );
    let findings = check(&db).await.unwrap();
    let problems: Vec<_> = findings.iter().map(|f| f.problem.as_str()).collect();
    assert!(
        problems.contains(&"has no column content, for which personal data is declared"),
        "{problems:?}"
    );
}

#[tokio::test]
async fn column_that_is_not_null_now_is_a_finding_and_stops_the_erasure() {
    let database = people().await;
    let db = database.connect().await;
    run(
        &db,
        "update posts set signature = 'x' where signature is null; alter table posts alter signature set not null",
    )
    .await;
    let findings = check(&db).await.unwrap();
    assert!(
        findings.iter().any(|f| f.object == "public.posts"
            && f.problem
                .contains("signature, which an erasure sets to NULL")),
        "{findings:?}"
    );
    let error = person::Entity::erase_by_id(1).exec(&db).await.unwrap_err();
    assert!(
        matches!(&error, Error::Setup(SetupError::PersonalData { message }) if message.contains("declare another rule")),
        "{error}"
    );
    assert_eq!(
        one::<i64>(
            &db,
            "select count(*) from posts where signature = 'Ada Lovelace'"
        )
        .await,
        2
    );
}

/// The migration converts the constant to the type of the column.
#[tokio::test]
async fn declaration_runs_no_code_of_the_owner_of_a_type() {
    let (database, db) = tables("create sequence ran", &[]).await;
    let role = database.role("mallory").await;
    run(
        &db,
        &format!("create schema evil authorization \"{role}\"; grant all on ran to \"{role}\""),
    )
    .await;
    let mallory = database.connect_as("mallory").await;
    run(
        &mallory,
        "create function evil.attack(value text) returns boolean language plpgsql as $$ begin perform nextval('public.ran'); return true; end $$;
         create domain evil.word as text check (evil.attack(value)); create domain evil.words as evil.word[];
         create type evil.mood as enum ('glad', 'sad');
         create function evil.as_json(evil.mood) returns json language sql as $$ select to_json(evil.attack('')) $$;
         create cast (evil.mood as json) with function evil.as_json(evil.mood);
         create table evil.users (id bigint primary key, word evil.word, words evil.words, mood evil.mood)",
    )
    .await;
    let manager = SchemaManager::new(&db);
    let users = ("evil", "users");
    for (column, value) in [("word", "none"), ("words", "{}")] {
        let rule = PersonalData::of_person().constant(column, value);
        let error = manager.declare_personal_data(users, rule).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("domain evil.word"), "{error}");
    }
    let rule = PersonalData::of_person().constant("mood", "sad");
    manager.declare_personal_data(users, rule).await.unwrap();
    assert_eq!(
        texts(&db, "select logged[1]::text from archive.personal_data").await,
        ["\"sad\""]
    );
    // A sequence is never rolled back.
    assert_eq!(count(&db, "ran where is_called").await, 0);
}
