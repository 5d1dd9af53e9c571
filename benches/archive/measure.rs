//! Rounds in which every rival has its turn.

use std::time::Instant;

use sea_orm::{ConnectionTrait, DatabaseConnection};

use crate::rivals::Rival;
use crate::tables;

/// So many posts with so many comments each.
#[derive(Clone, Copy)]
pub struct Case {
    pub posts: i64,
    pub comments: i64,
    pub rounds: usize,
}

impl Case {
    pub fn name(&self) -> String {
        format!("{} x {}", self.posts, self.comments)
    }

    pub fn rows(&self) -> i64 {
        self.posts * (self.comments + 1)
    }

    pub fn smaller(self) -> Self {
        Self {
            comments: self.comments.min(1_000),
            posts: self.posts.min(20),
            rounds: 3,
        }
    }
}

/// The medians of archive and restore in milliseconds, for each rival.
///
/// Every rival archives and restores the same rows in every round, and another one begins each time.
/// What a round leaves behind is vacuumed away outside of the clock.
pub async fn measure(db: &DatabaseConnection, case: &Case, rivals: &[Rival]) -> Vec<[f64; 2]> {
    tables::fill(db, case).await;
    let mut times: Vec<[Vec<f64>; 2]> = vec![Default::default(); rivals.len()];
    // PostgreSQL plans the first executions of a prepared statement one by one.
    let warm = if case.rows() < 2_000 { 8 } else { 1 };
    for round in 0..case.rounds + warm {
        for turn in 0..rivals.len() {
            let place = (round + turn) % rivals.len();
            let start = Instant::now();
            let archived = rivals[place].archive(db, case).await;
            let archive = start.elapsed();
            let start = Instant::now();
            rivals[place].restore(db, case, archived).await;
            let restore = start.elapsed();
            if round >= warm {
                times[place][0].push(archive.as_secs_f64() * 1e3);
                times[place][1].push(restore.as_secs_f64() * 1e3);
            }
        }
        if case.rows() > 500 || round % 20 == 0 {
            tables::vacuum(db).await;
        }
    }
    times.into_iter().map(|halves| halves.map(median)).collect()
}

pub fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// What one round trip takes, in milliseconds.
pub async fn round_trip(db: &DatabaseConnection) -> f64 {
    let mut times = Vec::new();
    for _ in 0..200 {
        let start = Instant::now();
        db.execute_unprepared("SELECT 1").await.unwrap();
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    median(times)
}

/// What this process holds, in kB.
pub fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or_default()
}
