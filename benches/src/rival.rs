//! A rival, with its connection.

use std::time::{Duration, Instant};

use sea_orm::DatabaseConnection;

use crate::databases::Kind;
use crate::target::Target;
use crate::{Fallible, floor, memory, product, row_by_row, soft_delete};

pub(crate) struct Rival {
    pub kind: Kind,
    pub db: DatabaseConnection,
}

/// The times and the memory of one rival.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples {
    pub archive: Vec<Duration>,
    pub restore: Vec<Duration>,
    /// The most that the resident memory grew during a call, in kB.
    pub memory: Option<u64>,
}

impl Rival {
    pub async fn archive(&self, target: Target) -> Fallible {
        let db = &self.db;
        match self.kind {
            Kind::Archive => product::archive(db, target).await,
            Kind::Floor => floor::archive(db, target).await,
            Kind::SoftDelete | Kind::SoftDeleteBare => soft_delete::archive(db, target).await,
            Kind::RowByRow => row_by_row::archive(db, target).await,
        }
    }

    pub async fn restore(&self, target: Target) -> Fallible {
        let db = &self.db;
        match self.kind {
            Kind::Archive => product::restore(db, target).await,
            Kind::Floor => floor::restore(db, target).await,
            Kind::SoftDelete | Kind::SoftDeleteBare => soft_delete::restore(db, target).await,
            Kind::RowByRow => row_by_row::restore(db, target).await,
        }
    }

    /// Archives and restores, and measures both.
    pub async fn measure(&self, target: Target, samples: &mut Samples) -> Fallible {
        let before = memory::reset();
        let start = Instant::now();
        self.archive(target).await?;
        samples.archive.push(start.elapsed());
        let start = Instant::now();
        self.restore(target).await?;
        samples.restore.push(start.elapsed());
        if let Some(grown) = before.and_then(memory::growth) {
            samples.memory = samples.memory.max(Some(grown));
        }
        Ok(())
    }

    /// Archives and restores, to warm up the plans.
    pub async fn warm(&self, target: Target) -> Fallible {
        self.archive(target).await?;
        self.restore(target).await
    }
}

pub(crate) fn median(samples: &[Duration]) -> Option<f64> {
    let mut sorted: Vec<f64> = samples.iter().map(Duration::as_secs_f64).collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}
