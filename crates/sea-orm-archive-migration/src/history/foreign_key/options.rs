//! What a migration declares about a temporal foreign key.

use sea_orm_migration::{
    DbErr,
    sea_query::{IntoTableRef, TableRef},
};

/// A foreign key to the version of an identity that was valid at a time.
///
/// A row of the child refers to an identity at a time: an instant, or a period that
/// versions must cover without a gap. As with MATCH SIMPLE, a row with NULL in a column of the identity,
/// in the instant or in the start of the period refers to nothing and is not checked. NULL as the end
/// of a period means that it has no end.
///
/// ```
/// use sea_orm_archive_migration::TemporalForeignKey;
///
/// // The department existed when the user was changed.
/// let audit = TemporalForeignKey::new("user_audit", ["department_id"])
///     .at("changed_at")
///     .references("department_history");
///
/// // The product has a price for as long as it is on sale.
/// let offers = TemporalForeignKey::new(("shop", "offers"), ["tenant_id", "product_id"])
///     .during("starts_on", "ends_on")
///     .references(("shop", "price_history"))
///     .name("offers_have_a_price");
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct TemporalForeignKey {
    pub(crate) child: TableRef,
    pub(crate) columns: Vec<String>,
    pub(crate) time: Vec<String>,
    pub(crate) history: Option<TableRef>,
    pub(crate) name: Option<String>,
}

impl TemporalForeignKey {
    /// The foreign key of these columns of `child`, in the order of the history's identity columns.
    pub fn new<C: Into<String>>(
        child: impl IntoTableRef,
        columns: impl IntoIterator<Item = C>,
    ) -> Self {
        Self {
            child: child.into_table_ref(),
            columns: columns.into_iter().map(Into::into).collect(),
            time: Vec::new(),
            history: None,
            name: None,
        }
    }

    /// Requires a version that is valid at the instant in this column of the child.
    pub fn at(mut self, column: impl Into<String>) -> Self {
        self.time = vec![column.into()];
        self
    }

    /// Requires versions that cover the whole period between these columns of the child, the end excluded.
    pub fn during(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.time = vec![from.into(), to.into()];
        self
    }

    /// Sets the history that it refers to.
    pub fn references(mut self, history: impl IntoTableRef) -> Self {
        self.history = Some(history.into_table_ref());
        self
    }

    /// Sets the name of the foreign key, instead of one derived from its table and columns.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The history. Refuses a definition without columns, time or history.
    pub(crate) fn complete(&self) -> Result<&TableRef, DbErr> {
        let missing = |what: &str| {
            DbErr::Migration(format!(
                "a temporal foreign key needs {what}, as in `TemporalForeignKey::new(\"user_audit\", \
                 [\"department_id\"]).at(\"changed_at\").references(\"department_history\")`"
            ))
        };
        if self.columns.is_empty() {
            return Err(missing("the columns of the identity"));
        }
        if self.time.is_empty() {
            return Err(missing("a time, `.at(..)` or `.during(.., ..)`"));
        }
        self.history
            .as_ref()
            .ok_or_else(|| missing("a history, `.references(..)`"))
    }
}
