//! A dump and a restore of the database.

use blog::post;
use sea_orm_archive::check;
use sea_orm_archive::event;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::Database;

use super::{all, database};
use crate::servers::programs::{output, programs};

#[tokio::test]
async fn events_and_consumers_continue_after_a_dump_and_a_restore() {
    let (database, db) = database().await;
    let search = event::Entity::consumer("search");
    post::Entity::archive_many().exec(&db).await.unwrap();
    let events = search.next(2, &db).await.unwrap();
    search.acknowledge(events[1].cursor(), &db).await.unwrap();
    // Without them beside the server the test ends here, and says so.
    let Some([pg_dump, psql]) = programs(&db, ["pg_dump", "psql"]).await else {
        return;
    };
    let other = Database::empty().await;
    let file = std::env::temp_dir().join(format!("{}.sql", database.name()));
    let path = file.to_str().unwrap();
    output(&pg_dump, &["--file", path, &database.url()]);
    let arguments = ["--set=ON_ERROR_STOP=1", "--quiet", "--file", path];
    output(&psql, &[&arguments[..], &[&other.url()]].concat());
    std::fs::remove_file(&file).unwrap();

    let there = other.connect().await;
    assert_eq!(all(&there).await, all(&db).await);
    assert_eq!(check(&there).await.unwrap(), []);
    post::Entity::restore_by_id(1).exec(&there).await.unwrap();
    let next = search.next(9, &there).await.unwrap();
    assert_eq!(next.len(), 2);
    assert!(next[1].position > events[1].position);
}
