//! Races of two sessions, in the one order in which a wrong protocol loses a version or writes it with wrong times.

use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, IsolationLevel,
    TransactionTrait,
};
use sea_orm_archive::error::{ConflictError, NotFoundError, RetryError};
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::{Database, Session};

use crate::history::departments::{department_history, departments};
use department_history::{Column, Entity as Names, Model as Version};

/// Department 1, named `Old` since 2024.
async fn named() -> (Database, DatabaseConnection) {
    let database = departments().await;
    let db = database.connect().await;
    start(1, "Old").exec(&db).await.unwrap();
    (database, db)
}

fn start(id: i32, name: &str) -> sea_orm_archive::history::Start<Names> {
    let since = "2024-01-01T00:00:00Z".parse().unwrap();
    Names::start(id).value(Column::Name, name).valid_from(since)
}

/// A transaction that holds the lock of a department, as a verb takes it.
async fn holding(session: &Session, id: i32) -> DatabaseTransaction {
    let transaction = session.db().begin().await.unwrap();
    lock(&transaction, id).await;
    transaction
}

async fn lock(transaction: &DatabaseTransaction, id: i32) {
    let sql = format!("select from departments where id = {id} for no key update");
    transaction.execute_unprepared(&sql).await.unwrap();
}

fn rename(id: i32, name: &str) -> sea_orm_archive::history::Change<Names> {
    Names::change(id).value(Column::Name, name)
}

type Changing = sea_orm_archive_tests::Step<Result<Version, Error>>;

/// Starts to rename department 1 on a pool.
fn renaming(session: &Session, name: &'static str) -> Changing {
    let db = session.db();
    session.start(async move { rename(1, name).exec(&db).await })
}

/// The names of a department in order; `-` is a period without a version.
async fn names(db: &DatabaseConnection, id: i32) -> String {
    let versions = Names::find_timeline(id).all(db).await.unwrap();
    let mut text = String::new();
    for (n, version) in versions.iter().enumerate() {
        let next = versions.get(n + 1).map(|next| next.valid_from);
        let until = if version.valid_to == next { "" } else { " -" };
        text += &format!("{}{until} ", version.name);
    }
    text.trim_end().to_owned()
}

/// Race: two changes. The second waits before it reads the clock, and sees the first.
#[tokio::test]
async fn second_of_two_changes_starts_later() {
    let (database, db) = named().await;
    let (first, second) = (
        database.session("first").await,
        database.session("second").await,
    );
    let transaction = holding(&first, 1).await;
    let renaming = renaming(&second, "Second");
    database.wait_until_blocked_by(&second, &first).await;
    let one = rename(1, "First").exec(&transaction).await.unwrap();
    transaction.commit().await.unwrap();
    let two = renaming.finish().await.unwrap();
    assert!(one.valid_from < two.valid_from, "{one:?} {two:?}");
    assert_eq!(names(&db, 1).await, "Old First Second");
}

/// The same in a transaction that began before the other change.
#[tokio::test]
async fn change_starts_when_it_is_called_not_when_its_transaction_began() {
    let (database, db) = named().await;
    let (first, second) = (
        database.session("first").await,
        database.session("second").await,
    );
    let old = second.db().begin().await.unwrap();
    old.execute_unprepared("select now()").await.unwrap();
    rename(1, "First").exec(&first.db()).await.unwrap();
    rename(1, "Second").exec(&old).await.unwrap();
    rename(1, "Third").exec(&old).await.unwrap();
    old.commit().await.unwrap();
    assert_eq!(names(&db, 1).await, "Old First Second Third");
}

#[tokio::test]
async fn change_that_waited_for_an_end_finds_no_version() {
    let (database, db) = named().await;
    let (ender, changer) = (
        database.session("ender").await,
        database.session("changer").await,
    );
    let transaction = holding(&ender, 1).await;
    let renaming = renaming(&changer, "New");
    database.wait_until_blocked_by(&changer, &ender).await;
    Names::end(1).exec(&transaction).await.unwrap();
    transaction.commit().await.unwrap();
    let error = renaming.finish().await.unwrap_err();
    assert!(
        matches!(error, Error::NotFound(NotFoundError::Version { .. })),
        "{error}"
    );
    assert_eq!(names(&db, 1).await, "Old -");
}

#[tokio::test]
async fn end_that_waited_for_a_change_ends_the_new_version() {
    let (database, db) = named().await;
    let (changer, ender) = (
        database.session("changer").await,
        database.session("ender").await,
    );
    let transaction = holding(&changer, 1).await;
    let pool = ender.db();
    let ending = ender.start(async move { Names::end(1).exec(&pool).await });
    database.wait_until_blocked_by(&ender, &changer).await;
    rename(1, "New").exec(&transaction).await.unwrap();
    transaction.commit().await.unwrap();
    let ended = ending.finish().await.unwrap();
    assert_eq!(ended.name, "New");
    assert_eq!(names(&db, 1).await, "Old New -");
}

#[tokio::test]
async fn change_that_waited_for_a_rolled_back_one_ignores_it() {
    let (database, db) = named().await;
    let (first, second) = (
        database.session("first").await,
        database.session("second").await,
    );
    let transaction = first.db().begin().await.unwrap();
    rename(1, "First").exec(&transaction).await.unwrap();
    let renaming = renaming(&second, "Second");
    database.wait_until_blocked_by(&second, &first).await;
    transaction.rollback().await.unwrap();
    renaming.finish().await.unwrap();
    assert_eq!(names(&db, 1).await, "Old Second");
}

/// Race: two opposite merges wait for a session that holds both identities. Then both lock in the order of the keys.
#[tokio::test]
async fn opposite_merges_do_not_deadlock() {
    let (database, db) = named().await;
    start(2, "Other").exec(&db).await.unwrap();
    let holder = database.session("holder").await;
    let (one, other) = (
        database.session("one").await,
        database.session("other").await,
    );
    let transaction = holding(&holder, 1).await;
    lock(&transaction, 2).await;
    let pools = (one.db(), other.db());
    let there = one.start(async move { Names::merge(1).into_identity(2).exec(&pools.0).await });
    let back = other.start(async move { Names::merge(2).into_identity(1).exec(&pools.1).await });
    database.wait_until_blocked(&one).await;
    database.wait_until_blocked(&other).await;
    transaction.commit().await.unwrap();
    let (there, back) = (there.finish().await, back.finish().await);
    let refused = match (&there, &back) {
        (Ok(_), Err(error)) | (Err(error), Ok(_)) => error,
        both => panic!("one of them must find that the other one has ended: {both:?}"),
    };
    assert!(
        matches!(refused, Error::NotFound(NotFoundError::Version { .. })),
        "{refused}"
    );
    let left = (names(&db, 1).await, names(&db, 2).await);
    let expected = if there.is_ok() {
        ("Old -", "Other")
    } else {
        ("Old", "Other -")
    };
    assert_eq!((left.0.as_str(), left.1.as_str()), expected);
}

/// Race: another session locks the versions first and the department then. The server ends the verb, which is retried.
#[tokio::test]
async fn deadlock_on_a_pool_is_retried() {
    let (database, db) = named().await;
    start(2, "Other").exec(&db).await.unwrap();
    let hand = database.session("hand").await;
    let gate = database.session("gate").await;
    let merger = database.session("merger").await;
    let writer = hand.db().begin().await.unwrap();
    let versions = "set local deadlock_timeout = '1h';
                    select from department_history where department_id = 1 for update";
    writer.execute_unprepared(versions).await.unwrap();
    // The session that begins to wait last detects the deadlock. The gate makes the merger that session.
    let closed = holding(&gate, 2).await;
    let pool = merger.db();
    let merging = merger.start(async move { Names::merge(1).into_identity(2).exec(&pool).await });
    database.wait_until_blocked_by(&merger, &gate).await;
    let locking = hand.start(async move {
        lock(&writer, 1).await;
        writer.commit().await
    });
    database.wait_until_blocked_by(&hand, &merger).await;
    closed.commit().await.unwrap();
    locking.finish().await.unwrap();
    merging.finish().await.unwrap();
    assert_eq!(names(&db, 1).await, "Old -");
}

#[tokio::test]
async fn second_of_two_starts_reports_the_overlap() {
    let (database, db) = named().await;
    let (first, second) = (
        database.session("first").await,
        database.session("second").await,
    );
    let transaction = first.db().begin().await.unwrap();
    start(2, "First").exec(&transaction).await.unwrap();
    let pool = second.db();
    let starting = second.start(async move { start(2, "Second").exec(&pool).await });
    database.wait_until_blocked_by(&second, &first).await;
    transaction.commit().await.unwrap();
    let error = starting.finish().await.unwrap_err();
    let Error::Conflict(ConflictError::Overlap {
        existing, wanted, ..
    }) = &error
    else {
        panic!("{error}");
    };
    assert_eq!(existing, "[\"2024-01-01 00:00:00+00\",)");
    assert_eq!(wanted, existing);
    assert_eq!(names(&db, 2).await, "First");
}

/// Its snapshot does not show the version that it would have to end.
#[tokio::test]
async fn change_under_an_old_snapshot_is_refused() {
    let (database, db) = named().await;
    let (first, second) = (
        database.session("first").await,
        database.session("second").await,
    );
    let isolation = Some(IsolationLevel::RepeatableRead);
    let pool = second.db();
    let old = pool.begin_with_config(isolation, Some(AccessMode::ReadWrite));
    let old = old.await.unwrap();
    assert_eq!(Names::find_timeline(1).all(&old).await.unwrap().len(), 1);
    rename(1, "First").exec(&first.db()).await.unwrap();
    let error = rename(1, "Second").exec(&old).await.unwrap_err();
    assert!(
        matches!(error, Error::Retry(RetryError::Contention { .. })),
        "{error}"
    );
    // The transaction is usable, and its snapshot is the same.
    assert_eq!(Names::find_timeline(1).all(&old).await.unwrap().len(), 1);
    old.commit().await.unwrap();
    assert_eq!(names(&db, 1).await, "Old First");
}

/// On a pool the call is retried, with a new snapshot.
#[tokio::test]
async fn change_on_a_pool_is_retried_with_a_new_snapshot() {
    let (database, db) = named().await;
    let (first, second) = (
        database.session("first").await,
        database.session("second").await,
    );
    let always = "set default_transaction_isolation = 'repeatable read'";
    second.db().execute_unprepared(always).await.unwrap();
    let transaction = holding(&first, 1).await;
    let renaming = renaming(&second, "Second");
    database.wait_until_blocked_by(&second, &first).await;
    rename(1, "First").exec(&transaction).await.unwrap();
    transaction.commit().await.unwrap();
    renaming.finish().await.unwrap();
    assert_eq!(names(&db, 1).await, "Old First Second");
}

/// Race: another session ends the version with plain SQL, without the lock of the department.
#[tokio::test]
async fn version_ended_with_plain_sql_meanwhile_is_not_changed() {
    let (database, db) = named().await;
    let (hand, changer) = (
        database.session("hand").await,
        database.session("changer").await,
    );
    let transaction = hand.db().begin().await.unwrap();
    let close = "update department_history set valid_to = now() where department_id = 1";
    transaction.execute_unprepared(close).await.unwrap();
    let renaming = renaming(&changer, "New");
    database.wait_until_blocked_by(&changer, &hand).await;
    transaction.commit().await.unwrap();
    let error = renaming.finish().await.unwrap_err();
    assert!(
        matches!(error, Error::NotFound(NotFoundError::Version { .. })),
        "{error}"
    );
    assert_eq!(names(&db, 1).await, "Old -");
}

/// A merge locks the lower key first, whatever the physical order of the rows. While it waits for that lock, it holds no
/// lock that another merge or a trigger of a temporal foreign key could wait for.
#[tokio::test]
async fn merge_locks_identities_in_the_order_of_their_keys() {
    let (database, db) = named().await;
    // The lower key is physically stored after the other one.
    let late = "insert into departments values (0)";
    db.execute_unprepared(late).await.unwrap();
    start(0, "Other").exec(&db).await.unwrap();
    let (holder, merger) = (
        database.session("holder").await,
        database.session("merger").await,
    );
    let holding = holding(&holder, 0).await;
    let pool = merger.db();
    let merging = merger.start(async move { Names::merge(1).into_identity(0).exec(&pool).await });
    database.wait_until_blocked_by(&merger, &holder).await;
    let free = "select from departments where id = 1 for no key update nowait";
    db.execute_unprepared(free).await.unwrap();
    holding.commit().await.unwrap();
    merging.finish().await.unwrap();
    assert_eq!(names(&db, 1).await, "Old -");
}
