//! Who runs the server: PostgreSQL refuses to be run by root.

use std::process::{Command, Stdio};

use crate::StartError;

/// Who runs `initdb` and `postgres`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Account {
    /// Whoever we are: not root.
    Ourselves,
    /// Root, under another id in a user namespace of its own: files stay root's, and no other
    /// account is needed.
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

    /// An account without privileges that every system, or nearly every one, has.
    pub(crate) fn other() -> Option<Self> {
        ["postgres", "nobody"].into_iter().find_map(|name| {
            Some(Self::Other {
                user: id(&["-u", name])?,
                group: id(&["-g", name])?,
            })
        })
    }

    /// What goes before a program that may not be run by root.
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
