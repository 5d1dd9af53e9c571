//! `suspend_trigger` and `resume_trigger`.

use sea_orm::DatabaseConnection;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, SuspendedTrigger, TriggerSchema};
use sea_orm_archive_tests::sql::{number, one, run, texts};
use sea_orm_migration::SchemaManager;

use super::families::{child, families, parent, suspend};

/// Everything that the catalog contains about a trigger, but its oid.
async fn described(db: &DatabaseConnection, trigger: &str) -> Vec<String> {
    let all = format!(
        "select pg_get_triggerdef(oid) || ' ' || tgenabled::text || ' ' || coalesce(obj_description(oid, 'pg_trigger'), '') || (select count(*) from pg_depend as d where d.objid = pg_trigger.oid and d.deptype = 'x') || ' ' || tgrelid::regclass
         from pg_trigger where tgname = '{trigger}' and tgparentid = 0"
    );
    texts(db, &all).await
}

#[tokio::test]
async fn trigger_is_the_same_after_it_was_suspended_and_resumed() {
    let triggers = [
        "create trigger t after insert on children for each row execute function f()",
        "create trigger t before insert or update of v, id or delete on children for each row execute function f('when', 'FOR EACH ROW WHEN (')",
        "create trigger t after update on children referencing old table as o new table as n for each statement execute function f()",
        "create trigger t after truncate on children execute function f()",
        "create trigger t after insert on children for each row when (new.v > 1 and (new.id < 3 or new.v is null)) execute function f()",
        "create trigger t after update on children for each row when (old.* is distinct from new.*) execute function f()",
        "create trigger t after update on children for each row when (pg_trigger_depth() = 0) execute function f()",
        "create constraint trigger t after insert on children deferrable initially deferred for each row when (new.v > 1) execute function f()",
        "create constraint trigger t after insert on children from parents not deferrable for each row execute function f()",
    ];
    let (_database, db) = families(
        "create function f() returns trigger language plpgsql as $$ begin return null; end $$",
    )
    .await;
    for trigger in triggers {
        for mode in ["enable", "enable always", "enable replica", "disable"] {
            let created = format!(
                "{trigger}; comment on trigger t on children is 'it''s mine'; alter trigger t on children depends on extension plpgsql; alter table children {mode} trigger t"
            );
            run(&db, &created).await;
            let before = described(&db, "t").await;
            suspend(&db, "children", "t").await;
            let suspended = described(&db, "t").await;
            assert!(
                suspended[0].contains("WHEN ((NOT archive.is_moving('parents'::regclass))")
                    || suspended[0]
                        .contains("WHEN (((NOT archive.is_moving('parents'::regclass)) AND"),
                "{suspended:?}"
            );
            suspend(&db, "children", "t").await;
            assert_eq!(described(&db, "t").await, suspended);
            SchemaManager::new(&db)
                .resume_trigger("children", "t")
                .await
                .unwrap();
            // PostgreSQL writes one more pair of parentheses around some conditions.
            let plain = |text: &[String]| {
                text.iter()
                    .map(|t| t.replace(['(', ')'], ""))
                    .collect::<Vec<_>>()
            };
            assert_eq!(
                plain(&described(&db, "t").await),
                plain(&before),
                "{trigger}"
            );
            SchemaManager::new(&db)
                .resume_trigger("children", "t")
                .await
                .unwrap();
            run(&db, "drop trigger t on children").await;
        }
    }
}

/// A trigger with a counter of its own, so that every call is visible.
const CALLS: &str = "create table calls (n bigint);
    create function f() returns trigger language plpgsql as $$ begin insert into calls values (1); return null; end $$;
    create trigger t after insert or delete on children for each row execute function f();";

#[tokio::test]
async fn suspended_trigger_does_not_fire_while_the_table_moves() {
    let (_database, db) = families(CALLS).await;
    let calls = async || number(&db, "select count(*) from calls").await;
    suspend(&db, "children", "t").await;
    parent::Entity::archive_by_id(1).exec(&db).await.unwrap();
    parent::Entity::restore_by_id(1).exec(&db).await.unwrap();
    assert_eq!(calls().await, 0);
    child::Entity::archive_by_id(1).exec(&db).await.unwrap();
    assert_eq!(calls().await, 1);
    run(&db, "delete from children where id = 2").await;
    assert_eq!(calls().await, 2);
    let own = SuspendedTrigger::new("children", "t");
    SchemaManager::new(&db).suspend_trigger(own).await.unwrap();
    child::Entity::restore_by_id(1).exec(&db).await.unwrap();
    assert_eq!(calls().await, 2);
    SchemaManager::new(&db)
        .resume_trigger("children", "t")
        .await
        .unwrap();
    child::Entity::archive_by_id(1).exec(&db).await.unwrap();
    assert_eq!(calls().await, 3);
}

#[tokio::test]
async fn trigger_is_suspended_while_one_of_several_tables_moves() {
    let (_database, db) = families(CALLS).await;
    let both = || {
        SuspendedTrigger::new("children", "t")
            .while_moving("kept")
            .while_moving(("public", "parents"))
    };
    for _ in 0..2 {
        SchemaManager::new(&db)
            .suspend_trigger(both())
            .await
            .unwrap();
        let found: Vec<String> = texts(&db, "select archive.suspended_while(oid)::regclass[]::text from pg_trigger where tgname = 't'").await;
        assert_eq!(found, ["{kept,parents}"]);
    }
    parent::Entity::archive_by_id(1).exec(&db).await.unwrap();
    assert_eq!(number(&db, "select count(*) from calls").await, 0);
}

/// The condition is found on any `search_path`, for any name.
#[tokio::test]
async fn suspended_while_returns_the_tables_of_leading_conditions_alone() {
    let (_database, db) = families(
        "create schema \"o'dd\"; create table \"o'dd\".\"T \"\"x\" (id int);
         create function f() returns trigger language plpgsql as $$ begin return null; end $$",
    )
    .await;
    let odd = r#"'"o''dd"."T ""x"'"#;
    for (condition, found) in [
        ("not archive.is_moving('parents')".to_owned(), "{parents}"),
        (
            format!("not archive.is_moving({odd})"),
            r#"{"\"o'dd\".\"T \"\"x\""}"#,
        ),
        (
            "not archive.is_moving('parents') and new.v > 1".to_owned(),
            "{parents}",
        ),
        (
            "not archive.is_moving('parents') and not archive.is_moving('kept')".to_owned(),
            "{parents,kept}",
        ),
        (
            "not archive.is_moving('parents') and not archive.is_moving('kept') and new.v > 1"
                .to_owned(),
            "{parents,kept}",
        ),
        (
            "not archive.is_moving('parents') and (not archive.is_moving('kept') or new.v > 1)"
                .to_owned(),
            "{parents}",
        ),
        (
            "not archive.is_moving('parents') or new.v > 1".to_owned(),
            "",
        ),
        (
            "(not archive.is_moving('parents') and new.v > 1) or new.v < 0".to_owned(),
            "",
        ),
        ("archive.is_moving('parents')".to_owned(), ""),
        (
            "not (archive.is_moving('parents') and new.v > 1)".to_owned(),
            "",
        ),
        (
            "new.v > 1 and not archive.is_moving('parents')".to_owned(),
            "",
        ),
        ("new.v > 1".to_owned(), ""),
    ] {
        run(&db, &format!("create or replace trigger t after insert on children for each row when ({condition}) execute function f('WHEN ((NOT archive.is_moving(''parents''::regclass))) EXECUTE ')")).await;
        let sql = "select coalesce(archive.suspended_while(oid)::regclass[]::text, '') from pg_trigger where tgname = 't'";
        assert_eq!(one::<String>(&db, sql).await, found, "{condition}");
        let other: String = one(&db, "select (archive.suspended_while(t.oid) is null)::text from (select set_config('search_path', 'archive, \"o''dd\"', true)) as s, pg_trigger as t where t.tgname = 't'").await;
        assert_eq!(other == "true", found.is_empty());
    }
}

#[tokio::test]
async fn triggers_that_cannot_be_suspended_are_refused_by_name() {
    let (_database, db) = families(
        "create table parts (id int primary key) partition by range (id); create table part_1 partition of parts for values from (0) to (9);
         create function f() returns trigger language plpgsql as $$ begin return null; end $$;
         create trigger t after insert on parts for each row execute function f()",
    )
    .await;
    let manager = SchemaManager::new(&db);
    let error = manager
        .suspend_trigger(SuspendedTrigger::new("parents", "t"))
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("\"public\".\"parents\" has no trigger \"t\""),
        "{error}"
    );
    let error = manager
        .suspend_trigger(SuspendedTrigger::new("part_1", "t"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("name that table"), "{error}");
    let error = manager
        .suspend_trigger(SuspendedTrigger::new("parents", "archive_follow_key"))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("belongs to sea-orm-archive"),
        "{error}"
    );
    let internal: String = one(&db, "select tgname::text from pg_trigger where tgisinternal and tgrelid = 'children'::regclass limit 1").await;
    let error = manager
        .suspend_trigger(SuspendedTrigger::new("children", internal))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("belongs to a constraint"),
        "{error}"
    );
    manager
        .suspend_trigger(SuspendedTrigger::new("parts", "t").while_moving("parents"))
        .await
        .unwrap();
    let suspended = "select count(*) from pg_trigger where tgname = 't' and archive.suspended_while(oid) is not null";
    assert_eq!(number(&db, suspended).await, 2);
    manager.resume_trigger("parts", "t").await.unwrap();
    assert_eq!(number(&db, suspended).await, 0);
}

#[tokio::test]
async fn triggers_of_the_application_are_listed_with_what_suspends_them() {
    let (_database, db) = families(CALLS).await;
    run(
        &db,
        "create trigger u before update or truncate on kept execute function f();
         create trigger d after update on parents for each row execute function f(); alter table parents disable trigger d;
         create trigger a before update or insert on parents for each row execute function f()",
    )
    .await;
    suspend(&db, "children", "t").await;
    let found = sea_orm_archive::application_triggers(&db).await.unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|t| {
            format!(
                "{} {} {:?} {:?}",
                t.table, t.trigger, t.events, t.suspended_while
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            r#"public.children t ["INSERT", "DELETE"] ["public.parents"]"#,
            r#"public.kept u ["UPDATE", "TRUNCATE"] []"#,
            r#"public.parents a ["INSERT", "UPDATE"] []"#,
        ]
    );
}

/// Two errors recommend two calls, and both hold.
#[tokio::test]
async fn another_call_adds_a_table_and_resume_removes_all() {
    let (_database, db) = families(CALLS).await;
    let manager = SchemaManager::new(&db);
    suspend(&db, "children", "t").await;
    let own = SuspendedTrigger::new("children", "t");
    manager.suspend_trigger(own).await.unwrap();
    let found = "select coalesce(archive.suspended_while(oid)::regclass[]::text, '') from pg_trigger where tgname = 't'";
    assert_eq!(one::<String>(&db, found).await, "{parents,children}");
    let error = manager.uninstall_archive().await.unwrap_err().to_string();
    let call = r#"manager.resume_trigger("children", "t")"#;
    assert!(error.contains(call), "{error}");
    manager.resume_trigger("children", "t").await.unwrap();
    assert_eq!(one::<String>(&db, found).await, "");
    manager.uninstall_archive().await.unwrap();
}

#[tokio::test]
async fn table_whose_rows_never_move_is_refused() {
    let (_database, db) =
        families(&format!("create table other (id int primary key); {CALLS}")).await;
    let manager = SchemaManager::new(&db);
    let never = SuspendedTrigger::new("children", "t").while_moving("other");
    let error = manager
        .suspend_trigger(never)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("rows of public.other never move"), "{error}");
}
