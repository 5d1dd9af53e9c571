//! Random calls of every verb on a few identities, against a model in memory.
//!
//! After every call, also a refused one, the reads must return what the model contains, at every instant at which
//! versions start or end and between them. Some instants are in the past, and some in the far future.
//!
//! The cases are the same in every run on one server. `HISTORY_SEED` chooses others, `HISTORY_CASES` their number.

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::test_runner::TestCaseError;
use sea_orm::prelude::DateTimeUtc;
use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive_tests::property::{Cases, cases};

use crate::history::calls::{Call, Step, stories};
use crate::history::compare::{
    Checked, Rows, compare, compare_all, compare_known, compare_known_at_points,
    known_versions_do_not_overlap, moment, now, points, rows, rows_are_only_superseded, unknown,
    write_probes,
};
use crate::history::model::{IDENTITIES, Instant, Model, Refusal, Version};
use crate::history::perform::{perform, refusal};
use crate::history::tables::{
    Table, database, department_history, instants, office_history, team_history,
};

/// With this number each of the tests below takes a few seconds.
const CASES: u32 = 30;

/// How often each verb had each outcome.
type Outcomes = BTreeMap<(&'static str, &'static str), usize>;

fn hold<T: Table>(seed: u32) {
    let Cases {
        mut runner,
        runtime,
        variables,
    } = cases("HISTORY", seed, CASES, 400);
    let (database, db) = runtime.block_on(database());
    let outcomes = RefCell::new(Outcomes::new());
    let held = runner.run(&stories(), |steps| {
        let mut story = Story::<T>::new(&db);
        let done = runtime.block_on(story.run(&steps));
        for (outcome, times) in story.outcomes {
            *outcomes.borrow_mut().entry(outcome).or_default() += times;
        }
        done.map_err(TestCaseError::fail)
    });
    runtime.block_on(db.close()).unwrap();
    drop(database);
    if let Err(error) = held {
        panic!("{variables}: {error}");
    }
    let outcomes = outcomes.into_inner();
    println!("{outcomes:?}");
    let cases = runner.config().cases;
    if cases >= CASES {
        assert_every_outcome_occurred(&outcomes, cases);
    }
}

#[test]
fn history_of_instants_agrees_with_the_model() {
    hold::<department_history::Entity>(1);
}

#[test]
fn history_of_days_with_a_composite_identity_agrees_with_the_model() {
    hold::<office_history::Entity>(2);
}

/// Reads as known between the calls must return the same at the end.
#[test]
fn bitemporal_history_agrees_with_the_model() {
    hold::<team_history::Entity>(3);
}

/// Checks that every verb was called, and, with many cases, that every refusal occurred.
fn assert_every_outcome_occurred(outcomes: &Outcomes, cases: u32) {
    const VERBS: [&str; 9] = [
        "start",
        "change",
        "during",
        "correct",
        "end",
        "merge",
        "cancel",
        "reschedule",
        "coalesce",
    ];
    const REFUSALS: [(&str, &str); 15] = [
        ("start", "Overlap"),
        ("start", "EmptyPeriod"),
        ("start", "NoIdentity"),
        ("change", "NoVersion"),
        ("during", "NoVersion"),
        ("during", "EmptyPeriod"),
        ("correct", "NoVersion"),
        ("end", "NoVersion"),
        ("end", "LaterVersion"),
        ("merge", "SameIdentity"),
        ("merge", "NoVersion"),
        ("cancel", "NotScheduled"),
        ("reschedule", "NotScheduled"),
        ("reschedule", "EmptyPeriod"),
        ("reschedule", "Overlap"),
    ];
    let done = VERBS.map(|verb| (verb, "done"));
    let refused = REFUSALS.iter().filter(|_| cases >= 20 * CASES);
    for outcome in done.iter().chain(refused) {
        assert!(
            outcomes.contains_key(outcome),
            "never: {outcome:?} in {outcomes:?}"
        );
    }
}

/// One story, which starts with an empty table.
struct Story<'a, T: Table> {
    db: &'a DatabaseConnection,
    fixed: Vec<Instant>,
    model: Model,
    /// The model between the steps, each with its time.
    known: Vec<(DateTimeUtc, Model)>,
    /// The rows after the last step.
    rows: Rows,
    outcomes: Outcomes,
    table: std::marker::PhantomData<T>,
}

impl<'a, T: Table> Story<'a, T> {
    fn new(db: &'a DatabaseConnection) -> Self {
        let fixed = instants::<T>();
        Self {
            db,
            model: Model::new(fixed.clone(), Self::is_bitemporal()),
            fixed,
            known: Vec::new(),
            rows: Rows::new(),
            outcomes: Outcomes::new(),
            table: std::marker::PhantomData,
        }
    }

    fn is_bitemporal() -> bool {
        T::columns().recorded.is_some()
    }

    async fn run(&mut self, steps: &[Step]) -> Checked {
        let empty = format!("truncate {}, probe", T::default().table_name());
        self.db.execute_unprepared(&empty).await.unwrap();
        write_probes::<T>(self.db, &points(&self.model)).await;
        self.record_state().await;
        for (turn, step) in steps.iter().enumerate() {
            let call = step.call(&self.model, &self.fixed);
            let at = |error| format!("step {turn}, {call:?}: {error}");
            self.take(&call).await.map_err(at)?;
            compare::<T>(self.db, &self.model, &call, turn)
                .await
                .map_err(at)?;
            self.record_state().await;
            if Self::is_bitemporal() {
                let (moment, model) = &self.known[turn / 2];
                compare_known::<T>(self.db, *moment, model)
                    .await
                    .map_err(at)?;
            }
        }
        compare_all::<T>(self.db, &self.model).await?;
        self.compare_all_known().await
    }

    async fn record_state(&mut self) {
        if Self::is_bitemporal() {
            let moment = moment(self.db).await;
            self.known.push((moment, self.model.clone()));
        }
    }

    async fn compare_all_known(&self) -> Checked {
        for (step, (moment, model)) in self.known.iter().enumerate() {
            let at = |error| format!("as known after {step} steps: {error}");
            compare_known::<T>(self.db, *moment, model)
                .await
                .map_err(at)?;
            let points = compare_known_at_points::<T>(self.db, *moment, model, step).await;
            points.map_err(at)?;
        }
        if Self::is_bitemporal() {
            known_versions_do_not_overlap::<T>(self.db, &self.rows).await?;
        }
        Ok(())
    }

    /// Executes a call in the database and in the model, and compares the results.
    async fn take(&mut self, call: &Call) -> Checked {
        let before = now::<T>(self.db).await;
        let done = perform::<T>(self.db, call).await;
        let rows_after = rows::<T>(self.db).await;
        let rows_before = std::mem::replace(&mut self.rows, rows_after.clone());
        let now = self.when(before).await?;
        let mut cut = self.model.clone();
        cut.cut(now);
        let expected = cut.after(call, now);
        self.count(call, expected.as_ref().err());
        let found = match done {
            Ok(versions) => Ok(versions),
            Err(error) => Err(refusal::<T>(&error, cut.instants())?),
        };
        let answer = expected.as_ref().map(|(_, answer)| answer.clone());
        if found != answer.map_err(Clone::clone) {
            return Err(format!("got {found:?}, expected {expected:?}"));
        }
        let new = expected.map_or_else(|_| cut.clone(), |(model, _)| model);
        if Self::is_bitemporal() {
            rows_are_only_superseded(&rows_before, &rows_after)?;
        }
        let moves = matches!(call, Call::Reschedule { .. }) && found.is_ok();
        if new == cut {
            // A version may be rescheduled to its own start; any other call without an effect must write nothing.
            if !moves && rows_before != rows_after {
                return Err(format!("{rows_before:?} were written: {rows_after:?}"));
            }
            return Ok(());
        }
        if new.instants().len() > self.model.instants().len() {
            write_probes::<T>(self.db, &[now, now + 1]).await;
        }
        self.model = new;
        self.neighbours_differ(call)
    }

    /// The time of a call: the one new time that it wrote, or, without one, the time before it.
    async fn when(&self, before: Instant) -> Result<Instant, String> {
        let unknown = unknown::<T>(self.db, &self.model).await;
        if unknown.is_empty() {
            return Ok(before);
        }
        let after = now::<T>(self.db).await;
        match unknown.as_slice() {
            [one] if (before..=after).contains(one) => Ok(*one),
            more => Err(format!(
                "versions start or end at {more:?}; now was {before} to {after}"
            )),
        }
    }

    fn count(&mut self, call: &Call, refusal: Option<&Refusal>) {
        let outcome = match refusal {
            None => "done",
            Some(Refusal::Overlap) => "Overlap",
            Some(Refusal::EmptyPeriod) => "EmptyPeriod",
            Some(Refusal::NoVersion { .. }) => "NoVersion",
            Some(Refusal::LaterVersion { .. }) => "LaterVersion",
            Some(Refusal::NotScheduled { .. }) => "NotScheduled",
            Some(Refusal::SameIdentity) => "SameIdentity",
            Some(Refusal::NoIdentity) => "NoIdentity",
        };
        *self.outcomes.entry((call.verb(), outcome)).or_default() += 1;
    }

    /// Checks that no two versions with equal values meet, for verbs that merge such versions.
    fn neighbours_differ(&self, call: &Call) -> Checked {
        let (id, from, to) = match call {
            Call::During { id, from, to, .. } if !Self::is_bitemporal() => {
                (*id, *from, to.unwrap_or(Instant::MAX))
            }
            Call::Coalesce { id } => (*id, Instant::MIN, Instant::MAX),
            _ => return Ok(()),
        };
        let equal = |pair: &&[Version]| {
            pair[0].to == Some(pair[1].from)
                && pair[0].values == pair[1].values
                && (from..=to).contains(&pair[1].from)
        };
        let timeline = self.model.find_timeline(id);
        match timeline.windows(2).find(equal) {
            None => Ok(()),
            Some(pair) => Err(format!("{pair:?} should be one version")),
        }
    }
}

/// Each table of identities has three rows.
const _: () = assert!(IDENTITIES == 3);
