//! The migrations of the example: up, down and up again.

use migration::{Migrator, MigratorTrait};
use sea_orm::DbErr;

use crate::migration::database::Migrated;

const ARCHIVE_TABLES: [&str; 5] = [
    "deleted_comments",
    "deleted_likes",
    "deleted_post_tags",
    "deleted_posts",
    "deleted_tags",
];

async fn is_up(m: &Migrated) {
    assert_eq!(
        m.all::<String>("select archive_table::text from archive.archived_table order by 1")
            .await,
        ARCHIVE_TABLES
    );
    // Writes an active and an archived row.
    m.run(
        "with u as (insert into users (name) values ('Ada') returning id),
              p as (insert into posts (title, slug, content, author_id) select 't', 's', 'c', id from u returning *)
         insert into deleted_posts select p.*, now(), null, 1 from p;
         insert into archive.archival (root_table, root_key, archived_at, row_counts, tables)
         values ('public.posts', '{}', now(), '{}', '{posts}')",
    )
    .await;
}

async fn is_down(m: &Migrated) {
    let left: Vec<String> = m
        .all("select relname::text from pg_class where relnamespace = 'public'::regnamespace and relname !~ 'seaql'")
        .await;
    assert!(left.is_empty(), "{left:?}");
    assert!(
        m.one::<bool>("select to_regnamespace('archive') is null")
            .await
    );
}

#[tokio::test]
async fn up_and_down_can_be_repeated() -> Result<(), DbErr> {
    let m = Migrated::empty().await;
    for _ in 0..2 {
        Migrator::up(&m.db, None).await?;
        Migrator::up(&m.db, None).await?;
        is_up(&m).await;
        Migrator::down(&m.db, None).await?;
        Migrator::down(&m.db, None).await?;
        is_down(&m).await;
    }
    Ok(())
}

#[tokio::test]
async fn fresh_refresh_and_reset_can_be_repeated() -> Result<(), DbErr> {
    let m = Migrated::empty().await;
    Migrator::fresh(&m.db).await?;
    is_up(&m).await;
    Migrator::fresh(&m.db).await?;
    is_up(&m).await;
    Migrator::refresh(&m.db).await?;
    is_up(&m).await;
    Migrator::refresh(&m.db).await?;
    is_up(&m).await;
    Migrator::fresh(&m.db).await?;
    is_up(&m).await;
    Migrator::reset(&m.db).await?;
    is_down(&m).await;
    Migrator::reset(&m.db).await?;
    Migrator::up(&m.db, None).await?;
    is_up(&m).await;
    Ok(())
}

#[tokio::test]
async fn role_that_is_no_superuser_can_migrate() -> Result<(), DbErr> {
    let m = Migrated::empty().await;
    let role = m.database.role("migrator").await;
    m.run(&format!(
        "grant create on database \"{}\" to \"{role}\"; grant create, usage on schema public to \"{role}\"",
        m.database.name()
    ))
    .await;
    let db = m.database.connect_as("migrator").await;
    for _ in 0..2 {
        Migrator::up(&db, None).await?;
        Migrator::fresh(&db).await?;
        is_up(&m).await;
        Migrator::refresh(&db).await?;
        is_up(&m).await;
    }
    Migrator::reset(&db).await?;
    is_down(&m).await;
    Ok(())
}
