//! A scheduled rename, which is cancelled in the end.

use sea_orm::DatabaseConnection;
use sea_orm::prelude::*;
use sea_orm_archive::prelude::*;
use storyteller::{Error, Narrator, ensure};

use crate::country_history::{Column, Entity as CountryHistory};
use crate::facts::{SLOVAKIA, day};

const FIRST: Date = day(2999, 1, 1);
const LATER: Date = day(3000, 1, 1);

/// Schedules a rename, reschedules it, and cancels it.
pub async fn run(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    let before = CountryHistory::find_timeline(SLOVAKIA).all(db).await?;
    narrator.print("Slovakia is renamed in the year 2999:\n\n");
    narrator.print(
        "CountryHistory::change(421).value(Column::Name, \"Slovakia by the Sea\").valid_from(2999-01-01)",
    );
    CountryHistory::change(SLOVAKIA)
        .value(Column::Name, "Slovakia by the Sea")
        .by("a joke")
        .valid_from(FIRST)
        .exec(db)
        .await?;
    show(narrator, db).await?;
    ensure(
        scheduled(db).await? == [FIRST],
        "the rename is scheduled for 2999",
    )?;
    let today = CountryHistory::find_current_version(SLOVAKIA)
        .one(db)
        .await?;
    ensure(
        today.is_some_and(|version| version.name == "Slovakia"),
        "the current name is still Slovakia",
    )?;

    narrator.print("\nCountryHistory::reschedule(421, 2999-01-01, 3000-01-01)");
    CountryHistory::reschedule(SLOVAKIA, FIRST, LATER)
        .exec(db)
        .await?;
    show(narrator, db).await?;
    ensure(
        scheduled(db).await? == [LATER],
        "the rename is rescheduled to 3000",
    )?;

    narrator.print("\nCountryHistory::cancel(421, 3000-01-01)");
    CountryHistory::cancel(SLOVAKIA, LATER).exec(db).await?;
    show(narrator, db).await?;
    let after = CountryHistory::find_timeline(SLOVAKIA).all(db).await?;
    ensure(
        before == after,
        "a cancelled rename leaves the history as it was",
    )?;
    narrator.print("\nScheduled versions do not affect other queries: a query for a day returns the version of that day.");
    Ok(())
}

/// The start days of the scheduled versions.
async fn scheduled(db: &DatabaseConnection) -> Result<Vec<Date>, Error> {
    let versions = CountryHistory::find_scheduled(SLOVAKIA).all(db).await?;
    Ok(versions.iter().map(|version| version.valid_from).collect())
}

async fn show(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    for version in CountryHistory::find_timeline(SLOVAKIA).all(db).await? {
        let until = version.valid_to.map(|day| format!(" until {day}"));
        narrator.print(&format!(
            "    {} from {}{}",
            version.name,
            version.valid_from,
            until.unwrap_or_default()
        ));
    }
    Ok(())
}
