//! Life and deadlines are judged by what moves.

use super::*;

#[test]
fn who_only_sends_stays_while_the_peer_answers_pings_that_nobody_reads() {
    let (mut server, socket, time) = open(Timeouts::default());
    for i in 1..=2400 {
        server.send_text("tick").unwrap();
        time.advance_to(ms(250 * i));
    }
    assert_eq!(server.ended(), None);
    assert!(socket.state().pings >= 14, "in ten minutes");
    assert_eq!(server.read().unwrap(), Some(Event::Pong(b"")));
}

#[test]
fn who_is_away_for_longer_than_both_deadlines_looks_before_it_gives_up() {
    let (mut server, _, time) = open(Timeouts::default());
    for i in 1..20 {
        time.advance_to(second(50 * i));
        server.send_text("progress").unwrap();
    }
    assert_eq!(server.ended(), None);
}

#[test]
fn a_peer_that_hangs_is_given_up_although_its_system_takes_what_is_sent() {
    let (mut server, socket, time) = open(Timeouts::default());
    socket.state().rate = 0;
    let mut sent = 0;
    let ended = loop {
        time.advance_to(ms(250 * sent));
        match server.send_binary(&[0; 100]) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        assert!(sent < 1000, "for ever");
    };
    assert!(matches!(ended, Error::Ended(Ended::TimedOut)), "{ended}");
    assert!((second(40)..second(41)).contains(&time.now()), "{:?}", time.now());
    assert!(socket.state().aborted);
}

#[test]
fn a_large_message_arrives_although_the_peer_needs_longer_than_both_deadlines() {
    let (mut server, socket, time) = open(Timeouts::default().idle(seconds(5)));
    socket.state().rate = 200_000;
    server.send_binary(&vec![7; 16_000_000]).unwrap();
    assert!(time.now() > second(70));
    assert_eq!((server.ended(), socket.state().output.len()), (None, 16_000_010));
}

#[test]
fn many_small_messages_arrive_although_each_write_takes_all_in_the_end() {
    for rate in [150_000, 1_000_000] {
        let (mut server, socket, time) = open(Timeouts::default());
        // No pong gets through: it waits behind all that.
        socket.state().answers = false;
        socket.state().rate = rate;
        while time.now() < second(300) {
            server.send_binary(&[7; 100_000]).unwrap();
        }
        assert_eq!(server.ended(), None, "at {rate} bytes a second");
    }
}

#[test]
fn a_reader_that_trickles_stays() {
    let (mut server, socket, time) = open(Timeouts::default());
    socket.state().rate = 1000;
    socket.state().room = 10_000;
    server.send_binary(&vec![7; 200_000]).unwrap();
    assert!(time.now() > second(180));
    assert_eq!(server.ended(), None);
}

#[test]
fn a_send_that_is_stuck_gives_up_after_both_deadlines() {
    let (mut server, socket, time) = open(Timeouts::default());
    socket.state().rate = 0;
    let sent = server.send_binary(&vec![7; 2 << 20]);
    assert!(matches!(sent, Err(Error::Ended(Ended::TimedOut))), "{sent:?}");
    assert!((second(40)..second(61)).contains(&time.now()), "{:?}", time.now());
}

#[test]
fn messages_that_wait_in_the_socket_come_before_idleness() {
    let (mut server, socket, time) = open(Timeouts::NONE.idle(seconds(10)));
    socket.arrive(second(1), TEXT.repeat(3));
    time.advance_to(second(60));
    for _ in 0..3 {
        assert_eq!(server.read().unwrap(), Some(Event::Text("a")));
    }
    assert!(socket.state().output.is_empty(), "no Close");
    socket.arrive(second(200), TEXT);
    assert!(matches!(server.read().unwrap(), Some(Event::Close(_))), "idle since then");
    assert!((second(70)..second(71)).contains(&time.now()), "{:?}", time.now());
}

#[test]
fn bytes_that_are_no_message_do_not_put_idleness_off_for_ever() {
    let (mut server, socket, time) = open(Timeouts::NONE.idle(seconds(10)));
    socket.state().answers = false;
    socket.arrive(second(1), PONG.repeat(100_000));
    time.advance_to(second(60));
    let mut pongs = 0;
    while socket.state().output.is_empty() {
        assert_eq!(server.read().unwrap(), Some(Event::Pong(b"")));
        pongs += 1;
        assert!(pongs < 60_000, "a look is bounded");
    }
    assert_eq!(socket.state().output[..4], [0x88, 19, 0x03, 0xE9]);
}

#[test]
fn a_close_that_was_answered_in_time_is_clean_however_late_it_is_read() {
    let (mut server, socket, time) = open(Timeouts::default());
    server.start_close(CloseCode::NORMAL, "").unwrap();
    socket.state().deliver();
    time.advance_to(second(60));
    while server.read().unwrap().is_some() {}
    assert_eq!(server.ended(), Some(CLEAN));
}

#[test]
fn closing_is_a_total_from_the_moment_at_which_the_close_is_written() {
    // The peer says nothing; or it talks on.
    for talks in [false, true] {
        let (mut server, socket, time) = open(Timeouts::default());
        socket.state().answers = false;
        for at in 0..100 {
            if talks {
                socket.arrive(ms(200 * at), TEXT);
            }
        }
        assert_eq!(server.close(CloseCode::NORMAL, "").unwrap(), Ended::TimedOut);
        assert!((second(5)..ms(5300)).contains(&time.now()), "{:?}", time.now());
    }
    // It reads slowly what is in front of the Close.
    let (mut server, socket, time) = open(Timeouts::default());
    socket.state().rate = 200_000;
    socket.state().room = 1000;
    server.connection().send_binary(&vec![7; 8_000_000]).unwrap();
    assert_eq!(server.close(CloseCode::NORMAL, "").unwrap(), CLEAN);
    assert!(time.now() > second(39));
}

#[test]
fn a_message_that_arrives_slowly_is_not_idleness_but_has_a_deadline_of_its_own() {
    let timeouts = Timeouts::NONE.idle(seconds(3)).close(seconds(1));
    let (mut server, socket, time) = open(timeouts);
    socket.arrive(second(1), begin_binary(800_000));
    for at in 1..=80 {
        socket.arrive(ms(1000 + 1000 * at), vec![7; 10_000]);
    }
    assert!(matches!(server.read().unwrap(), Some(Event::Binary(bytes)) if bytes.len() == 800_000));
    assert_eq!(time.now(), second(81));

    let (mut server, socket, time) = open(timeouts.message(seconds(30)));
    socket.arrive(second(1), begin_binary(800_000));
    for at in 1..=80 {
        socket.arrive(ms(1000 + 1000 * at), vec![7; 10_000]);
    }
    while server.read().unwrap().is_some() {}
    assert_eq!(socket.state().output[..4], [0x88, 23, 0x03, 0xF0], "1008");
    assert!((second(31)..second(34)).contains(&time.now()), "{:?}", time.now());
}

#[test]
fn messages_that_are_sent_are_not_idleness() {
    let (mut server, socket, time) = open(Timeouts::NONE.idle(seconds(3)));
    for at in 1..100 {
        time.advance_to(second(2 * at));
        server.connection().send_text("tick").unwrap();
        server.flush().unwrap();
    }
    assert!(socket.state().output.iter().all(|byte| *byte != 0x88));
}

#[test]
fn where_nobody_can_look_silence_proves_nothing() {
    // Much lies unread.
    let (mut server, socket, time) = open(Timeouts::default());
    socket.state().answers = false;
    let message = [&b"\x82\xFE\x1F\x40\0\0\0\0"[..], &[7; 8000]].concat();
    for at in 1..8000 {
        socket.arrive(second(at), &message[..]);
    }
    for at in 1..5000 {
        time.advance_to(second(at));
        server.send_text("tick").unwrap();
    }
    // Now the peer is silent: the next read sees that, and not a send.
    socket.state().arrivals_stop();
    for at in 5000..6000 {
        time.advance_to(second(at));
        server.send_text("tick").unwrap();
    }
    while server.read().unwrap().is_some() {}
    assert_eq!(server.ended(), Some(Ended::TimedOut));

    // A stream cannot time out.
    let time = Time::for_thread();
    let socket = Socket::new(&time);
    socket.state().answers = false;
    let mut server = over(Plain(socket), Timeouts::default());
    for at in 1..1000 {
        time.advance_to(second(at));
        server.send_text("tick").unwrap();
    }
}

#[test]
fn signals_neither_end_a_wait_nor_make_it_longer() {
    for period in [100, 5] {
        let timeouts = Timeouts::NONE.keep_alive(Some(Duration::from_millis(300)));
        let (mut server, socket, time) = open(timeouts.pong(Some(Duration::from_millis(300))));
        socket.state().signals = Some(Duration::from_millis(period));
        socket.state().answers = false;
        assert_eq!(server.read().unwrap(), None);
        assert!((ms(600)..ms(620)).contains(&time.now()), "{:?}", time.now());

        let (mut server, socket, time) = open(Timeouts::default());
        socket.state().signals = Some(Duration::from_millis(period));
        socket.arrive(second(60), TEXT);
        loop {
            match server.read().unwrap() {
                Some(Event::Text("a")) => break,
                event => assert_eq!(event, Some(Event::Pong(b""))),
            }
        }
        assert_eq!(time.now(), second(60));
        socket.state().rate = 100_000;
        server.send_binary(&vec![7; 2_000_000]).unwrap();
    }
}

#[test]
fn interruptions_between_which_no_time_passes_are_bounded() {
    let (mut server, socket, _) = open(Timeouts::default());
    socket.state().fault = Some(ErrorKind::Interrupted);
    let read = server.read().unwrap_err();
    assert!(matches!(read, Error::Io(error) if error.kind() == ErrorKind::Interrupted));
    assert_eq!(socket.state().calls, 101);
    assert_eq!(server.ended(), Some(Ended::TransportFailed));
}

/// It would never be given up if each of its bytes counted, and all of them would have to be kept.
#[test]
fn a_send_that_is_stuck_ends_although_the_peer_goes_on_sending() {
    let (mut server, socket, time) = open(Timeouts::default());
    socket.state().rate = 0;
    for at in 0..10_000 {
        socket.arrive(second(at), [&begin_binary(1000)[..], &[7; 1000]].concat());
    }
    let sent = server.send_binary(&vec![7; 15 << 20]);
    assert!(matches!(sent, Err(Error::Ended(Ended::TimedOut))), "{sent:?}");
    // Each look that finds something is a sign of life, until no more may be kept.
    assert!(time.now() < second(3600), "{:?}", time.now());
    assert!(server.rx.unread().len() <= crate::deadlines::MAX_UNREAD + super::super::GLANCE_BYTES);
}
