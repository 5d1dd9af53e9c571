//! Errors and HTTP.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::post as post_to};
use sea_orm::{DatabaseConnection, entity::prelude::*};
use sea_orm_archive::error::{ConflictError, NotFoundError};
use sea_orm_archive::prelude::*;

use crate::Output;
use crate::blog::post;

async fn kinds(db: &DatabaseConnection, output: &mut Output) {
    let error = post::Entity::archive_by_id(99).exec(db).await;
    if let Err(error) = error {
        output.line(format!(
            "{} {:?}: {error}",
            error.http_status(),
            error.kind()
        ));
    }
}

async fn restore_post(
    State(db): State<DatabaseConnection>,
    Path(id): Path<i64>,
) -> Result<Json<i64>, Error> {
    let restored = post::Entity::restore_by_id(id).exec(&db).await?;
    Ok(Json(restored.archival.id))
}

async fn restore_with_details(
    State(db): State<DatabaseConnection>,
    Path(id): Path<i64>,
) -> Response {
    match post::Entity::restore_by_id(id).exec(&db).await {
        Ok(restored) => Json(restored).into_response(),
        Err(Error::Conflict(ConflictError::Restore { conflicts, .. })) => {
            (StatusCode::CONFLICT, Json(conflicts)).into_response() // constraint, values, holder
        }
        Err(Error::NotFound(NotFoundError::Row { .. })) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => error.into_response(),
    }
}

pub fn app(db: DatabaseConnection) -> Router {
    Router::new()
        .route("/posts/{id}/restore", post_to(restore_post))
        .route(
            "/posts/{id}/restore-with-details",
            post_to(restore_with_details),
        )
        .with_state(db)
}

async fn work(db: &DatabaseConnection) -> Result<u64, DbErr> {
    post::Entity::archive_by_id(1).exec(db).await?; // Error becomes DbErr
    post::Entity::find().count(db).await
}

async fn back(db: &DatabaseConnection, output: &mut Output) {
    if let Err(error) = work(db).await {
        let error = Error::from(error); // the same Error again
        output.line(format!("{} {:?}", error.http_status(), error.kind()));
    }
}

fn inside(error: &anyhow::Error) -> u16 {
    Error::find_in(error.as_ref()).map_or(500, |error| error.http_status())
}

pub async fn run(db: &DatabaseConnection, output: &mut Output) -> anyhow::Result<()> {
    crate::blog::fill(db).await?;
    kinds(db, output).await;
    post::Entity::archive_by_id(1).exec(db).await?;
    back(db, output).await;
    let error = anyhow::Error::from(Error::from(NotFoundError::Archival { archival: 7 }))
        .context("while restoring");
    output.line(format!("inside anyhow: {}", inside(&error)));
    drop(app(db.clone()));
    Ok(())
}
