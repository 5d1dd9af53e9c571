//! Reads the log: each entry with the name that its country had on the day of the entry.

use sea_orm::prelude::*;
use sea_orm::{DatabaseConnection, QueryOrder, Select};
use sea_orm_archive::prelude::*;
use storyteller::{Error, Narrator};

use crate::person_audit::{Column, Entity as PersonAudit};
use crate::{country_history, person};

/// An entry of the log, with names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub on: Date,
    pub person: String,
    pub country: i32,
    /// The name of the country on that day.
    pub country_name: String,
}

/// The log up to a day, inclusive.
pub async fn until(db: &DatabaseConnection, day: Date) -> Result<Vec<Line>, Error> {
    read(db, PersonAudit::find().filter(Column::ChangedOn.lte(day))).await
}

/// The given entries, in the order of their days.
pub async fn read(
    db: &DatabaseConnection,
    entries: Select<PersonAudit>,
) -> Result<Vec<Line>, Error> {
    let found = entries
        .order_by_asc(Column::ChangedOn)
        .find_also_version_at::<country_history::Entity>([Column::CountryId], Column::ChangedOn)
        .find_also_related(person::Entity)
        .all(db)
        .await?;
    found
        .into_iter()
        .map(|(entry, version, person)| {
            Ok(Line {
                on: entry.changed_on,
                person: person.ok_or("the entry has no person")?.name,
                country: entry.country_id,
                country_name: version
                    .ok_or("the country has no version on that day")?
                    .name,
            })
        })
        .collect()
}

/// Prints entries, one on each line.
pub fn show(narrator: &Narrator, lines: &[Line]) {
    for Line {
        on,
        person,
        country,
        country_name,
    } in lines
    {
        narrator.print(&format!("{on}  {person:<6} +{country:<4} {country_name}"));
    }
}
