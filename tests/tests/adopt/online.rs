//! Adoption in batches, beside writers.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sea_orm_archive_migration::prelude::*;
use sea_orm_archive_tests::{
    sql::{count, number, run, texts},
    tables::tables,
};
use sea_orm_migration::SchemaManager;

use super::helpdesk::{TABLES, archivals, helpdesk, marked, rows};

#[tokio::test]
async fn batches_make_the_same_archivals_as_one_call() {
    let (_one, db) = helpdesk().await;
    SchemaManager::new(&db)
        .adopt_soft_deleted(marked())
        .await
        .unwrap();
    let mut whole = archivals(&db).await;
    whole.sort();
    let (_two, db) = helpdesk().await;
    let manager = SchemaManager::new(&db);
    let before = rows(&db, &TABLES).await;
    let error = manager.adopt_batch(marked(), 1).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("call `manager.begin_adoption(..)` first"),
        "{error}"
    );
    manager.begin_adoption(marked()).await.unwrap();
    let mut left = u64::MAX;
    while left > 0 {
        // Another call, as after a crash.
        manager.begin_adoption(marked()).await.unwrap();
        let batch = manager.adopt_batch(marked(), 1).await.unwrap();
        assert!(batch.left < left, "{batch:?}");
        left = batch.left;
    }
    let last = manager.adopt_soft_deleted(marked()).await.unwrap();
    assert_eq!(last.rows(), 0);
    assert_eq!(
        last.tables[1].replaced_indexes,
        ["tickets_number_key", "tickets_open"]
    );
    let mut batched = archivals(&db).await;
    batched.sort();
    assert_eq!(batched, whole);
    manager.restore_soft_deleted(TABLES).await.unwrap();
    assert_eq!(rows(&db, &TABLES).await, before);
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_beside_a_writer() {
    let (_database, db) = tables(
        "create table posts (id bigint generated always as identity primary key, slug text not null, deleted_at timestamptz);
         create unique index posts_slug_key on posts (slug) where deleted_at is null;
         create table comments (id bigint generated always as identity primary key, post_id bigint not null references posts, deleted_at timestamptz);
         create index on comments (post_id);
         insert into posts (slug, deleted_at) select 'p' || i, case when i % 3 = 0 then '2024-01-01Z'::timestamptz + i * interval '1 s' end
         from generate_series(1, 600) as i;
         insert into comments (post_id, deleted_at) select id, deleted_at from posts, generate_series(1, 2)",
        &[],
    )
    .await;
    let posts = || {
        [
            SoftDeleted::new("posts").deleted_at("deleted_at"),
            SoftDeleted::new("comments").deleted_at("deleted_at"),
        ]
    };
    let manager = SchemaManager::new(&db);
    manager.begin_adoption(posts()).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (db, stop) = (db.clone(), stop.clone());
        async move {
            let mut written = 0_i64;
            while !stop.load(Ordering::Relaxed) {
                written += 1;
                // The application marks one with its comments, unmarks another, and adds one with a slug that was deleted.
                let id = written % 600 + 1;
                run(
                    &db,
                    &format!(
                        "begin; update posts set deleted_at = now() - interval '1 hour' where id = {id} and deleted_at is null;
                         update comments set deleted_at = now() - interval '1 hour' where post_id = {id} and deleted_at is null; commit;
                         begin; update posts set deleted_at = null where id = {id} + 3 and slug not like 'new%' and not exists
                             (select from posts as o where o.slug = posts.slug and o.deleted_at is null);
                         update comments set deleted_at = null where post_id = {id} + 3
                             and exists (select from posts where id = {id} + 3 and deleted_at is null); commit;
                         insert into posts (slug) values ('new{written}')"
                    ),
                )
                .await;
            }
            written
        }
    });
    let mut moved = 0;
    for _ in 0..40 {
        let batch = manager.adopt_batch(posts(), 20).await.unwrap();
        moved += batch.adopted.rows();
    }
    stop.store(true, Ordering::Relaxed);
    let written = writer.await.unwrap();
    assert!(moved > 300 && written > 10, "{moved} {written}");
    manager.adopt_soft_deleted(posts()).await.unwrap();
    let ids = "select id from posts union all select id from deleted_posts";
    assert_eq!(
        number(&db, &format!("select count(distinct id) from ({ids}) as a")).await,
        600 + written
    );
    assert_eq!(
        number(&db, &format!("select count(*) from ({ids}) as a")).await,
        600 + written
    );
    let ids = "select id from comments union all select id from deleted_comments";
    assert_eq!(
        number(&db, &format!("select count(distinct id) from ({ids}) as a")).await,
        1200
    );
    assert_eq!(
        number(&db, &format!("select count(*) from ({ids}) as a")).await,
        1200
    );
    // Each comment is where its post is, and in the same archival.
    assert_eq!(
        texts(&db, "select c.id::text from deleted_comments as c left join deleted_posts as p on p.id = c.post_id where p.archival_id is distinct from c.archival_id").await,
        Vec::<String>::new()
    );
    assert_eq!(count(&db, "archive.archival as a where not exists (select from deleted_posts as p where p.archival_id = a.id)").await, 0);
}
