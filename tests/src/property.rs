//! Property tests with the same cases in every run on one server.

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tokio::runtime::Runtime;

/// Runs cases that a seed chooses. `{name}_SEED` chooses others, and `{name}_CASES` their number. `OTHER_CASES=18` chooses others for every
/// test: `.ci/servers` sets it to the version of the server, so that each version has cases of its own.
#[derive(Debug)]
pub struct Cases {
    /// Generates the cases.
    pub runner: TestRunner,
    /// Runs what is asynchronous in them.
    pub runtime: Runtime,
    /// The variables that run the same cases again, for the message of a failure.
    pub variables: String,
}

/// The cases of a test, by default this number with this seed. A failing case is made smaller this many times at most.
///
/// # Panics
///
/// If no runtime can be created.
pub fn cases(name: &str, seed: u32, cases: u32, max_shrink_iters: u32) -> Cases {
    let (seed, cases) = chosen(name, seed, cases);
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases,
        max_shrink_iters,
        failure_persistence: None,
        ..Config::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    Cases {
        runner: TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)),
        runtime: runtime.unwrap_or_else(|error| panic!("{error}")),
        variables: format!("{name}_SEED={seed} {name}_CASES={cases}"),
    }
}

/// The seeds of the cases of a test that generates them itself: as many as there are cases, from this one.
pub fn seeds(name: &str, seed: u32, cases: u32) -> std::ops::Range<u64> {
    let (seed, cases) = chosen(name, seed, cases);
    let first = u64::from(seed);
    first..first + u64::from(cases)
}

/// The seed and the number of cases.
fn chosen(name: &str, seed: u32, cases: u32) -> (u32, u32) {
    let other = from_env("OTHER_CASES").unwrap_or(0) * 100;
    (
        from_env(&format!("{name}_SEED")).unwrap_or(seed + other),
        from_env(&format!("{name}_CASES")).unwrap_or(cases),
    )
}

fn from_env(name: &str) -> Option<u32> {
    std::env::var(name).ok()?.parse().ok()
}
