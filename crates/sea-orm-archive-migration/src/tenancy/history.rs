//! The tenant's column of a history: a version belongs to the tenant of its identity.

use sea_orm_archive_postgres::catalog::{Column, Table, TableId};
use sea_orm_archive_postgres::schema;
use sea_orm_migration::DbErr;

use crate::{
    history::register as histories,
    name::{derived, literal, quote, quote_all},
    tenancy::{column, register},
    work::{Work, said},
};

/// Gives each history of `table` the column that says whose a version is, where it has none, and ties it to that of
/// the identity with a foreign key; then each history of those. The callers put the tables under their policies again.
///
/// Where the column is in the primary key, the history has one that refers to it, and that foreign key says whose a
/// version is: nothing is added.
///
/// A look at the identity could say the same and would be no column to drift. But it is none that a trigger could
/// ask, the archive table of the history has nothing to look at, and a restore brings identity and versions
/// back at once, when neither sees the other yet.
pub(crate) async fn own_versions(
    work: &Work,
    origin: &TableId,
    table: &Table,
    column: &str,
) -> Result<(), DbErr> {
    for history in register::histories(work, &table.id).await? {
        let history = work.existing_table(&history).await?;
        // A circle ends where it began.
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
            Some(_) => tied.refer_already(work).await?,
            None => {
                tied.add_column(work).await?;
                tied.default_to_the_context(work).await?;
                tied.refer(work).await?;
            }
        }
        let history = work.existing_table(&history.id.sql()).await?;
        let column = own.map_or(column, |c| &c.name);
        Box::pin(own_versions(work, origin, &history, column)).await?;
    }
    Ok(())
}

/// A history and the table of its identities, which is under tenancy or such a history itself.
struct Tied<'a> {
    table: &'a Table,
    history: &'a Table,
    column: &'a str,
    /// The columns of the history that refer to the primary key of the table, in its order.
    refers: Vec<String>,
}

impl Tied<'_> {
    /// The column, in the history and in its archive table, filled with what the identities say.
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
            Some(there) if there.same_type(wanted) => {}
            Some(there) => {
                return Err(DbErr::Migration(format!(
                    "the column \"{}\" of {} is {}, and that of {} is {}: a version says whose it is as its identity \
                     does; give both the same type",
                    self.column, found.id, there.sql_type, self.table.id, wanted.sql_type
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
                register::made(work, &found.id, "column", self.column).await?;
            }
        }
        let nobodys = work.count(&name, &format!("{column} IS NULL")).await?;
        if nobodys > 0 {
            return Err(DbErr::Migration(format!(
                "{} holds {nobodys} versions of which nothing says whose they are: their identity is gone, or there are \
                 several of that key, active and archived, that belong to different tenants; restore or delete those \
                 versions first, or fill \"{}\" by hand",
                found.id, self.column
            )));
        }
        work.run(&format!(
            "ALTER TABLE {name} ALTER COLUMN {column} SET NOT NULL"
        ))
        .await
    }

    /// A rewrite of the table and no UPDATE: no trigger takes it for a change of the versions.
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

    /// The tenant of the identity in `source` whose key the arguments are.
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

    /// Of an archived version: that of the identity that went with it; otherwise that of the one that is
    /// there, if all of that key belong to one tenant.
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

    /// Who writes versions by hand, or with an entity that does not know the column, writes his own.
    async fn default_to_the_context(&self, work: &Work) -> Result<(), DbErr> {
        let Some(compared) = column::read(work, self.history.id.oid, self.column).await? else {
            return Ok(());
        };
        let known = self.history.column(self.column);
        if known.is_some_and(|c| c.has_default) {
            return Ok(());
        }
        work.run(&format!(
            "ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {}",
            self.history.id.sql(),
            quote(self.column),
            compared.tenant
        ))
        .await?;
        register::made(work, &self.history.id, "default", self.column).await
    }

    /// The foreign key from tenant and identity, which keeps a version from having another tenant than
    /// its identity, also when that is given away.
    async fn refer(&self, work: &Work) -> Result<(), DbErr> {
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
        let is_kept = register::keep_constraint(work, &constraint).await?;
        self.unique(work, &parent).await?;
        if is_kept {
            return self.speak_last(work, &name).await;
        }
        let history = self.history.id.sql();
        if let Some(found) = self.referring(work, &child, &parent).await? {
            // Nothing to do where it is valid already.
            let validate = format!(
                "ALTER TABLE {history} VALIDATE CONSTRAINT {}",
                quote(&found)
            );
            return work.run(&validate).await.map_err(|e| self.stranger(&e));
        }
        work.run(&format!(
            "ALTER TABLE {history} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}) ON UPDATE CASCADE",
            quote(&name),
            quote_all(child.iter().map(String::as_str)),
            self.table.id.sql(),
            quote_all(parent.iter().map(String::as_str)),
        ))
        .await
        .map_err(|error| self.stranger(&error))?;
        self.speak_last(work, &name).await?;
        register::made(work, &self.history.id, "constraint", &name).await
    }

    /// What another foreign key removes, ours does not refuse.
    async fn speak_last(&self, work: &Work, name: &str) -> Result<(), DbErr> {
        let renames = schema::tenancy::LAST;
        work.run_each(renames, [self.history.id.oid.into(), name.into()])
            .await
    }

    /// The foreign key to the primary key says it, if it is there.
    async fn refer_already(&self, work: &Work) -> Result<(), DbErr> {
        let key: Vec<_> = self.table.key.iter().map(|c| c.name.clone()).collect();
        let Some(found) = self.referring(work, &self.refers, &key).await? else {
            return Err(DbErr::Migration(format!(
                "{} has no foreign key to {}, so that nothing keeps a version with the tenant of its identity: call                  `manager.create_history_table(..)` again, which adds it",
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

    fn stranger(&self, error: &DbErr) -> DbErr {
        DbErr::Migration(format!(
            "{} has versions of another tenant than their identity has: {}; correct \"{}\" there first",
            self.history.id,
            said(error),
            self.column
        ))
    }

    /// The foreign key that says the same, of the application.
    async fn referring(
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

    /// What the foreign key refers to.
    async fn unique(&self, work: &Work, columns: &[String]) -> Result<(), DbErr> {
        let name = derived(&self.table.id.table, "_tenancy_key");
        let constraint = register::Constraint {
            relation: &self.table.id,
            name: &name,
            columns,
            refers: None,
        };
        if register::keep_constraint(work, &constraint).await? {
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
        register::made(work, &self.table.id, "constraint", &name).await
    }
}
