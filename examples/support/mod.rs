//! How the example servers start, log and end. What they do is in their own files, and the loop is the
//! library's.

mod deadlines;

pub(crate) use deadlines::Deadlines;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::sync::atomic::{AtomicBool, Ordering};
use log::LevelFilter;
use mio::net::{TcpListener, TcpStream};
use sansio_ws::mio::server::websockets::{Handler, WebSockets};
use sansio_ws::mio::server::{Handle, Server};
use sansio_ws::{Config, Limits};
use std::io::{self, ErrorKind, Write};
use std::net::ToSocketAddrs;
use std::process::ExitCode;
use std::time::Instant;

/// The settings of connections.
pub(crate) fn config(max_message: usize, max_fragments: u32) -> Config {
    let limits = Limits::default()
        .max_message_bytes(max_message as u64)
        .max_frame_bytes(max_message as u64)
        .max_fragments(max_fragments)
        // A frame has two bytes at least, so the limit for bytes bounds them as well.
        .max_queued_frames(usize::MAX);
    Config::default().limits(limits)
}

/// Listeners for so many loops on one address. Several share the port, and the system spreads
/// connections among them (`SO_REUSEPORT`), where it can.
pub(crate) fn listen(address: &str, number: usize) -> io::Result<Vec<TcpListener>> {
    try_to_listen(address, number).map_err(|error| {
        io::Error::new(error.kind(), format!("can't listen on {address}: {error}"))
    })
}

fn try_to_listen(address: &str, number: usize) -> io::Result<Vec<TcpListener>> {
    // Unlike mio's own, the listener of std has the longest backlog.
    if number == 1 {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        return Ok(vec![TcpListener::from_std(listener)]);
    }
    let mut address = address
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| io::Error::new(ErrorKind::NotFound, "the host has no address"))?;
    let mut listeners = Vec::new();
    for _ in 0..number {
        let listener = shared_listener(address)?;
        // They share also a port that the first one was free to choose.
        address = listener.local_addr()?;
        listeners.push(listener);
    }
    Ok(listeners)
}

#[cfg(unix)]
fn shared_listener(address: SocketAddr) -> io::Result<TcpListener> {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(4096)?;
    Ok(TcpListener::from_std(socket.into()))
}

#[cfg(not(unix))]
fn shared_listener(_: SocketAddr) -> io::Result<TcpListener> {
    Err(io::Error::new(ErrorKind::Unsupported, "this system lets no two loops share a port"))
}

/// Says where servers listen. Whoever reads this may have gone: no reason to fail.
pub(crate) fn announce<H>(servers: &[Server<WebSockets<H>>]) -> io::Result<()>
where
    H: Handler<TcpStream>,
{
    let Some(listener) = servers.first().and_then(|server| server.listeners().next()) else {
        return Ok(());
    };
    let mut address = listener.local_addr()?;
    if address.ip().is_unspecified() {
        // Where browsers find it.
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    let _ = writeln!(io::stdout(), "listening on http://{address}/ and ws://{address}/");
    Ok(())
}

/// The first signal shuts the servers down; the second ends the process, whatever they are doing.
pub(crate) fn handle_signals<C: Send + 'static>(handles: Vec<Handle<C>>) -> io::Result<()> {
    let was_interrupted = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if was_interrupted.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        handles.iter().for_each(Handle::shut_down);
    })
    .map_err(io::Error::other)
}

/// The end of a program.
pub(crate) fn exit(result: io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Lines begin with the seconds since the start.
pub(crate) fn start_log(level: LevelFilter) {
    let start = Instant::now();
    env_logger::Builder::new()
        .filter_level(level)
        .format(move |out, record| {
            let seconds = start.elapsed().as_secs_f64();
            writeln!(out, "{seconds:10.3} {:5} {}", record.level(), record.args())
        })
        .init();
}
