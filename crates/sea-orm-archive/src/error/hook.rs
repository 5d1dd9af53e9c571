//! Errors of hooks.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use super::Error;

/// The error that a hook of an entity returned. Nothing has changed then.
#[derive(Clone, thiserror::Error)]
#[error("{hook} of {table} returned an error, so nothing has changed: {source}")]
#[non_exhaustive]
pub struct HookError {
    /// The table of the entity.
    pub table: String,
    /// The hook, such as `before_archive`.
    pub hook: &'static str,
    /// The error as the hook returned it.
    pub source: Arc<dyn StdError + Send + Sync>,
}

impl HookError {
    pub(crate) fn new(
        table: String,
        hook: &'static str,
        source: Box<dyn StdError + Send + Sync>,
    ) -> Self {
        let source = Arc::from(source);
        Self {
            table,
            hook,
            source,
        }
    }

    /// The error of this crate or of SeaORM that the hook returned.
    pub(crate) fn cause(&self) -> Option<Error> {
        Error::find_in(self.source.as_ref())
    }
}

/// Without the fields of the source, which may be of any type.
impl fmt::Debug for HookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HookError")
            .field("table", &self.table)
            .field("hook", &self.hook)
            .field("source", &self.source)
            .finish()
    }
}
