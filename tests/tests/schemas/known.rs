//! Stories that failed once, reduced to the fewest steps.

use sea_orm::ConnectionTrait;
use sea_orm_archive::ArchiveEntity;
use sea_orm_archive::entity::Policy;

use crate::schemas::database::{database, query};
use crate::schemas::entities::t1;
use crate::schemas::run::{Boundaries, run};
use crate::schemas::schema::{Edge, OnDelete, Schema, Trigger, declare};
use crate::schemas::steps::Step;

fn edge(parent: usize, child: usize, policy: Policy) -> Edge {
    Edge {
        parent,
        child,
        policy: Some(policy),
        on_delete: OnDelete::NoAction,
        required: false,
        area_required: false,
        deferred: false,
    }
}

fn insert(table: usize) -> Step {
    Step::Insert {
        table,
        parents: [1; 4],
        name: 4,
        load: String::new(),
        reuse: false,
    }
}

/// A page (t4) of a book (t0) and of a shelf (t2) is the bookmark of a reader (t1), who owns the shelf. Book, shelf and
/// reader are archived in this order. After a restore of the book, shelf and reader must still be restorable.
#[tokio::test]
async fn archived_row_with_a_link_to_a_waiting_row_can_be_restored() {
    let schema = Schema {
        edges: vec![
            edge(0, 4, Policy::Cascade),
            edge(2, 4, Policy::Cascade),
            edge(4, 1, Policy::Detach),
            edge(1, 2, Policy::Restrict),
        ],
        unique: [false; 5],
        triggers: [None; 5],
    };
    let archive = |table| Step::ArchiveOne { table, row: 0 };
    let relink = Step::Relink {
        table: 2,
        row: 0,
        edge: 0,
        parent: 1,
    };
    let restore = Step::RestoreArchival { archival: 0 };
    let steps = [
        insert(0),
        insert(2),
        insert(4),
        insert(1),
        relink,
        archive(0),
        archive(2),
        archive(1),
        restore,
    ];
    run(&schema, &steps, Boundaries::EachCall).await.unwrap();
}

/// The folder (t1) of a file (t0) is archived, and the file moves to another area. The folder can be restored, and the
/// link of the file is not restored.
#[tokio::test]
async fn link_of_a_row_moved_to_another_area_is_not_restored() {
    let schema = Schema {
        edges: vec![Edge {
            area_required: true,
            ..edge(1, 0, Policy::Detach)
        }],
        unique: [false; 5],
        triggers: [None; 5],
    };
    declare(&schema);
    let (_database, db) = database(&schema).await;
    db.execute_unprepared(
        "insert into t1 (area, id, load) values (1, 1, ''); insert into t0 (id, e0_area, e0, load) values (1, 1, 1, '')",
    )
    .await
    .unwrap();
    let archival = t1::Entity::archive_by_id((1, 1)).exec(&db).await.unwrap();
    db.execute_unprepared("update t0 set e0_area = 2")
        .await
        .unwrap();
    assert_eq!(archival.restore(&db).await.unwrap().relinked, 0);
    let file = query(&db, "select to_jsonb(t) - 'load' from t0 as t")
        .await
        .unwrap();
    assert_eq!(
        (&file["e0_area"], &file["e0"]),
        (&2.into(), &serde_json::Value::Null)
    );
}

/// A page (t4) of a book (t0) and of a shelf (t2) is the bookmark of a reader (t1) of the shelf. The restore of the book
/// reassigns the page to the archival of the shelf, whose restore restores page, reader and bookmark.
#[tokio::test]
async fn link_is_restored_with_its_reassigned_row() {
    let steps = [
        insert(0),
        insert(2),
        insert(4),
        insert(1),
        Step::ArchiveOne { table: 0, row: 0 },
        Step::ArchiveOne { table: 2, row: 0 },
        Step::RestoreArchival { archival: 0 },
        Step::RestoreArchival { archival: 0 },
    ];
    for trigger in [None, Some(Trigger::Idle)] {
        let schema = Schema {
            edges: vec![
                edge(0, 4, Policy::Cascade),
                edge(2, 4, Policy::Cascade),
                edge(2, 1, Policy::Cascade),
                edge(4, 1, Policy::Detach),
            ],
            unique: [false; 5],
            triggers: [trigger; 5],
        };
        run(&schema, &steps, Boundaries::EachCall).await.unwrap();
    }
}

/// A row (t2) below two roots (t0) that are archived together, in two archivals: neither can be restored alone.
#[tokio::test]
async fn row_below_two_roots_is_archived_with_triggers() {
    let schema = Schema {
        edges: vec![edge(0, 2, Policy::Cascade), edge(0, 2, Policy::Cascade)],
        unique: [false; 5],
        triggers: [Some(Trigger::Idle); 5],
    };
    let below_both = Step::Insert {
        table: 2,
        parents: [1, 5, 1, 1],
        name: 4,
        load: String::new(),
        reuse: false,
    };
    let archive = Step::ArchiveMany {
        table: 0,
        rows: 255,
    };
    let steps = [insert(0), insert(0), below_both, archive];
    run(&schema, &steps, Boundaries::EachCall).await.unwrap();
}

/// An archived row (t2) and a new one with its key both lose their link to the archived parent (t4), whose trigger is not the cause.
#[tokio::test]
async fn parent_of_two_rows_with_one_key_is_archived_with_triggers() {
    let schema = Schema {
        edges: vec![edge(4, 2, Policy::Detach)],
        unique: [false; 5],
        triggers: [None, None, None, None, Some(Trigger::Idle)],
    };
    let again = Step::Insert {
        table: 2,
        parents: [1, 0, 0, 0],
        name: 0,
        load: String::new(),
        reuse: true,
    };
    let steps = [
        insert(4),
        insert(2),
        Step::ArchiveOne { table: 2, row: 0 },
        again,
        Step::ArchiveOne { table: 4, row: 0 },
    ];
    run(&schema, &steps, Boundaries::EachCall).await.unwrap();
}
