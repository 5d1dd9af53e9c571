//! The aims of the benchmarks, and whether they are met.

/// A ratio this close to an aim may be on its other side in the next run.
const TIE: f64 = 1.05;

/// The aims of a case, for each of its two operations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Aims {
    pub archive: Most,
    pub restore: Most,
}

/// The aims of an operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Most {
    /// At most this many times the floor.
    floor: f64,
    /// At most this many times the soft delete.
    soft: f64,
    /// At least this many times faster than row by row.
    rows: Option<f64>,
}

const fn most(floor: f64, soft: f64) -> Most {
    Most {
        floor,
        soft,
        rows: None,
    }
}

impl Aims {
    /// A row without children.
    pub const ONE: Self = Self {
        archive: most(1.0, 1.2),
        restore: most(1.1, 1.0),
    };

    /// Few rows. The number of round trips dominates the time.
    pub const FEW: Self = Self {
        archive: most(1.0, 1.2),
        restore: most(1.1, 1.2),
    };

    /// 1,000 rows or more.
    pub const SETS: Self = Self {
        archive: most(1.1, 0.9),
        restore: most(1.1, 1.3),
    };

    /// 1,000 rows.
    pub const MIDDLING: Self = Self {
        archive: Most {
            rows: Some(8.0),
            ..Self::SETS.archive
        },
        restore: Most {
            rows: Some(8.0),
            ..Self::SETS.restore
        },
    };
}

impl Most {
    /// Lists the aims that the ratios (product to rival) miss.
    pub fn judge(self, floor: Option<f64>, soft: Option<f64>, rows: Option<f64>) -> String {
        let mut short = Vec::new();
        if floor.is_some_and(|ratio| ratio > self.floor * TIE) {
            short.push(format!("floor > {}", self.floor));
        }
        if soft.is_some_and(|ratio| ratio > self.soft * TIE) {
            short.push(format!("soft > {}", self.soft));
        }
        if let Some(times) = self.rows
            && rows.is_some_and(|ratio| ratio * times > 1.0)
        {
            short.push(format!("rows / {times}"));
        }
        verdict(&short)
    }
}

pub(crate) fn verdict(short: &[String]) -> String {
    match short {
        [] => "met".to_owned(),
        short => format!("SHORT: {}", short.join(", ")),
    }
}
