//! `adopt`: tables that mark deleted rows become tables with archive tables, beside traffic.

use indicatif::{ProgressBar, ProgressStyle};
use sea_orm::TransactionTrait;
use sea_orm_archive_migration::{
    AdoptPreview, AdoptSchema, Adopted, ArchiveSchema, ExistingTable, LiveChildren, SoftDeleted,
};
use sea_orm_migration::SchemaManager;
use sea_orm_migration::sea_query::ColumnType;
use serde_json::{Value as Json, json};

use super::Session;
use crate::answer::{Answer, table};
use crate::args::Adopt;
use crate::confirm::confirm;
use crate::failure::Failure;
use crate::query;

pub(super) async fn run(session: &Session, options: &Adopt) -> Result<Answer, Failure> {
    let tables = declared(session, options).await?;
    let manager = SchemaManager::new(&session.db);
    let preview = preview(session, &tables, options.install).await?;
    let plan = described(&preview.adopted);
    let problems: Vec<_> = preview
        .problems
        .iter()
        .map(|problem| format!("prevents it: {problem}"))
        .collect();
    if options.preview || !problems.is_empty() {
        let text = [vec![plan], problems].concat().join("\n");
        let json = json!({"adopted": adopted_json(&preview.adopted), "problems": preview.problems});
        return Ok(Answer::new(text, json).with_code(u8::from(!preview.problems.is_empty())));
    }
    confirm(&plan, "Adopt these tables?", session.yes).await?;
    if options.install {
        manager.install_archive().await?;
    }
    let mut moved = 0;
    if options.online {
        moved = online(&manager, &tables, options.batch, preview.adopted.rows()).await?;
        if options.leave_columns_for_now {
            let text = format!(
                "{moved} row(s) archived; run it again without --leave-columns-for-now to finish, once no running build reads the marks"
            );
            return Ok(Answer::new(text, json!({"moved": moved})));
        }
    }
    let adopted = manager.adopt_soft_deleted(tables).await?;
    let text = format!(
        "{}\n{} row(s) archived beside traffic before",
        described(&adopted),
        moved
    );
    Ok(Answer::new(
        text,
        json!({"adopted": adopted_json(&adopted), "moved": moved}),
    ))
}

/// What the adoption would do. With `install` the schema is created for it, and rolled back.
async fn preview(
    session: &Session,
    tables: &[SoftDeleted],
    install: bool,
) -> Result<AdoptPreview, Failure> {
    let transaction = session.db.begin().await?;
    let manager = SchemaManager::new(&transaction);
    let preview = match install {
        true => match manager.install_archive().await {
            Ok(()) => manager.preview_adopt(tables.to_vec()).await,
            Err(error) => Err(error),
        },
        false => manager.preview_adopt(tables.to_vec()).await,
    };
    transaction.rollback().await?;
    Ok(preview?)
}

/// Moves marked rows in batches until a batch moves none. Returns how many moved.
async fn online(
    manager: &SchemaManager<'_>,
    tables: &[SoftDeleted],
    rows: u32,
    marked: u64,
) -> Result<u64, Failure> {
    manager.begin_adoption(tables.to_vec()).await?;
    let bar = ProgressBar::new(marked);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} rows, {eta} left") {
        bar.set_style(style);
    }
    let mut moved = 0;
    loop {
        let batch = manager.adopt_batch(tables.to_vec(), rows).await?;
        moved += batch.adopted.rows();
        bar.set_length(moved + batch.left);
        bar.set_position(moved);
        if batch.adopted.rows() == 0 {
            bar.finish_and_clear();
            return Ok(moved);
        }
    }
}

/// The tables, each with those of the named columns that it has.
async fn declared(session: &Session, options: &Adopt) -> Result<Vec<SoftDeleted>, Failure> {
    let mut tables = Vec::new();
    for name in &options.tables {
        let columns = columns(session, name).await?;
        let has = |column: &str| columns.iter().any(|(name, _)| name == column);
        let archive_table = existing(
            name,
            columns
                .iter()
                .find(|(column, _)| *column == options.deleted_by),
        );
        let mut adopted = match (&options.when, has(&options.deleted_at)) {
            (Some(when), is_timed) if has(when) => {
                let adopted = SoftDeleted::new(archive_table).when(when.clone());
                match is_timed {
                    true => adopted.deleted_at(options.deleted_at.clone()),
                    false => adopted,
                }
            }
            (_, true) => SoftDeleted::new(archive_table).deleted_at(options.deleted_at.clone()),
            (_, false) => {
                tables.push(SoftDeleted::unmarked(archive_table));
                continue;
            }
        };
        if has(&options.deleted_by) {
            adopted = adopted.deleted_by(options.deleted_by.clone());
        }
        if let Some(reason) = options.reason.as_ref().filter(|reason| has(reason)) {
            adopted = adopted.reason(reason.clone());
        }
        if let Some(zone) = &options.time_zone {
            adopted = adopted.time_zone(zone.clone());
        }
        if let Some(time) = &options.time_if_unknown {
            adopted = adopted.time_if_unknown(time.clone());
        }
        if options.keep_columns {
            adopted = adopted.keep_columns();
        }
        if options.archive_live_children {
            adopted = adopted.live_children(LiveChildren::Archive);
        }
        tables.push(adopted);
    }
    Ok(tables)
}

/// A table with the type of its column for the person, which its archive table gets too.
fn existing(name: &str, deleted_by: Option<&(String, String)>) -> ExistingTable {
    let table = match name.split_once('.') {
        Some((schema, table)) => ExistingTable::new((schema.to_owned(), table.to_owned())),
        None => ExistingTable::new(name.to_owned()),
    };
    match deleted_by.map(|(_, of_type)| of_type.as_str()) {
        Some("uuid") => table.deleted_by(ColumnType::Uuid),
        Some("text" | "character varying") => table.deleted_by(ColumnType::Text),
        _ => table,
    }
}

/// The columns of a table, with their types.
async fn columns(session: &Session, name: &str) -> Result<Vec<(String, String)>, Failure> {
    let quoted: Vec<_> = name.split('.').map(query::quote).collect();
    let columns = query::rows(
        &session.db,
        "SELECT a.attname AS name, pg_catalog.format_type(a.atttypid, NULL) AS type FROM pg_catalog.pg_attribute AS a
         WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped",
        vec![quoted.join(".").into()],
    )
    .await?;
    if columns.is_empty() {
        return Err(Failure::NotFound(format!("table {name}")));
    }
    let text = |column: &Json, field: &str| column[field].as_str().unwrap_or_default().to_owned();
    Ok(columns
        .iter()
        .map(|column| (text(column, "name"), text(column, "type")))
        .collect())
}

fn described(adopted: &Adopted) -> String {
    let lines = table(
        [
            "table",
            "marked",
            "with them",
            "archivals",
            "changed indexes",
            "dropped columns",
        ],
        adopted.tables.iter().map(|table| {
            [
                table.table.clone(),
                table.marked.to_string(),
                table.unmarked.to_string(),
                table.roots.to_string(),
                table.replaced_indexes.join(" "),
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
