//! The guide, one page a task. Each page is `docs/guide/` of the repository, where its code is compiled and run by a test.

// The links of a page are defined here before the page defines them as files: the first definition counts.
macro_rules! pages {
    ($($page:ident $file:literal,)*) => {$(
        #[doc = include_str!("guide_links.md")]
        #[doc = include_str!(concat!("../guide/", $file))]
        pub mod $page {}
    )*};
}

pages! {
    archive_and_restore "archive-and-restore.md",
    adopt "adopt.md",
    from_deleted_at "from-deleted-at.md",
    deleted_list "deleted-list.md",
    conflicts "conflicts.md",
    restore_with_changes "restore-with-changes.md",
    triggers "triggers.md",
    errors_and_http "errors-and-http.md",
    context_and_axum "context-and-axum.md",
    background_jobs "background-jobs.md",
    purge_and_retention "purge-and-retention.md",
    holds "holds.md",
    events "events.md",
    hooks "hooks.md",
    guard "guard.md",
    erasure "erasure.md",
    audit "audit.md",
    stamps "stamps.md",
    history "history.md",
    lost_updates "lost-updates.md",
    tenants "tenants.md",
    roles_and_grants "roles-and-grants.md",
    check "check.md",
    command "command.md",
    migrations_under_traffic "migrations-under-traffic.md",
    backups_and_replication "backups-and-replication.md",
    poolers "poolers.md",
    testing "testing.md",
    glossary "glossary.md",
}
