//! Random schemas, random trees in them, and random calls, against a model in memory.
//!
//! After every step each table and its archive table are compared with the model: no row is lost, no row is in both
//! tables, and a restored row has the values that were archived. At the end everything is restored.
//!
//! The cases are the same in every run on one server. `SCHEMAS_SEED` chooses others, `SCHEMAS_CASES` their number.

mod calls;
mod database;
mod entities;
mod known;
mod links;
mod model;
mod moves;
mod run;
mod schema;
mod steps;

use proptest::test_runner::TestCaseError;
use sea_orm_archive_tests::property::{Cases, cases};

use crate::schemas::run::{Boundaries, run};

/// With this number each of the tests below takes about ten seconds.
const CASES: u32 = 10;

fn hold(seed: u32, boundaries: Boundaries) {
    let Cases {
        mut runner,
        runtime,
        variables,
    } = cases("SCHEMAS", seed, CASES, 400);
    let case = (schema::schemas(), steps::stories());
    let held = runner.run(&case, |(schema, steps)| {
        let done = runtime.block_on(run(&schema, &steps, boundaries));
        done.map_err(TestCaseError::fail)
    });
    if let Err(error) = held {
        panic!("{variables}: {error}");
    }
}

#[test]
fn every_row_is_in_one_table_and_is_restored_unchanged() {
    hold(1, Boundaries::EachCall);
}

/// The same in transactions of the caller, some of which are rolled back.
#[test]
fn transactions_commit_or_roll_back_whole_calls() {
    hold(2, Boundaries::Transactions);
}
