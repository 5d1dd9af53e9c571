//! Time on the wall, and time that the one backend was computing.

use std::time::Instant;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

use crate::Fallible;

/// What something took, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    pub wall: f64,
    pub cpu: f64,
}

/// A clock that runs.
pub(super) struct Clock {
    cpu: f64,
    start: Instant,
}

impl Clock {
    pub async fn start(db: &DatabaseConnection) -> Fallible<Self> {
        Ok(Self {
            cpu: computed(db).await?,
            start: Instant::now(),
        })
    }

    /// The cost of one of `count` equal things.
    pub async fn stop(self, db: &DatabaseConnection, count: usize) -> Fallible<Cost> {
        let wall = self.start.elapsed().as_secs_f64();
        let cpu = computed(db).await? - self.cpu;
        Ok(Cost {
            wall: wall / count as f64,
            cpu: cpu / count as f64,
        })
    }
}

/// How long the backend has been on a processor: the first number of Linux's schedstat, in nanoseconds.
async fn computed(db: &DatabaseConnection) -> Fallible<f64> {
    let sql = "SELECT split_part(pg_read_file('/proc/self/schedstat', 0, 100), ' ', 1)::float8 / 1e9 AS seconds";
    let row = db
        .query_one_raw(Statement::from_string(DbBackend::Postgres, sql))
        .await?
        .ok_or("no clock")?;
    Ok(row.try_get("", "seconds")?)
}

/// The median of the wall times and that of the times on the processor.
pub(super) fn median(costs: &[Cost]) -> Option<Cost> {
    Some(Cost {
        wall: middle(costs.iter().map(|cost| cost.wall))?,
        cpu: middle(costs.iter().map(|cost| cost.cpu))?,
    })
}

fn middle(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = numbers.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}
