//! Clients that go, and a server that goes, while output waits.

use super::*;
use core::sync::atomic::{AtomicBool, Ordering};
use std::net::Shutdown;

/// A client that has sent as much as it could and reads nothing: its echoes wait on both sides.
fn full(server: &Server) -> TcpStream {
    let mut stream = server.client().into_parts().stream;
    stream.set_nonblocking(true).unwrap();
    let message = [&b"\x82\xFE\xC3\x50\0\0\0\0"[..], &[7; 50_000]].concat();
    for _ in 0..200 {
        if !matches!(stream.write(&message), Ok(n) if n == message.len()) {
            break;
        }
    }
    stream.set_nonblocking(false).unwrap();
    stream
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
        let streams: Vec<_> = (0..60).map(|_| full(&server)).collect();
        assert_eq!(descriptors(&server), before + 60);
        for (stream, go) in streams.into_iter().zip(go.iter().cycle()) {
            go(stream);
        }
        // Without notice they would stay until the deadlines for life, which are longer.
        let start = Instant::now();
        while descriptors(&server) > before {
            assert!(start.elapsed() < PATIENCE, "{} are left", descriptors(&server) - before);
            sleep(Duration::from_millis(10));
        }
        println!("released after {:?}", start.elapsed());
    }
}

/// It shows signs of life for as long as the server is there, and so never comes to its Close.
#[test]
fn who_reads_slowly_does_not_hold_up_the_end_of_the_server() {
    let mut server = Server::echo(&[]);
    let mut slow = full(&server);
    server.signal("-TERM");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) && slow.read_exact(&mut [0; 1000]).is_ok() {
                sleep(SECOND / 4);
            }
        });
        assert_eq!(server.exit().0, Some(0));
        done.store(true, Ordering::Relaxed);
    });
}
