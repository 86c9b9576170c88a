//! The requests of polling, by hyper.

use super::driver::notifying;
use super::transport::ToServer;
use crate::Bytes;
use crate::client::engine::{Method, Request};
use crate::program::{Route, Shared, State};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::error::Error;
use core::fmt;
use core::time::Duration;
use http::header::{HeaderValue, SET_COOKIE};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::Notify;
use tokio::time::timeout;

/// Connections that were idle for longer are not used again: servers close theirs after five seconds.
const MAX_IDLE: Duration = Duration::from_secs(3);

pub(super) type HttpClient = Client<ToServer, Full<Bytes>>;

/// Something that makes requests. Nothing of it comes from the environment.
pub(super) fn client_for(route: &Route) -> HttpClient {
    let mut builder = Client::builder(TokioExecutor::new());
    // A GET that is held, and a POST.
    builder.pool_timer(TokioTimer::new()).pool_idle_timeout(MAX_IDLE).pool_max_idle_per_host(2);
    builder.build(ToServer(route.clone()))
}

/// Makes the requests of one method, one after the other.
pub(super) async fn run(shared: &Shared, client: &HttpClient, method: Method) {
    loop {
        let aborted = Arc::new(Notify::new());
        let begin = |state: &mut State, _| state.take_request(method, || notifying(&aborted));
        let mut request = shared.until(begin).await;
        let body = request.body.take().unwrap_or_default();
        let time = shared.clock.until(request.due);
        // A request that is dropped closes its connection.
        let made = tokio::select! {
            made = timeout(time, make(client, shared, &request, body)) => made,
            () = aborted.notified() => continue,
        };
        let made = made.unwrap_or_else(|_| Err("there is no response in time".into()));
        shared.act(|state, now| state.requested(now, &request, made.map_err(Chain)));
    }
}

/// Makes a request, and reads the whole response.
async fn make(
    client: &HttpClient,
    shared: &Shared,
    request: &Request,
    body: String,
) -> Result<(u16, Bytes), Box<dyn Error + Send + Sync>> {
    let Shared { address, clock, .. } = shared;
    let (url, headers) = address.request(request, clock.now());
    let mut builder = http::Request::builder().method(request.method.as_str()).uri(url);
    for (name, value) in headers {
        builder = builder.header(name, &*value);
    }
    let response = client.request(builder.body(Full::new(Bytes::from(body)))?).await?;
    let status = response.status().as_u16();
    let set = response.headers().get_all(SET_COOKIE).iter();
    address.set_cookies(clock.now(), set.map(HeaderValue::as_bytes));
    let most = usize::try_from(request.max_response_bytes).unwrap_or(usize::MAX);
    let body = Limited::new(response.into_body(), most).collect().await?;
    Ok((status, body.to_bytes()))
}

/// An error with its causes, which hyper does not name by itself.
struct Chain(Box<dyn Error + Send + Sync>);

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
