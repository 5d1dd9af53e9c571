//! `adopt`: tables that mark deleted rows become tables with archive tables, while the application uses them.

use indicatif::{ProgressBar, ProgressStyle};
use sea_orm::{ConnectionTrait, DbErr, TransactionTrait};
use sea_orm_archive_migration::{AdoptPreview, AdoptSchema, Adopted, ArchiveSchema, SoftDeleted};
use sea_orm_archive_postgres::schema::core::INSTALL_LOCK;
use sea_orm_migration::SchemaManager;
use serde_json::{Value as Json, json};

use super::{Session, marks};
use crate::answer::{Answer, table};
use crate::args::Adopt;
use crate::confirm::confirm;
use crate::failure::Failure;
use crate::query;

pub(super) async fn run(session: &Session, options: &Adopt) -> Result<Answer, Failure> {
    let tables = marks::declared(session, options).await?;
    let mut preview = preview(session, options, &tables).await?;
    if options.leave_columns_for_now {
        stay(&mut preview.adopted);
    }
    let plan = described(&preview.adopted);
    if options.preview || !preview.problems.is_empty() {
        let mut text = vec![plan];
        for problem in &preview.problems {
            text.push(format!("prevents it: {}", in_options(problem)));
        }
        let json = json!({"adopted": adopted_json(&preview.adopted), "problems": preview.problems});
        return Ok(
            Answer::new(text.join("\n"), json).with_code(u8::from(!preview.problems.is_empty()))
        );
    }
    let question = match (options.keep_columns, options.leave_columns_for_now) {
        (false, false) => "Adopt these tables, and drop their marking columns?",
        _ => "Adopt these tables?",
    };
    confirm(&plan, question, session.yes).await?;
    if options.install {
        install(session).await?;
    }
    let manager = SchemaManager::new(&session.db);
    let mut in_batches = Adopted::default();
    if options.online {
        in_batches = online(&manager, &tables, options.batch, preview.adopted.rows()).await?;
        if options.leave_columns_for_now {
            let moved = in_batches.rows();
            let text = format!(
                "{moved} row(s) archived; the columns are still there: once no running application reads them, run it again without --leave-columns-for-now"
            );
            return Ok(Answer::new(text, json!({"moved": moved})));
        }
    }
    let adopted = manager.adopt_soft_deleted(tables).await?;
    let (moved, last) = (in_batches.rows(), adopted.rows());
    let total = sum(adopted, &in_batches);
    let mut text = described(&total);
    if options.online {
        text.push_str(&format!(
            ": {moved} row(s) in batches, {last} in the last step"
        ));
    }
    Ok(Answer::new(
        text,
        json!({"adopted": adopted_json(&total), "moved": moved}),
    ))
}

/// Installs the schema `archive` if it does not exist.
///
/// Race: another adoption installs it, and goes on. This one waits for the lock, and leaves the schema as it is: to replace its functions could deadlock with
/// the batches of the other.
async fn install(session: &Session) -> Result<(), Failure> {
    let transaction = session.db.begin().await?;
    transaction.execute_unprepared(INSTALL_LOCK).await?;
    if !query::has(&transaction, "archived_table").await? {
        SchemaManager::new(&transaction).install_archive().await?;
    }
    Ok(transaction.commit().await?)
}

/// What would be adopted. The schema `archive` that `--install` creates for it is rolled back.
async fn preview(
    session: &Session,
    options: &Adopt,
    tables: &[SoftDeleted],
) -> Result<AdoptPreview, Failure> {
    if query::has(&session.db, "archived_table").await? {
        let manager = SchemaManager::new(&session.db);
        let preview = manager.preview_adopt(tables.to_vec()).await;
        return preview.map_err(error_in_options);
    } else if !options.install {
        return Err(Failure::Setup(
            "the schema `archive` does not exist: pass --install to create it".to_owned(),
        ));
    }
    let transaction = session.db.begin().await?;
    let manager = SchemaManager::new(&transaction);
    manager.install_archive().await?;
    let preview = manager.preview_adopt(tables.to_vec()).await;
    let preview = preview.map_err(error_in_options)?;
    transaction.rollback().await?;
    Ok(preview)
}

/// With `--leave-columns-for-now` the columns and the indexes on them stay.
fn stay(adopted: &mut Adopted) {
    for table in &mut adopted.tables {
        table.replaced_indexes.clear();
        table.dropped_indexes.clear();
        table.dropped_columns.clear();
    }
}

/// The same for an error.
fn error_in_options(error: DbErr) -> Failure {
    match error {
        DbErr::Migration(text) => DbErr::Migration(in_options(&text)).into(),
        other => other.into(),
    }
}

/// What to do, in options of this command instead of calls of a migration.
fn in_options(problem: &str) -> String {
    const OPTIONS: [(&str, &str); 6] = [
        (
            "`.live_children(LiveChildren::Archive)`",
            "--archive-live-children",
        ),
        ("`.keep_columns()`", "--keep-columns"),
        (
            "give the archive table's another name with `.deleted_at_column(..)`, `.deleted_by_column(..)` or `.archival_id_column(..)`, or declare it",
            "adopt it in a migration, which can give the archive table's another name, or declare it here",
        ),
        ("`.time_if_unknown(..)`", "--time-if-unknown"),
        ("`.time_of(..)`", "--time-of"),
        ("`.time_zone(\"UTC\")`", "--time-zone UTC"),
    ];
    let problem = OPTIONS
        .iter()
        .fold(problem.to_owned(), |text, (call, option)| {
            text.replace(call, option)
        });
    // The command finds out itself which tables have no mark.
    match problem.split_once(", with `SoftDeleted::unmarked(") {
        Some((before, rest)) => {
            let after = rest
                .split_once("if it has no mark")
                .map_or("", |(_, after)| after);
            format!("{before}{after}")
        }
        None => problem,
    }
}

/// Moves marked rows in batches until a batch moves none. Returns what moved.
async fn online(
    manager: &SchemaManager<'_>,
    tables: &[SoftDeleted],
    rows: u32,
    marked: u64,
) -> Result<Adopted, Failure> {
    manager.begin_adoption(tables.to_vec()).await?;
    let bar = ProgressBar::new(marked);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} rows, {eta} left") {
        bar.set_style(style);
    }
    let mut moved = Adopted::default();
    loop {
        let batch = manager.adopt_batch(tables.to_vec(), rows).await?;
        let is_last = batch.adopted.rows() == 0;
        moved = sum(batch.adopted, &moved);
        bar.set_length(moved.rows() + batch.left);
        bar.set_position(moved.rows());
        if is_last {
            bar.finish_and_clear();
            return Ok(moved);
        }
    }
}

/// The counts of both. Tables that another adoption has finished meanwhile are in `before` alone.
fn sum(mut adopted: Adopted, before: &Adopted) -> Adopted {
    adopted.archivals += before.archivals;
    for before in &before.tables {
        match adopted.tables.iter_mut().find(|t| t.table == before.table) {
            Some(table) => {
                table.marked += before.marked;
                table.unmarked += before.unmarked;
                table.roots += before.roots;
            }
            None => adopted.tables.push(before.clone()),
        }
    }
    adopted
}

fn described(adopted: &Adopted) -> String {
    let lines = table(
        [
            "table",
            "marked",
            "without mark",
            "archivals",
            "changed indexes",
            "dropped indexes",
            "dropped columns",
        ],
        adopted.tables.iter().map(|table| {
            [
                table.table.clone(),
                table.marked.to_string(),
                table.unmarked.to_string(),
                table.roots.to_string(),
                table.replaced_indexes.join(" "),
                table.dropped_indexes.join(" "),
                table.dropped_columns.join(" "),
            ]
        }),
    );
    format!(
        "{lines}\n{} row(s) in {} archival(s)",
        adopted.rows(),
        adopted.archivals
    )
}

fn adopted_json(adopted: &Adopted) -> Json {
    let tables = adopted.tables.iter().map(|table| {
        json!({"table": table.table, "marked": table.marked, "unmarked": table.unmarked, "roots": table.roots, "replaced_indexes": table.replaced_indexes,
               "dropped_indexes": table.dropped_indexes, "dropped_columns": table.dropped_columns})
    });
    json!({"tables": tables.collect::<Vec<_>>(), "archivals": adopted.archivals, "rows": adopted.rows()})
}
