//! A role may read and move archived rows exactly if it may read and move active ones.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_migration::SchemaManager;

use crate::migration::database::Migrated;

/// The privileges of a role on a table, by their first letters.
async fn allowed(m: &Migrated, role: &str, table: &str) -> String {
    m.one(&format!(
        "select coalesce(string_agg(left(privilege, 1), '' order by position), '')
         from unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES'])
             with ordinality as p(privilege, position)
         where has_table_privilege('{role}', '{table}', privilege)"
    ))
    .await
}

#[tokio::test]
async fn archive_table_has_the_grants_of_its_table() -> Result<(), DbErr> {
    let m = Migrated::new().await;
    let [reader, writer, eraser, stranger] = [
        m.database.role("The Reader").await,
        m.database.role("writer").await,
        m.database.role("eraser").await,
        m.database.role("stranger").await,
    ];
    m.run(&format!(
        r#"create table t (id int primary key, open text, secret text);
           grant select (id, open) on t to "{stranger}";
           grant select on t to "{reader}" with grant option;
           grant select, insert, update, delete, truncate, references on t to "{writer}";
           grant delete on t to "{eraser}";"#
    ))
    .await;
    m.manager().archive_existing_table("t").await?;
    assert_eq!(allowed(&m, &reader, "deleted_t").await, "S");
    assert_eq!(allowed(&m, &writer, "deleted_t").await, "SIUD");
    assert_eq!(allowed(&m, &eraser, "deleted_t").await, "ID");
    assert_eq!(allowed(&m, &stranger, "deleted_t").await, "");
    let column = |column: &str| {
        format!("select has_column_privilege('{stranger}', 'deleted_t', '{column}', 'SELECT')")
    };
    assert!(m.one::<bool>(&column("open")).await);
    assert!(!m.one::<bool>(&column("secret")).await);
    let may_grant =
        format!("select has_table_privilege('{reader}', 'deleted_t', 'SELECT WITH GRANT OPTION')");
    assert!(m.one::<bool>(&may_grant).await);

    m.run(&format!("grant select on t to \"{stranger}\"")).await;
    m.manager().sync_archived_table("t").await?;
    assert_eq!(allowed(&m, &stranger, "deleted_t").await, "S");
    Ok(())
}

#[tokio::test]
async fn default_privileges_do_not_add_rights_on_the_archive_table() -> Result<(), DbErr> {
    let m = Migrated::new().await;
    let role = m.database.role("curious").await;
    m.run(&format!(
        "alter default privileges grant select on tables to \"{role}\", public;
         create table t (id int primary key);
         revoke all on t from \"{role}\", public"
    ))
    .await;
    m.manager().archive_existing_table("t").await?;
    assert_eq!(allowed(&m, &role, "deleted_t").await, "");
    Ok(())
}

#[tokio::test]
async fn archive_table_belongs_to_the_owner_of_its_table() -> Result<(), DbErr> {
    let m = Migrated::new().await;
    let owner = m.database.role("owner").await;
    m.run(&format!(
        "create schema shop authorization \"{owner}\"; create table shop.t (id int primary key);
         alter table shop.t owner to \"{owner}\""
    ))
    .await;
    m.manager().archive_existing_table(("shop", "t")).await?;
    let found: String = m
        .one("select tableowner::text from pg_tables where tablename = 'deleted_t'")
        .await;
    assert_eq!(found, owner);
    Ok(())
}

#[tokio::test]
async fn policies_are_copied_to_the_archive_table() -> Result<(), DbErr> {
    let m = Migrated::new().await;
    let role = m.database.role("tenant").await;
    m.run(&format!(
        r#"create schema app;
           create table app.members (name text, tenant int);
           insert into app.members values ('{role}', 1);
           create table posts (id int primary key, tenant int, public boolean);
           grant usage on schema app to "{role}";
           grant select on app.members to "{role}";
           grant select, insert, update, delete on posts to "{role}";
           alter table posts enable row level security, force row level security;
           create policy "of my ""tenant""" on posts for all to "{role}"
               using (exists (select from app.members where members.tenant = posts.tenant and name = current_user));
           create policy readers on posts as restrictive for select to public using (public or tenant > 0);
           create policy writers on posts as restrictive for insert with check (id > 0);"#
    ))
    .await;
    let session = m.database.session("migration").await.db();
    session
        .execute_unprepared("set search_path = app, public")
        .await?;
    let manager = SchemaManager::new(&session);
    manager.archive_existing_table("posts").await?;
    m.run("insert into deleted_posts values (1, 1, true, now(), null, 1), (2, 2, true, now(), null, 1)")
        .await;
    for _ in 0..2 {
        let policies = m
            .all::<String>(
                "select concat_ws(' | ', policyname, permissive, roles::text, cmd, qual, with_check)
                 from pg_policies where tablename = 'posts' order by 1",
            )
            .await;
        let copied = m
            .all::<String>(
                "select replace(concat_ws(' | ', policyname, permissive, roles::text, cmd, qual, with_check),
                                'deleted_posts.', 'posts.')
                 from pg_policies where tablename = 'deleted_posts' order by 1",
            )
            .await;
        assert_eq!(copied, policies);
        let as_role = m.database.connect_as("tenant").await;
        let seen = as_role
            .query_all_raw(sea_orm::Statement::from_string(
                sea_orm::DbBackend::Postgres,
                "select id from deleted_posts",
            ))
            .await?;
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].try_get::<i32>("", "id")?, 1);
        m.run("drop policy readers on deleted_posts").await;
        manager.sync_archived_table("posts").await?;
    }
    let forced: bool = m
        .one("select relrowsecurity and relforcerowsecurity from pg_class where oid = 'public.deleted_posts'::regclass")
        .await;
    assert!(forced);
    Ok(())
}

#[tokio::test]
async fn archive_table_with_rows_that_a_policy_hides_is_not_dropped() -> Result<(), DbErr> {
    let m = Migrated::new().await;
    let role = m.database.role("owner").await;
    m.manager().grant_archive(role.clone()).await?;
    m.run(&format!(
        "grant create on schema public to \"{role}\";
         grant insert, delete on archive.archived_table to \"{role}\";
         create table t (id int primary key);
         alter table t owner to \"{role}\";
         alter table t enable row level security, force row level security"
    ))
    .await;
    m.manager().archive_existing_table("t").await?;
    m.run("insert into deleted_t values (1, now(), null, 1)")
        .await;
    let as_owner = m.database.connect_as("owner").await;
    let manager = SchemaManager::new(&as_owner);
    assert!(manager.unarchive_existing_table("t").await.is_err());
    assert!(m.exists("deleted_t").await);
    Ok(())
}
