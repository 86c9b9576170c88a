//! An extractor for axum: one route for HTTP/1.1 and HTTP/2.

use crate::WebSocket;
use crate::http::{Acceptor, Upgraded};
use ::http::Request;
use ::http::request::Parts;
use axum_core::body::Body;
use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use core::convert::Infallible;
use hyper::upgrade::OnUpgrade;

/// A request that may become a WebSocket.
///
/// Route it by `any` or by both `get` and `connect`, since HTTP/2 asks by CONNECT, and have the server
/// enable that: `axum::serve` does with axum's feature `http2`, a server of hyper by `http2().enable_connect_protocol()`.
///
/// ```
/// use axum::{Router, extract::State, response::Response, routing::any};
/// use sansio_ws::Event;
/// use sansio_ws::handshake::{HostPolicy, OriginPolicy};
/// use sansio_ws_tokio::axum::WebSocketUpgrade;
/// use sansio_ws_tokio::http::{Acceptor, Upgraded};
/// use sansio_ws_tokio::{Error, WebSocket};
///
/// async fn route(State(acceptor): State<Acceptor>, upgrade: WebSocketUpgrade) -> Response {
///     upgrade.accept(&acceptor, async |socket| {
///         if let Err(error) = echo(socket).await {
///             println!("{error}");
///         }
///     })
/// }
///
/// async fn echo(mut socket: WebSocket<Upgraded>) -> Result<(), Error> {
///     while let Some((mut reply, event)) = socket.next().await? {
///         if let Event::Text(text) = event {
///             reply.send_text(text)?;
///         }
///     }
///     Ok(())
/// }
///
/// let acceptor = Acceptor::new(OriginPolicy::SameHost, HostPolicy::AnyHost);
/// let router: Router = Router::new().route("/ws", any(route)).with_state(acceptor);
/// ```
#[doc(alias("extract::ws", "FromRequestParts"))]
#[derive(Debug)]
pub struct WebSocketUpgrade {
    head: Request<()>,
    on: Option<OnUpgrade>,
}

impl WebSocketUpgrade {
    /// The head of the request.
    #[must_use]
    pub fn request(&self) -> &Request<()> {
        &self.head
    }

    /// Accepts if `acceptor` does, and then has `serve` run in a task of its own when the response has been sent. If the
    /// connection fails before that, there is nothing to serve.
    pub fn accept<F, S>(self, acceptor: &Acceptor, serve: F) -> Response
    where
        F: FnOnce(WebSocket<Upgraded>) -> S + Send + 'static,
        S: Future<Output = ()> + Send,
    {
        self.accept_with(acceptor, &[], serve)
    }

    /// As [`accept`](Self::accept), with further headers in the response, for example `Set-Cookie`.
    pub fn accept_with<F, S>(
        self,
        acceptor: &Acceptor,
        headers: &[(&str, &str)],
        serve: F,
    ) -> Response
    where
        F: FnOnce(WebSocket<Upgraded>) -> S + Send + 'static,
        S: Future<Output = ()> + Send,
    {
        let Self { head, on } = self;
        match acceptor.hand_over(&head, on, headers) {
            Ok((response, upgrade)) => {
                tokio::spawn(async move {
                    if let Ok(socket) = upgrade.open().await {
                        serve(socket).await;
                    }
                });
                response.map(|()| Body::empty())
            }
            Err(refusal) => refusal.into_response(),
        }
    }
}

/// Takes any request: what is no handshake is for [`accept`](WebSocketUpgrade::accept) to refuse.
impl<S: Sync> FromRequestParts<S> for WebSocketUpgrade {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let on = parts.extensions.remove::<OnUpgrade>();
        let mut head = Request::new(());
        *head.method_mut() = parts.method.clone();
        *head.uri_mut() = parts.uri.clone();
        *head.version_mut() = parts.version;
        *head.headers_mut() = parts.headers.clone();
        *head.extensions_mut() = parts.extensions.clone();
        Ok(Self { head, on })
    }
}
