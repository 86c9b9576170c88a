//! Each connection keeps a number of messages under way.

use crate::client::Client;
use crate::{Options, Phase, Stopwatch};
use mio::{Events, Interest, Poll, Token};
use std::io;
use std::time::{Duration, Instant};
use versus::sample::Figures;

/// Bytes of one read.
pub(crate) const BUFFER: usize = 1 << 20;

/// While measuring, one read of this number is verified; before and after, all are.
pub(crate) const LOOK: u64 = 64;

pub(crate) const TICK: Duration = Duration::from_millis(20);

pub(crate) fn run(options: &Options) -> io::Result<Figures> {
    let scenario = options.scenario;
    let mut poll = Poll::new()?;
    let mut clients = open(options, &poll)?;
    let mut sent_at = vec![Instant::now(); clients.len()];
    let mut round_trips = Vec::with_capacity(1 << 20);
    let mut buffer = vec![0; BUFFER];
    let mut events = Events::with_capacity(1024);
    let mut watch = Stopwatch::start(options)?;
    let (mut messages, mut reads) = (0, 0);
    for (client, sent_at) in clients.iter_mut().zip(&mut sent_at) {
        *sent_at = Instant::now();
        client.send(scenario.depth)?;
    }
    loop {
        poll.poll(&mut events, Some(TICK))?;
        for event in &events {
            let index = event.token().0;
            let client = &mut clients[index];
            if event.is_writable() {
                client.flush()?;
            }
            if !event.is_readable() {
                continue;
            }
            reads += 1;
            let verify = !watch.is_measuring() || reads % LOOK == 0;
            let complete = client.receive(&mut buffer, verify)?;
            client.under_way =
                client.under_way.checked_sub(complete).ok_or(io::ErrorKind::InvalidData)?;
            messages += complete as u64;
            if complete == 0 || watch.phase == Phase::Drain {
                continue;
            }
            if scenario.depth == 1 {
                let now = Instant::now();
                if watch.is_measuring() {
                    round_trips.push((now - sent_at[index]).as_nanos() as u32);
                }
                sent_at[index] = now;
            }
            client.send(complete)?;
        }
        let phase = watch.look(messages)?;
        if phase == Phase::Drain && clients.iter().all(|client| client.under_way == 0) {
            break;
        }
    }
    let mut figures = watch.figures;
    figures.messages = messages;
    let means: Option<Vec<f64>> = clients.iter().map(Client::reply_bytes).collect();
    figures.reply_bytes = means.map(|means| means.iter().sum::<f64>() / means.len() as f64);
    round_trips.sort_unstable();
    let quantile = |q: f64| {
        let at = (round_trips.len() as f64 * q) as usize;
        round_trips.get(at).map(|ns| f64::from(*ns) / 1e3)
    };
    figures.p50_us = quantile(0.5);
    figures.p99_us = quantile(0.99);
    Ok(figures)
}

pub(crate) fn open(options: &Options, poll: &Poll) -> io::Result<Vec<Client>> {
    (0..options.scenario.connections)
        .map(|i| {
            // Everyone gets the same broadcast.
            let number =
                if options.scenario.kind == versus::scenario::Kind::Broadcast { 0 } else { i };
            let mut client = Client::open(options, i, number)?;
            let interests = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut client.stream, Token(i), interests)?;
            Ok(client)
        })
        .collect()
}
