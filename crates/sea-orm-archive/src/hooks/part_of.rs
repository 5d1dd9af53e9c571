//! The entity of the root of an archival, whose hooks its parts have.

use sea_orm::DatabaseTransaction;
use sea_orm_archive_postgres::ident::literal;
use serde_json::Value as Json;

use super::Hooks;
use crate::entity::{Archivable, DeclaredName};
use crate::error::Error;
use crate::exec::{Sql, ask_here};

/// The entity of the root of an archival.
#[derive(Clone, Debug)]
pub(crate) struct PartOf {
    table: DeclaredName,
    hooks: fn() -> Option<Hooks>,
}

impl PartOf {
    pub fn of<R: Archivable>() -> Self {
        Self {
            table: R::declaration().table,
            hooks: R::hooks,
        }
    }

    /// The hooks of this entity, where it is another one than that of the row.
    pub fn hooks_beside<E: Archivable>(&self) -> Option<Hooks> {
        (self.table != E::declaration().table)
            .then(self.hooks)
            .flatten()
    }

    /// The condition that the hooks of an archival, an expression with its id, are those of this entity.
    pub fn is_hooked_root(&self, archival: &str) -> String {
        is_hooked_root(archival, &self.table)
    }

    /// The hooks of this entity, where they are those of an archival and not of the entity of the row.
    pub async fn hooks_of<E: Archivable>(
        &self,
        archival: i64,
        db: &DatabaseTransaction,
    ) -> Result<Option<Hooks>, Error> {
        match self.hooks_beside::<E>() {
            Some(hooks) if has_hooks_of(db, archival, &self.table).await? => Ok(Some(hooks)),
            _ => Ok(None),
        }
    }
}

/// Whether the hooks of an archival are those of the entity of this table.
pub(crate) async fn has_hooks_of(
    db: &DatabaseTransaction,
    archival: i64,
    table: &DeclaredName,
) -> Result<bool, Error> {
    let sql = Sql {
        text: format!(
            "SELECT pg_catalog.to_jsonb({}) AS result",
            is_hooked_root("$1", table)
        ),
        values: vec![archival.into()],
    };
    Ok(ask_here(db, &sql).await? == Some(Json::Bool(true)))
}

fn is_hooked_root(archival: &str, table: &DeclaredName) -> String {
    format!(
        "archive.hooked_root({archival}) OPERATOR(pg_catalog.=) pg_catalog.to_regclass({})",
        literal(&table.quoted())
    )
}
