//! What a migration declares about retention.

use sea_orm_migration::sea_orm::JsonValue;

/// A retention rule: how long something stays after it was archived, or after what it records has happened.
///
/// A day has 24 hours in every time zone. The limits `tenant` and `metadata` make it an exception of the rule without them.
///
/// ```
/// use sea_orm_archive_migration::Retention;
/// use serde_json::json;
///
/// let default = Retention::days(90);
/// let invoices = Retention::days(3650).metadata(json!({"kind": "invoice"})).named("tax law");
/// let customer = Retention::forever().tenant("7");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a rule holds after `manager.retain(..)`"]
pub struct Retention {
    pub(crate) days: Option<u32>,
    pub(crate) tenant: Option<String>,
    pub(crate) metadata: Option<JsonValue>,
    pub(crate) name: Option<String>,
}

impl Retention {
    /// For so many days, 365,000 at most. 0 lets it expire at once.
    pub const fn days(days: u32) -> Self {
        Self::of(Some(days))
    }

    /// For ever: an exception of a rule that lets archivals expire.
    pub const fn forever() -> Self {
        Self::of(None)
    }

    const fn of(days: Option<u32>) -> Self {
        Self {
            days,
            tenant: None,
            metadata: None,
            name: None,
        }
    }

    /// Only for the archivals or versions of this tenant.
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// Only for the archivals whose metadata contains this, as the operator `@>` of PostgreSQL compares it. It precedes rules for
    /// tenants. Versions of histories have no metadata.
    pub fn metadata(mut self, metadata: JsonValue) -> Self {
        self.metadata = Some(metadata);
        self
    }

    /// The name of the rule, which the record of each archival that it purges contains. Without it the name is made of the table,
    /// the limits and the days, such as `public.posts, tenant 7: 90 days`.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}
