//! An erasure beside other transactions.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use sea_orm_archive::erasure::PersonEntity;
use sea_orm_archive::error::RetryError;
use sea_orm_archive::hold;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{count, run, texts};
use sea_orm_archive_tests::{Database, race};

use super::assert_gone;
use super::people::{comment, people, person, post};

const VALUES: [&str; 7] = [
    "ada@",
    "lovelace",
    "byron",
    "20 1815",
    "44 1815",
    "from ada",
    "archived with",
];

async fn database() -> (Database, DatabaseConnection) {
    let database = people().await;
    let db = database.connect().await;
    (database, db)
}

#[tokio::test]
async fn erasure_waits_for_an_archive_and_erases_in_the_archive_table() {
    let (database, db) = database().await;
    let (_, erased) = race! { database;
        archiver holds |txn| comment::Entity::archive_by_id(2).exec(txn);
        eraser waits for archiver |db| person::Entity::erase_by_id(1).exec(db);
        archiver commits;
    };
    assert!(erased.unwrap().is_complete());
    assert_eq!(
        texts(&db, "select content from deleted_comments").await,
        ["[erased]"]
    );
    assert_gone(&db, &VALUES).await;
}

#[tokio::test]
async fn erasure_waits_for_a_restore_and_erases_in_the_table() {
    let (database, db) = database().await;
    let archival = post::Entity::archive_by_id(3).exec(&db).await.unwrap();
    let (_, erased) = race! { database;
        restorer holds |txn| archival.restore(txn);
        eraser waits for restorer |db| person::Entity::erase_by_id(1).exec(db);
        restorer commits;
    };
    assert!(erased.unwrap().is_complete());
    assert_eq!(count(&db, "comments where content = '[erased]'").await, 2);
    assert_gone(&db, &VALUES).await;
}

#[tokio::test]
async fn archive_and_restore_wait_for_an_erasure() {
    let (database, db) = database().await;
    let archival = post::Entity::archive_by_id(3).exec(&db).await.unwrap();
    let (erased, archived, restored) = race! { database;
        eraser holds |txn| person::Entity::erase_by_id(1).exec(txn);
        archiver waits for eraser |db| comment::Entity::archive_by_id(2).exec(db);
        restorer waits for eraser |db| archival.restore(db);
        eraser commits;
    };
    assert!(erased.is_complete());
    archived.unwrap();
    restored.unwrap();
    assert_gone(&db, &VALUES).await;
    assert_eq!(count(&db, "comments where content = '[erased]'").await, 1);
}

#[tokio::test]
async fn erasure_waits_for_an_update_and_erases_what_it_wrote() {
    let (database, db) = database().await;
    let (_, erased) = race! { database;
        writer holds |txn| execute(txn, "update comments set content = 'from Ada, corrected' where id = 2; update persons set phone = '+44 1815' where id = 1");
        eraser waits for writer |db| person::Entity::erase_by_id(1).exec(db);
        writer commits;
    };
    assert!(erased.unwrap().is_complete());
    assert_gone(&db, &VALUES).await;
}

#[tokio::test]
async fn second_eraser_finishes_the_same_erasure() {
    let (database, db) = database().await;
    let (first, second) = race! { database;
        first holds |txn| person::Entity::erase_by_id(1).exec(txn);
        second waits for first |db| person::Entity::erase_by_id(1).exec(db);
        first commits;
    };
    // The second one begins after the first one has finished, and erases nothing more.
    let second = second.unwrap();
    assert!(first.is_complete() && second.is_complete());
    assert_eq!(second.places, []);
    assert_eq!(count(&db, "archive.erasure group by subject_key").await, 2);
    assert_eq!(
        texts(&db, "select distinct pseudonym from archive.erasure")
            .await
            .len(),
        1
    );
}

#[tokio::test]
async fn two_erasers_share_the_steps() {
    let (_database, db) = database().await;
    let mut one = person::Entity::erase_by_id(1).in_batches(2);
    let mut two = person::Entity::erase_by_id(1).in_batches(2);
    let (mut first, mut second) = (true, true);
    while first || second {
        first = one.next(&db).await.unwrap().is_some();
        second = two.next(&db).await.unwrap().is_some();
    }
    assert_eq!(
        count(&db, "archive.erasure where finished_at is not null").await,
        1
    );
    assert_gone(&db, &VALUES).await;
}

#[tokio::test]
async fn hold_waits_for_a_step_and_the_step_for_a_hold() {
    let (database, _db) = database().await;
    let (held, erased) = race! { database;
        holder holds |txn| person::Entity::hold_person_by_id(1, "case").exec(txn);
        eraser waits for holder |db| person::Entity::erase_by_id(1).exec(db);
        holder commits;
    };
    let error = erased.unwrap_err().to_string();
    assert!(error.contains(&format!("hold {}", held.id)), "{error}");
    let (_, held) = race! { database;
        eraser holds |txn| person::Entity::erase_by_id(2).exec(txn);
        holder waits for eraser |db| person::Entity::hold_person_by_id(2, "case").exec(db);
        eraser commits;
    };
    held.unwrap();
}

/// The same for a later step, which does not begin the erasure.
#[tokio::test]
async fn hold_waits_for_a_later_step_and_a_later_step_for_a_hold() {
    let (database, db) = database().await;
    let mut batches = person::Entity::erase_by_id(1).in_batches(1);
    batches.next(&db).await.unwrap();
    let (_, held) = race! { database;
        eraser holds |txn| step(txn);
        holder waits for eraser |db| person::Entity::hold_person_by_id(1, "case").exec(db);
        eraser commits;
    };
    let held = held.unwrap();
    hold::Entity::release_by_id(held.id, "closed")
        .exec(&db)
        .await
        .unwrap();
    let (held, refused) = race! { database;
        holder holds |txn| person::Entity::hold_person_by_id(1, "case").exec(txn);
        eraser waits for holder |db| step(db);
        holder commits;
    };
    let error = refused.unwrap_err().to_string();
    assert!(error.contains(&format!("hold {}", held.id)), "{error}");
}

/// The next step of the one erasure.
async fn step(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let sql = "select archive.erase_step((select id from archive.erasure), 1)";
    db.execute_unprepared(sql).await.map(drop)
}

#[tokio::test]
async fn erasure_waits_for_a_purge() {
    let (database, db) = database().await;
    let archival = post::Entity::archive_by_id(3).exec(&db).await.unwrap();
    let (_, erased) = race! { database;
        purger holds |txn| archival.purge(txn);
        eraser waits for purger |db| person::Entity::erase_by_id(1).exec(db);
        purger commits;
    };
    assert!(erased.unwrap().is_complete());
    assert_gone(&db, &VALUES).await;
}

/// Rows are added, moved, changed and deleted between the steps.
#[tokio::test]
async fn rows_that_are_written_between_steps_are_erased_too() {
    let (_database, db) = database().await;
    let mut batches = person::Entity::erase_by_id(1).in_batches(1);
    batches.next(&db).await.unwrap();
    run(
        &db,
        "insert into comments values (20, 2, 1, 'from Ada while it runs');
         insert into comments values (21, 2, 1, 'from Ada, seen by the log alone'); delete from comments where id = 21;
         insert into attachments values (20, 20, 'from ada.pdf')",
    )
    .await;
    batches.next(&db).await.unwrap();
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    batches.next(&db).await.unwrap();
    run(
        &db,
        "update comments set content = 'from Ada again' where id = 20",
    )
    .await;
    archival.restore(&db).await.unwrap();
    while let Some(certificate) = batches.next(&db).await.unwrap() {
        assert!(certificate.erasure.finished_at.is_none() || certificate.is_complete());
    }
    assert_gone(&db, &VALUES).await;
}

/// The first call has ended after its last check, such as by a hold.
#[tokio::test]
async fn later_call_erases_what_was_written_since_the_last_check() {
    for state in ["mentions", "search"] {
        let (_database, db) = database().await;
        let mut batches = person::Entity::erase_by_id(1).in_batches(100);
        while batches.next(&db).await.unwrap().unwrap().erasure.state != state {}
        run(
            &db,
            "insert into comments values (20, 2, 1, 'from Ada after the check')",
        )
        .await;
        let certificate = person::Entity::erase_by_id(1).exec(&db).await.unwrap();
        assert!(certificate.is_complete(), "{certificate}");
        assert_gone(&db, &VALUES).await;
    }
}

/// A trigger that writes values again stops the erasure. Without it the next call ends.
#[tokio::test]
async fn erasure_that_has_used_up_its_checks_ends_in_the_next_call() {
    let (_database, db) = database().await;
    run(
        &db,
        "create function again() returns trigger language plpgsql as $$
         begin new.content := concat('from Ada ', clock_timestamp()); return new; end $$;
         create trigger again before update on comments for each row execute function again()",
    )
    .await;
    let stopped = person::Entity::erase_by_id(1).exec(&db).await;
    assert!(
        matches!(stopped, Err(Error::Retry(RetryError::Contention { .. }))),
        "{stopped:?}"
    );
    run(&db, "drop trigger again on comments").await;
    let certificate = person::Entity::erase_by_id(1).exec(&db).await.unwrap();
    assert!(certificate.is_complete(), "{certificate}");
    assert_gone(&db, &VALUES).await;
}

/// A session that ends in the middle of a step leaves the erasure as the last step left it.
#[tokio::test]
async fn erasure_goes_on_after_its_connection_was_lost() {
    let (database, db) = database().await;
    let mut rounds = 0;
    for lost in 0.. {
        let session = database.session("eraser").await;
        let backend = texts(&session.db(), "select pg_backend_pid()::text").await;
        let mut batches = person::Entity::erase_by_id(1).in_batches(2);
        let mut last = None;
        for _ in 0..=lost {
            last = batches.next(&session.db()).await.unwrap();
        }
        if last.is_none() || last.unwrap().erasure.finished_at.is_some() {
            break;
        }
        rounds += 1;
        run(&db, &format!("select pg_terminate_backend({})", backend[0])).await;
        assert!(rounds < 30);
    }
    assert!(rounds > 2, "{rounds}");
    assert_eq!(
        count(&db, "archive.erasure where finished_at is not null").await,
        1
    );
    assert_gone(&db, &VALUES).await;
}

async fn execute(db: &impl sea_orm::ConnectionTrait, sql: &str) -> Result<(), Error> {
    db.execute_unprepared(sql).await?;
    Ok(())
}
