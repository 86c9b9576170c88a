//! Addresses of one host, raced (RFC 8305, "Happy Eyeballs").

use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long an attempt is alone before the next one begins beside it (RFC 8305, section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Connects to the address that is reached first, or tells how the last one failed. The next attempt begins when one has
/// failed, or after [`ATTEMPT_DELAY`]. Those that come too late are given up.
pub(crate) async fn connect_first<S, F>(
    addresses: &[SocketAddr],
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<S>
where
    S: Send + 'static,
    F: Future<Output = io::Result<S>> + Send + 'static,
{
    let mut waiting = in_turn(addresses).into_iter();
    let mut attempts = JoinSet::new();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    loop {
        if let Some(address) = waiting.next() {
            attempts.spawn(connect(address));
        }
        let ended = if waiting.len() > 0 {
            match timeout(ATTEMPT_DELAY, attempts.join_next()).await {
                Ok(ended) => ended,
                Err(_) => continue,
            }
        } else {
            attempts.join_next().await
        };
        match ended {
            None => return Err(failure),
            Some(Ok(Ok(stream))) => return Ok(stream),
            Some(Ok(Err(error))) => failure = error,
            // The runtime shuts down.
            Some(Err(error)) => failure = io::Error::other(error),
        }
    }
}

/// The addresses of both families in turn, each family in the order of the system (RFC 8305, section 4).
fn in_turn(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut second): (Vec<_>, Vec<_>) =
        addresses.iter().copied().partition(|address| address.is_ipv6() == first_is_v6);
    let mut mixed = Vec::with_capacity(addresses.len());
    first.reverse();
    second.reverse();
    while !first.is_empty() || !second.is_empty() {
        mixed.extend(first.pop());
        mixed.extend(second.pop());
    }
    mixed
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use std::sync::{Arc, Mutex};
    use tokio::time::{Instant, sleep};

    const V6: [&str; 3] = ["[::1]:1", "[::1]:2", "[::1]:3"];
    const V4: [&str; 2] = ["127.0.0.1:1", "127.0.0.1:2"];

    fn parse(addresses: &[&str]) -> Vec<SocketAddr> {
        addresses.iter().map(|address| address.parse().unwrap()).collect()
    }

    /// What a race comes to in which each address answers after a time, and when each attempt began, in milliseconds.
    async fn race(
        lanes: &[(&str, u64, bool)],
    ) -> (Result<SocketAddr, String>, Vec<(SocketAddr, u64)>) {
        let lanes: Vec<(SocketAddr, u64, bool)> = lanes
            .iter()
            .map(|(address, ms, works)| (address.parse().unwrap(), *ms, *works))
            .collect();
        let addresses: Vec<_> = lanes.iter().map(|(address, ..)| *address).collect();
        let begun = Arc::new(Mutex::new(vec![]));
        let start = Instant::now();
        let winner = connect_first(&addresses, |address| {
            let at = u64::try_from(start.elapsed().as_millis()).unwrap();
            begun.lock().unwrap().push((address, at));
            let (_, ms, works) = *lanes.iter().find(|lane| lane.0 == address).unwrap();
            async move {
                sleep(Duration::from_millis(ms)).await;
                if works { Ok(address) } else { Err(io::Error::other(address.to_string())) }
            }
        })
        .await;
        let begun = begun.lock().unwrap().clone();
        (winner.map_err(|error| error.to_string()), begun)
    }

    #[test]
    fn families_come_in_turn() {
        let mixed = parse(&[V6[0], V4[0], V6[1], V4[1], V6[2]]);
        assert_eq!(in_turn(&parse(&[&V6[..], &V4[..]].concat())), mixed);
        let mixed = parse(&[V4[0], V6[0], V4[1], V6[1], V6[2]]);
        assert_eq!(in_turn(&parse(&[&V4[..], &V6[..]].concat())), mixed);
        assert_eq!(in_turn(&[]), []);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_answers_in_time_is_alone() {
        let (winner, begun) = race(&[(V6[0], 249, true), (V4[0], 0, true)]).await;
        assert_eq!((winner, begun.len()), (Ok(V6[0].parse().unwrap()), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_begins_beside_one_that_is_silent() {
        let (winner, begun) =
            race(&[(V6[0], 10_000, true), (V6[1], 10_000, true), (V4[0], 100, true)]).await;
        assert_eq!(winner, Ok(V4[0].parse().unwrap()));
        let [first, second] = [V6[0], V4[0]].map(|address| address.parse().unwrap());
        assert_eq!(begun, [(first, 0), (second, 250)]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_begins_at_once_when_one_has_failed() {
        let (winner, begun) =
            race(&[(V6[0], 10, false), (V4[0], 10, false), (V6[1], 10, true)]).await;
        assert_eq!(winner, Ok(V6[1].parse().unwrap()));
        assert_eq!(begun.iter().map(|(_, at)| *at).collect::<Vec<_>>(), [0, 10, 20]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_one_may_still_win() {
        let (winner, _) = race(&[(V6[0], 700, true), (V4[0], 800, true), (V6[1], 0, false)]).await;
        assert_eq!(winner, Ok(V6[0].parse().unwrap()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_failure_is_told() {
        let (winner, begun) = race(&[(V6[0], 1000, false), (V4[0], 10, false)]).await;
        assert_eq!((winner, begun.len()), (Err(V6[0].to_string()), 2));
        let (winner, _) = race(&[]).await;
        assert_eq!(winner, Err("the host has no address".into()));
    }
}
