//! Every row of the forum, and the counters that are wrong.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::ConnectionTrait;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql;

use super::TABLES;
use super::entities::Row;

/// The text of a row, with and without the time of its last update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts {
    exact: String,
    untimed: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub active: BTreeMap<Row, Texts>,
    pub archived: BTreeMap<Row, Texts>,
}

impl State {
    pub async fn read(db: &impl ConnectionTrait) -> Self {
        Self {
            active: rows(db, "").await,
            archived: rows(db, "deleted_").await,
        }
    }

    /// The rows that are not as in `self`. Of a row outside the trees that moved, the time of the last update may differ:
    /// triggers have updated it.
    pub fn differences(&self, after: &Self, moved: &BTreeSet<Row>) -> Vec<String> {
        let mut found = Vec::new();
        for (row, old) in &self.active {
            match after.active.get(row) {
                None => found.push(format!("missing: {row:?}")),
                Some(new) if moved.contains(row) && new.exact != old.exact => {
                    found.push(format!("restored: {row:?} {} -> {}", old.exact, new.exact));
                }
                Some(new) if new.untimed != old.untimed => {
                    found.push(format!(
                        "outside: {row:?} {} -> {}",
                        old.untimed, new.untimed
                    ));
                }
                Some(_) => {}
            }
        }
        let added = after
            .active
            .keys()
            .filter(|row| !self.active.contains_key(row));
        found.extend(added.map(|row| format!("added: {row:?}")));
        if after.archived != self.archived {
            let keys: Vec<_> = after.archived.keys().collect();
            found.push(format!("still archived: {keys:?}"));
        }
        found
    }
}

async fn rows(db: &impl ConnectionTrait, prefix: &str) -> BTreeMap<Row, Texts> {
    // The archive tables have further columns, and rows of them are compared as they are.
    let tables = TABLES.map(|(table, key)| {
        let key: Vec<_> = key.iter().map(|column| format!("{column}::text")).collect();
        format!(
            "select array['{table}', concat_ws(',', {}), t::text, (to_jsonb(t) - 'updated_at')::text] from {prefix}{table} as t",
            key.join(", ")
        )
    });
    let rows: Vec<Vec<String>> = sql::all(db, &tables.join(" union all ")).await;
    let rows = rows.into_iter().map(|row| {
        let [table, key, exact, untimed] = row.try_into().unwrap();
        let key = key.split(',').map(|value| value.parse().unwrap());
        let key = key.collect();
        (Row { table, key }, Texts { exact, untimed })
    });
    rows.collect()
}

/// The counters that are not the number of the rows that they count.
pub async fn miscounted(db: &impl ConnectionTrait) -> Vec<String> {
    sql::texts(
        db,
        "select format('%s of %s: %s instead of %s', name, id, stored, counted) from (
             select 'posts.comment_count', id, comment_count, (select count(*) from comments where post_id = p.id) from posts as p
             union all select 'posts.last_comment_id', id, last_comment_id, (select max(id) from comments where post_id = p.id) from posts as p
             union all select 'post_aggregates.comments', post_id, comments, (select count(*) from comments as c where c.post_id = a.post_id) from post_aggregates as a
             union all select 'post_aggregates.score', post_id, score, (select coalesce(sum(score), 0) from post_votes as v where v.post_id = a.post_id) from post_aggregates as a
             union all select 'post_aggregates.upvotes', post_id, upvotes, (select count(*) from post_votes as v where v.post_id = a.post_id and v.score = 1) from post_aggregates as a
             union all select 'comments.child_count', id, child_count, (select count(*) from comments as d where d.parent_id = c.id) from comments as c
             union all select 'comments.score', id, score, (select coalesce(sum(score), 0) from comment_votes as v where v.comment_id = c.id) from comments as c
             union all select 'person_aggregates.post_count', person_id, post_count, (select count(*) from posts where author_id = person_id) from person_aggregates
             union all select 'person_aggregates.comment_count', person_id, comment_count, (select count(*) from comments where author_id = person_id) from person_aggregates
             union all select 'person_aggregates.post_score', person_id, post_score, (select coalesce(sum(score), 0) from post_aggregates where author_id = person_id) from person_aggregates
             union all select 'person_aggregates.comment_score', person_id, comment_score, (select coalesce(sum(score), 0) from comments where author_id = person_id) from person_aggregates
             union all select 'community_aggregates.posts', community_id, posts, (select count(*) from posts as p where p.community_id = a.community_id) from community_aggregates as a
             union all select 'community_aggregates.members', community_id, members, (select count(*) from members as m where m.community_id = a.community_id) from community_aggregates as a
             union all select 'tags.uses', id, uses, (select count(*) from post_tags where tag_id = t.id) from tags as t
         ) as counters(name, id, stored, counted) where stored is distinct from counted order by 1",
    )
    .await
}

/// The names of the triggers and of the constraints and unique indexes.
pub async fn names(db: &impl ConnectionTrait) -> Vec<String> {
    sql::texts(
        db,
        "select tgname::text from pg_trigger where not tgisinternal
         union select conname from pg_constraint union select indexrelid::regclass::text from pg_index where indisunique",
    )
    .await
}

/// What is wrong with the error: it is a raw one, or names nothing that the application could change.
pub fn fault_of(error: &Error, names: &[String]) -> Option<String> {
    let text = error.to_string();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut words = text.split(|c| !is_word(c));
    match error {
        Error::Database(_) => Some(format!("raw error: {text}")),
        _ if words.any(|word| names.iter().any(|name| name == word)) => None,
        _ => Some(format!("names neither trigger nor constraint: {text}")),
    }
}
