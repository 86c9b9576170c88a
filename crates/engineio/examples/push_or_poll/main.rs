//! News, got in three ways beside each other: by asking at an interval, by a question that the server holds until there is
//! news (long-polling), and by push over a WebSocket. A page shows what each costs, and how late it is.
//!
//! ```sh
//! cargo run --release --package sansio-engineio --all-features --example push_or_poll
//! ```
//!
//! Each way has a port of its own, so that the server can count its bytes where they cannot hide: at the sockets.

mod counted;

use clap::Parser;
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use counted::{Costs, CountedListener};
use log::LevelFilter;
use mio::net::TcpListener;
use sansio_engineio::mio::{Engine, EngineIo, Handler, Settings};
use sansio_engineio::{Config, Cors, PreparedPacket};
use sansio_ws::handshake::{HostPolicy, OriginPolicy, Request, Response, Status};
use sansio_ws::mio::server::Server;
use std::collections::VecDeque;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

const PAGE: &str = include_str!("page.html");

/// How many events the server remembers for those who ask: more than can happen in the longest interval of the page.
const REMEMBERED: usize = 500;

/// Shows polling at an interval, long-polling and push side by side, on 127.0.0.1.
///
/// Four ports are used: for the page, and for each way of getting news. Open the page in several tabs: the server counts all of
/// them together.
#[derive(Parser)]
struct Options {
    /// Where the page is; the next three ports are for the news.
    #[arg(long, value_name = "N", default_value_t = 3000, value_parser = clap::value_parser!(u16).range(1..=65532))]
    port: u16,
    /// Milliseconds from one event to the next, on average.
    #[arg(long, value_name = "MS", default_value_t = 1500, value_parser = clap::value_parser!(u64).range(50..))]
    every: u64,
    /// What to log: off, error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    log: LevelFilter,
}

/// The ways, in the order of their ports.
const WAYS: [&str; 3] = ["poll", "longpoll", "push"];

struct News {
    port: u16,
    every: u64,
    costs: [Arc<Costs>; 3],
    /// The last events, the oldest first, each with its number.
    events: VecDeque<(u64, String)>,
    next: u64,
}

impl News {
    /// Something has happened: everybody who is connected gets it, and the others when they ask.
    fn happens(&mut self, engine: &mut Engine<'_, ()>) {
        let event = format!(
            "{{\"number\":{},\"at\":{},\"text\":\"Train {} leaves from platform {}\"}}",
            self.next,
            now(),
            100 + self.next * 37 % 900,
            1 + self.next * 7 % 12,
        );
        // Who cannot take it has more waiting than anybody will read.
        engine.send_to_all(&PreparedPacket::text(&event), |_| true);
        self.events.push_back((self.next, event));
        self.next += 1;
        if self.events.len() > REMEMBERED {
            self.events.pop_front();
        }
    }

    /// The way whose port a request names.
    fn way(&self, request: &Request<'_>) -> Option<usize> {
        let (_, port) = request.host()?.rsplit_once(':')?;
        usize::from(port.parse::<u16>().ok()?).checked_sub(usize::from(self.port) + 1)
    }

    /// The events behind this number.
    fn events_behind(&self, number: u64) -> String {
        let new = self.events.iter().filter(|(own, _)| *own > number);
        let events: Vec<_> = new.map(|(_, event)| event.as_str()).collect();
        format!("[{}]", events.join(","))
    }

    fn counts(&self) -> String {
        let ways: Vec<_> = WAYS
            .iter()
            .zip(&self.costs)
            .map(|(way, costs)| format!("\"{way}\":{}", costs.to_json()))
            .collect();
        format!("{{\"now\":{},\"last\":{},{}}}", now(), self.next - 1, ways.join(","))
    }
}

impl Handler<CountedListener> for News {
    type Command = ();
    type Timer = ();

    fn request(&mut self, request: &Request<'_>) {
        if let Some(costs) = self.way(request).and_then(|way| self.costs.get(way)) {
            Costs::add(&costs.requests, 1);
        }
    }

    fn page(&mut self, request: &Request<'_>) -> Response {
        let (path, query) = request.target().split_once('?').unwrap_or((request.target(), ""));
        let response = match path {
            "/" => Response::html(PAGE),
            "/counts" => json(self.counts()),
            // The page is of another port, and so of another origin.
            "/news" => match query.strip_prefix("after=").map(str::parse) {
                Some(Ok(number)) => json(self.events_behind(number))
                    .static_header("Access-Control-Allow-Origin", "*"),
                _ => Response::text(Status::BAD_REQUEST, "ask for /news?after=NUMBER\n"),
            },
            _ => Response::not_found(),
        };
        response.static_header("Cache-Control", "no-store").keep_alive(true)
    }

    fn timer(&mut self, (): (), engine: &mut Engine<'_, ()>) {
        self.happens(engine);
        // Not at equal times, or an interval could happen to fit.
        let early = self.next * 7919 % self.every;
        engine.after(Duration::from_millis(self.every / 2 + early), ());
    }

    fn command(&mut self, (): (), engine: &mut Engine<'_, ()>) {
        self.timer((), engine);
    }
}

fn json(text: String) -> Response {
    Response::new(Status::OK).static_header("Content-Type", "application/json").body(text)
}

/// Milliseconds since 1970, as the page has them.
fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis())
}

fn main() -> ExitCode {
    let options = Options::parse();
    env_logger::Builder::new().filter_level(options.log).format_target(false).init();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let Options { port, every, .. } = *options;
    // Only pages that call this machine by its name get an answer.
    let hosts = HostPolicy::Listed(vec!["127.0.0.1".into(), "localhost".into()]);
    let config = Config::new(OriginPolicy::AnyOrigin, hosts).cors(Some(Cors::any()));
    let costs = [(); 3].map(|()| Arc::new(Costs::default()));
    let mine = costs.each_ref().map(Arc::clone);
    let news = News { port, every, costs: mine, events: VecDeque::new(), next: 1 };
    let server = Server::new(EngineIo::new(news, Settings::new(config)))?;
    let mut server = server.shutdown_time(Some(Duration::from_millis(1500)));
    // What the page itself costs does not count.
    let of_page = Arc::new(Costs::default());
    for (offset, costs) in (0..).zip([&of_page].into_iter().chain(&costs)) {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port + offset));
        let listener = TcpListener::bind(address)
            .map_err(|error| format!("cannot listen on {address}: {error}"))?;
        server.listen(CountedListener { listener, costs: Arc::clone(costs) })?;
    }
    let handle = server.handle();
    handle.send(())?;
    ctrlc::set_handler(move || handle.shut_down())?;
    println!("open http://127.0.0.1:{port}/");
    server.run()?;
    Ok(())
}
