//! The check finds what was changed without the migration helpers.

use sea_orm_archive::check;

use crate::tenancy::database::{Organisations, run};

#[tokio::test]
async fn check_of_an_unchanged_schema_finds_nothing() {
    let organisations = Organisations::new().await;
    assert_eq!(check(&organisations.owner).await.unwrap(), []);
    assert_eq!(check(&organisations.web).await.unwrap(), []);
    let before = Organisations::open().await;
    assert_eq!(check(&before.owner).await.unwrap(), []);
}

#[tokio::test]
async fn every_drift_is_reported() {
    let organisations = Organisations::new().await;
    let owner = &organisations.owner;
    let web = organisations.database.role("web").await;
    let drifts = [
        (
            "drop policy tenancy on posts",
            "public.posts",
            "has no policy tenancy",
        ),
        (
            "drop policy tenancy on deleted_posts",
            "public.deleted_posts",
            "has no policy tenancy",
        ),
        (
            "drop policy tenancy on department_history",
            "public.department_history",
            "has no policy tenancy",
        ),
        (
            "drop policy tenancy on archive.archival",
            "archive.archival",
            "has no policy tenancy",
        ),
        (
            "drop policy tenancy on archive.detached_link",
            "archive.detached_link",
            "has no policy tenancy",
        ),
        (
            "drop policy tenancy on archive.audit_entry",
            "archive.audit_entry",
            "has no policy tenancy",
        ),
        (
            "drop policy tenancy_trusted on staff",
            "public.staff",
            "has no policy tenancy_trusted",
        ),
        (
            "alter policy tenancy on comments using (true)",
            "public.comments",
            "has another policy tenancy",
        ),
        (
            "alter policy tenancy on deleted_likes with check (true)",
            "public.deleted_likes",
            "has another policy tenancy",
        ),
        (
            "alter policy tenancy_administration on posts to public",
            "public.posts",
            "has another policy tenancy_administration",
        ),
        (
            "alter table comments no force row level security",
            "public.comments",
            "not forced",
        ),
        (
            "alter table deleted_comments disable row level security",
            "public.deleted_comments",
            "not enabled",
        ),
        (
            "alter table archive.audit_entry_default disable row level security",
            "archive.audit_entry_default",
            "not enabled",
        ),
        (
            "alter table archive.archival no force row level security",
            "archive.archival",
            "not forced",
        ),
        (
            "create policy more on likes using (true)",
            "public.likes",
            "permissive policy more",
        ),
        (
            "create policy more on archive.audit_details using (true)",
            "archive.audit_details",
            "permissive policy more",
        ),
        (
            "alter table comments disable trigger tenancy_guard",
            "public.comments",
            "another trigger tenancy_guard",
        ),
        (
            "alter table comments enable trigger tenancy_guard",
            "public.comments",
            "another trigger tenancy_guard",
        ),
        (
            "drop trigger tenancy_guard on bookmarks",
            "public.bookmarks",
            "has no trigger tenancy_guard",
        ),
        (
            "drop trigger tenancy_guard_truncate on deleted_posts",
            "public.deleted_posts",
            "has no trigger tenancy_guard_truncate",
        ),
        (
            "drop trigger tenancy_guard on likes; create trigger tenancy_guard after delete or update on likes for each row when (false) execute function archive.tenancy_guard(); alter table likes enable always trigger tenancy_guard",
            "public.likes",
            "another trigger tenancy_guard",
        ),
        (
            "grant truncate on deleted_posts to WEB",
            "public.deleted_posts",
            "gives TRUNCATE to",
        ),
        (
            "grant select on deleted_likes to public",
            "public.deleted_likes",
            "gives SELECT to PUBLIC",
        ),
        (
            "revoke update on deleted_posts from WEB",
            "public.deleted_posts",
            "does not give UPDATE to",
        ),
        (
            "grant select (id) on deleted_posts to public",
            "public.deleted_posts",
            "gives SELECT (id) to PUBLIC",
        ),
        (
            "grant delete on archive.audit_entry to WEB",
            "archive.audit_entry",
            "gives DELETE to",
        ),
        (
            "grant select on archive.audit_entry_default to WEB",
            "archive.audit_entry_default",
            "gives SELECT to",
        ),
        (
            "grant execute on function archive.tenancy_guard() to public",
            "archive.tenancy_guard()",
            "others than its owner may put",
        ),
        (
            "alter function archive.make_audit_partitions(integer) reset search_path",
            "archive.make_audit_partitions(integer)",
            "search_path of its caller",
        ),
    ];
    for (sql, object, problem) in drifts {
        run(owner, &sql.replace("WEB", &format!("\"{web}\""))).await;
        let found = check(owner).await.unwrap();
        assert!(
            found
                .iter()
                .any(|d| d.object == object && d.problem.contains(problem) && !d.remedy.is_empty()),
            "{sql}: {found:#?}"
        );
    }
    // Additions with plain SQL are removed here. `enable_tenancy` and the installs repair the rest.
    run(owner, &format!("drop policy more on likes; drop policy more on archive.audit_details;
         revoke truncate on deleted_posts from \"{web}\"; revoke select on deleted_likes from public;
         revoke select (id) on deleted_posts from public; grant update on deleted_posts to \"{web}\";
         revoke delete on archive.audit_entry from \"{web}\"; revoke select on archive.audit_entry_default from \"{web}\"")).await;
    organisations.enable().await;
    let manager = organisations.manager();
    sea_orm_archive_migration::ArchiveSchema::install_archive(&manager)
        .await
        .unwrap();
    sea_orm_archive_migration::AuditSchema::install_audit(&manager)
        .await
        .unwrap();
    assert_eq!(check(owner).await.unwrap(), []);
}
