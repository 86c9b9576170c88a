//! N140 to N144: the forms of URLs (RFC 3986, RFC 7617).

use bytes::Buf;
use sansio_ws::Config;
use sansio_ws::handshake::{ClientHandshake, ClientRequest, InvalidField, InvalidUrl};

use crate::support::masks;

fn head(request: &ClientRequest) -> String {
    let nonce = *b"the sample nonce";
    let mut handshake = ClientHandshake::with_entropy(request, Config::default(), nonce, masks());
    let len = handshake.outgoing().remaining();
    String::from_utf8(handshake.outgoing().copy_to_bytes(len).to_vec()).unwrap()
}

/// The request line and `Host`.
#[track_caller]
fn accepts(url: &str, secure: bool, port: u16, target: &str, host: &str) {
    let request = ClientRequest::new(url).unwrap();
    assert_eq!((request.is_secure(), request.port()), (secure, port), "{url}");
    let start = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n");
    assert!(head(&request).starts_with(&start), "{}", head(&request));
}

#[track_caller]
fn rejects(url: &str, error: InvalidUrl) {
    assert_eq!(ClientRequest::new(url).unwrap_err(), error, "{url:?}");
}

#[test]
fn n140_accepts_http_and_https_as_ws_and_wss() {
    accepts("http://a/b", false, 80, "/b", "a");
    accepts("HTTPS://a:80/b", true, 80, "/b", "a:80");
    accepts("https://a:443", true, 443, "/", "a");
}

#[test]
fn n140_rejects_other_schemes() {
    for url in ["ftp://a", "httpx://a", "file:///a", "://a", "//a", "a", "http:/a", "ws:a"] {
        rejects(url, InvalidUrl::Scheme);
    }
}

#[test]
fn n141_accepts_an_empty_port_as_the_default() {
    accepts("ws://a:/", false, 80, "/", "a");
    accepts("wss://a:", true, 443, "/", "a");
    accepts("wss://[::1]:?b", true, 443, "/?b", "[::1]");
}

#[test]
fn n141_rejects_other_ports_that_are_none() {
    for url in ["ws://a:0/", "ws://a:+80", "ws://a:080", "ws://a:65536", "ws://[::1]:x"] {
        rejects(url, InvalidUrl::Port);
    }
    rejects("ws://a::/", InvalidUrl::Host);
    rejects("ws://:/", InvalidUrl::Host);
    rejects("ws://a: /", InvalidUrl::Character);
}

#[test]
fn n142_accepts_characters_outside_ascii_in_path_and_query() {
    accepts("ws://a/caf\u{e9}?\u{20ac}=%41", false, 80, "/caf%C3%A9?%E2%82%AC=%41", "a");
    accepts("ws://a?\u{1f600}", false, 80, "/?%F0%9F%98%80", "a");
}

#[test]
fn n142_rejects_spaces_and_controls_all_the_same() {
    for url in ["ws://a/ b", "ws://a/\u{e9} ", "ws://a/\r\nX: y", "ws://a/\0", "ws://a/\u{7f}"] {
        rejects(url, InvalidUrl::Character);
    }
    rejects(" ws://a", InvalidUrl::Scheme);
    rejects("ws://a/\u{e9}#b", InvalidUrl::Fragment);
}

/// Every character, at every place of a URL with all parts.
#[test]
fn n142_n143_n144_rejects_what_would_break_out_of_its_line() {
    let url = "ws://u%41:p@h:1/p?q";
    for character in ('\0'..='\u{ff}').chain(['\u{2028}', '\u{ff0f}', '\u{1f600}']) {
        for at in 0..=url.len() {
            let mut url = String::from(url);
            url.insert(at, character);
            let Ok(request) = ClientRequest::new(&url) else { continue };
            let head = head(&request);
            let lines: Vec<&str> = head.split("\r\n").collect();
            let authorized = lines.iter().any(|line| line.starts_with("Authorization: "));
            assert_eq!(lines.len(), 8 + usize::from(authorized), "{url:?}: {head}");
            assert_eq!(lines[0].split(' ').count(), 3, "{url:?}: {head}");
            let is_plain = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
            assert!(lines.concat().bytes().all(is_plain), "{url:?}: {head}");
        }
    }
}

const SECRET: &str = "ws://Aladdin:open%20sesame@example.com:9001/";

#[test]
fn n143_accepts_a_user_name_as_basic_authorization() {
    let request = ClientRequest::new(SECRET).unwrap();
    let sent = head(&request);
    let line = "\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n";
    assert_eq!(sent.matches(line).count(), 1, "{sent}");
    assert!(sent.contains("\r\nHost: example.com:9001\r\n"), "{sent}");
    let printed = format!("{request:?} {} {sent}", request.host()).replace(line, "");
    for secret in ["Aladdin", "sesame", "QWxh"] {
        assert!(!printed.contains(secret), "{printed}");
    }
    // Without one, the header is the caller's.
    let request =
        ClientRequest::new("ws://a/").unwrap().header("Authorization", "Bearer x").unwrap();
    assert!(head(&request).contains("\r\nAuthorization: Bearer x\r\n"));
}

#[test]
fn n143_rejects_malformed_user_names_and_a_second_authorization() {
    for url in [
        "ws://@a/",
        "ws://b%3Ac:d@a/",
        "ws://b%0D%0AX@a/",
        "ws://b%@a/",
        "ws://b%FF@a/",
        "ws://\u{e9}@a/",
        "ws://a@b@c/",
        "ws://a:b@c:d@e/",
    ] {
        rejects(url, InvalidUrl::UserInfo);
    }
    for url in ["ws://a@/", "ws://a:b@:80/"] {
        rejects(url, InvalidUrl::Host);
    }
    for name in ["Authorization", "authorization"] {
        let refused = ClientRequest::new(SECRET).unwrap().header(name, "Bearer x");
        assert_eq!(refused.unwrap_err(), InvalidField::Authorization);
    }
    let error = ClientRequest::new("ws://secret%0D:secret@a/").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"));
}

#[test]
fn n144_accepts_hosts_in_their_ascii_form_and_addresses_without_zone() {
    accepts("ws://xn--bcher-kva.example/", false, 80, "/", "xn--bcher-kva.example");
    accepts("ws://[fe80::1]/", false, 80, "/", "[fe80::1]");
}

#[test]
fn n144_rejects_other_hosts_and_zones_and_says_what_to_do() {
    for url in ["ws://b\u{fc}cher.example/", "ws://\u{ff41}/"] {
        rejects(url, InvalidUrl::NotAscii);
    }
    for url in ["ws://[fe80::1%25eth0]/", "ws://[fe80::1%eth0]:80/", "ws://[fe80::1%\u{e9}]/"] {
        rejects(url, InvalidUrl::Zone);
    }
    assert!(InvalidUrl::NotAscii.to_string().contains("xn--"));
    assert!(InvalidUrl::Zone.to_string().contains("by hand"));
}
