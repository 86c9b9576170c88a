//! A proxy: it leads to one server, whoever is asked for, or refuses.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// What clients are answered by one that does not know them.
pub(crate) const REFUSAL: &str =
    "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 4\r\n\r\nwho?";

pub(crate) struct Proxy {
    /// With a user and a password.
    pub(crate) url: String,
    /// The heads of the requests that have come.
    pub(crate) heads: Receiver<String>,
}

impl Proxy {
    /// One that leads to the server which listens there, or refuses if there is none.
    pub(crate) fn to(server: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://user:p%40ss@{}", listener.local_addr().unwrap());
        let (sender, heads) = channel();
        let server = server.map(str::to_owned);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server, sender) = (client?, server.clone(), sender.clone());
                thread::spawn(move || lead(client, server.as_deref(), &sender));
            }
            io::Result::Ok(())
        });
        Self { url, heads }
    }
}

fn lead(mut client: TcpStream, server: Option<&str>, heads: &Sender<String>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.extend(byte);
    }
    // The test may be over.
    let _ = heads.send(String::from_utf8_lossy(&head).into_owned());
    let Some(server) = server else { return client.write_all(REFUSAL.as_bytes()) };
    let server = TcpStream::connect(server)?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let there = [client.try_clone()?, server.try_clone()?];
    let back = thread::spawn(move || copy(server, client));
    let [client, server] = there;
    copy(client, server);
    let _ = back.join();
    Ok(())
}

/// Until one of them ends, of which the other one hears.
fn copy(mut from: TcpStream, mut to: TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
