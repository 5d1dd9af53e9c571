//! A rename that has not come, and never will.

use sea_orm::DatabaseConnection;
use sea_orm::prelude::*;
use sea_orm_archive::prelude::*;
use storyteller::{Error, Narrator, ensure};

use crate::country_history::{Column, Entity as CountryHistory};
use crate::facts::{SLOVAKIA, day};

const FIRST: Date = day(2999, 1, 1);
const LATER: Date = day(3000, 1, 1);

/// Schedules it, moves it, and cancels it.
pub async fn tell(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    let before = CountryHistory::find_timeline(SLOVAKIA).all(db).await?;
    narrator.say("When the sea comes to Slovakia:\n\n");
    narrator.say(
        "CountryHistory::change(421).value(Column::Name, \"Slovakia by the Sea\").from(2999-01-01)",
    );
    CountryHistory::change(SLOVAKIA)
        .value(Column::Name, "Slovakia by the Sea")
        .by("a joke")
        .valid_from(FIRST)
        .exec(db)
        .await?;
    show(narrator, db).await?;
    ensure(scheduled(db).await? == [FIRST], "it is planned for 2999")?;
    let today = CountryHistory::find_current_version(SLOVAKIA)
        .one(db)
        .await?;
    ensure(
        today.is_some_and(|version| version.name == "Slovakia"),
        "it is called Slovakia until then",
    )?;

    narrator.say("\nCountryHistory::reschedule(421, 2999-01-01, 3000-01-01)");
    CountryHistory::reschedule(SLOVAKIA, FIRST, LATER)
        .exec(db)
        .await?;
    show(narrator, db).await?;
    ensure(scheduled(db).await? == [LATER], "it is put off until 3000")?;

    narrator.say("\nCountryHistory::cancel(421, 3000-01-01)");
    CountryHistory::cancel(SLOVAKIA, LATER).exec(db).await?;
    show(narrator, db).await?;
    let after = CountryHistory::find_timeline(SLOVAKIA).all(db).await?;
    ensure(
        before == after,
        "a plan that was called off leaves nothing behind",
    )?;
    narrator.say("\nNo query has to know of plans: one that asks for today, or for any day, gets that day's.");
    Ok(())
}

/// When the versions begin that have not begun.
async fn scheduled(db: &DatabaseConnection) -> Result<Vec<Date>, Error> {
    let planned = CountryHistory::find_scheduled(SLOVAKIA).all(db).await?;
    Ok(planned.iter().map(|version| version.valid_from).collect())
}

async fn show(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    for version in CountryHistory::find_timeline(SLOVAKIA).all(db).await? {
        let until = version.valid_to.map(|day| format!(" until {day}"));
        narrator.say(&format!(
            "    {} from {}{}",
            version.name,
            version.valid_from,
            until.unwrap_or_default()
        ));
    }
    Ok(())
}
