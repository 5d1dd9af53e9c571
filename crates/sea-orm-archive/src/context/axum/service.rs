//! The service that the layer wraps around another one.

use std::pin::Pin;
use std::task::{self, Poll};

use ::axum::http::{HeaderMap, HeaderValue, Request};
use ::axum::response::{IntoResponse, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::layer::ContextLayer;
use super::request::REQUEST_ID;
use crate::Context;

/// A service whose requests have a [`Context`]: [`ContextLayer`] wraps it around another service.
#[derive(Clone)]
pub struct ContextService<S> {
    inner: S,
    layer: ContextLayer,
}

impl<S> ContextService<S> {
    pub(super) fn new(inner: S, layer: ContextLayer) -> Self {
        Self { inner, layer }
    }
}

impl<S> Layer<S> for ContextLayer {
    type Service = ContextService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ContextService::new(inner, self.clone())
    }
}

impl<S, B> Service<Request<B>> for ContextService<S>
where
    S: Service<Request<B>>,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let context = self.layer.describe(&parts);
        let id = id_of(&context);
        match self.layer.identified(&parts, context) {
            Ok(context) => {
                // The closure of the application may have set another id.
                let id = id_of(&context);
                name(&mut parts.headers, id.clone());
                parts.extensions.insert(context);
                let response = self.inner.call(Request::from_parts(parts, body));
                Box::pin(async move { Ok(named(response.await?.into_response(), id)) })
            }
            Err(refusal) => Box::pin(async { Ok(named(*refusal, id)) }),
        }
    }
}

/// The id as a header; `None` where the application set an id that is no valid header.
fn id_of(context: &Context) -> Option<HeaderValue> {
    HeaderValue::try_from(context.request_id.as_deref()?).ok()
}

fn name(headers: &mut HeaderMap, id: Option<HeaderValue>) {
    match id {
        Some(id) => headers.insert(REQUEST_ID, id),
        None => headers.remove(REQUEST_ID),
    };
}

fn named(mut response: Response, id: Option<HeaderValue>) -> Response {
    name(response.headers_mut(), id);
    response
}
