//! Objects that an archive table must not have, whether it was created with plain SQL or changed later. Adoption, sync
//! and the check before a move (`tables::refusals`) use one rule.

use sea_orm::DbErr;
use sea_orm_archive_migration::ArchiveSchema;

use crate::migration::database::{Migrated, assert_mentions, refused};

const PAIR: &str = "create table t (id int primary key, n int);
    create table deleted_t (
        id int primary key, n int, deleted_at timestamptz not null, deleted_by bigint, archival_id bigint not null);
    create table other (like deleted_t);
    create function skip() returns trigger language plpgsql as 'begin return null; end'";

/// Changes of the archive table, and the text of the error.
const UNFIT: [(&str, &str); 10] = [
    (
        "alter table deleted_t add constraint calm check (n > 0)",
        "CHECK constraint \"calm\"",
    ),
    (
        "create unique index one on deleted_t (n)",
        "unique index one",
    ),
    (
        "alter table deleted_t add exclude (n with =)",
        "unique index deleted_t_n_excl",
    ),
    (
        "create rule quiet as on insert to deleted_t do instead nothing",
        "rewrite rule",
    ),
    (
        "create table heirs () inherits (deleted_t)",
        "inherited from",
    ),
    (
        "alter table deleted_t inherit other",
        "inherits from a table",
    ),
    (
        "create trigger skip before insert on deleted_t for each row execute function skip()",
        "trigger skip",
    ),
    (
        "create trigger skip before delete on deleted_t for each row execute function skip()",
        "trigger skip",
    ),
    (
        "create table notes (t int references deleted_t on delete cascade)",
        "notes_t_fkey of public.notes",
    ),
    (
        "create table notes (t int references deleted_t)",
        "notes_t_fkey of public.notes",
    ),
];

#[tokio::test]
async fn archive_table_that_could_lose_or_refuse_a_row_is_not_adopted() {
    let unlogged = ("alter table deleted_t set unlogged", "UNLOGGED");
    for (change, names) in UNFIT.into_iter().chain([unlogged]) {
        let m = Migrated::with(&format!("{PAIR}; {change}")).await;
        let error = refused(m.manager().archive_existing_table("t").await);
        assert_mentions(&error, &["public.deleted_t", names, "rename it"]);
    }
}

#[tokio::test]
async fn archive_table_changed_so_that_it_could_lose_or_refuse_a_row_is_refused_by_sync()
-> Result<(), DbErr> {
    for (change, names) in UNFIT {
        let m = Migrated::with(PAIR).await;
        m.manager().archive_existing_table("t").await?;
        m.run(change).await;
        let error = refused(m.manager().sync_archived_table("t").await);
        assert_mentions(&error, &["public.deleted_t does not fit public.t", names]);
        let error = refused(m.manager().archive_existing_table("t").await);
        assert_mentions(&error, &["public.deleted_t no longer fits public.t", names]);
    }
    Ok(())
}

#[tokio::test]
async fn sync_sets_an_unlogged_archive_table_logged_without_losing_rows() -> Result<(), DbErr> {
    let m = Migrated::with(PAIR).await;
    m.manager().archive_existing_table("t").await?;
    m.run(
        "insert into deleted_t values (1, 2, now(), null, 1); alter table deleted_t set unlogged",
    )
    .await;
    let error = refused(m.manager().archive_existing_table("t").await);
    assert_mentions(&error, &["UNLOGGED", "sync_archived_table"]);
    m.manager().sync_archived_table("t").await?;
    let persistence = "select relpersistence::text from pg_class where oid = 'deleted_t'::regclass";
    assert_eq!(m.one::<String>(persistence).await, "p");
    assert_eq!(m.one::<i64>("select count(*) from deleted_t").await, 1);
    Ok(())
}

/// UNLOGGED was chosen for the rows of the table itself, not for archived rows.
#[tokio::test]
async fn archive_table_of_an_unlogged_table_is_logged() -> Result<(), DbErr> {
    let m = Migrated::with("create unlogged table t (id int primary key)").await;
    m.manager().archive_existing_table("t").await?;
    let persistence = "select relpersistence::text from pg_class where oid = 'deleted_t'::regclass";
    assert_eq!(m.one::<String>(persistence).await, "p");
    Ok(())
}

#[tokio::test]
async fn temporary_table_is_not_archived() {
    let m = Migrated::new().await;
    let session = m.database.session("with a temporary table").await;
    let db = session.db();
    sea_orm::ConnectionTrait::execute_unprepared(
        &db,
        "create temporary table t (id int primary key)",
    )
    .await
    .unwrap();
    let manager = sea_orm_migration::SchemaManager::new(&db);
    let error = refused(manager.archive_existing_table("t").await);
    assert_mentions(&error, &["cannot be archived"]);
}
