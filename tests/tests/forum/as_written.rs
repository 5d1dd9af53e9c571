//! With the triggers as the application has them: an archive is refused by name and changes nothing, or every row comes back.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{DatabaseConnection, DatabaseTransaction, TransactionTrait};

use super::entities::{Row, call};
use super::forum;
use super::state::{State, fault_of, miscounted, names};

/// Archives and restores one row, and returns whether the archive was accepted, or what is wrong.
async fn moves_or_is_refused(
    txn: &DatabaseTransaction,
    row: &Row,
    names: &[String],
    restores_by_id: bool,
    counts_meanwhile: bool,
) -> Result<bool, Vec<String>> {
    let before = State::read(txn).await;
    let preview = call!(row, archive_by_id, |request| request.preview(txn).await);
    let archived = call!(row, archive_by_id, |request| request.exec(txn).await);
    let (preview, archival) = match (preview, archived) {
        (Ok(preview), Ok(archival)) => (preview, archival),
        (preview, Err(error)) => {
            let mut faults: Vec<_> = fault_of(&error, names).into_iter().collect();
            match preview {
                Ok(preview) if preview.blockers.is_empty() => {
                    faults.push(format!(
                        "the preview accepts it, the archive does not: {error}"
                    ));
                }
                Ok(_) => {}
                Err(other) if other.to_string() == error.to_string() => {}
                Err(other) => faults.extend(fault_of(&other, names)),
            }
            if State::read(txn).await != before {
                faults.push(format!("refused, and changed something: {error}"));
            }
            println!("{} {:?}: {error}", row.table, row.key);
            return if faults.is_empty() {
                Ok(false)
            } else {
                Err(faults)
            };
        }
        (Err(error), Ok(_)) => {
            return Err(vec![format!(
                "the archive accepts it, the preview does not: {error}"
            )]);
        }
    };
    let mut faults = Vec::new();
    if archival.rows() != preview.rows {
        faults.push(format!(
            "archived {:?}, previewed {:?}",
            archival.rows(),
            preview.rows
        ));
    }
    let between = State::read(txn).await;
    let moved: BTreeSet<_> = between.archived.keys().cloned().collect();
    if counts_meanwhile {
        let found = miscounted(txn).await.into_iter();
        faults.extend(found.map(|text| format!("while archived, {text}")));
    }
    let restored = match restores_by_id {
        true => call!(row, restore_by_id, |request| request.exec(txn).await),
        false => archival.restore(txn).await,
    };
    match restored {
        Ok(restored) if !restored.not_relinked.is_empty() => {
            faults.push(format!("not relinked: {:?}", restored.not_relinked));
        }
        Ok(_) => {}
        Err(error) => faults.push(format!("archived, and not restored: {error}")),
    }
    faults.extend(before.differences(&State::read(txn).await, &moved));
    faults.extend(miscounted(txn).await);
    if faults.is_empty() {
        Ok(true)
    } else {
        Err(faults)
    }
}

/// The faults of all rows, and for each table how many rows were accepted and refused. With `counts_meanwhile` counters must be
/// right while rows are archived too, which they are not where a trigger is suspended.
pub(super) async fn try_all(
    db: &DatabaseConnection,
    counts_meanwhile: bool,
) -> (Vec<String>, BTreeMap<String, (usize, usize)>) {
    let names = names(db).await;
    let rows: Vec<_> = State::read(db).await.active.into_keys().collect();
    let (mut faults, mut counts) = (Vec::new(), BTreeMap::<String, (usize, usize)>::new());
    for row in &rows {
        for restores_by_id in [false, true] {
            let txn = db.begin().await.unwrap();
            match moves_or_is_refused(&txn, row, &names, restores_by_id, counts_meanwhile).await {
                Ok(accepted) => {
                    let count = counts.entry(row.table.clone()).or_default();
                    if accepted {
                        count.0 += 1
                    } else {
                        count.1 += 1
                    }
                    txn.commit().await.unwrap();
                }
                Err(found) => {
                    faults.push(format!(
                        "{} {:?}:\n    {}",
                        row.table,
                        row.key,
                        found.join("\n    ")
                    ));
                    txn.rollback().await.unwrap();
                }
            }
        }
    }
    (faults, counts)
}

#[tokio::test]
async fn every_row_is_refused_by_name_or_comes_back_as_it_was() {
    let (_database, db) = forum().await;
    assert_eq!(miscounted(&db).await, [""; 0]);
    let (faults, counts) = try_all(&db, true).await;
    println!("{counts:?}");
    assert!(faults.is_empty(), "{}\n{}", faults.len(), faults.join("\n"));
    // Both outcomes occur.
    assert!(counts.values().any(|(accepted, _)| *accepted > 0));
    assert!(counts.values().any(|(_, refused)| *refused > 0));
}
