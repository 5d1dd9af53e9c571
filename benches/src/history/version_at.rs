//! Reading the version at a time, of an identity with few versions and of one with many.

use std::time::{Duration, Instant};

use sea_orm::prelude::DateTimeUtc;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait, ExprTrait, QueryFilter,
};
use sea_orm_archive::HistoryEntity;
use throwaway_postgres::Postgres;

use super::tables::{database, department_history, versions};
use crate::aims::verdict;
use crate::databases::{WARM_UP, vacuum};
use crate::rival::median;
use crate::table::{self, ratio, time};
use crate::{Fallible, Size};

const FEW: i64 = 90;

pub(super) async fn run(server: &Postgres, size: &Size) -> Fallible {
    eprintln!("history: version at a time ...");
    let db = database(server, "version_at", false).await?;
    db.execute_unprepared("INSERT INTO departments VALUES (1), (2)")
        .await?;
    for (id, count) in [(1, FEW), (2, size.versions)] {
        db.execute_unprepared(
            &versions(&format!("(VALUES ({id}))"), count).replace(") AS d", ") AS d(d)"),
        )
        .await?;
    }
    // The best index for the range filter.
    db.execute_unprepared(
        "CREATE INDEX ON department_history (department_id, valid_from, valid_to)",
    )
    .await?;
    vacuum(&db).await?;
    let mut samples = vec![Vec::new(); 4];
    for round in 0..size.version_at_rounds + WARM_UP {
        for turn in 0..4 {
            let n = (turn + round) % 4;
            let (id, count) = if n % 2 == 0 {
                (1, FEW)
            } else {
                (2, size.versions)
            };
            let at = middle(count);
            let start = Instant::now();
            let found = if n < 2 {
                version_at(&db, id, at).await?
            } else {
                range(&db, id, at).await?
            };
            let elapsed = start.elapsed();
            if found.is_none_or(|version| version.valid_from > at) {
                return Err("the query returned a wrong version".into());
            }
            if round >= WARM_UP {
                samples[n].push(elapsed);
            }
        }
    }
    let times: Vec<_> = samples.iter().map(|samples| median(samples)).collect();
    println!("## The version at a time: median ms\n");
    let mut rows = Vec::new();
    for (name, few, many) in [("version_at", 0, 1), ("range filter", 2, 3)] {
        let grows = times[few].zip(times[many]).map(|(few, many)| many / few);
        let short: Vec<_> = grows
            .filter(|grows| is_product(few) && *grows > 1.1)
            .map(|_| "grows > 1.1".to_owned())
            .into_iter()
            .collect();
        rows.push(vec![
            name.to_owned(),
            time(times[few]),
            time(times[many]),
            ratio(grows),
            if is_product(few) {
                verdict(&short)
            } else {
                String::new()
            },
        ]);
    }
    let many = format!("of {}", size.versions);
    table::print(&["", "of 90", &many, "ratio", "aim"], &rows);
    Ok(())
}

fn is_product(n: usize) -> bool {
    n == 0
}

/// A time in the middle of the versions.
fn middle(count: i64) -> DateTimeUtc {
    let hours = u64::try_from(count / 2).unwrap_or_default();
    let start = Duration::from_secs(40 * 365 * 86_400 + 10 * 86_400);
    DateTimeUtc::UNIX_EPOCH + start + Duration::from_secs(hours * 3600 + 1800)
}

async fn version_at(
    db: &DatabaseConnection,
    id: i64,
    at: DateTimeUtc,
) -> Fallible<Option<department_history::Model>> {
    let query = department_history::Entity::find_version_at(id, at);
    Ok(query.one(db).await?)
}

async fn range(
    db: &DatabaseConnection,
    id: i64,
    at: DateTimeUtc,
) -> Fallible<Option<department_history::Model>> {
    use department_history::Column::{DepartmentId, ValidFrom, ValidTo};
    let query = department_history::Entity::find()
        .filter(DepartmentId.eq(id))
        .filter(ValidFrom.lte(at))
        .filter(ValidTo.gt(at).or(ValidTo.is_null()));
    Ok(query.one(db).await?)
}
