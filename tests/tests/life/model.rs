//! What should be in the tables.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::DatabaseConnection;
use sea_orm_archive_tests::sql::texts;

use super::fixture::ERASED;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Post,
    Comment,
}

impl Kind {
    pub fn table(self) -> &'static str {
        match self {
            Self::Post => "posts",
            Self::Comment => "comments",
        }
    }
}

/// A post or a comment by its id.
pub type RowId = (Kind, i64);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub author: i64,
    pub text: String,
    /// The post of a comment.
    pub post: Option<i64>,
    /// The archival that it is in; `None` if it is active.
    pub archival: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    Row(RowId),
    Archival(i64),
    Person(i64),
}

#[derive(Default)]
pub struct Model {
    pub rows: BTreeMap<RowId, Row>,
    /// The root of each archival that is archived.
    pub archivals: BTreeMap<i64, RowId>,
    pub holds: BTreeMap<i64, Held>,
    /// The persons whose erasure has begun and has not ended: some of their texts are erased.
    pub erasing: BTreeSet<i64>,
    /// The persons who were erased: they have another name.
    pub renamed: BTreeSet<i64>,
    pub last: i64,
}

/// The nth of some, counted in a circle.
pub fn nth<T: Copy>(some: impl IntoIterator<Item = T>, number: usize) -> Option<T> {
    let some: Vec<_> = some.into_iter().collect();
    some.get(number.checked_rem(some.len())?).copied()
}

impl Model {
    pub fn active(&self, kind: Kind) -> Vec<RowId> {
        let active = self.rows.iter().filter(|(_, row)| row.archival.is_none());
        active
            .map(|(id, _)| *id)
            .filter(|id| id.0 == kind)
            .collect()
    }

    /// The active rows of a person.
    pub fn active_of(&self, kind: Kind, author: i64) -> Vec<RowId> {
        let mut active = self.active(kind);
        active.retain(|id| self.rows[id].author == author);
        active
    }

    /// An active row with the active rows below it.
    pub fn tree(&self, root: RowId) -> Vec<RowId> {
        let mut tree = vec![root];
        if root.0 == Kind::Post {
            let comments = self.active(Kind::Comment).into_iter();
            tree.extend(comments.filter(|id| self.rows[id].post == Some(root.1)));
        }
        tree
    }

    pub fn rows_of(&self, archival: i64) -> Vec<RowId> {
        let rows = self.rows.iter();
        rows.filter(|(_, row)| row.archival == Some(archival))
            .map(|(id, _)| *id)
            .collect()
    }

    pub fn is_held(&self, held: Held) -> bool {
        self.holds.values().any(|other| *other == held)
    }

    /// Whether a hold keeps an archival from being purged.
    pub fn may_not_be_purged(&self, archival: i64) -> bool {
        self.is_held(Held::Archival(archival))
            || self.rows_of(archival).into_iter().any(|id| {
                self.is_held(Held::Row(id)) || self.is_held(Held::Person(self.rows[&id].author))
            })
    }

    /// Whether a hold keeps a person from being erased.
    pub fn may_not_be_erased(&self, person: i64) -> bool {
        let mut of_person = self.rows.iter().filter(|(_, row)| row.author == person);
        self.is_held(Held::Person(person))
            || of_person.any(|(id, row)| {
                self.is_held(Held::Row(*id))
                    || row
                        .archival
                        .is_some_and(|id| self.is_held(Held::Archival(id)))
            })
    }

    /// Whether the parent of an archived row is active.
    pub fn can_return(&self, root: RowId) -> bool {
        let parent = self.rows[&root].post.map(|post| (Kind::Post, post));
        parent.is_none_or(|parent| {
            self.rows
                .get(&parent)
                .is_some_and(|parent| parent.archival.is_none())
        })
    }

    /// Records that rows are in archivals of their own: each group in one, its root first.
    pub async fn archived(
        &mut self,
        db: &DatabaseConnection,
        groups: Vec<Vec<RowId>>,
    ) -> Result<(), String> {
        for group in groups {
            let mut archivals = BTreeSet::new();
            for (kind, id) in &group {
                let sql = format!(
                    "select t.archival_id::text from deleted_{} as t join archive.archival as a on a.id = t.archival_id
                     where t.id = {id} and a.root_table = 'public.{}' and a.root_key->>'id' = '{}' and a.restored_at is null and a.purged_at is null",
                    kind.table(), group[0].0.table(), group[0].1
                );
                archivals.extend(texts(db, &sql).await);
            }
            let archivals: Vec<i64> = archivals.iter().map(|id| id.parse().unwrap()).collect();
            let [archival] = archivals[..] else {
                return Err(format!("{group:?} are in the archivals {archivals:?}"));
            };
            if let Some(other) = self.archivals.insert(archival, group[0]) {
                return Err(format!(
                    "{group:?} and {other:?} are in archival {archival}"
                ));
            }
            for id in &group {
                self.rows.get_mut(id).unwrap().archival = Some(archival);
            }
        }
        Ok(())
    }

    pub fn erased(&mut self, person: i64) {
        let of_person = self.rows.values_mut().filter(|row| row.author == person);
        of_person.for_each(|row| row.text = ERASED.to_owned());
        self.erasing.remove(&person);
        self.renamed.insert(person);
    }

    /// Fails where the tables contain anything else.
    pub async fn compare(&self, db: &DatabaseConnection) -> Result<(), String> {
        let mut found = stored(db).await;
        for (id, row) in &mut found {
            // Half of an erasure has erased some texts.
            let expected = self.rows.get(id);
            if let Some(expected) = expected.filter(|row| self.erasing.contains(&row.author))
                && row.text == ERASED
            {
                row.text.clone_from(&expected.text);
            }
        }
        for (id, row) in &self.rows {
            if found.get(id) != Some(row) {
                return Err(format!(
                    "{id:?} is {:?} and should be {row:?}",
                    found.get(id)
                ));
            }
        }
        let more = found.keys().find(|id| !self.rows.contains_key(id));
        more.map_or(Ok(()), |id| Err(format!("{id:?} should not exist")))
    }
}

/// Every post and comment, active or archived.
pub async fn stored(db: &DatabaseConnection) -> BTreeMap<RowId, Row> {
    let mut rows = BTreeMap::new();
    for kind in [Kind::Post, Kind::Comment] {
        let table = kind.table();
        let text = match kind {
            Kind::Post => {
                "case when title = content then content else 'title and content differ' end, null"
            }
            Kind::Comment => "content, post_id",
        };
        let sql = format!(
            "select jsonb_build_array(id, author_id, null, {text})::text from {table}
             union all select jsonb_build_array(id, author_id, archival_id, {text})::text from deleted_{table}"
        );
        for row in texts(db, &sql).await {
            let row: serde_json::Value = serde_json::from_str(&row).unwrap();
            let id = (kind, row[0].as_i64().unwrap());
            let row = Row {
                author: row[1].as_i64().unwrap(),
                text: row[3].as_str().unwrap().to_owned(),
                post: row[4].as_i64(),
                archival: row[2].as_i64(),
            };
            assert_eq!(rows.insert(id, row), None, "{id:?} exists twice");
        }
    }
    rows
}
