//! The calls, and the strategies that choose them.

use proptest::prelude::*;

use crate::history::model::{IDENTITIES, Instant, Model, Version};

/// The number of instants in the past, and in the future.
pub const PAST: usize = 12;
pub const FUTURE: usize = 6;

#[derive(Clone, Copy, Debug)]
pub enum When {
    At(Instant),
    Now,
}

/// The values that a call sets; the others carry over.
#[derive(Clone, Debug)]
pub struct Given {
    pub name: Option<String>,
    pub floor: Option<Option<i32>>,
}

impl Given {
    pub fn on(&self, values: &crate::history::model::Values) -> crate::history::model::Values {
        crate::history::model::Values {
            name: self.name.clone().unwrap_or_else(|| values.name.clone()),
            floor: self.floor.unwrap_or(values.floor),
        }
    }
}

#[derive(Clone, Debug)]
pub enum Call {
    Start {
        id: usize,
        from: When,
        until: Option<Instant>,
        given: Given,
    },
    Change {
        id: usize,
        from: When,
        given: Given,
    },
    During {
        id: usize,
        from: Instant,
        to: Option<Instant>,
        given: Given,
    },
    Correct {
        id: usize,
        at: Instant,
        given: Given,
    },
    End {
        id: usize,
        at: When,
    },
    Merge {
        ended: usize,
        into: usize,
        at: When,
        given: Given,
    },
    Cancel {
        id: usize,
        starts: Instant,
    },
    Reschedule {
        id: usize,
        starts: Instant,
        to: Instant,
    },
    Coalesce {
        id: usize,
    },
}

impl Call {
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Start { .. } => "start",
            Self::Change { .. } => "change",
            Self::During { .. } => "during",
            Self::Correct { .. } => "correct",
            Self::End { .. } => "end",
            Self::Merge { .. } => "merge",
            Self::Cancel { .. } => "cancel",
            Self::Reschedule { .. } => "reschedule",
            Self::Coalesce { .. } => "coalesce",
        }
    }

    pub fn identities(&self) -> impl Iterator<Item = usize> {
        let (one, other) = match self {
            Self::Merge { ended, into, .. } => (*ended, Some(*into)),
            Self::Start { id, .. }
            | Self::Change { id, .. }
            | Self::During { id, .. }
            | Self::Correct { id, .. }
            | Self::End { id, .. }
            | Self::Cancel { id, .. }
            | Self::Reschedule { id, .. }
            | Self::Coalesce { id } => (*id, None),
        };
        std::iter::once(one).chain(other)
    }

    /// The time that it applies to, unless that is now.
    pub fn instant(&self) -> Option<Instant> {
        match self {
            Self::Start {
                from: When::At(at), ..
            }
            | Self::Change {
                from: When::At(at), ..
            }
            | Self::During { from: at, .. }
            | Self::Correct { at, .. }
            | Self::End {
                at: When::At(at), ..
            }
            | Self::Merge {
                at: When::At(at), ..
            }
            | Self::Cancel { starts: at, .. }
            | Self::Reschedule { to: at, .. } => Some(*at),
            _ => None,
        }
    }

    /// Whether the period of the call is empty.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Start {
                from: When::At(from),
                until: Some(to),
                ..
            }
            | Self::During {
                from, to: Some(to), ..
            } => to <= from,
            _ => false,
        }
    }
}

/// One step. Instants are numbers, so that a story stays valid when proptest removes steps.
#[derive(Clone, Debug)]
pub enum Step {
    Start {
        id: usize,
        from: Option<usize>,
        length: Option<isize>,
        given: Given,
    },
    Change {
        id: usize,
        from: Option<usize>,
        given: Given,
    },
    During {
        id: usize,
        from: usize,
        length: Option<isize>,
        /// The numbers of places where versions meet: the period starts and ends there instead.
        near: (Option<u8>, Option<u8>),
        given: Given,
    },
    Correct {
        id: usize,
        at: usize,
        given: Given,
    },
    End {
        id: usize,
        at: Option<usize>,
    },
    Merge {
        ended: usize,
        into: usize,
        at: Option<usize>,
        given: Given,
    },
    Cancel {
        id: usize,
        starts: Planned,
    },
    Reschedule {
        id: usize,
        starts: Planned,
        to: usize,
    },
    Coalesce {
        id: usize,
    },
}

/// A scheduled version of any identity, or any instant.
#[derive(Clone, Debug)]
pub struct Planned {
    nth: Option<u8>,
    instant: usize,
}

impl Step {
    /// The call, for the current state of the model. `fixed` are the instants of the story.
    pub fn call(&self, model: &Model, fixed: &[Instant]) -> Call {
        let at = |n: usize| fixed[n];
        let when = |n: Option<usize>| n.map_or(When::Now, |n| When::At(fixed[n]));
        let until = |from: usize, length: Option<isize>| {
            let end = from.saturating_add_signed(length?);
            fixed.get(end).copied()
        };
        match self.clone() {
            Self::Start {
                id,
                from,
                length,
                given,
            } => Call::Start {
                id,
                from: when(from),
                until: until(from.unwrap_or(PAST - 1), length),
                given,
            },
            Self::Change { id, from, given } => Call::Change {
                id,
                from: when(from),
                given,
            },
            Self::During {
                id,
                from,
                length,
                near,
                given,
            } => {
                let to = until(from, length);
                let from = nth_meeting(model, id, near.0).unwrap_or(at(from));
                let to = nth_meeting(model, id, near.1).or(to);
                Call::During {
                    id,
                    from,
                    to,
                    given,
                }
            }
            Self::Correct { id, at: n, given } => Call::Correct {
                id,
                at: at(n),
                given,
            },
            Self::End { id, at } => Call::End { id, at: when(at) },
            Self::Merge {
                ended,
                into,
                at,
                given,
            } => Call::Merge {
                ended,
                into,
                at: when(at),
                given,
            },
            Self::Cancel { id, starts } => {
                let (id, starts) = starts.find(model, id, fixed);
                Call::Cancel { id, starts }
            }
            Self::Reschedule { id, starts, to } => {
                let (id, starts) = starts.find(model, id, fixed);
                let to = at(to);
                Call::Reschedule { id, starts, to }
            }
            Self::Coalesce { id } => Call::Coalesce { id },
        }
    }
}

/// The instant of the `nth` place where two versions of an identity meet.
fn nth_meeting(model: &Model, id: usize, nth: Option<u8>) -> Option<Instant> {
    if id >= IDENTITIES {
        return None;
    }
    let versions = model.find_timeline(id);
    let meet = |pair: &&[Version]| pair[0].to == Some(pair[1].from);
    let meetings: Vec<_> = versions.windows(2).filter(meet).collect();
    let nth = usize::from(nth?).checked_rem(meetings.len())?;
    Some(meetings[nth][1].from)
}

impl Planned {
    fn find(&self, model: &Model, id: usize, fixed: &[Instant]) -> (usize, Instant) {
        let mut planned = model.all();
        planned.retain(|version| version.from >= fixed[PAST]);
        self.nth
            .and_then(|nth| planned.get(usize::from(nth).checked_rem(planned.len())?))
            .map_or((id, fixed[self.instant]), |version| {
                (version.identity, version.from)
            })
    }
}

fn given() -> impl Strategy<Value = Given> {
    let name = prop::option::weighted(0.8, prop::sample::select(vec!["A", "A", "B", "B", "C"]));
    let floor = prop::option::weighted(0.3, prop::option::weighted(0.6, 1..3));
    (name, floor).prop_map(|(name, floor)| Given {
        name: name.map(str::to_owned),
        floor,
    })
}

fn identity() -> impl Strategy<Value = usize> {
    prop_oneof![40 => 0..IDENTITIES, 1 => Just(IDENTITIES)]
}

/// An instant, or now.
fn when() -> impl Strategy<Value = Option<usize>> {
    prop::option::weighted(0.85, 0..PAST + FUTURE)
}

/// The length of a period; sometimes it is empty.
fn length() -> impl Strategy<Value = Option<isize>> {
    prop::option::weighted(0.8, prop_oneof![1 => -1..1_isize, 12 => 1..9_isize])
}

/// Often a period starts or ends where two versions meet.
fn near() -> impl Strategy<Value = (Option<u8>, Option<u8>)> {
    let meeting = || prop::option::weighted(0.4, any::<u8>());
    (meeting(), meeting())
}

fn planned() -> impl Strategy<Value = Planned> {
    (prop::option::weighted(0.8, any::<u8>()), 0..PAST + FUTURE)
        .prop_map(|(nth, instant)| Planned { nth, instant })
}

fn starts() -> impl Strategy<Value = Step> {
    (identity(), when(), length(), given()).prop_map(|(id, from, length, mut given)| {
        given.name.get_or_insert_with(|| "A".to_owned());
        Step::Start {
            id,
            from,
            length,
            given,
        }
    })
}

fn steps() -> impl Strategy<Value = Step> {
    let instant = 0..PAST + FUTURE;
    let later = prop_oneof![4 => PAST..PAST + FUTURE, 1 => instant.clone()];
    let planned_length = prop::option::weighted(0.6, 1..4_isize);
    prop_oneof![
        2 => starts(),
        3 => (identity(), later.clone(), planned_length, given())
            .prop_map(|(id, from, length, mut given)| {
                given.name.get_or_insert_with(|| "B".to_owned());
                Step::Start { id, from: Some(from), length, given }
            }),
        4 => (identity(), later.clone().prop_map(Some), given())
            .prop_map(|(id, from, given)| Step::Change { id, from, given }),
        4 => (identity(), when(), given())
            .prop_map(|(id, from, given)| Step::Change { id, from, given }),
        5 => (identity(), instant.clone(), length(), near(), given()).prop_map(
            |(id, from, length, near, given)| Step::During { id, from, length, near, given }),
        2 => (identity(), instant.clone(), given())
            .prop_map(|(id, at, given)| Step::Correct { id, at, given }),
        2 => (identity(), when()).prop_map(|(id, at)| Step::End { id, at }),
        2 => (identity(), identity(), when(), given())
            .prop_map(|(ended, into, at, given)| Step::Merge { ended, into, at, given }),
        2 => (identity(), planned()).prop_map(|(id, starts)| Step::Cancel { id, starts }),
        4 => (identity(), planned(), later)
            .prop_map(|(id, starts, to)| Step::Reschedule { id, starts, to }),
        1 => identity().prop_map(|id| Step::Coalesce { id }),
    ]
}

/// A first version of an identity, mostly a long one.
fn first(id: usize) -> impl Strategy<Value = Step> {
    let length = prop::option::weighted(0.4, 6..14_isize);
    (0..8_usize, length, given()).prop_map(move |(from, length, mut given)| {
        given.name.get_or_insert_with(|| "A".to_owned());
        Step::Start {
            id,
            from: Some(from),
            length,
            given,
        }
    })
}

/// A first version of each identity, then any steps: about twelve in all.
pub fn stories() -> impl Strategy<Value = Vec<Step>> {
    let first = (first(0), first(1), first(2));
    let then = prop::collection::vec(steps(), 0..=18);
    (first, then).prop_map(|(first, mut then)| {
        then.splice(0..0, [first.0, first.1, first.2]);
        then
    })
}
