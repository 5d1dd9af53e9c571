//! Finding a PostgreSQL installation on this machine.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{StartError, fetch};

/// The oldest version that the project supports.
const OLDEST: u32 = 15;

/// A PostgreSQL installation that can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Installation {
    /// The folder of `initdb` and `postgres`.
    pub(crate) bindir: PathBuf,
    /// The major version.
    pub(crate) version: u32,
}

impl Installation {
    /// The installation to use: the one in `PG_BINDIR`, or the first one found, or a fetched one.
    pub(crate) fn find() -> Result<Self, StartError> {
        if let Some(bindir) = env::var_os("PG_BINDIR").filter(|bindir| !bindir.is_empty()) {
            return Self::named(bindir.into());
        }
        let mut too_old = Vec::new();
        if let Some(found) = Self::first(candidates(env::var_os("PATH")), &mut too_old) {
            return Ok(found);
        }
        fetch::fetch()
            .and_then(|bindir| Self::first([bindir], &mut too_old).ok_or_else(does_not_run))
            .map_err(|fetch| StartError::NotFound { too_old, fetch })
    }

    /// The installation in `PG_BINDIR`. A problem with it is an error and not a reason to use
    /// another one.
    fn named(bindir: PathBuf) -> Result<Self, StartError> {
        let reason = match version_in(&bindir) {
            Some(version) if version >= OLDEST => return Ok(Self { bindir, version }),
            Some(version) => {
                format!("it contains PostgreSQL {version}, and {OLDEST} or newer is needed")
            }
            None => "it contains no initdb and postgres that run".to_owned(),
        };
        Err(StartError::BadBindir { bindir, reason })
    }

    /// The first candidate that is new enough. Older ones are added to `too_old`.
    fn first(
        candidates: impl IntoIterator<Item = PathBuf>,
        too_old: &mut Vec<(PathBuf, u32)>,
    ) -> Option<Self> {
        candidates.into_iter().find_map(|bindir| {
            let version = version_in(&bindir)?;
            if version >= OLDEST {
                return Some(Self { bindir, version });
            }
            too_old.push((bindir, version));
            None
        })
    }
}

fn does_not_run() -> String {
    "the fetched PostgreSQL does not run here".to_owned()
}

/// The folders to search, best first. It is lazy: `pg_config` runs only if `PATH` has none.
fn candidates(path: Option<OsString>) -> impl Iterator<Item = PathBuf> {
    let path = path.map(|path| env::split_paths(&path).collect::<Vec<_>>());
    path.into_iter()
        .flatten()
        .chain(std::iter::once_with(pg_config).flatten())
        .chain(std::iter::once_with(usual_folders).flatten())
        .chain(std::iter::once_with(|| versions_below(&fetch::fetched(), "")).flatten())
}

fn pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config")
        .arg("--bindir")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let bindir = String::from_utf8(output.stdout).ok()?;
    Some(PathBuf::from(bindir.trim())).filter(|bindir| bindir.is_absolute())
}

/// Folders outside of `PATH` where Debian, the PostgreSQL repository for Red Hat, Homebrew and
/// Postgres.app install PostgreSQL.
fn usual_folders() -> Vec<PathBuf> {
    [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/opt/homebrew/opt", "postgresql@"),
        ("/usr/local/opt", "postgresql@"),
        ("/home/linuxbrew/.linuxbrew/opt", "postgresql@"),
        ("/Applications/Postgres.app/Contents/Versions", ""),
    ]
    .into_iter()
    .flat_map(|(parent, prefix)| versions_below(Path::new(parent), prefix))
    .collect()
}

/// `parent/<prefix><version>/bin` for every version there, the newest first.
fn versions_below(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else {
        return Vec::new();
    };
    let mut found: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let version = name.to_str()?.strip_prefix(prefix)?;
            Some((major(version)?, entry.path().join("bin")))
        })
        .collect();
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, bindir)| bindir).collect()
}

/// The major version of the server in a folder, if there is one with an initdb.
fn version_in(bindir: &Path) -> Option<u32> {
    if !bindir.join("initdb").is_file() {
        return None;
    }
    let output = Command::new(bindir.join("postgres"))
        .arg("--version")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    // postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)
    let text = String::from_utf8(output.stdout).ok()?;
    text.split_whitespace().find_map(major)
}

/// The leading digits of a version: 17 of `17.2`, of `17` and of `17beta1`.
fn major(version: &str) -> Option<u32> {
    let end = version
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(version.len());
    version[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn major_version_is_the_leading_number() {
        assert_eq!(major("17.2"), Some(17));
        assert_eq!(major("18beta1"), Some(18));
        assert_eq!(major("(PostgreSQL)"), None);
        assert_eq!(major("latest"), None);
    }

    /// Creates a folder with an initdb and a postgres that only print their version.
    fn pretend(parent: &Path, name: &str, version: &str) -> PathBuf {
        let bindir = parent.join(name).join("bin");
        fs::create_dir_all(&bindir).unwrap();
        for program in ["initdb", "postgres"] {
            let program = bindir.join(program);
            fs::write(
                &program,
                format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n"),
            )
            .unwrap();
            fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        bindir
    }

    #[test]
    fn old_versions_are_skipped_and_reported() {
        let parent = env::temp_dir().join(format!("installations-{}", std::process::id()));
        let old = pretend(&parent, "9.6", "9.6.24");
        let new = pretend(&parent, "17", "17.2 (Debian 17.2-1)");
        let newest = pretend(&parent, "18", "18beta1");

        assert_eq!(
            versions_below(&parent, ""),
            [newest, new.clone(), old.clone()]
        );

        let mut too_old = Vec::new();
        let found = Installation::first([old.clone(), new.clone()], &mut too_old);
        assert_eq!(found.unwrap().bindir, new);
        assert_eq!(too_old, [(old.clone(), 9)]);

        let error = StartError::NotFound {
            too_old,
            fetch: "no network".to_owned(),
        };
        assert!(error.to_string().contains("PostgreSQL 9 in "));

        let error = Installation::named(old).unwrap_err();
        assert!(error.to_string().contains("15 or newer is needed"));
        let error = Installation::named(parent.clone()).unwrap_err();
        assert!(error.to_string().contains("no initdb and postgres"));
        fs::remove_dir_all(parent).unwrap();
    }
}
