//! No setting that a client can change gives it another tenant's rows, unless it is the tenant itself.

use sea_orm::TransactionTrait;
use sea_orm_archive::error::NotFoundError;
use sea_orm_archive::prelude::*;

use crate::tenancy::database::{EVERYTHING, Organisations, attempt, run, texts};
use crate::tenancy::model::post;

#[tokio::test]
async fn settings_of_the_client_show_no_row_of_another_tenant() {
    let organisations = Organisations::new().await;
    let txn = organisations.tenant(1).await;
    let mine = texts(&txn, EVERYTHING).await;
    let ops = &organisations.ops;
    let mut opened = 0;
    for sql in [
        format!("set local role \"{ops}\""),
        format!("select set_config('role', '{ops}', true)"),
        format!("set local session authorization \"{ops}\""),
        format!("select set_config('session_authorization', '{ops}', true)"),
        format!("select set_config('is_superuser', 'on', true), set_config('app.role', '{ops}', true)"),
        "set local session_replication_role = replica".to_owned(),
        "set local row_security = off".to_owned(),
        "select set_config('archive.moving', (select concat(pg_current_xact_id(), ':', string_agg(',' || oid || ',', '')) from pg_class), true)".to_owned(),
        format!("select set_config('archive.acting_role', '{ops}', true), set_config('archive.tenant', '2', true)"),
        "set local search_path = pg_temp; create temporary table posts (id int); create function pg_temp.current_setting(text, boolean) returns text return '2'"
            .to_owned(),
        "set local app.current_org_id = ''".to_owned(),
    ] {
        let nested = txn.begin().await.unwrap();
        if attempt(&nested, &sql).await.is_err() {
            continue;
        }
        opened += 1;
        if sql.contains("search_path") {
            run(&nested, "drop table pg_temp.posts; set local search_path = pg_temp, public").await;
        }
        let seen = match sql.contains("row_security") {
            // An error, and not the rows.
            true => match attempt(&nested, "select * from posts").await {
                Err(error) if error.to_string().contains("row-level security") => Vec::new(),
                done => panic!("{done:?}"),
            },
            false => texts(&nested, EVERYTHING).await,
        };
        assert!(seen.iter().all(|row| mine.contains(row)), "{sql}: {seen:?}");
        if !sql.contains("row_security") {
            assert!(matches!(post::Entity::archive_by_id(2).exec(&nested).await, Err(Error::NotFound(NotFoundError::Row { .. }))), "{sql}");
        }
    }
    assert!(opened >= 5, "{opened}");
}

/// No setting of a session disables the guard, and no role but the owner can replace it.
#[tokio::test]
async fn guard_cannot_be_disabled_by_a_session() {
    let organisations = Organisations::new().await;
    let txn = organisations.administrator().await;
    run(&txn, "insert into comments values (15, 2, 1)").await;
    txn.commit().await.unwrap();
    let txn = organisations.tenant(1).await;
    run(&txn, "select set_config('archive.moving', (select concat(pg_current_xact_id(), ':', string_agg(',' || oid || ',', '')) from pg_class), true)").await;
    let error = attempt(&txn, "delete from posts where id = 1")
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("rows of another tenant"),
        "{error}"
    );
    drop(txn);
    // Not even the owner can TRUNCATE a table without acting as the administrator.
    let error = attempt(&organisations.owner, "truncate likes")
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("rows of another tenant"),
        "{error}"
    );
    for sql in [
        "alter table posts disable row level security",
        "drop policy tenancy on posts",
        "alter table comments disable trigger tenancy_guard",
        "update archive.tenancy set administrator = 'web'",
        "delete from archive.audit_entry",
        "select from archive.audit_entry_default",
        "create trigger mine before insert on posts for each row execute function archive.tenancy_guard()",
    ] {
        assert!(attempt(&organisations.web, sql).await.is_err(), "{sql}");
    }
}

/// An archival record of a table under tenancy has a tenant. An array with the lower bound 0 passes a check of all
/// its elements, while a read of element 1 returns NULL.
#[tokio::test]
async fn no_record_of_a_table_under_tenancy_is_written_without_a_tenant() {
    let organisations = Organisations::new().await;
    let txn = organisations.tenant(1).await;
    run(
        &txn,
        "with d as materialized (select archive.draw_archivals(1) as d)
         select archive.record_archivals(d, '{posts}', now(),
             array[(d->'ids'->>0)::bigint], '{\"{}\"}', '{\"{}\"}', '[0:0]={1}') from d",
    )
    .await;
    let tenants = "select coalesce(tenant, 'none') from archive.archival";
    assert_eq!(texts(&txn, tenants).await, ["1"]);
    let error = attempt(
        &txn,
        "with d as materialized (select archive.draw_archivals(1) as d)
         select archive.record_archivals(d, '{department_history}', now(),
             array[(d->'ids'->>0)::bigint], '{\"{}\"}', '{\"{}\"}', '{null}') from d",
    );
    let error = error.await.unwrap_err().to_string();
    assert!(error.contains("department_history"), "{error}");
}
