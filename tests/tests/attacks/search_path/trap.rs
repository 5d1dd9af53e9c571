//! Functions and operators of an attacker, in a schema at the end of the search path.

use std::{collections::BTreeSet, fs, path::Path};

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};

/// Creates the types of the tables, and a hostile function or operator for every name that the crates call.
pub async fn set(db: &DatabaseConnection) -> Result<(), DbErr> {
    db.execute_unprepared(
        "create extension citext; create type mood as enum ('sad', 'happy'); create domain code as varchar(20)",
    )
    .await?;
    let (functions, operators) = called();
    let trap = include_str!("trap.sql")
        .replace("{functions}", &array(&functions))
        .replace("{operators}", &array(&operators));
    db.execute_unprepared(&trap).await?;
    Ok(())
}

fn array(names: &BTreeSet<String>) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("'{name}'")).collect();
    format!("array[{}]", names.join(", "))
}

/// The names in the sources that have the form of a call or an operator. The sources contain every statement that is
/// sent and every function that is installed. Names that PostgreSQL does not have are skipped later.
fn called() -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut functions, mut operators) = (BTreeSet::new(), BTreeSet::new());
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let mut folders = folders.map(|folder| folder.join("crates"));
    let crates = folders.find(|folder| folder.is_dir()).unwrap();
    for name in [
        "sea-orm-archive",
        "sea-orm-archive-cli",
        "sea-orm-archive-migration",
        "sea-orm-archive-postgres",
    ] {
        read(
            &crates.join(name).join("src"),
            &mut functions,
            &mut operators,
        );
    }
    assert!(functions.contains("jsonb_build_object") && operators.contains("<@"));
    // The operators of LIKE and its negation.
    operators.extend(["~~", "!~~"].map(str::to_owned));
    (functions, operators)
}

fn read(folder: &Path, functions: &mut BTreeSet<String>, operators: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, functions, operators);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let mut word = String::new();
        let mut symbols = String::new();
        for character in text.chars() {
            if character.is_ascii_alphanumeric() || character == '_' {
                word.push(character.to_ascii_lowercase());
            } else {
                if character == '(' && !word.is_empty() {
                    functions.insert(std::mem::take(&mut word));
                }
                word.clear();
            }
            if "+-*/<>=~!@#%^&|?".contains(character) {
                symbols.push(character);
            } else if !symbols.is_empty() {
                operators.insert(std::mem::take(&mut symbols));
            }
        }
    }
}
