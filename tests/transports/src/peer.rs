//! The other end: rustls over a plain socket, and WebSocket by hand.

use crate::frame::{Frame, wire};
use crate::mio_tls::TlsStream;
use crate::tls::Settings;
use crate::{REQUEST, read_frame, read_head};
use rustls::AlertDescription;
use sansio_ws::handshake::{Acceptance, OriginPolicy, ServerHandshake};
use sansio_ws::{Config, Limits, RecvBuffer};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

/// How the peer ends its direction of the transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As TLS has it: `close_notify`, then the end of TCP.
    Notified,
    /// TCP ends, and TLS does not know. The peer reads on until the other side ends, too.
    Cut,
    /// The same, and the peer is gone at once: what it is sent from now on is answered by a reset.
    Gone,
}

#[derive(Debug)]
pub struct Peer {
    records: TlsStream<TcpStream>,
}

impl Peer {
    pub fn client(socket: TcpStream, settings: &Settings) -> Self {
        Self { records: TlsStream::new(settings.connect(), socket) }
    }

    pub fn server(socket: TcpStream, settings: &Settings) -> Self {
        Self { records: TlsStream::new(settings.accept(), socket) }
    }

    fn is_client(&self) -> bool {
        matches!(self.records.tls, rustls::Connection::Client(_))
    }

    /// Does the handshake of TLS.
    pub fn secure(&mut self) {
        while self.records.tls.is_handshaking() {
            self.records.send().unwrap();
            assert!(!self.records.tls.is_handshaking() || self.records.receive().unwrap());
        }
        self.records.send().unwrap();
    }

    /// Does both handshakes.
    pub fn open(&mut self) {
        self.secure();
        let head = self.head();
        self.send_bytes(&head);
        if self.is_client() {
            let response = read_head(&mut self.records);
            assert!(response.starts_with(b"HTTP/1.1 101 "));
        }
    }

    /// Its own part of the opening handshake. A server first reads the client's.
    pub fn head(&mut self) -> Vec<u8> {
        if self.is_client() {
            return REQUEST.to_vec();
        }
        let mut rx = RecvBuffer::new();
        rx.extend_from_slice(&read_head(&mut self.records));
        let mut handshake = ServerHandshake::new(&Limits::default());
        let request = handshake.receive(&mut rx).unwrap().unwrap();
        let upgrade = request.upgrade(OriginPolicy::SameHost).unwrap();
        let mut connection = upgrade.accept(&Acceptance::default(), Config::default()).unwrap();
        let mut head = vec![];
        connection.outgoing().write_to(&mut head).unwrap();
        head
    }

    /// Its first records of the handshake of TLS, not sent. A server first reads the client's.
    pub fn flight(&mut self) -> Vec<u8> {
        while !self.records.tls.wants_write() {
            assert!(self.records.receive().unwrap());
        }
        let mut flight = vec![];
        while self.records.tls.wants_write() {
            self.records.tls.write_tls(&mut flight).unwrap();
        }
        flight
    }

    /// Bytes for the socket itself.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.records.socket.write_all(bytes).unwrap();
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.records.write_all(bytes).unwrap();
        self.records.flush().unwrap();
    }

    pub fn send(&mut self, frame: Frame) {
        let bytes = self.bytes(frame);
        self.send_bytes(&bytes);
    }

    /// `frame` as this side sends it.
    pub fn bytes(&self, frame: Frame) -> Vec<u8> {
        wire(self.is_client(), [frame])
    }

    /// The next frame; its mask is checked and taken off.
    pub fn receive(&mut self) -> Frame {
        let frame = read_frame(&mut self.records);
        assert_eq!(frame.mask.is_some(), !self.is_client());
        Frame { mask: None, ..frame }
    }

    /// Changes to new keys, and asks the other side to do so, too (RFC 8446, section 4.6.3).
    pub fn renew_keys(&mut self) {
        self.records.tls.refresh_traffic_keys().unwrap();
        self.records.send().unwrap();
    }

    /// Waits for records, and leaves them where they are.
    pub fn await_records(&self) {
        self.records.socket.peek(&mut [0]).unwrap();
    }

    /// The alert that comes next.
    pub fn receive_alert(&mut self) -> AlertDescription {
        let error = self.records.receive().unwrap_err();
        match error.get_ref().and_then(|error| error.downcast_ref()) {
            Some(rustls::Error::AlertReceived(alert)) => *alert,
            _ => panic!("no alert: {error}"),
        }
    }

    /// The next thing is the end, as TLS has it.
    pub fn receive_end(&mut self) {
        assert_eq!(self.records.read(&mut [0]).unwrap(), 0);
    }

    /// Says that nothing more will come.
    pub fn notify(&mut self) {
        self.records.tls.send_close_notify();
        self.records.send().unwrap();
    }

    pub fn end(mut self, end: End) {
        if end == End::Notified {
            self.notify();
        }
        if end != End::Gone {
            let socket = &mut self.records.socket;
            socket.shutdown(Shutdown::Write).unwrap();
            // Here it matters only that the other side ends.
            let _ = io::copy(socket, &mut io::sink());
        }
    }
}
