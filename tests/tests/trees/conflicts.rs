//! All conflicts of a restore, in the preview and in the error.

use sea_orm::DatabaseConnection;
use sea_orm_archive::error::{ConflictError, DriftError, SetupError};
use sea_orm_archive::prelude::*;
use serde_json::json;

use crate::trees::database::{contents, count, database, run};

mod room {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "rooms")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub name: Option<String>,
        pub house: Option<i32>,
        pub open: bool,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const ROOMS: &str = "
    create table houses (id int primary key);
    create table rooms (id int primary key, name text, house int references houses, open bool not null default true, span int4range);
    insert into houses values (1), (2);
    insert into rooms values (1, 'Blue', 1, true, '[1,5)'), (2, null, 2, true, null)";

/// Archives room 1 under a constraint, runs `in_the_way`, and returns the conflicts of the preview. The error must report
/// the same, and nothing may move.
async fn conflict(constraint: &str, in_the_way: &str) -> Vec<Conflict> {
    let database = database("rooms", ROOMS, &["rooms"]).await;
    let db = database.connect().await;
    run(&db, constraint).await;
    let archival = room::Entity::archive_by_id(1).exec(&db).await.unwrap();
    room::Entity::archive_by_id(2).exec(&db).await.unwrap();
    run(&db, in_the_way).await;
    let before = contents(&db).await;
    let preview = archival_preview(&db, archival.id).await;
    match archival.restore(&db).await.unwrap_err() {
        Error::Conflict(ConflictError::Restore {
            archival: id,
            conflicts,
        }) => {
            assert_eq!((id, &conflicts), (archival.id, &preview));
        }
        error => panic!("{error}"),
    }
    assert!(room::Entity::restore_by_id(1).exec(&db).await.is_err());
    assert_eq!(contents(&db).await, before);
    preview
}

async fn archival_preview(db: &DatabaseConnection, archival: i64) -> Vec<Conflict> {
    let by_id = room::Entity::restore_by_id(1).preview(db).await.unwrap();
    let preview = sea_orm_archive::archival::Entity::restore_by_id(archival)
        .preview(db)
        .await
        .unwrap();
    assert_eq!(by_id, preview);
    preview.conflicts
}

fn unique(found: &[Conflict]) -> (&str, &serde_json::Value, &serde_json::Value) {
    match found {
        [
            Conflict::Unique {
                constraint,
                values,
                holder,
                ..
            },
        ] => (constraint, values, holder),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn unique_index_is_a_conflict_with_values_and_holder() {
    let found = conflict(
        "create unique index u on rooms (house, name)",
        "insert into rooms values (9, 'Blue', 1)",
    )
    .await;
    assert_eq!(
        unique(&found),
        (
            "u",
            &json!({ "house": 1, "name": "Blue" }),
            &json!({ "id": 9 })
        )
    );
}

#[tokio::test]
async fn partial_index_on_an_expression_is_a_conflict() {
    let found = conflict(
        "create unique index u on rooms (lower(name)) where open",
        "insert into rooms values (8, 'BLUE', 1, false), (9, 'bLUE', 1, true)",
    )
    .await;
    assert_eq!(
        unique(&found),
        ("u", &json!({ "lower(name)": "blue" }), &json!({ "id": 9 }))
    );
}

#[tokio::test]
async fn index_with_nulls_not_distinct_is_a_conflict() {
    let database = database("rooms", ROOMS, &["rooms"]).await;
    let db = database.connect().await;
    run(
        &db,
        "create unique index u on rooms (name) nulls not distinct",
    )
    .await;
    room::Entity::archive_by_id(2).exec(&db).await.unwrap();
    run(&db, "insert into rooms values (9, null, 1)").await;
    let preview = room::Entity::restore_by_id(2).preview(&db).await.unwrap();
    assert_eq!(
        unique(&preview.conflicts),
        ("u", &json!({ "name": null }), &json!({ "id": 9 }))
    );
}

#[tokio::test]
async fn exclusion_constraint_is_a_conflict() {
    let found = conflict(
        "alter table rooms add constraint u exclude using gist (span with &&)",
        "insert into rooms values (9, 'Red', 1, true, '[4,9)')",
    )
    .await;
    assert_eq!(unique(&found).0, "u");
}

#[tokio::test]
async fn taken_key_is_a_conflict() {
    let found = conflict("select", "insert into rooms values (1, 'Red', 1)").await;
    assert!(
        matches!(&found[..], [Conflict::KeyTaken { key, .. }] if *key == json!({ "id": 1 })),
        "{found:?}"
    );
}

/// A taken key, a unique violation and a missing parent at once.
#[tokio::test]
async fn all_conflicts_are_reported_at_once() {
    let found = conflict(
        "create unique index u on rooms (name)",
        "insert into rooms values (1, 'Red', null), (9, 'Blue', null); delete from houses where id = 1",
    )
    .await;
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(
        found
            .iter()
            .any(|c| matches!(c, Conflict::MissingParent { archival: None, .. })),
        "{found:?}"
    );
}

/// A CHECK that was added later and that the archived row violates.
#[tokio::test]
async fn new_check_is_a_conflict() {
    let database = database("rooms", ROOMS, &["rooms"]).await;
    let db = database.connect().await;
    let archival = room::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "alter table rooms add constraint lower_only check (name = lower(name))",
    )
    .await;
    let preview = archival_preview(&db, archival.id).await;
    match archival.restore(&db).await.unwrap_err() {
        Error::Conflict(ConflictError::Restore { conflicts, .. }) => {
            assert_eq!(conflicts, preview);
            assert!(
                matches!(&conflicts[..], [Conflict::Violated { constraint, .. }] if constraint == "lower_only"),
                "{conflicts:?}"
            );
        }
        error => panic!("{error}"),
    }
    assert_eq!(count(&db, "deleted_rooms", "id = 1").await, 1);
}

/// A row with the id of an archived row cannot be archived.
#[tokio::test]
async fn archive_of_a_key_that_is_archived_already_is_refused() {
    let database = database("rooms", ROOMS, &["rooms"]).await;
    let db = database.connect().await;
    room::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "insert into rooms values (1, 'Red', 1)").await;
    let error = room::Entity::archive_by_id(1).exec(&db).await.unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::DuplicateKey { .. })),
        "{error}"
    );
    assert_eq!(count(&db, "rooms", "name = 'Red'").await, 1);
    assert_eq!(count(&db, "deleted_rooms", "name = 'Blue'").await, 1);
}

/// Archivals with the next ids were inserted with plain SQL. The collision is not reported as one of the row's key, and a
/// later call succeeds. A call with a plan of another test's database draws an id too, so several are taken.
#[tokio::test]
async fn taken_archival_id_is_reported_with_the_helper() {
    let database = database("rooms", ROOMS, &["rooms"]).await;
    let db = database.connect().await;
    run(
        &db,
        "insert into archive.archival (id, root_table, root_key, archived_at, row_counts, tables)
         select id, 'public.rooms', '{}', now(), '{}', '{}' from generate_series(1, 4) as id",
    )
    .await;
    let mut errors = 0;
    while let Err(error) = room::Entity::archive_by_id(1).exec(&db).await {
        assert!(
            matches!(&error, Error::Setup(SetupError::SequenceBehind { table }) if table == "archival"),
            "{error}"
        );
        assert_eq!(count(&db, "rooms", "id = 1").await, 1);
        errors += 1;
    }
    assert!((1..=4).contains(&errors), "{errors}");
}

/// A BEFORE trigger that changes a restored row, or skips the delete of an archived one, is detected.
#[tokio::test]
async fn trigger_that_changes_or_skips_a_row_is_refused() {
    let database = database("rooms", ROOMS, &["rooms"]).await;
    let db = database.connect().await;
    run(
        &db,
        "create function stamp() returns trigger language plpgsql as $$ begin new.name := 'stamped'; return new; end $$;
         create function skip_row() returns trigger language plpgsql as $$ begin return null; end $$",
    )
    .await;
    let archival = room::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "create trigger stamp before insert or update on rooms for each row execute function stamp()").await;
    let error = archival.restore(&db).await.unwrap_err();
    assert!(
        matches!(&error, Error::Drift(DriftError::Trigger { message }) if message.contains("stamp")),
        "{error}"
    );
    assert_eq!(count(&db, "deleted_rooms", "name = 'Blue'").await, 1);
    run(&db, "drop trigger stamp on rooms; create trigger skip_row before delete on rooms for each row execute function skip_row()").await;
    archival.restore(&db).await.unwrap();
    let one = room::Entity::archive_by_id(1).exec(&db).await.unwrap_err();
    let many = room::Entity::archive_many().exec(&db).await.unwrap_err();
    for error in [one, many] {
        assert!(
            matches!(&error, Error::Drift(DriftError::Trigger { message }) if message.contains("skip_row")),
            "{error}"
        );
    }
    assert_eq!(count(&db, "rooms", "true").await, 2);
}
