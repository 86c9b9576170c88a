//! Extensions (RFC 6455, section 9): the grammar of their header.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// Whether a `Sec-WebSocket-Extensions` value is well-formed (RFC 6455, section 9.1): a list of
/// tokens with parameters, whose values are tokens, or quoted strings that are tokens once
/// unquoted. Each byte is looked at once.
pub(crate) fn is_well_formed(value: &[u8]) -> bool {
    let mut rest = value;
    let mut any = false;
    loop {
        skip_blanks(&mut rest);
        // Elements of a list may be empty (RFC 9110, section 5.6.1).
        if rest.first().is_some_and(|&byte| byte != b',') {
            any = true;
            if !extension(&mut rest) {
                return false;
            }
        }
        match rest.split_first() {
            Some((b',', tail)) => rest = tail,
            Some(_) => return false,
            None => return any,
        }
    }
}

fn extension(rest: &mut &[u8]) -> bool {
    if !token(rest) {
        return false;
    }
    loop {
        skip_blanks(rest);
        let Some((b';', tail)) = rest.split_first() else { return true };
        *rest = tail;
        skip_blanks(rest);
        if !token(rest) {
            return false;
        }
        skip_blanks(rest);
        if let Some((b'=', tail)) = rest.split_first() {
            *rest = tail;
            skip_blanks(rest);
            let ok = if rest.first() == Some(&b'"') { quoted_token(rest) } else { token(rest) };
            if !ok {
                return false;
            }
        }
    }
}

fn token(rest: &mut &[u8]) -> bool {
    let len = rest.iter().position(|&byte| !is_token_byte(byte)).unwrap_or(rest.len());
    let Some((_, tail)) = rest.split_at_checked(len) else { return false };
    *rest = tail;
    len > 0
}

fn quoted_token(rest: &mut &[u8]) -> bool {
    let mut bytes = rest.iter().enumerate().skip(1);
    let mut empty = true;
    while let Some((i, &byte)) = bytes.next() {
        let byte = match byte {
            b'"' => {
                *rest = rest.get(i..).and_then(|tail| tail.get(1..)).unwrap_or_default();
                return !empty;
            }
            b'\\' => match bytes.next() {
                Some((_, &escaped)) => escaped,
                None => return false,
            },
            byte => byte,
        };
        empty = false;
        if !is_token_byte(byte) {
            return false;
        }
    }
    false
}

fn skip_blanks(rest: &mut &[u8]) {
    while let Some((b' ' | b'\t', tail)) = rest.split_first() {
        *rest = tail;
    }
}

/// A byte of a token (RFC 9110, section 5.6.2).
#[expect(clippy::indexing_slicing, reason = "no byte is outside a table of 256")]
pub(crate) fn is_token_byte(byte: u8) -> bool {
    // A table takes half the instructions of comparing.
    const TABLE: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < 128 {
            table[byte as usize] = matches!(byte,
                b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'!' | b'#'..=b'\'' | b'*' | b'+'
                | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~');
            byte += 1;
        }
        table
    };
    TABLE[byte as usize]
}

#[cfg(test)]
mod tests {
    use super::is_well_formed;

    #[test]
    fn grammar() {
        for good in [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits; server_max_window_bits=10",
            "a;b=\"c\" , d ;\te = f,,g",
            ", a",
            "a; b=\"\\c\\d\"",
            "constructor; __proto__=1",
        ] {
            assert!(is_well_formed(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            " , ",
            ";",
            "a;",
            "a; =b",
            "a; b=",
            "a; b=\"\"",
            "a; b=\"c",
            "a; b=\"c d\"",
            "a; b=\"c\\",
            "a b",
            "a; b c",
            "a; b=c d",
            "a=b",
            "a; b=\"c\"d",
            "ä",
            "a;b=ä",
        ] {
            assert!(!is_well_formed(bad.as_bytes()), "{bad}");
        }
    }
}
