//! Queries of the history.

use std::collections::BTreeMap;

use sea_orm::prelude::*;
use sea_orm::sea_query::{Query, SelectStatement};
use sea_orm::{DatabaseConnection, JoinType, QueryOrder, QuerySelect};
use sea_orm_archive::prelude::*;
use storyteller::{Error, Narrator, ensure};

use super::log;
use crate::country_history::{self, Column, Entity as CountryHistory};
use crate::facts::{BOB, BURMA, CONGO, DAHOMEY, FRIDAY, SYRIA, day};
use crate::person_audit::{self, Entity as PersonAudit};
use crate::{facts, person};

/// "Show me Bob's history of department changes."
pub async fn history_of_bob(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    narrator
        .print("Where has Bob been? The query is a filter, and the join that finds the names:\n\n");
    narrator.print(
        "PersonAudit::find().filter(person_audit::Column::PersonId.eq(bob))
    .find_also_version_at::<CountryHistory>([CountryId], ChangedOn)\n\n",
    );
    let bobs = PersonAudit::find().filter(person_audit::Column::PersonId.eq(BOB));
    let bobs = log::read(db, bobs).await?;
    log::show(narrator, &bobs);
    let names: Vec<_> = bobs.iter().map(|line| line.country_name.as_str()).collect();
    ensure(
        names == ["Burma", "Czechoslovakia", "Zaire", "Myanmar"],
        "Bob was in Burma, Czechoslovakia, Zaire and Myanmar",
    )?;
    ensure(
        bobs.first().map(|line| line.country) == bobs.last().map(|line| line.country),
        "Burma and Myanmar are one country",
    )?;
    narrator.print("\nBurma and Myanmar are one country: +95. Each entry has the name of its day.");
    Ok(())
}

/// "Show me everyone who was in the Engineering department on Jan 1, 2024."
pub async fn people_in_burma(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    const NEW_YEAR: Date = day(1988, 1, 1);
    narrator.print("\nWho was in \"Burma\" on 1 January 1988? The query finds the name that was valid on that day:\n\n");
    narrator.print(
        "CountryHistory::find_valid_at(1988-01-01).filter(Column::Name.eq(\"Burma\"))
    .join(..)    // to the country, and to the entries and their people\n\n",
    );
    let people: Vec<String> = CountryHistory::find_valid_at(NEW_YEAR)
        .filter(Column::Name.eq("Burma"))
        .join(
            JoinType::InnerJoin,
            country_history::Relation::Country.def(),
        )
        .join(
            JoinType::InnerJoin,
            person_audit::Relation::Country.def().rev(),
        )
        .join(JoinType::InnerJoin, person_audit::Relation::Person.def())
        .filter(person_audit::Column::Id.in_subquery(last_entries(NEW_YEAR)))
        .order_by_asc(person::Column::Name)
        .select_only()
        .column(person::Column::Name)
        .into_tuple()
        .all(db)
        .await?;
    narrator.print(&people.join(" and "));
    ensure(
        people == ["Ada", "Bob"],
        "Ada and Bob were in Burma on 1 January 1988",
    )?;
    let found = CountryHistory::find_current()
        .filter(Column::Name.eq("Burma"))
        .count(db)
        .await?;
    ensure(found == 0, "no country has the name Burma today")?;
    narrator.print("\nDave had left, and Carol came later. No country has the name Burma today, but the query still works.");
    Ok(())
}

/// The last entry of each person up to a day: where the person was on that day.
fn last_entries(day: Date) -> SelectStatement {
    use person_audit::Column;
    Query::select()
        .distinct_on([Column::PersonId])
        .column(Column::Id)
        .from(PersonAudit)
        .and_where(Column::ChangedOn.lte(day))
        .order_by(Column::PersonId, sea_orm::Order::Asc)
        .order_by(Column::ChangedOn, sea_orm::Order::Desc)
        .take()
}

/// "Show me the audit log as of last Friday."
pub async fn log_of_that_friday(
    narrator: &Narrator,
    db: &DatabaseConnection,
    friday: &[log::Line],
) -> Result<(), Error> {
    narrator.print("\nWhat was in the log on Friday, 16 May 1997? The entries up to that day:\n\n");
    narrator
        .print("PersonAudit::find().filter(person_audit::Column::ChangedOn.lte(1997-05-16))\n\n");
    let today = log::until(db, FRIDAY).await?;
    ensure(
        today == friday,
        "the log up to that Friday is the same as on that Friday",
    )?;
    let zaire = today.iter().any(|line| line.country_name == "Zaire");
    ensure(zaire, "the log of that Friday contains the name Zaire")?;
    narrator.print(&format!(
        "The same {} entries as in chapter 3, with the same names. Bob's entry still has the name Zaire.",
        today.len()
    ));
    Ok(())
}

/// "Show me who renamed the Engineering department, and when."
pub async fn who_renamed_zaire(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    narrator.print(
        "\nWho renamed Zaire, and when? The query compares consecutive versions of a country:\n\n",
    );
    narrator.print("CountryHistory::find_changes(Column::Name).from_value(\"Zaire\")\n\n");
    let changes = CountryHistory::find_changes(Column::Name)
        .from_value("Zaire")
        .all(db)
        .await?;
    let [change] = changes.as_slice() else {
        return Err("Zaire was not renamed exactly once".into());
    };
    let by = change.after.decided_by.as_deref().unwrap_or("-");
    narrator.print(&format!(
        "{by}, on {}: to {}",
        change.after.valid_from, change.after.name
    ));
    ensure(
        (by, change.after.valid_from) == ("Laurent-Désiré Kabila", day(1997, 5, 17)),
        "Kabila renamed Zaire on 17 May 1997",
    )?;
    let changes = CountryHistory::find_changes(Column::Name)
        .of(CONGO)
        .to_value("Zaire");
    let named = changes
        .all(db)
        .await?
        .pop()
        .ok_or("no change to the name Zaire")?;
    ensure(
        named.after.decided_by.as_deref() == Some("Mobutu"),
        "Mobutu named it Zaire",
    )?;
    ensure(
        named.before.name == change.after.name,
        "Kabila restored the old name",
    )?;
    narrator.print("(.to_value(\"Zaire\") finds the change by Mobutu.)");
    Ok(())
}

/// Renames, ends and merges do not change the entries of the log.
pub async fn names_then_and_today(
    narrator: &Narrator,
    db: &DatabaseConnection,
) -> Result<(), Error> {
    let current = CountryHistory::find_current().all(db).await?;
    let names: BTreeMap<_, _> = current
        .into_iter()
        .map(|version| (version.country_id, version.name))
        .collect();
    let log = log::read(db, PersonAudit::find()).await?;
    narrator.print(&format!("{:<29} {:<33} today", "", "on its day"));
    for line in &log {
        let today = names.get(&line.country).map_or("(ended)", String::as_str);
        narrator.print(&format!(
            "{}  {:<6} +{:<9} {:<33} {today}",
            line.on, line.person, line.country, line.country_name
        ));
    }
    ensure(log.len() == facts::MOVES.len(), "every entry has a name")?;
    for (country, name) in [(BURMA, "Myanmar"), (DAHOMEY, "Benin")] {
        let today = names.get(&country).map(String::as_str);
        ensure(today == Some(name), "the current names are those of today")?;
    }
    let entries_with = |name: &str| log.iter().filter(|line| line.country_name == name).count();
    ensure(
        entries_with("Burma") == 3 && entries_with("Myanmar") == 2,
        "three entries have the name Burma, and two have Myanmar",
    )?;
    ensure(
        entries_with("German Democratic Republic") == 2,
        "a merge does not change the entries of the country that ended",
    )?;
    narrator.print(
        "\nNo entry was updated. The German Democratic Republic was merged into the Federal Republic of
Germany, and Czechoslovakia ended. Their entries still have the names of their days.",
    );
    Ok(())
}

/// Periods between two versions in which a country had none.
pub async fn gaps(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    narrator.print("CountryHistory::find_gaps()\n\n");
    let gaps = CountryHistory::find_gaps().all(db).await?;
    for gap in &gaps {
        let from = gap
            .before
            .valid_to
            .ok_or("the version before a gap has no end")?;
        narrator.print(&format!(
            "{}: from {from} until {}",
            gap.before.name, gap.after.valid_from
        ));
    }
    let [gap] = gaps.as_slice() else {
        return Err("there is not exactly one gap".into());
    };
    ensure(
        gap.before.country_id == SYRIA && gap.after.valid_from == day(1961, 9, 28),
        "the gap is that of Syria",
    )?;
    narrator.print("\nThe gap is correct: Syria was part of the United Arab Republic then.");
    Ok(())
}
