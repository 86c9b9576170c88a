//! Clients that go, and a server that goes.

use super::*;
use std::net::Shutdown;

/// Clients that have sent as much as they could and read nothing: their echoes wait on both sides.
fn clients_with_full_queues<const N: usize>(server: &Server) -> [TcpStream; N] {
    let message = [&b"\x82\xFE\xC3\x50\0\0\0\0"[..], &[7; 50_000]].concat();
    let mut clients = [(); N].map(|()| (server.client().into_parts().stream, 0));
    loop {
        let mut taken = 0;
        for (stream, at) in &mut clients {
            stream.set_nonblocking(true).unwrap();
            while let Ok(n) = stream.write(&message[*at..]) {
                *at = (*at + n) % message.len();
                taken += n;
            }
            stream.set_nonblocking(false).unwrap();
        }
        if taken == 0 {
            return clients.map(|(stream, _)| stream);
        }
        rests(server);
    }
}

/// The server does not read from whoever is full: it must notice all the same.
#[test]
#[cfg(target_os = "linux")]
fn who_goes_with_unread_echoes_is_let_go_at_once() {
    let descriptors = |server: &Server| {
        std::fs::read_dir(format!("/proc/{}/fd", server.process.id())).unwrap().count()
    };
    let go: [fn(TcpStream); 3] = [
        // With unread input, this is a reset.
        drop,
        |stream| stream.shutdown(Shutdown::Both).unwrap(),
        |mut stream| {
            let _ = stream.read(&mut [0; 1000]);
            stream.shutdown(Shutdown::Write).unwrap();
        },
    ];
    for arguments in [&[][..], &["--broadcast"]] {
        let server = Server::echo(arguments);
        let before = descriptors(&server);
        let streams = clients_with_full_queues::<12>(&server);
        assert_eq!(descriptors(&server), before + streams.len());
        for (stream, go) in streams.into_iter().zip(go.iter().cycle()) {
            go(stream);
        }
        // Without notice they would stay until the deadlines for life.
        until("the end of all", || (descriptors(&server) == before).then_some(()));
    }
}

#[test]
fn a_signal_closes_all_connections_and_ends_the_server() {
    let mut server = Server::echo(&[]);
    let clients: Vec<Client> = (0..50).map(|_| server.client()).collect();
    let _no_handshake = server.connect();
    server.signal("-TERM");
    for mut client in clients {
        assert_eq!(
            closed(&mut client),
            (Some(CloseCode::GOING_AWAY), "the server shuts down".into())
        );
    }
    // Had the server waited for anybody, it would have waited for an hour.
    assert_eq!(server.exit(), (Some(0), String::new()));
}

#[test]
fn who_does_not_answer_is_waited_for_till_the_deadline_or_a_second_signal() {
    let mut patient = Server::echo(&["--close-timeout", "1", "--log", "warn"]);
    let mut forced = Server::echo(&[]);
    let _silent = [patient.client(), forced.client()];
    let start = Instant::now();
    patient.signal("-INT");
    forced.signal("-INT");
    until("nobody to be accepted", || TcpStream::connect(forced.address).err());
    assert!(forced.process.try_wait().unwrap().is_none(), "it waits");
    forced.signal("-INT");
    assert_eq!(forced.exit(), (Some(130), String::new()));
    assert_eq!(patient.exit(), (Some(0), String::new()), "before the time for all of them");
    assert!(start.elapsed() >= SECOND, "after {:?}, too early", start.elapsed());
}

/// It shows signs of life for as long as the server is there, and does not come to its Close.
#[test]
fn who_reads_slowly_does_not_hold_up_the_end_of_the_server() {
    let mut server = Server::echo(&["--close-timeout", "1", "--log", "warn"]);
    let [mut slow] = clients_with_full_queues(&server);
    server.signal("-TERM");
    // There is enough to read for half an hour.
    thread::spawn(move || {
        while slow.read_exact(&mut [0; 1000]).is_ok() {
            sleep(SECOND / 4);
        }
    });
    let (code, warnings) = server.exit();
    assert_eq!(code, Some(0));
    assert!(warnings.contains("1 connections have not closed in time"), "{warnings}");
}
