//! The programs that come with a server.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use sea_orm::DatabaseConnection;
use sea_orm_archive_tests::sql::one;

/// The programs of the server's own version; `None`, with a message, where the server came without these: npm packages
/// have nothing but the server.
pub async fn programs<const N: usize>(
    db: &DatabaseConnection,
    names: [&str; N],
) -> Option<[PathBuf; N]> {
    let folder: String = one(db, "select setting from pg_config where name = 'BINDIR'").await;
    let paths = names.map(|name| PathBuf::from(&folder).join(name));
    for path in &paths {
        if !path.exists() {
            eprintln!("NOT TESTED: there is no {}", path.display());
            return None;
        }
    }
    Some(paths)
}

/// What a program wrote, or the error that it ended with.
pub fn attempt(program: &PathBuf, arguments: &[&str]) -> Result<String, String> {
    let done = Command::new(program)
        .args(arguments)
        .env("PGOPTIONS", "--client-min-messages=warning")
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    match done.status.success() {
        true => Ok(String::from_utf8(done.stdout).unwrap()),
        false => Err(String::from_utf8_lossy(&done.stderr).into_owned()),
    }
}

/// The same for a program that must succeed.
pub fn output(program: &PathBuf, arguments: &[&str]) -> String {
    attempt(program, arguments)
        .unwrap_or_else(|error| panic!("{} {arguments:?}: {error}", program.display()))
}
