//! Random sequences of insert, update, archive and restore, over trees with random foreign key actions,
//! against a model in memory. After every step each row must be where the model says, with the content
//! that it says.

#[allow(dead_code, reason = "SeaORM writes more than a test uses")]
mod entities;
mod model;
mod world;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use world::World;

/// What a step does, and three numbers to choose rows by.
type Step = (u8, u8, u8, u8);

#[test]
fn every_row_is_where_the_model_says() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let config = Config {
        cases: 20,
        max_shrink_iters: 60,
        failure_persistence: None,
        ..Config::default()
    };
    let steps = proptest::collection::vec(any::<Step>(), 20..60);
    TestRunner::new(config)
        .run(&(any::<u8>(), steps), |(actions, steps)| {
            runtime.block_on(async {
                let mut world = World::new(actions).await;
                for step in &steps {
                    world.take(*step).await;
                    world.check(*step).await;
                }
            });
            Ok(())
        })
        .unwrap();
}
