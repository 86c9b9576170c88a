//! Compression, as the options of a program say it.

use clap::{Args, ValueEnum};
use sansio_ws::Config;
use sansio_ws::deflate::{Deflate, InvalidSetting};

#[derive(Args)]
pub(crate) struct Compression {
    /// Compress messages with permessage-deflate, when the other side can
    #[arg(long, value_enum, value_name = "STATE", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "pooled")]
    deflate: Option<State>,
    /// With --deflate: how hard, from 1 (fast) to 9 (small)
    #[arg(long, value_name = "LEVEL", requires = "deflate")]
    deflate_level: Option<u8>,
}

/// Where the state of compression is between two messages.
#[derive(Clone, Copy, ValueEnum)]
enum State {
    /// Nowhere: each message is compressed on its own, with a state that all connections share
    Pooled,
    /// In each connection, so that messages may refer to those before them
    Kept,
    /// As pooled, with a small window and little memory
    Small,
}

impl Compression {
    /// Adds the extension to the settings of connections, if it is wanted.
    pub(crate) fn add_to(&self, config: Config) -> Result<Config, InvalidSetting> {
        let mut deflate = match self.deflate {
            None => return Ok(config),
            Some(State::Pooled) => Deflate::default(),
            Some(State::Kept) => Deflate::context_takeover(),
            Some(State::Small) => Deflate::low_memory(),
        };
        if let Some(level) = self.deflate_level {
            deflate = deflate.level(level)?;
        }
        Ok(config.extension(deflate))
    }
}
