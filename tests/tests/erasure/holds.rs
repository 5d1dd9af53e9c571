//! Holds of persons, and holds that stop an erasure.

use sea_orm::DatabaseConnection;
use sea_orm::entity::prelude::*;
use sea_orm_archive::erasure::{Certificate, PersonEntity};
use sea_orm_archive::error::{ConflictError, SetupError};
use sea_orm_archive::prelude::*;
use sea_orm_archive::{archival, hold};
use sea_orm_archive_migration::{ErasureSchema, Retention, RetentionSchema};
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::{count, run};
use sea_orm_migration::SchemaManager;

use super::people::{comment, people, person, post};

async fn database() -> (Database, DatabaseConnection) {
    let database = people().await;
    let db = database.connect().await;
    (database, db)
}

#[track_caller]
fn assert_held<T: std::fmt::Debug>(answer: Result<T, Error>, hold: i64, named: &str) {
    let error = answer.unwrap_err();
    assert_eq!(error.http_status(), 409);
    let text = error.to_string();
    assert!(
        text.contains(&format!("hold {hold}")) && text.contains(named),
        "{text}"
    );
    match error {
        Error::Conflict(ConflictError::Held { holds, .. }) => assert_eq!(holds, [hold]),
        error => panic!("{error}"),
    }
}

async fn erase(db: &DatabaseConnection, id: i64) -> Result<Certificate, Error> {
    person::Entity::erase_by_id(id).exec(db).await
}

#[tokio::test]
async fn held_person_is_neither_purged_nor_erased() {
    let (_database, db) = database().await;
    let hold = person::Entity::hold_person_by_id(1, "case 17")
        .by(7)
        .exec(&db)
        .await
        .unwrap();
    assert!(hold.of_person);
    // A post of the person, a comment of the person below a post of another one, and an attachment of that comment alone.
    run(
        &db,
        "insert into comments values (4, 2, 1, 'x'); insert into attachments values (4, 4, 'x.pdf')",
    )
    .await;
    let direct = post::Entity::archive_by_id(3).exec(&db).await.unwrap();
    let by_path = super::people::attachment::Entity::archive_by_id(2)
        .exec(&db)
        .await
        .unwrap();
    let below = post::Entity::archive_by_id(2).exec(&db).await.unwrap();
    run(&db, "insert into posts values (7, 2, 'of Bob alone', null)").await;
    let other = post::Entity::archive_by_id(7).exec(&db).await.unwrap();
    for archival in [&direct, &below, &by_path] {
        assert_held(archival.purge(&db).await, hold.id, "");
    }
    let all = [direct.id, below.id, by_path.id, other.id];
    assert_held(
        archival::Entity::purge_many()
            .filter(archival::Column::Id.is_in(all))
            .exec(&db)
            .await,
        hold.id,
        "",
    );
    SchemaManager::new(&db)
        .retain("posts", Retention::days(0))
        .await
        .unwrap();
    SchemaManager::new(&db)
        .retain("attachments", Retention::days(0))
        .await
        .unwrap();
    let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(purged.archivals, 1);
    assert_eq!(
        count(&db, "archive.archival where purged_at is not null").await,
        1
    );
    assert_held(erase(&db, 1).await, hold.id, "public.persons");
    assert_held(
        person::Entity::erase_by_id(1).preview(&db).await,
        hold.id,
        "public.persons",
    );
    // It is of one person, and rows are still archived and restored.
    assert!(erase(&db, 2).await.unwrap().erasure.finished_at.is_some());
    below.restore(&db).await.unwrap();

    let released = hold::Entity::release_by_id(hold.id, "closed")
        .by(8)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(released.release_reason.as_deref(), Some("closed"));
    assert!(erase(&db, 1).await.unwrap().is_complete());
    direct.purge(&db).await.unwrap();
}

#[tokio::test]
async fn versions_of_a_held_person_are_retained() {
    let (_database, db) = database().await;
    run(&db, "insert into person_history (person_id, name, valid_from, valid_to) values (1, 'Ada Nemo', '2001-01-01', '2002-01-01')").await;
    SchemaManager::new(&db)
        .retain_versions("person_history", Retention::days(0))
        .await
        .unwrap();
    let hold = person::Entity::hold_person_by_id(1, "case")
        .exec(&db)
        .await
        .unwrap();
    archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(
        count(&db, "person_history where name = 'Ada Nemo'").await,
        1
    );
    hold::Entity::release_by_id(hold.id, "closed")
        .exec(&db)
        .await
        .unwrap();
    archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(
        count(&db, "person_history where name = 'Ada Nemo'").await,
        0
    );
}

#[tokio::test]
async fn hold_on_a_row_a_table_or_an_archival_stops_the_erasure() {
    let (_database, db) = database().await;
    let archival = post::Entity::archive_by_id(3).exec(&db).await.unwrap();
    let before = super::people::contents(&db).await;
    let holds = [
        (
            comment::Entity::hold_by_id(3, "row")
                .exec(&db)
                .await
                .unwrap()
                .id,
            "public.comments",
        ),
        (
            comment::Entity::hold_by_id(2, "row")
                .exec(&db)
                .await
                .unwrap()
                .id,
            "public.comments",
        ),
        (
            person::Entity::hold_by_id(1, "row")
                .exec(&db)
                .await
                .unwrap()
                .id,
            "public.persons",
        ),
        (
            person::Entity::hold_table("table")
                .exec(&db)
                .await
                .unwrap()
                .id,
            "",
        ),
        (
            post::Entity::hold_table("table")
                .exec(&db)
                .await
                .unwrap()
                .id,
            "public.posts",
        ),
    ];
    for (hold, _) in holds {
        run(
            &db,
            &format!("update archive.hold set until = now() - interval '1 s' where id = {hold}"),
        )
        .await;
    }
    for (hold, named) in holds {
        run(
            &db,
            &format!("update archive.hold set until = null where id = {hold}"),
        )
        .await;
        assert_held(erase(&db, 1).await, hold, named);
        assert_eq!(super::people::contents(&db).await, before);
        run(
            &db,
            &format!("update archive.hold set until = now() - interval '1 s' where id = {hold}"),
        )
        .await;
    }
    let hold = archival::Entity::hold_by_id(archival.id, "archival")
        .exec(&db)
        .await
        .unwrap();
    // The record counts its holds.
    let before = super::people::contents(&db).await;
    assert_held(
        erase(&db, 1).await,
        hold.id,
        &format!("archival {}", archival.id),
    );
    assert_eq!(super::people::contents(&db).await, before);
    // Holds on what is of others.
    comment::Entity::hold_by_id(1, "of Bob")
        .exec(&db)
        .await
        .unwrap();
    hold::Entity::release_by_id(hold.id, "closed")
        .exec(&db)
        .await
        .unwrap();
    assert!(erase(&db, 1).await.unwrap().is_complete());
}

#[tokio::test]
async fn hold_that_is_placed_between_steps_stops_the_next_one() {
    let (_database, db) = database().await;
    let mut batches = person::Entity::erase_by_id(1).in_batches(1);
    while batches.next(&db).await.unwrap().unwrap().places.is_empty() {}
    let hold = person::Entity::hold_person_by_id(1, "case")
        .exec(&db)
        .await
        .unwrap();
    for _ in 0..2 {
        assert_held(batches.next(&db).await, hold.id, "public.persons");
    }
    hold::Entity::release_by_id(hold.id, "closed")
        .exec(&db)
        .await
        .unwrap();
    let mut last = None;
    while let Some(certificate) = batches.next(&db).await.unwrap() {
        last = Some(certificate);
    }
    assert!(last.unwrap().is_complete());
    assert_eq!(count(&db, "archive.erasure").await, 1);
}

/// Race: the rows were found before the hold was placed. The step that reaches the row finds the hold.
#[tokio::test]
async fn hold_on_a_row_or_its_archival_that_is_placed_between_steps_stops_the_step_of_the_row() {
    for of_archival in [false, true] {
        let (_database, db) = database().await;
        let archival = post::Entity::archive_by_id(3).exec(&db).await.unwrap();
        let mut batches = person::Entity::erase_by_id(1).in_batches(1);
        batches.next(&db).await.unwrap().unwrap();
        let (hold, named) = match of_archival {
            true => (
                archival::Entity::hold_by_id(archival.id, "case")
                    .exec(&db)
                    .await
                    .unwrap(),
                format!("archival {}", archival.id),
            ),
            false => (
                comment::Entity::hold_by_id(3, "case")
                    .exec(&db)
                    .await
                    .unwrap(),
                "public.comments".to_owned(),
            ),
        };
        let stopped = loop {
            match batches.next(&db).await {
                Ok(Some(_)) => {}
                stopped => break stopped,
            }
        };
        assert_held(stopped, hold.id, &named);
    }
}

#[tokio::test]
async fn hold_of_a_person_without_rules_holds_every_archival() {
    let (_database, db) = database().await;
    let archival = post::Entity::archive_by_id(2).exec(&db).await.unwrap();
    let hold = person::Entity::hold_person_by_id(1, "case")
        .exec(&db)
        .await
        .unwrap();
    let none = post::Entity::hold_person_by_id(1, "x")
        .exec(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(none, Error::Setup(SetupError::PersonalData { .. })),
        "{none}"
    );
    let manager = SchemaManager::new(&db);
    let error = manager
        .drop_personal_data("comments")
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("rows of public.attachments belong to"),
        "{error}"
    );
    for table in ["sessions", "attachments", "posts"] {
        let error = manager
            .drop_personal_data(table)
            .await
            .unwrap_err()
            .to_string();
        let expected = format!(
            "the personal data of public.{table} was not dropped: it is under hold {}",
            hold.id
        );
        assert!(error.contains(&expected), "{error}");
    }
    run(&db, "delete from archive.personal_data").await;
    assert_held(archival.purge(&db).await, hold.id, "");
}
