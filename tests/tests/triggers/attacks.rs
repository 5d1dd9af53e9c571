//! Triggers that would get past a proof that looks at the restored rows alone.

use sea_orm::DatabaseConnection;
use sea_orm_archive::error::{ConflictError, DriftError};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, AuditSchema};
use sea_orm_archive_tests::sql::{number, one, run};
use sea_orm_migration::SchemaManager;

use super::families::{contents, families, parent, suspend, with_function};

/// Archives and restores twice, and compares every row.
async fn comes_back(db: &DatabaseConnection) {
    let before = contents(db).await;
    for _ in 0..2 {
        parent::Entity::archive_by_id(1).exec(db).await.unwrap();
        parent::Entity::restore_by_id(1).exec(db).await.unwrap();
        assert_eq!(contents(db).await, before);
    }
}

/// The archive and its preview are refused, with this in the message, and nothing changes.
async fn is_refused(db: &DatabaseConnection, named: &str) {
    let before = contents(db).await;
    for error in [
        parent::Entity::archive_by_id(1)
            .preview(db)
            .await
            .unwrap_err(),
        parent::Entity::archive_by_id(1).exec(db).await.unwrap_err(),
    ] {
        let is_typed = matches!(
            error,
            Error::Drift(DriftError::Trigger { .. })
                | Error::Conflict(ConflictError::NotRestorable { .. })
        );
        assert!(is_typed && error.to_string().contains(named), "{error}");
    }
    assert_eq!(contents(db).await, before);
}

const COUNT: &str =
    "if tg_op = 'INSERT' then update parents set total = total + 1 where id = new.parent_id;
    else update parents set total = total - 1 where id = old.parent_id; end if; return null;";

#[tokio::test]
async fn audited_tree_with_triggers_comes_back_and_is_logged() {
    let trigger = "trigger t after insert or delete on children for each row";
    let (_database, db) = with_function(COUNT, &[trigger]).await;
    let manager = SchemaManager::new(&db);
    manager.install_audit().await.unwrap();
    for table in ["parents", "children"] {
        manager.audit_table(table).await.unwrap();
    }
    comes_back(&db).await;
    let moves = "select string_agg(operation || ' ' || n, ', ' order by operation) from (select operation, count(*) as n from archive.audit_entry where table_name = 'public.children' group by 1) as o";
    assert_eq!(one::<String>(&db, moves).await, "ARCHIVE 4, RESTORE 4");
}

#[tokio::test]
async fn link_that_a_trigger_takes_for_good_is_refused() {
    for body in [
        "delete from loose where id = new.id and new.parent_id is null; return null;",
        "if new.parent_id is null then update loose set parent_id = 2 where id = new.id; end if; return null;",
    ] {
        let (_database, db) =
            with_function(body, &["trigger t after update on loose for each row"]).await;
        is_refused(&db, "links that the archive cuts would not be put back").await;
    }
}

#[tokio::test]
async fn row_that_a_trigger_puts_in_the_place_of_a_deleted_one_is_refused() {
    let body = "insert into parents values (old.id, 'tombstone'); return null;";
    let (_database, db) =
        with_function(body, &["trigger t after delete on parents for each row"]).await;
    is_refused(&db, "the trigger t on public.parents").await;
    suspend(&db, "parents", "t").await;
    comes_back(&db).await;
}

/// The caller has deferred it, and it would fire at the commit.
#[tokio::test]
async fn trigger_that_the_caller_defers_fires_before_the_comparison() {
    use sea_orm::TransactionTrait;
    let trigger = "constraint trigger t after insert or delete on children deferrable for each row";
    let (_database, db) = with_function(COUNT, &[trigger]).await;
    run(&db, "alter trigger t on children rename to renamed").await;
    let before = contents(&db).await;
    for deferred in ["", "set constraints all deferred"] {
        let txn = db.begin().await.unwrap();
        run(&txn, deferred).await;
        parent::Entity::archive_by_id(1).exec(&txn).await.unwrap();
        txn.commit().await.unwrap();
        let txn = db.begin().await.unwrap();
        run(&txn, deferred).await;
        parent::Entity::restore_by_id(1).exec(&txn).await.unwrap();
        txn.commit().await.unwrap();
        assert_eq!(contents(&db).await, before);
    }
}

#[tokio::test]
async fn trigger_of_another_table_that_fires_at_the_commit_is_refused() {
    let (_database, db) =
        with_function("update parents set total = total + 1; return null;", &[]).await;
    run(
        &db,
        "create table log (t text);
         create function g() returns trigger language plpgsql as $$ begin insert into log values ('x'); return null; end $$;
         create trigger t after insert on children for each row execute function g();
         create constraint trigger late after insert on log deferrable initially deferred for each row execute function f()",
    )
    .await;
    is_refused(&db, "the trigger t on public.children").await;
    suspend(&db, "children", "t").await;
    comes_back(&db).await;
}

#[tokio::test]
async fn values_are_compared_exactly_whatever_the_settings_are() {
    use sea_orm::TransactionTrait;
    let body = "new.weight := round(new.weight::numeric, 2); return new;";
    let (_database, db) = families("alter table parents add weight float8; update parents set weight = 0.1::float8 + 0.2::float8").await;
    SchemaManager::new(&db)
        .sync_archived_table("parents")
        .await
        .unwrap();
    run(&db, &format!("create function f() returns trigger language plpgsql as $$ begin {body} end $$; create trigger t before insert on parents for each row execute function f()")).await;
    let exact =
        "select (weight = 0.1::float8 + 0.2::float8)::int::bigint from parents where id = 1";
    assert_eq!(number(&db, exact).await, 1);
    let txn = db.begin().await.unwrap();
    run(&txn, "set local extra_float_digits = 0").await;
    parent::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    parent::Entity::restore_by_id(1).exec(&txn).await.unwrap();
    assert_eq!(one::<String>(&txn, "show extra_float_digits").await, "0");
    txn.commit().await.unwrap();
    assert_eq!(number(&db, exact).await, 1);
}

#[tokio::test]
async fn relinked_row_that_a_trigger_replaces_is_refused() {
    let body = "if new.parent_id is not null then delete from loose where id = new.id; insert into loose values (1000 + new.id, new.parent_id); end if; return null;";
    let (_database, db) =
        with_function(body, &["trigger t after update on loose for each row"]).await;
    is_refused(&db, "other rows of public.loose would appear").await;
}

/// The row refers to a parent that does not exist, and the foreign key is only checked at the commit.
#[tokio::test]
async fn row_that_violates_a_deferred_constraint_is_refused() {
    let (_database, db) = families(
        "alter table children add kept_id bigint default 7;
         alter table children add constraint to_kept foreign key (kept_id) references kept deferrable initially deferred not valid",
    )
    .await;
    SchemaManager::new(&db)
        .sync_archived_table("children")
        .await
        .unwrap();
    is_refused(&db, "to_kept").await;
}

#[tokio::test]
async fn role_without_the_schema_of_a_condition_can_move_rows() {
    let (database, db) = with_function("return null;", &[]).await;
    run(
        &db,
        "create schema private; create table private.x (id int);
         create trigger t after insert on children for each row when (not archive.is_moving('private.x')) execute function f()",
    )
    .await;
    let role = database.role("web").await;
    SchemaManager::new(&db).grant_archive(&role).await.unwrap();
    run(
        &db,
        &format!("grant all on parents, children, kept, loose, deleted_parents, deleted_children to {role}"),
    )
    .await;
    let web = database.connect_as("web").await;
    comes_back_as(&web, &db).await;
}

async fn comes_back_as(role: &DatabaseConnection, db: &DatabaseConnection) {
    let before = contents(db).await;
    parent::Entity::archive_by_id(1).exec(role).await.unwrap();
    parent::Entity::restore_by_id(1).exec(role).await.unwrap();
    assert_eq!(contents(db).await, before);
}

/// The words of a condition in a name are no condition.
#[tokio::test]
async fn names_with_the_words_of_a_condition_suspend_nothing() {
    let (_database, db) = with_function("return null;", &[]).await;
    let words =
        r#"" FOR EACH ROW WHEN ((NOT archive.is_moving('public.parents'::regclass))) EXECUTE ""#;
    let short = r#"" FOR EACH ROW WHEN (((NOT archive.is_moving('""#;
    run(
        &db,
        &format!(
            "create trigger a after insert on children referencing new table as {short} for each statement when (1 > 0) execute function f();
             create trigger {short} after insert on children for each row when (new.v > 0) execute function f();
             alter table children add {words} int;
             create trigger c after update of {words} on children for each row when (new.v > 0) execute function f()"
        ),
    )
    .await;
    let none = "select count(*) from pg_trigger where tgrelid = 'children'::regclass and archive.suspended_while(oid) is not null";
    assert_eq!(number(&db, none).await, 0);
    SchemaManager::new(&db)
        .sync_archived_table("children")
        .await
        .unwrap();
    comes_back(&db).await;
    suspend(&db, "children", "c").await;
    suspend(&db, "children", "a").await;
    assert_eq!(number(&db, none).await, 2);
}

#[tokio::test]
async fn trigger_enabled_on_a_partition_alone_is_seen() {
    let (_database, db) = families("").await;
    run(
        &db,
        "drop table children cascade; drop table deleted_children;
         create table children (id bigint primary key, parent_id bigint references parents on delete cascade, v int) partition by range (id);
         create table part partition of children for values from (0) to (100);
         insert into children values (1, 1, 1), (2, 1, 2), (3, 2, 1)",
    )
    .await;
    SchemaManager::new(&db)
        .archive_existing_table("children")
        .await
        .unwrap();
    run(
        &db,
        "create function f() returns trigger language plpgsql as $$ begin new.v := new.v + 1; return new; end $$;
         create trigger t before insert or update on children for each row execute function f();
         alter table only children disable trigger t",
    )
    .await;
    is_refused(&db, "the trigger t on public.children").await;
}

/// Two foreign keys over one column have one link.
#[tokio::test]
async fn link_of_two_foreign_keys_is_put_back() {
    let (_database, db) = families(
        "alter table loose add constraint again foreign key (parent_id) references parents on delete set null",
    )
    .await;
    comes_back(&db).await;
}
