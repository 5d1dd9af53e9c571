//! A table is swapped for another of the same name (create, copy, drop, rename). The helpers follow the name, or refuse,
//! and delete no registration while a table has the name.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_archive_migration::{
    ArchiveSchema, AuditSchema, HistorySchema, HistoryTable, StampSchema, TemporalForeignKey,
};
use sea_orm_migration::schema::text;

use crate::migration::database::{Migrated, assert_mentions, refused};

const SWAP: &str = "create table other (like t including all); insert into other select * from t;
    drop table t cascade; alter table other rename to t";

/// A table with a row archived by archival 1, a table that refers to it, and a detached link of the latter.
async fn archived() -> Result<Migrated, DbErr> {
    let m = Migrated::with(
        "create table t (id int primary key, n int); create table notes (id int primary key, t int references t);
         insert into t values (2, 2)",
    )
    .await;
    m.manager().archive_existing_table("t").await?;
    m.run(
        "insert into deleted_t values (1, 1, now(), null, 1);
         insert into archive.archival (id, root_table, root_key, archived_at, row_counts, tables)
         values (1, 'public.t', '{\"id\": 1}', now(), '{\"public.t\": 1}', '{t}');
         insert into archive.detached_link (archival_id, child, child_key, edge, link)
         values (1, 'notes', '{\"id\": 7}', 't', '{\"t\": 1}')",
    )
    .await;
    Ok(m)
}

#[tokio::test]
async fn archive_follows_a_swapped_table() -> Result<(), DbErr> {
    for again in ["archive", "sync"] {
        let m = archived().await?;
        m.run(SWAP).await;
        match again {
            "archive" => m.manager().archive_existing_table("t").await?,
            _ => m.manager().sync_archived_table("t").await?,
        }
        let is_t = "select active = 't'::regclass and archive_table = 'deleted_t'::regclass from archive.archived_table";
        assert!(m.one::<bool>(is_t).await);
        let holds_t = "select tables = array['t'::regclass] from archive.archival";
        assert!(m.one::<bool>(holds_t).await);
    }
    Ok(())
}

#[tokio::test]
async fn detached_links_follow_a_swapped_child() -> Result<(), DbErr> {
    let m = archived().await?;
    m.run(
        "create table other (id int primary key, t int references t); drop table notes; alter table other rename to notes",
    )
    .await;
    m.manager().archive_existing_table("notes").await?;
    let is_notes = "select child = 'notes'::regclass from archive.detached_link";
    assert!(m.one::<bool>(is_notes).await);
    Ok(())
}

/// The new table is found by its name; it must fit its archive table, as any other table.
#[tokio::test]
async fn swapped_table_that_does_not_fit_is_refused_until_it_is_synchronised() -> Result<(), DbErr>
{
    let m = archived().await?;
    m.run(&format!("{SWAP}; alter table t add extra text"))
        .await;
    let error = refused(m.manager().archive_existing_table("t").await);
    assert_mentions(
        &error,
        &["no longer fits", "\"extra\"", "sync_archived_table"],
    );
    m.manager().sync_archived_table("t").await?;
    m.manager().archive_existing_table("t").await?;
    assert_eq!(m.one::<i64>("select count(*) from deleted_t").await, 1);
    Ok(())
}

#[tokio::test]
async fn swap_for_a_partitioned_table_is_followed() -> Result<(), DbErr> {
    let m = archived().await?;
    m.run(
        "create table other (id int primary key, n int) partition by range (id);
         create table part partition of other for values from (0) to (1000); insert into other select * from t;
         drop table t cascade; alter table other rename to t",
    )
    .await;
    m.manager().archive_existing_table("t").await?;
    assert!(
        m.one::<bool>("select tables = array['t'::regclass] from archive.archival")
            .await
    );
    Ok(())
}

#[tokio::test]
async fn swapped_table_that_was_stamped_and_audited_is_refused_until_it_is_so_again()
-> Result<(), DbErr> {
    let m = archived().await?;
    m.manager().install_audit().await?;
    m.manager().audit_table("t").await?;
    m.manager().stamp_table("t").await?;
    m.manager().sync_archived_table("t").await?;
    m.run(SWAP).await;
    let both = ["public.t", "was audited", "was stamped"];
    for done in [
        m.manager().archive_existing_table("t").await,
        m.manager().sync_archived_table("t").await,
    ] {
        assert_mentions(&refused(done), &both);
    }
    // Helpers for other tables delete no registration of this one.
    m.manager().install_archive().await?;
    m.manager().stamp_table("notes").await?;
    let error = refused(m.manager().archive_existing_table("t").await);
    assert_mentions(&error, &both);
    assert_mentions(
        &error,
        &["`manager.audit_table(..)`", "`manager.unstamp_table(..)`"],
    );
    m.manager().stamp_table("t").await?;
    let error = refused(m.manager().archive_existing_table("t").await);
    assert_mentions(&error, &["was audited"]);
    m.manager().audit_table("t").await?;
    m.manager().archive_existing_table("t").await?;
    m.run("insert into t (id) values (3)").await;
    let entry = "select table_name from archive.audit_entry where operation = 'INSERT' order by id desc limit 1";
    assert_eq!(m.one::<String>(entry).await, "public.t");
    let registered = "select count(*) from archive.audited_table, archive.stamped_table where stamped = 't'::regclass";
    assert_eq!(m.one::<i64>(registered).await, 1);
    Ok(())
}

#[tokio::test]
async fn audit_and_stamps_of_a_swapped_table_can_be_dropped() -> Result<(), DbErr> {
    let m = archived().await?;
    m.manager().install_audit().await?;
    m.manager().audit_table("t").await?;
    m.manager().stamp_table("t").await?;
    m.manager().sync_archived_table("t").await?;
    m.run(SWAP).await;
    m.manager().unaudit_table("t").await?;
    m.manager().unstamp_table("t").await?;
    m.manager().archive_existing_table("t").await?;
    let left = "select (select count(*) from archive.audited_table) + (select count(*) from archive.stamped_table)";
    assert_eq!(m.one::<i64>(left).await, 0);
    Ok(())
}

/// The renamed table stays registered; the new table with its old name is not.
#[tokio::test]
async fn new_table_with_the_name_of_a_renamed_one_is_refused() -> Result<(), DbErr> {
    let m = archived().await?;
    m.manager().stamp_table("t").await?;
    m.manager().sync_archived_table("t").await?;
    m.run(
        "create table other (like t including all); alter table t rename to t_retired; alter table other rename to t",
    )
    .await;
    let error = refused(m.manager().archive_existing_table("t").await);
    assert_mentions(&error, &["public.deleted_t"]);
    Ok(())
}

/// The stored name is updated at the next helper call, while the table exists.
#[tokio::test]
async fn swap_after_a_rename_with_plain_sql_is_followed() -> Result<(), DbErr> {
    let m = archived().await?;
    m.run("alter table t rename to u").await;
    m.manager().sync_archived_table("u").await?;
    m.run(
        "create table other (like u including all); insert into other select * from u; drop table u cascade;
         alter table other rename to u",
    )
    .await;
    m.manager().sync_archived_table("u").await?;
    assert!(
        m.one::<bool>("select active = 'u'::regclass from archive.archived_table")
            .await
    );
    Ok(())
}

#[tokio::test]
async fn registrations_of_a_dropped_table_are_deleted() -> Result<(), DbErr> {
    let m = archived().await?;
    m.manager().stamp_table("t").await?;
    m.run("drop table t cascade; drop table deleted_t").await;
    m.manager().install_archive().await?;
    let left = "select (select count(*) from archive.archived_table) + (select count(*) from archive.stamped_table)
                     + (select count(*) from archive.known_table where table_name in ('t', 'deleted_t'))";
    assert_eq!(m.one::<i64>(left).await, 0);
    Ok(())
}

/// As with `migrate fresh`: all tables are dropped, and all helpers are called again.
#[tokio::test]
async fn migrations_that_run_again_reuse_the_registrations() -> Result<(), DbErr> {
    let m = Migrated::empty().await;
    for _ in 0..3 {
        m.run(
            "create table departments (id int primary key, org_id text not null);
             create table staff (id int primary key, dep int, at timestamptz)",
        )
        .await;
        m.manager().install_archive().await?;
        m.manager().install_audit().await?;
        m.manager().archive_existing_table("departments").await?;
        let history = HistoryTable::new("department_history");
        let history = history.identity("department_id", "departments");
        m.manager()
            .create_history_table(history.column(text("name")))
            .await?;
        let key = TemporalForeignKey::new("staff", ["dep"]).at("at");
        m.manager()
            .create_temporal_foreign_key(key.references("department_history"))
            .await?;
        m.manager().stamp_table("departments").await?;
        m.manager().sync_archived_table("departments").await?;
        m.manager().audit_table("departments").await?;
        sea_orm_archive_migration::TenancySchema::enable_tenancy(
            &m.manager(),
            ("departments", "org_id"),
        )
        .await?;
        let registered = "select count(*) from archive.archived_table, archive.history_table, archive.temporal_foreign_key,
                                 archive.stamped_table, archive.audited_table, archive.tenancy";
        assert_eq!(m.one::<i64>(registered).await, 1);
        m.db.execute_unprepared(
            "drop table staff, department_history, deleted_departments, departments cascade",
        )
        .await?;
    }
    Ok(())
}
