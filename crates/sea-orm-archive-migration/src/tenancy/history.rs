//! The tenant column of a history: a version belongs to the tenant of its identity.

use sea_orm_archive_postgres::catalog::{Column, Table, TableId};
use sea_orm_archive_postgres::schema;
use sea_orm_migration::DbErr;

use crate::{
    history::register as histories,
    name::{derived, literal, quote, quote_all},
    tenancy::{column, register},
    work::{Work, database_message},
};

/// Adds the tenant column to each history of `table` that has none, with a foreign key to the tenant column of the
/// identity table; then to each history of these histories. The callers force row-level security again.
///
/// Where the tenant column is part of the primary key, the history already has a column that refers to it, and nothing is
/// added.
///
/// Reading the tenant from the identity instead would need no column. But the condition of a trigger cannot run a query, the
/// identity of an archived version may not exist, and a restore inserts identity and versions in one statement, whose
/// parts do not see each other's rows.
pub(crate) async fn add_tenant_columns(
    work: &Work,
    origin: &TableId,
    table: &Table,
    column: &str,
) -> Result<(), DbErr> {
    for history in register::histories(work, &table.id).await? {
        let history = work.existing_table(&history).await?;
        // Histories may form a cycle.
        if history.id.oid == origin.oid {
            continue;
        }
        let Some(versions) = histories::find(work, &history.id).await? else {
            continue;
        };
        let tied = Tied {
            table,
            history: &history,
            column,
            refers: versions.identity_names(),
        };
        let own = versions.columns.iter().find(|c| c.key == column);
        match own {
            Some(_) => tied.validate_identity_key(work).await?,
            None => {
                tied.add_column(work).await?;
                tied.default_to_context(work).await?;
                tied.add_foreign_key(work).await?;
            }
        }
        let history = work.existing_table(&history.id.sql()).await?;
        let column = own.map_or(column, |c| &c.name);
        Box::pin(add_tenant_columns(work, origin, &history, column)).await?;
    }
    Ok(())
}

/// A history and its identity table, which is under tenancy or is such a history itself.
struct Tied<'a> {
    table: &'a Table,
    history: &'a Table,
    column: &'a str,
    /// The columns of the history that refer to the primary key of the table, in the order of the key.
    refers: Vec<String>,
}

impl Tied<'_> {
    /// Adds the column to the history and to its archive table, filled with the tenants of the identities.
    async fn add_column(&self, work: &Work) -> Result<(), DbErr> {
        let wanted = self.table.column(self.column).ok_or_else(|| {
            DbErr::Migration(format!(
                "{} has no column \"{}\"",
                self.table.id, self.column
            ))
        })?;
        self.fill(work, self.history, wanted, None).await?;
        let Some(archive_table) = &self.history.archive_table else {
            return Ok(());
        };
        let found = work.existing_table(&archive_table.id.sql()).await?;
        self.fill(work, &found, wanted, Some(&archive_table.archival_id))
            .await
    }

    async fn fill(
        &self,
        work: &Work,
        found: &Table,
        wanted: &Column,
        archival_id: Option<&str>,
    ) -> Result<(), DbErr> {
        let (name, column) = (found.id.sql(), quote(self.column));
        match found.column(self.column) {
            Some(existing) if existing.same_type(wanted) => {}
            Some(existing) => {
                return Err(DbErr::Migration(format!(
                    "the column \"{}\" of {} is {}, and that of {} is {}: versions and identities need a tenant column of \
                     the same type",
                    self.column, found.id, existing.sql_type, self.table.id, wanted.sql_type
                )));
            }
            None => {
                let definitions = histories::definitions(work, &self.table.id).await?;
                let with_collation = definitions.iter().find(|d| d.name == self.column);
                let definition = with_collation.map_or(&wanted.sql_type, |d| &d.sql_type);
                work.run(&format!(
                    "ALTER TABLE {name} ADD COLUMN {column} {definition}"
                ))
                .await?;
                self.fill_from_identities(work, found, definition, archival_id)
                    .await?;
                register::record_created(work, &found.id, "column", self.column).await?;
            }
        }
        let without_tenant = work.count(&name, &format!("{column} IS NULL")).await?;
        if without_tenant > 0 {
            return Err(DbErr::Migration(format!(
                "{} holds {without_tenant} versions whose tenant is unknown: their identity does not exist, or there are \
                 several of that key, active and archived, that belong to different tenants; restore or delete those \
                 versions first, or fill \"{}\" with plain SQL",
                found.id, self.column
            )));
        }
        work.run(&format!(
            "ALTER TABLE {name} ALTER COLUMN {column} SET NOT NULL"
        ))
        .await
    }

    /// Rewrites the table instead of running an UPDATE, so that no trigger fires.
    async fn fill_from_identities(
        &self,
        work: &Work,
        found: &Table,
        definition: &str,
        archival_id: Option<&str>,
    ) -> Result<(), DbErr> {
        let column = quote(self.column);
        let mut arguments = self
            .refers
            .iter()
            .map(|name| quote(name))
            .collect::<Vec<_>>();
        let mut types: Vec<_> = self.table.key.iter().map(|c| c.sql_type.clone()).collect();
        if let Some(archival_id) = archival_id {
            arguments.push(quote(archival_id));
            types.push("bigint".to_owned());
        }
        let body = match archival_id {
            None => format!("SELECT {}", self.of_identity(&self.table.id.sql(), "")),
            Some(_) => self.of_archived_identity(),
        };
        let sql_type = self.table.column(self.column).map(|c| c.sql_type.as_str());
        let sql_type = sql_type.unwrap_or(definition);
        work.run(&format!(
            "CREATE FUNCTION archive.tenant_of_identity({types}) RETURNS {sql_type} LANGUAGE sql STABLE AS {body};
             ALTER TABLE {table} ALTER COLUMN {column} TYPE {definition} USING archive.tenant_of_identity({arguments});
             DROP FUNCTION archive.tenant_of_identity({types})",
            types = types.join(", "),
            body = literal(&body),
            table = found.id.sql(),
            arguments = arguments.join(", "),
        ))
        .await
    }

    /// The tenant of the identity in `source` that has the arguments as its key.
    fn of_identity(&self, source: &str, and: &str) -> String {
        format!(
            "(SELECT i.{} FROM {source} AS i WHERE {}{and})",
            quote(self.column),
            self.is_identity()
        )
    }

    fn is_identity(&self) -> String {
        let key = self.table.key.iter().enumerate();
        let same: Vec<_> = key
            .map(|(n, c)| format!("i.{} {} ${}", quote(&c.name), c.equals, n + 1))
            .collect();
        same.join(" AND ")
    }

    /// The tenant of the identity of an archived version: of the identity in the same archival, or else of all identities of
    /// that key, active and archived, if they belong to one tenant.
    fn of_archived_identity(&self) -> String {
        let column = quote(self.column);
        let (active, is_identity) = (self.table.id.sql(), self.is_identity());
        let mut sources =
            format!("SELECT i.{column} AS tenant FROM {active} AS i WHERE {is_identity}");
        let mut together = "NULL".to_owned();
        if let Some(archive_table) = &self.table.archive_table {
            let name = archive_table.id.sql();
            sources.push_str(&format!(
                " UNION ALL SELECT i.{column} FROM {name} AS i WHERE {is_identity}"
            ));
            let archival = format!(
                " AND i.{} = ${}",
                quote(&archive_table.archival_id),
                self.refers.len() + 1
            );
            together = self.of_identity(&name, &archival);
        }
        format!(
            "SELECT coalesce({together}, (SELECT (pg_catalog.array_agg(o.tenant))[1] FROM ({sources}) AS o \
             HAVING pg_catalog.count(DISTINCT {}) = 1))",
            self.table.id.tenant_text("o", "tenant")
        )
    }

    /// Sets the tenant of the context as the default of the column, for plain SQL and for entities without the column.
    async fn default_to_context(&self, work: &Work) -> Result<(), DbErr> {
        let Some(compared) = column::read(work, self.history.id.oid, self.column).await? else {
            return Ok(());
        };
        let existing = self.history.column(self.column);
        if existing.is_some_and(|c| c.has_default) {
            return Ok(());
        }
        work.run(&format!(
            "ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {}",
            self.history.id.sql(),
            quote(self.column),
            compared.tenant
        ))
        .await?;
        register::record_created(work, &self.history.id, "default", self.column).await
    }

    /// Adds the foreign key on tenant and identity. It refuses a version with another tenant than its identity, and lets
    /// versions follow when the tenant of the identity changes.
    async fn add_foreign_key(&self, work: &Work) -> Result<(), DbErr> {
        let keys = self.table.key.iter().map(|c| c.name.clone());
        let parent: Vec<_> = std::iter::once(self.column.to_owned())
            .chain(keys)
            .collect();
        let refers = self.refers.iter().cloned();
        let child: Vec<_> = std::iter::once(self.column.to_owned())
            .chain(refers)
            .collect();
        let name = derived(&self.history.id.table, "_tenancy_fkey");
        let constraint = register::Constraint {
            relation: &self.history.id,
            name: &name,
            columns: &child,
            refers: Some((&self.table.id, &parent)),
        };
        let is_reused = register::reuse_constraint(work, &constraint).await?;
        self.add_unique(work, &parent).await?;
        if is_reused {
            return self.fire_last(work, &name).await;
        }
        let history = self.history.id.sql();
        if let Some(found) = self.find_foreign_key(work, &child, &parent).await? {
            // PostgreSQL does nothing where it is already valid.
            let validate = format!(
                "ALTER TABLE {history} VALIDATE CONSTRAINT {}",
                quote(&found)
            );
            return work
                .run(&validate)
                .await
                .map_err(|error| self.tenant_mismatch(&error));
        }
        work.run(&format!(
            "ALTER TABLE {history} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}) ON UPDATE CASCADE",
            quote(&name),
            quote_all(child.iter().map(String::as_str)),
            self.table.id.sql(),
            quote_all(parent.iter().map(String::as_str)),
        ))
        .await
        .map_err(|error| self.tenant_mismatch(&error))?;
        self.fire_last(work, &name).await?;
        register::record_created(work, &self.history.id, "constraint", &name).await
    }

    /// Lets the foreign key fire after all others, so that NO ACTION does not refuse rows that another foreign key deletes
    /// with CASCADE.
    async fn fire_last(&self, work: &Work, name: &str) -> Result<(), DbErr> {
        let renames = schema::tenancy::LAST;
        work.run_each(renames, [self.history.id.oid.into(), name.into()])
            .await
    }

    /// Requires the foreign key to the primary key, which includes the tenant column, and validates it.
    async fn validate_identity_key(&self, work: &Work) -> Result<(), DbErr> {
        let key: Vec<_> = self.table.key.iter().map(|c| c.name.clone()).collect();
        let Some(found) = self.find_foreign_key(work, &self.refers, &key).await? else {
            return Err(DbErr::Migration(format!(
                "{} has no foreign key to {}, so a version could have another tenant than its identity: call \
                 `manager.create_history_table(..)` again, which adds it",
                self.history.id, self.table.id
            )));
        };
        work.run(&format!(
            "ALTER TABLE {} VALIDATE CONSTRAINT {}",
            self.history.id.sql(),
            quote(&found)
        ))
        .await
    }

    fn tenant_mismatch(&self, error: &DbErr) -> DbErr {
        DbErr::Migration(format!(
            "{} has versions of another tenant than their identity has: {}; correct \"{}\" there first",
            self.history.id,
            database_message(error),
            self.column
        ))
    }

    /// The name of the foreign key from `child` to `parent`, if there is one.
    async fn find_foreign_key(
        &self,
        work: &Work,
        child: &[String],
        parent: &[String],
    ) -> Result<Option<String>, DbErr> {
        let history = work.existing_table(&self.history.id.sql()).await?;
        let mut wanted: Vec<_> = child.iter().zip(parent).collect();
        wanted.sort();
        let mut keys = history.outgoing.into_iter();
        let found = keys.find(|key| {
            let mut found: Vec<_> = key.columns.iter().map(|c| (&c.child, &c.parent)).collect();
            found.sort();
            key.parent.oid == self.table.id.oid && found == wanted
        });
        Ok(found.map(|key| key.name))
    }

    /// Adds the unique constraint that the foreign key refers to, unless the table has a unique index on these columns.
    async fn add_unique(&self, work: &Work, columns: &[String]) -> Result<(), DbErr> {
        let name = derived(&self.table.id.table, "_tenancy_key");
        let constraint = register::Constraint {
            relation: &self.table.id,
            name: &name,
            columns,
            refers: None,
        };
        if register::reuse_constraint(work, &constraint).await? {
            return Ok(());
        }
        let found = work
            .row(
                "SELECT pg_catalog.count(*) > 0 AS found FROM pg_catalog.pg_index AS i
                 WHERE i.indrelid = $1::bigint::oid AND i.indisunique AND i.indimmediate AND i.indisvalid
                   AND i.indpred IS NULL AND i.indexprs IS NULL
                   AND ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place)
                             JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number
                             WHERE k.place <= i.indnkeyatts ORDER BY 1)
                     = ARRAY(SELECT c FROM pg_catalog.unnest($2::text[]) AS c ORDER BY 1)",
                [self.table.id.oid.into(), columns.to_vec().into()],
            )
            .await?;
        if found.try_get("", "found")? {
            return Ok(());
        }
        work.run(&format!(
            "ALTER TABLE {} ADD CONSTRAINT {} UNIQUE ({})",
            self.table.id.sql(),
            quote(&name),
            quote_all(columns.iter().map(String::as_str))
        ))
        .await?;
        register::record_created(work, &self.table.id, "constraint", &name).await
    }
}
