//! The requests of polling, by `ureq`.

use super::transport::{NoResolver, ToServer};
use crate::client::engine::{Method, Request};
use crate::program::{Route, Shared};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;
use ureq::http::header::{HeaderValue, SET_COOKIE};
use ureq::{Agent, Body, Error, http};

/// Connections that were idle for longer are not used again: servers close theirs after five seconds.
const MAX_IDLE: Duration = Duration::from_secs(3);

/// Makes the requests of one method, one after the other.
pub(super) fn run(shared: &Shared, method: Method) {
    let mut agent = agent_for(&shared.address.route);
    let mut has_connection = false;
    loop {
        let abort = || {
            let agent = agent.clone();
            Box::new(move || agent.clone().shutdown()) as _
        };
        let idle = has_connection.then(|| shared.clock.now() + MAX_IDLE);
        let next = shared.wait_until(idle, |state, now| {
            let request = state.take_request(method, abort);
            let is_idle = idle.is_some_and(|idle| idle <= now);
            (request.is_some() || is_idle).then_some(request)
        });
        let is_wanted = match next {
            None => return,
            Some(Some(request)) => {
                let made = make(&agent, shared, &request);
                shared.act(|state, now| state.requested(now, &request, made))
            }
            // It would keep its connection until the next request, and there may be a WebSocket.
            Some(None) => false,
        };
        has_connection = is_wanted;
        if !is_wanted {
            agent = agent_for(&shared.address.route);
        }
    }
}

/// Something that makes requests, and can be shut down. Nothing of it comes from the environment.
fn agent_for(route: &Route) -> Agent {
    let config = Agent::config_builder()
        .proxy(None)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent("")
        .max_idle_age(MAX_IDLE)
        .max_idle_connections(1)
        .build();
    Agent::with_parts(config, ToServer(route.clone()), NoResolver)
}

/// Makes a request, and reads the whole response.
fn make(agent: &Agent, shared: &Shared, request: &Request) -> Result<(u16, Vec<u8>), Error> {
    let Shared { address, clock, .. } = shared;
    let (url, headers) = address.request(request, clock.now());
    let time = clock.until(request.due);
    let mut builder = http::Request::builder().method(request.method.as_str()).uri(url);
    for (name, value) in headers {
        builder = builder.header(name, &*value);
    }
    let response = match &request.body {
        Some(body) => agent.run(limited(agent, builder.body(&**body)?, time))?,
        None => agent.run(limited(agent, builder.body(())?, time))?,
    };
    let status = response.status().as_u16();
    let set = response.headers().get_all(SET_COOKIE).iter();
    address.set_cookies(clock.now(), set.map(HeaderValue::as_bytes));
    let body: Body = response.into_body();
    let bytes = body.into_with_config().limit(request.max_response_bytes).read_to_vec()?;
    Ok((status, bytes))
}

/// The request, which must be answered in this time.
fn limited<B: ureq::AsSendBody>(
    agent: &Agent,
    request: http::Request<B>,
    time: Duration,
) -> http::Request<B> {
    agent.configure_request(request).timeout_global(Some(time)).build()
}
