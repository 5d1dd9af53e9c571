//! The code on each page is compiled, runs on an empty database, and prints what the page shows.

use std::path::Path;

use guide::Output;
use sea_orm::ConnectionTrait;
use sea_orm_archive_tests::{Database, page::Page};

/// A test for each page: the Markdown, the module, and what the module prints.
macro_rules! pages {
    ($($page:ident $file:literal),* $(,)?) => {
        $(#[tokio::test]
        async fn $page() -> anyhow::Result<()> {
            let page = Page::new($file, include_str!(concat!("../../../docs/guide/", $file)));
            let sources = sources(stringify!($page))?;
            let sources: Vec<_> = sources.iter().map(String::as_str).collect();
            page.assert_compiled(&sources);
            let database = Database::empty().await;
            // As an application does: the role owns its tables, and is no superuser.
            let role = database.role("app").await;
            let grants = format!(
                "ALTER ROLE {role} CREATEROLE; GRANT ALL ON SCHEMA public TO {role}; GRANT CREATE ON DATABASE {} TO {role}",
                database.name(),
            );
            database.connect().await.execute_unprepared(&grants).await?;
            let db = database.connect_as("app").await;
            let mut output = Output::default();
            guide::$page::run(&db, &mut output).await?;
            println!("{}", output.0);
            page.assert_printed(&output.0);
            Ok(())
        })*

        const PAGES: &[&str] = &[$($file),*];
    };
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
    migrations_under_traffic "migrations-under-traffic.md",
    backups_and_replication "backups-and-replication.md",
    poolers "poolers.md",
    testing "testing.md",
}

/// The module of a page, and those that it shares with others.
fn sources(page: &str) -> std::io::Result<Vec<String>> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![src.join("blog"), src.join(page)];
    let mut sources = Vec::new();
    sources.extend(std::fs::read_to_string(src.join(format!("{page}.rs"))));
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry?.path();
            match path.is_dir() {
                true => folders.push(path),
                false => sources.push(std::fs::read_to_string(path)?),
            }
        }
    }
    Ok(sources)
}

#[test]
fn every_page_of_the_guide_is_compiled() -> std::io::Result<()> {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide");
    for entry in std::fs::read_dir(guide)? {
        let name = entry?.file_name().into_string().unwrap_or_default();
        assert!(
            ["README.md", "glossary.md", "command.md"].contains(&name.as_str())
                || PAGES.contains(&name.as_str()),
            "{name} has no module"
        );
    }
    Ok(())
}

/// The documentation of the crate shows the pages too, with links of its own between them.
#[test]
fn every_page_and_link_is_in_the_documentation_of_the_crate() -> std::io::Result<()> {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide");
    let modules = include_str!("../../../crates/sea-orm-archive/src/guide.rs");
    let links = include_str!("../../../crates/sea-orm-archive/src/guide_links.md");
    for page in PAGES {
        assert!(modules.contains(&format!("\"{page}\"")), "{page}");
        let text = std::fs::read_to_string(guide.join(page))?;
        let labels = text.lines().filter(|line| line.starts_with('['));
        for label in labels.filter_map(|line| line.split_once("]: ")) {
            assert!(
                links.contains(&format!("{}]: ", label.0)),
                "{page}: {}",
                label.0
            );
        }
    }
    Ok(())
}
