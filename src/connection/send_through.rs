//! Sending without a copy: the transport is offered a message before it is queued.

use super::send::append_in_pieces;
use super::{Connection, MessageKind, PreparedMessage, SendError};
use crate::frame::{Header, MAX_HEADER_LEN};
use crate::send_queue::SendQueue;
use bytes::Buf;

impl Connection {
    /// Sends a message in a single frame, and offers it to the transport before it is queued, so that
    /// only what the transport does not take is copied. That pays for messages of 64 KiB and more;
    /// smaller ones are better queued, since one large write costs less than several.
    ///
    /// `write` is offered what is queued and behind that the header and the payload of the message. It
    /// sends as much of all that as it can, in this order, and returns the number of bytes; more than
    /// it was offered counts as all of it. If it panics, what it has sent is not known, and the connection is
    /// left as by [`write_failed`](Self::write_failed). It is called once, or not at all: what has to be masked,
    /// by a client, or is encoded by an extension, is queued as a whole.
    ///
    /// ```
    /// # use sansio_ws::{Connection, MessageKind, SendError};
    /// # use std::io::Write;
    /// # fn send(connection: &mut Connection, socket: &mut impl Write, image: &[u8]) -> Result<(), SendError> {
    /// connection.send_through(MessageKind::Binary, image, |queue, message| {
    ///     // Who would block has sent nothing, and a failure comes again with the next write.
    ///     queue.write_with(message, socket).unwrap_or(0)
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued, and `write` not called. [`SendError::InvalidUtf8`] if it is to
    /// be a text and is none.
    pub fn send_through(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        write: impl FnOnce(&SendQueue, [&[u8]; 2]) -> usize,
    ) -> Result<(), SendError> {
        if kind == MessageKind::Text && simdutf8::basic::from_utf8(payload).is_err() {
            return Err(SendError::InvalidUtf8);
        }
        self.send_valid_through(kind, payload, write)
    }

    /// The same, for what is UTF-8 if it is a text.
    pub(crate) fn send_valid_through(
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
        let sent = self.offer([header, payload], write);
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

    /// Sends a message that was framed before, as [`send_prepared`](Self::send_prepared) does, and
    /// offers it to the transport before it is queued, as [`send_through`](Self::send_through) does.
    /// What the transport does not take is not copied if it is more than 2 KiB.
    ///
    /// A server offers also a message that was [encoded](PreparedMessage::encoded) before. A client
    /// masks its own copy, and queues that as a whole: `write` is not called.
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued, and `write` not called.
    pub fn send_prepared_through(
        &mut self,
        message: &PreparedMessage,
        write: impl FnOnce(&SendQueue, [&[u8]; 2]) -> usize,
    ) -> Result<(), SendError> {
        if !self.is_server() {
            return self.send_prepared(message);
        }
        self.may_send_message()?;
        self.activity.message_sent = true;
        let frame = self.frame_of(message);
        let (header, payload) = frame.bytes().split_at(frame.header().encoded_len());
        let sent = self.offer([header, payload], write);
        self.queue.push_shared(frame.bytes().slice(sent..));
        Ok(())
    }

    /// Lets `write` send what is queued and `message` behind it. Returns how much it has sent of the
    /// message.
    fn offer(
        &mut self,
        message: [&[u8]; 2],
        write: impl FnOnce(&SendQueue, [&[u8]; 2]) -> usize,
    ) -> usize {
        let output = self.take_output();
        let sent = write(&output.queue, message);
        self.put_back(output);
        let queued = sent.min(self.queue.len());
        self.queue.advance(queued);
        let [header, payload] = message;
        (sent - queued).min(header.len() + payload.len())
    }
}

#[cfg(feature = "std")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::close::CloseCode;
    use crate::connection::{Config, Masks, Role};
    use crate::extension::{
        Agreement, Codec, DecodeError, Decoded, Extension, Offer, Piece, Prepared,
    };
    use crate::limits::Limits;
    use alloc::boxed::Box;
    use alloc::string::String;
    use alloc::vec;
    use alloc::vec::Vec;
    use bytes::Bytes;
    use std::io::IoSlice;

    const PAYLOAD: &[u8] = &[b'x'; 300];

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

        fn takes(&self, demand: u32) -> bool {
            demand == 2
        }
    }

    impl Extension for Double {
        fn offer(&self) -> String {
            panic!("no handshake")
        }

        fn accept(&self, _: &[Offer<'_>]) -> Option<Agreement> {
            panic!("no handshake")
        }

        fn confirm(&self, _: &Offer<'_>) -> Result<Agreement, &'static str> {
            panic!("no handshake")
        }

        fn prepare(&self, payload: &[u8]) -> Option<Prepared> {
            Some(Prepared { demand: 2, payload: [payload, payload].concat() })
        }
    }

    fn server() -> Connection {
        let limits = Limits::default().max_queued_frames(3);
        Connection::new(Role::Server, Config::default().limits(limits))
    }

    /// A server whose messages are encoded.
    fn encoding() -> Connection {
        let header = String::from("double");
        server().with_agreement(Agreement { header, codec: Box::new(Double) })
    }

    /// A server with an extension that is switched off.
    fn bypassing() -> Connection {
        let mut connection = encoding();
        connection.use_extension(false);
        connection
    }

    fn client() -> Connection {
        Connection::new(Role::Client(Masks::new(|| [1, 2, 3, 4])), Config::default())
    }

    fn drained(connection: &mut Connection) -> Vec<u8> {
        let queue = connection.outgoing();
        queue.copy_to_bytes(queue.remaining()).to_vec()
    }

    /// A message that is offered, in some way, and the same message queued.
    struct OfferedMessage {
        prepared: Option<PreparedMessage>,
    }

    impl OfferedMessage {
        fn all() -> [Self; 3] {
            let prepared = PreparedMessage::binary(&[b'y'; 3000]);
            [
                Self { prepared: None },
                Self { prepared: Some(prepared.clone()) },
                Self { prepared: Some(prepared.encoded(&Double)) },
            ]
        }

        /// With `write` being told all that is offered, as one slice.
        fn send(&self, connection: &mut Connection, write: impl FnOnce(Vec<u8>) -> usize) {
            let write = |queue: &SendQueue, message: [&[u8]; 2]| {
                let mut slices = [IoSlice::new(&[]); 8];
                let count = queue.chunks_vectored(&mut slices);
                let slices = &slices[..count];
                let queued: Vec<_> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
                assert_eq!(queued.len(), queue.len());
                write([&queued[..], message[0], message[1]].concat())
            };
            let sent = match &self.prepared {
                None => connection.send_through(MessageKind::Binary, PAYLOAD, write),
                Some(prepared) => connection.send_prepared_through(prepared, write),
            };
            assert_eq!(sent, Ok(()));
        }

        fn queue(&self, connection: &mut Connection) {
            let sent = match &self.prepared {
                None => connection.send_binary(PAYLOAD),
                Some(prepared) => connection.send_prepared(prepared),
            };
            assert_eq!(sent, Ok(()));
        }
    }

    /// What may be in the queue before it.
    const QUEUES: [fn(&mut Connection); 3] = [
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

    /// The output must be the same wherever the transport stops.
    fn check(message: &OfferedMessage, make: fn() -> Connection, front: fn(&mut Connection)) {
        let mut model = make();
        front(&mut model);
        message.queue(&mut model);
        let whole = model.queued();
        model.send_text("behind").unwrap();
        let expected = drained(&mut model);
        for sent in 0..=whole {
            let mut connection = make();
            front(&mut connection);
            let frames = connection.queue.frames();
            let mut output = Vec::new();
            message.send(&mut connection, |offered| {
                assert_eq!(offered.len(), whole);
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

    #[test]
    fn the_output_is_the_same_wherever_the_transport_stops() {
        for front in QUEUES {
            for message in OfferedMessage::all() {
                check(&message, server, front);
                check(&message, bypassing, front);
            }
        }
    }

    #[test]
    fn an_encoded_frame_is_offered_if_it_was_prepared() {
        let [_, _, prepared] = OfferedMessage::all();
        let front: fn(&mut Connection) = |connection| {
            connection.use_extension(false);
            connection.send_text("in front").unwrap();
            connection.use_extension(true);
        };
        for front in [QUEUES[0], front] {
            check(&prepared, encoding, front);
        }
        let mut connection = encoding();
        let mut offered = vec![];
        prepared.send(&mut connection, |all| {
            offered.extend_from_slice(&all);
            all.len()
        });
        assert_eq!((&offered[..2], offered.len()), (&[0xC2, 126][..], 4 + 6000));
        assert!(!connection.wants_write());
    }

    #[test]
    fn what_is_masked_or_encoded_is_queued() {
        let [plain, prepared, encoded] = OfferedMessage::all();
        let client: fn() -> Connection = client;
        for (make, message) in
            [(client, &plain), (client, &prepared), (client, &encoded), (encoding, &plain)]
        {
            for front in QUEUES {
                let (mut connection, mut model) = (make(), make());
                front(&mut connection);
                message.send(&mut connection, |_| panic!("it is offered as it is"));
                front(&mut model);
                message.queue(&mut model);
                assert_eq!(connection.queue.frames(), model.queue.frames());
                assert!(drained(&mut connection) == drained(&mut model));
            }
        }
    }

    #[test]
    fn the_rest_of_what_is_large_and_prepared_is_not_copied() {
        let [_, prepared, _] = OfferedMessage::all();
        let bytes = || prepared.prepared.as_ref().unwrap().frame(None).bytes().as_ptr();
        let mut connection = server();
        prepared.send(&mut connection, |_| 500);
        assert_eq!(connection.outgoing().chunk().as_ptr(), bytes().wrapping_add(500));
    }

    #[test]
    fn more_than_everything_is_everything() {
        for message in OfferedMessage::all() {
            for front in QUEUES {
                let mut connection = server();
                front(&mut connection);
                message.send(&mut connection, |_| usize::MAX);
                assert!(!connection.wants_write());
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
            let prepared = PreparedMessage::binary(PAYLOAD);
            let sent = connection.send_prepared_through(&prepared, |_, _| panic!());
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
        let sent = server().send_through(MessageKind::Text, b"\xFF", |_, _| panic!());
        assert_eq!(sent, Err(SendError::InvalidUtf8));
    }
}
