//! The steps of the example.

mod log;
mod plans;
mod questions;
mod refusals;
mod repairs;
mod timeline;
mod years;

use sea_orm::DatabaseConnection;
use storyteller::{Error, Narrator};

use crate::facts::FRIDAY;
use crate::migration::{Migrator, MigratorTrait};

/// Runs the example: migrates, records events, queries the history, and draws the timeline.
pub async fn run(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    narrator.chapter("The migrations create the tables.");
    Migrator::up(db, None).await?;
    narrator.print_sql_from_here();
    introduce(narrator);

    narrator.chapter("Rita records the events up to 1997.");
    years::insert_people_and_countries(db).await?;
    narrator.print(
        "\
Each line is one call of start, change, end or merge, with the day from which it is valid:

CountryHistory::change(243).value(Column::Name, \"Zaire\").by(\"Mobutu\").valid_from(1971-10-27)

",
    );
    years::record(narrator, db, |on| on <= FRIDAY).await?;
    narrator.chapter("It is Friday, 16 May 1997. Rita reads the log.");
    let friday = log::until(db, FRIDAY).await?;
    log::show(narrator, &friday);
    narrator
        .chapter("The next day Zaire gets its old name back. Later more countries are renamed.");
    years::record(narrator, db, |on| on > FRIDAY).await?;

    narrator.chapter("Four questions about the history.");
    questions::history_of_bob(narrator, db).await?;
    questions::people_in_burma(narrator, db).await?;
    questions::log_of_that_friday(narrator, db, &friday).await?;
    questions::who_renamed_zaire(narrator, db).await?;

    narrator.chapter("After all renames, every entry still has the name of its day.");
    questions::names_then_and_today(narrator, db).await?;

    narrator.chapter("The database refuses invalid changes, also in plain SQL.");
    refusals::run(narrator, db).await?;

    narrator.chapter("Rita corrects two mistakes.");
    repairs::a_day(narrator, db).await?;
    repairs::a_spelling(narrator, db).await?;

    narrator.chapter("A rename is scheduled, rescheduled and cancelled. It is invented.");
    plans::run(narrator, db).await?;

    narrator.chapter("Which countries have a gap in their history?");
    questions::gaps(narrator, db).await?;

    narrator.chapter("The timeline of all countries: a column is a year, and a bar is a version.");
    timeline::draw(narrator, db).await?;
    narrator.print("\nThis is the end of the example.");
    Ok(())
}

fn introduce(narrator: &Narrator) {
    narrator.print(
        "\
The example uses countries as departments, because their names and dates are easy to check.

   countries         the identities: the calling codes, such as +95 or +243
   country_history   the versions: the names of a country, each with its period
   people            Ada, Bob, Carol, Dave, Eve, and the clerk Rita. They are invented.
   person_audit      the log: who moved to which country on which day

The log does not contain the names of countries. It contains the code and the day, and queries join
the name from the history. A version is valid from valid_from until the day before valid_to.
valid_to is NULL while the version is still valid.

country_history.country_id has an ordinary foreign key to countries. person_audit has a temporal
foreign key to country_history: the country must have a version on the day of the entry.",
    );
}

/// Prints a long sentence, wrapped into lines.
fn quote(narrator: &Narrator, sentence: &str) {
    const WIDTH: usize = 92;
    let mut line = String::from("  >");
    for word in sentence.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            narrator.print(&line);
            line = String::from("  >");
        }
        line.push(' ');
        line.push_str(word);
    }
    narrator.print(&line);
}
