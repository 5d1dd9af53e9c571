//! The rehearsal of every row, and what it reports of other tables.

use std::collections::BTreeSet;

use sea_orm::TransactionTrait;

use super::entities::{Row, call};
use super::state::State;
use super::suspended::suspended_forum;

#[tokio::test]
async fn rehearsal_is_exact_and_reports_the_totals_outside_of_the_tree() {
    let (_database, db) = suspended_forum().await;
    let before = State::read(&db).await;
    let mut faults = Vec::new();
    let mut reported = BTreeSet::new();
    for row in before.active.keys() {
        let rehearsal = call!(row, archive_by_id, |request| request.rehearse(&db).await).unwrap();
        if let Some(refused) = &rehearsal.refused {
            if !refused.contains("reports_") {
                faults.push(format!("{row:?} {refused}"));
            }
            continue;
        }
        if !rehearsal.is_exact() {
            faults.push(format!("{row:?} {:?}", rehearsal.differences));
        }
        for other in &rehearsal.other_tables {
            reported.insert(other.table.clone());
        }
        // The tables without a row in the tree whose rows differ while the tree is archived.
        let txn = db.begin().await.unwrap();
        let archival = call!(row, archive_by_id, |request| request.exec(&txn).await).unwrap();
        let between = State::read(&txn).await;
        txn.rollback().await.unwrap();
        let moved = archival.rows();
        for (changed, text) in &before.active {
            let table = format!("public.{}", changed.table);
            let stays = between.active.get(changed).is_some_and(|new| new != text);
            let is_reported = rehearsal
                .other_tables
                .iter()
                .any(|other| other.table == table);
            let has_links =
                ["attachments", "communities", "posts"].contains(&changed.table.as_str());
            if stays && !moved.contains_key(&table) && !has_links && !is_reported {
                faults.push(format!(
                    "{row:?} changes {changed:?}, which is not reported"
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{}\n{}", faults.len(), faults.join("\n"));
    for table in [
        "person_aggregates",
        "community_aggregates",
        "post_aggregates",
        "comments",
        "tags",
    ] {
        assert!(
            reported.contains(&format!("public.{table}")),
            "{table} of {reported:?}"
        );
    }
    assert_eq!(State::read(&db).await, before);
}

/// Totals in a table whose links the tree cuts are totals outside of the tree too: comment 1 is not the last comment of its post.
#[tokio::test]
async fn rehearsal_reports_totals_in_a_table_that_may_lose_links() {
    let (_database, db) = suspended_forum().await;
    let row = Row {
        table: "comments".to_owned(),
        key: vec![1],
    };
    let rehearsal = call!(&row, archive_by_id, |request| request.rehearse(&db).await).unwrap();
    let tables = rehearsal.other_tables.iter().map(|other| &*other.table);
    let tables: Vec<_> = tables.collect();
    assert!(tables.contains(&"public.posts"), "{tables:?}");
}
