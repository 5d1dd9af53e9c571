//! The rows to archive and restore.

use crate::databases::Range;

/// The rows to archive and restore.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    Post(i64),
    /// All posts of an author: archived at once, restored one by one or at once.
    Author {
        author: i64,
        posts: Range,
        at_once: bool,
    },
}
