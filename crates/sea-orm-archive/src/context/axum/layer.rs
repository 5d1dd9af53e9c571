//! The layer, and what it is told.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use ::axum::http::request::Parts;
use ::axum::response::{IntoResponse, Response};

use super::request;
use crate::Context;

/// Gives every request a [`Context`], for handlers to take as an argument.
///
/// It knows of the request:
///
/// - its id: that of the header `x-request-id` if it is up to 128 visible characters of ASCII, otherwise
///   a fresh one of 32 hexadecimal digits. The response has it in the same header, and so has the request
///   that goes on, for what traces it. A client chooses the id it sends: it is there to find things by,
///   and proves nothing. Give the context another one in [`identify`](Self::identify) if yours must not
///   be chosen.
/// - the address of the client, if the server is made with
///   `into_make_service_with_connect_info::<SocketAddr>()`. What a client writes into `X-Forwarded-For`
///   is not believed; see [`behind_proxy`](Self::behind_proxy).
/// - the user agent, up to 512 characters of it.
///
/// Who acts and for which tenant it is told by [`identify`](Self::identify) or
/// [`try_identify`](Self::try_identify). Without them everybody is nobody.
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
    /// A layer that knows of nobody who acts.
    pub fn new() -> Self {
        Self {
            identify: Arc::new(|_, context| Ok(context)),
            behind_proxy: false,
        }
    }

    /// Says who acts, by what authentication has put into the extensions of the request.
    ///
    /// The closure gets the context as far as the layer knows it, and returns it with what it adds; an
    /// actor it does not give is nobody. Of several closures the last one counts.
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

    /// The same, where it can fail: the error is the response then, and no handler runs.
    ///
    /// So a layer that comes before authentication by mistake answers 401 and does not let everybody act
    /// as nobody.
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

    /// Takes the address of the client from `X-Forwarded-For`: the last one in it, which your proxy wrote.
    ///
    /// Only for a server that clients reach through exactly one proxy, and in no other way: whoever else
    /// reaches it writes there what they like. Behind more than one, find the address in
    /// [`identify`](Self::identify) and give it to the context. A request without the header keeps the
    /// address that it came from.
    pub fn behind_proxy(mut self) -> Self {
        self.behind_proxy = true;
        self
    }

    /// What the request says itself.
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

    /// What the application says of it.
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
