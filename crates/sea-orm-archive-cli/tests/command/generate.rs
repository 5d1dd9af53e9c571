//! The migration that fixes what `check` finds compiles, and does it. `UPDATE_GENERATED=1` writes generated.rs.

use std::fs;

use sea_orm_archive_tests::sql::run as sql;
use sea_orm_migration::{MigrationTrait, SchemaManager};

use crate::generated::Migration;
use crate::program::Blog;

const GENERATED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/command/generated.rs");

/// A column that somebody added to one table, a trigger of ours that somebody dropped, and tables that come new.
const DRIFT: &str = "
    alter table comments add column lang text; create table notes (id bigint primary key, text text);
    drop trigger archive_audit_update on posts;";

#[tokio::test]
async fn generated_migration_compiles_and_fixes_what_check_finds() {
    let blog = Blog::new().await;
    sql(&blog.db, DRIFT).await;
    assert_eq!(blog.run(&["check"]).code, 1);
    let printed = blog.run(&[
        "generate",
        "--print",
        "--archive",
        "notes",
        "--audit",
        "notes",
    ]);
    assert_eq!(printed.code, 0, "{printed:?}");
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::write(GENERATED, &printed.out).unwrap();
    }
    assert_eq!(printed.out, fs::read_to_string(GENERATED).unwrap());

    let manager = SchemaManager::new(&blog.db);
    Migration.up(&manager).await.unwrap();
    let clean = blog.run(&["check"]);
    assert_eq!(clean.code, 0, "{clean:?}");
    assert_eq!(
        blog.run(&["generate", "--print"]).out,
        "nothing differs from what the migrations registered\n"
    );
    Migration.down(&manager).await.unwrap();
    assert_eq!(blog.run(&["check"]).code, 0);
}

#[tokio::test]
async fn migration_is_added_to_the_migrator_and_the_rest_is_listed() {
    let blog = Blog::new().await;
    sql(&blog.db, "alter table comments add column lang text; alter table deleted_posts add constraint c check (id > 0)").await;
    let folder =
        std::env::temp_dir().join(format!("sea-orm-archive-generate-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let library = "pub use sea_orm_migration::prelude::*;\n\nmod m20260101_000001_first;\n\npub struct Migrator;\n\n        vec![\n            Box::new(m20260101_000001_first::Migration),\n        ]\n";
    fs::write(folder.join("lib.rs"), library).unwrap();
    let directory = folder.to_str().unwrap();
    let ran = blog.run(&["generate", "--directory", directory, "--name", "lang"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.out.contains("to fix yourself: public.deleted_posts")
            && ran.out.contains("DROP CONSTRAINT"),
        "{ran:?}"
    );
    let library = fs::read_to_string(folder.join("lib.rs")).unwrap();
    let module = library
        .lines()
        .find(|line| line.ends_with("_lang;"))
        .unwrap();
    let name = module.trim_start_matches("mod ").trim_end_matches(';');
    assert!(
        library.contains(&format!(
            "            Box::new({name}::Migration),\n        ]"
        )),
        "{library}"
    );
    let source = fs::read_to_string(folder.join(format!("{name}.rs"))).unwrap();
    assert!(
        source.contains("manager.sync_archived_table(\"comments\").await"),
        "{source}"
    );
    fs::write(folder.join("lib.rs"), "// empty").unwrap();
    assert_eq!(blog.run(&["generate", "--directory", directory]).code, 2);
    let elsewhere = blog.run(&["generate", "--directory", "nowhere"]);
    assert_eq!(elsewhere.code, 2, "{elsewhere:?}");
    assert!(elsewhere.err.contains("--directory"), "{elsewhere:?}");
    let no_table = blog.run(&["generate", "--print", "--audit", "nowhere"]);
    assert_eq!(no_table.code, 3, "{no_table:?}");
    fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn name_that_rust_cannot_read_is_refused_before_anything_is_written() {
    let blog = Blog::new().await;
    for name in ["", "a b", "../a", "a;mod b"] {
        let refused = blog.run(&["generate", "--print", "--name", name, "--archive", "users"]);
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(
            refused.err.contains("no name of a migration"),
            "{refused:?}"
        );
    }
}
