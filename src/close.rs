//! Close codes and reasons (RFC 6455, section 7.4).

use core::fmt;

/// A status code that may travel in a Close frame (RFC 6455, section 7.4).
///
/// Only codes that are allowed on the wire can be constructed: 1000-1003, 1007-1014 and
/// 3000-4999. The codes 1005 (no code), 1006 (no Close at all) and 1015 (TLS failure) describe
/// what was *not* received and exist only as numbers in reports, see
/// [`Ended::code`](crate::Ended::code).
///
/// ```
/// use sansio_ws::CloseCode;
///
/// # fn main() -> Result<(), sansio_ws::InvalidCloseCode> {
/// let room_closed = CloseCode::try_from(4001)?; // 4000-4999 are for private use
/// assert_eq!((room_closed.get(), room_closed.description()), (4001, ""));
/// assert_eq!(CloseCode::GOING_AWAY.description(), "going away");
/// assert_eq!(CloseCode::new(1006), None, "never sent");
/// # Ok(()) }
/// ```
#[doc(alias = "StatusCode")]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(core::num::NonZeroU16);

/// One line per registered code: constant, number, what it means.
macro_rules! codes {
    ($($(#[$doc:meta])+ $name:ident = $code:literal, $text:literal;)+) => {
        impl CloseCode {
            $($(#[$doc])+ pub const $name: Self = Self::constant($code);)+

            /// What the code means, in a few words; empty for codes of applications (3000-4999).
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self.get() {
                    $($code => $text,)+
                    _ => "",
                }
            }
        }
    };
}

codes! {
    /// 1000: the purpose of the connection was fulfilled.
    NORMAL = 1000, "normal closure";
    /// 1001: the server goes down, or a browser has left the page.
    GOING_AWAY = 1001, "going away";
    /// 1002: the peer broke the protocol.
    PROTOCOL_ERROR = 1002, "protocol error";
    /// 1003: a type of data that cannot be accepted, for example binary where only text is understood.
    UNSUPPORTED_DATA = 1003, "unsupported data";
    /// 1007: data not consistent with its type, for example text that is not UTF-8.
    INVALID_PAYLOAD = 1007, "invalid payload data";
    /// 1008: a policy was violated; the code to use when no other fits.
    POLICY_VIOLATION = 1008, "policy violation";
    /// 1009: a message too big to process.
    MESSAGE_TOO_BIG = 1009, "message too big";
    /// 1010: the server did not agree on an extension the client needs. Sent by clients only.
    MANDATORY_EXTENSION = 1010, "mandatory extension missing";
    /// 1011: the server met an unexpected condition.
    INTERNAL_ERROR = 1011, "internal error";
    /// 1012: the server restarts.
    SERVICE_RESTART = 1012, "service restart";
    /// 1013: the server is overloaded; try again later.
    TRY_AGAIN_LATER = 1013, "try again later";
    /// 1014: a gateway got an invalid answer from upstream.
    BAD_GATEWAY = 1014, "bad gateway";
}

impl CloseCode {
    /// The code as a number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    /// The code for a number, or `None` when that number may not be sent or accepted.
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => match core::num::NonZeroU16::new(code) {
                Some(code) => Some(Self(code)),
                None => None,
            },
            _ => None,
        }
    }

    /// For the constants above: a wrong number stops the build.
    const fn constant(code: u16) -> Self {
        match Self::new(code) {
            Some(code) => code,
            None => panic!("not a code for the wire"),
        }
    }
}

impl TryFrom<u16> for CloseCode {
    type Error = InvalidCloseCode;

    fn try_from(code: u16) -> Result<Self, InvalidCloseCode> {
        Self::new(code).ok_or(InvalidCloseCode(code))
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.get()
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseCode({})", self.get())
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.description() {
            "" => write!(f, "{}", self.get()),
            text => write!(f, "{} ({text})", self.get()),
        }
    }
}

/// The number is not a close code that may be on the wire (RFC 6455, sections 7.4.1 and 7.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidCloseCode(pub u16);

impl fmt::Display for InvalidCloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "close code {} may not be sent", self.0)
    }
}

impl core::error::Error for InvalidCloseCode {}

/// What a received Close frame said (RFC 6455, sections 5.5.1, 7.1.5 and 7.1.6).
///
/// The reason is meant for logs and developers, not to be shown to end users.
///
/// ```
/// use sansio_ws::{CloseCode, CloseReason, Config, Connection, Event, Masks, RecvBuffer, Role};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = Connection::new(Role::Client(Masks::from_os()?), Config::default());
/// let mut rx = RecvBuffer::new();
/// rx.extend_from_slice(b"\x88\x09\x03\xf4restart"); // 1012
/// let Some(Event::Close(CloseReason { code, reason })) = client.next_event(&mut rx)? else {
///     return Err("no Close".into());
/// };
/// let reconnect = matches!(code, Some(CloseCode::SERVICE_RESTART | CloseCode::TRY_AGAIN_LATER));
/// assert_eq!((reconnect, reason), (true, "restart"));
/// # Ok(()) }
/// ```
#[doc(alias = "CloseFrame")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CloseReason<'a> {
    /// The status code; `None` when the Close frame was empty.
    pub code: Option<CloseCode>,
    /// The reason, at most 123 bytes; empty when none was given.
    pub reason: &'a str,
}

impl fmt::Display for CloseReason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "{code}")?,
            None => f.write_str("1005 (no code)")?,
        }
        if self.reason.is_empty() { Ok(()) } else { write!(f, ": {}", self.reason) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n96_n97_exactly_the_codes_of_the_wire_can_be_constructed() {
        for code in 0..=u16::MAX {
            let allowed = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
            assert_eq!(CloseCode::new(code).map(CloseCode::get), allowed.then_some(code));
            assert_eq!(CloseCode::try_from(code).is_ok(), allowed);
        }
    }
}
