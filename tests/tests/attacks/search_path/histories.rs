//! Every verb and every read of histories, once.

use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive::error::{ConflictError, NotFoundError};
use sea_orm_archive::{Bitemporal, prelude::*};

use super::entities::{Mood, mood_history, place_history, stay};

pub fn time(day: u32) -> DateTimeUtc {
    format!("2024-01-{day:02}T00:00:00Z").parse().unwrap()
}

fn day(day: u32) -> Date {
    Date::from_ymd_opt(2024, 1, day).unwrap()
}

pub async fn history(db: &DatabaseConnection) {
    use place_history::{Column, Entity as Places};
    Places::change("here")
        .value(Column::Name, "second")
        .valid_from(time(5))
        .exec(db)
        .await
        .unwrap();
    Places::change("here")
        .value(Column::Feeling, Mood::Happy)
        .exec(db)
        .await
        .unwrap();
    Places::change("here")
        .value(Column::Name, "between")
        .during(time(7)..time(9))
        .exec(db)
        .await
        .unwrap();
    Places::correct("here", time(8))
        .value(Column::Name, "second")
        .exec(db)
        .await
        .unwrap();
    Places::coalesce("here").exec(db).await.unwrap();
    let later = "2200-01-01T00:00:00Z".parse::<DateTimeUtc>().unwrap();
    let latest = "2300-01-01T00:00:00Z".parse::<DateTimeUtc>().unwrap();
    Places::change("there")
        .value(Column::Name, "planned")
        .valid_from(later)
        .exec(db)
        .await
        .unwrap();
    assert_eq!(
        Places::find_scheduled("there").all(db).await.unwrap().len(),
        1
    );
    Places::reschedule("there", later, latest)
        .exec(db)
        .await
        .unwrap();
    let error = Places::end("there").exec(db).await.unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::LaterVersion { .. })),
        "{error}"
    );
    let error = Places::cancel("there", later).exec(db).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::NotFound(NotFoundError::ScheduledVersion { .. })
        ),
        "{error}"
    );
    let error = Places::reschedule("there", later, latest)
        .exec(db)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::NotFound(NotFoundError::ScheduledVersion { .. })
        ),
        "{error}"
    );
    Places::cancel("there", latest).exec(db).await.unwrap();
    let start = || {
        Places::start("there")
            .value(Column::Name, "x")
            .value(Column::Feeling, Mood::Sad)
    };
    let error = start()
        .valid_from(time(2))
        .valid_to(time(3))
        .exec(db)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::Overlap { .. })),
        "{error}"
    );
    let error = start().valid_from(time(2)).exec(db).await.unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::Overlap { .. })),
        "{error}"
    );
    Places::end("there").at(time(20)).exec(db).await.unwrap();
    start().valid_from(time(22)).exec(db).await.unwrap();
    let error = Places::change("nowhere")
        .value(Column::Name, "x")
        .exec(db)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::NotFound(NotFoundError::Identity { .. })),
        "{error}"
    );
    let error = Places::end("here").at(time(6)).exec(db).await.unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::LaterVersion { .. })),
        "{error}"
    );
    // A row refers to the version.
    let end = "update place_history set valid_to = '2024-01-03Z' where valid_from = '2024-01-01Z'";
    let error = db.execute_unprepared(end).await.unwrap_err().to_string();
    assert!(error.contains("violates temporal foreign key"), "{error}");
    Places::merge("there")
        .into_identity("here")
        .value(Column::Name, "both")
        .exec(db)
        .await
        .unwrap();

    assert!(
        Places::find_version_at("here", time(6))
            .one(db)
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        Places::find_current_version("here")
            .one(db)
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(
        Places::find_valid_at(time(6)).all(db).await.unwrap().len(),
        2
    );
    assert!(!Places::find_current().all(db).await.unwrap().is_empty());
    assert!(Places::find_timeline("here").all(db).await.unwrap().len() > 1);
    for column in [Column::Name, Column::Feeling] {
        assert!(
            !Places::find_changes(column)
                .of("here")
                .all(db)
                .await
                .unwrap()
                .is_empty()
        );
    }
    Places::find_changes(Column::Feeling)
        .from_value(Mood::Sad.to_value())
        .to_value(Mood::Happy.to_value())
        .all(db)
        .await
        .unwrap();
    assert_eq!(
        Places::find_changes(Column::Name)
            .from_value("second")
            .to_value("both")
            .all(db)
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(Places::find_gaps().all(db).await.unwrap().len(), 1);
    let stays = stay::Entity::find()
        .find_also_version_at::<Places>([stay::Column::PlaceId], stay::Column::Since)
        .all(db)
        .await
        .unwrap();
    assert!(stays[0].1.is_some());
}

pub async fn bitemporal(db: &DatabaseConnection) {
    use mood_history::{Column, Entity as Moods};
    fn is_bitemporal<E: Bitemporal>() {}
    is_bitemporal::<Moods>();
    let start = Moods::start(Mood::Sad).value(Column::Name, "a").by("me");
    start.valid_from(day(1)).exec(db).await.unwrap();
    let change = Moods::change(Mood::Sad).value(Column::Name, "b").by("me");
    change.valid_from(day(5)).exec(db).await.unwrap();
    Moods::correct(Mood::Sad, day(2))
        .value(Column::Name, "b")
        .exec(db)
        .await
        .unwrap();
    Moods::coalesce(Mood::Sad).by("me").exec(db).await.unwrap();
    let start = Moods::start(Mood::Sad)
        .value(Column::Name, "c")
        .valid_from(day(2));
    let error = start.valid_to(day(3)).exec(db).await.unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::Overlap { .. })),
        "{error}"
    );
    let known = DateTimeUtc::from(std::time::SystemTime::now());
    let then = Moods::as_known_at(known);
    assert!(
        then.find_version_at(Mood::Sad, day(2))
            .one(db)
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(
        then.find_timeline(Mood::Sad).all(db).await.unwrap().len(),
        1
    );
    assert!(
        then.find_changes(Column::Name)
            .of(Mood::Sad)
            .all(db)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        then.find_gaps()
            .of(Mood::Sad)
            .all(db)
            .await
            .unwrap()
            .is_empty()
    );
}
