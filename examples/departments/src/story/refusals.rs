//! What cannot be written, whether a verb is asked for it or the database itself.

use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DatabaseConnection, DbErr, EntityTrait, RuntimeErr,
};
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;
use storyteller::{Error, Narrator, ensure};

use super::{quote, years};
use crate::country_history::{Column, Entity as CountryHistory};
use crate::facts::{ADA, BURMA, CZECHOSLOVAKIA, SLOVAKIA, day};
use crate::person_audit::Entity as PersonAudit;

/// Tries what is refused, and looks whether anything was written.
pub async fn tell(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    let versions = CountryHistory::find().all(db).await?;
    let log = PersonAudit::find().all(db).await?;
    narrator.say(
        "\
A country has one name at a time. And of the log the three rules are: an entry is never modified;
a rename does not alter what it says; its country was there on its day.

",
    );
    two_names_at_once(narrator, db).await?;
    two_open_names(narrator, db).await?;
    a_country_before_its_time(narrator, db).await?;
    an_end_with_entries_after_it(narrator, db).await?;
    an_entry_rewritten(narrator, db).await?;
    ensure(
        versions == CountryHistory::find().all(db).await?
            && log == PersonAudit::find().all(db).await?,
        "what is refused writes nothing",
    )?;
    narrator.say("\nNothing was written: every version and every entry is what it was.");
    Ok(())
}

/// A verb that would make a country have two names on one day.
async fn two_names_at_once(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    narrator.say("Two names on one day. Burma was Burma in 1970 already:\n\n");
    narrator.say("CountryHistory::start(95).value(Column::Name, \"Birma\").from(1970-01-01).until(1980-01-01)");
    let refused = CountryHistory::start(BURMA)
        .value(Column::Name, "Birma")
        .valid_from(day(1970, 1, 1))
        .valid_to(day(1980, 1, 1))
        .exec(db)
        .await;
    let Err(error @ sea_orm_archive::Error::Conflict(ConflictError::Overlap { .. })) = refused
    else {
        return Err("two names on one day were not refused".into());
    };
    quote(narrator, &error.to_string());
    Ok(())
}

/// The same, past the library.
async fn two_open_names(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO country_history (country_id, name, valid_from)
    VALUES (95, 'Birmania', '2030-01-01')";
    narrator.say("\nTwo names without an end, in SQL and past the library:\n\n");
    narrator.say(SQL);
    refuses(narrator, db, SQL, "23505").await
}

/// The constraint of the seed that SQL has no words for.
async fn a_country_before_its_time(
    narrator: &Narrator,
    db: &DatabaseConnection,
) -> Result<(), Error> {
    narrator.say(
        "\nAn entry on a day on which its country was not there. Ada to Slovakia, in 1992:\n\n",
    );
    narrator.say(
        "person_audit::ActiveModel { country_id: 421, changed_on: 1992-12-31, .. }.insert(&db)",
    );
    let early = years::entry(ADA, SLOVAKIA, day(1992, 12, 31));
    match early.insert(db).await {
        Err(error) => said(narrator, &error, "23503"),
        Ok(_) => Err("an entry before Slovakia was not refused".into()),
    }
}

/// The same constraint, from the other side.
async fn an_end_with_entries_after_it(
    narrator: &Narrator,
    db: &DatabaseConnection,
) -> Result<(), Error> {
    narrator.say(
        "\nAn end that takes from an entry its country. Bob came to Czechoslovakia in 1992:\n\n",
    );
    narrator.say("CountryHistory::end(42).at(1990-01-01)");
    let end = CountryHistory::end(CZECHOSLOVAKIA).at(day(1990, 1, 1));
    let Err(error @ sea_orm_archive::Error::Conflict(ConflictError::DependentRows { .. })) =
        end.exec(db).await
    else {
        return Err("the end of a country with entries after it was not refused".into());
    };
    quote(narrator, &error.to_string());
    Ok(())
}

/// "Audit entries are immutable": not the library's work, but a trigger of the migration's.
async fn an_entry_rewritten(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    const SQL: &str = "UPDATE person_audit SET country_id = 49 WHERE country_id = 37";
    narrator
        .say("\nAn entry that is rewritten. A trigger of the migration's sees to that one:\n\n");
    narrator.say(SQL);
    refuses(narrator, db, SQL, "23001").await
}

async fn refuses(
    narrator: &Narrator,
    db: &DatabaseConnection,
    sql: &str,
    sqlstate: &str,
) -> Result<(), Error> {
    match db.execute_unprepared(sql).await {
        Err(error) => said(narrator, &error, sqlstate),
        Ok(_) => Err(format!("this was not refused: {sql}").into()),
    }
}

/// Tells what PostgreSQL said.
fn said(narrator: &Narrator, error: &DbErr, sqlstate: &str) -> Result<(), Error> {
    let (DbErr::Exec(RuntimeErr::SqlxError(sqlx)) | DbErr::Query(RuntimeErr::SqlxError(sqlx))) =
        error
    else {
        return Err(error.to_string().into());
    };
    let told = sqlx.as_database_error().ok_or_else(|| error.to_string())?;
    let code = told.code().unwrap_or_default();
    quote(narrator, &format!("{code}: {}", told.message()));
    ensure(
        code == sqlstate,
        &format!("the SQLSTATE of \"{}\" is {sqlstate}", told.message()),
    )
}
