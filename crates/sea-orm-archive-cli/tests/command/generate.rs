//! The migration that fixes what `check` finds compiles, and does it. `UPDATE_GENERATED=1` writes generated.rs.

use std::fs;
use std::process::Command;

use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive_migration::prelude::*;
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::run as sql;
use sea_orm_migration::sea_query::ColumnType;
use sea_orm_migration::{MigrationTrait, SchemaManager};

use crate::generated::Migration;
use crate::program::{Blog, run};

const GENERATED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/command/generated.rs");

const TABLES: &str = "
    create extension if not exists btree_gist;
    create table posts (id bigint primary key, org_id bigint not null, title text);
    create table comments (id bigint primary key, org_id bigint not null, post_id bigint not null references posts on delete cascade);
    create table bookmarks (id bigint primary key, post_id bigint references posts);
    create table orders (id bigint primary key, note text, issued_at timestamptz, clerk uuid) partition by range (id);
    create table orders_low partition of orders for values from (0) to (1000);
    create table departments (id bigint primary key);
    create table staff (id bigint primary key, department_id bigint not null, hired_at timestamptz not null);
    create schema shop; create table shop.sales (id bigint primary key);
    create table pages (id bigint primary key);
    create table tickets (id bigint primary key, parent_id bigint references tickets);
    create table shop.products (region text, number bigint, primary key (region, number));
    create table notes (id bigint primary key, ticket_id bigint references tickets on delete set null);";

async fn everything() -> (Database, DatabaseConnection) {
    let database = Database::from_template("every feature, for generate", async |db| {
        let manager = SchemaManager::new(&db);
        manager.install_archive().await?;
        manager.install_audit().await?;
        manager.enable_events().await?;
        db.execute_unprepared(TABLES).await?;
        for table in ["posts", "comments", "orders", "pages"] {
            manager.archive_existing_table(table).await?;
        }
        manager.archive_existing_table(("shop", "sales")).await?;
        let history = HistoryTable::new("department_history")
            .identity("department_id", "departments")
            .column(sea_orm_migration::schema::text("name"));
        manager.create_history_table(history).await?;
        let prices = HistoryTable::new(("shop", "price_history"))
            .identity_columns(["region", "product"], ("shop", "products"))
            .column(sea_orm_migration::schema::integer("price"))
            .dates()
            .valid_to("until")
            .recorded_by("clerk", ColumnType::Uuid)
            .bitemporal();
        manager.create_history_table(prices).await?;
        let key = TemporalForeignKey::new("staff", ["department_id"])
            .at("hired_at")
            .references("department_history");
        manager.create_temporal_foreign_key(key).await?;
        manager.stamp_table("posts").await?;
        let orders = StampedTable::new("orders")
            .by(ColumnType::Uuid)
            .created_at_column("issued_at")
            .created_by_column("clerk")
            .without_updated_by();
        manager.stamp_table(orders).await?;
        manager.audit_table("posts").await?;
        manager
            .enable_tenancy(Tenancy::new("posts", "org_id"))
            .await?;
        manager.guard_table("pages", Guard::refuse()).await?;
        manager.guard_table(("shop", "sales"), Guard::catch()).await
    })
    .await;
    let db = database.connect().await;
    (database, db)
}

/// Each kind of difference that a migration fixes, and a part of the call.
const FIXED: [(&str, &str); 15] = [
    (
        "alter table comments add column lang text",
        "sync_archived_table(\"comments\")",
    ),
    (
        "alter table shop.deleted_sales add column extra text",
        "sync_archived_table((\"shop\", \"sales\"))",
    ),
    (
        "drop trigger archive_mark_deleted on bookmarks",
        "install_archive()",
    ),
    (
        "drop trigger archive_audit_update on posts",
        "install_audit()",
    ),
    ("drop trigger event_held on archive.hold", "enable_events()"),
    (
        "drop trigger zz_stamp on posts",
        "stamp_table(StampedTable::new(\"posts\"))",
    ),
    (
        "drop trigger zz_stamp on orders",
        ".created_by_column(\"clerk\")",
    ),
    (
        "drop trigger staff_department_id_hired_at_fkey_1_shorten on department_history",
        "TemporalForeignKey::new(\"staff\", [\"department_id\"])",
    ),
    (
        "alter table department_history drop constraint department_history_period_excl",
        "HistoryTable::new(\"department_history\").identity(\"department_id\", \"departments\")",
    ),
    (
        "alter table shop.price_history drop constraint price_history_identity_fkey",
        ".identity_columns([\"region\", \"product\"], (\"shop\", \"products\"))",
    ),
    (
        "drop trigger archive_guard_delete on pages",
        "guard_table(\"pages\", Guard::refuse())",
    ),
    (
        "drop trigger archive_guard_truncate on shop.sales",
        "guard_table((\"shop\", \"sales\"), Guard::catch())",
    ),
    (
        "drop policy tenancy on deleted_posts",
        "enable_tenancy(Tenancy::new(\"posts\", \"org_id\"))",
    ),
    (
        "alter table bookmarks disable trigger archive_follow_key",
        "ENABLE ALWAYS TRIGGER archive_follow_key",
    ),
    (
        "create trigger stray after delete on tickets for each statement execute function archive.mark_deleted()",
        "DROP TRIGGER stray",
    ),
];

/// Each kind of difference that a person decides about, and why.
const DECIDED: [(&str, &str); 7] = [
    (
        "alter table deleted_pages add constraint c check (id > 0)",
        "the application does not want to be archived",
    ),
    (
        "alter table deleted_comments drop deleted_by",
        "the values of the column are lost",
    ),
    (
        "alter table orders drop clerk; alter table deleted_orders drop clerk",
        "dropped deliberately",
    ),
    (
        "drop table shop.deleted_sales cascade",
        "the archived rows are lost",
    ),
    (
        "alter table staff rename hired_at to since",
        "whether the column was renamed",
    ),
    (
        "create rule quiet as on delete to pages do instead nothing",
        "an object of the application",
    ),
    (
        "grant select on deleted_posts to public",
        "rights are given and revoked by a person",
    ),
];

#[tokio::test]
async fn generated_migration_compiles_and_fixes_each_kind_of_difference() {
    let (database, db) = everything().await;
    let url = database.url();
    let run = |arguments: &[&str]| run(Some(&url), arguments);
    let fresh = run(&["generate", "--print"]);
    assert_eq!(
        fresh.out,
        "nothing differs from what the migrations registered\n"
    );
    for (change, _) in FIXED {
        sql(&db, change).await;
    }
    let options = ["--archive", "tickets", "--audit", "tickets"];
    let printed = run(&[&["generate", "--print"], &options[..]].concat());
    assert_eq!(printed.code, 0, "{printed:?}");
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::write(GENERATED, &printed.out).unwrap();
    }
    assert_eq!(printed.out, fs::read_to_string(GENERATED).unwrap());
    assert_eq!(formatted(&printed.out), printed.out);
    for (change, call) in FIXED {
        assert!(printed.out.contains(call), "{change}: {}", printed.out);
    }

    let manager = SchemaManager::new(&db);
    Migration.up(&manager).await.unwrap();
    let clean = run(&["check"]);
    assert_eq!(clean.code, 0, "{clean:?}");
    Migration.down(&manager).await.unwrap();
    assert_eq!(run(&["check"]).code, 0);
}

/// The source as rustfmt formats it.
fn formatted(source: &str) -> String {
    let path = std::env::temp_dir().join(format!("generated-{}.rs", std::process::id()));
    fs::write(&path, source).unwrap();
    let ran = Command::new("rustfmt")
        .args(["--edition", "2024"])
        .arg(&path)
        .status();
    assert!(ran.unwrap().success());
    let formatted = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    formatted
}

#[tokio::test]
async fn what_a_person_decides_is_listed_with_the_reason() {
    let (database, db) = everything().await;
    for (change, _) in DECIDED {
        sql(&db, change).await;
    }
    let ran = run(Some(&database.url()), &["generate", "--print"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    for (change, why) in DECIDED {
        let is_listed = |line: &str| line.contains("no call is generated") && line.contains(why);
        assert!(ran.out.lines().any(is_listed), "{change}: {}", ran.out);
    }
}

#[tokio::test]
async fn column_with_archived_values_is_not_dropped() {
    let (database, db) = everything().await;
    sql(
        &db,
        "alter table deleted_pages add column extra text;
         insert into archive.archival (id, root_table, root_key, archived_at, row_counts, tables) overriding system value values (9, 'public.pages', '{}', now(), '{}', '{}');
         insert into deleted_pages (id, deleted_at, archival_id, extra) values (1, now(), 9, 'value')",
    )
    .await;
    let ran = run(Some(&database.url()), &["generate", "--print"]);
    assert!(
        ran.out.contains("sync_archived_table(\"pages\")"),
        "{ran:?}"
    );
    let manager = SchemaManager::new(&db);
    let error = manager.sync_archived_table("pages").await.unwrap_err();
    assert!(error.to_string().contains("would lose"), "{error}");
}

#[tokio::test]
async fn attributes_of_the_entity_are_printed() {
    let (database, _db) = everything().await;
    let ran = run(
        Some(&database.url()),
        &["generate", "--entity", "tickets", "--entity", "posts"],
    );
    for part in [
        "#[sea_orm(table_name = \"tickets\")]",
        "// public.notes (ticket_id) ON DELETE SET NULL: cascade, detach or restrict\n",
        "#[archive(detach)]",
        "// public.comments (post_id) ON DELETE CASCADE: cascade or restrict; that table needs an archive table and the derive, too",
        "#[archive(cascade)]\n        pub comments: HasMany<..>",
    ] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
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

/// A call that would refer to a dropped table, add a renamed column again, or name another table.
#[tokio::test]
async fn no_call_is_generated_that_would_do_something_else() {
    for (change, why, call) in [
        (
            "drop table departments cascade",
            "a table that it refers to was dropped",
            "create_history_table",
        ),
        (
            "alter table orders rename column issued_at to started_at; drop trigger zz_stamp on orders",
            "its table needs what is to be fixed yourself first",
            "stamp_table",
        ),
        (
            "alter schema shop rename to \"sh.op\"; alter table \"sh.op\".sales add column note text; create schema sh; create table sh.sales (id int primary key)",
            "a name with a dot in it: write the call yourself",
            "sync_archived_table",
        ),
    ] {
        let (database, db) = everything().await;
        sql(&db, change).await;
        let ran = run(Some(&database.url()), &["generate", "--print"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.out.contains(why), "{ran:?}");
        let calls = ran
            .out
            .lines()
            .filter(|line| !line.starts_with("to fix yourself"));
        assert_eq!(
            calls
                .filter(|line| line.contains(&format!(".{call}(")))
                .collect::<Vec<_>>(),
            [""; 0]
        );
    }
}
