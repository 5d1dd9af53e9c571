//! The timeline of all countries.

use std::ops::Range;

use sea_orm::prelude::*;
use sea_orm::{DatabaseConnection, QueryOrder};
use storyteller::{Error, Narrator, ensure};

use crate::country_history::{Column, Entity as CountryHistory, Model};
use crate::facts::{COUNTRIES, day};
use crate::picture::{self, Bar};

const YEARS: Range<i32> = 1945..2036;

/// Draws the timeline, 100 characters wide.
pub async fn draw(narrator: &Narrator, db: &DatabaseConnection) -> Result<(), Error> {
    let versions = CountryHistory::find()
        .order_by_asc(Column::ValidFrom)
        .order_by_asc(Column::CountryId)
        .all(db)
        .await?;
    let mut rows: Vec<(i32, Vec<Bar<'_>>)> = Vec::new();
    for version in &versions {
        match rows.iter_mut().find(|(id, _)| *id == version.country_id) {
            Some((_, bars)) => bars.push(bar(version)),
            None => rows.push((version.country_id, vec![bar(version)])),
        }
    }
    ensure(
        rows.len() == COUNTRIES.len(),
        "every country has a row in the timeline",
    )?;
    narrator.print(&format!("\n     {}", picture::axis(&YEARS)));
    for (id, bars) in &rows {
        narrator.print(&format!("+{id:<3} {}", picture::row(bars, &YEARS)));
    }
    Ok(())
}

fn bar(version: &Model) -> Bar<'_> {
    Bar {
        label: &version.name,
        from: year(version.valid_from),
        to: version.valid_to.map(year),
    }
}

/// The year of a day, or the first year of the timeline for an earlier day.
fn year(of: Date) -> i32 {
    let since = of.years_since(day(YEARS.start, 1, 1)).unwrap_or_default();
    YEARS.start.saturating_add_unsigned(since)
}
