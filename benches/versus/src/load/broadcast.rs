//! One connection sends, all receive. The next message is sent when all have an earlier one.

use crate::echo::{BUFFER, LOOK, TICK, open};
use crate::{Options, Phase, Stopwatch};
use mio::{Events, Poll};
use std::io;
use versus::sample::Figures;

pub(crate) fn run(options: &Options) -> io::Result<Figures> {
    let depth = options.scenario.depth;
    let mut poll = Poll::new()?;
    let mut clients = open(options, &poll)?;
    let everyone = clients.len();
    // How many messages each has, and how many have each message: only `depth` of them are
    // under way.
    let mut received = vec![0; everyone];
    let mut receivers = vec![0; depth];
    let mut with_everyone = 0;
    let mut buffer = vec![0; BUFFER];
    let mut events = Events::with_capacity(1024);
    let mut watch = Stopwatch::start(options)?;
    let (mut messages, mut reads) = (0, 0);
    clients[0].send(depth)?;
    loop {
        poll.poll(&mut events, Some(TICK))?;
        for event in &events {
            let index = event.token().0;
            if event.is_writable() {
                clients[index].flush()?;
            }
            if !event.is_readable() {
                continue;
            }
            reads += 1;
            let verify = !watch.is_measuring() || reads % LOOK == 0;
            let complete = clients[index].receive(&mut buffer, verify)?;
            messages += complete as u64;
            for _ in 0..complete {
                receivers[received[index] % depth] += 1;
                received[index] += 1;
            }
        }
        let mut delivered = 0;
        while receivers[with_everyone % depth] == everyone {
            receivers[with_everyone % depth] = 0;
            with_everyone += 1;
            delivered += 1;
        }
        clients[0].under_way -= delivered;
        let phase = watch.look(messages)?;
        if phase != Phase::Drain {
            clients[0].send(delivered)?;
        } else if clients[0].under_way == 0 {
            break;
        }
    }
    watch.figures.messages = messages;
    Ok(watch.figures)
}
