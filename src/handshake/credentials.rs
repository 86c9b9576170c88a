//! User name and password as HTTP sends them (RFC 7617).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::InvalidField;
use alloc::string::String;
use alloc::vec::Vec;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The value of `Authorization` or `Proxy-Authorization` for a user name and a password: `Basic` and
/// their base64 (RFC 7617), readable by everybody on the way if there is no TLS.
///
/// ```
/// use sansio_ws::handshake::{ClientRequest, basic_authorization};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let authorization = basic_authorization("Aladdin", "open sesame")?;
/// assert_eq!(authorization, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
/// let request = ClientRequest::new("wss://example.com/")?.header("Authorization", &authorization)?;
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// [`InvalidField::Authorization`]: a colon in the user name, or a control character.
#[doc(alias("basic auth", "401"))]
pub fn basic_authorization(user: &str, password: &str) -> Result<String, InvalidField> {
    if user.contains(':') || [user, password].iter().any(|text| text.chars().any(char::is_control))
    {
        return Err(InvalidField::Authorization);
    }
    let mut value = String::from("Basic ");
    STANDARD.encode_string(alloc::format!("{user}:{password}"), &mut value);
    Ok(value)
}

/// The value of `Authorization` for the user information of a URL: `user[:password]`, both
/// percent-encoded. `None` if it is empty, malformed (RFC 3986, section 3.2.1), or has what this
/// scheme cannot send: a colon in the user name, a control character, what is not UTF-8.
pub(super) fn decode_user_info(user_info: &str) -> Option<String> {
    let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
    if user_info.is_empty() {
        return None;
    }
    basic_authorization(&decode_percent(user)?, &decode_percent(password)?).ok()
}

fn decode_percent(encoded: &str) -> Option<String> {
    let mut decoded = Vec::new();
    let mut rest = encoded.as_bytes();
    loop {
        match rest {
            [] => break,
            [b'%', high, low, tail @ ..] => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let byte = digit(*high)?.checked_mul(16)?.checked_add(digit(*low)?)?;
                decoded.push(u8::try_from(byte).ok()?);
                rest = tail;
            }
            [byte, tail @ ..] if is_plain(*byte) => {
                decoded.push(*byte);
                rest = tail;
            }
            _ => return None,
        }
    }
    String::from_utf8(decoded).ok()
}

/// What needs no percent sign in user information.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples() {
        for (user_info, plain) in [
            // RFC 7617, sections 2 and 2.1.
            ("Aladdin:open%20sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            ("test:123%C2%A3", "dGVzdDoxMjPCow=="),
            ("user", "dXNlcjo="),
            ("user:", "dXNlcjo="),
            (":token", "OnRva2Vu"),
            ("a:b:c%3A%40", "YTpiOmM6QA=="),
        ] {
            let value = alloc::format!("Basic {plain}");
            assert_eq!(decode_user_info(user_info), Some(value), "{user_info}");
        }
        for user_info in [
            "", "a%3Ab:c", "a%", "a%4", "a%4g", "a%0A", "a:%0d", "a:%C2%80", "a:%FF", "\u{e9}",
            "a\"b", "a%+4",
        ] {
            assert_eq!(decode_user_info(user_info), None, "{user_info}");
        }
    }
}
