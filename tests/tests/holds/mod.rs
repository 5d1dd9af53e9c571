//! Legal holds: what is kept from being deleted for good.

mod attacked;
mod dropped;
mod placed;
mod races;
mod roles;

use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive::Error;
use sea_orm_archive::error::ConflictError;
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::run;

use crate::races::blog::{OnDelete, blog};

/// The blog, with a session of a superuser.
async fn database() -> (Database, DatabaseConnection) {
    let database = blog(OnDelete::Cascade).await;
    let db = database.connect().await;
    (database, db)
}

/// Lets a hold have ended.
async fn end(db: &impl ConnectionTrait, hold: i64) {
    let ended = format!("update archive.hold set until = now() - interval '1 s' where id = {hold}");
    run(db, &ended).await;
}

/// Fails unless the error names just these archivals and this hold.
#[track_caller]
fn assert_held<T: std::fmt::Debug>(answer: Result<T, Error>, expected: &[i64], hold: i64) {
    let error = answer.unwrap_err();
    assert_eq!(error.http_status(), 409);
    assert!(
        error.to_string().contains(&format!("hold {hold}")),
        "{error}"
    );
    match error {
        Error::Conflict(ConflictError::Held {
            archivals, holds, ..
        }) => assert_eq!((&archivals[..], &holds[..]), (expected, &[hold][..])),
        error => panic!("{error}"),
    }
}
