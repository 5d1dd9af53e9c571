//! A row of another tenant below a tree, or in conflict with one, is an error, and no row is lost.

use sea_orm::TransactionTrait;
use sea_orm_archive::Conflict;
use sea_orm_archive::error::{ConflictError, DriftError};
use sea_orm_archive::prelude::*;

use crate::tenancy::database::{EVERYTHING, Organisations, attempt, run, texts};
use crate::tenancy::model::{comment, post};

/// The administrator inserts rows below a post of the first organisation.
async fn with(sql: &str) -> Organisations {
    let organisations = Organisations::new().await;
    let txn = organisations.administrator().await;
    run(&txn, sql).await;
    txn.commit().await.unwrap();
    organisations
}

async fn everything(organisations: &Organisations) -> Vec<String> {
    texts(&organisations.administrator().await, EVERYTHING).await
}

/// Post 1 cannot be archived by the first tenant, one by one or in bulk, and nothing has changed.
async fn refused(sql: &str, table: &str) {
    let organisations = with(sql).await;
    let before = everything(&organisations).await;
    let txn = organisations.tenant(1).await;
    for _ in 0..2 {
        let error = post::Entity::archive_by_id(1).exec(&txn).await.unwrap_err();
        assert!(
            matches!(&error, Error::Conflict(ConflictError::OtherTenant { table: found }) if found == table),
            "{error:?}"
        );
        let error = post::Entity::archive_many().exec(&txn).await.unwrap_err();
        assert!(
            matches!(
                &error,
                Error::Conflict(ConflictError::OtherTenant { .. })
                    | Error::Conflict(ConflictError::Blocked { .. })
            ),
            "{error:?}"
        );
    }
    if table != "public.likes" {
        let nested = txn.begin().await.unwrap();
        assert!(
            attempt(&nested, "delete from posts where id = 1")
                .await
                .is_err()
        );
    }
    drop(txn);
    assert_eq!(everything(&organisations).await, before);
}

#[tokio::test]
async fn row_of_another_tenant_below_cascade_is_refused() {
    refused("insert into comments values (15, 2, 1)", "public.comments").await;
}

#[tokio::test]
async fn row_of_another_tenant_two_cascades_below_is_refused() {
    refused("insert into likes values (113, 2, 11)", "public.likes").await;
}

#[tokio::test]
async fn row_of_another_tenant_in_a_join_table_is_refused() {
    refused(
        "insert into post_tags values (1, 'b', 2)",
        "public.post_tags",
    )
    .await;
}

#[tokio::test]
async fn row_of_another_tenant_below_set_null_is_refused() {
    refused(
        "insert into bookmarks values (23, 2, 1)",
        "public.bookmarks",
    )
    .await;
}

#[tokio::test]
async fn row_of_another_tenant_below_no_action_is_refused() {
    refused("insert into invoices values (33, 2, 1)", "public.invoices").await;
}

/// The administrator sees both tenants and is refused as well: an archival belongs to one tenant.
#[tokio::test]
async fn tree_of_two_tenants_is_refused_to_the_administrator() {
    for sql in [
        "insert into comments values (15, 2, 1)",
        "insert into bookmarks values (23, 2, 1)",
    ] {
        let organisations = with(sql).await;
        let before = everything(&organisations).await;
        let txn = organisations.administrator().await;
        let error = post::Entity::archive_by_id(1).exec(&txn).await.unwrap_err();
        assert!(
            matches!(error, Error::Conflict(ConflictError::OtherTenant { .. })),
            "{error:?}"
        );
        drop(txn);
        assert_eq!(everything(&organisations).await, before);
    }
}

#[tokio::test]
async fn foreign_key_action_on_rows_of_another_tenant_is_refused() {
    let organisations = with("insert into comments values (15, 2, 3); insert into bookmarks values (23, 2, 3); delete from invoices").await;
    let before = everything(&organisations).await;
    let txn = organisations.tenant(1).await;
    for sql in ["delete from posts where id = 3", "delete from posts"] {
        let nested = txn.begin().await.unwrap();
        let error = attempt(&nested, sql).await.unwrap_err().to_string();
        assert!(error.contains("rows of another tenant"), "{sql}: {error}");
        // Without the line of PostgreSQL's own code that raised it.
        let (message, _) = error.split_once(" at line ").unwrap_or((&error, ""));
        assert!(
            !message.contains("15") && !message.contains("23"),
            "{error}"
        );
    }
    drop(txn);
    assert_eq!(everything(&organisations).await, before);
    // The administrator may.
    let txn = organisations.administrator().await;
    run(&txn, "delete from posts where id = 3").await;
}

/// The conflict with a slug of another tenant does not show the row.
#[tokio::test]
async fn unique_conflict_with_a_hidden_row_shows_only_the_constraint() {
    let organisations = Organisations::new().await;
    let txn = organisations.tenant(1).await;
    let archival = post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    txn.commit().await.unwrap();
    let txn = organisations.tenant(2).await;
    run(
        &txn,
        "insert into posts (id, org_id, slug) values (6, 2, 'one')",
    )
    .await;
    txn.commit().await.unwrap();

    let txn = organisations.tenant(1).await;
    let unseen = |conflicts: &[Conflict]| matches!(conflicts, [Conflict::Unseen { table, constraint }] if table == "public.posts" && constraint == "posts_slug_key");
    let preview = post::Entity::restore_by_id(1).preview(&txn).await.unwrap();
    assert!(unseen(&preview.conflicts), "{preview:?}");
    match archival.restore(&txn).await.unwrap_err() {
        Error::Conflict(ConflictError::Restore { conflicts, .. }) => {
            assert!(unseen(&conflicts), "{conflicts:?}")
        }
        error => panic!("{error}"),
    }
    drop(txn);
    // The administrator sees which row has it.
    let txn = organisations.administrator().await;
    match archival.restore(&txn).await.unwrap_err() {
        Error::Conflict(ConflictError::Restore { conflicts, .. }) => assert!(
            matches!(&conflicts[..], [Conflict::Unique { .. }]),
            "{conflicts:?}"
        ),
        error => panic!("{error}"),
    }
}

/// A comment below a post of another tenant is restored if the post exists. If not, the error names the foreign key.
#[tokio::test]
async fn restore_below_a_hidden_parent_succeeds_only_while_it_exists() {
    let organisations = with("insert into comments values (15, 1, 2)").await;
    let txn = organisations.tenant(1).await;
    let archival = comment::Entity::archive_by_id(15).exec(&txn).await.unwrap();
    let preview = comment::Entity::restore_by_id(15)
        .preview(&txn)
        .await
        .unwrap();
    assert_eq!(preview.conflicts, []);
    archival.restore(&txn).await.unwrap();
    let archival = comment::Entity::archive_by_id(15).exec(&txn).await.unwrap();
    txn.commit().await.unwrap();

    let txn = organisations.tenant(2).await;
    post::Entity::archive_by_id(2).exec(&txn).await.unwrap();
    txn.commit().await.unwrap();
    let before = everything(&organisations).await;
    let txn = organisations.tenant(1).await;
    match archival.restore(&txn).await.unwrap_err() {
        Error::Conflict(ConflictError::Restore { conflicts, .. }) => assert!(
            matches!(&conflicts[..], [Conflict::Violated { constraint, .. }] if constraint == "comments_post_id_fkey"),
            "{conflicts:?}"
        ),
        error => panic!("{error}"),
    }
    drop(txn);
    assert_eq!(everything(&organisations).await, before);
}

/// Each tenant has a comment below the post of the other one, and archived both. The parent that the other tenant archived is not
/// restored, and the answer is that for a parent that was purged.
#[tokio::test]
async fn restore_with_parents_finds_no_parent_that_another_tenant_archived() {
    let organisations = with("insert into comments values (15, 1, 2), (16, 2, 1)").await;
    for org in [1, 2] {
        let txn = organisations.tenant(org).await;
        let comment = comment::Entity::archive_by_id(14 + org);
        comment.exec(&txn).await.unwrap();
        txn.commit().await.unwrap();
    }
    let mut posts = Vec::new();
    for org in [1, 2] {
        let txn = organisations.tenant(org).await;
        posts.push(post::Entity::archive_by_id(org).exec(&txn).await.unwrap());
        txn.commit().await.unwrap();
    }
    let restore = |org| comment::Entity::restore_by_id(14 + org).with_parents();
    // The administrator sees both archivals.
    let txn = organisations.administrator().await;
    for org in [1, 2] {
        let nested = txn.begin().await.unwrap();
        let restored = restore(org).exec(&nested).await.unwrap();
        assert_eq!(restored.parents.len(), 1);
    }
    drop(txn);

    let before = everything(&organisations).await;
    let answers = async || {
        let mut answers = Vec::new();
        for org in [1, 2] {
            let txn = organisations.tenant(org).await;
            let preview = restore(org).preview(&txn).await.unwrap();
            assert_eq!(preview.parents, []);
            match restore(org).exec(&txn).await.unwrap_err() {
                Error::Conflict(ConflictError::Restore { conflicts, .. }) => {
                    assert!(
                        matches!(&conflicts[..], [Conflict::Violated { constraint, .. }] if constraint == "comments_post_id_fkey"),
                        "{conflicts:?}"
                    );
                    assert_eq!(conflicts, preview.conflicts);
                    answers.push(conflicts);
                }
                error => panic!("{error}"),
            }
        }
        answers
    };
    let archived = answers().await;
    assert_eq!(everything(&organisations).await, before);
    for (org, post) in [1, 2].into_iter().zip(posts) {
        let txn = organisations.tenant(org).await;
        post.purge(&txn).await.unwrap();
        txn.commit().await.unwrap();
    }
    assert_eq!(answers().await, archived);
}

/// Without the guard, or with one that a session can bypass, rows would be lost unseen, so nothing is archived.
#[tokio::test]
async fn archive_without_an_always_enabled_guard_is_refused() {
    let organisations = with("insert into comments values (15, 2, 1)").await;
    let before = everything(&organisations).await;
    for state in ["disable", "enable", "enable replica"] {
        run(
            &organisations.owner,
            &format!("alter table comments {state} trigger tenancy_guard"),
        )
        .await;
        let txn = organisations.tenant(1).await;
        let error = post::Entity::archive_by_id(1).exec(&txn).await.unwrap_err();
        assert!(
            matches!(&error, Error::Drift(DriftError::Schema { .. })),
            "{state}: {error}"
        );
        assert!(error.to_string().contains("enable_tenancy"), "{error}");
        txn.rollback().await.unwrap();
    }
    organisations.enable_one("comments").await.unwrap();
    let txn = organisations.tenant(1).await;
    let error = post::Entity::archive_by_id(1).exec(&txn).await.unwrap_err();
    assert!(
        matches!(&error, Error::Conflict(ConflictError::OtherTenant { .. })),
        "{error}"
    );
    drop(txn);
    assert_eq!(everything(&organisations).await, before);
}
