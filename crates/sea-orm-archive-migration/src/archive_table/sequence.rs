//! The sequence of ids that a table and its archive table share.
//!
//! Only the table draws from it; archiving does not change the id of a row. So the column of the table owns the
//! sequence, and it is dropped with the table.

use sea_orm_archive_postgres::catalog::Table;
use sea_orm_archive_postgres::schema;
use sea_orm_archive_postgres::template::fill;
use sea_orm_migration::DbErr;

use crate::{name::quote, work::Work};

/// A sequence that the key of a table draws from.
struct KeySequence {
    column: String,
    name: String,
    /// The column owns it.
    own: bool,
    /// No column owns it.
    free: bool,
}

/// Lets the key of `active` own the sequences that its defaults draw from and that no column owns.
pub(crate) async fn own(work: &Work, active: &Table) -> Result<(), DbErr> {
    for sequence in of_key(work, active).await? {
        if sequence.free {
            let (table, column) = (active.id.sql(), quote(&sequence.column));
            work.run(&format!(
                "ALTER SEQUENCE {} OWNED BY {table}.{column}",
                sequence.name
            ))
            .await?;
        }
    }
    Ok(())
}

/// Sets the sequences of the key of `active` past the ids of both tables.
pub(crate) async fn reset(work: &Work, active: &Table) -> Result<(), DbErr> {
    let sequences = of_key(work, active).await?;
    let own: Vec<_> = sequences.iter().filter(|sequence| sequence.own).collect();
    if own.is_empty() {
        return Err(DbErr::Migration(match sequences.first() {
            Some(shared) => format!(
                "the sequence {} does not belong to {}: other tables may draw from it, so set it with setval \
                 from the ids of all of them",
                shared.name, active.id
            ),
            None => format!("the key of {} draws from no sequence", active.id),
        }));
    }
    let tables: Vec<String> = std::iter::once(active.id.sql())
        .chain(
            active
                .archive_table
                .iter()
                .map(|archive_table| archive_table.id.sql()),
        )
        .collect();
    // Under FORCE ROW LEVEL SECURITY the owner would see the ids of one tenant.
    let forced = work.unforce_all(tables.clone()).await?;
    // Race: a row that is inserted or archived meanwhile would not be counted.
    work.run(&format!(
        "LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE",
        tables.join(", ")
    ))
    .await?;
    for sequence in own {
        work.run_with(&setval(sequence, &tables), [sequence.name.as_str().into()])
            .await?;
    }
    work.force_all(forced).await
}

/// The next id is the first step of the sequence past the ids of the tables, in the direction in which it counts;
/// without any ids it is the start of the sequence.
fn setval(sequence: &KeySequence, tables: &[String]) -> String {
    let column = quote(&sequence.column);
    let ids: Vec<_> = tables
        .iter()
        .map(|table| format!("SELECT {column}::bigint AS id FROM {table}"))
        .collect();
    fill(
        schema::archive_table::RESET_SEQUENCE,
        [("ids", ids.join(" UNION ALL "))],
    )
}

async fn of_key(work: &Work, table: &Table) -> Result<Vec<KeySequence>, DbErr> {
    let rows = work
        .rows(schema::archive_table::KEY_SEQUENCES, [table.id.oid.into()])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(KeySequence {
                column: row.try_get("", "column_name")?,
                name: row.try_get("", "sequence")?,
                own: row.try_get("", "own")?,
                free: row.try_get("", "free")?,
            })
        })
        .collect()
}
