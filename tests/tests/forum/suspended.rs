//! With the triggers suspended that the errors name, every tree comes back, in any order.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{DatabaseConnection, DatabaseTransaction, TransactionTrait};
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{SuspendedTrigger, TriggerSchema};
use sea_orm_archive_tests::{Database, sql::run};
use sea_orm_migration::SchemaManager;

use super::entities::{Row, call};
use super::forum;
use super::state::{State, miscounted};

/// The triggers that are at fault. The errors also name counters that fire in the same move; those stay.
const AT_FAULT: [(&str, &str); 10] = [
    ("persons", "protect_admin"),
    ("persons", "remove_votes"),
    ("persons", "create_person_aggregates"),
    ("communities", "remove_members"),
    ("posts", "protect_locked"),
    ("posts", "touch_post"),
    ("posts", "create_post_aggregates"),
    ("comments", "touch_comment"),
    ("comments", "set_path"),
    ("comments", "last_comment"),
];

/// Triggers with the tables while whose rows move they are suspended.
type Suspended = BTreeMap<(&'static str, &'static str), BTreeSet<String>>;

/// Suspends a trigger that the error names, while rows of this table move. False if the error names none at fault.
async fn suspend_named(
    db: &DatabaseConnection,
    error: &Error,
    moving: &str,
    suspended: &mut Suspended,
) -> bool {
    let text = error.to_string();
    for (table, trigger) in AT_FAULT {
        let named = text.contains(&format!("{trigger} on public.{table}"));
        if named
            && suspended
                .entry((table, trigger))
                .or_default()
                .insert(moving.to_owned())
        {
            let mut wanted = SuspendedTrigger::new(table, trigger);
            for other in &suspended[&(table, trigger)] {
                wanted = wanted.while_moving(other.clone());
            }
            SchemaManager::new(db)
                .suspend_trigger(wanted)
                .await
                .unwrap();
            return true;
        }
    }
    false
}

/// The forum with the triggers suspended that are at fault.
pub(super) async fn suspended_forum() -> (Database, DatabaseConnection) {
    let database = Database::copy_of("suspended", async || {
        let (template, db) = forum().await;
        suspend_at_fault(&db).await;
        db.close().await.unwrap();
        template
    });
    let database = database.await;
    let db = database.connect().await;
    (database, db)
}

/// Suspends `set_path`, and then what the errors name.
async fn suspend_at_fault(db: &DatabaseConnection) {
    let mut wanted = SuspendedTrigger::new("comments", "set_path");
    for moving in ["comments", "posts", "communities", "persons"] {
        wanted = wanted.while_moving(moving);
    }
    SchemaManager::new(db)
        .suspend_trigger(wanted)
        .await
        .unwrap();
    suspend_as_recommended(db).await;
}

/// Repairs the row that violates a constraint, and previews every row until no trigger refuses it.
async fn suspend_as_recommended(db: &DatabaseConnection) -> Suspended {
    run(
        db,
        "update posts set title = 'Post 8' where id = 8; alter table posts validate constraint posts_title",
    )
    .await;
    let mut suspended = Suspended::new();
    for row in State::read(db).await.active.keys() {
        while let Err(error) = call!(row, archive_by_id, |request| request.preview(db).await) {
            println!("{row:?}: {error}");
            let found = suspend_named(db, &error, &row.table, &mut suspended).await;
            assert!(found, "{row:?}: {error}");
        }
    }
    suspended
}

/// A generator of numbers, the same ones each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for n in (1..items.len()).rev() {
            items.swap(n, self.below(n + 1));
        }
    }
}

/// Archives these rows one after another, restores them in another order, and returns what is wrong.
///
/// A counter that counts the rows of another tree updates its own row after that was restored. So the time of the last update of a
/// row is compared only where `is_exact`.
async fn round(
    txn: &DatabaseTransaction,
    rows: &[Row],
    numbers: &mut Numbers,
    is_exact: bool,
) -> Vec<String> {
    let before = State::read(txn).await;
    let mut archivals = Vec::new();
    for row in rows {
        match call!(row, archive_by_id, |request| request.exec(txn).await) {
            Ok(archival) => archivals.push(archival),
            // With a tree before it, or reported rows.
            Err(Error::Conflict(
                ConflictError::AlreadyArchived { .. } | ConflictError::Blocked { .. },
            )) => {}
            Err(Error::NotFound(_)) => {}
            Err(error) => return vec![format!("{row:?} is not archived: {error}")],
        }
    }
    let archived = State::read(txn).await.archived;
    let moved: BTreeSet<_> = archived.into_keys().filter(|_| is_exact).collect();
    numbers.shuffle(&mut archivals);
    let mut order = Vec::new();
    while !archivals.is_empty() {
        let mut later = Vec::new();
        let count = archivals.len();
        for archival in archivals {
            match archival.restore(txn).await {
                Ok(_) => order.push(format!("{} {}", archival.root_table, archival.root_key)),
                // It waits for the restore of another one.
                Err(Error::Conflict(
                    ConflictError::ParentArchived { .. } | ConflictError::Restore { .. },
                )) => later.push(archival),
                Err(error) => {
                    return vec![format!(
                        "{} {} is not restored after {order:?}: {error}",
                        archival.root_table, archival.root_key
                    )];
                }
            }
        }
        if later.len() == count {
            return vec![format!("not restored after {order:?}: {later:?}")];
        }
        archivals = later;
    }
    let mut faults = before.differences(&State::read(txn).await, &moved);
    faults.extend(miscounted(txn).await);
    if !faults.is_empty() {
        faults.insert(0, format!("restored in the order {order:?}"));
    }
    faults
}

/// Rounds with so many trees each. A round with faults is rolled back.
async fn rounds(db: &DatabaseConnection, count: u64, trees: usize, is_exact: bool) -> Vec<String> {
    let mut all: Vec<_> = State::read(db).await.active.into_keys().collect();
    // No application deletes a row of aggregates without its parent.
    all.retain(|row| !row.table.ends_with("_aggregates"));
    let mut faults = Vec::new();
    for seed in 0..count {
        let mut numbers = Numbers(seed);
        numbers.shuffle(&mut all);
        // Most rows are leaves, and most archives should be of trees.
        let mut roots = Vec::new();
        for row in &all {
            let is_tree = ["persons", "communities", "posts", "comments", "tags"]
                .contains(&row.table.as_str());
            if is_tree || numbers.below(4) == 0 {
                roots.push(row.clone());
            }
        }
        roots.truncate(trees);
        all.sort();
        let txn = db.begin().await.unwrap();
        let found = round(&txn, &roots, &mut numbers, is_exact).await;
        if found.is_empty() {
            txn.commit().await.unwrap();
        } else {
            txn.rollback().await.unwrap();
            faults.push(format!(
                "seed {seed}, {roots:?}:\n    {}",
                found.join("\n    ")
            ));
        }
    }
    faults
}

fn assert_none(faults: &[String]) {
    assert!(
        faults.is_empty(),
        "{} rounds failed\n{}",
        faults.len(),
        faults.join("\n")
    );
}

/// Each error names a trigger that is at fault, and each of these triggers is named.
#[tokio::test]
async fn errors_name_each_trigger_at_fault_until_none_is_left() {
    let (_database, db) = forum().await;
    let suspended = suspend_as_recommended(&db).await;
    for trigger in AT_FAULT {
        assert!(
            suspended.contains_key(&trigger),
            "{trigger:?} of {suspended:?}"
        );
    }
    let (faults, counts) = super::as_written::try_all(&db, false).await;
    assert_none(&faults);
    for table in ["comments", "tags", "post_votes", "attachments"] {
        assert_eq!(counts[table].1, 0, "{table} {counts:?}");
    }
    // Reports block a post, the community and the person that it belongs to, and the person who reported.
    assert_eq!(
        ["communities", "posts", "persons"].map(|table| counts[table].1),
        [2, 2, 4],
        "{counts:?}"
    );
}

#[tokio::test]
async fn single_trees_come_back_as_they_were() {
    let (_database, db) = suspended_forum().await;
    assert_none(&rounds(&db, 25, 1, true).await);
}

/// A counter that fires for a row in one tree and not in another would count it twice, so all triggers are suspended in each.
#[tokio::test]
async fn several_trees_come_back_in_another_order_with_all_triggers_suspended() {
    let (_database, db) = forum().await;
    run(&db, "update posts set title = 'Post 8' where id = 8").await;
    let triggers = sea_orm_archive::application_triggers(&db).await.unwrap();
    for trigger in triggers {
        let table = trigger.table.strip_prefix("public.").unwrap().to_owned();
        let mut wanted = SuspendedTrigger::new(table, trigger.trigger);
        for (moving, _) in super::TABLES {
            wanted = wanted.while_moving(moving);
        }
        SchemaManager::new(&db)
            .suspend_trigger(wanted)
            .await
            .unwrap();
    }
    assert_none(&rounds(&db, 40, 4, true).await);
}
