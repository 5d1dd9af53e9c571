//! The actor, the tenant and the request of a transaction.
//!
//! A [`Context`] is set on a transaction, where the database reads it: archive, restore, histories, the audit
//! log and stamps take the actor from it, and row-level security the tenant. It ends with the transaction, so a
//! connection that is returned to the pool has no context, and a transaction pooler can be used.
//!
//! ```no_run
//! use sea_orm_archive::{Context, Error};
//! # use sea_orm::{DatabaseConnection, entity::prelude::*};
//! # mod post { pub use sea_orm_archive::archival::*; }
//!
//! # async fn calls(db: DatabaseConnection, user_id: i64) -> Result<(), Error> {
//! let context = Context::new().actor(user_id).tenant("acme").request_id("7f3a");
//!
//! let txn = context.begin(&db).await?;
//! post::Entity::delete_by_id(1).exec(&txn).await?;
//! txn.commit().await?;
//!
//! context
//!     .run(&db, async |txn| {
//!         post::Entity::delete_by_id(2).exec(txn).await?;
//!         Ok::<_, Error>(())
//!     })
//!     .await?;
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "axum")]
pub mod axum;
mod transaction;
mod work_error;

use std::net::IpAddr;

use sea_orm::Value;
use serde_json::{Map, Value as Json};

pub use work_error::WorkError;

use crate::error::{Error, RefusedError};
use crate::exec::value_text;

/// The actor, the tenant, the request and the reason of a transaction.
///
/// Contexts do not merge. A nested context replaces the outer one; fields that it leaves unset are NULL.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Context {
    actor: Option<String>,
    tenant: Option<String>,
    request_id: Option<String>,
    client_address: Option<IpAddr>,
    user_agent: Option<String>,
    reason: Option<String>,
    metadata: Option<Json>,
    role: Option<String>,
}

impl Context {
    /// A context without any field set.
    pub fn new() -> Self {
        Self::default()
    }

    /// The actor: the id of a user, or the name of a job.
    #[must_use]
    pub fn actor(mut self, actor: impl Into<Value>) -> Self {
        self.actor = value_text(&actor.into());
        self
    }

    /// The tenant: the value of the tenant column of its rows.
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<Value>) -> Self {
        self.tenant = value_text(&tenant.into());
        self
    }

    /// The id of the request.
    #[must_use]
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.request_id = Some(id.into());
        self
    }

    /// The address of the client.
    #[must_use]
    pub fn client_address(mut self, address: impl Into<IpAddr>) -> Self {
        self.client_address = Some(address.into());
        self
    }

    /// The user agent of the client.
    #[must_use]
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = Some(user_agent.into());
        self
    }

    /// The reason.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Anything else, for the audit log.
    #[must_use]
    pub fn metadata(mut self, metadata: Json) -> Self {
        self.metadata = Some(metadata);
        self
    }

    /// The role of the database, set as by `SET LOCAL ROLE`: for example that of an administrator, to whom
    /// row-level security shows the rows of every tenant. The login role must be a member of it; a client
    /// cannot take it by changing a setting.
    #[must_use]
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.role = Some(role.into());
        self
    }

    /// The value of the setting for the details: one JSON object, or `None`.
    fn details(&self) -> Option<String> {
        let text = |value: &Option<String>| value.clone().map(Json::String);
        let details: Map<String, Json> = [
            (
                "client_address",
                self.client_address.map(|a| Json::String(a.to_string())),
            ),
            ("user_agent", text(&self.user_agent)),
            ("reason", text(&self.reason)),
            ("metadata", self.metadata.clone()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect();
        (!details.is_empty()).then(|| Json::Object(details).to_string())
    }

    /// Refuses zero bytes, the only character that PostgreSQL cannot store.
    fn check(&self) -> Result<(), Error> {
        let fields = [
            ("actor", &self.actor),
            ("tenant", &self.tenant),
            ("request_id", &self.request_id),
            ("user_agent", &self.user_agent),
            ("reason", &self.reason),
            ("role", &self.role),
        ];
        for (field, value) in fields {
            if value.as_ref().is_some_and(|text| text.contains('\0')) {
                return Err(Error::Refused(RefusedError::ZeroByte { field }));
            }
        }
        match &self.metadata {
            Some(metadata) if has_zero(metadata) => {
                Err(Error::Refused(RefusedError::ZeroByte { field: "metadata" }))
            }
            _ => Ok(()),
        }
    }
}

fn has_zero(json: &Json) -> bool {
    match json {
        Json::String(text) => text.contains('\0'),
        Json::Array(items) => items.iter().any(has_zero),
        Json::Object(fields) => fields
            .iter()
            .any(|(name, value)| name.contains('\0') || has_zero(value)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn details_are_one_object_of_the_fields_that_are_set() {
        assert_eq!(Context::new().actor(7).details(), None);
        let context = Context::new()
            .client_address([127, 0, 0, 1])
            .reason("spam \"quoted\"")
            .metadata(json!({"ticket": 1}));
        let details: Json = serde_json::from_str(&context.details().unwrap()).unwrap();
        assert_eq!(
            details,
            json!({"client_address": "127.0.0.1", "reason": "spam \"quoted\"", "metadata": {"ticket": 1}})
        );
    }

    #[test]
    fn actor_of_any_type_is_converted_to_text() {
        assert_eq!(Context::new().actor(7).actor.as_deref(), Some("7"));
        assert_eq!(
            Context::new().actor("o'hara").actor.as_deref(),
            Some("o'hara")
        );
        assert_eq!(Context::new().actor(None::<i64>).actor, None);
    }

    #[test]
    fn zero_byte_is_refused_in_every_field() {
        assert!(Context::new().actor("a\0b").check().is_err());
        assert!(
            Context::new()
                .metadata(json!([{"k": "\0"}]))
                .check()
                .is_err()
        );
        assert!(Context::new().actor("a\\u0000b").check().is_ok());
    }
}
