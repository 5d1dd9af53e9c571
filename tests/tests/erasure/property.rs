//! Random rows, moves and changes, before an erasure and between its steps.
//!
//! The cases are the same in every run on one server. `ERASURE_SEED` chooses others, `ERASURE_CASES` their number.

use proptest::prelude::*;
use sea_orm::DatabaseConnection;
use sea_orm_archive::erasure::PersonEntity;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::property::{Cases, cases};
use sea_orm_archive_tests::sql::{run, texts};

use super::people::{attachment, comment, people, person};
use super::places;

/// One change of a comment or of its attachment, by its number among those that exist.
#[derive(Clone, Debug)]
enum Change {
    Insert { author: i64 },
    Update(usize),
    Delete(usize),
    Archive(usize),
    ArchiveAttachment(usize),
    Restore(usize),
    Step,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        3 => (1..=2i64).prop_map(|author| Change::Insert { author }),
        2 => any::<usize>().prop_map(Change::Update),
        1 => any::<usize>().prop_map(Change::Delete),
        2 => any::<usize>().prop_map(Change::Archive),
        1 => any::<usize>().prop_map(Change::ArchiveAttachment),
        2 => any::<usize>().prop_map(Change::Restore),
        3 => Just(Change::Step),
    ];
    proptest::collection::vec(change, 5..40)
}

/// The nth of the ids that a query returns.
async fn nth(db: &DatabaseConnection, table: &str, number: usize) -> Option<i64> {
    let ids: Vec<i64> =
        sea_orm_archive_tests::sql::all(db, &format!("select id from {table} order by id")).await;
    ids.get(number.checked_rem(ids.len())?).copied()
}

/// Every value names its author, so what is left of one is found anywhere.
async fn apply(db: &DatabaseConnection, change: &Change, fresh: i64) -> Result<(), Error> {
    match change {
        Change::Insert { author } => {
            run(db, &format!("insert into comments values ({fresh}, 2, {author}, 'of-{author}-is {fresh}'); insert into attachments values ({fresh}, {fresh}, 'of-{author}-is {fresh}')")).await;
        }
        Change::Update(number) => {
            if let Some(id) = nth(db, "comments where id >= 100", *number).await {
                run(db, &format!("update comments set content = concat('of-', author_id, '-is ', {fresh}) where id = {id}")).await;
            }
        }
        Change::Delete(number) => {
            if let Some(id) = nth(db, "comments where id >= 100", *number).await {
                run(db, &format!("delete from attachments where comment_id = {id}; delete from deleted_attachments where comment_id = {id}; delete from comments where id = {id}")).await;
            }
        }
        Change::Archive(number) => {
            if let Some(id) = nth(db, "comments where id >= 100", *number).await {
                comment::Entity::archive_by_id(id).exec(db).await?;
            }
        }
        Change::ArchiveAttachment(number) => {
            if let Some(id) = nth(db, "attachments where id >= 100", *number).await {
                attachment::Entity::archive_by_id(id).exec(db).await?;
            }
        }
        Change::Restore(number) => {
            if let Some(id) = nth(db, "deleted_comments where id >= 100", *number).await {
                comment::Entity::restore_by_id(id).exec(db).await?;
            }
        }
        Change::Step => {}
    }
    Ok(())
}

/// What the other person wrote, in every table, in the order of the text.
async fn of_the_other(db: &DatabaseConnection) -> Vec<String> {
    texts(
        db,
        "select c::text from comments c where author_id = 2 union all select c::text from deleted_comments c where author_id = 2
         union all select a::text from attachments a where file_name like 'of-2%' union all select a::text from deleted_attachments a where file_name like 'of-2%'
         union all select e::text from archive.audit_entry e where concat(old, new, whole) like '%of-2-is%' order by 1",
    )
    .await
}

async fn erases_one_and_nothing_else(before: Vec<Change>, during: Vec<Change>, most: u32) {
    let database = people().await;
    let db = database.connect().await;
    let mut fresh = 100;
    for change in &before {
        fresh += 1;
        apply(&db, change, fresh).await.unwrap();
    }
    let mut batches = person::Entity::erase_by_id(1).in_batches(most);
    let mut goes_on = true;
    for change in &during {
        fresh += 1;
        if matches!(change, Change::Step) {
            // What is written after the end is not erased.
            let certificate = batches.next(&db).await.unwrap();
            goes_on = certificate.is_some_and(|certificate| {
                matches!(
                    certificate.erasure.state.as_str(),
                    "collect" | "rows" | "check"
                )
            });
            if !goes_on {
                break;
            }
        } else {
            apply(&db, change, fresh).await.unwrap();
        }
    }
    let other = of_the_other(&db).await;
    while goes_on || batches.next(&db).await.unwrap().is_some() {
        goes_on = false;
    }
    assert_eq!(places(&db, "of-1-is").await, Vec::<String>::new());
    assert_eq!(of_the_other(&db).await, other);
}

#[test]
fn erasure_leaves_nothing_of_one_person_and_everything_of_others() {
    let Cases {
        mut runner,
        runtime,
        variables,
    } = cases("ERASURE", 1, 6, 100);
    let erased = runner.run(
        &(changes(), changes(), 1..6u32),
        |(before, during, most)| {
            runtime.block_on(erases_one_and_nothing_else(before, during, most));
            Ok(())
        },
    );
    if let Err(error) = erased {
        panic!("{variables}: {error}");
    }
}
