//! Idle connections give back what large messages have needed.

use super::*;

/// Bytes that a connection has allocated for input and output.
fn held<S: super::super::Stream>(server: WebSocket<S>) -> (usize, usize) {
    let Parts { rx, mut connection, .. } = server.into_parts();
    (rx.capacity(), connection.outgoing().capacity())
}

/// A large message that arrives at once, and its echo.
fn echo(server: &mut WebSocket<Socket>, socket: &Socket) {
    let message = vec![7; 3 << 20];
    socket.arrive(second(1), [begin_binary(3 << 20), message.clone()].concat());
    assert_eq!(server.read().unwrap(), Some(Event::Binary(&message)));
    server.send_binary(&message).unwrap();
}

#[test]
fn large_memory_goes_back_behind_a_second_of_silence() {
    let most = (4096, 0);
    for (next_message, kept) in [(ms(1900), true), (second(3), false)] {
        let (mut server, socket, time) = open(Timeouts::default());
        echo(&mut server, &socket);
        time.advance_to(second(1));
        socket.arrive(next_message, TEXT);
        assert_eq!(server.read().unwrap(), Some(Event::Text("a")));
        let (rx, queue) = held(server);
        if kept {
            assert!(rx >= 3 << 20 && queue >= 3 << 20, "{rx} and {queue} bytes");
        } else {
            assert!(rx <= most.0 && queue <= most.1, "{rx} and {queue} bytes");
        }
    }
}

#[test]
fn it_goes_back_at_once_when_a_read_can_not_time_out() {
    let (mut server, socket, _) = open(Timeouts::NONE);
    socket.state().times_out = false;
    echo(&mut server, &socket);
    socket.arrive(ms(1100), TEXT);
    socket.arrive(ms(1200), TEXT);
    for _ in 0..2 {
        assert_eq!(server.read().unwrap(), Some(Event::Text("a")));
    }
    assert_eq!(held(server), (4096, 0));
}

#[test]
fn it_goes_back_when_the_caller_says_so_but_nothing_that_waits() {
    let (mut server, socket, _) = open(Timeouts::default());
    echo(&mut server, &socket);
    server.connection().send_text("waits").unwrap();
    server.shrink();
    assert_eq!(server.connection().queued(), 7);
    server.flush().unwrap();
    server.shrink();
    assert_eq!(held(server), (0, 0));
}

#[test]
fn a_message_under_way_keeps_its_memory_through_silence() {
    let (mut server, socket, _) = open(Timeouts::default());
    socket.arrive(second(1), [begin_binary(100_000), vec![7; 99_999]].concat());
    socket.arrive(second(10), [7]);
    assert_eq!(server.read().unwrap(), Some(Event::Binary(&[7; 100_000])));
}

#[test]
fn the_reader_of_a_split_connection_gives_back_both() {
    let (server, socket, _) = open(Timeouts::default());
    let (mut reader, writer) = server.split_with(socket.clone());
    let message = vec![7; 3 << 20];
    socket.arrive(second(1), [begin_binary(3 << 20), message.clone()].concat());
    assert_eq!(reader.read().unwrap(), Some(Event::Binary(&message)));
    writer.send_binary(&message).unwrap();
    assert!(reader.held().0 >= 3 << 20 && reader.held().1 >= 3 << 20);
    socket.arrive(second(10), TEXT);
    assert_eq!(reader.read().unwrap(), Some(Event::Text("a")));
    assert_eq!(reader.held(), (4096, 0));
}
