//! The last resort: a PostgreSQL from the internet.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Fetches one and returns its folder of programs, or says why that did not work.
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
        .arg(shelf())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo does not run: {error}"))?;
    // The folder of its programs, or the reason why there is none.
    let said = String::from_utf8_lossy(&output.stdout);
    match said.trim() {
        "" => Err("cargo could not build what fetches it, see above".to_owned()),
        bindir if output.status.success() => Ok(PathBuf::from(bindir)),
        reason => Err(reason.to_owned()),
    }
}

/// Where fetched servers are kept, a folder for each version. `cargo clean` takes it away.
pub(crate) fn shelf() -> PathBuf {
    target().join("servers")
}

/// Below the workspace's own `target`, wherever the rest is built: an environment that moves the
/// build may throw it away each time.
fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/throwaway-postgres")
}
