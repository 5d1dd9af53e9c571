//! Wall time, and CPU time of the backend.

use std::time::Instant;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

use crate::Fallible;

/// The cost of an operation, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    pub wall: f64,
    pub cpu: f64,
}

/// A running clock.
pub(super) struct Clock {
    cpu: f64,
    start: Instant,
}

impl Clock {
    pub async fn start(db: &DatabaseConnection) -> Fallible<Self> {
        Ok(Self {
            cpu: cpu_time(db).await?,
            start: Instant::now(),
        })
    }

    /// The cost of one of `count` equal operations.
    pub async fn stop(self, db: &DatabaseConnection, count: usize) -> Fallible<Cost> {
        let wall = self.start.elapsed().as_secs_f64();
        let cpu = cpu_time(db).await? - self.cpu;
        Ok(Cost {
            wall: wall / count as f64,
            cpu: cpu / count as f64,
        })
    }
}

/// The CPU time of the backend in seconds: the first number of schedstat on Linux, in nanoseconds.
async fn cpu_time(db: &DatabaseConnection) -> Fallible<f64> {
    let sql = "SELECT split_part(pg_read_file('/proc/self/schedstat', 0, 100), ' ', 1)::float8 / 1e9 AS seconds";
    let row = db
        .query_one_raw(Statement::from_string(DbBackend::Postgres, sql))
        .await?
        .ok_or("no clock")?;
    Ok(row.try_get("", "seconds")?)
}

/// The median of the wall times, and that of the CPU times.
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
