//! Random sequences of all verbs over a blog that is guarded, audited and held, whose persons are erased, against a model in memory: what
//! is held stays, what is erased is nowhere, what was caught comes back, and the events say what is archived.
//!
//! The cases are the same in every run on one server. `LIFE_SEED` chooses others, `LIFE_CASES` their number.

mod calls;
mod fixture;
mod model;
mod steps;

use std::collections::BTreeSet;

use proptest::test_runner::TestCaseError;
use sea_orm::DatabaseConnection;
use sea_orm_archive::event::{self, Cursor, Kind as EventKind};
use sea_orm_archive::hold;
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::property::{Cases, cases};

use model::{Kind, Model};
use steps::{Step, steps};

const CASES: u32 = 5;
/// How many persons there are.
const PERSONS: i64 = 3;

/// The archivals that are archived, according to the events.
async fn archived_by_events(db: &DatabaseConnection) -> BTreeSet<i64> {
    let mut archived = BTreeSet::new();
    let events = event::Entity::after(Cursor::START).limit(10_000);
    for event in events.all(db).await.unwrap() {
        match (event.kind, event.archival_id) {
            (EventKind::Archived | EventKind::Split, Some(id)) => assert!(archived.insert(id)),
            (EventKind::Restored | EventKind::Purged, Some(id)) => assert!(archived.remove(&id)),
            _ => {}
        }
    }
    archived
}

/// Releases every hold, and restores what can be restored: posts, and then comments.
async fn restore_all(db: &DatabaseConnection, model: &mut Model) -> Result<(), String> {
    for id in std::mem::take(&mut model.holds).into_keys() {
        let release = hold::Entity::release_by_id(id, "end");
        release.exec(db).await.map_err(|error| error.to_string())?;
    }
    for kind in [Kind::Post, Kind::Comment] {
        let archivals = model.archivals.iter();
        let ids: Vec<_> = archivals
            .filter(|(_, root)| root.0 == kind)
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            calls::restore(db, model, id).await?;
        }
    }
    let left = model
        .archivals
        .values()
        .find(|root| model.can_return(**root));
    match left {
        Some(root) => Err(format!("{root:?} is still archived")),
        None => model.compare(db).await,
    }
}

async fn case(steps: &[Step]) -> Result<(), TestCaseError> {
    let database =
        Database::from_template("life", async |db| fixture::fill(&db, PERSONS).await).await;
    let db = database.connect().await;
    let mut model = Model::default();
    for (n, step) in steps.iter().enumerate() {
        let mut done = calls::take(&db, &mut model, step).await;
        if done.is_ok() {
            done = model.compare(&db).await;
        }
        done.map_err(|error| TestCaseError::fail(format!("step {n}, {step:?}: {error}")))?;
    }
    let archivals: BTreeSet<_> = model.archivals.keys().copied().collect();
    let by_events = archived_by_events(&db).await;
    if by_events != archivals {
        return Err(TestCaseError::fail(format!(
            "archived are {archivals:?}, by the events {by_events:?}"
        )));
    }
    let end = restore_all(&db, &mut model).await;
    end.map_err(|error| TestCaseError::fail(format!("at the end: {error}")))
}

#[test]
fn all_verbs_agree_with_the_model() {
    let Cases {
        mut runner,
        runtime,
        variables,
    } = cases("LIFE", 1, CASES, 80);
    let held = runner.run(&steps(), |steps| runtime.block_on(case(&steps)));
    if let Err(error) = held {
        panic!("{variables}: {error}");
    }
}
