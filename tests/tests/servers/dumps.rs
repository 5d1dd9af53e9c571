//! Dumps of every kind, and the databases that they are restored into.

use sea_orm::DatabaseConnection;
use sea_orm_archive::check;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::{
    Database, connect,
    sql::{number, run, texts},
};

use super::notes::{archive_and_restore, assert_same, database, note};
use super::programs::{attempt, output, programs};
use crate::check::shop::Shop;

/// A folder for dumps, which is removed with this value.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("dumps-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What is checked after a restore of a dump: every row, no finding, and that archivals from before can be restored.
async fn verify(copy: &DatabaseConnection, original: &DatabaseConnection) {
    assert_same(copy, original).await;
    assert_eq!(check(copy).await.unwrap(), []);
    let restored = note::Entity::restore_by_id(1).exec(copy).await.unwrap();
    assert_eq!(restored.relinked, 1);
    archive_and_restore(copy, 2).await.unwrap();
    note::Entity::find_audit_by_id(1).all(copy).await.unwrap();
}

#[tokio::test]
async fn dumps_of_every_format_can_be_restored() {
    let database = database().await;
    let db = database.connect().await;
    let Some([pg_dump, pg_restore, psql]) = programs(&db, ["pg_dump", "pg_restore", "psql"]).await
    else {
        return;
    };
    note::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let (url, folder) = (database.url(), Folder::new("formats"));
    let (plain, custom) = (folder.file("plain.sql"), folder.file("custom.dump"));
    output(&pg_dump, &["--file", &plain, &url]);
    output(&pg_dump, &["--format=custom", "--file", &custom, &url]);

    let copy = Database::empty().await;
    output(
        &psql,
        &[
            "--set=ON_ERROR_STOP=1",
            "--quiet",
            "--file",
            &plain,
            &copy.url(),
        ],
    );
    verify(&copy.connect().await, &db).await;

    let copy = Database::empty().await;
    for section in ["pre-data", "data", "post-data"] {
        output(
            &pg_restore,
            &[
                "--exit-on-error",
                "--section",
                section,
                "--dbname",
                &copy.url(),
                &custom,
            ],
        );
    }
    verify(&copy.connect().await, &db).await;

    // All objects belong to the role that restores, and another role may archive after grants of its own.
    let copy = Database::empty().await;
    let admin = copy.connect().await;
    let owner = copy.role("owner").await;
    run(&admin, &format!(
        "create extension btree_gist; alter database \"{}\" owner to \"{owner}\"; alter schema public owner to \"{owner}\"",
        copy.name()
    )).await;
    let list = folder.file("list");
    let objects = output(&pg_restore, &["--list", &custom]);
    let objects: String = objects
        .lines()
        .filter(|line| !line.contains("EXTENSION"))
        .fold(String::new(), |all, line| all + line + "\n");
    std::fs::write(&list, objects).unwrap();
    output(
        &pg_restore,
        &[
            "--exit-on-error",
            "--no-owner",
            "--no-privileges",
            "--role",
            &owner,
            "--use-list",
            &list,
            "--dbname",
            &copy.url(),
            &custom,
        ],
    );
    verify(&copy.connect_as("owner").await, &db).await;
}

/// `--disable-triggers` leaves every trigger enabled, and none ALWAYS.
#[tokio::test]
async fn triggers_that_a_data_only_dump_leaves_ordinary_are_reported_with_the_repair() {
    let database = database().await;
    let db = database.connect().await;
    let Some([pg_dump, psql]) = programs(&db, ["pg_dump", "psql"]).await else {
        return;
    };
    note::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let (url, folder) = (database.url(), Folder::new("data"));
    let (schema, data) = (folder.file("schema.sql"), folder.file("data.sql"));
    output(&pg_dump, &["--schema-only", "--file", &schema, &url]);
    output(
        &pg_dump,
        &["--data-only", "--disable-triggers", "--file", &data, &url],
    );
    let copy = Database::empty().await;
    for file in [&schema, &data] {
        output(
            &psql,
            &[
                "--set=ON_ERROR_STOP=1",
                "--quiet",
                "--file",
                file,
                &copy.url(),
            ],
        );
    }
    let copy = copy.connect().await;
    let always = "select concat_ws(' ', tgrelid::regclass, tgname) from pg_trigger as t join pg_proc as f on f.oid = t.tgfoid
        where f.pronamespace = 'archive'::regnamespace and t.tgenabled = 'A' order by 1";
    assert_eq!(texts(&copy, always).await, [""; 0]);
    let found = check(&copy).await.unwrap();
    assert_eq!(found.len(), texts(&db, always).await.len(), "{found:#?}");
    for finding in found {
        assert!(
            finding.problem.contains("enabled, and not always"),
            "{finding}"
        );
        run(&copy, &finding.remedy).await;
    }
    assert_eq!(texts(&copy, always).await, texts(&db, always).await);
    verify(&copy, &db).await;
}

/// The same with every kind of object of ours.
#[tokio::test]
async fn every_trigger_of_every_kind_is_reported_after_a_data_only_dump() {
    let shop = Shop::new().await;
    let admin = shop.database.connect().await;
    let tables = "select string_agg(distinct format('alter table %s disable trigger all; alter table %1$s enable trigger all', c.oid::regclass), ';')
        from pg_class as c where relnamespace in ('archive'::regnamespace, 'public'::regnamespace) and relkind in ('r', 'p')";
    let always = "select count(*) from pg_trigger where not tgisinternal and tgenabled = 'A'";
    let before = number(&admin, always).await;
    run(&admin, &texts(&admin, tables).await.remove(0)).await;
    assert_eq!(number(&admin, always).await, 0);
    for finding in shop.check().await {
        if finding.remedy.starts_with("ALTER TABLE") {
            run(&admin, &finding.remedy).await;
        }
    }
    for table in ["posts", "comments"] {
        shop.fix(crate::check::shop::Way::Tenancy(table), &[]).await;
    }
    assert_eq!(shop.check().await, []);
    assert_eq!(number(&admin, always).await, before);
}

/// A dump of a database under tenancy: the owner would see no row.
#[tokio::test]
async fn role_that_bypasses_policies_backs_up_a_database_under_tenancy() {
    let shop = Shop::new().await;
    let admin = shop.database.connect().await;
    let Some([pg_dump, psql]) = programs(&admin, ["pg_dump", "psql"]).await else {
        return;
    };
    run(
        &admin,
        "insert into posts select n, n % 2, 'post' from generate_series(1, 4) as n",
    )
    .await;
    let (owner, backup) = (
        shop.database.role("owner").await,
        shop.database.role("backup").await,
    );
    run(
        &admin,
        &format!("alter role \"{backup}\" bypassrls; grant pg_read_all_data to \"{backup}\""),
    )
    .await;
    let (url, folder) = (shop.database.url(), Folder::new("tenancy"));
    let (role, file) = (
        |role: &str| format!("--role={role}"),
        folder.file("dump.sql"),
    );
    let error = attempt(&pg_dump, &[&role(&owner), "--file", &file, &url]).unwrap_err();
    let guide = include_str!("../../../docs/guide/backups-and-replication.md");
    let message = error.lines().next().unwrap();
    assert!(
        message.contains("row-level security") && guide.contains(message),
        "{message}"
    );
    let rows = |text: &str| text.lines().filter(|line| line.ends_with("\tpost")).count();
    let empty = output(
        &pg_dump,
        &[
            &role(&owner),
            "--enable-row-security",
            "--table=posts",
            "--data-only",
            &url,
        ],
    );
    assert_eq!(rows(&empty), 0);

    output(&pg_dump, &[&role(&backup), "--file", &file, &url]);
    let copy = Database::empty().await;
    output(
        &psql,
        &[
            "--set=ON_ERROR_STOP=1",
            "--quiet",
            "--file",
            &file,
            &copy.url(),
        ],
    );
    let copy = connect(&copy.url()).await;
    assert_eq!(number(&copy, "select count(*) from posts").await, 4);
    assert_eq!(check(&copy).await.unwrap(), []);
}
