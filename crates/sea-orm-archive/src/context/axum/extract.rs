//! Extracts the context as an argument of a handler.

use ::axum::extract::FromRequestParts;
use ::axum::http::{StatusCode, request::Parts};
use ::axum::response::{IntoResponse, Response};

use crate::Context;

/// The context that [`ContextLayer`](super::ContextLayer) created; without the layer the response is
/// [`MissingLayer`].
impl<S: Sync> FromRequestParts<S> for Context {
    type Rejection = MissingLayer;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts.extensions.get().cloned().ok_or(MissingLayer)
    }
}

/// The response of a handler that takes a context without a layer that creates one: 500, with what to add.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error(
    "this route takes a Context and no layer creates one: add `.layer(sea_orm_archive::ContextLayer::new())` to its Router, after the route"
)]
#[non_exhaustive]
pub struct MissingLayer;

impl IntoResponse for MissingLayer {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.to_string()).into_response()
    }
}
