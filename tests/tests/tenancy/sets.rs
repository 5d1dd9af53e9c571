//! Sets of archivals of several tenants.

use sea_orm::ConnectionTrait;
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;

use crate::tenancy::database::{Organisations, number, run, texts};
use crate::tenancy::model::{comment, department, post, version};
use sea_orm_archive_tests::sql::dumps;

/// A preview of archivals of two tenants finds what the restore finds.
#[tokio::test]
async fn preview_of_two_tenants_with_one_unique_value() {
    let organisations = Organisations::new().await;
    let ops = organisations.database.connect_as("ops").await;
    post::Entity::archive_by_id(1).exec(&ops).await.unwrap();
    run(
        &ops,
        "insert into posts (id, org_id, slug) values (6, 2, 'one')",
    )
    .await;
    post::Entity::archive_by_id(6).exec(&ops).await.unwrap();
    let preview = post::Entity::restore_many().preview(&ops).await.unwrap();
    let exec = post::Entity::restore_many().exec(&ops).await;
    assert!(
        exec.is_err() != preview.conflicts.is_empty(),
        "{preview:?} {exec:?}"
    );
    let preview = post::Entity::restore_many()
        .skip_conflicts()
        .preview(&ops)
        .await
        .unwrap();
    let restored = post::Entity::restore_many()
        .skip_conflicts()
        .exec(&ops)
        .await
        .unwrap();
    assert_eq!(
        (preview.archivals.len(), preview.conflicts.len()),
        (restored.archivals.len(), restored.skipped.len()),
        "{restored:?}"
    );
    // The later one is restored.
    assert_eq!(
        texts(&ops, "select id::text from posts where slug = 'one'").await,
        ["6"]
    );
}

/// An archival from before tenancy whose row needs a parent in an archival of a tenant.
#[tokio::test]
async fn archival_from_before_tenancy_with_its_parent_in_the_set() {
    let organisations = Organisations::open().await;
    comment::Entity::archive_by_id(11)
        .exec(&organisations.owner)
        .await
        .unwrap();
    organisations.enable().await;
    let ops = organisations.database.connect_as("ops").await;
    let parent = post::Entity::archive_by_id(1).exec(&ops).await.unwrap();
    let tenants = texts(
        &ops,
        "select coalesce(tenant, 'null') from archive.archival order by id",
    )
    .await;
    let restored = archival::Entity::restore_many().exec(&ops).await;
    assert!(restored.is_ok(), "{parent:?} {tenants:?} {restored:?}");
}

/// A tenant restores only its own, and calls the functions with ids of the other.
#[tokio::test]
async fn tenant_with_ids_of_another() {
    let organisations = Organisations::new().await;
    let ops = organisations.database.connect_as("ops").await;
    post::Entity::archive_by_id(1).exec(&ops).await.unwrap();
    post::Entity::archive_by_id(2).exec(&ops).await.unwrap();
    let state = "select a::text from archive.archival a union all select l::text from archive.detached_link l order by 1";
    let owner = organisations.database.connect().await;
    let before = texts(&owner, state).await;
    let txn = organisations.tenant(1).await;
    assert_eq!(
        texts(
            &txn,
            "select (archive.claim_archivals(array[2, 1, null, 1]::bigint[]) -> 'ids')::text"
        )
        .await,
        ["[1]"]
    );
    for call in [
        "select count(*) from archive.links_of(array[2]::bigint[])",
        "select coalesce(archive.forget_links(array[2]::bigint[], 'bookmarks', array['[\"22\"]', '{\"id\": 22}']::jsonb[], array['post_id'], array[false]), 0)",
        "select coalesce(jsonb_array_length(archive.finish_restores(array[2]::bigint[], 'x')), 0)::bigint",
        "select count(archive.claim_archivals(array[2]::bigint[]))",
    ] {
        assert_eq!(number(&txn, call).await, 0, "{call}");
    }
    txn.commit().await.unwrap();
    for call in [
        "select archive.move_links(array[1, 2]::bigint[], 'bookmarks', array[2, 1]::bigint[], array['[\"21\"]', '[\"22\"]']::jsonb[], array['post_id', 'post_id'])",
        "select archive.move_links(array[1, 2]::bigint[], 'bookmarks', array[1, 1]::bigint[], array['[\"21\"]', '[\"22\"]']::jsonb[], array['post_id', 'post_id'])",
        "select archive.defer_to(array[1, 2]::bigint[], array[2]::bigint[], 'posts')",
        "select archive.forget_links(array[1, 2]::bigint[], 'bookmarks', array['[\"22\"]', '[\"22\"]']::jsonb[], array['post_id', 'post_id'], array[false, false])",
    ] {
        let txn = organisations.tenant(1).await;
        match txn.execute_unprepared(call).await {
            Ok(_) => txn.commit().await.unwrap(),
            Err(error) => assert!(error.to_string().contains("may not"), "{error}"),
        }
    }
    let txn = organisations.tenant(1).await;
    txn.commit().await.unwrap();
    assert_eq!(texts(&owner, state).await, before);
    let txn = organisations.tenant(1).await;
    let restored = archival::Entity::restore_many().exec(&txn).await.unwrap();
    assert_eq!(restored.archivals.len(), 1);
    txn.commit().await.unwrap();
    let mut batches = post::Entity::restore_many().in_batches(10);
    let restored = batches.next(&ops).await.unwrap().unwrap();
    assert_eq!(restored.archivals.len(), 1);
    assert!(batches.next(&ops).await.unwrap().is_none());
}

/// A tenant planted a row into an archival of another tenant.
#[tokio::test]
async fn planted_rows_in_a_set() {
    let organisations = Organisations::new().await;
    let ops = organisations.database.connect_as("ops").await;
    let first = post::Entity::archive_by_id(1).exec(&ops).await.unwrap().id;
    let second = post::Entity::archive_by_id(4).exec(&ops).await;
    let owner = organisations.database.connect().await;
    run(&owner, &format!("alter table comments drop constraint comments_post_id_fkey; with gone as (delete from comments where id = 12 returning *) insert into deleted_comments (id, org_id, post_id, archival_id, deleted_at) select id, org_id, post_id, {first}, now() from gone")).await;
    let _ = second;
    let before = texts(
        &owner,
        "select id || ' ' || archival_id from deleted_comments order by 1",
    )
    .await;
    let error = archival::Entity::restore_many()
        .exec(&ops)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_eq!(
        texts(
            &owner,
            "select id || ' ' || archival_id from deleted_comments order by 1"
        )
        .await,
        before
    );
}

/// Departments with their histories, of two tenants, in one set and in batches.
#[tokio::test]
async fn histories_in_a_set() {
    let organisations = Organisations::new().await;
    let ops = organisations.database.connect_as("ops").await;
    let owner = organisations.database.connect().await;
    let tables = [
        "departments",
        "department_history",
        "posts",
        "comments",
        "likes",
        "post_tags",
        "bookmarks",
    ];
    run(&owner, "delete from staff; delete from invoices").await;
    let before = dumps(&owner, &tables).await;
    let _ = version::Entity;
    for batches in [false, true] {
        department::Entity::archive_many().exec(&ops).await.unwrap();
        post::Entity::archive_many().exec(&ops).await.unwrap();
        if batches {
            let mut batches = department::Entity::restore_many().in_batches(3);
            while batches.next(&ops).await.unwrap().is_some() {}
            let mut batches = post::Entity::restore_many().in_batches(3);
            while batches.next(&ops).await.unwrap().is_some() {}
        } else {
            let preview = archival::Entity::restore_many()
                .preview(&ops)
                .await
                .unwrap();
            let restored = archival::Entity::restore_many().exec(&ops).await.unwrap();
            assert_eq!(preview.rows, restored.rows);
            assert_eq!(preview.archivals.len(), restored.archivals.len());
            assert!(
                restored.missing.is_empty() && restored.not_relinked.is_empty(),
                "{restored:?}"
            );
        }
        assert_eq!(dumps(&owner, &tables).await, before);
    }
}

/// Administrators archive and restore rows of both tenants beside each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sets_of_two_tenants_beside_each_other() {
    let organisations = Organisations::new().await;
    let owner = organisations.database.connect().await;
    let tables = ["posts", "comments", "likes", "post_tags", "bookmarks"];
    run(&owner, "delete from staff; delete from invoices").await;
    let before = dumps(&owner, &tables).await;
    let mut workers = Vec::new();
    for n in 0..5 {
        let ops = organisations.database.connect_as("ops").await;
        workers.push(tokio::spawn(async move {
            let mut errors = Vec::new();
            for round in 0..15 {
                let outcome = match (n + round) % 5 {
                    0 | 1 => post::Entity::archive_many().exec(&ops).await.map(|_| ()),
                    2 => archival::Entity::restore_many()
                        .exec(&ops)
                        .await
                        .map(|_| ()),
                    3 => comment::Entity::archive_many().exec(&ops).await.map(|_| ()),
                    _ => post::Entity::restore_many()
                        .in_batches(2)
                        .next(&ops)
                        .await
                        .map(|_| ()),
                };
                if let Err(error) = outcome {
                    errors.push(format!("{} {:?} {error}", (n + round) % 5, error.kind()));
                }
            }
            errors
        }));
    }
    let mut errors = Vec::new();
    for worker in workers {
        errors.extend(worker.await.unwrap());
    }
    let ops = organisations.database.connect_as("ops").await;
    archival::Entity::restore_many().exec(&ops).await.unwrap();
    assert_eq!(dumps(&owner, &tables).await, before);
    let errors: Vec<_> = errors
        .into_iter()
        .filter(|error| !error.contains(" Conflict "))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
}
