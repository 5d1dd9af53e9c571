//! The `sh` that owns the server. It outlives this process briefly, to stop the server.

use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use crate::{StartError, account::Account};

const SCRIPT: &str = include_str!("watcher.sh");

/// A running `watcher.sh`: it reads commands and writes answers, and closing its input ends the
/// server.
#[derive(Debug)]
pub(crate) struct Watcher {
    shell: Child,
    /// `None` once it was closed.
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    folder: PathBuf,
}

impl Watcher {
    /// Starts the shell, which creates the folder: on a disk if the server is `durable`.
    pub(crate) fn spawn(
        bindir: &Path,
        account: &Account,
        durable: bool,
        primary: Option<&str>,
    ) -> Result<Self, StartError> {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SCRIPT, "watcher"])
            .arg(bindir)
            .args(account.wrapper())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ours may be a pipe whose reader waits for its end: a process that outlives this one
            // must not hold it open.
            .stderr(Stdio::null())
            // Ctrl-C goes to the whole group of the foreground process.
            .process_group(0)
            // Messages in English, and independent of the environment of the caller.
            .env("LC_ALL", "C")
            .env("DURABLE", if durable { "yes" } else { "" })
            .env("PRIMARY", primary.unwrap_or_default())
            .env("TZ", "UTC");
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"PG") {
                command.env_remove(name);
            }
        }
        if let Account::Other { user, group } = account {
            command.uid(*user).gid(*group);
        }
        let mut shell = command.spawn()?;
        let commands = shell.stdin.take();
        let answers = BufReader::new(shell.stdout.take().ok_or_else(pipe_closed)?);
        let mut watcher = Self {
            shell,
            commands,
            answers,
            folder: PathBuf::new(),
        };
        watcher.folder = watcher.answer("mktemp")?.into();
        Ok(watcher)
    }

    /// The folder with data, socket and log.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Sends a command and waits until it is done. The answer is the process id of the server, if
    /// one runs.
    pub(crate) fn ask(&mut self, command: &'static str) -> Result<String, StartError> {
        let commands = self.commands.as_mut().ok_or_else(pipe_closed)?;
        commands.write_all(format!("{command}\n").as_bytes())?;
        self.answer(command)
    }

    fn answer(&mut self, command: &'static str) -> Result<String, StartError> {
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        match answer.trim_end_matches('\n').split_once(' ') {
            Some(("ok", answer)) => Ok(answer.to_owned()),
            Some(("failed", reason)) => Err(StartError::Server {
                command,
                log: reason.to_owned(),
            }),
            _ => Err(StartError::Server {
                command,
                log: self.end_of_log(),
            }),
        }
    }

    fn end_of_log(&self) -> String {
        let log = fs::read(self.folder.join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

fn pipe_closed() -> io::Error {
    io::ErrorKind::BrokenPipe.into()
}

impl Drop for Watcher {
    /// Closes the pipe and waits until the server has stopped and the folder is removed.
    fn drop(&mut self) {
        drop(self.commands.take());
        // An error cannot be returned here, and the shell cleans up in any case.
        let _ = self.shell.wait();
    }
}
