//! The blocking adapter in virtual time: each wait moves the clock, and nothing sleeps.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod deadlines;
mod ends;
mod life;
mod memory;
mod records;
mod refusals;
mod results;
mod split;

use super::virtual_time::{CLOSE, End, PONG, REQUEST, Socket, TEXT, Time, respond};
use super::{Error, Parts, Plain, Unopened, WebSocket};
use crate::deadlines::{Instant, Timeouts};
use crate::{
    CloseCode, Config, Connection, Ended, Event, Limits, MessageKind, PreparedMessage, RecvBuffer,
    Role, SendError,
};
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;
use std::io::ErrorKind;

const fn second(seconds: u64) -> Instant {
    Instant::new(Duration::from_secs(seconds))
}

const fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

fn ms(ms: u64) -> Instant {
    Instant::new(Duration::from_millis(ms))
}

/// A server's side, its socket, and the clock.
fn open(timeouts: Timeouts) -> (WebSocket<Socket>, Socket, Time) {
    let time = Time::for_thread();
    let socket = Socket::new(&time);
    (over(socket.clone(), timeouts), socket, time)
}

fn over<S: super::Stream>(stream: S, timeouts: Timeouts) -> WebSocket<S> {
    let limits = Limits::default().max_message_bytes(u64::MAX);
    let connection = Connection::new(Role::Server, Config::default().limits(limits));
    WebSocket::from_parts(Parts { stream, rx: RecvBuffer::new(), connection }, timeouts)
}

/// The header of a binary message of a client, whose payload has `len` bytes.
fn begin_binary(len: u64) -> Vec<u8> {
    [&b"\x82\xFF"[..], &len.to_be_bytes(), &[0; 4]].concat()
}

const CLEAN: Ended = Ended::Clean { code: Some(CloseCode::NORMAL) };
