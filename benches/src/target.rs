//! What is archived and restored.

use crate::databases::Range;

/// What is archived and restored.
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
