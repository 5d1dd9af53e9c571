//! Rings in sets and batches.

use sea_orm::ColumnTrait;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::dump;
use sea_orm_archive_tests::tables::tables;

use super::entities::{friend, mate};

const TABLE: &str = "create table mates (id bigint primary key,
    mate_id bigint constraint mates_mate references mates on delete set null);
    insert into mates values (1, null), (2, 1), (3, null), (4, 3), (5, 4), (6, 1);
    update mates set mate_id = 2 where id = 1; update mates set mate_id = 5 where id = 3";

/// Half of a ring in the set.
#[tokio::test]
async fn half_of_a_ring_in_a_set() {
    let (_database, db) = tables(TABLE, &["mates"]).await;
    let rows = dump(&db, "mates").await;
    mate::Entity::archive_many().exec(&db).await.unwrap();
    let set = mate::Entity::restore_many().filter(mate::deleted::Column::Id.is_in([1, 6]));
    let error = set.exec(&db).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    mate::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(dump(&db, "mates").await, rows);
}

/// Rows with two foreign keys to their own table: every set of archivals, in every order of archive.
#[tokio::test]
async fn two_links_of_a_row_in_sets() {
    for order in [[1, 2, 3, 4], [4, 3, 2, 1], [3, 1, 4, 2], [2, 4, 1, 3]] {
        for set in 0..3 {
            let (_database, db) = tables("create table mates (id bigint primary key,
                mate_id bigint constraint mates_mate references mates on delete set null,
                friend_id bigint constraint mates_friend references mates on delete set null);
                insert into mates values (1, null, null), (2, null, null), (3, 1, 2), (4, 3, 1);
                update mates set mate_id = 4, friend_id = 3 where id = 1; update mates set friend_id = 4 where id = 2", &["mates"]).await;
            let rows = dump(&db, "mates").await;
            for id in order {
                friend::Entity::archive_by_id(id).exec(&db).await.unwrap();
            }
            let context = format!("{order:?} {set}");
            match set {
                0 => {}
                1 => {
                    let some = friend::Entity::restore_many()
                        .filter(friend::deleted::Column::Id.is_in([1, 3]))
                        .skip_conflicts();
                    some.exec(&db).await.unwrap();
                }
                _ => {
                    let mut batches = friend::Entity::restore_many()
                        .skip_conflicts()
                        .in_batches(1);
                    while batches.next(&db).await.unwrap().is_some() {}
                }
            }
            friend::Entity::restore_many().exec(&db).await.unwrap();
            assert_eq!(dump(&db, "mates").await, rows, "{context}");
        }
    }
}
