//! What a migration declares about a table that marks deleted rows.

use crate::ExistingTable;

/// A table that marks deleted rows in columns of its own, to be adopted: its marked rows become archived rows.
///
/// It is built from what [`archive_existing_table`](crate::ArchiveSchema::archive_existing_table) takes. By default the archive table is
/// `deleted_` and the name of the table, and its `deleted_by` has the type of the marking column.
///
/// ```
/// use sea_orm_archive_migration::{ExistingTable, LiveChildren, SoftDeleted};
///
/// // Rails with paranoia, Laravel, SeaORM: a time, perhaps a user and a reason.
/// let tickets = SoftDeleted::new("tickets")
///     .deleted_at("deleted_at")
///     .deleted_by("deleted_by")
///     .reason("delete_reason");
/// // A boolean, and a time that is not a mark.
/// let users = SoftDeleted::new("users").when("is_deleted").time_of("updated_at");
/// // A status. A restored row gets the other one.
/// let posts = SoftDeleted::new("posts").status("status", "trashed", "draft").time_of("updated_at");
/// // No mark of its own: its rows leave with the rows that they refer to.
/// let taggings = SoftDeleted::unmarked("ticket_tags");
/// // Another name of the archive table, and rows that are not marked but below a marked row.
/// let comments = SoftDeleted::new(ExistingTable::new("comments").archive_table("comment_archive"))
///     .deleted_at("deleted_at")
///     .live_children(LiveChildren::Archive);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct SoftDeleted {
    pub(crate) table: ExistingTable,
    pub(crate) deleted_at: Option<String>,
    pub(crate) deleted_by: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) flag: Option<Flag>,
    pub(crate) time_of: Option<String>,
    pub(crate) time_if_unknown: Option<String>,
    pub(crate) time_zone: Option<String>,
    pub(crate) together_within_ms: u64,
    pub(crate) live_children: LiveChildren,
    pub(crate) keeps_columns: bool,
    pub(crate) view: Option<String>,
    pub(crate) unmarked: bool,
}

/// A column that marks deleted rows without a time.
#[derive(Clone, Debug)]
pub(crate) enum Flag {
    /// A boolean.
    Boolean(String),
    /// A column with one value for deleted rows, and one for restored ones.
    Status {
        column: String,
        deleted: String,
        restored: String,
    },
}

impl Flag {
    pub(crate) fn column(&self) -> &str {
        match self {
            Self::Boolean(column) | Self::Status { column, .. } => column,
        }
    }
}

/// What happens to a row without a mark that refers to a marked row. Its parent leaves the table, so it cannot stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LiveChildren {
    /// The adoption is refused, and the error counts such rows.
    #[default]
    Refuse,
    /// The row is archived with the parent: it belongs to the archival of the parent.
    Archive,
}

impl SoftDeleted {
    /// This table, whose marks the other methods name.
    pub fn new(table: impl Into<ExistingTable>) -> Self {
        Self {
            table: table.into(),
            deleted_at: None,
            deleted_by: None,
            reason: None,
            flag: None,
            time_of: None,
            time_if_unknown: None,
            time_zone: None,
            together_within_ms: 0,
            live_children: LiveChildren::Refuse,
            keeps_columns: false,
            view: None,
            unmarked: false,
        }
    }

    /// A table without marks. Its rows are archived with the marked rows that they refer to.
    pub fn unmarked(table: impl Into<ExistingTable>) -> Self {
        Self {
            unmarked: true,
            live_children: LiveChildren::Archive,
            ..Self::new(table)
        }
    }

    /// The column with the time of the deletion, NULL in rows that are not deleted.
    ///
    /// A `timestamp` or a `date` needs [`time_zone`](Self::time_zone).
    pub fn deleted_at(mut self, column: impl Into<String>) -> Self {
        self.deleted_at = Some(column.into());
        self
    }

    /// The column with the person who deleted the row. It becomes `deleted_by` of the archive table, with its type.
    pub fn deleted_by(mut self, column: impl Into<String>) -> Self {
        self.deleted_by = Some(column.into());
        self
    }

    /// The text column with the reason of the deletion. It becomes the reason of the archival.
    pub fn reason(mut self, column: impl Into<String>) -> Self {
        self.reason = Some(column.into());
        self
    }

    /// The boolean column that is true in deleted rows. It needs the time from [`deleted_at`](Self::deleted_at),
    /// [`time_of`](Self::time_of) or [`time_if_unknown`](Self::time_if_unknown).
    pub fn when(mut self, column: impl Into<String>) -> Self {
        self.flag = Some(Flag::Boolean(column.into()));
        self
    }

    /// The column that has the value `deleted` in deleted rows. A row that is restored later has `restored` there. The column stays.
    pub fn status(
        mut self,
        column: impl Into<String>,
        deleted: impl Into<String>,
        restored: impl Into<String>,
    ) -> Self {
        self.flag = Some(Flag::Status {
            column: column.into(),
            deleted: deleted.into(),
            restored: restored.into(),
        });
        self
    }

    /// The column with the time of the deletion where that is not a mark, such as `updated_at`. It stays as it is.
    pub fn time_of(mut self, column: impl Into<String>) -> Self {
        self.time_of = Some(column.into());
        self
    }

    /// The time of deleted rows that have none, such as `"2026-01-01T00:00:00Z"`.
    pub fn time_if_unknown(mut self, time: impl Into<String>) -> Self {
        self.time_if_unknown = Some(time.into());
        self
    }

    /// The time zone in which times without one are meant, such as `"UTC"`, which Rails, Laravel and Django write.
    pub fn time_zone(mut self, zone: impl Into<String>) -> Self {
        self.time_zone = Some(zone.into());
        self
    }

    /// How far apart the marks of a row and of its parent may be, for one deletion. The default is zero: equal times.
    ///
    /// An application that takes the time for each row needs some milliseconds.
    pub fn together_within(mut self, apart: std::time::Duration) -> Self {
        self.together_within_ms = u64::try_from(apart.as_millis()).unwrap_or(u64::MAX);
        self
    }

    /// What happens to rows of this table that are not marked and refer to a marked row.
    pub fn live_children(mut self, rule: LiveChildren) -> Self {
        self.live_children = rule;
        self
    }

    /// Leaves the marking columns and the indexes on them in the table, for readers that still select them. No row is marked.
    pub fn keep_columns(mut self) -> Self {
        self.keeps_columns = true;
        self
    }

    /// Creates a view of active and archived rows with the marking columns, for readers of the table as it was.
    pub fn compatibility_view(mut self, name: impl Into<String>) -> Self {
        self.view = Some(name.into());
        self
    }
}

impl<T: Into<ExistingTable>> From<T> for SoftDeleted {
    fn from(table: T) -> Self {
        Self::new(table)
    }
}
