//! The story itself.

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

/// Tells it from the migrations to the picture.
pub async fn tell(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    narrator.chapter("The migrations make the tables.");
    Migrator::up(db, None).await?;
    narrator.print_sql_from_here();
    introduce(narrator);

    narrator.chapter("The years go by, and Rita writes them down.");
    years::settle(db).await?;
    narrator.say(
        "\
A line here is a call. The verbs are start, change, end and merge, and each says since when:

CountryHistory::change(243).value(Column::Name, \"Zaire\").by(\"Mobutu\").from(1971-10-27).exec(&db)

",
    );
    years::live(narrator, db, |on| on <= FRIDAY).await?;
    narrator.chapter("It is Friday, 16 May 1997. Rita reads the log.");
    let friday = log::until(db, FRIDAY).await?;
    log::show(narrator, &friday);
    narrator
        .chapter("Time goes on: the next day Zaire has its old name back, and more names change.");
    years::live(narrator, db, |on| on > FRIDAY).await?;

    narrator.chapter("The four questions.");
    questions::history_of_bob(narrator, db).await?;
    questions::everybody_in_burma(narrator, db).await?;
    questions::log_of_that_friday(narrator, db, &friday).await?;
    questions::who_renamed_zaire(narrator, db).await?;

    narrator.chapter("After all the renames every old entry still says what it said.");
    questions::then_and_today(narrator, db).await?;

    narrator.chapter("What the database refuses, whoever asks.");
    refusals::tell(narrator, db).await?;

    narrator.chapter("Rita made two mistakes, and finds them late.");
    repairs::a_day(narrator, db).await?;
    repairs::a_spelling(narrator, db).await?;

    narrator.chapter("A rename is planned, put off and called off. This one is invented.");
    plans::tell(narrator, db).await?;

    narrator.chapter("Was there a time at which a country was not there?");
    questions::gaps(narrator, db).await?;

    narrator.chapter("All of it in one picture: a column is a year, and a bar is a version.");
    timeline::draw(narrator, db).await?;
    narrator.say("\nThat was the story of the departments.");
    Ok(())
}

fn introduce(narrator: &Narrator) {
    narrator.say(
        "\
The departments are countries here: what those were called, and when, is easily looked up.

   countries         an identity each: the number that one dials, +95 or +243
   country_history   a version in a row: from which day until which a country had a name
   people            Ada, Bob, Carol, Dave and Eve; they are invented, and so is Rita, the clerk
   person_audit      the log: who moved to which country on which day

The log has no names of countries. It has the number and the day, and the name is looked up in
the history. A version holds from the day valid_from until the day before valid_to, and valid_to
is NULL while it still holds.

country_history.country_id refers to countries, as ever. person_audit refers to country_history
with a temporal foreign key: there has to be a version on that day, whatever it says.",
    );
}

/// Breaks a long sentence into lines, and says it.
fn quote(narrator: &Narrator, sentence: &str) {
    const WIDTH: usize = 92;
    let mut line = String::from("  >");
    for word in sentence.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            narrator.say(&line);
            line = String::from("  >");
        }
        line.push(' ');
        line.push_str(word);
    }
    narrator.say(&line);
}
