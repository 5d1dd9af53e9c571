//! Random archives, restores, rules, ages and purges, against a model in memory: nothing is purged early or forgotten.
//!
//! The cases are the same in every run on one server. `RETENTION_SEED` chooses others, `RETENTION_CASES` their number.

use std::collections::BTreeMap;

use blog::post;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use sea_orm::DatabaseConnection;
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{Retention, RetentionSchema};
use sea_orm_archive_tests::property::{Cases, cases};
use sea_orm_archive_tests::sql::{run, texts};
use sea_orm_migration::SchemaManager;
use serde_json::{Value as Json, json};

use super::{archived, database};

const CASES: u32 = 30;
const POSTS: i64 = 4;
const KINDS: [&str; 2] = ["kind", "open"];
const TENANTS: [Option<&str>; 3] = [None, Some("1"), Some("2")];

#[derive(Clone, Debug)]
enum Step {
    /// Archives a post, with a member of the metadata for each kind that is true, and the tenant of its record.
    Archive {
        id: i64,
        kinds: [bool; 2],
        tenant: usize,
    },
    Restore {
        id: i64,
    },
    /// Lets every archival become older.
    Age {
        days: i32,
    },
    Retain {
        limits: Limits,
        days: Option<u32>,
    },
    Drop,
    Purge {
        most: u32,
        all: bool,
    },
}

/// The limits of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Limits {
    kind: Option<usize>,
    tenant: Option<usize>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = 1..=POSTS;
    let limits = (prop::option::of(0..2_usize), prop::option::of(1..3_usize));
    let limits = limits.prop_map(|(kind, tenant)| Limits { kind, tenant });
    let step = prop_oneof![
        4 => (id.clone(), any::<[bool; 2]>(), 0..3_usize)
            .prop_map(|(id, kinds, tenant)| Step::Archive { id, kinds, tenant }),
        1 => id.prop_map(|id| Step::Restore { id }),
        3 => (0..30_i32).prop_map(|days| Step::Age { days }),
        4 => (limits, prop::option::weighted(0.8, 0..40_u32))
            .prop_map(|(limits, days)| Step::Retain { limits, days }),
        1 => Just(Step::Drop),
        3 => (1..4_u32, any::<bool>()).prop_map(|(most, all)| Step::Purge { most, all }),
    ];
    vec(step, 1..25)
}

/// What is archived and which rules hold.
#[derive(Default)]
struct Model {
    archived: BTreeMap<i64, Archived>,
    rules: BTreeMap<Limits, Option<u32>>,
    /// How many archivals were made.
    archives: usize,
}

struct Archived {
    kinds: [bool; 2],
    tenant: usize,
    age: i32,
    nth: usize,
}

impl Model {
    /// Whether it has expired: the rules with metadata decide where there are any, then those with a tenant, then the others.
    fn has_expired(&self, archived: &Archived) -> bool {
        let matching = |limits: &Limits| {
            limits.kind.is_none_or(|kind| archived.kinds[kind])
                && limits.tenant.is_none_or(|tenant| archived.tenant == tenant)
        };
        let of = |by_kind, by_tenant| {
            let rules = self.rules.iter().filter(move |(limits, _)| {
                limits.kind.is_some() == by_kind && limits.tenant.is_some() == by_tenant
            });
            let days: Vec<_> = rules
                .filter(|(limits, _)| matching(limits))
                .map(|(_, days)| *days)
                .collect();
            // For ever is longer than any number of days.
            (!days.is_empty()).then(|| days.iter().copied().collect::<Option<Vec<_>>>())
        };
        let rule = of(true, true)
            .or_else(|| of(true, false))
            .or_else(|| of(false, true))
            .or_else(|| of(false, false));
        let longest = rule.flatten().and_then(|days| days.into_iter().max());
        longest.is_some_and(|days| i64::from(archived.age) >= i64::from(days))
    }

    /// The expired posts, oldest first.
    fn expired(&self) -> Vec<i64> {
        let mut found: Vec<_> = self
            .archived
            .iter()
            .filter(|(_, archived)| self.has_expired(archived))
            .map(|(id, archived)| (-archived.age, archived.nth, *id))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, _, id)| id).collect()
    }
}

fn metadata(kinds: [bool; 2]) -> Json {
    let members = KINDS.iter().zip(kinds).filter(|(_, is)| *is);
    Json::Object(
        members
            .map(|(kind, _)| ((*kind).to_owned(), json!(true)))
            .collect(),
    )
}

async fn take(db: &DatabaseConnection, model: &mut Model, step: &Step) -> Result<(), String> {
    let manager = SchemaManager::new(db);
    match *step {
        Step::Archive { id, kinds, tenant } => {
            run(db, &format!("insert into posts (id, title, slug, content, author_id) select {id}, '', 'post {id}', '', 1 where not exists (select from deleted_posts where id = {id}) on conflict do nothing")).await;
            let archive = post::Entity::archive_by_id(id).metadata(metadata(kinds));
            let Ok(archival) = archive.exec(db).await else {
                return match model.archived.contains_key(&id) {
                    true => Ok(()),
                    false => Err("should be archived".to_owned()),
                };
            };
            if let Some(tenant) = TENANTS[tenant] {
                run(
                    db,
                    &format!(
                        "update archive.archival set tenant = '{tenant}' where id = {}",
                        archival.id
                    ),
                )
                .await;
            }
            model.archives += 1;
            let nth = model.archives;
            model.archived.insert(
                id,
                Archived {
                    kinds,
                    tenant,
                    age: 0,
                    nth,
                },
            );
        }
        Step::Restore { id } => {
            let restored = post::Entity::restore_by_id(id).exec(db).await.is_ok();
            if restored != model.archived.remove(&id).is_some() {
                return Err(format!("restored: {restored}"));
            }
        }
        Step::Age { days } => {
            run(db, &format!("update archive.archival set archived_at = archived_at - {days} * interval '24 hours' where restored_at is null and purged_at is null")).await;
            model
                .archived
                .values_mut()
                .for_each(|archived| archived.age += days);
        }
        Step::Retain { limits, days } => {
            let mut rule = days.map_or(Retention::forever(), Retention::days);
            if let Some(kind) = limits.kind {
                rule = rule.metadata(json!({KINDS[kind]: true}));
            }
            if let Some(tenant) = limits.tenant.and_then(|tenant| TENANTS[tenant]) {
                rule = rule.tenant(tenant);
            }
            manager.retain("posts", rule).await.unwrap();
            model.rules.insert(limits, days);
        }
        Step::Drop => {
            manager.drop_retention("posts").await.unwrap();
            model.rules.clear();
        }
        Step::Purge { most, all } => purge(db, model, most, all).await?,
    }
    let found = archived(db).await;
    let expected: Vec<_> = model.archived.keys().map(ToString::to_string).collect();
    match found == expected {
        true => Ok(()),
        false => Err(format!("archived are {found:?}, not {expected:?}")),
    }
}

async fn purge(
    db: &DatabaseConnection,
    model: &mut Model,
    most: u32,
    all: bool,
) -> Result<(), String> {
    let mut expired = model.expired();
    let preview = archival::Entity::purge_expired().preview(db).await.unwrap();
    let previewed: u64 = preview.iter().map(|policy| policy.expired).sum();
    let mut batches = archival::Entity::purge_expired().in_batches(most);
    if previewed != expired.len() as u64 {
        return Err(format!("{previewed} are previewed, not {expired:?}"));
    }
    let mut purged = 0;
    while let Some(batch) = batches.next(db).await.unwrap() {
        if batch.archivals > u64::from(most) || batch.rows["public.posts"] != batch.archivals {
            return Err(format!("{batch:?} is no batch of {most}"));
        }
        purged += batch.archivals;
        if !all {
            break;
        }
    }
    if !all {
        expired.truncate(usize::try_from(most).unwrap());
    }
    for id in &expired {
        model.archived.remove(id);
    }
    match purged == expired.len() as u64 {
        true => Ok(()),
        false => Err(format!("{purged} were purged, not {expired:?}")),
    }
}

#[test]
fn retention_agrees_with_the_model() {
    let Cases {
        mut runner,
        runtime,
        variables,
    } = cases("RETENTION", 1, CASES, 200);
    let (database, db) = runtime.block_on(database());
    let held = runner.run(&steps(), |steps| {
        runtime.block_on(async {
            run(&db, "delete from posts; delete from deleted_posts; delete from deleted_comments; delete from deleted_likes; delete from deleted_post_tags; truncate archive.archival, archive.retention").await;
            let mut model = Model::default();
            for (n, step) in steps.iter().enumerate() {
                let done = take(&db, &mut model, step).await;
                done.map_err(|error| TestCaseError::fail(format!("step {n}, {step:?}: {error}")))?;
            }
            Ok(())
        })
    });
    let proven = runtime.block_on(texts(&db, "select count(*)::text from archive.archival where purged_at is not null and purge_policy is null"));
    runtime.block_on(db.close()).unwrap();
    drop(database);
    if let Err(error) = held {
        panic!("{variables}: {error}");
    }
    assert_eq!(proven, ["0"]);
}
