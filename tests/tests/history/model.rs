//! What is true of a few identities, unit by unit of time, as the documentation of the verbs has it.
//!
//! Time is cut at every instant that a version can start or end at. A cell is what is true between
//! two of them, and whether a version begins there.

use crate::history::calls::{Call, Given, When};

/// A time, in the unit of the table: microseconds, or days.
pub type Instant = i64;

/// The identities that exist; the one after them does not.
pub const IDENTITIES: usize = 3;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Says {
    pub name: String,
    pub floor: Option<i32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub identity: usize,
    pub from: Instant,
    pub to: Option<Instant>,
    pub says: Says,
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
    says: Says,
    starts: bool,
}

type Cells = Vec<Option<Cell>>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    instants: Vec<Instant>,
    cells: Vec<Cells>,
    /// With transaction time: neighbours are not merged by the way.
    keeps: bool,
}

type Done = Result<Vec<Version>, Refusal>;

impl Model {
    pub fn new(instants: Vec<Instant>, keeps: bool) -> Self {
        let cells = vec![vec![None; instants.len()]; IDENTITIES];
        Self {
            instants,
            cells,
            keeps,
        }
    }

    pub fn instants(&self) -> &[Instant] {
        &self.instants
    }

    /// Cuts time at one more instant; nothing else is true for that.
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

    /// The version that the cell is a part of.
    fn version(&self, identity: usize, cell: usize) -> Option<Version> {
        let cells = &self.cells[identity];
        let (from, to) = extent(cells, cell)?;
        Some(Version {
            identity,
            from: self.instants[from],
            to: self.instants.get(to).copied(),
            says: cells[cell].clone()?.says,
        })
    }

    /// The cell that starts at an instant.
    fn cell(&self, at: Instant) -> usize {
        let found = self.instants.binary_search(&at);
        found.expect("time is cut at every instant of a call")
    }

    /// The cell that a period ends before.
    fn end(&self, to: Option<Instant>) -> usize {
        to.map_or(self.instants.len(), |to| self.cell(to))
    }

    /// What is true after a call, and what it answers. `now` is when it is made.
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
        let says = Says {
            name: given.name.clone().unwrap_or_default(),
            floor: given.floor.flatten(),
        };
        for n in period.clone() {
            self.cells[id][n] = Some(Cell {
                says: says.clone(),
                starts: n == period.start,
            });
        }
        // What follows is another version, whatever it says.
        if let Some(Some(next)) = self.cells[id].get_mut(period.end) {
            next.starts = true;
        }
        Ok(self.version(id, period.start).into_iter().collect())
    }

    fn change(&mut self, id: usize, from: Instant, given: &Given) -> Done {
        let cell = self.cell(from);
        let cells = &mut self.cells[id];
        let (_, end) = extent(cells, cell).ok_or(Refusal::NoVersion { identity: id })?;
        let old = cells[cell].as_ref().expect("a version").says.clone();
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
        if self.keeps {
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
        self.go_on(id, start, end);
        Ok(was.into_iter().collect())
    }

    /// What is true before a cell goes on up to another one; so does nothing.
    fn go_on(&mut self, id: usize, start: usize, end: usize) {
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
        // The one before it, where they meet.
        let before = extent(cells, old - 1).map(|(start, _)| start);
        if new >= end || before.is_some_and(|start| new <= start) {
            return Err(Refusal::EmptyPeriod);
        }
        if before.is_none() && new < old && cells[new..old].iter().any(Option::is_some) {
            return Err(Refusal::Overlap);
        }
        if new > old {
            let moved = cells[old].clone();
            self.go_on(id, old, new);
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

/// Gives what is true in a period the values; versions that say so already stay as they are.
fn split(cells: &mut Cells, start: usize, end: usize, given: &Given) {
    let mut n = start;
    while n < end {
        let Some((first, after)) = extent(cells, n) else {
            n += 1;
            continue;
        };
        let old = cells[n].as_ref().expect("a version").says.clone();
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

/// The first cell of the version that a cell is a part of, and the first one after it.
fn extent(cells: &Cells, n: usize) -> Option<(usize, usize)> {
    cells[n].as_ref()?;
    let start = (0..=n).rev().find(|&n| begins(cells, n))?;
    let goes_on = |cell: &&Option<Cell>| cell.as_ref().is_some_and(|cell| !cell.starts);
    let more = cells[start + 1..].iter().take_while(goes_on).count();
    Some((start, start + 1 + more))
}

/// Begins a version with the cell, if anything is true there.
fn begin(cells: &mut Cells, n: usize) {
    if let Some(Some(cell)) = cells.get_mut(n) {
        cell.starts = true;
    }
}

/// Joins the cell to the one before it, if they say the same.
fn join(cells: &mut Cells, n: usize) {
    let before = n.checked_sub(1).and_then(|before| cells[before].clone());
    if let (Some(before), Some(Some(cell))) = (before, cells.get_mut(n))
        && before.says == cell.says
    {
        cell.starts = false;
    }
}

fn give(cells: &mut [Option<Cell>], given: &Given) {
    for cell in cells.iter_mut().flatten() {
        cell.says = given.on(&cell.says);
    }
}
