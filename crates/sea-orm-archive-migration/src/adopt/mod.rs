//! Adopting tables that mark deleted rows: their marked rows become archived rows, and back.

mod batch;
mod check;
mod check_restore;
mod collect;
mod columns;
mod create;
mod digest;
mod group;
mod index;
mod options;
mod report;
mod restore;
mod shift;
mod subject;
mod view;

use sea_orm_migration::DbErr;

use crate::{feature, work::Work};
pub use options::{LiveChildren, SoftDeleted};
pub use report::{AdoptPreview, Adopted, AdoptedBatch, AdoptedTable};
pub(crate) use {
    batch::{adopt_batch, is_locked, wait},
    restore::restore,
};

/// Creates the archive tables of these tables, and moves nothing.
pub(crate) async fn begin(work: &Work, tables: &[SoftDeleted]) -> Result<(), DbErr> {
    let subjects = subject::resolve(work, tables, true).await?;
    create::archive_tables(work, &subjects).await
}

/// Moves all marked rows of these tables into their archive tables, under a lock, and drops the marking columns.
pub(crate) async fn adopt(work: &Work, tables: &[SoftDeleted]) -> Result<Adopted, DbErr> {
    let subjects = subject::resolve(work, tables, true).await?;
    if subjects.is_empty() {
        return Ok(Adopted::default());
    }
    create::archive_tables(work, &subjects).await?;
    let subjects = subject::reread(work, subjects).await?;
    check::lock_children(work, &subjects).await?;
    let forced = work.unforce_all(subject::names(&subjects)).await?;
    let before = digest::before(work, &subjects).await?;
    collect::all(work, &subjects).await?;
    let archivals = group::rows(work, &subjects).await?;
    let mut problems = check::problems(work, &subjects).await?;
    problems.extend(columns::problems(work, &subjects).await?);
    refuse("adopted", &problems)?;
    let mut adopted = report::count(work, &subjects, archivals).await?;
    columns::report(work, &subjects, &mut adopted).await?;
    shift::rows(work, &subjects).await?;
    digest::compare(work, &subjects, &before).await?;
    columns::finish(work, &subjects).await?;
    collect::forget(work, &subjects).await?;
    work.force_all(forced).await?;
    for subject in &subjects {
        feature::changed(work, &subject.table.id).await?;
        view::create(work, subject).await?;
    }
    Ok(adopted)
}

/// What [`adopt`] would do. The caller rolls back.
pub(crate) async fn preview(work: &Work, tables: &[SoftDeleted]) -> Result<AdoptPreview, DbErr> {
    let subjects = subject::resolve(work, tables, false).await?;
    // Where a table forces row-level security on its owner, this locks it until the rollback.
    work.unforce_all(subject::names(&subjects)).await?;
    let subjects = subject::locked(work, subjects, "ACCESS SHARE").await?;
    if subjects.is_empty() {
        return Ok(AdoptPreview::default());
    }
    create::refuse_unfit(work, &subjects).await?;
    collect::all(work, &subjects).await?;
    let archivals = group::rows(work, &subjects).await?;
    let mut problems = check::problems(work, &subjects).await?;
    problems.extend(columns::problems(work, &subjects).await?);
    let mut adopted = report::count(work, &subjects, archivals).await?;
    columns::report(work, &subjects, &mut adopted).await?;
    Ok(AdoptPreview { adopted, problems })
}

/// One error for everything that prevents an adoption, or its `down`.
fn refuse(what: &str, problems: &[String]) -> Result<(), DbErr> {
    match problems {
        [] => Ok(()),
        [only] => Err(DbErr::Migration(format!("nothing was {what}: {only}"))),
        several => Err(DbErr::Migration(format!(
            "nothing was {what}, for {} reasons:\n- {}",
            several.len(),
            several.join("\n- ")
        ))),
    }
}
