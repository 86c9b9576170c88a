//! Offers and answers (RFC 7692, sections 5 and 7.1).
//!
//! ```text
//!   parameter                     in an offer, the client         in an answer, the server
//!   server_no_context_takeover    demands it                      will do so
//!   client_no_context_takeover    says that it will do so         demands it
//!   server_max_window_bits=8..15  demands no more                 will use no more
//!   client_max_window_bits=8..15  says that it will use no more,  demands no more; only if it
//!                                 or, without a value, that it    was in the offer, and with a
//!                                 can use less                    value
//! ```

use super::{Direction, MAX_WINDOW_BITS, Settings, is_window_bits};
use crate::extension::Offer;
use alloc::string::{String, ToString};
use core::fmt;
use core::mem::replace;

const NAME: &str = "permessage-deflate";

/// What a handshake agreed on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AgreedParameters {
    /// The answer, in full.
    pub(super) header: String,
    /// What the server sends.
    pub(super) server: Direction,
    /// What the client sends.
    pub(super) client: Direction,
}

/// What a client offers.
///
/// There is one offer and no weaker one behind it (section 5 would allow that): a server that
/// declines cannot keep to the settings, and then messages go as they are.
pub(super) fn offer(settings: &Settings) -> String {
    let offer = Parameters {
        server_no_context_takeover: settings.server_no_context_takeover,
        client_no_context_takeover: settings.client_no_context_takeover,
        server_max_window_bits: limited(settings.server_max_window_bits),
        client_max_window_bits: limited(settings.client_max_window_bits),
    };
    let mut offer = offer.to_string();
    if settings.client_max_window_bits == MAX_WINDOW_BITS {
        // Section 7.1.2.2: without this a server could not ask for less.
        offer.push_str("; client_max_window_bits");
    }
    offer
}

/// What a server accepts: the first offer that it can, as clients put first what they like best
/// (section 5).
pub(super) fn accept(settings: &Settings, offers: &[Offer<'_>]) -> Option<AgreedParameters> {
    let mut offers = offers.iter().filter_map(|offer| Parameters::read(offer, Place::Offer));
    let answer = offers.find_map(|offer| answer(settings, &offer))?;
    Some(AgreedParameters {
        header: answer.to_string(),
        server: direction(answer.server_no_context_takeover, answer.server_max_window_bits),
        client: direction(answer.client_no_context_takeover, answer.client_max_window_bits),
    })
}

/// What a server answers to an offer, or `None` if it cannot accept it and keep to its settings.
fn answer(settings: &Settings, offer: &Parameters) -> Option<Parameters> {
    let server_bits = offer.server_max_window_bits.unwrap_or(MAX_WINDOW_BITS);
    let server_bits = server_bits.min(settings.server_max_window_bits);
    let client_bits = offer.client_max_window_bits.unwrap_or(MAX_WINDOW_BITS);
    let client_bits = limited(client_bits.min(settings.client_max_window_bits));
    // Section 7.1.2.2: a client can be limited only if it offered that.
    if client_bits.is_some() && offer.client_max_window_bits.is_none() {
        return None;
    }
    Some(Parameters {
        // Section 7.1.1.1: what is demanded must be in the answer; it may be there unasked.
        server_no_context_takeover: offer.server_no_context_takeover
            || settings.server_no_context_takeover,
        // Section 7.1.1.2: the same, but as a demand on the client.
        client_no_context_takeover: offer.client_no_context_takeover
            || settings.client_no_context_takeover,
        // Section 7.1.2.1: what is demanded must be in the answer, and no larger.
        server_max_window_bits: match offer.server_max_window_bits {
            Some(_) => Some(server_bits),
            None => limited(server_bits),
        },
        client_max_window_bits: client_bits,
    })
}

/// What a client makes of an answer. An error fails the connection: the answer has a fault in
/// itself (section 7.1), or does not fit the offer.
pub(super) fn confirm(
    settings: &Settings,
    answer: &Offer<'_>,
) -> Result<AgreedParameters, &'static str> {
    let answer = Parameters::read(answer, Place::Answer)
        .ok_or("the server's answer is no permessage-deflate, or has a malformed parameter")?;
    // Sections 7.1.1.1 and 7.1.2.1: a server that accepts does what was demanded.
    if settings.server_no_context_takeover && !answer.server_no_context_takeover {
        return Err("the server does not promise server_no_context_takeover, which was demanded: \
                    Deflate::context_takeover() does not demand it");
    }
    let server = direction(answer.server_no_context_takeover, answer.server_max_window_bits);
    if server.window_bits > settings.server_max_window_bits {
        return Err("the server's window is larger than the server_max_window_bits demanded: \
                    Deflate::context_takeover() demands none");
    }
    // Section 7.1.2.2: the server may demand a smaller window, but not allow a larger one.
    let client_bits = answer.client_max_window_bits.unwrap_or(settings.client_max_window_bits);
    if client_bits > settings.client_max_window_bits {
        return Err("the server answers with larger client_max_window_bits than were offered");
    }
    // Section 7.1.1.2: the client keeps to what it said, also if the answer does not repeat it.
    let no_takeover = answer.client_no_context_takeover || settings.client_no_context_takeover;
    Ok(AgreedParameters {
        header: answer.to_string(),
        server,
        client: direction(no_takeover, Some(client_bits)),
    })
}

/// The parameters of an offer or an answer.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parameters {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// In an offer, the maximum also stands for the parameter without a value.
    client_max_window_bits: Option<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Offer,
    Answer,
}

impl Parameters {
    /// `None` if it is another extension, or a parameter is unknown, repeated, or has a value that
    /// it cannot have: a server declines such an offer, and a client fails the connection
    /// (section 7.1).
    fn read(element: &Offer<'_>, place: Place) -> Option<Self> {
        if element.name() != NAME {
            return None;
        }
        let mut read = Self::default();
        for (name, value) in element.parameters() {
            let repeated = match (name, value.as_deref()) {
                // Section 7.1.1: these two have no value.
                ("server_no_context_takeover", None) => {
                    replace(&mut read.server_no_context_takeover, true)
                }
                ("client_no_context_takeover", None) => {
                    replace(&mut read.client_no_context_takeover, true)
                }
                ("server_max_window_bits", Some(value)) => {
                    read.server_max_window_bits.replace(window_bits(value)?).is_some()
                }
                ("client_max_window_bits", Some(value)) => {
                    read.client_max_window_bits.replace(window_bits(value)?).is_some()
                }
                // Section 7.1.2.2: only an offer may leave the value out.
                ("client_max_window_bits", None) if place == Place::Offer => {
                    read.client_max_window_bits.replace(MAX_WINDOW_BITS).is_some()
                }
                _ => return None,
            };
            if repeated {
                return None;
            }
        }
        Some(read)
    }
}

/// As in `Sec-WebSocket-Extensions`.
impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)?;
        if self.server_no_context_takeover {
            f.write_str("; server_no_context_takeover")?;
        }
        if self.client_no_context_takeover {
            f.write_str("; client_no_context_takeover")?;
        }
        if let Some(bits) = self.server_max_window_bits {
            write!(f, "; server_max_window_bits={bits}")?;
        }
        if let Some(bits) = self.client_max_window_bits {
            write!(f, "; client_max_window_bits={bits}")?;
        }
        Ok(())
    }
}

/// A value from 8 to 15 in decimal digits. `parse` would also take a plus sign and leading zeros,
/// which section 7.1.2 rules out.
fn window_bits(value: &str) -> Option<u8> {
    let plain = !value.starts_with(['+', '0']);
    value.parse().ok().filter(|&bits| plain && is_window_bits(bits))
}

/// Nothing needs to be said about the largest window, which is the default (section 7.1.2).
fn limited(bits: u8) -> Option<u8> {
    (bits < MAX_WINDOW_BITS).then_some(bits)
}

fn direction(no_context_takeover: bool, max_window_bits: Option<u8>) -> Direction {
    Direction {
        context_takeover: !no_context_takeover,
        window_bits: max_window_bits.unwrap_or(MAX_WINDOW_BITS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deflate::Deflate;
    use alloc::vec::Vec;

    /// All settings that are negotiated.
    fn all() -> impl Iterator<Item = Settings> {
        let bits = || 8..=MAX_WINDOW_BITS;
        let flags = (0..4).map(|n| (n & 1 == 0, n & 2 == 0));
        flags.flat_map(move |(server_no_context_takeover, client_no_context_takeover)| {
            bits().flat_map(move |server_max_window_bits| {
                bits().map(move |client_max_window_bits| Settings {
                    server_no_context_takeover,
                    client_no_context_takeover,
                    server_max_window_bits,
                    client_max_window_bits,
                    ..Deflate::default().settings
                })
            })
        })
    }

    /// Neither side goes beyond its own settings or what the other one demands, and no further
    /// below than they say.
    #[test]
    fn n113_n114_n121_accepts_the_lesser_of_two_settings() {
        let mut pairs = 0;
        for client in all() {
            let offer = offer(&client);
            let offers = Offer::parse(offer.as_bytes()).unwrap();
            for server in all() {
                let accepted = accept(&server, &offers).unwrap();
                let answer = Offer::parse(accepted.header.as_bytes()).unwrap();
                assert_eq!(confirm(&client, &answer[0]).unwrap(), accepted, "{offer}");
                let expected = |no_takeover: bool, bits: [u8; 2]| Direction {
                    context_takeover: !no_takeover,
                    window_bits: bits[0].min(bits[1]),
                };
                let server_sends = expected(
                    client.server_no_context_takeover || server.server_no_context_takeover,
                    [client.server_max_window_bits, server.server_max_window_bits],
                );
                let client_sends = expected(
                    client.client_no_context_takeover || server.client_no_context_takeover,
                    [client.client_max_window_bits, server.client_max_window_bits],
                );
                assert_eq!((accepted.server, accepted.client), (server_sends, client_sends));
                pairs += 1;
            }
        }
        assert_eq!(pairs, 256 * 256);
    }

    /// What a client does after its offer, whatever else an answer says.
    #[test]
    fn n113_n114_n121_rejects_doing_more_than_agreed() {
        let answers: Vec<_> = all()
            .flat_map(|any| {
                let answer = Parameters {
                    server_no_context_takeover: any.server_no_context_takeover,
                    client_no_context_takeover: any.client_no_context_takeover,
                    server_max_window_bits: limited(any.server_max_window_bits),
                    client_max_window_bits: limited(any.client_max_window_bits),
                };
                [(any, answer.to_string())]
            })
            .collect();
        for settings in all() {
            for (says, answer) in &answers {
                let answer = Offer::parse(answer.as_bytes()).unwrap();
                let Ok(agreed) = confirm(&settings, &answer[0]) else { continue };
                assert!(agreed.server.window_bits <= settings.server_max_window_bits);
                assert!(agreed.client.window_bits <= settings.client_max_window_bits);
                assert!(agreed.client.window_bits <= says.client_max_window_bits);
                assert_eq!(agreed.server.window_bits, says.server_max_window_bits);
                assert_eq!(agreed.server.context_takeover, !says.server_no_context_takeover);
                let silent = says.client_no_context_takeover || settings.client_no_context_takeover;
                assert_eq!(agreed.client.context_takeover, !silent);
            }
        }
    }
}
