//! Archived rows with the id of another tenant's archival: its restore neither restores them nor is refused for them.

use sea_orm_archive::prelude::*;
use sea_orm_archive::{Context, archival};
use sea_orm_archive_migration::{ArchiveSchema, TenancySchema};

use crate::tenancy::bare::{bare, grant};
use crate::tenancy::database::{Organisations, number, run};
use crate::tenancy::model::{comment, post};

/// Whether policies apply to the owner of the schema `archive`.
const OWNERS: [&str; 2] = ["nobypassrls", "bypassrls"];

#[tokio::test]
async fn row_of_another_tenant_does_not_block_the_restore() {
    for owner in OWNERS {
        let organisations = Organisations::alone().await;
        let role = organisations.database.role("owner").await;
        let superuser = organisations.database.connect().await;
        run(&superuser, &format!("alter role \"{role}\" {owner}")).await;
        let txn = organisations.tenant(1).await;
        let archival = post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
        txn.commit().await.unwrap();
        let txn = organisations.tenant(2).await;
        let rows = format!(
            "insert into deleted_posts (id, org_id, slug, deleted_at, archival_id) values (900, 2, 'z', now(), {0});
             insert into deleted_likes (id, org_id, comment_id, deleted_at, archival_id) values (901, 2, 11, now(), {0})",
            archival.id
        );
        run(&txn, &rows).await;
        txn.commit().await.unwrap();
        let txn = organisations.tenant(1).await;
        let preview = archival::Entity::restore_by_id(archival.id);
        let preview = preview.preview(&txn).await.unwrap();
        assert_eq!(preview.conflicts, [], "{owner}");
        let restored = archival.restore(&txn).await.unwrap();
        assert_eq!(restored.rows["public.posts"], 1, "{owner}");
        assert_eq!(restored.rows["public.likes"], 1, "{owner}");
        txn.commit().await.unwrap();
        let rows = "select count(*) from (select id from deleted_posts union all select id from deleted_likes) as r";
        let theirs = organisations.tenant(2).await;
        assert_eq!(number(&theirs, rows).await, 2, "{owner}");
    }
}

/// A policy of the application, beside those of tenancy, hides a row of the tenant from the restore.
#[tokio::test]
async fn row_of_the_tenant_that_a_policy_hides_blocks_the_restore() {
    for (owner, message) in OWNERS.into_iter().zip(["BYPASSRLS", "still has rows in"]) {
        let organisations = Organisations::alone().await;
        let role = organisations.database.role("owner").await;
        let superuser = organisations.database.connect().await;
        run(&superuser, &format!("alter role \"{role}\" {owner}")).await;
        let policy =
            "create policy mine on deleted_likes as restrictive for select using (id <> 111)";
        let txn = organisations.tenant(1).await;
        let archival = post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
        txn.commit().await.unwrap();
        run(&organisations.owner, policy).await;
        let txn = organisations.tenant(1).await;
        let refused = archival.restore(&txn).await.unwrap_err().to_string();
        assert!(
            refused.contains("public.deleted_likes") && refused.contains(message),
            "{refused}"
        );
    }
}

/// The archival contains the tenant without the blanks that `char(n)` is padded with: its rows are of this tenant all the same.
#[tokio::test]
async fn restore_is_refused_while_a_policy_hides_a_row_of_a_padded_tenant() {
    let organisations = bare().await;
    let owner = &organisations.owner;
    run(
        owner,
        "create table comments (id bigint primary key, org_id char(4) not null, post_id bigint not null);
         create table likes (id bigint primary key, org_id char(4) not null, comment_id bigint not null references comments on delete cascade)",
    )
    .await;
    let manager = organisations.manager();
    for table in ["comments", "likes"] {
        manager.archive_existing_table(table).await.unwrap();
        manager.enable_tenancy((table, "org_id")).await.unwrap();
    }
    grant(&organisations).await;
    let rows = "insert into comments values (11, 'ab', 1); insert into likes values (111, 'ab', 11), (112, 'ab', 11)";
    let policy = "create policy mine on deleted_likes as restrictive for delete using (id <> 111)";
    let context = Context::new().tenant("ab");
    let txn = context.begin(&organisations.web).await.unwrap();
    run(&txn, rows).await;
    let archival = comment::Entity::archive_by_id(11).exec(&txn).await.unwrap();
    assert_eq!(archival.tenant.as_deref(), Some("ab"));
    txn.commit().await.unwrap();
    run(owner, policy).await;
    let txn = context.begin(&organisations.web).await.unwrap();
    let refused = archival.restore(&txn).await.unwrap_err().to_string();
    assert!(
        refused.contains("still has rows in public.deleted_likes"),
        "{refused}"
    );
    run(owner, "drop policy mine on deleted_likes").await;
    let restored = archival.restore(&txn).await.unwrap();
    assert_eq!(restored.rows["public.likes"], 2);
    txn.commit().await.unwrap();
}
