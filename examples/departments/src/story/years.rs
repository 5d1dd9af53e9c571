//! Records the events in the order of their days.

use sea_orm::prelude::Date;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseConnection, EntityTrait};
use sea_orm_archive::prelude::*;
use storyteller::{Error, Narrator};

use crate::country_history::{self, Column, Entity as CountryHistory};
use crate::facts::{COUNTRIES, EVENTS, Event, EventKind, MOVES, Move, PEOPLE, RITA};
use crate::{country, person, person_audit};

/// Inserts the people and the identities of the countries.
pub async fn insert_people_and_countries(db: &DatabaseConnection) -> Result<(), Error> {
    let people = PEOPLE.map(|(id, name)| person::ActiveModel {
        id: Set(id),
        name: Set(name.to_owned()),
    });
    person::Entity::insert_many(people).exec(db).await?;
    let countries = COUNTRIES.map(|id| country::ActiveModel { id: Set(id) });
    country::Entity::insert_many(countries).exec(db).await?;
    Ok(())
}

/// Records the events and moves of the given days, and prints the events.
pub async fn record(
    narrator: &Narrator,
    db: &DatabaseConnection,
    days: impl Fn(Date) -> bool,
) -> Result<(), Error> {
    let mut moves = MOVES.iter().filter(|moved| days(moved.on)).peekable();
    for event in EVENTS.iter().filter(|event| days(event.on)) {
        while let Some(moved) = moves.next_if(|moved| moved.on < event.on) {
            entry(moved.person, moved.country, moved.on)
                .insert(db)
                .await?;
        }
        let version = write_version(db, event).await?;
        narrator.print(&format!("{}  {}", event.on, sentence(event, &version.name)));
    }
    for Move {
        on,
        person,
        country,
    } in moves
    {
        entry(*person, *country, *on).insert(db).await?;
    }
    Ok(())
}

/// An entry of the log, written by Rita.
pub fn entry(person: i32, country: i32, on: Date) -> person_audit::ActiveModel {
    person_audit::ActiveModel {
        person_id: Set(person),
        country_id: Set(country),
        changed_by: Set(RITA),
        changed_on: Set(on),
        ..Default::default()
    }
}

/// Returns the version that starts or ends, or for a merge the version of the other country.
async fn write_version(
    db: &DatabaseConnection,
    event: &Event,
) -> Result<country_history::Model, sea_orm_archive::Error> {
    let &Event { on, country, .. } = event;
    match event.kind {
        EventKind::Starts(name) => {
            let start = CountryHistory::start(country).value(Column::Name, name);
            start.valid_from(on).exec(db).await
        }
        EventKind::Renamed(name, by) => {
            let change = CountryHistory::change(country).value(Column::Name, name);
            change.by(by).valid_from(on).exec(db).await
        }
        EventKind::Ends => CountryHistory::end(country).at(on).exec(db).await,
        EventKind::MergesInto(other) => {
            let merge = CountryHistory::merge(country).into_identity(other);
            merge.at(on).exec(db).await
        }
    }
}

fn sentence(event: &Event, name: &str) -> String {
    let country = event.country;
    match event.kind {
        EventKind::Starts(_) => format!("start   +{country:<4} {name}"),
        EventKind::Renamed(_, by) => format!("change  +{country:<4} {name} ({by})"),
        EventKind::Ends => format!("end     +{country:<4} {name}"),
        EventKind::MergesInto(other) => format!("merge   +{country:<4} into +{other}, {name}"),
    }
}
