//! Versions are purged with the rights of the caller.

use sea_orm::ConnectionTrait;
use sea_orm_archive::archival;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::sql::{refused, run};
use sea_orm_migration::SchemaManager;

use super::{audit, database, left, previewed, purge};

#[tokio::test]
async fn role_purges_with_its_rights_and_what_it_lacks_is_listed() {
    let (database, db) = database().await;
    run(&db, &audit(1, 60)).await;
    let web = database.role("web").await;
    SchemaManager::new(&db).grant_archive(&web).await.unwrap();
    let rights = [
        "select on department_history",
        "delete on department_history",
        "update (name) on department_history",
        "select on departments",
        "update (id) on departments",
    ];
    for right in rights {
        run(&db, &format!("grant {right} to \"{web}\"")).await;
    }
    for right in rights {
        run(&db, &format!("revoke {right} from \"{web}\"")).await;
        let session = database.connect_as("web").await;
        assert_eq!(previewed(&session).await, 0, "{right}");
        let purged = purge(&session).await;
        assert_eq!(purged.versions, 0, "{right}");
        assert_eq!(purged.not_allowed, ["public.department_history"]);
        let attack =
            "select archive.unused_versions('department_history'::regclass, '{\"(0,1)\"}')";
        assert_eq!(refused(&session, attack).await.code, "42501");
        run(&db, &format!("grant {right} to \"{web}\"")).await;
    }
    // It may not read the audit that refers to a version.
    let session = database.connect_as("web").await;
    assert_eq!(previewed(&session).await, 2);
    let purged = purge(&session).await;
    assert_eq!((purged.versions, purged.not_allowed), (2, Vec::new()));
    assert_eq!(left(&db).await, "BCDF");
}

#[tokio::test]
async fn versions_that_a_policy_hides_from_the_role_stay() {
    let (database, db) = database().await;
    let web = database.role("web").await;
    SchemaManager::new(&db).grant_archive(&web).await.unwrap();
    run(
        &db,
        &format!(
            "grant select, update, delete on departments, department_history to \"{web}\";
             alter table department_history enable row level security;
             create policy own on department_history using (department_id = 2)"
        ),
    )
    .await;
    let session = database.connect_as("web").await;
    assert_eq!(
        (previewed(&session).await, purge(&session).await.versions),
        (1, 1)
    );
    assert_eq!(left(&db).await, "ABCDF");
}

/// The owner of the functions would not see every row that refers to a version, so none is purged.
#[tokio::test]
async fn versions_stay_where_a_policy_may_hide_the_rows_that_refer_to_them() {
    let (database, db) = database().await;
    let owner = database.role("owner").await;
    let names = "select string_agg(format('alter %s %s owner to \"%s\"', k, o, current_setting('test.owner')), ';')";
    run(
        &db,
        &format!("set test.owner = '{owner}'; grant all on schema public, archive to \"{owner}\""),
    )
    .await;
    let functions = format!(
        "set test.owner = '{owner}';
         do $$ begin execute ({names} from (
             select 'table' as k, c.oid::regclass::text as o from pg_class as c where c.relnamespace in ('archive'::regnamespace, 'public'::regnamespace) and relkind in ('r', 'v')
             union all select 'function', p.oid::regprocedure::text from pg_proc as p where p.pronamespace = 'archive'::regnamespace and p.prokind = 'f') as o); end $$"
    );
    run(&db, &functions).await;
    let session = database.connect_as("owner").await;
    assert_eq!(previewed(&session).await, 3);
    session
        .execute_unprepared(
            "alter table user_audit enable row level security, force row level security;
             create policy mine on user_audit using (department_id = 1)",
        )
        .await
        .unwrap();
    assert_eq!(previewed(&session).await, 0);
    let purged = archival::Entity::purge_expired().exec(&session).await;
    assert_eq!(purged.unwrap().versions, 0);
}
