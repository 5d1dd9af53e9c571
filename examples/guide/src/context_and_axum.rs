//! Context and axum.

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::{Json, Router, routing::delete};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseConnection, TransactionTrait};
use sea_orm_archive::prelude::*;
use sea_orm_archive::{Context, ContextLayer};
use sea_orm_migration::prelude::*;

use crate::Output;
use crate::blog::{comment, post};

async fn run_in(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let context = Context::new()
        .actor(7)
        .tenant(3)
        .request_id("7f3a")
        .reason("cleaning up");
    let archival = context
        .run(db, async move |txn| {
            post::Entity::archive_by_id(1).exec(txn).await
        })
        .await?;
    output.line(format!("archived by {:?}", archival.archived_by));
    Ok(())
}

async fn begin(db: &DatabaseConnection) -> Result<(), Error> {
    let txn = Context::new().actor(7).begin(db).await?;
    let comment = comment::ActiveModel {
        post_id: Set(2),
        content: Set("Mine".to_owned()),
        ..Default::default()
    };
    comment.insert(&txn).await?;
    txn.commit().await?; // the context ends here
    Ok(())
}

async fn read(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let txn = Context::new().actor(7).begin(db).await?;
    let row = txn.query_one_raw(sea_orm::Statement::from_string(
        sea_orm::DbBackend::Postgres,
        "SELECT archive.current_actor() AS actor",
    ));
    if let Some(row) = row.await? {
        output.line(format!(
            "the database reads {:?}",
            row.try_get::<String>("", "actor")?
        ));
    }
    Ok(())
}

#[derive(Clone)]
struct User {
    id: i64,
    tenant_id: i64,
}

async fn authenticate(mut request: Request, next: Next) -> Result<Response, StatusCode> {
    // ... find the user of the session or the token
    request.extensions_mut().insert(User {
        id: 7,
        tenant_id: 3,
    });
    Ok(next.run(request).await)
}

async fn delete_post(
    State(db): State<DatabaseConnection>,
    context: Context,
    Path(id): Path<i64>,
) -> Result<Json<i64>, Error> {
    let archival = context
        .run(&db, async move |txn| {
            post::Entity::archive_by_id(id).exec(txn).await
        })
        .await?;
    Ok(Json(archival.id))
}

pub fn app(db: DatabaseConnection) -> Router {
    Router::new()
        .route("/posts/{id}", delete(delete_post))
        .layer(ContextLayer::new().try_identify(|parts, context| {
            let user = parts
                .extensions
                .get::<User>()
                .ok_or(StatusCode::UNAUTHORIZED)?;
            Ok::<_, StatusCode>(context.actor(user.id).tenant(user.tenant_id))
        }))
        .layer(middleware::from_fn(authenticate)) // added last: it sees the request first
        .with_state(db)
}

async fn nested(db: &DatabaseConnection) -> Result<(), Error> {
    let txn = db.begin().await?;
    // In your transaction `run` is a savepoint, and the context before it is back afterwards.
    Context::new()
        .actor(7)
        .run(&txn, async move |txn| {
            post::Entity::archive_by_id(2).exec(txn).await
        })
        .await?;
    txn.rollback().await?;
    Ok(())
}

pub async fn run(db: &DatabaseConnection, output: &mut Output) -> anyhow::Result<()> {
    crate::blog::fill(db).await?;
    run_in(db, output).await?;
    begin(db).await?;
    read(db, output).await?;
    nested(db).await?;
    drop(app(db.clone()));
    Ok(())
}
