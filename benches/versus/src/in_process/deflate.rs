//! A server's echo of compressed texts: inflating, and deflating again. Beside it zlib-rs, which all of
//! them call, doing the same for nobody.

use crate::measure::{Scenario, Subject};
use crate::payload;
use crate::peers;
use crate::wire::{Output, READ, Wire};
use bytes::BytesMut;
use core::hint::black_box;
use futures_util::{FutureExt, SinkExt};
use sansio_ws::deflate::Deflate as OurDeflate;
use sansio_ws::frame::Header;
use sansio_ws::handshake::{Acceptance, OriginPolicy, ServerHandshake};
use sansio_ws::{Config, Connection, Event, Limits, RecvBuffer};
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use versus::compressed::{Messages, TAIL, Verifier, WINDOW_BITS};
use versus::frame::{self, COMPRESSED_TEXT};
use versus::scenario::{Deflate, REQUEST};
use zlib_rs::{DeflateFlush, Inflate, InflateFlush};

/// Messages that a read delivers. Some libraries inflate all that is there before they hand out the first
/// of them; of more messages than these, a measurement would often see only the half that deflates.
const BATCH: usize = 4;

/// Takes the next message from a [`Wire`] and writes it back, flushed.
trait Echo {
    fn echo(&mut self);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let groups = [
        ("deflate, level 1", Deflate { level: 1, takeover: false }),
        ("deflate, level 6", Deflate { level: 6, takeover: false }),
        ("deflate, level 1, takeover", Deflate { level: 1, takeover: true }),
        ("deflate, level 6, takeover", Deflate { level: 6, takeover: true }),
    ];
    let mut scenarios = Vec::new();
    for (group, deflate) in groups {
        let sizes = [128, 1 << 10, 16 << 10];
        scenarios.extend(sizes.map(|size| scenario(group, deflate, size)));
    }
    scenarios
}

fn scenario(group: &'static str, deflate: Deflate, size: usize) -> Scenario {
    let messages = Arc::new(Messages::new(0, size, deflate.takeover, WINDOW_BITS));
    let mut input = Vec::new();
    for message in &messages.compressed {
        frame::append(&mut input, COMPRESSED_TEXT, Some(frame::key(0)), message);
    }
    let input: Arc<[u8]> = input.into();
    let output = Output::default();
    let most = input.len() / messages.compressed.len() * BATCH;
    let wire = || Wire::answered(Arc::clone(&input), most, output.clone());
    let subject = |name, echo| subject(name, echo, &messages, deflate.takeover, &output);
    let mut subjects = vec![
        bare(&messages, size, deflate),
        subject("ours", ours(wire(), deflate, None)),
        subject("ours, mem_level 8", ours(wire(), deflate, Some(8))),
        subject("sockudo-ws", sockudo(wire(), output.clone(), deflate)),
        subject("yawc", yawc(wire(), deflate)),
    ];
    if !deflate.takeover {
        subjects.push(subject("wtx", wtx(wire(), deflate)));
    }
    Scenario { group, column: payload::name(size), subjects }
}

fn subject(
    name: &'static str,
    mut echo: Box<dyn Echo>,
    messages: &Messages,
    takeover: bool,
    output: &Output,
) -> Subject {
    // Once through all messages, and over their end.
    let verified = messages.compressed.len() + 2;
    let written = output.record(|| (0..verified).for_each(|_| echo.echo()));
    verify(&written, messages, takeover, verified).unwrap_or_else(|| panic!("{name} is wrong"));
    Subject::new(name, move |times| (0..times).for_each(|_| echo.echo()))
}

fn verify(mut written: &[u8], messages: &Messages, takeover: bool, count: usize) -> Option<()> {
    let mut verifier = Verifier::new(takeover);
    for number in 0..count {
        let (header, len) = Header::parse(written).ok()??;
        let (payload, rest) = written.get(len..)?.split_at_checked(header.payload_len() as usize)?;
        let compressed = header.reserved_bits() != 0;
        verifier.verify(messages.plain(number), compressed, &mut payload.to_vec()).ok()?;
        written = rest;
    }
    written.is_empty().then_some(())
}

/// The backend alone, with states and buffers that exist already, and without frames. A full flush
/// forgets the earlier messages too, and costs less than a reset.
fn bare(messages: &Messages, size: usize, deflate: Deflate) -> Subject {
    let inputs: Vec<_> =
        messages.compressed.iter().map(|message| [message, &TAIL[..]].concat()).collect();
    let mut inflater = Inflate::new(false, WINDOW_BITS);
    let mut deflater = zlib_rs::Deflate::new(deflate.level.into(), false, WINDOW_BITS);
    let mut message = vec![0; size];
    let mut output = vec![0; 2 * size + 64];
    let mut next = 0;
    let flush = if deflate.takeover { DeflateFlush::SyncFlush } else { DeflateFlush::FullFlush };
    Subject::new("zlib-rs", move |times| {
        for _ in 0..times {
            let input = black_box(&*inputs[next]);
            next = (next + 1) % inputs.len();
            inflater.decompress(input, &mut message, InflateFlush::SyncFlush).unwrap();
            deflater.compress(&message, &mut output, flush).unwrap();
            if !deflate.takeover {
                inflater.reset(false);
            }
            black_box(&output);
        }
    })
}

/// From 32 bytes on, as sockudo-ws. By default it takes less memory than the others, which have no
/// `mem_level` to choose: theirs is 8.
fn ours(wire: Wire, deflate: Deflate, mem_level: Option<u8>) -> Box<dyn Echo> {
    struct Ours(Connection, RecvBuffer, Wire);

    impl Echo for Ours {
        fn echo(&mut self) {
            let Self(connection, rx, wire) = self;
            loop {
                match connection.next_event(rx).unwrap() {
                    Some(Event::Text(text)) => break connection.send_text(text).unwrap(),
                    Some(event) => panic!("{event:?}"),
                    None => rx.read_from(wire).unwrap(),
                };
            }
            while connection.wants_write() {
                connection.outgoing().write_to(wire).unwrap();
            }
        }
    }

    let mut extension = match deflate.takeover {
        false => OurDeflate::default().min_bytes(32),
        true => OurDeflate::context_takeover(),
    };
    if let Some(mem_level) = mem_level {
        extension = extension.mem_level(mem_level).unwrap();
    }
    let config = Config::default().extension(extension.level(deflate.level).unwrap());
    let (lines, end) = REQUEST.split_at(REQUEST.len() - 2);
    let offer = b"Sec-WebSocket-Extensions: permessage-deflate\r\n";
    let mut request = Wire::once([lines, offer, end].concat().into(), Output::default());
    let mut rx = RecvBuffer::with_capacity(READ);
    rx.read_from(&mut request).unwrap();
    let mut handshake = ServerHandshake::new(&Limits::default());
    let upgrade = handshake.receive(&mut rx).unwrap().unwrap();
    let upgrade = upgrade.upgrade(OriginPolicy::SameHost).unwrap();
    let mut connection = upgrade.accept(&Acceptance::default(), config).unwrap();
    connection.outgoing().write_to(&mut request).unwrap();
    Box::new(Ours(connection, rx, wire))
}

/// Its machine, fed as its stream does it.
fn sockudo(wire: Wire, output: Output, deflate: Deflate) -> Box<dyn Echo> {
    use sockudo_ws::deflate::DeflateConfig;
    use sockudo_ws::protocol::CompressedProtocol;
    use sockudo_ws::{Message, RECV_BUFFER_SIZE};

    struct Sockudo {
        protocol: CompressedProtocol,
        received: BytesMut,
        /// The last one comes first.
        messages: Vec<Message>,
        unsent: BytesMut,
        wire: Wire,
        output: Output,
    }

    impl Echo for Sockudo {
        fn echo(&mut self) {
            while self.messages.is_empty() {
                if self.received.capacity() - self.received.len() < 4096 {
                    self.received.reserve(RECV_BUFFER_SIZE);
                }
                let read = AsyncReadExt::read_buf(&mut self.wire, &mut self.received);
                read.now_or_never().unwrap().unwrap();
                self.protocol.process_into(&mut self.received, &mut self.messages).unwrap();
                self.messages.reverse();
            }
            let message = self.messages.pop().unwrap();
            self.protocol.encode_message(&message, &mut self.unsent).unwrap();
            self.output.take(&self.unsent);
            self.unsent.clear();
        }
    }

    let config = DeflateConfig {
        server_no_context_takeover: !deflate.takeover,
        client_no_context_takeover: !deflate.takeover,
        compression_level: deflate.level.into(),
        ..DeflateConfig::default()
    };
    Box::new(Sockudo {
        protocol: CompressedProtocol::server(16 << 20, 64 << 20, config),
        received: BytesMut::with_capacity(RECV_BUFFER_SIZE),
        messages: Vec::new(),
        unsent: BytesMut::new(),
        wire,
        output,
    })
}

fn yawc(wire: Wire, deflate: Deflate) -> Box<dyn Echo> {
    use yawc::{CompressionLevel, DeflatePool, Role, WebSocket};

    struct Yawc(WebSocket<Wire>);

    impl Echo for Yawc {
        fn echo(&mut self) {
            let frame = self.0.next_frame().now_or_never().unwrap().unwrap();
            self.0.feed(frame).now_or_never().unwrap().unwrap();
            SinkExt::flush(&mut self.0).now_or_never().unwrap().unwrap();
        }
    }

    let options = peers::yawc_options();
    let mut options = options.with_compression_level(CompressionLevel::new(deflate.level.into()));
    let mut agreed = "permessage-deflate";
    if !deflate.takeover {
        agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        options = options.with_deflate_pool(DeflatePool::new(64));
    }
    let socket = WebSocket::from_stream_with_extensions(wire, Role::Server, Some(agreed), options);
    Box::new(Yawc(socket.unwrap()))
}

fn wtx(wire: Wire, deflate: Deflate) -> Box<dyn Echo> {
    use wtx::collection::Vector;
    use wtx::rng::Xorshift64;
    use wtx::web_socket::compression::{Compression, Flate2, NegotiatedFlate2, WindowBits};
    use wtx::web_socket::{DeflateConfig, WebSocketBuffer, WebSocketOwned, WebSocketPayloadOrigin};

    struct Wtx(WebSocketOwned<Option<NegotiatedFlate2>, Xorshift64, Wire, false>, Vector<u8>);

    impl Echo for Wtx {
        fn echo(&mut self) {
            let Self(socket, buffer) = self;
            buffer.clear();
            let (mut common, mut reader, mut writer) = socket.split_mut();
            let frame = reader.read_frame(buffer, &mut common, WebSocketPayloadOrigin::Adaptive);
            let mut frame = frame.now_or_never().unwrap().unwrap();
            writer.write_frame(&mut common, &mut frame).now_or_never().unwrap().unwrap();
        }
    }

    let flate2 = Flate2::from(DeflateConfig {
        client_max_window_bits: WindowBits::Fifteen,
        compression_level: deflate.level.try_into().unwrap(),
        server_max_window_bits: WindowBits::Fifteen,
    });
    let offer: [&[u8]; 2] = [b"Sec-WebSocket-Extensions", b"permessage-deflate"];
    let agreed = <Flate2 as Compression<false>>::negotiate(flate2, [offer].into_iter()).unwrap();
    let random = Xorshift64::from(wtx::rng::simple_seed());
    let socket = WebSocketOwned::new(agreed, false, random, wire, WebSocketBuffer::new());
    Box::new(Wtx(socket, Vector::new()))
}
