//! The calls, on the entity of any table; errors are converted to the refusals of the model.

use std::collections::BTreeSet;

use sea_orm::ColumnTrait;
use sea_orm_archive::error::{ConflictError, DriftError, NotFoundError};
use sea_orm_archive::{
    Archival, ArchiveEntity, ArchivePreview, Conflict, Error, Executor, RestorePreview, Restored,
    archival,
};

use crate::schemas::entities::{Parts, with_entity};
use crate::schemas::model::{Place, Refusal};

/// The result of a call. The outer error is one that the model does not have.
pub type Answer<T> = Result<Result<T, Refusal>, String>;

pub async fn preview_one(db: &impl Executor, place: Place, area: i32) -> Answer<ArchivePreview> {
    let (table, id) = place;
    answer(with_entity!(table, t => {
        t::Entity::archive_by_id(t::key(Parts { area, id })).preview(db).await
    }))
}

pub async fn archive_one(db: &impl Executor, place: Place, area: i32) -> Answer<Vec<Archival>> {
    let (table, id) = place;
    answer(with_entity!(table, t => {
        let archive = t::Entity::archive_by_id(t::key(Parts { area, id }));
        archive.exec(db).await.map(|archival| vec![archival])
    }))
}

pub async fn preview_many(db: &impl Executor, table: usize, ids: &[i64]) -> Answer<ArchivePreview> {
    answer(with_entity!(table, t => {
        let some = t::Column::Id.is_in(ids.iter().copied());
        t::Entity::archive_many().filter(some).preview(db).await
    }))
}

pub async fn archive_many(db: &impl Executor, table: usize, ids: &[i64]) -> Answer<Vec<Archival>> {
    answer(with_entity!(table, t => {
        let some = t::Column::Id.is_in(ids.iter().copied());
        t::Entity::archive_many().filter(some).exec(db).await
    }))
}

pub async fn preview_restore_one(
    db: &impl Executor,
    place: Place,
    area: i32,
) -> Answer<RestorePreview> {
    let (table, id) = place;
    answer(with_entity!(table, t => {
        t::Entity::restore_by_id(t::key(Parts { area, id })).preview(db).await
    }))
}

pub async fn restore_one(db: &impl Executor, place: Place, area: i32) -> Answer<Restored> {
    let (table, id) = place;
    answer(with_entity!(table, t => {
        t::Entity::restore_by_id(t::key(Parts { area, id })).exec(db).await
    }))
}

pub async fn preview_restore(db: &impl Executor, archival: i64) -> Answer<RestorePreview> {
    answer(archival::Entity::restore_by_id(archival).preview(db).await)
}

pub async fn restore(db: &impl Executor, archival: i64) -> Answer<Restored> {
    answer(archival::Entity::restore_by_id(archival).exec(db).await)
}

fn answer<T>(outcome: Result<T, Error>) -> Answer<T> {
    let error = match outcome {
        Ok(answer) => return Ok(Ok(answer)),
        Err(error) => error,
    };
    Ok(Err(match error {
        Error::NotFound(NotFoundError::Row { .. }) => Refusal::NotFound,
        Error::Conflict(ConflictError::AlreadyArchived { archival, .. }) => {
            Refusal::AlreadyArchived(archival)
        }
        Error::Conflict(ConflictError::DuplicateKey { .. }) => Refusal::KeyArchived,
        Error::Conflict(ConflictError::NotArchived { .. }) => Refusal::NotArchived,
        Error::NotFound(NotFoundError::Archival { .. }) => Refusal::AlreadyRestored,
        Error::Conflict(ConflictError::ParentArchived { archival, .. }) => {
            Refusal::ParentArchived(Some(archival))
        }
        Error::Conflict(ConflictError::Blocked { blockers, .. }) => {
            let blockers = blockers.into_iter();
            Refusal::Blocked(blockers.map(|b| (b.constraint, b.rows)).collect())
        }
        Error::Drift(DriftError::Trigger { message })
            if message.contains("could count them wrongly") =>
        {
            Refusal::Counted
        }
        Error::Drift(DriftError::UndeclaredEdges { edges, .. }) => {
            Refusal::Undeclared(edges.into_iter().map(|edge| edge.constraint).collect())
        }
        Error::Conflict(ConflictError::Restore { conflicts, .. }) => {
            Refusal::Conflicts(texts(&conflicts))
        }
        other => return Err(format!("{other} ({other:?})")),
    }))
}

/// Conflicts in the format of the model.
pub fn texts(conflicts: &[Conflict]) -> BTreeSet<String> {
    let short = |table: &str| table.trim_start_matches("public.").to_owned();
    let id = |key: &serde_json::Value| key.get("id").unwrap_or(&key["id_renamed"]).clone();
    conflicts
        .iter()
        .map(|conflict| match conflict {
            Conflict::KeyTaken { table, key, .. } => {
                format!("taken {} {}", short(table), id(key))
            }
            Conflict::Unique {
                table, key, holder, ..
            } => format!("unique {} {} {}", short(table), id(key), id(holder)),
            Conflict::MissingParent {
                table,
                constraint,
                key,
                archival,
                ..
            } => {
                let how = if archival.is_some() {
                    "archived"
                } else {
                    "deleted"
                };
                format!("missing {} {} {constraint} {how}", short(table), id(key))
            }
            Conflict::Violated { constraint, .. } => format!("violated {constraint}"),
            other => format!("{other:?}"),
        })
        .collect()
}
