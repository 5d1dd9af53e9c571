//! Each verb, and its effect on the whole timeline.

use sea_orm::DatabaseConnection;
use sea_orm::prelude::*;
use sea_orm_archive::error::{ConflictError, NotFoundError, RefusedError};
use sea_orm_archive::prelude::*;

use crate::history::departments::{department_history, departments};
use department_history::{Column, Entity as Names};

/// The first day of a month of 2024.
pub fn month(month: u32) -> DateTimeUtc {
    format!("2024-{month:02}-01T00:00:00Z").parse().unwrap()
}

/// The timeline, as `name@from-to`, in months.
pub async fn timeline(db: &DatabaseConnection, id: i32) -> String {
    let show = |time: DateTimeUtc| time.format("%-m").to_string();
    let versions = Names::find_timeline(id).all(db).await.unwrap();
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

pub async fn started(db: &DatabaseConnection) {
    Names::start(1)
        .value(Column::Name, "A")
        .valid_from(month(1))
        .exec(db)
        .await
        .unwrap();
}

#[tokio::test]
async fn change_from_a_time_ends_with_the_version_valid_then() {
    let database = departments().await;
    let db = database.connect().await;
    started(&db).await;
    let now = Names::change(1)
        .value(Column::Name, "B")
        .valid_from(month(3))
        .exec(&db)
        .await
        .unwrap();
    assert_eq!((now.name.as_str(), now.valid_from), ("B", month(3)));
    assert_eq!(timeline(&db, 1).await, "A@1-3 B@3-");
    // Only the version that is valid then is changed; later versions stay.
    Names::change(1)
        .value(Column::Name, "C")
        .valid_from(month(2))
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(timeline(&db, 1).await, "A@1-2 C@2-3 B@3-");
    // A change at the start of a version changes that version.
    Names::change(1)
        .value(Column::Name, "D")
        .valid_from(month(2))
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(timeline(&db, 1).await, "A@1-2 D@2-3 B@3-");
    // Equal values write no version.
    let same = Names::change(1)
        .value(Column::Name, "B")
        .valid_from(month(5))
        .exec(&db)
        .await
        .unwrap();
    assert_eq!((same.name.as_str(), same.valid_from), ("B", month(3)));
    assert_eq!(timeline(&db, 1).await, "A@1-2 D@2-3 B@3-");
}

#[tokio::test]
async fn change_for_a_period_merges_equal_neighbours() {
    let database = departments().await;
    let db = database.connect().await;
    started(&db).await;
    Names::change(1)
        .value(Column::Name, "B")
        .valid_from(month(4))
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
async fn starts_ends_and_merges_change_the_timeline() {
    let database = departments().await;
    let db = database.connect().await;
    started(&db).await;
    let overlap = Names::start(1)
        .value(Column::Name, "B")
        .valid_from(month(2))
        .valid_to(month(3))
        .exec(&db)
        .await
        .unwrap_err();
    assert_eq!(
        overlap.to_string(),
        "department_history {\"department_id\":1} has a version for [\"2024-01-01 00:00:00+00\",), which overlaps \
         [\"2024-02-01 00:00:00+00\",\"2024-03-01 00:00:00+00\") (department_history_department_id_tstzrange_excl): change that \
         period with `.change(..).during(..)`, or choose a period that is free"
    );
    let ended = Names::end(1).at(month(6)).exec(&db).await.unwrap();
    assert_eq!(ended.valid_to, Some(month(6)));
    Names::start(1)
        .value(Column::Name, "C")
        .valid_from(month(9))
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(timeline(&db, 1).await, "A@1-6 C@9-");
    let later = Names::end(1).at(month(3)).exec(&db).await.unwrap_err();
    assert!(
        matches!(later, Error::Conflict(ConflictError::LaterVersion { .. })),
        "{later}"
    );
    let none = Names::end(1).at(month(7)).exec(&db).await.unwrap_err();
    assert!(
        matches!(none, Error::Conflict(ConflictError::LaterVersion { .. })),
        "{none}"
    );
    let empty = Names::end(1).at(month(9)).exec(&db).await.unwrap_err();
    assert!(
        matches!(empty, Error::Refused(RefusedError::EmptyPeriod { .. })),
        "{empty}"
    );
    Names::start(2)
        .value(Column::Name, "S")
        .valid_from(month(2))
        .exec(&db)
        .await
        .unwrap();
    let merged = Names::merge(2)
        .into_identity(1)
        .at(month(10))
        .value(Column::Name, "C and S")
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(merged.name, "C and S");
    assert_eq!(timeline(&db, 2).await, "S@2-10");
    assert_eq!(timeline(&db, 1).await, "A@1-6 C@9-10 C and S@10-");
    let gaps = Names::find_gaps().all(&db).await.unwrap();
    assert_eq!(gaps.len(), 1);
    assert_eq!(gaps[0].before.valid_to, Some(month(6)));
    let changes = Names::find_changes(Column::Name)
        .of(1)
        .from_value("C")
        .all(&db)
        .await
        .unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].after.name, "C and S");
}

/// The first day of a month of a future year.
pub fn next(month: u32) -> DateTimeUtc {
    format!("2999-{month:02}-01T00:00:00Z").parse().unwrap()
}

#[tokio::test]
async fn scheduled_versions_are_listed_moved_and_cancelled() {
    let database = departments().await;
    let db = database.connect().await;
    started(&db).await;
    let change = |name: &str, from| {
        Names::change(1)
            .value(Column::Name, name)
            .valid_from(from)
            .exec(&db)
    };
    change("B", next(3)).await.unwrap();
    change("C", next(6)).await.unwrap();
    assert_eq!(timeline(&db, 1).await, "A@1-3 B@3-6 C@6-");
    let scheduled = Names::find_scheduled(1).all(&db).await.unwrap();
    assert_eq!(scheduled.len(), 2);
    assert_eq!(
        Names::find_current_version(1)
            .one(&db)
            .await
            .unwrap()
            .unwrap()
            .name,
        "A"
    );
    // A change now is valid until the scheduled version starts.
    change("a", month(2)).await.unwrap();
    assert_eq!(timeline(&db, 1).await, "A@1-2 a@2-3 B@3-6 C@6-");

    let moved = Names::reschedule(1, next(3), next(5))
        .exec(&db)
        .await
        .unwrap();
    assert_eq!((moved.name.as_str(), moved.valid_from), ("B", next(5)));
    assert_eq!(timeline(&db, 1).await, "A@1-2 a@2-5 B@5-6 C@6-");
    Names::reschedule(1, next(5), next(2))
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(timeline(&db, 1).await, "A@1-2 a@2-2 B@2-6 C@6-");
    for (starts, to) in [(next(2), next(6)), (next(6), next(2)), (next(6), next(1))] {
        let error = Names::reschedule(1, starts, to)
            .exec(&db)
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::Refused(RefusedError::EmptyPeriod { .. })),
            "{error}"
        );
    }
    for (starts, to) in [(month(2), next(6)), (next(7), next(8)), (next(2), month(8))] {
        let error = Names::reschedule(1, starts, to)
            .exec(&db)
            .await
            .unwrap_err();
        assert!(
            matches!(
                error,
                Error::NotFound(NotFoundError::ScheduledVersion { .. })
            ),
            "{error}"
        );
    }

    let error = Names::end(1).exec(&db).await.unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::LaterVersion { .. })),
        "{error}"
    );
    let cancelled = Names::cancel(1, next(2)).exec(&db).await.unwrap();
    assert_eq!(
        (cancelled.name.as_str(), cancelled.valid_to),
        ("B", Some(next(6)))
    );
    assert_eq!(timeline(&db, 1).await, "A@1-2 a@2-6 C@6-");
    Names::cancel(1, next(6)).exec(&db).await.unwrap();
    assert_eq!(timeline(&db, 1).await, "A@1-2 a@2-");
    let error = Names::cancel(1, month(2)).exec(&db).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::NotFound(NotFoundError::ScheduledVersion { .. })
        ),
        "{error}"
    );

    // A cancelled start has no earlier version that could be extended.
    Names::start(2)
        .value(Column::Name, "S")
        .valid_from(next(1))
        .exec(&db)
        .await
        .unwrap();
    Names::cancel(2, next(1)).exec(&db).await.unwrap();
    assert_eq!(timeline(&db, 2).await, "");
}

#[tokio::test]
async fn correction_leaves_equal_neighbours_until_coalesce() {
    let database = departments().await;
    let db = database.connect().await;
    started(&db).await;
    let change = |name: &str, from| {
        Names::change(1)
            .value(Column::Name, name)
            .valid_from(from)
            .exec(&db)
    };
    change("B", month(3)).await.unwrap();
    change("C", month(6)).await.unwrap();
    let corrected = Names::correct(1, month(4))
        .value(Column::Name, "A")
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(
        (corrected.valid_from, corrected.valid_to),
        (month(3), Some(month(6)))
    );
    assert_eq!(timeline(&db, 1).await, "A@1-3 A@3-6 C@6-");
    let merged = Names::coalesce(1).exec(&db).await.unwrap();
    assert_eq!(merged.len(), 1);
    assert_eq!(timeline(&db, 1).await, "A@1-6 C@6-");
    assert!(Names::coalesce(1).exec(&db).await.unwrap().is_empty());
}

#[tokio::test]
async fn values_carry_over_and_can_be_set_to_null() {
    let database = departments().await;
    let db = database.connect().await;
    let version = department_history::ActiveModel {
        name: sea_orm::Set("A".to_owned()),
        floor: sea_orm::Set(Some(4)),
        ..Default::default()
    };
    Names::start(1)
        .set(version)
        .valid_from(month(1))
        .exec(&db)
        .await
        .unwrap();
    let renamed = Names::change(1)
        .value(Column::Name, "B")
        .valid_from(month(2))
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(renamed.floor, Some(4));
    let moved = Names::change(1)
        .value(Column::Floor, None::<i32>)
        .valid_from(month(3))
        .exec(&db)
        .await
        .unwrap();
    assert_eq!((moved.name.as_str(), moved.floor), ("B", None));
    let changes = Names::find_changes(Column::Floor).all(&db).await.unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(
        (changes[0].before.floor, changes[0].after.floor),
        (Some(4), None)
    );
    // An i64 value must not be sent to a statement that was prepared with an i32.
    for _ in 0..2 {
        Names::change(1)
            .value(Column::Floor, 5_i64)
            .valid_from(month(4))
            .exec(&db)
            .await
            .unwrap();
        Names::change(1)
            .value(Column::Floor, 6_i32)
            .valid_from(month(4))
            .exec(&db)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn refused_calls_report_why_and_change_nothing() {
    let database = departments().await;
    let db = database.connect().await;
    started(&db).await;
    let none = Names::change(2)
        .value(Column::Name, "B")
        .exec(&db)
        .await
        .unwrap_err();
    assert_eq!(
        none.to_string(),
        "department_history {\"department_id\":2} has no version that is valid at now: start one with `.start(..)`, or choose another time"
    );
    let no_identity = Names::start(99)
        .value(Column::Name, "B")
        .exec(&db)
        .await
        .unwrap_err();
    assert_eq!(
        no_identity.to_string(),
        "public.departments has no row {\"id\":99}: insert the identity before its first version, or restore it if it was archived"
    );
    let reversed = Names::change(1)
        .value(Column::Name, "B")
        .during(month(3)..month(2))
        .exec(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(reversed, Error::Refused(RefusedError::EmptyPeriod { .. })),
        "{reversed}"
    );
    let past = Names::start(2)
        .value(Column::Name, "B")
        .valid_to(month(2))
        .exec(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(past, Error::Refused(RefusedError::EmptyPeriod { .. })),
        "{past}"
    );
    for column in [
        Column::Id,
        Column::DepartmentId,
        Column::ValidFrom,
        Column::ValidTo,
    ] {
        let error = Names::change(1)
            .value(column, 7)
            .exec(&db)
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::Refused(RefusedError::ManagedColumn { .. })),
            "{error}"
        );
    }
    let no_actor_column = Names::change(1).by(7).exec(&db).await.unwrap_err();
    assert!(
        matches!(
            no_actor_column,
            Error::Refused(RefusedError::ManagedColumn { .. })
        ),
        "{no_actor_column}"
    );
    let no_actor_column = Names::end(1).by(7).exec(&db).await.unwrap_err();
    assert!(
        matches!(
            no_actor_column,
            Error::Refused(RefusedError::ManagedColumn { .. })
        ),
        "{no_actor_column}"
    );
    // The column holds a hundred characters: a longer value is refused, not cut.
    let long = "x".repeat(101);
    let error = Names::change(1)
        .value(Column::Name, long)
        .exec(&db)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");
    let itself = Names::merge(1)
        .into_identity(1)
        .exec(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(itself, Error::Refused(RefusedError::SameIdentity { .. })),
        "{itself}"
    );
    assert_eq!(timeline(&db, 1).await, "A@1-");
}
