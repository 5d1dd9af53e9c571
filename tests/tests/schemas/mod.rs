//! Random schemas, random trees in them, and random calls, against a model in memory.
//!
//! After every step each table and its archive table are compared with the model: no row is lost, no row is in both
//! tables, and a restored row has the values that were archived. At the end everything is restored.
//!
//! The cases are the same in every run. `SCHEMAS_SEED` chooses others, `SCHEMAS_CASES` their number.

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

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::schemas::run::{Boundaries, run};

/// With this number each of the tests below takes about ten seconds.
const CASES: u32 = 20;

fn from_env(name: &str) -> Option<u32> {
    std::env::var(name).ok()?.parse().ok()
}

fn hold(seed: u32, boundaries: Boundaries) {
    let seed = from_env("SCHEMAS_SEED").unwrap_or(seed);
    let cases = from_env("SCHEMAS_CASES").unwrap_or(CASES);
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases,
        max_shrink_iters: 400,
        failure_persistence: None,
        ..Config::default()
    };
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let case = (schema::schemas(), steps::stories());
    let held = TestRunner::new_with_rng(config, random).run(&case, |(schema, steps)| {
        let done = runtime.block_on(run(&schema, &steps, boundaries));
        done.map_err(TestCaseError::fail)
    });
    if let Err(error) = held {
        panic!("SCHEMAS_SEED={seed} SCHEMAS_CASES={cases}: {error}");
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
