//! What the rows of archivals refer to.

use sea_orm::ConnectionTrait;
use sea_orm_archive_postgres::emit::defer::ParentLink;
use sea_orm_archive_postgres::model::RestorePlan;

use crate::catalog;
use crate::error::Error;

/// The foreign keys of the tables, with the archive tables of the tables that they refer to.
pub(super) async fn parent_links<T: ConnectionTrait>(
    db: &T,
    plan: &RestorePlan,
) -> Result<Vec<ParentLink>, Error> {
    let keys = plan.tables.iter().enumerate();
    let keys: Vec<_> = keys
        .flat_map(|(n, moved)| moved.table.outgoing.iter().map(move |key| (n, key)))
        .collect();
    let mut names: Vec<String> = keys.iter().map(|(_, key)| key.parent.sql()).collect();
    names.sort();
    names.dedup();
    let parents = catalog::read(db, &names).await?;
    let links = keys.into_iter().map(|(table, key)| {
        let parent = parents
            .iter()
            .flatten()
            .find(|parent| parent.id.oid == key.parent.oid);
        ParentLink {
            table,
            key: key.clone(),
            archive_table: parent.and_then(|p| p.archive_table.clone()),
        }
    });
    Ok(links.collect())
}
