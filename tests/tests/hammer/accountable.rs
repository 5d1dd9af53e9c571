//! The same load on audited and stamped tables under tenancy, as a role that owns no table.

use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use sea_orm_archive::check;
use sea_orm_archive_migration::{ArchiveSchema, StampSchema, Tenancy, TenancySchema};
use sea_orm_archive_tests::{Database, assert_log_agrees};
use sea_orm_migration::SchemaManager;

use crate::hammer::load::{Load, Outcome};
use crate::hammer::{TABLES, write};

/// The blog of organisation 1, and a post of organisation 2 with its comments and likes.
async fn write_of_two(db: &DatabaseConnection) -> Result<(), DbErr> {
    // All columns are added before the tables are audited: the log records changes of rows, not new columns.
    Migrator::up(db, Some(2)).await?;
    let manager = SchemaManager::new(db);
    for table in TABLES {
        let column = format!("alter table {table} add org_id bigint not null default 1");
        db.execute_unprepared(&column).await?;
        manager.sync_archived_table(table).await?;
    }
    manager.stamp_table("posts").await?;
    manager.stamp_table("comments").await?;
    write(db).await?;
    db.execute_unprepared(
        "insert into posts (id, title, slug, content, author_id, org_id) values (101, 'Post', 'theirs', '', 1, 2);
         insert into comments (id, post_id, author_id, content, org_id) select 200 + n, 101, 1, 'theirs', 2 from generate_series(1, 9) n;
         insert into likes (id, comment_id, user_id, org_id) select id, id, 1, 2 from comments where org_id = 2",
    )
    .await?;
    for table in TABLES {
        let default = format!(
            "alter table {table} alter org_id set default archive.current_tenant()::bigint"
        );
        db.execute_unprepared(&default).await?;
        manager
            .enable_tenancy(Tenancy::new(table, "org_id"))
            .await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_row_is_lost_and_the_log_records_every_change() {
    let blog = Database::from_template("accountable", async |db| write_of_two(&db).await).await;
    let db = blog.connect().await;
    let role = blog.role("web").await;
    SchemaManager::new(&db).grant_archive(&role).await.unwrap();
    let tables = TABLES
        .map(|table| format!("{table}, deleted_{table}"))
        .join(", ");
    db.execute_unprepared(&format!(
        "grant select, insert, update, delete on {tables} to \"{role}\"; grant select on users to \"{role}\";
         grant usage on all sequences in schema public to \"{role}\";
         alter role \"{role}\" set app.current_org_id = '1'"
    ))
    .await
    .unwrap();
    let outcome = Load::of_the_product()
        .run(&blog.connect_as("web").await)
        .await;
    assert_eq!(outcome, Outcome::default());
    assert!(
        assert_log_agrees(&db, &TABLES).await > 200,
        "too few entries were logged"
    );
    let theirs = "do $$ begin
        assert (select count(*) from posts where org_id = 2) = 1;
        assert (select count(*) from comments where org_id = 2 and content = 'theirs') = 9;
        assert (select count(*) from likes where org_id = 2) = 9;
        assert not exists (select from archive.archival where tenant is distinct from '1');
        assert not exists (select from archive.audit_entry where tenant is distinct from '1' and operation <> 'INSERT');
        end $$";
    db.execute_unprepared(theirs).await.unwrap();
    let findings = check(&db).await.unwrap();
    assert!(findings.is_empty(), "{findings:?}");
}
