//! Writes that are refused, through the library and in plain SQL.

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

/// Tries each write, and checks that it is refused and that no row has changed.
pub async fn run(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    let versions = CountryHistory::find().all(db).await?;
    let log = PersonAudit::find().all(db).await?;
    narrator.print(
        "\
A country has one name at a time. The log has three rules: an entry is never modified, a rename
does not change the name of an entry, and the country has a version on the day of the entry.

",
    );
    overlapping_versions(narrator, db).await?;
    two_open_versions(narrator, db).await?;
    an_entry_before_the_first_version(narrator, db).await?;
    an_end_before_dependent_entries(narrator, db).await?;
    an_update_of_an_entry(narrator, db).await?;
    ensure(
        versions == CountryHistory::find().all(db).await?
            && log == PersonAudit::find().all(db).await?,
        "a refused write changes no row",
    )?;
    narrator.print("\nAll of them were refused: every version and every entry is unchanged.");
    Ok(())
}

/// A verb that would give a country two names on one day.
async fn overlapping_versions(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    narrator.print("Two names on one day. In 1970 the name of Burma is Burma:\n\n");
    narrator.print("CountryHistory::start(95).value(Column::Name, \"Birma\").valid_from(1970-01-01).valid_to(1980-01-01)");
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

/// The same in plain SQL.
async fn two_open_versions(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO country_history (country_id, name, valid_from)
    VALUES (95, 'Birmania', '2030-01-01')";
    narrator.print("\nTwo names without an end, in plain SQL:\n\n");
    narrator.print(SQL);
    expect_refusal(narrator, db, SQL, "23505").await
}

/// An entry that violates the temporal foreign key.
async fn an_entry_before_the_first_version(
    narrator: &Narrator,
    db: &DatabaseConnection,
) -> Result<(), Error> {
    narrator.print(
        "\nAn entry on a day without a version of the country. Ada moves to Slovakia in 1992:\n\n",
    );
    narrator.print(
        "person_audit::ActiveModel { country_id: 421, changed_on: 1992-12-31, .. }.insert(&db)",
    );
    let early = years::entry(ADA, SLOVAKIA, day(1992, 12, 31));
    match early.insert(db).await {
        Err(error) => print_refusal(narrator, &error, "23503"),
        Ok(_) => Err("an entry before Slovakia was not refused".into()),
    }
}

/// A change of the history that violates the temporal foreign key.
async fn an_end_before_dependent_entries(
    narrator: &Narrator,
    db: &DatabaseConnection,
) -> Result<(), Error> {
    narrator.print("\nAn end before the day of an entry. Bob moved to Czechoslovakia in 1992:\n\n");
    narrator.print("CountryHistory::end(42).at(1990-01-01)");
    let end = CountryHistory::end(CZECHOSLOVAKIA).at(day(1990, 1, 1));
    let Err(error @ sea_orm_archive::Error::Conflict(ConflictError::DependentRows { .. })) =
        end.exec(db).await
    else {
        return Err("the end of a country with entries after it was not refused".into());
    };
    quote(narrator, &error.to_string());
    Ok(())
}

/// "Audit entries are immutable": a trigger of the migration ensures that, not the library.
async fn an_update_of_an_entry(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    const SQL: &str = "UPDATE person_audit SET country_id = 49 WHERE country_id = 37";
    narrator.print("\nAn update of an entry, which a trigger of the migration refuses:\n\n");
    narrator.print(SQL);
    expect_refusal(narrator, db, SQL, "23001").await
}

async fn expect_refusal(
    narrator: &Narrator,
    db: &DatabaseConnection,
    sql: &str,
    sqlstate: &str,
) -> Result<(), Error> {
    match db.execute_unprepared(sql).await {
        Err(error) => print_refusal(narrator, &error, sqlstate),
        Ok(_) => Err(format!("this was not refused: {sql}").into()),
    }
}

/// Prints the error of PostgreSQL, and checks its SQLSTATE.
fn print_refusal(narrator: &Narrator, error: &DbErr, sqlstate: &str) -> Result<(), Error> {
    let (DbErr::Exec(RuntimeErr::SqlxError(sqlx)) | DbErr::Query(RuntimeErr::SqlxError(sqlx))) =
        error
    else {
        return Err(error.to_string().into());
    };
    let refusal = sqlx.as_database_error().ok_or_else(|| error.to_string())?;
    let code = refusal.code().unwrap_or_default();
    quote(narrator, &format!("{code}: {}", refusal.message()));
    ensure(
        code == sqlstate,
        &format!("the SQLSTATE of \"{}\" is {sqlstate}", refusal.message()),
    )
}
