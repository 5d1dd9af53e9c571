//! Random calls on rows with two parents.
use super::kit::{same, sound};
use crate::policies::forum::entity;
use sea_orm::DatabaseConnection;
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::AuditSchema;
use sea_orm_archive_tests::assert_log_agrees;
use sea_orm_archive_tests::property::seeds;
use sea_orm_archive_tests::sql::{dumps, run, texts};
use sea_orm_archive_tests::{Database, tables::tables};
use sea_orm_migration::SchemaManager;
use std::collections::BTreeMap;

entity!(group, "groups", {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub name: String,
    #[sea_orm(has_many)]
    #[archive(cascade)]
    pub items: HasMany<super::item::Entity>,
});
entity!(item, "items", {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub group_id: i64,
    pub up_id: Option<i64>,
    pub slug: String,
    #[sea_orm(belongs_to, from = "group_id", to = "id")]
    pub group: BelongsTo<super::group::Entity>,
    #[sea_orm(self_ref, relation_enum = "Up", from = "up_id", to = "id")]
    pub up: BelongsTo<Option<Entity>>,
    #[sea_orm(self_ref, relation_enum = "Down", relation_reverse = "Up")]
    #[archive(cascade)]
    pub down: HasMany<Entity>,
    #[sea_orm(has_many)]
    #[archive(cascade)]
    pub labels: HasMany<super::item_label::Entity>,
    #[sea_orm(has_many)]
    #[archive(detach)]
    pub notes: HasMany<super::note::Entity>,
});
entity!(label, "labels", {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub name: String,
    #[sea_orm(has_many)]
    #[archive(cascade)]
    pub items: HasMany<super::item_label::Entity>,
    #[sea_orm(has_many)]
    #[archive(detach)]
    pub notes: HasMany<super::note::Entity>,
});
entity!(item_label, "item_labels", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub item_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub label_id: i64,
    #[sea_orm(belongs_to, from = "item_id", to = "id")]
    pub item: BelongsTo<super::item::Entity>,
    #[sea_orm(belongs_to, from = "label_id", to = "id")]
    pub label: BelongsTo<super::label::Entity>,
});
entity!(note, "notes", {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub item_id: Option<i64>,
    pub label_id: Option<i64>,
    #[sea_orm(belongs_to, from = "item_id", to = "id")]
    pub item: BelongsTo<Option<super::item::Entity>>,
    #[sea_orm(belongs_to, from = "label_id", to = "id")]
    pub label: BelongsTo<Option<super::label::Entity>>,
});
const DDL: &str = "create table groups (id bigserial primary key, name text not null unique);
    create table items (id bigserial primary key, group_id bigint not null references groups on delete cascade, up_id bigint references items on delete cascade, slug varchar(8) not null unique);
    create table labels (id bigserial primary key, name text not null unique);
    create table item_labels (item_id bigint references items on delete cascade, label_id bigint references labels on delete cascade, primary key (item_id, label_id));
    create table notes (id bigserial primary key, item_id bigint references items on delete set null, label_id bigint references labels on delete set null)";
const FILL: &str = "insert into groups (name) select 'g' || n from generate_series(1, 3) n;
    insert into items (group_id, up_id, slug) select 1 + n % 3, case when n > 3 then n - 2 end, 's' || n from generate_series(1, 9) n;
    insert into labels (name) select 'l' || n from generate_series(1, 3) n;
    insert into item_labels select 1 + n % 9, 1 + n % 3 from generate_series(0, 8) n; insert into item_labels select n, 1 + n % 3 from generate_series(1, 9) n on conflict do nothing;
    insert into notes (item_id, label_id) select 1 + n % 9, 1 + n % 3 from generate_series(1, 6) n";
const NAMES: [&str; 5] = ["groups", "items", "labels", "item_labels", "notes"];
const ALL: [&str; 12] = [
    "groups",
    "items",
    "labels",
    "item_labels",
    "notes",
    "deleted_groups",
    "deleted_items",
    "deleted_labels",
    "deleted_item_labels",
    "deleted_notes",
    "archive.archival",
    "archive.detached_link",
];
const KEYS: [(&str, &[&str]); 5] = [
    ("groups", &["id"]),
    ("items", &["id"]),
    ("labels", &["id"]),
    ("item_labels", &["item_id", "label_id"]),
    ("notes", &["id"]),
];

struct Random(u64);
impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % most.max(1) as u64) as usize
    }
}
async fn pick(r: &mut Random, db: &DatabaseConnection, from: &str) -> Option<i64> {
    let ids = texts(db, &format!("select id::text from {from} order by id")).await;
    let n = r.below(ids.len());
    ids.get(n).and_then(|id| id.parse().ok())
}
/// Keys of every row, active and archived, each with a count.
async fn rows(db: &DatabaseConnection) -> Vec<String> {
    texts(db, "select k from (select 'g' || id k from groups union all select 'g' || id from deleted_groups union all select 'i' || id from items union all select 'i' || id from deleted_items
        union all select 'l' || id from labels union all select 'l' || id from deleted_labels union all select 'il' || item_id || ',' || label_id from item_labels union all select 'il' || item_id || ',' || label_id from deleted_item_labels
        union all select 'n' || id from notes union all select 'n' || id from deleted_notes) t order by 1").await
}
type Done = Result<sea_orm_archive::Restored, Error>;

async fn step(r: &mut Random, db: &DatabaseConnection, at: &str, done: &mut BTreeMap<String, u32>) {
    let before_rows = rows(db).await;
    let before = dumps(db, &ALL).await;
    macro_rules! go {
        ($what:expr, $restore:expr) => {{
            let restore = $restore;
            let preview = restore.clone().preview(db).await;
            assert_eq!(
                dumps(db, &ALL).await,
                before,
                "{at} {}: the preview changed something",
                $what
            );
            let result = restore.exec(db).await;
            if result.is_err() {
                assert_eq!(
                    dumps(db, &ALL).await,
                    before,
                    "{at} {}: the error changed something",
                    $what
                );
            }
            if !$what.contains("copy") {
                same(&preview, &result, &format!("{at} {}", $what));
            }
            if let Err(error) = &result {
                assert!(
                    matches!(
                        error,
                        Error::Conflict(_) | Error::NotFound(_) | Error::Refused(_)
                    ),
                    "{at} {}: {error}",
                    $what
                );
            }
            if let Ok(restored) = &result {
                *done.entry($what.to_owned()).or_default() += 1;
                assert!(
                    restored.missing.is_empty() || !$what.contains("nomissing"),
                    "{at} {:?}",
                    restored.missing
                );
            }
            result
        }};
    }
    let mut copied = 0u64;
    let mut purged = 0u64;
    match r.below(20) {
        0..=2 => {
            if let Some(id) = pick(r, db, "items").await {
                item::Entity::archive_by_id(id).exec(db).await.ok();
            }
        }
        3 => {
            if let Some(id) = pick(r, db, "groups").await {
                group::Entity::archive_by_id(id).exec(db).await.ok();
            }
        }
        4 => {
            if let Some(id) = pick(r, db, "labels").await {
                label::Entity::archive_by_id(id).exec(db).await.ok();
            }
        }
        5 => {
            if let Some(id) = pick(r, db, "notes").await {
                note::Entity::archive_by_id(id).exec(db).await.ok();
            }
        }
        6 => {
            let keys = texts(
                db,
                "select item_id || ' ' || label_id from item_labels order by 1",
            )
            .await;
            let n = r.below(keys.len());
            if let Some((a, b)) = keys.get(n).and_then(|k| k.split_once(' ')) {
                item_label::Entity::archive_by_id((a.parse().unwrap(), b.parse().unwrap()))
                    .exec(db)
                    .await
                    .ok();
            }
        }
        7 => {
            // Slugs are taken.
            run(db, "insert into items (group_id, slug) select (select min(id) from groups), d.slug from deleted_items d where exists (select from groups) order by d.id limit 2 on conflict do nothing").await;
            return;
        }
        8 => {
            // Keys are taken, by rows that are then deleted for good.
            run(db, "insert into item_labels select d.item_id, d.label_id from deleted_item_labels d where exists (select from items i where i.id = d.item_id) and exists (select from labels l where l.id = d.label_id) limit 1 on conflict do nothing").await;
            return;
        }
        9 => {
            if let Some(id) = pick(r, db, "deleted_items").await {
                go!(
                    "set",
                    item::Entity::restore_by_id(id)
                        .set(item::Column::Slug, format!("z{}", r.below(9)))
                )
                .ok();
            }
        }
        10 => {
            if let Some(id) = pick(r, db, "deleted_items").await {
                go!(
                    "rename",
                    item::Entity::restore_by_id(id)
                        .rename(item::Column::Slug, "-{n}")
                        .with_parents()
                )
                .ok();
            }
        }
        11 | 12 => {
            if let Some(id) = pick(
                r,
                db,
                "archive.archival where restored_at is null and purged_at is null",
            )
            .await
            {
                go!(
                    "skip",
                    archival::Entity::restore_by_id(id)
                        .skip_conflicting()
                        .with_parents()
                )
                .ok();
            }
        }
        13 => {
            if let (Some(id), Some(to)) = (
                pick(r, db, "deleted_items").await,
                pick(r, db, "groups").await,
            ) {
                go!(
                    "part",
                    item::Entity::restore_by_id(id)
                        .as_part()
                        .set_every(item::Column::GroupId, to)
                        .set(item::Column::UpId, None::<i64>)
                        .rename(item::Column::Slug, "-{n}")
                        .skip_conflicting()
                )
                .ok();
            }
        }
        14 => {
            let keys = texts(
                db,
                "select item_id || ' ' || label_id from deleted_item_labels order by 1",
            )
            .await;
            let n = r.below(keys.len());
            if let Some((a, b)) = keys.get(n).and_then(|k| k.split_once(' ')) {
                go!(
                    "part label",
                    item_label::Entity::restore_by_id((a.parse().unwrap(), b.parse().unwrap()))
                        .as_part()
                        .with_parents()
                )
                .ok();
            }
        }
        15 => {
            if let Some(id) = pick(
                r,
                db,
                "archive.archival where restored_at is null and purged_at is null",
            )
            .await
            {
                let result: Done = go!(
                    "copy",
                    archival::Entity::restore_by_id(id)
                        .as_new()
                        .rename(item::Column::Slug, "-{n}")
                        .rename(group::Column::Name, "-{n}")
                        .rename(label::Column::Name, "-{n}")
                );
                if let Ok(d) = result {
                    copied = d.archival.rows().values().sum::<u64>();
                }
            }
        }
        16 => {
            let restore = item::Entity::restore_many()
                .rename(item::Column::Slug, "-{n}")
                .skip_conflicting()
                .skip_conflicts();
            let preview = restore.clone().preview(db).await.unwrap();
            assert_eq!(
                dumps(db, &ALL).await,
                before,
                "{at}: the preview changed something"
            );
            let d = restore.exec(db).await.unwrap();
            assert_eq!(
                (preview.changes, preview.rows, preview.waiting),
                (d.changes, d.rows, d.waiting),
                "{at} many"
            );
            *done.entry("many".into()).or_default() += 1;
        }
        17 => {
            let d = archival::Entity::restore_many()
                .set_every(note::Column::LabelId, None::<i64>)
                .skip_conflicting()
                .skip_conflicts()
                .exec(db)
                .await
                .unwrap();
            *done.entry("all".into()).or_default() += u32::from(!d.archivals.is_empty());
        }
        18 => {
            if let (Some(id), Some(to), Some(from)) = (
                pick(r, db, "deleted_groups").await,
                pick(r, db, "groups").await,
                pick(r, db, "deleted_groups").await,
            ) {
                go!(
                    "remap",
                    group::Entity::restore_by_id(id)
                        .remap(group::Entity, from, to)
                        .skip_conflicting()
                )
                .ok();
            }
        }
        _ => {
            if r.below(3) == 0
                && let Some(id) = pick(
                    r,
                    db,
                    "archive.archival where restored_at is null and purged_at is null",
                )
                .await
                && let Ok(p) = archival::Entity::purge_by_id(id).exec(db).await
            {
                purged = p.rows.values().sum();
                *done.entry("purge".into()).or_default() += 1;
            }
        }
    }
    let now = rows(db).await;
    if copied == 0 && purged == 0 {
        assert_eq!(now, before_rows, "{at}");
    } else {
        assert_eq!(
            now.len() as u64,
            before_rows.len() as u64 + copied - purged,
            "{at}"
        );
    }
    sound(db, &KEYS, at).await;
    // Each cut link belongs to an archival that holds its parent.
    let lost = texts(db, "select l::text from archive.detached_link l join archive.archival a on a.id = l.archival_id where a.restored_at is null and a.purged_at is null
        and not exists (select from deleted_items d where d.archival_id = a.id and d.id = (l.link->>'item_id')::bigint) and not exists (select from deleted_labels d where d.archival_id = a.id and d.id = (l.link->>'label_id')::bigint)").await;
    assert_eq!(
        lost,
        Vec::<String>::new(),
        "{at}: links without their parent"
    );
}

/// The tables and their rows, in the log.
async fn audited() -> Database {
    Database::copy_of("audited", async || {
        let (template, db) = tables(DDL, &NAMES).await;
        let manager = SchemaManager::new(&db);
        manager.install_audit().await.unwrap();
        for table in NAMES {
            manager.audit_table(table).await.unwrap();
        }
        run(&db, FILL).await;
        db.close().await.unwrap();
        template
    })
    .await
}

async fn case(seed: u64, done: &mut BTreeMap<String, u32>) {
    let database = audited().await;
    let db = database.connect().await;
    let mut r = Random(seed);
    for n in 0..30 {
        step(&mut r, &db, &format!("seed {seed}, step {n}"), done).await;
    }
    assert_log_agrees(&db, &NAMES).await;
}

#[tokio::test]
async fn no_row_is_lost_by_random_calls() {
    let mut done = BTreeMap::new();
    for seed in seeds("POLICY_CALLS", 1, 5) {
        case(seed, &mut done).await;
    }
    println!("{done:?}");
}
