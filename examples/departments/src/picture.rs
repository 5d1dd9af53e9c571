//! The timeline as text: one row for a country, one column for a year.

use std::ops::Range;

/// A version in the timeline: from a year to another one, or without an end.
pub struct Bar<'a> {
    pub label: &'a str,
    pub from: i32,
    pub to: Option<i32>,
}

/// The years, with a number for every decade.
pub fn axis(years: &Range<i32>) -> String {
    let mut row = blank(years);
    for decade in years.clone().filter(|year| year % 10 == 0) {
        write(&mut row, decade - years.start, &decade.to_string());
    }
    finish(row)
}

/// A row of bars. Each bar begins with `|` and its label. A bar without an end ends with `>`.
pub fn row(bars: &[Bar<'_>], years: &Range<i32>) -> String {
    let mut row = blank(years);
    for bar in bars {
        let from = bar.from.max(years.start) - years.start;
        let to = bar.to.unwrap_or(years.end).min(years.end) - years.start;
        let Ok(width) = usize::try_from(to - from) else {
            continue;
        };
        let mut drawn: Vec<char> = "|".chars().chain(bar.label.chars()).collect();
        let label_width = if bar.to.is_none() {
            width.saturating_sub(1)
        } else {
            width
        };
        if drawn.len() > label_width {
            drawn.truncate(label_width.saturating_sub(1));
            drawn.push('…');
        }
        drawn.resize(width, '-');
        if let (None, Some(last)) = (bar.to, drawn.last_mut()) {
            *last = '>';
        }
        write(&mut row, from, &String::from_iter(drawn));
    }
    finish(row)
}

fn blank(years: &Range<i32>) -> Vec<char> {
    years.clone().map(|_| ' ').collect()
}

fn write(row: &mut [char], at: i32, text: &str) {
    let from = usize::try_from(at).unwrap_or(0);
    for (cell, letter) in row.iter_mut().skip(from).zip(text.chars()) {
        *cell = letter;
    }
}

fn finish(row: Vec<char>) -> String {
    String::from_iter(row).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(label: &str, from: i32, to: Option<i32>) -> Bar<'_> {
        Bar { label, from, to }
    }

    #[test]
    fn a_bar_has_a_column_for_each_year() {
        let years = 1985..2010;
        assert_eq!(axis(&years), "     1990      2000");
        let bars = [bar("A", 1980, Some(1990)), bar("Bé", 1990, Some(1997))];
        assert_eq!(row(&bars, &years), "|A---|Bé----");
        // A gap is empty, and a label that is too long is truncated.
        let bars = [bar("Dahomey", 1986, Some(1990)), bar("Benin", 2000, None)];
        assert_eq!(row(&bars, &years), " |Da…          |Benin--->");
        // Versions outside the years are not drawn.
        let bars = [bar("A", 1900, Some(1980)), bar("B", 2050, None)];
        assert_eq!(row(&bars, &years), "");
    }
}
