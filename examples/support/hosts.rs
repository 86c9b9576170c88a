//! The names that a server goes by.

use clap::Args;
use sansio_ws::mio::server::websockets::HostPolicy;

#[derive(Args, Clone)]
pub(crate) struct Hosts {
    /// A name that the server goes by, with or without a port; say it again for more. Requests for
    /// others get 421 [default: localhost if it listens only there, else any]
    #[arg(long = "host", value_name = "NAME")]
    names: Vec<String>,
}

impl Hosts {
    /// Those of a server that listens on `address`.
    ///
    /// Only browsers on the same machine reach what listens on localhost, and any page may have its
    /// own name point there. So that is where a list is needed most, and where it is known.
    pub(crate) fn of(self, address: &str) -> HostPolicy {
        if !self.names.is_empty() {
            return HostPolicy::Listed(self.names);
        }
        if ["127.", "localhost:", "[::1]:"].iter().any(|own| address.starts_with(own)) {
            return HostPolicy::Listed(
                ["localhost", "127.0.0.1", "[::1]"].map(String::from).into(),
            );
        }
        HostPolicy::AnyHost
    }
}
