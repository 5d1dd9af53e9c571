//! Writers, archivers and restorers at once, to find races that no other test covers. At the end every acknowledged
//! write must be in exactly one table.

mod accountable;
mod lives;
mod load;
mod naive;
mod purges;

use load::{Load, Outcome};
use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use sea_orm_archive_tests::{Database, assert_log_agrees};

/// The tables with archive tables; all of them are audited.
const TABLES: [&str; 5] = ["posts", "comments", "likes", "tags", "post_tags"];

async fn write(db: &DatabaseConnection) -> Result<(), DbErr> {
    Migrator::up(db, None).await?;
    db.execute_unprepared(
        "insert into users (id, name) select n, 'user ' || n from generate_series(1, 20) n;
         insert into tags (id, name) values (1, 'rust'), (2, 'sql');
         insert into posts (id, title, slug, content, author_id) select n, 'Post', 'post ' || n, '', 1 from generate_series(1, 6) n;
         insert into post_tags (post_id, tag_id) select p, t from generate_series(1, 6) p, generate_series(1, 2) t",
    )
    .await?;
    Ok(())
}

/// The same blog with foreign keys that are ON DELETE NO ACTION.
async fn write_no_action(db: &DatabaseConnection) -> Result<(), DbErr> {
    write(db).await?;
    db.execute_unprepared(
        "do $$ declare k record; begin
            for k in select conrelid::regclass as t, conname, pg_get_constraintdef(oid) as def
                     from pg_constraint where contype = 'f' and confdeltype = 'c'
            loop
                execute format('alter table %s drop constraint %I', k.t, k.conname);
                execute format('alter table %s add constraint %I %s', k.t, k.conname,
                               replace(k.def, 'ON DELETE CASCADE', ''));
            end loop;
         end $$",
    )
    .await?;
    Ok(())
}

async fn cascade() -> Database {
    Database::from_template("cascade", async |db| write(&db).await).await
}

/// With ON DELETE CASCADE the database would delete a row without an error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_under_cascade() {
    let blog = cascade().await;
    let outcome = Load::of_the_product().run(&blog.connect().await).await;
    assert_eq!(outcome, Outcome::default());
    assert_log_agrees(&blog.connect().await, &TABLES).await;
}

/// With NO ACTION the call would fail with an error of the database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_under_no_action() {
    let blog = Database::from_template("no action", async |db| write_no_action(&db).await).await;
    let outcome = Load::of_the_product().run(&blog.connect().await).await;
    assert_eq!(outcome, Outcome::default());
}

/// The same load detects the race of an archive that copies first and deletes then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn naive_archive_loses_rows_under_the_same_load() {
    let mut found = Outcome::default();
    for _ in 0..10 {
        let blog = cascade().await;
        found = Load::of_a_naive_archive().run(&blog.connect().await).await;
        if found.lost + found.stale > 0 {
            break;
        }
    }
    assert!(
        found.lost + found.stale > 0,
        "the load did not lose a row of a naive archive"
    );
}
