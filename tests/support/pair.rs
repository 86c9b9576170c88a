//! A client and a server joined in memory, with a transport that each may shut down.

use super::Feed;
use bytes::Buf;
use sansio_ws::{Connection, Ended, Transport};

/// If something still moves after this number of steps, somebody answers answers.
const RUNAWAY: usize = 100_000;

/// One end of the transport.
pub struct End {
    pub feed: Feed,
    /// No further bytes leave here.
    pub shut: bool,
    /// Both directions are over.
    pub dropped: bool,
    /// What the peer's shutdown was called.
    pub ended: Option<Ended>,
}

/// What [`Pair::run`] leaves.
pub struct Pair {
    pub client: End,
    pub server: End,
    /// How many bytes one step carries.
    pub step: usize,
    /// What happened to the transport, in order.
    pub log: Vec<&'static str>,
}

impl Pair {
    pub fn new(client: Connection, server: Connection) -> Self {
        let end = |connection| {
            // The transport takes the output, at its own pace.
            let feed = Feed::blocked(connection);
            End { feed, shut: false, dropped: false, ended: None }
        };
        Self { client: end(client), server: end(server), step: usize::MAX, log: vec![] }
    }

    /// Carries bytes both ways and does what the connections want of the transport, until nothing
    /// moves any more.
    pub fn run(&mut self) -> &mut Self {
        for _ in 0..RUNAWAY {
            let Self { client, server, step, log } = self;
            let down = carry(server, client, *step, log, ["server shuts down", "server drops"]);
            let up = carry(client, server, *step, log, ["client shuts down", "client drops"]);
            if !down && !up {
                return self;
            }
        }
        panic!("still moving after {RUNAWAY} steps");
    }
}

/// One step from one end to the other; whether anything moved.
fn carry(
    from: &mut End,
    to: &mut End,
    step: usize,
    log: &mut Vec<&'static str>,
    [shuts_down, drops]: [&'static str; 2],
) -> bool {
    if from.dropped {
        return false;
    }
    let queue = from.feed.connection.outgoing();
    let n = queue.chunk().len().min(step);
    if n > 0 {
        let bytes = queue.copy_to_bytes(n);
        assert!(!from.shut, "bytes after the shutdown");
        if !to.dropped {
            to.feed.read(&bytes);
        }
        return true;
    }
    let wish = from.feed.connection.transport();
    if wish == Transport::KeepOpen || wish == Transport::ShutdownWrite && from.shut {
        return false;
    }
    if !from.shut {
        from.shut = true;
        log.push(shuts_down);
        to.ended = Some(to.feed.connection.receive_eof(&to.feed.rx));
    }
    if wish == Transport::Drop {
        from.dropped = true;
        log.push(drops);
    }
    true
}
