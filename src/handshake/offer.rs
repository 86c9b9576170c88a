//! What a client has offered, and what of it a server may choose.

#![warn(clippy::indexing_slicing)]

use super::error::HandshakeError;
use super::headers::{Headers, Name};
use crate::connection::{Config, Connection, Role};
use crate::extension::{self, Agreement, Offer};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

#[derive(Debug)]
pub(super) struct ClientOffer {
    subprotocols: Vec<String>,
    /// What the extension of the settings offers.
    extensions: Option<String>,
}

impl ClientOffer {
    pub(super) fn new(subprotocols: &[String], config: &Config) -> Self {
        // RFC 6455, section 4.1, item 11: what is offered keeps to the grammar.
        let extensions = config.extension.as_ref().map(|extension| extension.offer());
        let extensions = extensions.filter(|offer| extension::is_well_formed(offer.as_bytes()));
        Self { subprotocols: subprotocols.into(), extensions }
    }

    /// The value of `Sec-WebSocket-Extensions`.
    pub(super) fn extensions(&self) -> Option<&str> {
        self.extensions.as_deref()
    }

    /// The connection that these headers of an answer open, with the settings that were offered.
    pub(super) fn open(
        &self,
        headers: &Headers<'_>,
        role: Role,
        config: Arc<Config>,
    ) -> Result<Connection, HandshakeError> {
        let chosen = self.chosen_subprotocol(headers)?;
        let agreement = self.agreement(headers, &config)?;
        let mut connection = Connection::new(role, config);
        if let Some(agreement) = agreement {
            connection = connection.with_agreement(agreement);
        }
        if let Some(chosen) = chosen {
            connection = connection.with_subprotocol(chosen);
        }
        Ok(connection)
    }

    fn chosen_subprotocol(&self, headers: &Headers<'_>) -> Result<Option<&str>, HandshakeError> {
        // N23, N25
        let Some(chosen) = headers.single(Name::Protocol)? else { return Ok(None) };
        let offered = self.subprotocols.iter().find(|name| name.as_bytes() == chosen);
        offered.map(|name| Some(name.as_str())).ok_or(HandshakeError::UnofferedSubprotocol)
    }

    /// What the server accepted of the extension on offer: nothing, or one offer in one line
    /// (RFC 6455, sections 4.1 and 11.3.2).
    fn agreement(
        &self,
        headers: &Headers<'_>,
        config: &Config,
    ) -> Result<Option<Agreement>, HandshakeError> {
        // N22, N25
        let Some(value) = headers.single(Name::Extensions)? else { return Ok(None) };
        let extension = config.extension.as_ref().filter(|_| self.extensions.is_some());
        let extension = extension.ok_or(HandshakeError::UnofferedExtension)?;
        let accepted = Offer::parse(value).ok_or(HandshakeError::MalformedExtensions)?;
        let [answer] = &accepted[..] else { return Err(HandshakeError::UnofferedExtension) };
        extension.confirm(answer).map(Some).map_err(HandshakeError::ExtensionParameters)
    }
}
