//! What the history is asked.

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
        .say("Where has Bob been? No more than a filter, and the join that finds the names:\n\n");
    narrator.say(
        "PersonAudit::find().filter(person_audit::Column::PersonId.eq(bob))
    .find_also_version_at::<CountryHistory>([CountryId], ChangedOn)\n\n",
    );
    let bobs = PersonAudit::find().filter(person_audit::Column::PersonId.eq(BOB));
    let bobs = log::read(db, bobs).await?;
    log::show(narrator, &bobs);
    let called: Vec<_> = bobs.iter().map(|line| line.called.as_str()).collect();
    ensure(
        called == ["Burma", "Czechoslovakia", "Zaire", "Myanmar"],
        "Bob was in Burma, Czechoslovakia, Zaire and Myanmar",
    )?;
    ensure(
        bobs.first().map(|line| line.country) == bobs.last().map(|line| line.country),
        "Burma and Myanmar are one country",
    )?;
    narrator.say(
        "\nBurma and Myanmar are one country: +95. An entry is called what its day called it.",
    );
    Ok(())
}

/// "Show me everyone who was in the Engineering department on Jan 1, 2024."
pub async fn everybody_in_burma(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    const NEW_YEAR: Date = day(1988, 1, 1);
    narrator.say("\nWho was in \"Burma\" on 1 January 1988? The name is one of that day:\n\n");
    narrator.say(
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
    narrator.say(&people.join(" and "));
    ensure(
        people == ["Ada", "Bob"],
        "Ada and Bob were in Burma on 1 January 1988",
    )?;
    let found = CountryHistory::find_current()
        .filter(Column::Name.eq("Burma"))
        .count(db)
        .await?;
    ensure(found == 0, "nothing is called Burma today")?;
    narrator.say("\nDave had left, and Carol came later. That nothing is called Burma today does not matter.");
    Ok(())
}

/// The last entry of each person up to the end of a day: where they were then.
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

/// "Show me what the audit log looked like as of last Friday."
pub async fn log_of_that_friday(
    narrator: &Narrator,
    db: &DatabaseConnection,
    friday: &[log::Line],
) -> Result<(), Error> {
    narrator
        .say("\nWhat did the log look like on Friday, 16 May 1997? Entries up to that day:\n\n");
    narrator.say("PersonAudit::find().filter(person_audit::Column::ChangedOn.lte(1997-05-16))\n\n");
    let today = log::until(db, FRIDAY).await?;
    ensure(
        today == friday,
        "the log until that Friday is what it was on that Friday",
    )?;
    let zaire = today.iter().any(|line| line.called == "Zaire");
    ensure(zaire, "the log of that Friday says Zaire")?;
    narrator.say(&format!(
        "The {} entries that Rita read in chapter 3, name by name: they say Zaire, and always will.",
        today.len()
    ));
    Ok(())
}

/// "Show me who renamed the Engineering department, and when."
pub async fn who_renamed_zaire(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    narrator.say(
        "\nWho renamed Zaire, and when? Two versions of one country that follow each other:\n\n",
    );
    narrator.say("CountryHistory::changes(Column::Name).from(\"Zaire\")\n\n");
    let changes = CountryHistory::find_changes(Column::Name)
        .from_value("Zaire")
        .all(db)
        .await?;
    let [change] = changes.as_slice() else {
        return Err("Zaire was not renamed once".into());
    };
    let by = change.after.decided_by.as_deref().unwrap_or("nobody");
    narrator.say(&format!(
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
        .ok_or("nobody named it Zaire")?;
    ensure(
        named.after.decided_by.as_deref() == Some("Mobutu"),
        "Mobutu named it Zaire",
    )?;
    ensure(
        named.before.name == change.after.name,
        "Kabila gave it its old name back",
    )?;
    narrator.say("(And .to(\"Zaire\") finds Mobutu.)");
    Ok(())
}

/// Renames leave the log alone, and so do ends and merges.
pub async fn then_and_today(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    let current = CountryHistory::find_current().all(db).await?;
    let names: BTreeMap<_, _> = current
        .into_iter()
        .map(|version| (version.country_id, version.name))
        .collect();
    let log = log::read(db, PersonAudit::find()).await?;
    narrator.say(&format!("{:<29} {:<33} today", "", "on its day"));
    for line in &log {
        let today = names
            .get(&line.country)
            .map_or("(is no more)", String::as_str);
        narrator.say(&format!(
            "{}  {:<6} +{:<9} {:<33} {today}",
            line.on, line.person, line.country, line.called
        ));
    }
    ensure(log.len() == facts::MOVES.len(), "every entry has a name")?;
    for (country, name) in [(BURMA, "Myanmar"), (DAHOMEY, "Benin")] {
        let today = names.get(&country).map(String::as_str);
        ensure(today == Some(name), "the names of today are those of today")?;
    }
    let called = |name: &str| log.iter().filter(|line| line.called == name).count();
    ensure(
        called("Burma") == 3 && called("Myanmar") == 2,
        "three entries say Burma, and two Myanmar",
    )?;
    ensure(
        called("German Democratic Republic") == 2,
        "a merge leaves the entries of the one that ended alone",
    )?;
    narrator.say(
        "\nNot one entry was updated. The German Democratic Republic was merged into the Federal Republic,
and Czechoslovakia ended; their entries still find what they were called.",
    );
    Ok(())
}

/// Where nothing was true between two versions.
pub async fn gaps(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    narrator.say("CountryHistory::find_gaps()\n\n");
    let gaps = CountryHistory::find_gaps().all(db).await?;
    for gap in &gaps {
        let from = gap.before.valid_to.ok_or("a gap begins with an end")?;
        narrator.say(&format!(
            "{}: from {from} until {}",
            gap.before.name, gap.after.valid_from
        ));
    }
    let [gap] = gaps.as_slice() else {
        return Err("there is not one gap".into());
    };
    ensure(
        gap.before.country_id == SYRIA && gap.after.valid_from == day(1961, 9, 28),
        "the gap is that of Syria",
    )?;
    narrator.say("\nThat is no mistake: Syria was a part of the United Arab Republic then.");
    Ok(())
}
