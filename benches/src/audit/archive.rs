//! The cost that the audit log adds to an archive.

use throwaway_postgres::Postgres;

use super::clock::{Clock, median};
use crate::databases::{archived, connect, vacuum};
use crate::table::{self, ratio};
use crate::target::Target;
use crate::{Fallible, Size, product};
use sea_orm::ConnectionTrait;
use sea_orm_archive_migration::AuditSchema;
use sea_orm_migration::SchemaManager;

const COMMENTS: i64 = 1_000;

pub(super) async fn run(server: &Postgres, size: &Size) -> Fallible {
    eprintln!("audit: archives ...");
    let admin = connect(&server.url("postgres")).await?;
    let mut rivals = Vec::new();
    for audited in [false, true] {
        let name = format!("audit_archive_{audited}");
        admin
            .execute_unprepared(&format!("CREATE DATABASE {name}"))
            .await?;
        let db = connect(&server.url(&name)).await?;
        archived(&db).await?;
        if audited {
            let manager = SchemaManager::new(&db);
            manager.install_audit().await?;
            manager.audit_table("posts").await?;
            manager.audit_table("comments").await?;
        }
        let posts = size.audit_archives + 1;
        db.execute_unprepared(&format!(
            "INSERT INTO posts (title, slug, content, author_id)
             SELECT 'Post ' || n, 'post-' || n, repeat(md5(n::text), 8), 7 FROM generate_series(1, {posts}) AS n;
             INSERT INTO comments (post_id, author_id, content)
             SELECT n, c % 100, repeat(md5(n || '.' || c), 3)
             FROM generate_series(1, {posts}) AS n, generate_series(1, {COMMENTS}) AS c;"
        ))
        .await?;
        vacuum(&db).await?;
        rivals.push(db);
    }
    let mut costs = [vec![Vec::new(); 2], vec![Vec::new(); 2]];
    for round in 0..size.audit_archives + 1 {
        let target = Target::Post(1 + round as i64);
        for turn in 0..2 {
            let n = (turn + round) % 2;
            let db = &rivals[n];
            let clock = Clock::start(db).await?;
            product::archive(db, target).await?;
            let archive = clock.stop(db, 1).await?;
            let clock = Clock::start(db).await?;
            product::restore(db, target).await?;
            let restore = clock.stop(db, 1).await?;
            if round > 0 {
                costs[0][n].push(archive);
                costs[1][n].push(restore);
            }
        }
    }
    println!(
        "## A post with {COMMENTS} comments: ms of CPU time of the backend (wall time in brackets)\n"
    );
    let mut rows = Vec::new();
    for (name, costs) in ["archive", "restore"].iter().zip(&costs) {
        let (without, with) = (median(&costs[0]), median(&costs[1]));
        let cell = |cost: Option<super::clock::Cost>| {
            cost.map_or_else(
                || "-".to_owned(),
                |cost| format!("{:.1} ({:.1})", cost.cpu * 1e3, cost.wall * 1e3),
            )
        };
        rows.push(vec![
            (*name).to_owned(),
            cell(without),
            cell(with),
            ratio(
                with.zip(without)
                    .map(|(with, without)| with.cpu / without.cpu),
            ),
        ]);
    }
    table::print(&["", "not audited", "audited", "ratio"], &rows);
    Ok(())
}
