//! Reading the log: each entry with the name that its country had on its day.

use sea_orm::prelude::*;
use sea_orm::{DatabaseConnection, QueryOrder, Select};
use sea_orm_archive::prelude::*;
use storyteller::{Error, Narrator};

use crate::person_audit::{Column, Entity as PersonAudit};
use crate::{country_history, person};

/// An entry as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub on: Date,
    pub person: String,
    pub country: i32,
    /// What the country was called on that day.
    pub called: String,
}

/// The log up to the end of a day.
pub async fn until(db: &DatabaseConnection, day: Date) -> Result<Vec<Line>, Error> {
    read(db, PersonAudit::find().filter(Column::ChangedOn.lte(day))).await
}

/// These entries, in the order of their days.
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
                person: person.ok_or("nobody moved")?.name,
                country: entry.country_id,
                called: version.ok_or("the country was not there")?.name,
            })
        })
        .collect()
}

/// Shows entries, one in a line.
pub fn show(narrator: &Narrator, lines: &[Line]) {
    for Line {
        on,
        person,
        country,
        called,
    } in lines
    {
        narrator.say(&format!("{on}  {person:<6} +{country:<4} {called}"));
    }
}
