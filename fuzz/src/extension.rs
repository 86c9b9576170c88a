//! Offers and answers against a second reading of RFC 6455, section 9.1, and RFC 7692, section 7.1.
//!
//! ```text
//!  ┌────────┬────────┬─────────────────────────────
//!  │ server │ client │ Sec-WebSocket-Extensions …
//!  └────────┴────────┴─────────────────────────────
//!      └────────┴ settings
//! ```

use sansio_ws::deflate::Deflate;
use sansio_ws::extension::{Extension, Offer};
use std::collections::BTreeMap;

/// The parser and the grammar agree on the list. A server accepts the first offer that it can,
/// and a client those answers that fit its own offer; both keep to their settings. What the
/// server answers to the client, the client accepts.
pub fn extension(data: &[u8]) {
    let [server, client, value @ ..] = data else { return };
    let (server, client) = (Settings::new(*server), Settings::new(*client));
    let offers = Offer::parse(value);
    let elements = list(value);
    assert_eq!(offers.as_ref().map(|offers| offers.iter().map(element).collect()), elements);
    let (offers, elements) = (offers.unwrap_or_default(), elements.unwrap_or_default());

    check_server(server, &offers, &elements);
    for (offer, element) in offers.iter().zip(&elements) {
        check_client(client, offer, element);
    }

    let offer = client.deflate().offer();
    let answer = check_server(server, &parsed(&offer), &list(offer.as_bytes()).expect("a list"));
    let answer = answer.expect("our client can be limited in everything");
    let confirmed = client.deflate().confirm(&parsed(&answer)[0]).expect("it fits");
    assert_eq!(confirmed.header, answer);
}

fn parsed(value: &str) -> Vec<Offer<'_>> {
    Offer::parse(value.as_bytes()).expect("what we send is well-formed")
}

/// Returns the answer.
fn check_server(settings: Settings, offers: &[Offer<'_>], elements: &[Element]) -> Option<String> {
    let answer = settings.deflate().accept(offers).map(|agreement| agreement.header);
    let can_accept = |offer: &Parameters| {
        settings.client_bits == MAX || offer.contains_key("client_max_window_bits")
    };
    let accepted = elements.iter().filter_map(|e| parameters(e, true)).find(can_accept);
    assert_eq!(answer.is_some(), accepted.is_some(), "{elements:?}");
    let (answer, offer) = (answer?, accepted?);
    let said = only(&answer);
    assert!(fits(&offer, &said), "{answer} to {elements:?}");
    // It keeps to the settings, and to no less than it has to.
    for (name, is_set, bits_name, bits) in [
        (SERVER[0], settings.server_alone, SERVER[1], settings.server_bits),
        (CLIENT[0], settings.client_alone, CLIENT[1], settings.client_bits),
    ] {
        assert_eq!(said.contains_key(name), is_set || offer.contains_key(name), "{answer}");
        assert_eq!(bits_of(&said, bits_name), bits_of(&offer, bits_name).min(bits), "{answer}");
    }
    Some(answer)
}

fn check_client(settings: Settings, answer: &Offer<'_>, element: &Element) {
    let deflate = settings.deflate();
    let offer = deflate.offer();
    let offer = parameters(&list(offer.as_bytes()).expect("a list")[0], true).expect("an offer");
    assert_eq!(bits_of(&offer, SERVER[1]), settings.server_bits);
    assert_eq!(bits_of(&offer, CLIENT[1]), settings.client_bits);
    assert_eq!(offer.contains_key(SERVER[0]), settings.server_alone);
    assert_eq!(offer.contains_key(CLIENT[0]), settings.client_alone);
    let said = parameters(element, false).filter(|answer| fits(&offer, answer));
    let confirmed = deflate.confirm(answer).map(|agreement| only(&agreement.header));
    assert_eq!(confirmed.ok(), said, "{element:?} to {offer:?}");
}

// Settings

#[derive(Clone, Copy)]
struct Settings {
    server_alone: bool,
    client_alone: bool,
    server_bits: u8,
    client_bits: u8,
}

impl Settings {
    /// Zero means the defaults.
    fn new(byte: u8) -> Self {
        Self {
            server_alone: byte & 1 == 0,
            client_alone: byte & 2 == 0,
            server_bits: MAX - (byte >> 2 & 7),
            client_bits: MAX - (byte >> 5),
        }
    }

    fn deflate(self) -> Deflate {
        Deflate::default()
            .server_no_context_takeover(self.server_alone)
            .client_no_context_takeover(self.client_alone)
            .server_max_window_bits(self.server_bits)
            .and_then(|deflate| deflate.client_max_window_bits(self.client_bits))
            .expect("8 to 15")
    }
}

// RFC 7692, section 7.1

const MAX: u8 = 15;
const SERVER: [&str; 2] = ["server_no_context_takeover", "server_max_window_bits"];
const CLIENT: [&str; 2] = ["client_no_context_takeover", "client_max_window_bits"];
const BITS: [&str; 8] = ["8", "9", "10", "11", "12", "13", "14", "15"];

type Parameters = BTreeMap<String, Option<String>>;

/// The parameters of permessage-deflate, if nothing is wrong with them.
fn parameters((name, list): &Element, is_offer: bool) -> Option<Parameters> {
    let is_good = |(name, value): &(String, Option<String>)| match value {
        None if name == CLIENT[1] => is_offer,
        None => name == SERVER[0] || name == CLIENT[0],
        Some(bits) => (name == SERVER[1] || name == CLIENT[1]) && BITS.contains(&bits.as_str()),
    };
    let once: Parameters = list.iter().cloned().collect();
    let is_all_good = list.iter().all(is_good) && once.len() == list.len();
    (name == "permessage-deflate" && is_all_good).then_some(once)
}

/// Those of the one element that we send.
fn only(value: &str) -> Parameters {
    let elements = list(value.as_bytes()).expect("what we send is well-formed");
    assert_eq!(elements.len(), 1, "{value}");
    parameters(&elements[0], false).expect("what we send is correct")
}

/// The window that a parameter asks for: the largest if it is not there, or has no value.
fn bits_of(parameters: &Parameters, name: &str) -> u8 {
    let bits = parameters.get(name).cloned().flatten();
    bits.map_or(MAX, |bits| bits.parse().expect("a number"))
}

/// Whether a server that got `offer` may answer like this.
fn fits(offer: &Parameters, answer: &Parameters) -> bool {
    // What is demanded of the server is in the answer; what is demanded of the client may be,
    // except for the window, which has to be on offer.
    let demanded = |name| !offer.contains_key(name) || answer.contains_key(name);
    demanded(SERVER[0])
        && demanded(SERVER[1])
        && (!answer.contains_key(CLIENT[1]) || offer.contains_key(CLIENT[1]))
        && [SERVER[1], CLIENT[1]].iter().all(|name| {
            !answer.contains_key(*name) || bits_of(answer, name) <= bits_of(offer, name)
        })
}

// RFC 6455, section 9.1

/// A name and its parameters.
type Element = (String, Vec<(String, Option<String>)>);

fn element(offer: &Offer<'_>) -> Element {
    let parameters = offer.parameters();
    let parameters = parameters.map(|(name, value)| (name.into(), value.map(Into::into)));
    (offer.name().into(), parameters.collect())
}

/// What the grammar is made of, once blanks are left out.
#[derive(Debug, PartialEq, Eq)]
enum Lexeme {
    Token(String),
    /// Without quotes and backslashes.
    Quoted(String),
    Separator(u8),
}

use Lexeme::{Quoted, Separator, Token};

/// `1#extension`, where elements may also be empty, but not all of them.
fn list(value: &[u8]) -> Option<Vec<Element>> {
    let lexemes = lexemes(value)?;
    let elements = lexemes.split(|lexeme| *lexeme == Separator(b','));
    let elements = elements.filter(|element| !element.is_empty()).map(extension_of);
    elements.collect::<Option<Vec<_>>>().filter(|elements| !elements.is_empty())
}

/// `token *( ";" token [ "=" ( token | quoted-string ) ] )`
fn extension_of(lexemes: &[Lexeme]) -> Option<Element> {
    let mut parts = lexemes.split(|lexeme| *lexeme == Separator(b';'));
    let [Token(name)] = parts.next()? else { return None };
    let parameters = parts.map(|part| match part {
        [Token(name)] => Some((name.clone(), None)),
        [Token(name), Separator(b'='), Token(value) | Quoted(value)] => {
            Some((name.clone(), Some(value.clone())))
        }
        _ => None,
    });
    Some((name.clone(), parameters.collect::<Option<_>>()?))
}

fn lexemes(value: &[u8]) -> Option<Vec<Lexeme>> {
    let mut lexemes = Vec::new();
    let mut bytes = value.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b' ' | b'\t' => {}
            b',' | b';' | b'=' => lexemes.push(Separator(byte)),
            b'"' => {
                let mut text = String::new();
                loop {
                    match bytes.next()? {
                        b'"' => break,
                        b'\\' => text.push(bytes.next()?.into()),
                        byte => text.push(byte.into()),
                    }
                }
                // After unquoting it must be a token.
                if text.is_empty() || !text.chars().all(is_token_char) {
                    return None;
                }
                lexemes.push(Quoted(text));
            }
            byte => {
                let mut text = String::from(char::from(byte));
                while let Some(next) = bytes.next_if(|next| is_token_char((*next).into())) {
                    text.push(next.into());
                }
                if !text.chars().all(is_token_char) {
                    return None;
                }
                lexemes.push(Token(text));
            }
        }
    }
    Some(lexemes)
}

/// A visible character of ASCII that is no separator (RFC 2616, section 2.2).
fn is_token_char(c: char) -> bool {
    c.is_ascii_graphic() && !r#"()<>@,;:\"/[]?={}"#.contains(c)
}
