//! Deadlines, as the options of a server say them.

use clap::Args;
use core::time::Duration;
use sansio_ws::deadlines::Timeouts;

#[derive(Args)]
pub(crate) struct Deadlines {
    /// Close connections that have sent no message for so long [default: never]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    idle_timeout: Option<Duration>,
    /// How long a client may take for the handshake [default: 10]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    opening_timeout: Option<Duration>,
    /// How long a client may be silent until it gets a ping, and then until it is given up
    /// [default: 20]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    silence_timeout: Option<Duration>,
    /// How long a client may take for the closing handshake; all of them together may take twice
    /// as long when the server shuts down [default: 5]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    close_timeout: Option<Duration>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 1..) => Ok(Duration::from_secs(seconds)),
        Ok(0) => Err("at least one second".into()),
        Err(error) => Err(error.to_string()),
    }
}

impl Deadlines {
    pub(crate) fn timeouts(&self) -> Timeouts {
        let default = Timeouts::default();
        default
            .idle(self.idle_timeout)
            .opening(self.opening_timeout.or(default.opening))
            .keep_alive(self.silence_timeout.or(default.keep_alive))
            .pong(self.silence_timeout.or(default.pong))
            .close(self.close_timeout.or(default.close))
    }
}

/// How often deadlines are checked: often enough that none is noticed much too late.
pub(super) fn tick(timeouts: &Timeouts) -> Duration {
    let Timeouts { opening, idle, keep_alive, pong, close, .. } = *timeouts;
    let shortest = [opening, idle, keep_alive, pong, close].into_iter().flatten().min();
    shortest.map_or(Duration::MAX, |shortest| shortest / 5)
}
