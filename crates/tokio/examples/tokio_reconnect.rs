//! A client that comes back when its connection has ended, and waits longer each time that this fails.
//!
//! ```sh
//! cargo run --package sansio-ws-tokio --all-features --example tokio_reconnect -- ws://127.0.0.1:9003
//! ```

use clap::Parser;
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::ClientRequest;
use sansio_ws::{Config, Event};
use sansio_ws_tokio::{ConnectError, Connector, Error, connect_with};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;
use tokio::time::Instant;

/// Prints the messages of a server, whether or not it is there all the time.
#[derive(Parser)]
struct Options {
    /// Where to connect, for example ws://127.0.0.1:9003
    url: String,
}

/// How long to wait, as data: no clock, no timer.
#[derive(Debug)]
struct Backoff {
    next: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(60);
    /// A connection that has lasted for so long was a good one.
    const GOOD: Duration = Duration::from_secs(30);

    const fn new() -> Self {
        Self { next: Self::FIRST }
    }

    /// How long to wait after an attempt that has lasted for `lasted`. `random` spreads those who were all cut off in the same
    /// moment: over the second half of the time.
    fn wait(&mut self, lasted: Duration, random: u32) -> Duration {
        if lasted >= Self::GOOD {
            *self = Self::new();
        }
        let half = self.next / 2;
        self.next = (self.next * 2).min(Self::LONGEST);
        half + half.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let request = ClientRequest::new(&Options::parse().url)?;
    let mut backoff = Backoff::new();
    loop {
        let start = Instant::now();
        match listen(&request).await {
            Ok(()) => {}
            Err(error) => match error.downcast::<ConnectError>() {
                // To ask again would not help.
                Ok(error) if is_final(&error) => return Err(error as Box<dyn std::error::Error>),
                Ok(error) => eprintln!("{error}"),
                Err(error) => eprintln!("{error}"),
            },
        }
        let random = RandomState::new().hash_one(start) as u32;
        let wait = backoff.wait(start.elapsed(), random);
        eprintln!("again in {wait:.1?}");
        tokio::time::sleep(wait).await;
    }
}

/// Whether the server has understood, and does not want us.
fn is_final(error: &ConnectError) -> bool {
    matches!(&error.error, Error::Refused(response) if (400..500).contains(&response.status))
}

async fn listen(request: &ClientRequest) -> Result<(), Box<dyn std::error::Error>> {
    let (config, timeouts) = (Config::default(), Timeouts::default());
    let mut socket = connect_with(request, config, timeouts, &Connector::new()).await?;
    eprintln!("connected");
    while let Some(event) = socket.read().await? {
        if let Event::Text(text) = event {
            println!("{text}");
        }
    }
    if let Some(ended) = socket.ended() {
        eprintln!("{ended}");
    }
    Ok(())
}

#[test]
fn waits_grow_and_begin_again_behind_a_good_connection() {
    let mut backoff = Backoff::new();
    let mut wait = |lasted| backoff.wait(Duration::from_secs(lasted), 0).as_millis();
    assert_eq!([wait(0), wait(0), wait(0)], [250, 500, 1000]);
    assert_eq!((0..9).map(|_| wait(1)).max(), Some(30_000));
    assert_eq!(wait(30), 250);
    assert_eq!(Backoff::new().wait(Duration::ZERO, u32::MAX), Backoff::FIRST);
}
