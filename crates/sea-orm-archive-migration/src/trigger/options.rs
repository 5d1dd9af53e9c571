//! What a migration declares about a trigger of the application.

use sea_orm_migration::sea_query::{IntoTableRef, TableRef};

/// A trigger of the application that does not fire while rows of a table are archived or restored.
///
/// ```
/// use sea_orm_archive_migration::SuspendedTrigger;
///
/// // Counts a comment that is archived alone, and not the comments that are archived with their post.
/// let count = SuspendedTrigger::new("comments", "count_comments").while_moving("posts");
/// // Does not fire while rows of its own table move, or lose or regain a link.
/// let touch = SuspendedTrigger::new("posts", "set_updated_at");
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct SuspendedTrigger {
    pub(crate) table: TableRef,
    pub(crate) name: String,
    pub(crate) while_moving: Vec<TableRef>,
}

impl SuspendedTrigger {
    /// The trigger `name` of `table`. Without [`while_moving`](Self::while_moving) it does not fire while rows of
    /// `table` itself move.
    pub fn new(table: impl IntoTableRef, name: impl Into<String>) -> Self {
        Self {
            table: table.into_table_ref(),
            name: name.into(),
            while_moving: Vec::new(),
        }
    }

    /// The trigger does not fire while rows of this table move, whatever statement fires it then. Several calls add tables, and
    /// so does another [`suspend_trigger`](crate::TriggerSchema::suspend_trigger).
    pub fn while_moving(mut self, table: impl IntoTableRef) -> Self {
        self.while_moving.push(table.into_table_ref());
        self
    }
}
