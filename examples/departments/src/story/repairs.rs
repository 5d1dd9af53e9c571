//! Corrections of past mistakes.

use sea_orm::DatabaseConnection;
use sea_orm::prelude::*;
use sea_orm_archive::prelude::*;
use storyteller::{Error, Narrator, ensure};

use super::log;
use crate::country_history::{Column, Entity as CountryHistory};
use crate::facts::{CABO_VERDE, CABO_VERDE_LATE, CAPE_VERDE, TURKEY, TURKIYE};
use crate::person_audit::{self, Entity as PersonAudit};

/// Corrects the start of a version: the name was valid earlier than recorded.
pub async fn a_day(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    narrator.print(
        "Cabo Verde got its name a month before the day that Rita recorded. The entry before the correction:\n\n",
    );
    log::show(narrator, &to_cape_verde(db).await?);
    narrator.print(
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
    let names: Vec<_> = corrected
        .iter()
        .map(|line| line.country_name.as_str())
        .collect();
    ensure(
        names == ["Cabo Verde"],
        "Carol's entry has the name Cabo Verde after the correction",
    )?;
    let timeline = CountryHistory::find_timeline(CAPE_VERDE).all(db).await?;
    let starts: Vec<_> = timeline.iter().map(|version| version.valid_from).collect();
    ensure(
        starts.len() == 2 && starts.last() == Some(&CABO_VERDE),
        "the added month is part of the version after it",
    )?;
    narrator.print(
        "\nThe entry itself was not updated. It has another name now because the history was corrected.
The added month is part of the version after it.",
    );
    Ok(())
}

async fn to_cape_verde(db: &DatabaseConnection) -> Result<Vec<log::Line>, Error> {
    let entries = PersonAudit::find().filter(person_audit::Column::CountryId.eq(CAPE_VERDE));
    log::read(db, entries).await
}

/// Corrects the spelling of a name.
pub async fn a_spelling(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    narrator.print("\nRita's keyboard has no ü. The name is Türkiye, not Turkiye:\n\n");
    narrator.print("CountryHistory::correct(90, 2022-06-01).value(Column::Name, \"Türkiye\")\n\n");
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
        "the name is corrected, and the period is unchanged",
    )?;
    narrator.print(&format!(
        "{} from {}: a change adds a version, a correction rewrites one.",
        version.name, version.valid_from
    ));
    Ok(())
}
