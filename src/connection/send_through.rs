//! Sending without a copy: the transport is offered a message before it is queued.

use super::send::append_in_pieces;
use super::{Connection, MessageKind, SendError};
use crate::frame::{Header, MAX_HEADER_LEN};
use crate::send_queue::SendQueue;
use bytes::Buf;

impl Connection {
    /// Sends a message as [`send_text`](Self::send_text) and [`send_binary`](Self::send_binary) do,
    /// but offers it to `write` first: what is queued, and behind that header and payload. `write`
    /// returns how much of all that it has sent, and only the rest is queued.
    ///
    /// What has to be masked or encoded is queued as a whole, and `write` not called.
    pub(crate) fn send_through(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        write: impl FnOnce(&SendQueue, [&[u8]; 2]) -> usize,
    ) -> Result<(), SendError> {
        self.may_send_message()?;
        self.activity.message_sent = true;
        if !self.is_server() || self.is_encoding() {
            self.queue_message(kind, payload);
            return Ok(());
        }
        let mut header = [0; MAX_HEADER_LEN];
        let header_len = Header::of(kind.opcode(), true, payload).encode(&mut header);
        let header = &header[..header_len];
        let mut sent = write(&self.queue, [header, payload]);
        let queued = sent.min(self.queue.len());
        self.queue.advance(queued);
        sent -= queued;
        if sent < header_len + payload.len() {
            let header = header.get(sent..).unwrap_or_default();
            let payload = &payload[sent.saturating_sub(header_len)..];
            let staging = self.queue.staging();
            staging.extend_from_slice(header);
            append_in_pieces(payload, staging);
            self.queue.end_frame();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::close::CloseCode;
    use crate::connection::{Config, Masks, Role};
    use crate::extension::{Agreement, Codec, DecodeError, Decoded, Piece};
    use crate::limits::Limits;
    use alloc::boxed::Box;
    use alloc::string::String;
    use alloc::vec::Vec;
    use bytes::Bytes;
    use std::io::IoSlice;

    const PAYLOAD: &[u8] = &[b'x'; 300];

    fn server() -> Connection {
        let limits = Limits { max_queued_frames: 3, ..Limits::DEFAULT };
        Connection::new(Role::Server, Config::DEFAULT.limits(limits))
    }

    fn drained(connection: &mut Connection) -> Vec<u8> {
        let queue = connection.outgoing();
        queue.copy_to_bytes(queue.remaining()).to_vec()
    }

    fn send(connection: &mut Connection, write: impl FnOnce(Vec<u8>) -> usize) {
        let write = |queue: &SendQueue, message: [&[u8]; 2]| {
            let mut slices = [IoSlice::new(&[]); 8];
            let count = queue.chunks_vectored(&mut slices);
            let queued: Vec<_> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
            assert_eq!(queued.len(), queue.len());
            write([&queued[..], message[0], message[1]].concat())
        };
        connection.send_through(MessageKind::Binary, PAYLOAD, write).unwrap();
    }

    #[test]
    fn the_output_is_the_same_wherever_the_transport_stops() {
        let fronts: [fn(&mut Connection); 3] = [
            |_| (),
            |connection| connection.send_text("in front").unwrap(),
            |connection| {
                connection.send_text("in front").unwrap();
                let shared = Bytes::from_static(&[b's'; 3000]);
                connection.send_bytes(MessageKind::Binary, shared).unwrap();
                // A part of it is gone already.
                connection.outgoing().advance(100);
            },
        ];
        for front in fronts {
            let mut model = server();
            front(&mut model);
            model.send_binary(PAYLOAD).unwrap();
            let whole = model.queued();
            model.send_text("behind").unwrap();
            let expected = drained(&mut model);
            for sent in 0..=whole {
                let mut connection = server();
                front(&mut connection);
                let frames = connection.queue.frames();
                let mut output = Vec::new();
                send(&mut connection, |offered| {
                    output.extend_from_slice(&offered[..sent]);
                    sent
                });
                assert_eq!(connection.queued(), whole - sent, "only the rest is queued");
                let frames = if sent == whole { 0..=0 } else { 1..=frames + 1 };
                assert!(frames.contains(&connection.queue.frames()));
                connection.send_text("behind").unwrap();
                output.extend(drained(&mut connection));
                assert!(output == expected, "stopped behind {sent} bytes");
            }
        }
    }

    #[test]
    fn what_may_not_be_sent_is_not_offered() {
        let refused = |act: fn(&mut Connection), expected| {
            let mut connection = server();
            act(&mut connection);
            let before = connection.queued();
            let sent = connection.send_through(MessageKind::Text, PAYLOAD, |_, _| panic!());
            assert_eq!((sent, connection.queued()), (Err(expected), before));
        };
        refused(|connection| connection.close(CloseCode::NORMAL, "").unwrap(), SendError::Closed);
        refused(
            |connection| connection.send_fragment(MessageKind::Text, b"", false).unwrap(),
            SendError::InterleavedMessage,
        );
        refused(
            |connection| (0..3).for_each(|_| connection.send_text("").unwrap()),
            SendError::QueueFull,
        );
    }

    /// Encodes by doubling.
    #[derive(Debug)]
    struct Double;

    impl Codec for Double {
        fn encode(&mut self, payload: &[u8], _: Piece, output: &mut Vec<u8>) -> bool {
            output.extend_from_slice(&[payload, payload].concat());
            true
        }

        fn decode(
            &mut self,
            _: &[u8],
            _: bool,
            _: &mut Vec<u8>,
            _: usize,
        ) -> Result<Decoded, DecodeError> {
            panic!("nothing is received")
        }

        fn takes(&self, _: u32) -> bool {
            false
        }
    }

    #[test]
    fn what_is_masked_or_encoded_is_queued() {
        let client = || Connection::new(Role::Client(Masks::new(|| [1, 2, 3, 4])), Config::DEFAULT);
        let encoding = || {
            let header = String::from("double");
            server().with_agreement(Agreement { header, codec: Box::new(Double) })
        };
        let plain = || {
            let mut connection = encoding();
            connection.use_extension(false);
            connection
        };
        for make in [&client as &dyn Fn() -> Connection, &encoding] {
            let (mut connection, mut model) = (make(), make());
            send(&mut connection, |_| panic!("it is offered as it is"));
            model.send_binary(PAYLOAD).unwrap();
            assert_eq!(drained(&mut connection), drained(&mut model));
        }
        let mut connection = plain();
        send(&mut connection, |offered| offered.len());
        assert!(!connection.wants_write());
    }
}
