//! A table that is swapped for another of the same name, with plain SQL, does not silently leave tenancy.

use sea_orm::{DatabaseConnection, DbErr};
use sea_orm_archive::check;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, AuditSchema, TenancySchema};

use crate::tenancy::database::{Organisations, attempt, number, run, texts};
use crate::tenancy::model::post;

/// What an online schema change does: create, copy, swap the names. `away` drops or renames the old table.
async fn swap(organisations: &Organisations, superuser: &DatabaseConnection, away: &str) {
    let owner = organisations.database.role("owner").await;
    let web = organisations.database.role("web").await;
    run(
        superuser,
        &format!(
            "create table posts_new (like posts including all);
             insert into posts_new select * from posts;
             {away};
             alter table posts_new rename to posts;
             alter table posts owner to \"{owner}\";
             grant select, insert, update, delete on posts to \"{web}\", \"{ops}\";
             alter table comments add constraint comments_post_id_fkey foreign key (post_id) references posts on delete cascade;
             alter table post_tags add constraint post_tags_post_id_fkey foreign key (post_id) references posts on delete cascade;
             alter table bookmarks add constraint bookmarks_post_id_fkey foreign key (post_id) references posts on delete set null;
             alter table invoices add constraint invoices_post_id_fkey foreign key (post_id) references posts",
            ops = organisations.ops,
        ),
    )
    .await;
}

const DROPPED: &str = "drop table posts cascade";
const RENAMED: &str = "alter table comments drop constraint comments_post_id_fkey;
    alter table post_tags drop constraint post_tags_post_id_fkey;
    alter table bookmarks drop constraint bookmarks_post_id_fkey;
    alter table invoices drop constraint invoices_post_id_fkey;
    alter table posts rename to posts_retired";

/// What tenant 2 sees of the posts of tenant 1.
async fn leaked(organisations: &Organisations) -> i64 {
    let txn = organisations.tenant(2).await;
    number(&txn, "select count(*) from posts where org_id = 1").await
}

async fn reports_posts(db: &DatabaseConnection) -> bool {
    let findings = check(db).await.unwrap();
    findings.iter().any(|finding| {
        finding.object == "public.posts"
            && finding.problem.contains("has lost it")
            && finding.remedy.contains("enable_tenancy")
    })
}

#[track_caller]
fn assert_migration_error(done: Result<(), DbErr>, parts: &[&str]) {
    match done {
        Err(DbErr::Migration(error)) => {
            for part in parts {
                assert!(error.contains(part), "{part}: {error}");
            }
        }
        done => panic!("{parts:?}: {done:?}"),
    }
}

#[tokio::test]
async fn swapped_table_is_reported_at_once_and_after_every_helper() {
    for away in [DROPPED, RENAMED] {
        let organisations = Organisations::new().await;
        let superuser = organisations.database.connect().await;
        assert!(!reports_posts(&superuser).await);
        swap(&organisations, &superuser, away).await;
        // The attack: the table is open.
        assert_eq!(leaked(&organisations).await, 2);
        assert!(reports_posts(&superuser).await, "{away}");
        assert!(reports_posts(&organisations.web).await, "{away}");
        // It is still reported after helpers for other tables.
        let manager = organisations.manager();
        manager.install_archive().await.unwrap();
        manager.audit_table("invoices").await.unwrap();
        manager.unaudit_table("invoices").await.unwrap();
        assert!(reports_posts(&superuser).await, "{away}");
    }
}

#[tokio::test]
async fn helpers_refuse_a_swapped_table_until_tenancy_and_audit_are_enabled_again() {
    let organisations = Organisations::new().await;
    let superuser = organisations.database.connect().await;
    let txn = organisations.tenant(1).await;
    let archival = post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    txn.commit().await.unwrap();
    swap(&organisations, &superuser, DROPPED).await;
    let manager = organisations.manager();
    let tenancy = "was under tenancy by its column \"org_id\"";
    for done in [
        manager.archive_existing_table("posts").await,
        manager.sync_archived_table("posts").await,
    ] {
        let calls = ["`manager.enable_tenancy(..)`", "`manager.audit_table(..)`"];
        let never = [
            "`manager.disable_tenancy(..)`",
            "`manager.unaudit_table(..)`",
        ];
        assert_migration_error(done, &["public.posts", tenancy, "was audited"]);
        let done = manager.archive_existing_table("posts").await;
        assert_migration_error(done, &[calls, never].concat());
    }
    // One by one, in either order.
    manager.audit_table("posts").await.unwrap();
    assert!(reports_posts(&superuser).await);
    let done = manager.archive_existing_table("posts").await;
    assert_migration_error(done, &[tenancy]);
    organisations.enable_one("posts").await.unwrap();
    manager.archive_existing_table("posts").await.unwrap();
    assert_eq!(check(&superuser).await.unwrap(), []);
    assert_eq!(leaked(&organisations).await, 0);
    // The log continues under the table's name, and rows archived before can be restored.
    organisations.attribute().await;
    let txn = organisations.tenant(1).await;
    archival.restore(&txn).await.unwrap();
    txn.commit().await.unwrap();
    let txn = organisations.tenant(1).await;
    let logged = "select count(*) from archive.audit_entry where table_name = 'public.posts' and operation = 'RESTORE'";
    assert_eq!(number(&txn, logged).await, 1);
    assert_eq!(
        number(&txn, "select count(*) from posts where id = 1").await,
        1
    );
    assert_eq!(
        number(&txn, "select count(*) from comments where post_id = 1").await,
        2
    );
}

#[tokio::test]
async fn tenancy_and_audit_of_a_swapped_table_can_be_disabled() {
    for away in [DROPPED, RENAMED] {
        let organisations = Organisations::new().await;
        let superuser = organisations.database.connect().await;
        swap(&organisations, &superuser, away).await;
        let manager = organisations.manager();
        manager.unaudit_table("posts").await.unwrap();
        manager.disable_tenancy("posts").await.unwrap();
        assert!(!reports_posts(&superuser).await, "{away}");
        if away == DROPPED {
            let left = "select relation::text from archive.tenancy where relation::oid not in (select oid from pg_class)";
            assert_eq!(texts(&superuser, left).await, Vec::<String>::new());
        }
    }
}

/// Only the archive table is swapped.
#[tokio::test]
async fn swapped_archive_table_is_reported_and_protected_again() {
    let organisations = Organisations::new().await;
    let superuser = organisations.database.connect().await;
    let txn = organisations.tenant(1).await;
    let archival = post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    txn.commit().await.unwrap();
    let owner = organisations.database.role("owner").await;
    let web = organisations.database.role("web").await;
    run(
        &superuser,
        &format!(
            "create table copied (like deleted_posts including all); insert into copied select * from deleted_posts;
             drop table deleted_posts; alter table copied rename to deleted_posts;
             alter table deleted_posts owner to \"{owner}\"; grant all on deleted_posts to \"{web}\""
        ),
    )
    .await;
    let other = organisations.tenant(2).await;
    assert_eq!(
        number(
            &other,
            "select count(*) from deleted_posts where org_id = 1"
        )
        .await,
        1
    );
    other.rollback().await.unwrap();
    let findings = check(&superuser).await.unwrap();
    assert!(
        findings
            .iter()
            .any(|d| d.object == "public.deleted_posts" && d.problem.contains("has lost it")),
        "{findings:?}"
    );
    organisations
        .manager()
        .sync_archived_table("posts")
        .await
        .unwrap();
    let other = organisations.tenant(2).await;
    assert_eq!(
        number(
            &other,
            "select count(*) from deleted_posts where org_id = 1"
        )
        .await,
        0
    );
    assert!(attempt(&other, "truncate deleted_posts").await.is_err());
    other.rollback().await.unwrap();
    let txn = organisations.tenant(1).await;
    archival.restore(&txn).await.unwrap();
    txn.commit().await.unwrap();
}
