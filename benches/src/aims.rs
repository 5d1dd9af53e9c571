//! The aims of the benchmarks, and whether they are met.

/// A ratio this close to 1 may be below 1 in the next run.
const TIE: f64 = 1.05;

/// The aims of a case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Aims {
    /// At most this many times the floor.
    pub floor: f64,
    /// At most this many times the soft delete.
    pub soft: f64,
    /// At least this many times faster than row by row.
    pub rows: Option<f64>,
}

impl Aims {
    /// No or few rows. The number of round trips dominates the time.
    pub const SMALL: Self = Self {
        floor: 1.5,
        soft: TIE,
        rows: None,
    };

    /// 1,000 rows or more.
    pub const SETS: Self = Self {
        floor: 1.1,
        soft: 1.0,
        rows: None,
    };

    /// 1,000 rows.
    pub const MIDDLING: Self = Self {
        rows: Some(8.0),
        ..Self::SETS
    };

    /// Lists the aims that the ratios (product to rival) miss.
    pub fn judge(self, floor: Option<f64>, soft: Option<f64>, rows: Option<f64>) -> String {
        let mut short = Vec::new();
        if floor.is_some_and(|ratio| ratio > self.floor) {
            short.push(format!("floor > {}", self.floor));
        }
        if soft.is_some_and(|ratio| ratio > self.soft) {
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
