//! Triggers that change, add or remove rows while a tree moves.

use sea_orm::DatabaseConnection;
use sea_orm_archive::error::{ConflictError, DriftError};
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{number, run, texts};

use super::families::{child, contents, families, parent, suspend, with_function};

const COUNT: &str =
    "if tg_op = 'INSERT' then update parents set total = total + 1 where id = new.parent_id;
    else update parents set total = total - 1 where id = old.parent_id; end if; return null;";

/// Archives and restores the first parent, three times, and compares every row.
async fn comes_back(db: &DatabaseConnection) {
    let before = contents(db).await;
    for _ in 0..3 {
        let preview = parent::Entity::archive_by_id(1).preview(db).await.unwrap();
        let archival = parent::Entity::archive_by_id(1).exec(db).await.unwrap();
        assert_eq!(archival.rows(), preview.rows);
        let restored = parent::Entity::restore_by_id(1).exec(db).await.unwrap();
        assert_eq!(restored.rows, preview.rows);
        assert_eq!(contents(db).await, before);
        let archivals = parent::Entity::archive_many().exec(db).await.unwrap();
        for archival in archivals {
            archival.restore(db).await.unwrap();
        }
        assert_eq!(contents(db).await, before);
    }
}

/// The preview and the archive are refused with this trigger, and nothing moves; with the trigger suspended, all comes back.
async fn is_refused_until_suspended(db: &DatabaseConnection, table: &'static str) {
    let before = contents(db).await;
    let message = format!("t on public.{table}");
    let preview = parent::Entity::archive_by_id(1)
        .preview(db)
        .await
        .unwrap_err();
    let one = parent::Entity::archive_by_id(1).exec(db).await.unwrap_err();
    let many = parent::Entity::archive_many().exec(db).await.unwrap_err();
    for error in [preview, one, many] {
        match error {
            Error::Drift(DriftError::Trigger { message: text }) => {
                assert!(text.contains(&message), "{text}");
                let call =
                    format!("SuspendedTrigger::new(\"{table}\", \"t\").while_moving(\"parents\")");
                assert!(text.contains(&call), "{text}");
            }
            Error::Conflict(ConflictError::NotRestorable {
                table,
                message: text,
                ..
            }) => {
                assert_eq!(table, "public.parents");
                assert!(text.contains(&message), "{text}");
                assert!(text.contains("manager.suspend_trigger("), "{text}");
            }
            error => panic!("{error}"),
        }
    }
    assert_eq!(contents(db).await, before);
    suspend(db, table, "t").await;
    comes_back(db).await;
}

#[tokio::test]
async fn counter_of_children_is_restored_as_it_was_archived() {
    let (_database, db) = with_function(
        COUNT,
        &["trigger t after insert or delete on children for each row"],
    )
    .await;
    comes_back(&db).await;
}

#[tokio::test]
async fn counter_by_statement_triggers_is_restored_as_it_was_archived() {
    let body = "if tg_op = 'INSERT' then update parents as p set total = total + n.n from (select parent_id, count(*) as n from rows group by 1) as n where p.id = n.parent_id;
         else update parents as p set total = total - n.n from (select parent_id, count(*) as n from rows group by 1) as n where p.id = n.parent_id; end if; return null;";
    let triggers = [
        "trigger i after insert on children referencing new table as rows for each statement",
        "trigger d after delete on children referencing old table as rows for each statement",
    ];
    let (_database, db) = with_function(body, &triggers).await;
    comes_back(&db).await;
}

#[tokio::test]
async fn counter_by_deferred_triggers_is_restored_as_it_was_archived() {
    let trigger = "constraint trigger t after insert or delete on children deferrable initially deferred for each row";
    let (_database, db) = with_function(COUNT, &[trigger]).await;
    comes_back(&db).await;
}

/// A trigger on the rows that get their links back changes the restored parent.
#[tokio::test]
async fn counter_of_links_is_restored_as_it_was_archived() {
    let body = "update parents set total = total - 1 where id = old.parent_id; update parents set total = total + 1 where id = new.parent_id; return null;";
    let (_database, db) =
        with_function(body, &["trigger t after update on loose for each row"]).await;
    comes_back(&db).await;
}

/// An archive of the child alone is a deletion for the counter, and a restore an insertion.
#[tokio::test]
async fn counter_counts_a_child_that_moves_alone() {
    let (_database, db) = with_function(
        COUNT,
        &["trigger t after insert or delete on children for each row"],
    )
    .await;
    for suspended in [false, true] {
        if suspended {
            suspend(&db, "children", "t").await;
        }
        child::Entity::archive_by_id(1).exec(&db).await.unwrap();
        assert_eq!(
            number(&db, "select total::bigint from parents where id = 1").await,
            1
        );
        child::Entity::restore_by_id(1).exec(&db).await.unwrap();
        assert_eq!(
            number(&db, "select total::bigint from parents where id = 1").await,
            2,
            "{suspended} {:?}",
            texts(
                &db,
                "select pg_get_triggerdef(oid) from pg_trigger where tgname = 't'"
            )
            .await
        );
    }
    comes_back(&db).await;
}

#[tokio::test]
async fn row_changed_by_a_before_insert_trigger_is_corrected() {
    let body = "new.updated_at := clock_timestamp(); return new;";
    let (_database, db) =
        with_function(body, &["trigger t before insert on parents for each row"]).await;
    comes_back(&db).await;
}

#[tokio::test]
async fn row_that_a_trigger_changes_again_is_refused() {
    let body = "new.updated_at := clock_timestamp(); return new;";
    let (_database, db) = with_function(
        body,
        &["trigger t before insert or update on parents for each row"],
    )
    .await;
    is_refused_until_suspended(&db, "parents").await;
}

#[tokio::test]
async fn row_that_a_trigger_skips_is_refused() {
    let (_database, db) = with_function(
        "return null;",
        &["trigger t before insert on children for each row"],
    )
    .await;
    is_refused_until_suspended(&db, "children").await;
}

#[tokio::test]
async fn row_that_a_trigger_removes_is_refused() {
    let body = "delete from children where id = new.id; return null;";
    let (_database, db) =
        with_function(body, &["trigger t after insert on children for each row"]).await;
    is_refused_until_suspended(&db, "children").await;
}

#[tokio::test]
async fn row_that_a_trigger_adds_is_refused() {
    for unique in ["", "alter table children add unique (parent_id, v);"] {
        for table in ["children", "kept", "loose"] {
            let values = match table {
                "children" => "1000 + new.id, new.id, 1",
                _ => "1000 + new.id, new.id",
            };
            let ddl = format!(
                "{unique} create function f() returns trigger language plpgsql as $$ begin insert into {table} values ({values}); return null; end $$;
                 create trigger t after insert on parents for each row execute function f();"
            );
            let (_database, db) = families(&ddl).await;
            is_refused_until_suspended(&db, "parents").await;
        }
    }
}

#[tokio::test]
async fn row_that_the_archive_moves_and_a_trigger_deletes_is_refused_by_name() {
    for body in [
        "delete from children where parent_id = old.id;",
        "update children set v = 0 where parent_id = old.id;",
    ] {
        let (_database, db) = with_function(
            &format!("{body} return old;"),
            &["trigger t before delete on parents for each row"],
        )
        .await;
        is_refused_until_suspended(&db, "parents").await;
    }
}

/// The archive was made before the trigger existed.
#[tokio::test]
async fn restore_with_a_new_trigger_is_refused_and_works_when_it_is_suspended() {
    let (_database, db) = families("").await;
    let before = contents(&db).await;
    let archival = parent::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let archived = contents(&db).await;
    run(
        &db,
        "create function f() returns trigger language plpgsql as $$ begin new.updated_at := clock_timestamp(); return new; end $$;
         create trigger t before insert or update on parents for each row execute function f()",
    )
    .await;
    for error in [
        parent::Entity::restore_by_id(1)
            .exec(&db)
            .await
            .unwrap_err(),
        archival.restore(&db).await.unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(
            matches!(error, Error::Drift(DriftError::Trigger { .. })),
            "{text}"
        );
        assert!(text.contains("rows of public.parents would not come back as they were archived, because of the trigger t on public.parents"), "{text}");
    }
    assert_eq!(contents(&db).await, archived);
    suspend(&db, "parents", "t").await;
    parent::Entity::restore_by_id(1).exec(&db).await.unwrap();
    assert_eq!(contents(&db).await, before);
}

/// In a transaction of the caller, a refused archive leaves the transaction usable and the settings as they were.
#[tokio::test]
async fn refused_archive_leaves_the_transaction_of_the_caller_usable() {
    use sea_orm::TransactionTrait;
    let (_database, db) = with_function(
        "return null;",
        &["trigger t before insert on children for each row"],
    )
    .await;
    let txn = db.begin().await.unwrap();
    run(&txn, "insert into parents values (7, 'new')").await;
    parent::Entity::archive_by_id(1)
        .exec(&txn)
        .await
        .unwrap_err();
    parent::Entity::archive_by_id(7).exec(&txn).await.unwrap();
    let moving = "select coalesce(current_setting('archive.moving', true), '')";
    assert_eq!(texts(&txn, moving).await, [""]);
    txn.commit().await.unwrap();
    assert_eq!(number(&db, "select count(*) from deleted_parents").await, 1);
}

/// Tenants aside, a role needs the right to update rows only where a row has to be corrected.
#[tokio::test]
async fn role_proves_an_archive_with_the_rights_to_restore() {
    let (database, db) = with_function(
        "return null;",
        &["trigger t after insert on children for each row"],
    )
    .await;
    let role = database.role("web").await;
    use sea_orm_archive_migration::ArchiveSchema;
    sea_orm_migration::SchemaManager::new(&db)
        .grant_archive(&role)
        .await
        .unwrap();
    run(
        &db,
        &format!(
            "grant select, insert, delete on parents, children, kept to {role};
             grant update (id) on parents, children to {role}; grant select, update on loose to {role};
             grant select, insert, delete on deleted_parents, deleted_children to {role}"
        ),
    )
    .await;
    let web = database.connect_as("web").await;
    parent::Entity::archive_by_id(1).exec(&web).await.unwrap();
    parent::Entity::restore_by_id(1).exec(&web).await.unwrap();
    run(&db, &format!("revoke insert on children from {role}")).await;
    let before = contents(&db).await;
    let error = parent::Entity::archive_by_id(1)
        .exec(&web)
        .await
        .unwrap_err();
    match &error {
        Error::Conflict(ConflictError::NotRestorable { message, .. }) => {
            assert!(message.contains("INSERT on public.children"), "{message}");
        }
        error => panic!("{error}"),
    }
    assert_eq!(contents(&db).await, before);
    suspend(&db, "children", "t").await;
    parent::Entity::archive_by_id(1).exec(&web).await.unwrap();
}

/// The correction of a restored row is no change of it.
#[tokio::test]
async fn corrected_row_is_not_stamped() {
    use sea_orm_archive_migration::{StampSchema, StampedTable};
    let trigger = "trigger t after insert or delete on children for each row";
    let (_database, db) = with_function(COUNT, &[trigger]).await;
    let stamps = StampedTable::new("parents").updated_at_column("stamped_at");
    let manager = sea_orm_migration::SchemaManager::new(&db);
    manager.stamp_table(stamps).await.unwrap();
    run(&db, "update parents set name = 'c'").await;
    comes_back(&db).await;
}
