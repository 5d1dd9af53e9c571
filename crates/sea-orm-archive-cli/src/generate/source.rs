//! The file of a generated migration.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::call::{Call, Chain};
use crate::failure::Failure;

/// The source of the migration, as rustfmt formats it.
pub(crate) fn migration(calls: &[Call]) -> String {
    let imports: BTreeSet<_> = calls.iter().flat_map(|call| &call.imports).collect();
    let imports: Vec<_> = imports.into_iter().copied().collect();
    let up = block(calls.iter().map(|call| (&call.up, call.returns_nothing)));
    let downs = calls.iter().rev().filter_map(|call| call.down.as_ref());
    let downs: Vec<_> = downs.map(|down| (down, true)).collect();
    let argument = if downs.is_empty() {
        "_manager"
    } else {
        "manager"
    };
    let down = block(downs.into_iter());
    let imported = imported(&imports);
    format!(
        "{imported}use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {{
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {{
{up}    }}

    async fn down(&self, {argument}: &SchemaManager) -> Result<(), DbErr> {{
{down}    }}
}}
"
    )
}

fn imported(names: &[&str]) -> String {
    let line = match names {
        [] => return String::new(),
        [one] => format!("use sea_orm_archive_migration::{one};\n"),
        several => format!(
            "use sea_orm_archive_migration::{{{}}};\n",
            several.join(", ")
        ),
    };
    if line.trim_end().len() <= 100 {
        return line;
    }
    let mut lines = vec![String::new()];
    for name in names {
        let last = lines.len() - 1;
        if lines[last].len() + name.len() + 7 > 100 {
            lines.push(String::new());
        }
        let last = lines.len() - 1;
        let space = if lines[last].is_empty() { "" } else { " " };
        lines[last].push_str(&format!("{space}{name},"));
    }
    format!(
        "use sea_orm_archive_migration::{{\n    {}\n}};\n",
        lines.join("\n    ")
    )
}

fn block<'c>(calls: impl Iterator<Item = (&'c Chain, bool)>) -> String {
    let calls: Vec<_> = calls.collect();
    let mut lines = String::new();
    for (place, (call, returns_nothing)) in calls.iter().enumerate() {
        let is_last = place + 1 == calls.len() && *returns_nothing;
        let end = if is_last { ".await" } else { ".await?;" };
        let _ = writeln!(lines, "        {}", call.source(8, end));
    }
    match calls.last() {
        None => lines.push_str(
            "        // Nothing was added that the tables did not need before.\n        Ok(())\n",
        ),
        Some((_, false)) => lines.push_str("        Ok(())\n"),
        Some(_) => {}
    }
    lines
}

/// Writes the migration, and adds it to the `Migrator` in `lib.rs`, as sea-orm-cli does.
pub(crate) fn write(directory: &Path, name: &str, source: &str) -> Result<String, Failure> {
    let unwritable =
        |path: &Path, error: std::io::Error| Failure::Usage(format!("{}: {error}", path.display()));
    let library = directory.join("lib.rs");
    let text = fs::read_to_string(&library).map_err(|error| {
        Failure::Usage(format!(
            "{}: {error}: name the folder of the migrations with --directory, or print the migration with --print",
            library.display()
        ))
    })?;
    let Some(added) = added(&text, name) else {
        return Err(Failure::Usage(format!(
            "{} has no list of migrations as sea-orm-cli writes it (`mod m..;` and `Box::new(m..::Migration),`): use --print, and add the migration yourself",
            library.display()
        )));
    };
    let path = directory.join(format!("{name}.rs"));
    fs::write(&path, source).map_err(|error| unwritable(&path, error))?;
    // A full disk, or the end of the process, leaves lib.rs as it was.
    let whole = directory.join("lib.rs.new");
    fs::write(&whole, added).map_err(|error| unwritable(&whole, error))?;
    fs::rename(&whole, &library).map_err(|error| unwritable(&library, error))?;
    Ok(path.display().to_string())
}

/// `lib.rs` with one more migration, after the last one.
fn added(library: &str, name: &str) -> Option<String> {
    const END: &str = "::Migration)";
    let lines: Vec<&str> = library.lines().collect();
    let last = |is: &dyn Fn(&str) -> bool| {
        let mut lines = lines.iter();
        lines.rposition(|line| !line.trim_start().starts_with("//") && is(line.trim()))
    };
    let module = last(&|line| line.starts_with("mod m") && line.ends_with(';'))?;
    let entry = last(&|line| line.contains("Box::new(m") && line.contains(END))?;
    let mut added = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        let indent = &line[..line.len() - line.trim_start().len()];
        // A list with one line each, or `vec![Box::new(..), Box::new(..)]` in one line.
        match line.rfind(END).map(|at| line.split_at(at + END.len())) {
            Some((before, after)) if place == entry && after.trim() != "," => {
                added.push(format!("{before}, Box::new({name}::Migration){after}"));
            }
            _ => added.push((*line).to_owned()),
        }
        if place == module {
            added.push(format!("mod {name};"));
        } else if place == entry && line.trim_end().ends_with(&format!("{END},")) {
            added.push(format!("{indent}Box::new({name}::Migration),"));
        }
    }
    Some(format!("{}\n", added.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::added;

    const FIRST: &str = "mod m1_first;\n";

    #[test]
    fn migration_is_added_to_a_list_of_one_line_or_several() {
        for (before, after) in [
            (
                "vec![Box::new(m1_first::Migration)]",
                "vec![Box::new(m1_first::Migration), Box::new(m2::Migration)]",
            ),
            (
                "vec![Box::new(m1_first::Migration),]",
                "vec![Box::new(m1_first::Migration), Box::new(m2::Migration),]",
            ),
            (
                "vec![\n    Box::new(m1_first::Migration),\n]",
                "vec![\n    Box::new(m1_first::Migration),\n    Box::new(m2::Migration),\n]",
            ),
            (
                "vec![\n    Box::new(m1_first::Migration),\n    // Box::new(m0::Migration),\n]",
                "vec![\n    Box::new(m1_first::Migration),\n    Box::new(m2::Migration),\n    // Box::new(m0::Migration),\n]",
            ),
        ] {
            assert_eq!(
                added(&format!("{FIRST}{before}\n"), "m2"),
                Some(format!("{FIRST}mod m2;\n{after}\n"))
            );
        }
        assert_eq!(added("vec![]", "m2"), None);
    }
}
