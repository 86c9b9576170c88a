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

    /// How long all connections together may take to close. A slow reader may be long in coming to its
    /// Close, where its own time for closing begins.
    pub(crate) fn shutdown_time(&self) -> Option<Duration> {
        self.timeouts().close.map(|time| time.saturating_mul(2))
    }
}
