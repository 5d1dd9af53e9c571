//! The cost of reads that include the deleted posts.

use std::time::Instant;

use sea_orm::{
    ColumnTrait, DatabaseConnection, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use sea_orm_archive::ArchiveEntity;

use crate::entity::{post, soft_post};
use crate::rival::median;
use crate::table::{self, ratio, time};
use crate::{Fallible, Size};

/// The ways to read.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// `find_with_deleted`.
    Select,
    /// A statement for each table.
    TwoStatements,
    /// One table with a column `deleted_at`.
    SoftDelete,
}

const WAYS: [Way; 3] = [Way::Select, Way::TwoStatements, Way::SoftDelete];

/// The queries.
#[derive(Clone, Copy, Debug)]
enum Benchmark {
    Newest,
    One,
    Count,
}

const BENCHMARKS: [(Benchmark, &str); 3] = [
    (Benchmark::Newest, "newest 50"),
    (Benchmark::One, "one by id"),
    (Benchmark::Count, "count of all"),
];

const PAGE: u64 = 50;

pub(crate) async fn run(
    archived: &DatabaseConnection,
    soft: &DatabaseConnection,
    size: &Size,
) -> Fallible {
    println!(
        "## Reads of {} posts with the deleted ones: median ms, and `find_with_deleted` / the other\n",
        size.read_posts
    );
    let mut rows = Vec::new();
    for (benchmark, name) in BENCHMARKS {
        let mut samples = vec![Vec::new(); WAYS.len()];
        for round in 0..size.read_rounds + 6 {
            let id = round as i64 * 199 % size.read_posts + 1;
            let mut answers = Vec::new();
            for turn in 0..WAYS.len() {
                let n = (turn + round) % WAYS.len();
                let start = Instant::now();
                answers.push(match WAYS[n] {
                    Way::Select => select(archived, benchmark, id).await?,
                    Way::TwoStatements => two_statements(archived, benchmark, id).await?,
                    Way::SoftDelete => soft_delete(soft, benchmark, id).await?,
                });
                // The first rounds warm up plans and caches.
                if round >= 6 {
                    samples[n].push(start.elapsed());
                }
            }
            if answers.iter().any(|answer| *answer != answers[0]) {
                return Err(format!("{name}: {answers:?}").into());
            }
        }
        let times: Vec<_> = samples.iter().map(|samples| median(samples)).collect();
        let to = |n: usize| Some(times[0]? / times[n]?);
        rows.push(vec![
            name.to_owned(),
            time(times[0]),
            time(times[1]),
            ratio(to(1)),
            time(times[2]),
            ratio(to(2)),
        ]);
    }
    let titles = [
        "",
        "find_with_deleted",
        "two statements",
        "ratio",
        "deleted_at",
        "ratio",
    ];
    table::print(&titles, &rows);
    Ok(())
}

/// The ids that were found, or the number of rows.
type Answer = Vec<i64>;

fn number(count: u64) -> Answer {
    vec![count.cast_signed()]
}

async fn select(db: &DatabaseConnection, benchmark: Benchmark, id: i64) -> Result<Answer, DbErr> {
    let posts = post::Entity::find_with_deleted();
    let found = match benchmark {
        Benchmark::Count => return posts.count(db).await.map(number),
        Benchmark::One => posts.filter(post::Column::Id.eq(id)).all(db).await?,
        Benchmark::Newest => {
            let page = posts.order_by_desc(post::Column::Id).limit(PAGE);
            page.all(db).await?
        }
    };
    Ok(found.into_iter().map(|(post, _)| post.id).collect())
}

async fn two_statements(
    db: &DatabaseConnection,
    benchmark: Benchmark,
    id: i64,
) -> Result<Answer, DbErr> {
    let (active, deleted) = (post::Entity::find(), post::deleted::Entity::find());
    match benchmark {
        Benchmark::Count => Ok(number(active.count(db).await? + deleted.count(db).await?)),
        Benchmark::One => {
            let row = active.filter(post::Column::Id.eq(id)).one(db).await?;
            if let Some(row) = row {
                return Ok(vec![row.id]);
            }
            let row = deleted.filter(post::deleted::Column::Id.eq(id));
            Ok(row.one(db).await?.map(|row| row.id).into_iter().collect())
        }
        Benchmark::Newest => {
            let active = active.order_by_desc(post::Column::Id).limit(PAGE);
            let deleted = deleted.order_by_desc(post::deleted::Column::Id).limit(PAGE);
            let active = active.all(db).await?.into_iter().map(|row| row.id);
            let deleted = deleted.all(db).await?.into_iter().map(|row| row.id);
            let mut ids: Answer = active.chain(deleted).collect();
            ids.sort_unstable_by(|a, b| b.cmp(a));
            ids.truncate(PAGE as usize);
            Ok(ids)
        }
    }
}

async fn soft_delete(
    db: &DatabaseConnection,
    benchmark: Benchmark,
    id: i64,
) -> Result<Answer, DbErr> {
    let posts = soft_post::Entity::find();
    let found = match benchmark {
        Benchmark::Count => return posts.count(db).await.map(number),
        Benchmark::One => posts.filter(soft_post::Column::Id.eq(id)).all(db).await?,
        Benchmark::Newest => {
            let page = posts.order_by_desc(soft_post::Column::Id).limit(PAGE);
            page.all(db).await?
        }
    };
    Ok(found.into_iter().map(|post| post.id).collect())
}
