//! Reading what is left when nine of ten rows are deleted.

use std::time::Instant;

use sea_orm::{ConnectionTrait, DatabaseConnection};

use crate::measure::median;

/// `p` was archived from, `s_plain` and `s_partial` keep all rows; each as it is after VACUUM, and `p`
/// after VACUUM FULL too.
pub async fn compare(db: &DatabaseConnection, posts: i64) {
    for table in ["p", "s_plain", "s_partial"] {
        db.execute_unprepared(&format!(
            "create table {table} (id bigint primary key, author_id bigint not null, content text not null, deleted_at timestamptz);
             insert into {table} select n, n % 100, repeat('x', 300), case when n / 100 % 10 > 0 then now() end from generate_series(1, {posts}) n"
        ))
        .await
        .unwrap();
    }
    db.execute_unprepared(
        "create index on p (author_id);
         create index on s_plain (author_id);
         create index on s_partial (author_id) where deleted_at is null;
         create index on s_partial (id) where deleted_at is null;
         delete from p where deleted_at is not null; alter table p drop column deleted_at",
    )
    .await
    .unwrap();
    for table in ["p", "s_plain", "s_partial"] {
        db.execute_unprepared(&format!("vacuum analyze {table}"))
            .await
            .unwrap();
    }
    let queries = [
        (
            "an author's rows",
            "select * from {t} where author_id = 7{f}",
        ),
        (
            "an author's count",
            "select count(*) from {t} where author_id = 7{f}",
        ),
        ("count of all", "select count(*) from {t} where true{f}"),
        (
            "scan of all",
            "select max(length(content)) from {t} where true{f}",
        ),
    ];
    println!(
        "| {:<18} | {:>11} | {:>26} | {:>28} |",
        "", "archived ms", "deleted_at, plain index /", "deleted_at, partial index /"
    );
    println!("| --- | ---: | ---: | ---: |");
    for full in [false, true] {
        if full {
            db.execute_unprepared("vacuum full p").await.unwrap();
            db.execute_unprepared("vacuum analyze p").await.unwrap();
            println!("| after VACUUM FULL of the archived-from table | | | |");
        }
        for (name, query) in queries {
            let mut times = [Vec::new(), Vec::new(), Vec::new()];
            for _ in 0..40 {
                for (place, table) in ["p", "s_plain", "s_partial"].into_iter().enumerate() {
                    let filter = if table == "p" {
                        ""
                    } else {
                        " and deleted_at is null"
                    };
                    let sql = query.replace("{t}", table).replace("{f}", filter);
                    let start = Instant::now();
                    db.execute_unprepared(&sql).await.unwrap();
                    times[place].push(start.elapsed().as_secs_f64() * 1e3);
                }
            }
            let [archived, plain, partial] = times.map(median);
            println!(
                "| {name:<18} | {archived:>11.3} | {:>26.2} | {:>28.2} |",
                plain / archived,
                partial / archived
            );
        }
    }
}
