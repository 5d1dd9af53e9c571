//! In whatever way the process that started a server ends, the server is stopped and its folder
//! removed.
//!
//! The processes here run the binary of this package. Each has a separate temporary folder: when
//! that is empty and no process mentions it, nothing was left.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

/// A process that owns a throwaway server.
struct Owner {
    process: Child,
    temporary: PathBuf,
}

impl Owner {
    fn spawn() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let temporary = std::env::temp_dir().join(format!("own-{}-{number}", std::process::id()));
        fs::create_dir(&temporary).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_throwaway-postgres"))
            .env("TMPDIR", &temporary)
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        Self { process, temporary }
    }

    /// Waits until the server accepts connections.
    fn ready(mut self) -> Self {
        let mut address = String::new();
        BufReader::new(self.process.stdout.take().unwrap())
            .read_line(&mut address)
            .unwrap();
        assert!(address.starts_with("postgres://"), "{address}");
        assert!(self.runs_a_server());
        self
    }

    /// Waits until a file exists somewhere in the folder of the server.
    fn until(self, file: &str) -> Self {
        let found = || {
            let folders = fs::read_dir(&self.temporary).unwrap();
            folders
                .flatten()
                .any(|folder| folder.path().join(file).exists())
        };
        wait(found, file);
        self
    }

    /// Sends a signal to the process alone, or to its whole group, as a terminal does.
    fn signal(&self, signal: &str, group: bool) {
        // A process that was started with `nohup` or in the background inherits ignored signals.
        let signal = if is_ignored(signal) { "TERM" } else { signal };
        let sign = if group { "-" } else { "" };
        let target = format!("{sign}{}", self.process.id());
        let status = Command::new("kill")
            .args(["-s", signal, "--", &target])
            .status();
        assert!(status.unwrap().success());
    }

    /// Whether a process mentions the folder in its command line, as initdb and postgres do.
    fn runs_a_server(&self) -> bool {
        const COMMAND_LINES: &str = "if [ -d /proc/self ]; \
            then cat /proc/[0-9]*/cmdline; else ps -A -o args=; fi";
        let output = Command::new("sh")
            .args(["-c", COMMAND_LINES])
            .stderr(Stdio::null())
            .output()
            .unwrap();
        let folder = self.temporary.to_str().unwrap();
        String::from_utf8_lossy(&output.stdout).contains(folder)
    }

    fn leaves_nothing(mut self) {
        self.process.wait().unwrap();
        let empty = || fs::read_dir(&self.temporary).unwrap().next().is_none();
        wait(empty, "the folder to be removed");
        wait(|| !self.runs_a_server(), "the server to end");
        fs::remove_dir(&self.temporary).unwrap();
    }
}

fn wait(condition: impl Fn() -> bool, what: &str) {
    let start = Instant::now();
    while !condition() {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "waited for {what}"
        );
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn server_ends_after_kill_9_of_its_owner() {
    let owner = Owner::spawn().ready();
    owner.signal("KILL", false);
    owner.leaves_nothing();
}

#[test]
fn server_ends_after_ctrl_c() {
    let owner = Owner::spawn().ready();
    owner.signal("INT", true);
    owner.leaves_nothing();
}

#[test]
fn server_ends_after_hangup_and_termination() {
    for signal in ["HUP", "TERM"] {
        let owner = Owner::spawn().ready();
        owner.signal(signal, true);
        owner.leaves_nothing();
    }
}

#[test]
fn owner_killed_during_initdb_leaves_nothing() {
    for (file, signal) in [
        ("", "KILL"),
        ("data/PG_VERSION", "INT"),
        ("data/global/pg_control", "KILL"),
    ] {
        let owner = Owner::spawn().until(file);
        owner.signal(signal, true);
        owner.leaves_nothing();
    }
}

#[test]
fn owner_killed_during_the_start_leaves_nothing() {
    for file in ["data/postmaster.pid", ".s.PGSQL.5432"] {
        let owner = Owner::spawn().until(file);
        owner.signal("KILL", false);
        owner.leaves_nothing();
    }
}

#[test]
fn several_owners_killed_at_once_leave_nothing() {
    let owners: Vec<Owner> = (0..4).map(|_| Owner::spawn()).collect();
    let owners: Vec<Owner> = owners.into_iter().map(Owner::ready).collect();
    for owner in &owners {
        owner.signal("KILL", false);
    }
    for owner in owners {
        owner.leaves_nothing();
    }
}

/// Whether this process, and so every one that it starts, ignores a signal.
fn is_ignored(signal: &str) -> bool {
    let bit = match signal {
        "HUP" => 1,
        "INT" => 2,
        _ => return false,
    };
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & bit != 0)
}
