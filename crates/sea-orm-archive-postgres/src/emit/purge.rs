//! Deletes the rows of an archival from their archive tables for good.

use super::Roots;
use super::freshness::unchanged;
use super::restore::{strangers, taken};
use super::tree::with;
use crate::ident::object;
use crate::model::RestorePlan;

/// One statement that deletes the rows of the archival `$1`, and returns how many of which table.
///
/// Race: the caller has locked the archival, so no restore moves its rows, and none defers a row to it.
pub fn statement(plan: &RestorePlan) -> String {
    let target = "target AS NOT MATERIALIZED (SELECT a.id, a.tenant FROM archive.archival AS a WHERE a.id = $1)";
    let tables = || plan.tables.iter().enumerate();
    let rows = tables().map(|(n, moved)| {
        let deleted = format!("(SELECT pg_catalog.count(*) FROM taken_{n})");
        (moved.table.id.to_string(), deleted)
    });
    let unchanged = std::iter::once(unchanged(&plan.freshness));
    let guards: Vec<_> = unchanged.chain(strangers(plan)).collect();
    let parts = std::iter::once(target.to_owned())
        .chain(tables().map(|(n, moved)| taken(n, moved, Roots::One)));
    with(
        parts,
        &format!(
            "SELECT {} AS result WHERE {}",
            object(&rows.collect::<Vec<_>>()),
            guards.join(" AND ")
        ),
    )
}
