//! Each verb, by its effect on the whole timeline.

use sea_orm::DatabaseConnection;
use sea_orm::prelude::*;
use sea_orm_archive::prelude::*;

use crate::departments::{department_history, departments};
use department_history::{Column, Entity as Names};

/// The first of a month of 2024.
fn month(month: u32) -> DateTimeUtc {
    format!("2024-{month:02}-01T00:00:00Z").parse().unwrap()
}

/// The timeline, as `name@from-to`, in months.
async fn timeline(db: &DatabaseConnection, id: i32) -> String {
    let show = |time: DateTimeUtc| time.format("%-m").to_string();
    let versions = Names::timeline(id).all(db).await.unwrap();
    let versions: Vec<_> = versions
        .into_iter()
        .map(|v| {
            format!(
                "{}@{}-{}",
                v.name,
                show(v.valid_from),
                v.valid_to.map(show).unwrap_or_default()
            )
        })
        .collect();
    versions.join(" ")
}

async fn started(db: &DatabaseConnection) {
    Names::start(1)
        .value(Column::Name, "A")
        .from(month(1))
        .exec(db)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_change_from_a_time_on() {
    let database = departments().await;
    let db = database.connect().await;
    started(&db).await;
    let now = Names::change(1)
        .value(Column::Name, "B")
        .from(month(3))
        .exec(&db)
        .await
        .unwrap();
    assert_eq!((now.name.as_str(), now.valid_from), ("B", month(3)));
    assert_eq!(timeline(&db, 1).await, "A@1-3 B@3-");
    // Only the version that is valid then: what comes later stays.
    Names::change(1)
        .value(Column::Name, "C")
        .from(month(2))
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(timeline(&db, 1).await, "A@1-2 C@2-3 B@3-");
    // At the same instant it is the same version.
    Names::change(1)
        .value(Column::Name, "D")
        .from(month(2))
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(timeline(&db, 1).await, "A@1-2 D@2-3 B@3-");
    // The same values are no change.
    let same = Names::change(1)
        .value(Column::Name, "B")
        .from(month(5))
        .exec(&db)
        .await
        .unwrap();
    assert_eq!((same.name.as_str(), same.valid_from), ("B", month(3)));
    assert_eq!(timeline(&db, 1).await, "A@1-2 D@2-3 B@3-");
}

#[tokio::test]
async fn a_change_for_a_period() {
    let database = departments().await;
    let db = database.connect().await;
    started(&db).await;
    Names::change(1)
        .value(Column::Name, "B")
        .from(month(4))
        .exec(&db)
        .await
        .unwrap();
    let during = Names::change(1)
        .value(Column::Name, "X")
        .during(month(3)..month(6))
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(during.len(), 1);
    assert_eq!(timeline(&db, 1).await, "A@1-3 X@3-6 B@6-");
    Names::change(1)
        .value(Column::Name, "B")
        .during(month(3)..month(6))
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(timeline(&db, 1).await, "A@1-3 B@3-");
    Names::change(1)
        .value(Column::Name, "Y")
        .during(month(2)..month(3))
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(timeline(&db, 1).await, "A@1-2 Y@2-3 B@3-");
    Names::change(1)
        .value(Column::Name, "Z")
        .during(month(2)..)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(timeline(&db, 1).await, "A@1-2 Z@2-");
}

#[tokio::test]
async fn starts_ends_and_merges() {
    let database = departments().await;
    let db = database.connect().await;
    started(&db).await;
    let overlap = Names::start(1)
        .value(Column::Name, "B")
        .from(month(2))
        .until(month(3))
        .exec(&db)
        .await
        .unwrap_err();
    assert_eq!(
        overlap.to_string(),
        "department_history (department_id = 1) has a version for [\"2024-01-01 00:00:00+00\",), which overlaps \
         [\"2024-02-01 00:00:00+00\",\"2024-03-01 00:00:00+00\") (department_history_department_id_tstzrange_excl): change that \
         period with `.change(..).during(..)`, or choose a period that is free"
    );
    let ended = Names::end(1).at(month(6)).exec(&db).await.unwrap();
    assert_eq!(ended.valid_to, Some(month(6)));
    Names::start(1)
        .value(Column::Name, "C")
        .from(month(9))
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(timeline(&db, 1).await, "A@1-6 C@9-");
    let later = Names::end(1).at(month(3)).exec(&db).await.unwrap_err();
    assert!(
        matches!(later, ArchiveError::LaterVersion { .. }),
        "{later}"
    );
    let none = Names::end(1).at(month(7)).exec(&db).await.unwrap_err();
    assert!(matches!(none, ArchiveError::LaterVersion { .. }), "{none}");
    let empty = Names::end(1).at(month(9)).exec(&db).await.unwrap_err();
    assert!(matches!(empty, ArchiveError::EmptyPeriod { .. }), "{empty}");
    Names::start(2)
        .value(Column::Name, "S")
        .from(month(2))
        .exec(&db)
        .await
        .unwrap();
    let merged = Names::merge(2)
        .into(1)
        .at(month(10))
        .value(Column::Name, "C and S")
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(merged.name, "C and S");
    assert_eq!(timeline(&db, 2).await, "S@2-10");
    assert_eq!(timeline(&db, 1).await, "A@1-6 C@9-10 C and S@10-");
    let gaps = Names::gaps().all(&db).await.unwrap();
    assert_eq!(gaps.len(), 1);
    assert_eq!(gaps[0].before.valid_to, Some(month(6)));
    let changes = Names::changes(Column::Name)
        .of(1)
        .from("C")
        .all(&db)
        .await
        .unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].after.name, "C and S");
}
