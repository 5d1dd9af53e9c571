//! Fetching a PostgreSQL from the internet, where none is installed.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Fetches one and returns the folder of its programs, or the reason why that failed.
pub(crate) fn fetch() -> Result<PathBuf, String> {
    eprintln!(
        "No PostgreSQL 15 or newer is installed here: fetching one. \
         This is done once and takes a minute or two."
    );
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("fetch/Cargo.toml");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["run", "--quiet", "--locked", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(target().join("fetch"))
        .arg("--")
        .arg(servers_folder())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo does not run: {error}"))?;
    // The folder of its programs, or the reason why there is none.
    let printed = String::from_utf8_lossy(&output.stdout);
    match printed.trim() {
        "" => Err("cargo could not build the program that fetches it, see above".to_owned()),
        bindir if output.status.success() => Ok(PathBuf::from(bindir)),
        reason => Err(reason.to_owned()),
    }
}

/// The folder of fetched servers, with a folder for each version. `cargo clean` removes it.
pub(crate) fn servers_folder() -> PathBuf {
    target().join("servers")
}

/// Always in the `target` folder of the workspace: an environment that sets another target folder
/// may delete it after each build.
fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/throwaway-postgres")
}
