//! Our client and our server, in memory: whatever overtakes whatever, nothing is lost or comes twice.
//!
//! Each way is chosen by numbers that look random and are the same in each run.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]
#![allow(clippy::indexing_slicing, reason = "a test")]

#[path = "../support/mod.rs"]
mod support;

use sansio_engineio::client::{self, CloseReason, Event, Transport};
use sansio_engineio::{CloseReason as ServerReason, SendError};
use support::driver::config;
use support::network::Network;

/// How many ways of each kind.
const WAYS: u64 = 2000;

struct Dice(u64);

impl Dice {
    fn below(&mut self, number: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % number
    }
}

#[derive(Debug, Clone, Copy)]
enum Act {
    ClientSends,
    ServerSends,
    ClientCloses,
    ServerCloses,
    /// The WebSocket that is to become the transport is lost.
    LinkFails,
}

struct Run {
    network: Network,
    from_client: Vec<String>,
    from_server: Vec<String>,
    sent: usize,
}

impl Run {
    /// One way through all that can happen, with these acts in between.
    fn new(seed: u64, transports: &[Transport], acts: &[Act]) -> Self {
        let mut dice = Dice(seed);
        let client = client::Config::new().transports(transports.iter().copied());
        let mut network = Network::new(config().max_response_packets(3), client);
        network.client.open();
        let mut run = Self { network, from_client: vec![], from_server: vec![], sent: 0 };
        let mut acts = acts.iter().peekable();
        loop {
            let steps = run.network.steps();
            let may_act = acts.peek().is_some_and(|act| run.can(**act));
            let number = steps.len() + usize::from(may_act);
            if number == 0 {
                break;
            }
            match steps.get(dice.below(number)) {
                Some(step) => run.network.step(*step),
                None => run.act(*acts.next().unwrap()),
            }
        }
        run
    }

    fn can(&self, act: Act) -> bool {
        match act {
            LinkFails => true,
            _ => self.network.client.client.is_open() && self.network.session().is_some(),
        }
    }

    fn act(&mut self, act: Act) {
        self.sent += 1;
        let text = self.sent.to_string();
        let session = self.network.session();
        match act {
            ClientSends => {
                self.network.client.send(&text).unwrap();
                self.from_client.push(text);
            }
            ServerSends => match self.network.server.send(session.unwrap(), &text) {
                Ok(()) => self.from_server.push(text),
                Err(error) => assert_eq!(error, SendError::Gone),
            },
            ClientCloses => self.network.client.close(),
            ServerCloses => self.network.server.close(session.unwrap()),
            LinkFails => {
                let polls = self.network.client.client.transport() != Some(Transport::WebSocket);
                if let Some(link) = self.network.client.link().filter(|_| polls) {
                    self.network.client.link_failed(link);
                }
            }
        }
    }

    #[track_caller]
    fn check(&self, seed: u64, server_gets_all: bool, client_gets_all: bool) {
        let way = (seed, &self.network.way);
        let at_server = self.network.server.texts();
        let at_client = &self.network.client.got;
        assert!(
            self.from_client
                .iter()
                .map(String::as_str)
                .take(at_server.len())
                .eq(at_server.iter().copied()),
            "{way:?}"
        );
        assert!(self.from_server.iter().take(at_client.len()).eq(at_client), "{way:?}");
        assert!(!server_gets_all || at_server.len() == self.from_client.len(), "{way:?}");
        assert!(!client_gets_all || at_client.len() == self.from_server.len(), "{way:?}");
    }

    fn ended(&self) -> Option<ServerReason> {
        self.network.server.ended(self.network.session().unwrap())
    }

    fn closed(&self) -> Option<CloseReason> {
        self.network.client.events.iter().find_map(|event| match event {
            Event::Closed { reason, error } => {
                assert_eq!(*error, None, "{:?}", self.network.way);
                Some(*reason)
            }
            _ => None,
        })
    }
}

const LISTS: [&[Transport]; 4] = [
    &[Transport::Polling, Transport::WebSocket],
    &[Transport::Polling],
    &[Transport::WebSocket],
    &[Transport::WebSocket, Transport::Polling],
];

use Act::{ClientCloses, ClientSends, LinkFails, ServerCloses, ServerSends};

#[test]
fn nothing_is_lost_while_the_transport_changes() {
    let acts = [ClientSends, ServerSends].repeat(6);
    for seed in 0..WAYS {
        for transports in LISTS {
            let run = Run::new(seed, transports, &acts);
            run.check(seed, true, true);
            let transport = if transports.contains(&Transport::WebSocket) {
                Transport::WebSocket
            } else {
                Transport::Polling
            };
            assert_eq!(run.network.client.client.transport(), Some(transport), "{seed}");
            assert_eq!((run.ended(), run.closed()), (None, None));
        }
    }
}

#[test]
fn nothing_is_lost_when_the_transport_does_not_change() {
    let acts =
        [ClientSends, ServerSends, LinkFails, ClientSends, ServerSends, ServerSends, ClientSends];
    let mut failed = 0;
    for seed in 0..WAYS {
        let run = Run::new(seed, LISTS[0], &acts);
        run.check(seed, true, true);
        assert_eq!((run.ended(), run.closed()), (None, None));
        failed += usize::from(run.network.client.client.transport() == Some(Transport::Polling));
    }
    assert!(failed > 100, "it was lost in time {failed} times");
}

#[test]
fn nothing_that_the_client_has_sent_is_lost_when_it_closes() {
    let acts = [ClientSends, ServerSends, ClientSends, ClientSends, ClientCloses];
    for seed in 0..WAYS {
        for transports in LISTS {
            let run = Run::new(seed, transports, &acts);
            run.check(seed, true, false);
            assert_eq!(run.ended(), Some(ServerReason::TransportClose), "{:?}", run.network.way);
            assert_eq!(run.closed(), Some(CloseReason::ForcedClose));
            assert!(run.network.client.client.is_closed());
        }
    }
}

#[test]
fn nothing_that_the_server_has_sent_is_lost_when_it_closes() {
    let acts = [ServerSends, ClientSends, ServerSends, ServerSends, ServerCloses];
    for seed in 0..WAYS {
        for transports in LISTS {
            let run = Run::new(seed, transports, &acts);
            run.check(seed, false, true);
            assert_eq!(run.ended(), Some(ServerReason::ForcedClose), "{:?}", run.network.way);
            assert_eq!(run.closed(), Some(CloseReason::TransportClose));
            assert!(run.network.client.client.is_closed());
        }
    }
}
