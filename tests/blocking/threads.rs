//! One thread that reads, and others that write.

use super::*;

#[test]
fn thousands_of_messages_both_ways_by_several_threads() {
    const EACH: usize = 3000;
    bounded(|| {
        let (server, client) = open();
        let sides = [server, client].map(|socket| {
            let (reader, writer) = socket.split().unwrap();
            let (told, pings) = mpsc::channel();
            let tell = move |event: &Seen| {
                if let Seen::Ping(_) = event {
                    told.send(()).unwrap();
                }
            };
            let reader = thread::spawn(move || tell_all(reader, tell));
            let writers = [0, 1].map(|w| {
                let writer: Writer<_> = writer.clone();
                thread::spawn(move || {
                    for i in 0..EACH {
                        let text = format!("{w} {i} {}", "x".repeat(i % 700));
                        writer.send_text(&text).unwrap();
                        if i % 100 == 0 {
                            writer.send_ping(ControlPayload::new(b"?").unwrap()).unwrap();
                        }
                    }
                })
            });
            (reader, pings, writers, writer)
        });
        let mut closers = vec![];
        let mut readers = vec![];
        for (reader, pings, writers, writer) in sides {
            writers.into_iter().for_each(|writer| writer.join().unwrap());
            // Behind a Close, none would be answered.
            assert_eq!(pings.iter().take(2 * EACH / 100).count(), 2 * EACH / 100);
            closers.push(writer);
            readers.push(reader);
        }
        closers[1].close(CloseCode::NORMAL, "done").unwrap();
        for (side, reader) in readers.into_iter().enumerate() {
            let (events, ended) = reader.join().unwrap();
            assert_eq!(ended.map(Ended::code), Some(1000));
            let mut next = [0; 2];
            let (mut pings, mut pongs) = (0, 0);
            for event in events {
                match event {
                    Seen::Text(text) => {
                        let mut parts = text.split(' ');
                        let mut number = || parts.next().unwrap().parse::<usize>().unwrap();
                        let (writer, i) = (number(), number());
                        assert_eq!(i, next[writer], "in order");
                        assert_eq!(parts.next().unwrap().len(), i % 700);
                        next[writer] += 1;
                    }
                    Seen::Ping(_) => pings += 1,
                    Seen::Pong(_) => pongs += 1,
                    Seen::Close(..) => {}
                    event => panic!("{event:?}"),
                }
            }
            assert_eq!((next, pings), ([EACH; 2], 2 * EACH / 100), "side {side}");
            assert!(pongs > 0, "pings are answered while writers are busy");
        }
        for writer in closers {
            assert!(matches!(writer.send_text("no"), Err(Error::Send(SendError::Closed))));
            assert!(matches!(writer.close(CloseCode::NORMAL, ""), Err(Error::Send(_))));
        }
    });
}

#[test]
fn several_writers_of_messages_larger_than_the_queue() {
    bounded(|| {
        let limits = Limits::default().max_queued_bytes(10_000);
        let (server, mut client) = open_with(Config::default().limits(limits));
        let (reader, writer) = server.split().unwrap();
        let reader = thread::spawn(move || read_all(reader));
        let writers: Vec<_> = (0..8)
            .map(|_| {
                let writer = writer.clone();
                thread::spawn(move || {
                    for _ in 0..200 {
                        writer.send_binary(&[1; 9000]).unwrap();
                        writer.send_bytes(MessageKind::Binary, &vec![2; 9000].into()).unwrap();
                    }
                })
            })
            .collect();
        for _ in 0..8 * 400 {
            assert!(matches!(client.read().unwrap(), Some(Event::Binary([1 | 2, ..]))));
        }
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        client.close(CloseCode::NORMAL, "").unwrap();
        reader.join().unwrap();
    });
}

/// An echo in one thread reads nothing while it can't write. So the other side must read while it
/// can't write, whichever of its threads tries to.
#[test]
fn a_peer_that_does_not_read_does_not_hold_up_the_reader() {
    const EACH: usize = 400;
    bounded(|| {
        let (mut server, client) = open();
        let echo = thread::spawn(move || {
            let mut events = vec![];
            while let Some((connection, event)) = server.next().unwrap() {
                echo(connection, event, &mut vec![]);
                events.extend(Seen::of(event).filter(|seen| matches!(seen, Seen::Close(..))));
                // Also pings, so that the client's reader has something to write itself.
                if connection.is_open() {
                    connection.send_ping(ControlPayload::EMPTY).unwrap();
                }
            }
            events
        });
        let (reader, writer) = client.split().unwrap();
        let reader = thread::spawn(move || read_all(reader));
        let writers = [0, 1].map(|_| {
            let writer = writer.clone();
            thread::spawn(move || {
                for _ in 0..EACH {
                    writer.send_binary(&[7; 100_000]).unwrap();
                }
            })
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        writer.close(CloseCode::NORMAL, "").unwrap();
        let (events, ended) = reader.join().unwrap();
        let messages = events.iter().filter(|seen| matches!(seen, Seen::Binary(_))).count();
        assert_eq!(messages, 2 * EACH);
        assert_eq!(ended.map(Ended::code), Some(1000));
        assert_eq!(echo.join().unwrap().len(), 1);
    });
}

/// The reader's own pongs can't be written, and no writer is there to wait in its place.
#[test]
fn a_reader_that_can_not_write_reads_on() {
    bounded(|| {
        let (server, client) = open();
        let (reader, writer) = server.split().unwrap();
        let reader = thread::spawn(move || read_all(reader));
        let mut stream = client.into_parts().stream;
        // The answers are more than the sockets hold.
        let pings = wire(true, [Frame::ping([7; 125])]).repeat(100);
        for _ in 0..2000 {
            stream.write_all(&pings).unwrap();
        }
        stream.write_all(&wire(true, [Frame::ping("last")])).unwrap();
        // When the peer reads again, the rest comes without anything that wakes the reader.
        thread::sleep(Duration::from_millis(300));
        let last = Frame::pong("last").bytes();
        let mut answer = vec![];
        let mut part = vec![0; 100_000];
        while !answer.ends_with(&last) {
            let n = stream.read(&mut part).unwrap();
            answer.extend_from_slice(&part[..n]);
        }
        stream.write_all(&wire(true, [Frame::close(1000, "")])).unwrap();
        stream.read_to_end(&mut vec![]).unwrap();
        drop(stream);
        let (events, ended) = reader.join().unwrap();
        assert_eq!(events.len(), 200_002);
        assert_eq!(ended.map(Ended::code), Some(1000));
        drop(writer);
    });
}

#[test]
fn the_reader_answers_pings_and_writes_on_while_the_peer_does_not_read() {
    bounded(|| {
        let (server, client) = open();
        let (reader, writer) = server.split().unwrap();
        let mut stream = client.into_parts().stream;
        let (told, events) = mpsc::channel();
        let reader = thread::spawn(move || tell_all(reader, |_| told.send(()).unwrap()));
        // More than the sockets hold.
        let writer = thread::spawn(move || {
            writer.send_binary(&vec![7; 30 << 20]).unwrap();
            writer
        });
        stream.peek(&mut [0]).unwrap();
        let pings = (0..100).map(|i| Frame::ping(format!("{i}")));
        stream.write_all(&wire(true, pings)).unwrap();
        stream.write_all(&wire(true, [Frame::close(1000, "")])).unwrap();
        // All of them come while the message waits.
        assert_eq!(events.iter().take(101).count(), 101);
        let mut answer = vec![];
        stream.read_to_end(&mut answer).unwrap();
        let frames = frame::parse(&answer);
        assert_eq!(frames[0].payload.len(), 30 << 20);
        assert!(frames.len() < 20, "few pongs wait, and the newest pings win");
        assert_eq!(frames.last(), Some(&Frame::close(1000, "")));
        drop(stream);
        let (events, ended) = reader.join().unwrap();
        assert_eq!(events.len(), 101);
        assert_eq!(ended.map(Ended::code), Some(1000));
        writer.join().unwrap();
    });
}

/// When they do is tested in virtual time. Here both halves run at once.
#[test]
fn deadlines_hold_for_both_halves() {
    bounded(|| {
        // A writer that is stuck, with a reader that hears nothing: both wake at the same time.
        let soon = Some(Duration::from_millis(50));
        for _ in 0..5 {
            let (server, client) = open();
            let parts = server.into_parts();
            let timeouts = Timeouts::NONE.keep_alive(soon).pong(soon);
            let (reader, writer) = WebSocket::from_parts(parts, timeouts).split().unwrap();
            let stuck = thread::spawn(move || {
                writer.send_binary(&vec![7; 30 << 20]).unwrap_or_default();
                writer.send_text("late")
            });
            assert_eq!(read_all(reader), (vec![], Some(Ended::TimedOut)));
            let late = stuck.join().unwrap();
            assert!(matches!(late, Err(Error::Send(SendError::Closed))), "{late:?}");
            drop(client);
        }

        // The reader may wait already when the writer starts to close.
        let (server, client) = open();
        let timeouts = Timeouts::NONE.close(soon);
        let (reader, writer) =
            WebSocket::from_parts(server.into_parts(), timeouts).split().unwrap();
        let reader = thread::spawn(move || read_all(reader).1);
        writer.close(CloseCode::NORMAL, "").unwrap();
        assert_eq!(reader.join().unwrap(), Some(Ended::TimedOut));
        drop(client);
    });
}

#[test]
fn f7_f26_halves_hand_out_everything_and_finish_their_sentence() {
    bounded(|| {
        // The peer reads no more, and has said much before.
        let (server, client) = open();
        let (mut reader, writer) = server.split().unwrap();
        writer.send_text("never read").unwrap();
        let mut stream = client.into_parts().stream;
        let said = (0..500).map(|i| Frame::text(format!("{i}"))).chain([Frame::close(1000, "")]);
        stream.write_all(&wire(true, said)).unwrap();
        drop(stream);
        thread::sleep(Duration::from_millis(20));
        while writer.send_text("void").is_ok() {}
        let mut events = 0;
        while reader.read().unwrap().is_some() {
            events += 1;
        }
        assert_eq!((events, reader.ended().map(Ended::code)), (501, Some(1000)));

        // The peer says no more, but reads: a message that a writer has begun arrives whole.
        let (server, client) = open();
        let (reader, writer) = server.split().unwrap();
        let mut stream = client.into_parts().stream;
        let writer = thread::spawn(move || writer.send_binary(&vec![7; 10 << 20]).unwrap());
        stream.peek(&mut [0]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let reader = thread::spawn(move || read_all(reader).1);
        thread::sleep(Duration::from_millis(50));
        let mut answer = vec![0; (10 << 20) + 10];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(frame::parse(&answer), [Frame::binary(vec![7; 10 << 20])]);
        writer.join().unwrap();
        let ended = Ended::Eof { mid_frame: false, mid_message: false, close_sent: false };
        assert_eq!(reader.join().unwrap(), Some(ended));
    });
}

#[test]
fn a_violation_is_told_by_the_reader() {
    bounded(|| {
        for bad in [Frame::text(b"\xFF"), Frame::close(1000, b"\xFF")] {
            let (server, client) = open();
            let (mut reader, writer) = server.split().unwrap();
            let mut stream = client.into_parts().stream;
            stream.write_all(&wire(true, [Frame::text("good"), bad])).unwrap();
            assert_eq!(reader.read().unwrap(), Some(Event::Text("good")));
            assert!(matches!(reader.read(), Err(Error::Protocol(ProtocolError::InvalidUtf8))));
            drop((reader, writer));
            let mut answer = vec![];
            stream.read_to_end(&mut answer).unwrap();
            assert_eq!(frame::parse(&answer), [Frame::close(1007, "invalid UTF-8")]);
        }
    });
}
