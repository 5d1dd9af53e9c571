//! The layer and its configuration.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use ::axum::http::request::Parts;
use ::axum::response::{IntoResponse, Response};

use super::request;
use crate::Context;

/// Creates a [`Context`] for every request, which handlers take as an argument.
///
/// The layer sets from the request:
///
/// - the request id: the header `x-request-id` if it has up to 128 visible ASCII characters, otherwise a new id
///   of 32 hexadecimal digits. The response has it in the same header, and so has the request that the inner
///   service gets, for tracing. A client chooses the id that it sends, so the id proves nothing. Where that is
///   not acceptable, set another one in [`identify`](Self::identify).
/// - the address of the client, if the server uses `into_make_service_with_connect_info::<SocketAddr>()`. The header
///   `X-Forwarded-For` of a client is not trusted; see [`behind_proxy`](Self::behind_proxy).
/// - the user agent, up to 512 characters.
///
/// [`identify`](Self::identify) or [`try_identify`](Self::try_identify) sets the actor and the tenant. Without them a
/// context has neither.
///
/// Authentication must run before this layer. Of the layers of a `Router`, the one that is added last
/// sees the request first; in a `tower::ServiceBuilder`, the one that is added first.
#[derive(Clone)]
#[must_use]
pub struct ContextLayer {
    identify: Arc<Identify>,
    behind_proxy: bool,
}

type Identify = dyn Fn(&Parts, Context) -> Result<Context, Box<Response>> + Send + Sync;

impl ContextLayer {
    /// A layer that sets no actor.
    pub fn new() -> Self {
        Self {
            identify: Arc::new(|_, context| Ok(context)),
            behind_proxy: false,
        }
    }

    /// Sets the actor and the tenant, from what authentication has stored in the extensions of the request.
    ///
    /// The closure gets the context with the fields that the layer has set, and returns it with further ones.
    /// An actor that it does not set is NULL. Of several closures only the last one is called.
    ///
    /// ```
    /// use sea_orm_archive::ContextLayer;
    ///
    /// #[derive(Clone)]
    /// struct User {
    ///     id: i64,
    /// }
    ///
    /// let layer = ContextLayer::new().identify(|parts, context| {
    ///     match parts.extensions.get::<User>() {
    ///         Some(user) => context.actor(user.id),
    ///         None => context.actor("visitor"),
    ///     }
    /// });
    /// ```
    pub fn identify<F>(self, identify: F) -> Self
    where
        F: Fn(&Parts, Context) -> Context + Send + Sync + 'static,
    {
        self.try_identify(move |parts, context| Ok::<_, Infallible>(identify(parts, context)))
    }

    /// [`identify`](Self::identify) with a closure that can fail: then the error is the response, and no
    /// handler runs.
    ///
    /// With it, a layer that runs before authentication by mistake responds with 401 instead of running all
    /// requests without an actor.
    ///
    /// ```
    /// use axum::http::StatusCode;
    /// use sea_orm_archive::ContextLayer;
    /// # #[derive(Clone)]
    /// # struct User {
    /// #     id: i64,
    /// # }
    ///
    /// let layer = ContextLayer::new().try_identify(|parts, context| {
    ///     let user = parts.extensions.get::<User>().ok_or(StatusCode::UNAUTHORIZED)?;
    ///     Ok::<_, StatusCode>(context.actor(user.id))
    /// });
    /// ```
    pub fn try_identify<F, E>(mut self, identify: F) -> Self
    where
        F: Fn(&Parts, Context) -> Result<Context, E> + Send + Sync + 'static,
        E: IntoResponse,
    {
        self.identify = Arc::new(move |parts, context| {
            identify(parts, context).map_err(|refusal| Box::new(refusal.into_response()))
        });
        self
    }

    /// Takes the address of the client from `X-Forwarded-For`: the last one, which the proxy added.
    ///
    /// Only for a server that clients reach through exactly one proxy, and in no other way: a client with
    /// direct access can send any address. Behind several proxies, set the address in
    /// [`identify`](Self::identify). A request without the header has the address of its connection.
    pub fn behind_proxy(mut self) -> Self {
        self.behind_proxy = true;
        self
    }

    /// The context with the fields from the request itself.
    pub(super) fn describe(&self, parts: &Parts) -> Context {
        Context {
            request_id: Some(request::id(&parts.headers)),
            client_address: self.client_address(parts),
            user_agent: request::user_agent(&parts.headers),
            ..Context::new()
        }
    }

    fn client_address(&self, parts: &Parts) -> Option<IpAddr> {
        if self.behind_proxy
            && let Some(hops) = request::forwarded_for(&parts.headers)
        {
            return request::last_hop(hops);
        }
        request::peer(parts)
    }

    /// The context with the fields that the closure of the application sets.
    pub(super) fn identified(
        &self,
        parts: &Parts,
        context: Context,
    ) -> Result<Context, Box<Response>> {
        (self.identify)(parts, context)
    }
}

impl Default for ContextLayer {
    fn default() -> Self {
        Self::new()
    }
}
