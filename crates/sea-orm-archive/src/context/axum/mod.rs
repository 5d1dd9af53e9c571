//! A [`Context`](crate::Context) for each request that axum serves, with the cargo feature `axum`.
//!
//! [`ContextLayer`] creates it from the request, and a handler takes it as an argument. A closure of the layer
//! sets the actor and the tenant from the application's own authentication:
//!
//! ```no_run
//! use axum::extract::{Path, Request, State};
//! use axum::http::StatusCode;
//! use axum::middleware::{self, Next};
//! use axum::response::Response;
//! use axum::{Json, Router, routing::delete};
//! use sea_orm::DatabaseConnection;
//! use sea_orm_archive::{Context, ContextLayer, prelude::*};
//! # mod post {
//! #     use sea_orm::entity::prelude::*;
//! #     use sea_orm_archive::DeriveArchive;
//! #     #[sea_orm::model]
//! #     #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
//! #     #[sea_orm(table_name = "posts")]
//! #     #[archive(deleted_by = "i64")]
//! #     pub struct Model {
//! #         #[sea_orm(primary_key)]
//! #         pub id: i64,
//! #     }
//! #     impl ActiveModelBehavior for ActiveModel {}
//! # }
//!
//! #[derive(Clone)]
//! struct User {
//!     id: i64,
//!     tenant_id: i64,
//! }
//!
//! // The authentication of the application stores the user in the extensions of the request.
//! async fn authenticate(mut request: Request, next: Next) -> Response {
//!     let user = User { id: 7, tenant_id: 4 };
//!     request.extensions_mut().insert(user);
//!     next.run(request).await
//! }
//!
//! fn app(db: DatabaseConnection) -> Router {
//!     Router::new()
//!         .route("/posts/{id}", delete(archive_post))
//!         .layer(ContextLayer::new().try_identify(|parts, context| {
//!             let user = parts.extensions.get::<User>();
//!             let user = user.ok_or(StatusCode::UNAUTHORIZED)?;
//!             Ok::<_, StatusCode>(context.actor(user.id).tenant(user.tenant_id))
//!         }))
//!         // Of the layers of a Router, the one that is added last sees the request first.
//!         .layer(middleware::from_fn(authenticate))
//!         .with_state(db)
//! }
//!
//! async fn archive_post(
//!     State(db): State<DatabaseConnection>,
//!     context: Context,
//!     Path(id): Path<i64>,
//! ) -> Result<Json<i64>, Error> {
//!     let archival = context
//!         .run(&db, async move |txn| post::Entity::archive_by_id(id).exec(txn).await)
//!         .await?;
//!     Ok(Json(archival.id))
//! }
//! ```
//!
//! An [`Error`](crate::Error) is a response: 404, 409 or 422 with its message, 500 or 503 without one, since
//! that message names tables and statements. It is logged instead.
//!
//! Work that is spawned and outlives the request needs a clone of the context: the context is not stored in the task.

mod extract;
mod layer;
mod request;
mod service;

pub use extract::MissingLayer;
pub use layer::ContextLayer;
pub use service::ContextService;
