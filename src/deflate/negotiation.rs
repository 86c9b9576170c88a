//! Offers and answers (RFC 7692, sections 5 and 7.1).

use super::Settings;
use alloc::string::String;

pub(super) fn offer(settings: &Settings) -> String {
    let _ = settings;
    String::from("permessage-deflate")
}
