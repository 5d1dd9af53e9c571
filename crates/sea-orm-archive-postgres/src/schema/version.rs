//! The version of the installed schema.

use std::fmt;

/// The version of the schema that this crate installs. The minor part is raised with every change of a function, table or
/// template that an installed schema lacks; the major part where an earlier runtime would not work on the new schema.
pub const VERSION: Version = Version { major: 1, minor: 0 };

/// A version of the schema `archive`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// A runtime works with schemas of its own major version only.
    pub major: i32,
    /// A runtime works with schemas of its own minor version and with later ones.
    pub minor: i32,
}

impl Version {
    /// Whether a runtime of this version works on an `installed` schema.
    pub fn works_on(self, installed: Self) -> bool {
        self.major == installed.major && self.minor <= installed.minor
    }
}

/// As `archive.schema_version()` returns it.
impl From<i32> for Version {
    fn from(number: i32) -> Self {
        Self {
            major: number / 1000,
            minor: number % 1000,
        }
    }
}

impl From<Version> for i32 {
    fn from(version: Version) -> Self {
        version.major * 1000 + version.minor
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtime_works_on_its_own_schema_and_on_later_ones_of_its_major_version() {
        let version = |major, minor| Version { major, minor };
        for (installed, works) in [
            ((2, 3), true),
            ((2, 4), true),
            ((2, 2), false),
            ((3, 3), false),
            ((1, 9), false),
        ] {
            assert_eq!(
                version(2, 3).works_on(version(installed.0, installed.1)),
                works,
                "{installed:?}"
            );
        }
        assert_eq!(Version::from(i32::from(version(2, 13))), version(2, 13));
    }
}
