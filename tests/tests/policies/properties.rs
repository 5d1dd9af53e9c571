//! Random restores with changes: no row is lost, and none is twice.

use std::collections::BTreeMap;

use sea_orm::DatabaseConnection;
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, AuditSchema};
use sea_orm_archive_tests::assert_log_agrees;
use sea_orm_archive_tests::property::seeds;
use sea_orm_archive_tests::sql::{number, run, texts};
use sea_orm_migration::SchemaManager;

use super::forum::{ROWS as FILLED, comment, empty, post, user};

/// What the log is compared with.
const TABLES: [&str; 5] = ["users", "posts", "comments", "files", "tags"];

/// Every row as `table:key`, active or archived.
const ROWS: &str = "select 'users:' || id from (select id from users union all select id from deleted_users) t
    union all select 'posts:' || id from (select id from posts union all select id from deleted_posts) t
    union all select 'comments:' || id from (select id from comments union all select id from deleted_comments) t
    union all select 'files:' || comment_id from (select comment_id from files union all select comment_id from deleted_files) t
    union all select 'tags:' || post_id || ':' || name from (select post_id, name from tags union all select post_id, name from deleted_tags) t
    order by 1";

/// Archived rows whose archival is not open, and open archivals without their root.
const ORPHANS: &str = "select count(*) from (
    select archival_id from deleted_users union all select archival_id from deleted_posts union all select archival_id from deleted_comments
    union all select archival_id from deleted_files union all select archival_id from deleted_tags) t
    where not exists (select from archive.archival a where a.id = t.archival_id and a.restored_at is null and a.purged_at is null)";
const ROOTLESS: &str = "select count(*) from archive.archival a where a.restored_at is null and a.purged_at is null
    and not exists (select from deleted_posts d where d.archival_id = a.id and a.root_table = 'public.posts' and d.id = (a.root_key->>'id')::bigint)
    and not exists (select from deleted_users d where d.archival_id = a.id and a.root_table = 'public.users' and d.id = (a.root_key->>'id')::bigint)
    and not exists (select from deleted_comments d where d.archival_id = a.id and a.root_table = 'public.comments' and d.id = (a.root_key->>'id')::bigint)";
/// Records of parts and copies that do not count their root.
const UNCOUNTED: &str = "select count(*) from archive.archival a where a.part_of is not null
    and coalesce((a.row_counts->>a.root_table)::bigint, 0) < 1";

/// Numbers that a seed determines (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % most as u64) as usize
    }
}

struct Steps {
    random: Random,
    db: DatabaseConnection,
    done: BTreeMap<&'static str, u32>,
}

impl Steps {
    /// An id of a row of an archive table, or of the table.
    async fn pick(&mut self, table: &str) -> Option<i64> {
        let ids = texts(
            &self.db,
            &format!("select id::text from {table} order by id"),
        )
        .await;
        let n = self.random.below(ids.len().max(1));
        ids.get(n).and_then(|id| id.parse().ok())
    }

    fn count<T>(&mut self, step: &'static str, outcome: Result<T, Error>) -> Option<T> {
        match outcome {
            Ok(done) => {
                *self.done.entry(step).or_default() += 1;
                Some(done)
            }
            Err(Error::Conflict(_) | Error::NotFound(_)) => None,
            Err(error) => panic!("{step}: {error}"),
        }
    }

    async fn archive(&mut self) {
        let db = self.db.clone();
        match self.random.below(4) {
            0 => {
                let Some(id) = self.pick("users").await else {
                    return;
                };
                let done = user::Entity::archive_by_id(id).exec(&db).await;
                self.count("archive user", done);
            }
            1 => {
                let Some(id) = self.pick("comments").await else {
                    return;
                };
                let done = comment::Entity::archive_by_id(id).exec(&db).await;
                self.count("archive comment", done);
            }
            _ => {
                let Some(id) = self.pick("posts").await else {
                    return;
                };
                let done = post::Entity::archive_by_id(id).exec(&db).await;
                self.count("archive post", done);
            }
        }
    }

    /// One of the restores. Returns how many rows were added.
    async fn restore(&mut self) -> u64 {
        let db = self.db.clone();
        match self.random.below(7) {
            0 => {
                let Some(id) = self.pick("deleted_posts").await else {
                    return 0;
                };
                let slug = format!("s{}", self.random.below(40));
                let done = post::Entity::restore_by_id(id).set(post::Column::Slug, slug);
                let done = done.exec(&db).await;
                self.count("set", done);
            }
            1 => {
                let Some(id) = self.pick("deleted_posts").await else {
                    return 0;
                };
                let done = post::Entity::restore_by_id(id)
                    .rename(post::Column::Slug, "-{n}")
                    .rename(comment::Column::Mark, "-{n}");
                let done = done.with_parents().exec(&db).await;
                self.count("rename", done);
            }
            2 => {
                let Some(id) = self.pick("deleted_posts").await else {
                    return 0;
                };
                // The mark of a comment of the post is taken.
                let insert = format!(
                    "with i as (insert into comments (post_id, mark) select min(p.id), min(d.mark) from posts p, deleted_comments d where d.post_id = {id}
                     having min(p.id) is not null and min(d.mark) is not null on conflict do nothing returning 1) select count(*) from i"
                );
                let inserted = number(&db, &insert).await.unsigned_abs();
                let done = post::Entity::restore_by_id(id)
                    .skip_conflicting()
                    .exec(&db)
                    .await;
                if let Some(done) = self.count("skip", done) {
                    let stayed = u32::from(!done.stayed.is_empty());
                    *self.done.entry("stayed").or_default() += stayed;
                }
                return inserted;
            }
            3 => {
                let (Some(id), Some(to)) = (
                    self.pick("deleted_comments").await,
                    self.pick("posts").await,
                ) else {
                    return 0;
                };
                let done = comment::Entity::restore_by_id(id)
                    .as_part()
                    .set_every(comment::Column::PostId, to)
                    .set(comment::Column::ReplyTo, None::<i64>)
                    .rename(comment::Column::Mark, "-{n}")
                    .exec(&db)
                    .await;
                self.count("part", done);
            }
            4 => {
                let Some(id) = self.pick("deleted_posts").await else {
                    return 0;
                };
                let done = post::Entity::restore_by_id(id)
                    .as_new()
                    .rename(post::Column::Slug, "-{n}")
                    .rename(comment::Column::Mark, "-{n}")
                    .exec(&db)
                    .await;
                let done = self.count("copy", done);
                return done.map_or(0, |done| {
                    let waiting: u64 = done.waiting.iter().map(|waiting| waiting.rows).sum();
                    done.rows.values().sum::<u64>() + waiting
                });
            }
            5 => {
                let Some(id) = self.pick("deleted_comments").await else {
                    return 0;
                };
                let done = comment::Entity::restore_by_id(id)
                    .with_parents()
                    .exec(&db)
                    .await;
                self.count("parents", done);
            }
            _ => {
                let open = "archive.archival where restored_at is null and purged_at is null";
                let Some(id) = self.pick(open).await else {
                    return 0;
                };
                let done = archival::Entity::restore_by_id(id)
                    .skip_conflicting()
                    .exec(&db)
                    .await;
                self.count("archival", done);
            }
        }
        0
    }
}

async fn case(seed: u64, done: &mut BTreeMap<&'static str, u32>) {
    let (database, db) = empty().await;
    let manager = SchemaManager::new(&db);
    manager.install_audit().await.unwrap();
    for table in TABLES {
        manager.audit_table(table).await.unwrap();
    }
    run(&db, FILLED).await;
    let web = database.role("web").await;
    manager.grant_archive(&web).await.unwrap();
    run(
        &db,
        &format!(
            "grant select, insert, update, delete on all tables in schema public to {web};
             grant usage on all sequences in schema public to {web}"
        ),
    )
    .await;
    let owner = db;
    let db = database.connect_as("web").await;
    let mut steps = Steps {
        random: Random(seed),
        db: db.clone(),
        done: std::mem::take(done),
    };
    let mut rows = texts(&db, ROWS).await;
    for step in 0..25 {
        let at = format!("seed {seed}, step {step}");
        if steps.random.below(5) == 0 {
            // What is in the way of comments.
            let sql = "insert into comments (post_id, mark) select p.id, m from (select min(id) as id from posts) p, unnest(array['a', 'b', 'c', 'd', 'e']) m
                where p.id is not null on conflict do nothing";
            run(&db, sql).await;
            rows = texts(&db, ROWS).await;
        }
        let added = match steps.random.below(2) == 0 {
            true => {
                steps.archive().await;
                0
            }
            false => steps.restore().await,
        };
        let now = texts(&db, ROWS).await;
        match added {
            0 => assert_eq!(now, rows, "{at}"),
            _ => {
                let kept = rows
                    .iter()
                    .all(|row| now.binary_search(row).is_ok() || now.contains(row));
                assert!(kept, "{at}: a row is lost");
                assert_eq!(now.len(), rows.len() + added as usize, "{at}");
            }
        }
        rows = now;
        let mut once = rows.clone();
        once.dedup();
        assert_eq!(once.len(), rows.len(), "{at}: a row is there twice");
        for (what, sql) in [
            ("orphans", ORPHANS),
            ("rootless", ROOTLESS),
            ("counts", UNCOUNTED),
        ] {
            assert_eq!(number(&db, sql).await, 0, "{at}: {what}");
        }
    }
    assert_log_agrees(&owner, &TABLES).await;
    *done = steps.done;
}

/// Another seed and number of cases: `POLICY_SEED=7 POLICY_CASES=200`.
#[tokio::test]
async fn no_row_is_lost_by_restores_with_changes() {
    let mut done = BTreeMap::new();
    for seed in seeds("POLICY", 1, 6) {
        case(seed, &mut done).await;
    }
    println!("{done:?}");
    for step in [
        "set", "rename", "skip", "stayed", "part", "copy", "parents", "archival",
    ] {
        assert!(
            done.get(step).is_some_and(|times| *times > 0),
            "{step} never succeeded: {done:?}"
        );
    }
}
