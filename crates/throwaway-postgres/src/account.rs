//! The account that runs the server: PostgreSQL refuses to run as root.

use std::process::{Command, Stdio};

use crate::StartError;

/// The account that runs `initdb` and `postgres`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Account {
    /// The account of this process, which is not root.
    Ourselves,
    /// Root, under another id in a new user namespace: root owns the files, and no other account
    /// is needed.
    Namespace,
    /// Another account, where containers forbid user namespaces.
    Other {
        /// Its user id.
        user: u32,
        /// Its group id.
        group: u32,
    },
}

const UNSHARE: [&str; 4] = ["unshare", "--user", "--map-user=1000", "--map-group=1000"];

impl Account {
    /// The first of the three that works.
    pub(crate) fn find() -> Result<Self, StartError> {
        if id(&["-u"]) != Some(0) {
            return Ok(Self::Ourselves);
        }
        if namespaces_allowed() {
            return Ok(Self::Namespace);
        }
        Self::other().ok_or(StartError::OnlyRoot)
    }

    /// An account without privileges that nearly every system has.
    pub(crate) fn other() -> Option<Self> {
        ["postgres", "nobody"].into_iter().find_map(|name| {
            Some(Self::Other {
                user: id(&["-u", name])?,
                group: id(&["-g", name])?,
            })
        })
    }

    /// The command prefix for a program that root may not run.
    pub(crate) fn wrapper(&self) -> &'static [&'static str] {
        match self {
            Self::Namespace => &UNSHARE,
            Self::Ourselves | Self::Other { .. } => &[],
        }
    }
}

fn namespaces_allowed() -> bool {
    Command::new(UNSHARE[0])
        .args(&UNSHARE[1..])
        .arg("true")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id")
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
