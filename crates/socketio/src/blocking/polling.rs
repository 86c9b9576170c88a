//! The server, and requests to it.

use super::shared::Shared;
use super::tls::Tls;
use crate::client::engine::{Method, Request};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use rustls::ClientConfig;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector, TcpConnector};
use ureq::{Agent, Body, Error, http};

/// Connections that were idle for longer are not used again: servers close theirs after five seconds.
const MAX_IDLE: Duration = Duration::from_secs(3);

/// Where the server is, and how to get there.
pub(super) struct Server {
    /// `HOST` or `HOST:PORT`.
    pub(super) authority: String,
    /// If it is called by TLS.
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// The one of the user name and password in the URL.
    pub(super) authorization: Option<String>,
}

impl Server {
    /// Something that makes requests, and can be shut down. Nothing of it comes from the environment.
    pub(super) fn agent(&self) -> Agent {
        let config = Agent::config_builder()
            .proxy(None)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .no_delay(true)
            .user_agent("")
            .max_idle_age(MAX_IDLE)
            // A GET that is held, and a POST.
            .max_idle_connections(2)
            .build();
        let connector = ().chain(TcpConnector::default()).chain(Tls(self.tls.clone()));
        Agent::with_parts(config, connector, DefaultResolver::default())
    }

    /// Makes a request, and reads the whole response.
    fn make(
        &self,
        agent: &Agent,
        request: Request,
        time: Duration,
    ) -> Result<(u16, Vec<u8>), Error> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let uri = format!("{scheme}://{}{}", self.authority, request.target);
        let mut builder = http::Request::builder().method(request.method.as_str()).uri(uri);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if let Some(authorization) = &self.authorization {
            builder = builder.header("Authorization", authorization);
        }
        let response = match request.body {
            Some(body) => agent.run(limited(agent, builder.body(body)?, time))?,
            None => agent.run(limited(agent, builder.body(())?, time))?,
        };
        let status = response.status().as_u16();
        let body: Body = response.into_body();
        let bytes = body.into_with_config().limit(request.max_response_bytes).read_to_vec()?;
        Ok((status, bytes))
    }
}

/// The request, which must be answered in this time.
fn limited<B: ureq::AsSendBody>(
    agent: &Agent,
    request: http::Request<B>,
    time: Duration,
) -> http::Request<B> {
    agent.configure_request(request).timeout_global(Some(time)).build()
}

impl Shared {
    /// Makes the requests of one method, one after the other.
    pub(super) fn run_requests(&self, method: Method) {
        let mut state = self.state();
        while !state.stops {
            // A POST has an answer that says nothing.
            let may_ask = method == Method::Post || !state.is_full();
            let request = match method {
                Method::Get => state.get.take_if(|_| may_ask),
                Method::Post => state.post.take(),
            };
            let Some(request) = request else {
                state = self.wait_for_work(state);
                continue;
            };
            let exchange = request.exchange;
            let agent = state.agent.clone();
            drop(state);
            let time = self.clock.until(request.due);
            let made = self.server.make(&agent, request, time);
            state = self.state();
            let now = self.clock.now();
            match made {
                Ok((status, body)) => {
                    let mut received = state.machine.response(now, exchange, status, &body);
                    while let Some(event) = received.next(&mut state.machine) {
                        self.deliver(&mut state, event.into_owned());
                    }
                }
                Err(error) => state.machine.request_failed(now, exchange, error),
            }
            self.carry_out(&mut state, now);
        }
    }
}
