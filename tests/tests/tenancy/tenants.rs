//! A tenant sees and changes its own rows only.

use sea_orm::{ColumnTrait, EntityTrait, TransactionTrait};
use sea_orm_archive::error::NotFoundError;
use sea_orm_archive::prelude::*;
use sea_orm_archive::{Context, archival};

use crate::tenancy::database::{EVERYTHING, Organisations, TABLES, attempt, number, run, texts};
use crate::tenancy::model::{comment, post};

/// Both tenants archive a tree, so that every table has rows of each.
async fn archived() -> (Organisations, i64, i64) {
    let organisations = Organisations::new().await;
    let mut archivals = Vec::new();
    for org in [1, 2] {
        let txn = organisations.tenant(org).await;
        let archival = post::Entity::archive_by_id(org).exec(&txn).await.unwrap();
        txn.commit().await.unwrap();
        assert_eq!(archival.tenant, Some(org.to_string()));
        archivals.push(archival.id);
    }
    (organisations, archivals[0], archivals[1])
}

#[tokio::test]
async fn a_tenant_sees_every_row_of_its_own_and_no_other() {
    let (organisations, _, _) = archived().await;
    let mut seen = Vec::new();
    for org in [1, 2] {
        let txn = organisations.tenant(org).await;
        let rows = texts(&txn, EVERYTHING).await;
        assert!(
            rows.iter().all(|row| row.ends_with(&format!(" {org}"))),
            "{rows:?}"
        );
        for table in [
            "posts",
            "bookmarks",
            "deleted_posts",
            "deleted_likes",
            "archival",
            "link",
            "entry",
            "department_history",
        ] {
            assert!(
                rows.iter().any(|row| row.starts_with(&format!("{table} "))),
                "{table}: {rows:?}"
            );
        }
        seen.push(rows.len());
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn without_a_tenant_nothing_is_seen_and_nothing_written() {
    let (organisations, archival, _) = archived().await;
    let web = &organisations.web;
    assert_eq!(texts(web, EVERYTHING).await, Vec::<String>::new());
    // The same policies apply to the owner of the tables.
    assert_eq!(
        texts(&organisations.owner, EVERYTHING).await,
        Vec::<String>::new()
    );
    for table in TABLES {
        assert_eq!(
            attempt(web, &format!("delete from {table}")).await.unwrap(),
            0,
            "{table}"
        );
        assert_eq!(
            attempt(web, &format!("update {table} set org_id = org_id"))
                .await
                .unwrap(),
            0,
            "{table}"
        );
    }
    for sql in [
        "insert into posts (id, org_id, slug) values (9, 1, 'x')",
        "insert into deleted_posts (id, org_id, slug, deleted_at, archival_id) values (9, 1, 'x', now(), 1)",
        "insert into department_history (department_id, name, valid_from) values (1, 'x', '2030-01-01Z')",
        "insert into archive.archival (root_table, root_key, archived_at, row_counts, tables, tenant) values ('x', '{}', now(), '{}', '{}', '1')",
        "insert into archive.detached_link (archival_id, child, child_key, edge, link, tenant) values (1, 'posts', '{}', 'x', '{}', '1')",
    ] {
        let error = attempt(web, sql).await.unwrap_err().to_string();
        assert!(
            [
                "row-level security",
                "violates foreign key",
                "permission denied"
            ]
            .iter()
            .any(|refusal| error.contains(refusal)),
            "{sql}: {error}"
        );
    }
    for error in [
        post::Entity::archive_by_id(3).exec(web).await.unwrap_err(),
        post::Entity::archive_by_id(3)
            .preview(web)
            .await
            .unwrap_err(),
        post::Entity::restore_by_id(1).exec(web).await.unwrap_err(),
        post::Entity::restore_by_id(1)
            .preview(web)
            .await
            .unwrap_err(),
    ] {
        assert!(
            matches!(error, Error::NotFound(NotFoundError::Row { .. })),
            "{error}"
        );
    }
    let error = archival::Entity::restore_by_id(archival)
        .exec(web)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::NotFound(NotFoundError::Archival { .. })),
        "{error}"
    );
    assert_eq!(post::Entity::archive_many().exec(web).await.unwrap(), []);
    // A tenant that is not a number is an error.
    let txn = Context::new().tenant("all").begin(web).await.unwrap();
    assert!(attempt(&txn, "select from posts").await.is_err());
}

#[tokio::test]
async fn rows_and_archivals_of_another_tenant_are_not_found() {
    let (organisations, mine, other) = archived().await;
    let txn = organisations.tenant(1).await;
    for error in [
        post::Entity::archive_by_id(4).exec(&txn).await.unwrap_err(),
        post::Entity::archive_by_id(4)
            .preview(&txn)
            .await
            .unwrap_err(),
        post::Entity::restore_by_id(2).exec(&txn).await.unwrap_err(),
        post::Entity::restore_by_id(2)
            .preview(&txn)
            .await
            .unwrap_err(),
    ] {
        assert!(
            matches!(error, Error::NotFound(NotFoundError::Row { .. })),
            "{error}"
        );
    }
    for error in [
        archival::Entity::restore_by_id(other)
            .exec(&txn)
            .await
            .unwrap_err(),
        archival::Entity::restore_by_id(other)
            .preview(&txn)
            .await
            .unwrap_err(),
    ] {
        assert!(
            matches!(error, Error::NotFound(NotFoundError::Archival { .. })),
            "{error}"
        );
    }
    assert_eq!(
        post::deleted::Entity::find().all(&txn).await.unwrap().len(),
        1
    );
    assert!(
        archival::Entity::find_by_id(other)
            .one(&txn)
            .await
            .unwrap()
            .is_none()
    );

    let preview = archival::Entity::restore_by_id(mine)
        .preview(&txn)
        .await
        .unwrap();
    assert_eq!(
        (preview.conflicts.len(), preview.rows["public.comments"]),
        (0, 2)
    );
    let restored = archival::Entity::restore_by_id(mine)
        .exec(&txn)
        .await
        .unwrap();
    assert_eq!(
        (restored.rows["public.comments"], restored.relinked),
        (2, 1)
    );
    txn.commit().await.unwrap();
    let txn = organisations.tenant(2).await;
    assert_eq!(
        post::deleted::Entity::find().all(&txn).await.unwrap().len(),
        1
    );
}

#[tokio::test]
async fn archive_many_moves_only_rows_of_the_tenant() {
    let organisations = Organisations::new().await;
    let txn = organisations.tenant(1).await;
    run(&txn, "delete from invoices").await;
    let preview = post::Entity::archive_many().preview(&txn).await.unwrap();
    assert_eq!((preview.roots, preview.rows["public.comments"]), (2, 2));
    let archivals = post::Entity::archive_many().exec(&txn).await.unwrap();
    assert_eq!(archivals.len(), 2);
    assert!(
        archivals
            .iter()
            .all(|archival| archival.tenant.as_deref() == Some("1"))
    );
    txn.commit().await.unwrap();
    let txn = organisations.tenant(2).await;
    assert_eq!(post::Entity::find().all(&txn).await.unwrap().len(), 2);
    assert_eq!(comment::Entity::find().all(&txn).await.unwrap().len(), 2);
}

#[tokio::test]
async fn tenant_cannot_give_rows_to_another_or_take_them() {
    let (organisations, _, _) = archived().await;
    let txn = organisations.tenant(1).await;
    for sql in [
        "update posts set org_id = 2 where id = 3",
        "update deleted_posts set org_id = 2",
        "insert into posts (id, org_id, slug) values (9, 2, 'x')",
        "update posts set org_id = 2",
    ] {
        let nested = txn.begin().await.unwrap();
        let error = attempt(&nested, sql).await.unwrap_err().to_string();
        assert!(error.contains("row-level security"), "{sql}: {error}");
    }
    assert_eq!(
        attempt(&txn, "delete from posts where id = 4")
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        attempt(&txn, "update deleted_posts set slug = 'x' where org_id = 2")
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        attempt(&txn, "delete from deleted_comments where org_id = 2")
            .await
            .unwrap(),
        0
    );
}

#[tokio::test]
async fn the_index_on_the_tenant_is_used() {
    let organisations = Organisations::new().await;
    let txn = organisations.tenant(1).await;
    run(
        &txn,
        "set local enable_seqscan = off; set local enable_bitmapscan = off",
    )
    .await;
    let plan = texts(&txn, "explain select * from posts").await.join("\n");
    assert!(
        plan.contains("Index Cond: (org_id = (NULLIF(current_setting("),
        "{plan}"
    );
}

/// A plan prepared for one tenant must not return rows of the other.
#[tokio::test]
async fn one_connection_serves_both_tenants_in_turn() {
    let organisations = Organisations::new().await;
    let session = organisations.database.session_as("web", "web").await.db();
    for _ in 0..3 {
        for org in [1, 2] {
            let txn = Context::new().tenant(org).begin(&session).await.unwrap();
            assert_eq!(number(&txn, "select min(org_id) from posts").await, org);
            let archival = post::Entity::archive_by_id(org).exec(&txn).await.unwrap();
            assert_eq!(archival.rows()["public.comments"], 2);
            archival.restore(&txn).await.unwrap();
            txn.commit().await.unwrap();
        }
    }
}

#[tokio::test]
async fn archive_preview_counts_the_rows_of_the_tenant_alone() {
    let organisations = Organisations::new().await;
    let both = || post::Entity::archive_many().filter(post::Column::Slug.is_in(["one", "two"]));
    for org in [1, 2] {
        let txn = organisations.tenant(org).await;
        let rows = both().preview(&txn).await.unwrap().rows;
        assert_eq!((rows["public.posts"], rows["public.comments"]), (1, 2));
        let archivals = both().exec(&txn).await.unwrap();
        assert_eq!(archivals.len(), 1);
        assert_eq!(archivals[0].rows(), rows);
    }
}

/// A tenant purges its own archivals, and no row of another tenant, whatever its archival id.
#[tokio::test]
async fn a_tenant_purges_only_its_own_archivals() {
    let (organisations, mine, other) = archived().await;
    let txn = organisations.tenant(1).await;
    let error = archival::Entity::purge_by_id(other)
        .exec(&txn)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::NotFound(NotFoundError::Archival { archival }) if archival == other),
        "{error}"
    );
    txn.rollback().await.unwrap();

    // A row of the other tenant that got the id of this archival.
    let stranger = organisations.tenant(2).await;
    run(&stranger, &format!("insert into deleted_posts (id, org_id, slug, deleted_at, archival_id) values (99, 2, 'x', now(), {mine})")).await;
    stranger.commit().await.unwrap();
    let administrator = organisations.administrator().await;
    let error = archival::Entity::purge_by_id(mine)
        .exec(&administrator)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("tenant"), "{error}");
    administrator.rollback().await.unwrap();

    let txn = organisations.tenant(1).await;
    let purged = archival::Entity::purge_by_id(mine)
        .exec(&txn)
        .await
        .unwrap();
    assert_eq!(purged.rows.get("public.posts"), Some(&1));
    txn.commit().await.unwrap();
    let administrator = organisations.administrator().await;
    let left = "select concat_ws(' ', id, org_id) from deleted_posts order by id";
    assert_eq!(texts(&administrator, left).await, ["2 2", "99 2"]);
}
