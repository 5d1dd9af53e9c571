//! A row as it was at a time, against the last entry of the blog's log before that time.

use std::time::{Duration, Instant};

use sea_orm::prelude::DateTimeUtc;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, EntityTrait, Statement};
use sea_orm_archive::AuditEntity;
use throwaway_postgres::Postgres;

use super::loggers::Logger;
use crate::aims::verdict;
use crate::databases::WARM_UP;
use crate::rival::median;
use crate::table::{self, ratio, time};
use crate::{Fallible, Size};

mod account {
    use sea_orm::entity::prelude::*;

    /// Some columns of the table.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "account")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub email: Option<String>,
        pub name: Option<String>,
        pub version: Option<i32>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// At most so many times the blog's read, which finds one entry with the whole row by an index.
const AIM: f64 = 2.0;

/// The read of the blog's design.
const RIVAL: &str = "SELECT r.id, r.email, r.name, r.version
    FROM (SELECT new_values FROM audit.audit_log WHERE table_name = 'account' AND row_id = $1::bigint::text AND changed_at <= $2
          ORDER BY changed_at DESC LIMIT 1) AS l, jsonb_populate_record(NULL::account, l.new_values) AS r";

pub(super) async fn run(server: &Postgres, size: &Size) -> Fallible {
    let product = Logger::Product.connect(server).await?;
    let rival = Logger::Rival.connect(server).await?;
    let mut rows = Vec::new();
    let mut first = None;
    for (n, versions) in size.as_of_versions.into_iter().enumerate() {
        eprintln!("audit: a row with {versions} versions ...");
        let id = 1 + n as i64;
        for db in [&product, &rival] {
            change(db, id, versions).await?;
        }
        let half = versions / 2;
        let at = [
            time_of(&product, &format!("SELECT at FROM archive.audit_entry WHERE key = '{{\"id\": {id}}}' ORDER BY at OFFSET {half} LIMIT 1")).await?,
            time_of(&rival, &format!("SELECT changed_at AS at FROM audit.audit_log WHERE row_id = '{id}' ORDER BY changed_at OFFSET {half} LIMIT 1")).await?,
        ];
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..WARM_UP + size.as_of_rounds {
            let (read, took) = read(&product, id, at[0]).await?;
            let (other, other_took) = read_rival(&rival, id, at[1]).await?;
            if read.version != other.version {
                return Err(format!("{read:?} is not {other:?}").into());
            }
            if round >= WARM_UP {
                ours.push(took);
                theirs.push(other_took);
            }
        }
        let (ours, theirs) = (median(&ours), median(&theirs));
        let of = ours.zip(theirs).map(|(ours, theirs)| ours / theirs);
        first = first.or(ours);
        let growth = ours.zip(first).map(|(ours, first)| ours / first);
        let short: Vec<_> = of
            .is_some_and(|of| of > AIM)
            .then(|| format!("> {AIM}"))
            .into_iter()
            .collect();
        rows.push(vec![
            versions.to_string(),
            time(theirs),
            time(ours),
            ratio(of),
            ratio(growth),
            verdict(&short),
        ]);
    }
    println!("## A row as of the middle of its versions: median ms\n");
    let titles = [
        "versions",
        "blog",
        "find_as_of",
        "ratio",
        "of the first",
        "aim",
    ];
    table::print(&titles, &rows);
    Ok(())
}

/// Changes a row so often, each time in a transaction of its own.
async fn change(db: &DatabaseConnection, id: i64, versions: i64) -> Fallible {
    db.execute_unprepared(&format!(
        "DO $$ BEGIN FOR n IN 1..{versions} LOOP UPDATE account SET version = n, email = 'user' || n WHERE id = {id}; COMMIT; END LOOP; END $$"
    ))
    .await?;
    db.execute_unprepared("ANALYZE").await?;
    Ok(())
}

async fn time_of(db: &DatabaseConnection, sql: &str) -> Fallible<DateTimeUtc> {
    let row = db
        .query_one_raw(Statement::from_string(DbBackend::Postgres, sql))
        .await?
        .ok_or("no entry")?;
    Ok(row.try_get("", "at")?)
}

async fn read(
    db: &DatabaseConnection,
    id: i64,
    at: DateTimeUtc,
) -> Fallible<(account::Model, Duration)> {
    let start = Instant::now();
    let past = account::Entity::find_as_of(id, at).one(db).await?;
    let took = start.elapsed();
    Ok((past.ok_or("no row at that time")?.row, took))
}

async fn read_rival(
    db: &DatabaseConnection,
    id: i64,
    at: DateTimeUtc,
) -> Fallible<(account::Model, Duration)> {
    let start = Instant::now();
    let statement =
        Statement::from_sql_and_values(DbBackend::Postgres, RIVAL, [id.into(), at.into()]);
    let past = account::Entity::find()
        .from_raw_sql(statement)
        .one(db)
        .await?;
    let took = start.elapsed();
    Ok((past.ok_or("no row at that time")?, took))
}
