//! Schemas that are refused before any change. The errors name the fix.

use sea_orm::EntityTrait;
use sea_orm_archive::Blocker;
use sea_orm_archive::error::{ConflictError, DriftError};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::{
    sql::{count, dumps, run},
    tables::tables,
};
use sea_orm_migration::SchemaManager;

use crate::tables::family::{
    BOTH_SIDES, FAMILY, cascaded, detached, restricted, two_families, undeclared,
};

/// With `restrict`, children block whatever ON DELETE is. Without a policy they block if the foreign key would refuse.
#[tokio::test]
async fn blocking_rows_are_counted() {
    for (on_delete, declared) in [
        ("", true),
        ("on delete restrict", true),
        ("on delete cascade", true),
        ("on delete set null", true),
        ("on delete set default", true),
        ("deferrable initially deferred", true),
        ("on delete cascade deferrable initially deferred", true),
        ("", false),
        ("on delete restrict", false),
        ("deferrable initially deferred", false),
    ] {
        let what = format!("{on_delete}, declared: {declared}");
        let (_database, db) = tables(&two_families(on_delete), &FAMILY).await;
        let before = dumps(&db, &BOTH_SIDES).await;
        let (preview, refused) = if declared {
            let one = || restricted::parent::Entity::archive_by_id(1);
            (one().preview(&db).await, one().exec(&db).await)
        } else {
            let one = || undeclared::parent::Entity::archive_by_id(1);
            (one().preview(&db).await, one().exec(&db).await)
        };
        let expected = [Blocker {
            table: "public.children".to_owned(),
            constraint: "children_parent".to_owned(),
            rows: 2,
        }];
        assert_eq!(preview.unwrap().blockers, expected, "{what}");
        match refused.unwrap_err() {
            Error::Conflict(ConflictError::Blocked { table, blockers }) => {
                assert_eq!(
                    (table.as_str(), &blockers[..]),
                    ("public.parents", &expected[..])
                );
            }
            error => panic!("{what}: {error}"),
        }
        assert_eq!(dumps(&db, &BOTH_SIDES).await, before, "{what}");
        // Without these rows the archive succeeds.
        run(&db, "delete from children where parent_id = 1").await;
        if declared {
            restricted::parent::Entity::archive_by_id(1)
                .exec(&db)
                .await
                .unwrap();
        } else {
            undeclared::parent::Entity::archive_by_id(1)
                .exec(&db)
                .await
                .unwrap();
        }
        assert_eq!(count(&db, "deleted_parents").await, 1, "{what}");
    }
}

/// If one of many roots is blocked, none is archived.
#[tokio::test]
async fn one_blocked_root_blocks_all_roots() {
    let (_database, db) = tables(&two_families("on delete restrict"), &FAMILY).await;
    run(&db, "delete from children where parent_id = 2").await;
    let before = dumps(&db, &BOTH_SIDES).await;
    let many = restricted::parent::Entity::archive_many();
    let error = many.exec(&db).await.unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::Blocked { .. })),
        "{error}"
    );
    assert_eq!(dumps(&db, &BOTH_SIDES).await, before);
}

#[tokio::test]
async fn undeclared_edge_that_the_database_would_follow_is_refused() {
    for action in ["CASCADE", "SET NULL", "SET DEFAULT"] {
        let (_database, db) = tables(&two_families(&format!("on delete {action}")), &FAMILY).await;
        let before = dumps(&db, &BOTH_SIDES).await;
        for id in [1, 2] {
            let error = undeclared::parent::Entity::archive_by_id(id)
                .exec(&db)
                .await
                .unwrap_err();
            let text = error.to_string();
            let Error::Drift(DriftError::UndeclaredEdges { table, edges }) = error else {
                panic!("{error}");
            };
            assert_eq!((table.as_str(), edges.len()), ("public.parents", 1));
            assert_eq!(edges[0].constraint, "children_parent");
            assert_eq!(edges[0].on_delete, action);
            assert!(edges[0].child.contains("public.children"), "{edges:?}");
            assert!(text.contains("#[archive(cascade)]"), "{text}");
        }
        assert_eq!(
            undeclared::child::Entity::find()
                .all(&db)
                .await
                .unwrap()
                .len(),
            5
        );
        assert_eq!(dumps(&db, &BOTH_SIDES).await, before);
    }
}

/// A child table is created after a plan was cached without it.
#[tokio::test]
async fn child_table_created_later_is_refused_or_blocks() {
    let (_database, db) = tables(&two_families("on delete cascade"), &FAMILY).await;
    cascaded::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    run(
        &db,
        "create table toys (id bigint primary key, child_id bigint constraint toys_child references children on delete cascade);
         insert into toys values (1, 21)",
    )
    .await;
    let error = cascaded::parent::Entity::archive_by_id(2)
        .exec(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Drift(DriftError::UndeclaredEdges { edges, .. }) if edges[0].constraint == "toys_child"),
        "{error}"
    );
    assert_eq!(count(&db, "toys").await, 1);
    assert_eq!(count(&db, "children where parent_id = 2").await, 2);
    // With NO ACTION the rows block the archive.
    run(
        &db,
        "alter table toys drop constraint toys_child, add constraint toys_child foreign key (child_id) references children",
    )
    .await;
    let error = cascaded::parent::Entity::archive_by_id(2)
        .exec(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Conflict(ConflictError::Blocked { blockers, .. }) if blockers[0].rows == 1),
        "{error}"
    );
}

/// Changes with plain SQL, and the text that the error must contain.
const CHANGES: [(&str, &str); 26] = [
    (
        "alter table parents add column extra text default 'precious'",
        "public.deleted_parents does not fit public.parents: it lacks the column \"extra\" text: call manager.sync_archived_table(\"parents\")",
    ),
    (
        "alter table children add column extra text default 'precious'",
        "call manager.sync_archived_table(\"children\")",
    ),
    (
        "alter table children alter column name type varchar(3)",
        "its column \"name\" is text and not character varying(3): call manager.sync_archived_table(\"children\")",
    ),
    (
        "alter table children alter column parent_id type int",
        "call manager.sync_archived_table(\"children\")",
    ),
    (
        "alter table children alter column name type text collate \"C\"",
        "its column \"name\" is text and not text of the same collation",
    ),
    (
        "alter table deleted_children alter column name set not null",
        "its column \"name\" is NOT NULL",
    ),
    (
        "alter table children rename column name to title",
        "it lacks the column \"title\"",
    ),
    (
        "alter table children drop column name",
        "public.deleted_children does not fit public.children: it has a column \"name\" that the table does not have",
    ),
    (
        "alter table deleted_children add column extra text",
        "it has a column \"extra\" that the table does not have",
    ),
    (
        "alter table deleted_children drop column deleted_by",
        "deleted_by",
    ),
    (
        "alter table children drop constraint children_parent",
        "no foreign key from public.children(parent_id) refers to public.parents(id)",
    ),
    (
        "create table heirs () inherits (parents)",
        "public.parents has tables that inherit from it",
    ),
    (
        "create rule quiet as on delete to children do instead nothing",
        "public.children has rewrite rules",
    ),
    (
        "alter table deleted_children set unlogged",
        "public.deleted_children does not fit public.children: it is UNLOGGED or temporary, and what is archived would be lost in a crash: call manager.sync_archived_table(\"children\")",
    ),
    (
        "alter table deleted_children add constraint calm check (name <> 'loud')",
        "it has the CHECK constraint \"calm\", which could refuse what is archived: ALTER TABLE \"public\".\"deleted_children\" DROP CONSTRAINT \"calm\"",
    ),
    (
        "alter table deleted_children add constraint calm check (name <> 'loud') not valid",
        "it has the CHECK constraint \"calm\"",
    ),
    (
        "create unique index one_name on deleted_children (name)",
        "the unique index one_name",
    ),
    (
        "alter table deleted_children add constraint apart exclude (parent_id with =)",
        "the unique index apart",
    ),
    (
        "alter table deleted_children add constraint astray foreign key (parent_id) references parents on delete cascade",
        "it has the foreign key \"astray\"",
    ),
    (
        "create table notes (child bigint references deleted_children on delete cascade)",
        "the foreign key notes_child_fkey of public.notes refers to it",
    ),
    (
        "create rule quiet as on insert to deleted_children do instead nothing",
        "it has a rewrite rule",
    ),
    (
        "create table heirs () inherits (deleted_children)",
        "public.deleted_children does not fit public.children: it inherits from a table, or is inherited from",
    ),
    (
        "create table base (like deleted_children); alter table deleted_children inherit base",
        "it inherits from a table, or is inherited from",
    ),
    (
        "alter table deleted_children drop column name, add column name text generated always as ('x') stored",
        "its column \"name\" is generated or an identity",
    ),
    (
        "create function skip() returns trigger language plpgsql as 'begin return null; end';
         create trigger skip before insert on deleted_children for each row execute function skip()",
        "the trigger skip may drop or change its rows",
    ),
    (
        "alter table children enable row level security; create policy every on children using (true)",
        "row security is on for the table and off for it",
    ),
];

/// Each change is refused with a plan that was cached before it, and without one.
#[tokio::test]
async fn change_with_plain_sql_is_refused_and_named() {
    all_changed(&CHANGES[..13]).await;
}

/// The same for changes that let an archive table lose or refuse a row.
#[tokio::test]
async fn archive_table_that_could_lose_or_refuse_a_row_is_named() {
    all_changed(&CHANGES[13..]).await;
}

async fn all_changed(changes: &[(&str, &str)]) {
    for (change, expected) in changes {
        for planned_before in [false, true] {
            changed(change, expected, planned_before).await;
        }
    }
}

/// Objects that every plan needs.
#[tokio::test]
async fn missing_archive_table_or_primary_key_is_named() {
    for (change, expected) in [
        (
            "delete from archive.archived_table where active = 'children'::regclass",
            "manager.archive_existing_table(\"children\")",
        ),
        (
            "alter table children drop constraint children_pkey",
            "public.children has no primary key",
        ),
    ] {
        changed(change, expected, false).await;
    }
}

/// Checks that preview and archive refuse the change and name it, and that nothing moves.
async fn changed(change: &str, expected: &str, planned_before: bool) {
    let (_database, db) = tables(&two_families("on delete cascade"), &FAMILY).await;
    let one = || cascaded::parent::Entity::archive_by_id(1);
    if planned_before {
        one().exec(&db).await.unwrap().restore(&db).await.unwrap();
    }
    run(&db, change).await;
    let before = dumps(&db, &BOTH_SIDES).await;
    for (what, answer) in [
        ("preview", one().preview(&db).await.map(drop)),
        ("archive", one().exec(&db).await.map(drop)),
    ] {
        match answer {
            Err(Error::Drift(DriftError::Schema { problems, .. })) => assert!(
                problems.iter().any(|problem| problem.contains(expected)),
                "{what} after {change}: {problems:?}"
            ),
            other => {
                panic!("{what} after {change}, planned before: {planned_before}: {other:?}")
            }
        }
    }
    assert_eq!(dumps(&db, &BOTH_SIDES).await, before, "{change}");
}

/// The fix that the error names works.
#[tokio::test]
async fn new_column_is_archived_after_the_tables_are_synchronised() {
    let (_database, db) = tables(&two_families("on delete cascade"), &FAMILY).await;
    let one = || cascaded::parent::Entity::archive_by_id(1);
    one().exec(&db).await.unwrap().restore(&db).await.unwrap();
    run(
        &db,
        "alter table children add column extra text default 'precious'",
    )
    .await;
    assert!(one().exec(&db).await.is_err());
    SchemaManager::new(&db)
        .sync_archived_table("children")
        .await
        .unwrap();
    let before = dumps(&db, &FAMILY).await;
    let archival = one().exec(&db).await.unwrap();
    assert_eq!(
        count(&db, "deleted_children where extra = 'precious'").await,
        2
    );
    archival.restore(&db).await.unwrap();
    assert_eq!(dumps(&db, &FAMILY).await, before);
}

/// A link that cannot be detached is refused by the plan, not when a row is changed.
#[tokio::test]
async fn detach_of_a_not_null_column_or_without_a_primary_key_is_refused() {
    for (change, expected) in [
        (
            "delete from children where parent_id is null; alter table children alter column parent_id set not null",
            "public.children(parent_id) is NOT NULL",
        ),
        (
            "alter table children drop constraint children_pkey",
            "public.children has no primary key to remember the link by",
        ),
    ] {
        let (_database, db) = tables(&two_families(""), &["parents"]).await;
        run(&db, change).await;
        let before = dumps(&db, &FAMILY).await;
        match detached::parent::Entity::archive_by_id(1).exec(&db).await {
            Err(Error::Drift(DriftError::Schema { problems, .. })) => {
                assert!(problems[0].contains(expected), "{problems:?}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(dumps(&db, &FAMILY).await, before);
    }
}

/// Row security is enabled while a plan is cached. Hidden rows are not deleted by the cascade: the archive is refused.
#[tokio::test]
async fn row_security_enabled_later_is_refused() {
    let (database, owner) = tables(&two_families("on delete cascade"), &FAMILY).await;
    let role = database.role("clerk").await;
    run(
        &owner,
        &format!(
            "grant select, insert, update, delete on {} to \"{role}\"",
            BOTH_SIDES.join(", ")
        ),
    )
    .await;
    let manager = SchemaManager::new(&owner);
    manager.grant_archive(&role).await.unwrap();
    let db = database.connect_as("clerk").await;
    let one = || cascaded::parent::Entity::archive_by_id(1);
    one().exec(&db).await.unwrap().restore(&db).await.unwrap();
    run(
        &owner,
        "alter table children enable row level security;
         create policy odd on children using (id % 2 = 1)",
    )
    .await;
    manager.sync_archived_table("children").await.unwrap();
    let before = dumps(&owner, &BOTH_SIDES).await;
    match one().exec(&db).await {
        Err(Error::Drift(DriftError::Schema { problems, .. })) => assert!(
            problems.iter().any(|problem| problem
                .contains("public.children has rows that row security hides from this role")),
            "{problems:?}"
        ),
        other => panic!("{other:?}"),
    }
    assert_eq!(dumps(&owner, &BOTH_SIDES).await, before);
    // A role that sees all rows can archive.
    one().exec(&owner).await.unwrap();
}

/// A trigger on a table below the root skips the delete of a row, or changes a restored row.
#[tokio::test]
async fn trigger_below_the_root_that_skips_or_changes_a_row_is_refused() {
    let (_database, db) = tables(&two_families("on delete cascade"), &FAMILY).await;
    run(
        &db,
        "create function skip_row() returns trigger language plpgsql as 'begin if old.id = 12 then return null; end if; return old; end';
         create trigger skip_row before delete on children for each row execute function skip_row();
         create function mark() returns trigger language plpgsql as 'begin if new.id = 12 then new.name = ''x''; end if; return new; end'",
    )
    .await;
    let before = dumps(&db, &BOTH_SIDES).await;
    let error = cascaded::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Drift(DriftError::Trigger { message }) if message.contains("skip_row") && message.contains("public.children")),
        "{error}"
    );
    assert_eq!(dumps(&db, &BOTH_SIDES).await, before);
    // The other parent has no such child.
    let archival = cascaded::parent::Entity::archive_by_id(2)
        .exec(&db)
        .await
        .unwrap();
    archival.restore(&db).await.unwrap();
    run(&db, "drop trigger skip_row on children").await;
    let archival = cascaded::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    run(
        &db,
        "create trigger mark before insert or update on children for each row execute function mark()",
    )
    .await;
    let archived = dumps(&db, &BOTH_SIDES).await;
    let by_key = cascaded::parent::Entity::restore_by_id(1).exec(&db).await;
    for error in [archival.restore(&db).await, by_key] {
        let error = error.unwrap_err();
        assert!(
            matches!(&error, Error::Drift(DriftError::Trigger { message }) if message.contains("mark")),
            "{error}"
        );
    }
    assert_eq!(dumps(&db, &BOTH_SIDES).await, archived);
    run(&db, "drop trigger mark on children").await;
    archival.restore(&db).await.unwrap();
    assert_eq!(dumps(&db, &BOTH_SIDES).await, before);
}
