//! A server on smoltcp: TCP without an operating system, and time without a clock.
//!
//! ```sh
//! cargo test --manifest-path tests/transports/Cargo.toml --target-dir target/transports --test smoltcp
//! ```

use sansio_ws::deadlines::{Instant, Timeouts};
use sansio_ws::handshake::{Answer, ClientHandshake, ClientRequest};
use sansio_ws::{
    CloseCode, Config, Connection, Ended, Event, Limits, RecvBuffer, SendQueue, Transport,
};
use smoltcp::iface::{self, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Loopback, Medium};
use smoltcp::socket::tcp;
use smoltcp::time;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};
use std::time::Duration;
use transports::session::Session;

/// Moves bytes between a socket and a session, as far as both let it. `false` when the socket has ended.
fn serve(socket: &mut tcp::Socket<'_>, session: &mut Session, now: Instant) -> bool {
    if matches!(socket.state(), tcp::State::Listen | tcp::State::SynReceived) {
        return true;
    }
    loop {
        // What is not taken out of the socket closes the window of TCP.
        while session.wants_input() && socket.can_recv() {
            let _ = socket.recv(|bytes| {
                session.receive(bytes, now);
                (bytes.len(), ())
            });
        }
        if session.wants_input() && !socket.may_recv() {
            session.end_input(now);
        }
        let was_full = !session.wants_input();
        while !session.output().is_empty() && socket.can_send() {
            let output = session.output();
            let (len, n) = (output.len(), socket.send_slice(output).unwrap_or(0));
            session.written(n, n < len, now);
        }
        if !session.output().is_empty() && !socket.may_send() {
            session.fail_output();
        }
        // If there is room again, what waits in the socket is next.
        if !was_full || !session.wants_input() {
            break;
        }
    }
    match session.transport() {
        Transport::KeepOpen => {}
        Transport::ShutdownWrite => socket.close(),
        Transport::Drop if matches!(session.ended(), Some(Ended::TimedOut)) => socket.abort(),
        Transport::Drop => socket.close(),
    }
    socket.is_open()
}

/// Runs the stack and everything on it until nothing is left to do at this moment. Returns how long to
/// wait for more.
fn turn(world: &mut World) -> Option<Duration> {
    loop {
        let now = time::Instant::from_micros(world.now.since_epoch().as_micros() as i64);
        world.interface.poll(now, &mut world.device, &mut world.sockets);
        let socket = world.sockets.get_mut::<tcp::Socket<'_>>(world.server);
        let server_lives = serve(socket, &mut world.session, world.now);
        // Behind the look at what has arrived.
        if world.session.poll_timeout().is_some_and(|at| at <= world.now) {
            let _ = world.session.handle_timeout(world.now);
            continue;
        }
        world.client_turn();
        let stack = world.interface.poll_delay(now, &world.sockets).map(Duration::from);
        if stack == Some(Duration::ZERO) {
            continue;
        }
        let deadline = world.session.poll_timeout().filter(|_| server_lives);
        let deadline = deadline.map(|at| at.saturating_since(world.now));
        return [stack, deadline].into_iter().flatten().min();
    }
}

/// Both ends of one connection on one interface, with buffers of 4 KiB.
struct World {
    now: Instant,
    device: Loopback,
    interface: Interface,
    sockets: SocketSet<'static>,
    server: SocketHandle,
    session: Session,
    client: SocketHandle,
    handshake: ClientHandshake,
    connection: Option<Connection>,
    rx: RecvBuffer,
    /// The client reads and writes.
    is_awake: bool,
    heard: Vec<Vec<u8>>,
}

fn socket() -> tcp::Socket<'static> {
    let buffer = || tcp::SocketBuffer::new(vec![0; 4096]);
    tcp::Socket::new(buffer(), buffer())
}

impl World {
    fn new(timeouts: Timeouts) -> Self {
        let mut device = Loopback::new(Medium::Ip);
        let config = iface::Config::new(HardwareAddress::Ip);
        let mut interface = Interface::new(config, &mut device, time::Instant::ZERO);
        let address = IpAddress::v4(127, 0, 0, 1);
        interface.update_ip_addrs(|list| list.push(IpCidr::new(address, 8)).unwrap());
        let mut sockets = SocketSet::new(vec![]);
        let (mut server, mut client) = (socket(), socket());
        server.listen(80).unwrap();
        client.connect(interface.context(), (address, 80), 50000).unwrap();
        let request = ClientRequest::new("ws://127.0.0.1/").unwrap();
        let now = Instant::default();
        let mut world = Self {
            now,
            device,
            interface,
            server: sockets.add(server),
            session: Session::new(timeouts, now),
            client: sockets.add(client),
            sockets,
            handshake: ClientHandshake::new(&request, Config::default()).unwrap(),
            connection: None,
            rx: RecvBuffer::new(),
            is_awake: true,
            heard: vec![],
        };
        world.run_until(|world| world.connection.is_some());
        world
    }

    fn client_turn(&mut self) {
        if !self.is_awake {
            return;
        }
        let socket = self.sockets.get_mut::<tcp::Socket<'_>>(self.client);
        while socket.can_recv() {
            let rx = &mut self.rx;
            let _ = socket.recv(|bytes| (bytes.len(), rx.extend_from_slice(bytes)));
        }
        if self.connection.is_none()
            && let Some(answer) = self.handshake.receive(&mut self.rx).unwrap()
        {
            let Answer::Open(connection, _) = answer else { panic!("it is refused") };
            self.connection = Some(connection);
        }
        let queue = match &mut self.connection {
            Some(connection) => {
                while let Some(event) = connection.next_event(&mut self.rx).unwrap() {
                    match event {
                        Event::Text(text) => self.heard.push(text.into()),
                        Event::Binary(bytes) => self.heard.push(bytes.into()),
                        _ => {}
                    }
                }
                if !socket.may_recv() && connection.ended().is_none() {
                    let _ = connection.receive_eof(&self.rx);
                    socket.close();
                }
                connection.outgoing()
            }
            None => self.handshake.outgoing(),
        };
        write(queue, socket);
    }

    fn client(&mut self) -> &mut Connection {
        self.connection.as_mut().unwrap()
    }

    fn run_until(&mut self, done: impl Fn(&Self) -> bool) {
        while !done(self) {
            let wait = turn(self);
            if !done(self) {
                self.now = self.now + wait.expect("something is still to come");
            }
        }
    }

    /// Until TCP has nothing more to do for a while.
    fn run_for(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while self.now < end {
            let wait = turn(self).unwrap_or(Duration::MAX);
            self.now = self.now + wait.min(end.saturating_since(self.now));
        }
    }
}

fn write(queue: &mut SendQueue, socket: &mut tcp::Socket<'_>) {
    use bytes::Buf;

    while queue.has_remaining() && socket.can_send() {
        let n = socket.send_slice(queue.chunk()).unwrap();
        queue.advance(n);
    }
}

fn large() -> Vec<u8> {
    (0..1 << 20).map(|i: u32| (i % 251) as u8).collect()
}

#[test]
fn messages_come_back_and_both_close() {
    let mut world = World::new(Timeouts::default());
    world.client().send_text("hello").unwrap();
    world.client().send_binary(&large()).unwrap();
    world.run_until(|world| world.heard.len() == 2);
    assert!(world.heard == [b"hello".to_vec(), large()]);
    world.client().close(CloseCode::NORMAL, "bye").unwrap();
    world.run_until(|world| world.connection.as_ref().is_some_and(|c| c.ended().is_some()));
    let clean = Some(Ended::Clean { code: Some(CloseCode::NORMAL) });
    world.run_until(|world| world.session.ended().is_some());
    assert_eq!((world.session.ended(), world.client().ended()), (clean, clean));
}

#[test]
fn who_does_not_read_is_not_read_from() {
    let mut world = World::new(Timeouts::NONE);
    let message = vec![7; 100_000];
    for _ in 0..9 {
        world.client().send_binary(&message).unwrap();
    }
    // It goes on sending as long as TCP lets it, and reads nothing.
    world.is_awake = false;
    let mut most = 0;
    for _ in 0..1000 {
        let socket = world.sockets.get_mut::<tcp::Socket<'_>>(world.client);
        write(world.connection.as_mut().unwrap().outgoing(), socket);
        world.run_for(1);
        most = most.max(world.session.queued());
    }
    let limit = Limits::default().max_queued_bytes;
    assert!(most > limit / 2, "it was congested: {most}");
    assert!(most < limit / 2 + message.len() + 100, "one message more: {most}");
    assert!(world.client().wants_write(), "TCP has stopped it");
    world.is_awake = true;
    world.run_until(|world| world.heard.len() == 9);
}

#[test]
fn who_is_silent_is_given_up_when_its_time_is_over() {
    let mut world = World::new(Timeouts::default());
    world.is_awake = false;
    world.run_until(|world| world.session.ended().is_some());
    assert_eq!(world.session.ended(), Some(Ended::TimedOut));
    assert!(world.now >= Instant::new(Duration::from_secs(40)), "a ping, and time to answer");
    world.run_for(1);
    let server = world.sockets.get::<tcp::Socket<'_>>(world.server);
    assert_eq!(server.state(), tcp::State::Closed);
}
