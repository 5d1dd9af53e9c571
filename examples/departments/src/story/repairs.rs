//! Mistakes that are found late.

use sea_orm::DatabaseConnection;
use sea_orm::prelude::*;
use sea_orm_archive::prelude::*;
use storyteller::{Error, Narrator, ensure};

use super::log;
use crate::country_history::{Column, Entity as CountryHistory};
use crate::facts::{CABO_VERDE, CABO_VERDE_LATE, CAPE_VERDE, TURKEY, TURKIYE};
use crate::person_audit::{self, Entity as PersonAudit};

/// A name that was true for longer than was written down.
pub async fn a_day(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    narrator.say(
        "Cabo Verde was called that a month before the day that she wrote down. Until now:\n\n",
    );
    log::show(narrator, &to_cape_verde(db).await?);
    narrator.say(
        "\nCountryHistory::change(238).value(Column::Name, \"Cabo Verde\")
    .by(\"its government\").during(2013-10-24..2013-11-24)\n\n",
    );
    CountryHistory::change(CAPE_VERDE)
        .value(Column::Name, "Cabo Verde")
        .by("its government")
        .during(CABO_VERDE..CABO_VERDE_LATE)
        .exec(db)
        .await?;
    let corrected = to_cape_verde(db).await?;
    log::show(narrator, &corrected);
    let called: Vec<_> = corrected.iter().map(|line| line.called.as_str()).collect();
    ensure(
        called == ["Cabo Verde"],
        "Carol's entry says Cabo Verde after the correction",
    )?;
    let timeline = CountryHistory::find_timeline(CAPE_VERDE).all(db).await?;
    let starts: Vec<_> = timeline.iter().map(|version| version.valid_from).collect();
    ensure(
        starts.len() == 2 && starts.last() == Some(&CABO_VERDE),
        "the month and what follows are one version",
    )?;
    narrator.say(
        "\nThe entry was not touched. A rename leaves old entries as they are; that the history was wrong
is another thing, and now they say what was true. The month and what follows are one version.",
    );
    Ok(())
}

async fn to_cape_verde(db: &DatabaseConnection) -> Result<Vec<log::Line>, Error> {
    let entries = PersonAudit::find().filter(person_audit::Column::CountryId.eq(CAPE_VERDE));
    log::read(db, entries).await
}

/// A name that was written down wrongly.
pub async fn a_spelling(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    narrator.say("\nAnd she has no ü on her keyboard: it never was Turkiye.\n\n");
    narrator.say("CountryHistory::correct(90, 2022-06-01).value(Column::Name, \"Türkiye\")\n\n");
    let version = CountryHistory::correct(TURKEY, TURKIYE)
        .value(Column::Name, "Türkiye")
        .by("its government")
        .exec(db)
        .await?;
    let timeline = CountryHistory::find_timeline(TURKEY).all(db).await?;
    let names: Vec<_> = timeline
        .iter()
        .map(|version| version.name.as_str())
        .collect();
    ensure(
        names == ["Turkey", "Türkiye"] && version.valid_from == TURKIYE,
        "the misspelt name is gone, and its days are what they were",
    )?;
    narrator.say(&format!(
        "{} from {} on: a change begins a version, and a correction does not.",
        version.name, version.valid_from
    ));
    Ok(())
}
