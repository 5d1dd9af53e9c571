//! The README shows this program, and what it prints.

use std::process::Command;

use sea_orm_archive_tests::{Database, page::Page};

#[tokio::test]
async fn the_readme_shows_a_program_that_runs() -> Result<(), Box<dyn std::error::Error>> {
    let readme = Page::new("README.md", include_str!("../../../README.md"));
    readme.assert_compiled(&[
        include_str!("../src/post.rs"),
        include_str!("../src/comment.rs"),
        include_str!("../src/migrator.rs"),
        include_str!("../src/main.rs"),
        include_str!("../src/features.rs"),
        include_str!("dependencies.toml"),
    ]);
    let database = Database::empty().await;
    let program = Command::new(env!("CARGO_BIN_EXE_quickstart"))
        .env("DATABASE_URL", database.url())
        .output()?;
    assert!(program.status.success(), "{program:?}");
    readme.assert_printed(&String::from_utf8(program.stdout)?);
    Ok(())
}
