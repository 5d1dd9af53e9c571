//! The plan of a restore: the tables with rows of an archival, and the links that the archival detached.

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use sea_orm_archive_postgres::catalog::Table;
use sea_orm_archive_postgres::compare::{Difference, archive_table_findings};
use sea_orm_archive_postgres::model::{DetachedChild, Freshness, Moved, Parent, RestorePlan};
use sea_orm_archive_postgres::schema;

use crate::catalog;
use crate::error::{DriftError, Error, NotFoundError, unexpected_answer};

/// Builds a plan from the archival records alone: the tables and the detached links that they name. The first table is that of
/// the root of the first archival.
///
/// An archival can have rows of tables that its entity does not declare: rows that another restore deferred
/// because this archival has a parent of theirs.
pub(crate) async fn from_record<C: ConnectionTrait>(
    db: &C,
    archivals: &[i64],
) -> Result<RestorePlan, Error> {
    let Some(record) = record(db, archivals).await? else {
        let archival = archivals.first().copied().unwrap_or_default();
        return Err(Error::NotFound(NotFoundError::Archival { archival }));
    };
    if let Some(table) = record.rootless {
        return Err(Error::Drift(DriftError::Schema {
            table,
            problems: vec![
                "the archival record names no table for its root that exists: the table was dropped, or the record was inserted with plain \
                 SQL. Move the rows out of their archive tables with plain SQL"
                    .to_owned(),
            ],
        }));
    }
    let mut names = record.tables.clone();
    names.extend(record.archive_tables);
    let children: Vec<String> = record.links.iter().map(|link| link.child.clone()).collect();
    names.extend(
        children
            .into_iter()
            .filter(|child| !record.tables.contains(child)),
    );
    let fingerprint = catalog::fingerprint(db, &names).await?;
    let found: Vec<Table> = catalog::read(db, &names)
        .await?
        .into_iter()
        .flatten()
        .collect();
    let title = record.root_table;
    let tables = moved(&record.tables, &found).map_err(|problems| {
        Error::Drift(DriftError::Schema {
            table: title.clone(),
            problems,
        })
    })?;
    let detached = detached(&record.links, &found).map_err(|problems| {
        Error::Drift(DriftError::Schema {
            table: title,
            problems,
        })
    })?;
    Ok(RestorePlan {
        freshness: Freshness {
            names,
            fingerprint,
            resolved: Vec::new(),
        },
        tables,
        detached,
    })
}

/// What the archival record contains for a restore.
#[derive(serde::Deserialize)]
struct Record {
    root_table: String,
    /// The name of the root table of one of the archivals, where that table does not exist.
    rootless: Option<String>,
    tables: Vec<String>,
    archive_tables: Vec<String>,
    links: Vec<Link>,
}

#[derive(serde::Deserialize)]
struct Link {
    child: String,
    edge: String,
    /// The number of columns in the recorded keys of the child; `None` where that cannot be read.
    key_columns: Option<usize>,
}

async fn record<C: ConnectionTrait>(db: &C, archivals: &[i64]) -> Result<Option<Record>, Error> {
    let statement = Statement::from_sql_and_values(
        DbBackend::Postgres,
        schema::core::ARCHIVAL_OF_RESTORE,
        [archivals.to_vec().into()],
    );
    let Some(row) = db.query_one_raw(statement).await? else {
        return Ok(None);
    };
    let record: serde_json::Value = row.try_get("", "record")?;
    serde_json::from_value(record).map_err(unexpected_answer)
}

fn moved(names: &[String], found: &[Table]) -> Result<Vec<Moved>, Vec<String>> {
    let mut problems = Vec::new();
    let mut tables = Vec::new();
    for name in names {
        let table = found.iter().find(|table| table.id.sql() == *name);
        let registered = table.and_then(|table| table.archive_table.as_ref());
        let archive_table =
            registered.and_then(|registered| found.iter().find(|t| t.id.oid == registered.id.oid));
        let (Some(table), Some(registered), Some(archive_table)) =
            (table, registered, archive_table)
        else {
            problems.push(format!(
                "{} has rows in this archival but no longer has an archive table: call manager.archive_existing_table(..) for it",
                name.replace('"', "")
            ));
            continue;
        };
        let found =
            archive_table_findings(table, archive_table, registered, Difference::stops_moves);
        problems.extend(found.iter().map(ToString::to_string));
        let deleted_by = archive_table.column(&registered.deleted_by);
        tables.push(Moved {
            table: table.clone(),
            archive_table: registered.clone(),
            deleted_by_type: deleted_by.map(|c| c.sql_type.clone()).unwrap_or_default(),
        });
    }
    if problems.is_empty() {
        Ok(tables)
    } else {
        Err(problems)
    }
}

fn detached(links: &[Link], found: &[Table]) -> Result<Vec<DetachedChild>, Vec<String>> {
    let mut children: Vec<DetachedChild> = Vec::new();
    let mut problems = Vec::new();
    for link in links {
        let table = found.iter().find(|table| table.id.sql() == link.child);
        let key = table.and_then(|t| t.outgoing.iter().find(|key| key.edge() == link.edge));
        let (Some(table), Some(key)) = (table, key) else {
            problems.push(format!(
                "this archival detached the link {}({}), and its foreign key no longer exists: add it again",
                link.child.replace('"', ""),
                link.edge
            ));
            continue;
        };
        if link.key_columns != Some(table.key.len()) {
            problems.push(changed_key(table, link));
            continue;
        }
        let edge = Parent {
            node: 0,
            key: key.clone(),
        };
        match children
            .iter_mut()
            .find(|child| child.table.oid == table.id.oid)
        {
            Some(child) => child.edges.push(edge),
            None => children.push(DetachedChild {
                table: table.id.clone(),
                key: table.key.clone(),
                archive_table: table.archive_table.clone(),
                edges: vec![edge],
                moved_as: None,
                is_constrained: table.is_constrained(),
                triggers: table.triggers_on_update(),
            }),
        }
    }
    if problems.is_empty() {
        Ok(children)
    } else {
        Err(problems)
    }
}

/// The problem of a child whose primary key has other columns now: the rows that lost a link are found by that key.
fn changed_key(table: &Table, link: &Link) -> String {
    let now: Vec<_> = table.key.iter().map(|c| c.name.as_str()).collect();
    let then = match link.key_columns {
        Some(columns) => format!("{columns} column(s)"),
        None => "another form".to_owned(),
    };
    format!(
        "this archival detached the link {}({}) of rows whose primary key had {then}, and the primary key has {} column(s) now ({}): \
         restore while the table has its former primary key, or update the keys in archive.detached_link",
        table.id,
        link.edge,
        now.len(),
        now.join(", ")
    )
}
