//! The steps. A number chooses one of the rows, archivals or holds that there are.

use proptest::collection::vec;
use proptest::prelude::*;

use super::PERSONS;
use super::model::Kind;

#[derive(Clone, Debug)]
pub enum Step {
    WritePost {
        author: i64,
    },
    WriteComment {
        post: usize,
        author: i64,
    },
    Update {
        kind: Kind,
        row: usize,
    },
    Archive {
        kind: Kind,
        row: usize,
    },
    ArchivePostsOf {
        author: i64,
    },
    Restore {
        archival: usize,
    },
    /// Restores a comment of the archival of a post below another post.
    RestorePart {
        comment: usize,
        post: usize,
    },
    /// Restores the archival of a post as new rows.
    RestoreAsNew {
        archival: usize,
    },
    /// A plain DELETE of one row.
    Delete {
        kind: Kind,
        row: usize,
    },
    /// A plain DELETE of all rows of a person.
    DeleteAllOf {
        kind: Kind,
        author: i64,
    },
    Purge {
        archival: usize,
    },
    PurgePostsOf {
        author: i64,
    },
    HoldRow {
        kind: Kind,
        row: usize,
    },
    HoldArchival {
        archival: usize,
    },
    HoldPerson {
        person: i64,
    },
    Release {
        hold: usize,
    },
    Erase {
        person: i64,
    },
    /// Some steps of an erasure, of so many rows.
    EraseSteps {
        person: i64,
        steps: u32,
        most: u32,
    },
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let person = || 1..=PERSONS;
    let kind = || prop_oneof![Just(Kind::Post), Just(Kind::Comment)];
    let nth = any::<usize>;
    let step = prop_oneof![
        6 => person().prop_map(|author| Step::WritePost { author }),
        9 => (nth(), person()).prop_map(|(post, author)| Step::WriteComment { post, author }),
        2 => (kind(), nth()).prop_map(|(kind, row)| Step::Update { kind, row }),
        5 => (kind(), nth()).prop_map(|(kind, row)| Step::Archive { kind, row }),
        1 => person().prop_map(|author| Step::ArchivePostsOf { author }),
        6 => nth().prop_map(|archival| Step::Restore { archival }),
        2 => (nth(), nth()).prop_map(|(comment, post)| Step::RestorePart { comment, post }),
        2 => nth().prop_map(|archival| Step::RestoreAsNew { archival }),
        4 => (kind(), nth()).prop_map(|(kind, row)| Step::Delete { kind, row }),
        2 => (kind(), person()).prop_map(|(kind, author)| Step::DeleteAllOf { kind, author }),
        4 => nth().prop_map(|archival| Step::Purge { archival }),
        1 => person().prop_map(|author| Step::PurgePostsOf { author }),
        2 => (kind(), nth()).prop_map(|(kind, row)| Step::HoldRow { kind, row }),
        1 => nth().prop_map(|archival| Step::HoldArchival { archival }),
        1 => person().prop_map(|person| Step::HoldPerson { person }),
        4 => nth().prop_map(|hold| Step::Release { hold }),
        2 => person().prop_map(|person| Step::Erase { person }),
        3 => (person(), 1..9_u32, 1..6_u32)
            .prop_map(|(person, steps, most)| Step::EraseSteps { person, steps, most }),
    ];
    vec(step, 10..70)
}
