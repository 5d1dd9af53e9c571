//! Roles, tenants, and what is dropped.

use blog::{comment, post};
use sea_orm::{ConnectionTrait, IsolationLevel, TransactionTrait};
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{
    ArchiveSchema, AuditSchema, HistorySchema, HoldSchema, Retention, RetentionSchema,
};
use sea_orm_archive_tests::sql::{number, refused, run, texts};
use sea_orm_archive_tests::tables::tables;
use sea_orm_migration::SchemaManager;

use super::assert_kept;
use crate::holds::database;
use crate::tenancy::database::Organisations;

/// The archival with the held row is kept with all its rows by purges; the helper drops some of them.
#[tokio::test]
async fn rows_of_the_archival_of_a_held_row_are_not_dropped() {
    let mut lost = Vec::new();
    for table in [false, true] {
        let (_database, db) = database().await;
        post::Entity::archive_by_id(1).exec(&db).await.unwrap();
        let held = match table {
            false => post::Entity::hold_by_id(1, "case 17"),
            true => post::Entity::hold_table("case 17"),
        };
        held.exec(&db).await.unwrap();
        let likes = number(&db, "select count(*) from deleted_likes").await;
        assert_eq!(likes, 1);
        let dropped = SchemaManager::new(&db).drop_archived_table("likes").await;
        if dropped.is_ok() {
            lost.push((table, dropped));
        }
    }
    assert!(
        lost.is_empty(),
        "dropped with a row of the held archival (hold of the table?): {lost:?}"
    );
}

/// Above READ COMMITTED the row is looked up with a snapshot from before its purge.
#[tokio::test]
async fn hold_above_read_committed_is_not_placed_on_a_purged_row() {
    for level in [IsolationLevel::RepeatableRead, IsolationLevel::Serializable] {
        let (_database, db) = database().await;
        let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
        let txn = db.begin_with_config(Some(level), None).await.unwrap();
        number(&txn, "select count(*) from deleted_posts").await;
        archival.purge(&db).await.unwrap();
        let held = post::Entity::hold_by_id(1, "case 17").exec(&txn).await;
        let committed = txn.commit().await;
        assert!(
            held.is_err() || committed.is_err(),
            "{level}: the row is purged, and held: {held:?}"
        );
    }
}

async fn as_web(
    database: &sea_orm_archive_tests::Database,
    db: &sea_orm::DatabaseConnection,
) -> sea_orm::DatabaseConnection {
    let web = database.role("web").await;
    run(
        db,
        &format!("grant select, insert, update, delete on all tables in schema public to {web}"),
    )
    .await;
    SchemaManager::new(db).grant_archive(&web).await.unwrap();
    database.connect_as("web").await
}

/// A role with grant_archive calls the second half of a purge alone.
#[tokio::test]
async fn half_a_purge_does_not_purge_what_is_held() {
    let (database, db) = database().await;
    let web = as_web(&database, &db).await;
    let archival = post::Entity::archive_by_id(1).exec(&web).await.unwrap();
    archival::Entity::hold_by_id(archival.id, "case 17")
        .exec(&db)
        .await
        .unwrap();
    let sql = format!(
        "select archive.purge_parts(jsonb_build_array(jsonb_build_object('ids', array[{0}], 'tenant', null, 'policy', 'as it should be', 'tables',
         (select array_agg(t::oid::bigint) from archive.archival a, unnest(a.tables) as t where a.id = {0}))), 'web')",
        archival.id
    );
    let purged = web.execute_unprepared(&sql).await;
    let record = texts(
        &db,
        "select concat(purged_at is not null, ' ', purge_policy, ' ', holds) from archive.archival",
    )
    .await;
    assert!(
        purged.is_err(),
        "a held archival is recorded as purged: {record:?}"
    );
}

/// A role with grant_archive calls the second half of a restore alone.
#[tokio::test]
async fn half_a_restore_does_not_mark_what_is_held() {
    let (database, db) = database().await;
    let web = as_web(&database, &db).await;
    let archival = post::Entity::archive_by_id(1).exec(&web).await.unwrap();
    archival::Entity::hold_by_id(archival.id, "case 17")
        .exec(&db)
        .await
        .unwrap();
    let restored = web
        .execute_unprepared(&format!(
            "select archive.finish_restores('{{{}}}', 'web')",
            archival.id
        ))
        .await;
    SchemaManager::new(&db)
        .retain_archivals(Retention::days(0))
        .await
        .unwrap();
    archival::Entity::purge_expired().exec(&web).await.unwrap();
    let records = number(&db, "select count(*) from archive.archival").await;
    let rows = number(&db, "select count(*) from deleted_posts").await;
    assert!(
        restored.is_err(),
        "a held archival is marked as restored; {rows} rows archived, {records} records left"
    );
}

/// "no month of the audit log is dropped, whatever the hold is on"
#[tokio::test]
async fn log_is_not_uninstalled_while_something_is_held() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    manager.install_audit().await.unwrap();
    manager.audit_table("posts").await.unwrap();
    run(&db, "update posts set title = 'changed' where id = 1").await;
    post::Entity::hold_by_id(1, "case 17")
        .exec(&db)
        .await
        .unwrap();
    manager.unaudit_table("posts").await.unwrap();
    let entries = number(&db, "select count(*) from archive.audit_entry").await;
    assert!(entries > 0);
    let gone = manager.uninstall_audit().await;
    assert!(
        gone.is_err(),
        "{entries} entries of the log were dropped while a row is held"
    );
}

/// A tenant holds by a call of the function a row that it does not see.
#[tokio::test]
async fn hold_of_a_tenant_is_not_on_rows_of_another() {
    use crate::tenancy::model::post;
    let organisations = Organisations::alone().await;
    let web = organisations.database.role("web").await;
    organisations.manager().grant_holds(&web).await.unwrap();
    let txn = organisations.tenant(2).await;
    run(
        &txn,
        "select archive.place_hold(null, 'posts', '[\"1\"]', 'not mine', null, null)",
    )
    .await;
    txn.commit().await.unwrap();
    let txn = organisations.tenant(1).await;
    let archival = post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    let purged = archival.purge(&txn).await;
    assert!(purged.is_ok(), "{purged:?}");
}

/// No client could read it in the list of holds.
#[tokio::test]
async fn hold_until_infinity_is_refused() {
    let (_database, db) = database().await;
    let endless = "select archive.place_hold(null, 'posts', null, 'x', null, 'infinity')";
    assert_eq!(refused(&db, endless).await.code, "23514");
}

/// Without tenancy the context may name a tenant; a hold is not that tenant's, since archivals come under tenancy later.
#[tokio::test]
async fn hold_without_tenancy_has_no_tenant() {
    let (_database, db) = database().await;
    let txn = db.begin().await.unwrap();
    run(&txn, "select set_config('app.current_org_id', '7', true)").await;
    let held = post::Entity::hold_table("audit").exec(&txn).await.unwrap();
    assert_eq!(held.tenant, None);
}

/// The record of the archival with a held row, which a restore closed, and a part that is archived.
#[tokio::test]
async fn part_of_an_archival_with_a_held_row_stays() {
    let (_database, db) = database().await;
    let one = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    comment::Entity::hold_by_id(1, "insult")
        .exec(&db)
        .await
        .unwrap();
    let part = comment::Entity::restore_by_id(1).as_part().exec(&db).await;
    eprintln!("as part: {part:?}");
    run(&db, "delete from comments where id = 99").await;
    let left = number(&db, "select count(*) from (select from comments where id = 1 union all select from deleted_comments where id = 1) as c").await;
    assert_eq!(left, 1);
    let purged = one.purge(&db).await;
    let left = number(&db, "select count(*) from (select from comments where id = 1 union all select from deleted_comments where id = 1) as c").await;
    assert_eq!(left, 1, "{purged:?}");
}

/// A temp table, function and type before pg_catalog do not reach what runs as the owner.
#[tokio::test]
async fn temp_objects_of_a_role_change_no_hold() {
    let (database, db) = database().await;
    let web = as_web(&database, &db).await;
    let archival = post::Entity::archive_by_id(1).exec(&web).await.unwrap();
    post::Entity::hold_by_id(1, "case 17")
        .exec(&db)
        .await
        .unwrap();
    let txn = web.begin().await.unwrap();
    run(&txn, "create temp table hold_in_force (id bigint, archival_id bigint, relation regclass, held_key jsonb, tenant text);
               create temp table archived_table (like archive.archived_table);
               create function pg_temp.stop_if_held(bigint[], bigint[], text) returns boolean language sql as 'select true';
               create function pg_temp.jsonb_array_length(jsonb) returns int language sql as 'select 99';
               create function pg_temp.exact_text(anyelement) returns text language sql as $$select 'x'$$;
               set local search_path = pg_temp, pg_catalog, public;
               select set_config('archive.moving', pg_current_xact_id()::text || ':,' || 'posts'::regclass::oid || ',', true)").await;
    let purged = txn
        .execute_unprepared(&format!(
            "select archive.purge_archivals('{{{}}}')",
            archival.id
        ))
        .await;
    assert!(
        purged
            .as_ref()
            .is_err_and(|e| e.to_string().contains("under hold")),
        "{purged:?}"
    );
}

/// A dropped history takes the versions of a held identity with it.
#[tokio::test]
async fn history_of_a_held_table_is_not_dropped() {
    let (_database, db) = tables(
        "create table things (id bigint primary key); insert into things values (1)",
        &["things"],
    )
    .await;
    let manager = SchemaManager::new(&db);
    manager
        .create_history_table(
            sea_orm_archive_migration::HistoryTable::new("versions")
                .identity("thing_id", "things")
                .column(sea_orm_migration::schema::string("name")),
        )
        .await
        .unwrap();
    run(&db, "insert into versions (thing_id, name, valid_from, valid_to) values (1, 'A', '2000-01-01', '2001-01-01'), (1, 'B', '2001-01-01', null);
              select archive.place_hold(null, 'things', '[\"1\"]', 'case', null, null), archive.place_hold(null, 'versions', null, 'case', null, null)").await;
    let dropped = manager.drop_history_table("versions").await;
    assert!(
        dropped.is_err(),
        "the versions of a held identity were dropped"
    );
}

/// The table of a held row was dropped, and a migration has run since.
#[tokio::test]
async fn archival_with_a_held_row_of_a_dropped_table_stays() {
    let mut lost = Vec::new();
    for table in [false, true] {
        for migrate in [false, true] {
            let (_database, db) = database().await;
            let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
            let held = match table {
                false => blog::like::Entity::hold_by_id(1, "case 17"),
                true => blog::like::Entity::hold_table("case 17"),
            };
            held.exec(&db).await.unwrap();
            run(&db, "drop table likes cascade").await;
            if migrate {
                SchemaManager::new(&db).install_archive().await.unwrap();
            }
            let purged = super::purge(&db, archival.id).await;
            let left = number(&db, "select count(*) from deleted_posts").await;
            if left != 1 {
                lost.push((table, migrate, purged));
            }
        }
    }
    assert!(
        lost.is_empty(),
        "purged (hold of the table?, migrated?): {lost:?}"
    );
}

/// Before tenancy a hold on a table held every archival of it.
#[tokio::test]
async fn hold_from_before_tenancy_keeps_the_archivals_of_every_tenant() {
    use crate::tenancy::model::post;
    let organisations = Organisations::open().await;
    let mut archivals = Vec::new();
    for id in [1, 2] {
        archivals.push(
            post::Entity::archive_by_id(id)
                .exec(&organisations.owner)
                .await
                .unwrap(),
        );
    }
    let txn = sea_orm_archive::Context::new()
        .actor(7)
        .tenant(1_i64)
        .begin(&organisations.owner)
        .await
        .unwrap();
    post::Entity::hold_table("audit 2026")
        .exec(&txn)
        .await
        .unwrap();
    txn.commit().await.unwrap();
    let superuser = organisations.database.connect().await;
    assert_kept(
        &superuser,
        "deleted_posts",
        archivals[1].id,
        "before tenancy",
    )
    .await;
    organisations.enable().await;
    organisations.attribute().await;
    assert_kept(
        &superuser,
        "deleted_posts",
        archivals[1].id,
        "under tenancy",
    )
    .await;
}

/// What restores of a part and of conflicts do with a held row.
#[tokio::test]
async fn held_row_survives_restores_with_conflicts() {
    let (_database, db) = database().await;
    let one = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    comment::Entity::hold_by_id(1, "insult")
        .exec(&db)
        .await
        .unwrap();
    // Its place is taken.
    run(&db, "insert into posts (id, title, slug, content, author_id) values (1, 'Other', 'taken', '', 1)").await;
    let restored = post::Entity::restore_many()
        .skip_conflicting()
        .exec(&db)
        .await;
    eprintln!("{restored:?}");
    for purged in [
        one.purge(&db).await.map(|_| ()),
        archival::Entity::purge_many().exec(&db).await.map(|_| ()),
    ] {
        let left = number(&db, "select count(*) from (select from comments where id = 1 union all select from deleted_comments where id = 1) as c").await;
        assert_eq!(left, 1, "{purged:?}");
    }
}

/// Without the row that is locked (only the schema was dumped) nothing would wait.
#[tokio::test]
async fn hold_is_not_placed_without_its_lock() {
    let (_database, db) = database().await;
    run(&db, "delete from archive.hold_lock").await;
    let held = post::Entity::hold_by_id(1, "x").exec(&db).await;
    let archival = post::Entity::archive_by_id(2).exec(&db).await.unwrap();
    let purged = archival.purge(&db).await;
    assert!(held.is_err() && purged.is_err(), "{held:?} {purged:?}");
}

/// Policies of the application hide archived rows from the owner of the archive, which is no superuser.
#[tokio::test]
async fn row_that_policies_hide_from_the_owner_is_kept() {
    let database = sea_orm_archive_tests::Database::empty().await;
    let owner = database.role("owner").await;
    let superuser = database.connect().await;
    run(&superuser, &format!("grant create on database \"{}\" to \"{owner}\"; grant create on schema public to \"{owner}\"", database.name())).await;
    let db = database.connect_as("owner").await;
    let manager = SchemaManager::new(&db);
    manager.install_archive().await.unwrap();
    run(
        &db,
        "create table held (id bigint primary key); insert into held values (1)",
    )
    .await;
    manager.archive_existing_table("held").await.unwrap();
    run(
        &db,
        "select archive.place_hold(null, 'held', '[\"1\"]', 'case', null, null)",
    )
    .await;
    run(&db, super::keys::ARCHIVE).await;
    run(&db, "alter table deleted_held enable row level security, force row level security; create policy p on deleted_held using (current_setting('a.b', true) = 'x')").await;
    for who in [&db, &superuser] {
        let purged = who
            .execute_unprepared(
                "select set_config('a.b', 'x', false); select archive.purge_archivals('{1}')",
            )
            .await;
        assert!(purged.is_err(), "{purged:?}");
        let purged = who
            .execute_unprepared("select archive.purge_archivals('{1}')")
            .await;
        assert!(purged.is_err(), "{purged:?}");
    }
}

/// An expired hold, a released one, and one that was rolled back to a savepoint hold nothing; one in a savepoint that stays does.
#[tokio::test]
async fn hold_in_a_savepoint() {
    let (_database, db) = database().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let txn = db.begin().await.unwrap();
    run(
        &txn,
        "savepoint a; select archive.place_hold(1, null, null, 'x', null, null); rollback to a",
    )
    .await;
    run(&txn, "savepoint b; select archive.place_hold(1, null, null, 'y', null, null); release b; savepoint c; select archive.release_hold(2, 'z', null); rollback to c").await;
    txn.commit().await.unwrap();
    assert_kept(&db, "deleted_posts", archival.id, "savepoint").await;
    assert!(archival.restore(&db).await.is_err());
    assert_eq!(
        number(&db, "select holds::bigint from archive.archival").await,
        1
    );
}
