//! The task of a client: all that is carried out, side by side.

use super::{requests, websocket};
use crate::client::engine::Method;
use crate::program::{AuthRequest, AuthSource, Shared};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::future::pending;
use sansio_ws::deadlines::Instant;
use tokio::sync::Notify;
use tokio::time::sleep;

pub(super) async fn run(shared: Arc<Shared>, source: Option<AuthSource>) {
    // Also if the runtime shuts down.
    let ending = Ending(&shared);
    let client = requests::client_for(&shared.address.route);
    tokio::join!(
        run_timer(&shared),
        run_authentication(&shared, source),
        requests::run(&shared, &client, Method::Get),
        requests::run(&shared, &client, Method::Post),
        websocket::run(&shared),
    );
    drop(ending);
}

/// Does what is due when it is due.
async fn run_timer(shared: &Shared) {
    loop {
        let due = shared.look(|state| state.due());
        tokio::select! {
            () = sleep_until(shared, due) => {
                shared.act(|state, now| state.handle_timeout(now));
            }
            () = shared.until(|state, _| (state.due() != due).then_some(())) => {}
        }
    }
}

async fn sleep_until(shared: &Shared, due: Option<Instant>) {
    match due {
        Some(due) => sleep(shared.clock.until(due)).await,
        None => pending().await,
    }
}

/// Has the program asked for authentications.
async fn run_authentication(shared: &Arc<Shared>, mut source: Option<AuthSource>) {
    loop {
        let request = shared.until(|state, _| AuthRequest::next(shared, state)).await;
        if let Some(ask) = &mut source {
            ask(request);
        }
    }
}

/// Tells the program that nothing is carried out any more.
struct Ending<'s>(&'s Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Ends what is under way, if that waits for the notification as well.
pub(super) fn notifying(aborted: &Arc<Notify>) -> Box<dyn Fn() + Send> {
    let aborted = Arc::clone(aborted);
    Box::new(move || aborted.notify_one())
}
