//! What holds of public types without being written at them: they can go to other threads, and past a
//! panic that is caught.
//!
//! It is enough that this compiles.

#![cfg(feature = "std")]

use sansio_ws::deadlines::{Clock, Deadlines, Instant, Timeouts};
use sansio_ws::extension::{Agreement, Offer, Prepared};
use sansio_ws::handshake::{
    ClientHandshake, ClientRequest, Proxy, Redirects, Request, ServerHandshake, Upgrade,
};
use sansio_ws::{
    CloseReason, Config, Connection, ControlPayload, Ended, Event, Limits, LocatedEvent, Masks,
    PreparedMessage, ProtocolError, RecvBuffer, Rejected, Role, SendError, SendQueue, blocking,
    frame, mask, utf8,
};
use std::net::TcpStream;
use std::panic::{RefUnwindSafe, UnwindSafe};

fn all<T: Send + Sync + UnwindSafe + RefUnwindSafe>() {}

#[test]
fn of_the_core() {
    all::<Connection>();
    all::<Config>();
    all::<Limits>();
    all::<Role>();
    all::<Masks>();
    all::<RecvBuffer>();
    all::<SendQueue>();
    all::<PreparedMessage>();
    all::<Event<'_>>();
    all::<LocatedEvent>();
    all::<CloseReason<'_>>();
    all::<ControlPayload>();
    all::<Ended>();
    all::<ProtocolError>();
    all::<SendError>();
    all::<Rejected<bytes::Bytes>>();
    all::<frame::Header>();
    all::<mask::Mask>();
    all::<utf8::Validator>();
    all::<Agreement>();
    all::<Offer<'_>>();
    all::<Prepared>();
}

#[test]
fn of_handshakes_and_deadlines() {
    all::<ClientHandshake>();
    all::<ClientRequest>();
    all::<ServerHandshake>();
    all::<Request<'_>>();
    all::<Upgrade<'_>>();
    all::<Proxy>();
    all::<Redirects>();
    all::<Deadlines>();
    all::<Timeouts>();
    all::<Instant>();
    all::<Clock>();
}

#[test]
fn of_the_blocking_adapter() {
    all::<blocking::WebSocket<TcpStream>>();
    all::<blocking::Parts<TcpStream>>();
    all::<blocking::Reader<TcpStream>>();
    all::<blocking::Writer<TcpStream>>();
    all::<blocking::Plain<TcpStream>>();
}

#[cfg(feature = "rustls")]
#[test]
fn of_clients_by_url() {
    all::<blocking::TlsStream>();
    all::<blocking::WebSocket<blocking::TcpOrTls>>();
    // What rustls lets its users bring need not be safe behind a panic.
    fn sendable<T: Send + Sync>() {}
    sendable::<blocking::Connector>();
    sendable::<blocking::ConnectError>();
    sendable::<sansio_ws::tls::TlsError>();
}

#[cfg(feature = "mio")]
#[test]
fn of_the_adapter_for_mio() {
    use sansio_ws::mio;
    all::<mio::WebSocket<::mio::net::TcpStream>>();
    all::<mio::Memory>();
}

#[cfg(feature = "deflate")]
#[test]
fn of_compression() {
    use sansio_ws::deflate;
    all::<deflate::Deflate>();
    all::<deflate::InvalidSetting>();
}
