//! A model of the timelines of a few identities, as the documentation of the verbs describes their effect.
//!
//! Time is divided at every instant at which a version can start or end. A cell holds the values between two such
//! instants, and whether a version starts with it.

use crate::history::calls::{Call, Given, When};

/// A time, in the unit of the table: microseconds, or days.
pub type Instant = i64;

/// The identities that exist; the one after them does not.
pub const IDENTITIES: usize = 3;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values {
    pub name: String,
    pub floor: Option<i32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub identity: usize,
    pub from: Instant,
    pub to: Option<Instant>,
    pub values: Values,
}

impl Version {
    pub fn is_valid_at(&self, at: Instant) -> bool {
        self.from <= at && self.to.is_none_or(|to| at < to)
    }
}

/// Why a call is impossible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    Overlap,
    EmptyPeriod,
    NoVersion { identity: usize },
    LaterVersion { identity: usize, starts: Instant },
    NotScheduled { identity: usize },
    SameIdentity,
    NoIdentity,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Cell {
    values: Values,
    starts: bool,
}

type Cells = Vec<Option<Cell>>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    instants: Vec<Instant>,
    cells: Vec<Cells>,
    /// With transaction time a change does not merge equal neighbours.
    bitemporal: bool,
}

type Done = Result<Vec<Version>, Refusal>;

impl Model {
    pub fn new(instants: Vec<Instant>, bitemporal: bool) -> Self {
        let cells = vec![vec![None; instants.len()]; IDENTITIES];
        Self {
            instants,
            cells,
            bitemporal,
        }
    }

    pub fn instants(&self) -> &[Instant] {
        &self.instants
    }

    /// Divides time at one more instant, without a change of any version.
    pub fn cut(&mut self, at: Instant) {
        let Err(place) = self.instants.binary_search(&at) else {
            return;
        };
        self.instants.insert(place, at);
        for cells in &mut self.cells {
            let before = place
                .checked_sub(1)
                .and_then(|before| cells[before].clone());
            let same = before.map(|cell| Cell {
                starts: false,
                ..cell
            });
            cells.insert(place, same);
        }
    }

    pub fn find_timeline(&self, identity: usize) -> Vec<Version> {
        let cells = &self.cells[identity];
        let starts = (0..cells.len()).filter(|&n| begins(cells, n));
        starts
            .map(|n| self.version(identity, n).expect("one starts here"))
            .collect()
    }

    pub fn all(&self) -> Vec<Version> {
        (0..IDENTITIES)
            .flat_map(|identity| self.find_timeline(identity))
            .collect()
    }

    pub fn find_version_at(&self, identity: usize, at: Instant) -> Option<Version> {
        let cell = self.instants.iter().rposition(|&instant| instant <= at)?;
        self.version(identity, cell)
    }

    /// The version that contains the cell.
    fn version(&self, identity: usize, cell: usize) -> Option<Version> {
        let cells = &self.cells[identity];
        let (from, to) = extent(cells, cell)?;
        Some(Version {
            identity,
            from: self.instants[from],
            to: self.instants.get(to).copied(),
            values: cells[cell].clone()?.values,
        })
    }

    /// The cell that starts at an instant.
    fn cell(&self, at: Instant) -> usize {
        let found = self.instants.binary_search(&at);
        found.expect("time is divided at every instant of a call")
    }

    /// The first cell after a period.
    fn end(&self, to: Option<Instant>) -> usize {
        to.map_or(self.instants.len(), |to| self.cell(to))
    }

    /// The model after a call, and the result of the call. `now` is the time of the call.
    pub fn after(&self, call: &Call, now: Instant) -> Result<(Self, Vec<Version>), Refusal> {
        let mut model = self.clone();
        let time = |when: When| match when {
            When::At(at) => at,
            When::Now => now,
        };
        if let Call::Merge { ended, into, .. } = call
            && ended == into
        {
            return Err(Refusal::SameIdentity);
        }
        if call.is_empty() {
            return Err(Refusal::EmptyPeriod);
        }
        if call.identities().any(|identity| identity >= IDENTITIES) {
            return Err(Refusal::NoIdentity);
        }
        let answer = match call {
            Call::Start {
                id,
                from,
                until,
                given,
            } => model.start(*id, time(*from), *until, given),
            Call::Change { id, from, given } => model.change(*id, time(*from), given),
            Call::During {
                id,
                from,
                to,
                given,
            } => model.during(*id, *from, *to, given),
            Call::Correct { id, at, given } => model.correct(*id, *at, given),
            Call::End { id, at } => model.end_at(*id, time(*at)),
            Call::Merge {
                ended,
                into,
                at,
                given,
            } => {
                let ended = model.end_at(*ended, time(*at));
                ended.and_then(|_| model.change(*into, time(*at), given))
            }
            Call::Cancel { id, starts } => model.cancel(*id, *starts, now),
            Call::Reschedule { id, starts, to } => model.reschedule(*id, *starts, *to, now),
            Call::Coalesce { id } => Ok(model.coalesce(*id)),
        }?;
        Ok((model, answer))
    }

    fn start(&mut self, id: usize, from: Instant, until: Option<Instant>, given: &Given) -> Done {
        if until.is_some_and(|until| until <= from) {
            return Err(Refusal::EmptyPeriod);
        }
        let period = self.cell(from)..self.end(until);
        if self.cells[id][period.clone()].iter().any(Option::is_some) {
            return Err(Refusal::Overlap);
        }
        let values = Values {
            name: given.name.clone().unwrap_or_default(),
            floor: given.floor.flatten(),
        };
        for n in period.clone() {
            self.cells[id][n] = Some(Cell {
                values: values.clone(),
                starts: n == period.start,
            });
        }
        // The next version stays a version of its own, also with equal values.
        if let Some(Some(next)) = self.cells[id].get_mut(period.end) {
            next.starts = true;
        }
        Ok(self.version(id, period.start).into_iter().collect())
    }

    fn change(&mut self, id: usize, from: Instant, given: &Given) -> Done {
        let cell = self.cell(from);
        let cells = &mut self.cells[id];
        let (_, end) = extent(cells, cell).ok_or(Refusal::NoVersion { identity: id })?;
        let old = cells[cell].as_ref().expect("a version").values.clone();
        if given.on(&old) != old {
            give(&mut cells[cell..end], given);
            begin(cells, cell);
        }
        Ok(self.version(id, cell).into_iter().collect())
    }

    fn during(&mut self, id: usize, from: Instant, to: Option<Instant>, given: &Given) -> Done {
        let (start, end) = (self.cell(from), self.end(to));
        let cells = &mut self.cells[id];
        if cells[start..end].iter().all(Option::is_none) {
            return Err(Refusal::NoVersion { identity: id });
        }
        if self.bitemporal {
            split(cells, start, end, given);
        } else {
            begin(cells, start);
            begin(cells, end);
            give(&mut cells[start..end], given);
            for n in start..=end {
                join(cells, n);
            }
        }
        let overlaps = |version: &Version| {
            to.is_none_or(|to| version.from < to) && version.to.is_none_or(|to| from < to)
        };
        Ok(self
            .find_timeline(id)
            .into_iter()
            .filter(overlaps)
            .collect())
    }

    fn correct(&mut self, id: usize, at: Instant, given: &Given) -> Done {
        let cell = self.cell(at);
        let cells = &mut self.cells[id];
        let (start, end) = extent(cells, cell).ok_or(Refusal::NoVersion { identity: id })?;
        give(&mut cells[start..end], given);
        Ok(self.version(id, cell).into_iter().collect())
    }

    fn end_at(&mut self, id: usize, at: Instant) -> Done {
        if let Some(later) = self.find_timeline(id).into_iter().find(|v| v.from > at) {
            return Err(Refusal::LaterVersion {
                identity: id,
                starts: later.from,
            });
        }
        let cell = self.cell(at);
        let cells = &mut self.cells[id];
        if begins(cells, cell) {
            return Err(Refusal::EmptyPeriod);
        }
        let (start, end) = extent(cells, cell).ok_or(Refusal::NoVersion { identity: id })?;
        cells[cell..end].fill(None);
        Ok(self.version(id, start).into_iter().collect())
    }

    fn cancel(&mut self, id: usize, starts: Instant, now: Instant) -> Done {
        let cell = self.cell(starts);
        let cells = &self.cells[id];
        if starts <= now || !begins(cells, cell) {
            return Err(Refusal::NotScheduled { identity: id });
        }
        let was = self.version(id, cell);
        let (start, end) = extent(cells, cell).expect("one begins here");
        self.extend_before(id, start, end);
        Ok(was.into_iter().collect())
    }

    /// Extends the version before `start` up to `end`; a gap is extended too.
    fn extend_before(&mut self, id: usize, start: usize, end: usize) {
        let cells = &mut self.cells[id];
        let before = cells[start - 1].clone().map(|cell| Cell {
            starts: false,
            ..cell
        });
        cells[start..end].fill(before);
    }

    fn reschedule(&mut self, id: usize, starts: Instant, to: Instant, now: Instant) -> Done {
        let (old, new) = (self.cell(starts), self.cell(to));
        let cells = &self.cells[id];
        if starts <= now || to <= now || !begins(cells, old) {
            return Err(Refusal::NotScheduled { identity: id });
        }
        let (_, end) = extent(cells, old).expect("one begins here");
        // The start of the version before it, if the two meet.
        let before = extent(cells, old - 1).map(|(start, _)| start);
        if new >= end || before.is_some_and(|start| new <= start) {
            return Err(Refusal::EmptyPeriod);
        }
        if before.is_none() && new < old && cells[new..old].iter().any(Option::is_some) {
            return Err(Refusal::Overlap);
        }
        if new > old {
            let moved = cells[old].clone();
            self.extend_before(id, old, new);
            self.cells[id][new] = moved;
        } else if new < old {
            let cells = &mut self.cells[id];
            let moved = cells[old].clone();
            cells[new] = moved.clone();
            let rest = moved.map(|cell| Cell {
                starts: false,
                ..cell
            });
            cells[new + 1..=old].fill(rest);
        }
        Ok(self.version(id, new).into_iter().collect())
    }

    fn coalesce(&mut self, id: usize) -> Vec<Version> {
        let old = self.find_timeline(id);
        for n in 0..self.instants.len() {
            join(&mut self.cells[id], n);
        }
        let mut new = self.find_timeline(id);
        new.retain(|version| !old.contains(version));
        new
    }
}

/// Sets the values in a period, and splits versions at its bounds; versions with these values already are not split.
fn split(cells: &mut Cells, start: usize, end: usize, given: &Given) {
    let mut n = start;
    while n < end {
        let Some((first, after)) = extent(cells, n) else {
            n += 1;
            continue;
        };
        let old = cells[n].as_ref().expect("a version").values.clone();
        if given.on(&old) != old {
            begin(cells, first.max(start));
            if end < after {
                begin(cells, end);
            }
            give(&mut cells[first.max(start)..after.min(end)], given);
        }
        n = after;
    }
}

/// Whether a version begins with the cell.
fn begins(cells: &Cells, n: usize) -> bool {
    cells[n].as_ref().is_some_and(|cell| cell.starts)
}

/// The first cell of the version that contains a cell, and the first cell after that version.
fn extent(cells: &Cells, n: usize) -> Option<(usize, usize)> {
    cells[n].as_ref()?;
    let start = (0..=n).rev().find(|&n| begins(cells, n))?;
    let goes_on = |cell: &&Option<Cell>| cell.as_ref().is_some_and(|cell| !cell.starts);
    let more = cells[start + 1..].iter().take_while(goes_on).count();
    Some((start, start + 1 + more))
}

/// Starts a version with the cell, unless it is empty.
fn begin(cells: &mut Cells, n: usize) {
    if let Some(Some(cell)) = cells.get_mut(n) {
        cell.starts = true;
    }
}

/// Joins the cell to the version before it, if both have the same values.
fn join(cells: &mut Cells, n: usize) {
    let before = n.checked_sub(1).and_then(|before| cells[before].clone());
    if let (Some(before), Some(Some(cell))) = (before, cells.get_mut(n))
        && before.values == cell.values
    {
        cell.starts = false;
    }
}

fn give(cells: &mut [Option<Cell>], given: &Given) {
    for cell in cells.iter_mut().flatten() {
        cell.values = given.on(&cell.values);
    }
}
