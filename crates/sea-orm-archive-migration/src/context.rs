//! The names of the settings that carry the context: actor, tenant and request.

use sea_orm_archive_postgres::catalog::TableId;
use sea_orm_archive_postgres::schema;
use sea_orm_migration::DbErr;

use crate::{archive_table::register, name::literal, stamps, tenancy, work::Work};

/// The names of the settings that carry the context of a transaction.
///
/// The defaults are the names that most existing policies and triggers read: `app.current_user`,
/// `app.current_org_id`, `app.request_id` and `app.request_details`. Change those that have other
/// names in your database.
///
/// ```
/// use sea_orm_archive_migration::ContextSettings;
///
/// let settings = ContextSettings::new().actor("myapp.user_id").tenant("myapp.tenant_id");
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ContextSettings {
    names: Vec<(&'static str, String)>,
}

impl ContextSettings {
    /// The settings under the names that they have now.
    pub fn new() -> Self {
        Self::default()
    }

    /// The setting of the actor.
    pub fn actor(self, name: impl Into<String>) -> Self {
        self.with_name("actor", name)
    }

    /// The setting of the tenant.
    pub fn tenant(self, name: impl Into<String>) -> Self {
        self.with_name("tenant", name)
    }

    /// The setting of the id of the request.
    pub fn request_id(self, name: impl Into<String>) -> Self {
        self.with_name("request_id", name)
    }

    /// The setting of the other details of the request, which are a JSON object.
    pub fn details(self, name: impl Into<String>) -> Self {
        self.with_name("details", name)
    }

    fn with_name(mut self, meaning: &'static str, name: impl Into<String>) -> Self {
        self.names.push((meaning, name.into()));
        self
    }
}

/// Creates the functions that read and write the settings under the registered names.
pub(crate) async fn install(work: &Work) -> Result<(), DbErr> {
    let mut functions = schema::core::CONTEXT.to_owned();
    let rows = work
        .rows("SELECT meaning, name FROM archive.context_setting", [])
        .await?;
    for row in rows {
        let meaning: String = row.try_get("", "meaning")?;
        let name: String = row.try_get("", "name")?;
        functions = functions.replace(&format!("{{{meaning}}}"), &literal(&name));
    }
    work.run(&functions).await
}

/// Gives the settings other names.
pub(crate) async fn rename(work: &Work, settings: &ContextSettings) -> Result<(), DbErr> {
    register::require(work).await?;
    for (meaning, name) in &settings.names {
        check(name)?;
        work.run_with(
            "UPDATE archive.context_setting SET name = $2 WHERE meaning = $1",
            [(*meaning).into(), name.as_str().into()],
        )
        .await?;
    }
    install(work).await?;
    stamps::install(work).await?;
    tenancy::record_functions(work).await
}

/// Sets the actor of the context, as the type of the column, as the default of a column that has none.
pub(crate) async fn default_to_actor(
    work: &Work,
    table: &TableId,
    column: &str,
) -> Result<(), DbErr> {
    work.run_each(
        "SELECT pg_catalog.format('ALTER TABLE %I.%I ALTER COLUMN %I SET DEFAULT archive.actor_as(NULL::%I.%I)',
                    cn.nspname, c.relname, a.attname, tn.nspname, t.typname) AS statement
         FROM pg_catalog.pg_attribute AS a
         JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
         JOIN pg_catalog.pg_namespace AS cn ON cn.oid = c.relnamespace
         JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
         JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.typnamespace
         WHERE a.attrelid = $1::bigint::oid AND a.attname = $2 AND NOT a.atthasdef",
        [table.oid.into(), column.into()],
    )
    .await
}

/// Drops the defaults that [`default_to_actor`] set on histories: the function that they call will be dropped.
pub(crate) async fn drop_defaults(work: &Work) -> Result<(), DbErr> {
    work.run_each(
        "SELECT pg_catalog.format('ALTER TABLE %I.%I ALTER COLUMN %I DROP DEFAULT', n.nspname, c.relname, a.attname) AS statement
         FROM archive.history_table AS h
         JOIN pg_catalog.pg_class AS c ON c.oid = h.history
         JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attname = h.recorded_by
         JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
         WHERE pg_catalog.pg_get_expr(d.adbin, d.adrelid) LIKE 'archive.actor_as(%'",
        [],
    )
    .await
}

/// The name of a custom setting in PostgreSQL has two parts with a dot between them.
fn check(name: &str) -> Result<(), DbErr> {
    let is_identifier = |part: &str| {
        let mut characters = part.chars();
        characters
            .next()
            .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let parts: Vec<_> = name.split('.').collect();
    if parts.len() == 2 && parts.iter().all(|part| is_identifier(part)) {
        return Ok(());
    }
    Err(DbErr::Migration(format!(
        "\"{name}\" cannot be the name of a setting: give two names with a dot between them, such as app.current_user"
    )))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn a_setting_needs_two_names_with_a_dot() {
        for good in ["app.current_user", "_a.b2"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in [
            "", "app", "app.", ".b", "a.b.c", "a.2b", "a b.c", "a.b'", "ä.b",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
