//! What a command answers: as text for people, as JSON for programs.

use std::collections::BTreeMap;
use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value as Json;

/// The answer of a command.
#[derive(Debug)]
pub(crate) struct Answer {
    pub text: String,
    pub json: Json,
    pub code: u8,
}

impl Answer {
    pub fn new(text: impl Into<String>, json: Json) -> Self {
        Self {
            text: text.into(),
            json,
            code: 0,
        }
    }

    pub fn with_code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }

    pub fn print(&self, json: bool) -> io::Result<()> {
        let text = match json {
            true => format!("{:#}\n", self.json),
            false if self.text.is_empty() || self.text.ends_with('\n') => printable(&self.text),
            false => format!("{}\n", printable(&self.text)),
        };
        write(&mut io::stdout().lock(), &text)
    }
}

/// Writes a text for the caller. A closed pipe is the reader's choice, and no error; a full disk is one.
pub(crate) fn write(out: &mut impl Write, text: &str) -> io::Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// A text of several lines without characters that move the cursor of a terminal: names and values come from the database.
pub(crate) fn printable(text: &str) -> String {
    escaped(text, |c| c.is_control() && c != '\n' && c != '\t')
}

fn escaped(text: &str, is_hidden: impl Fn(char) -> bool) -> String {
    // These change the direction of the text around them.
    let is_hidden =
        |c| is_hidden(c) || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match is_hidden(c) {
            true => escaped.extend(c.escape_default()),
            false => escaped.push(c),
        }
    }
    escaped
}

/// Rows below a heading, in columns.
pub(crate) fn table<const N: usize>(
    heading: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(heading.map(str::to_uppercase));
    for row in rows {
        table.add_row(row);
    }
    let lines = table.to_string();
    let lines: Vec<_> = lines.lines().map(str::trim_end).collect();
    lines.join("\n")
}

/// `1 public.posts, 10 public.comments`.
pub(crate) fn counts(rows: &BTreeMap<String, u64>) -> String {
    let rows: Vec<_> = rows
        .iter()
        .filter(|(_, rows)| **rows > 0)
        .map(|(table, rows)| format!("{rows} {table}"))
        .collect();
    match rows.is_empty() {
        true => "no rows".to_owned(),
        false => rows.join(", "),
    }
}

/// A value of JSON as a program uses it: a text without quotes.
pub(crate) fn raw(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A value of JSON as a person reads it: a text without quotes, on one line.
pub(crate) fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => escaped(text, char::is_control),
        Json::Null => "NULL".to_owned(),
        other => other.to_string(),
    }
}

/// A key: `42`, or `post_id=1, tag_id=2`. That of a hold contains the values alone.
pub(crate) fn key(key: &Json) -> String {
    match key {
        Json::Object(columns) if columns.len() == 1 => columns.values().map(plain).collect(),
        Json::Object(columns) => {
            let columns: Vec<_> = columns
                .iter()
                .map(|(name, value)| format!("{name}={}", plain(value)))
                .collect();
            columns.join(", ")
        }
        Json::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => plain(other),
    }
}
