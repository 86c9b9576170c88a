//! Headers: CORS and cookies (E30, E31).

use sansio_engineio::{Cookie, Cors, SessionId};
use sansio_ws::handshake::{Response, ServerHandshake, Status};
use sansio_ws::{Limits, RecvBuffer};

/// The headers of a response to a request with these header lines.
fn allowed(cors: &Cors, lines: &str, is_preflight: bool) -> Vec<(String, String)> {
    let method = if is_preflight { "OPTIONS" } else { "GET" };
    let mut rx = RecvBuffer::new();
    rx.extend_from_slice(format!("{method} / HTTP/1.1\r\nHost: a\r\n{lines}\r\n").as_bytes());
    let mut handshake = ServerHandshake::new(&Limits::default());
    let request = handshake.receive(&mut rx).unwrap().unwrap();
    let response = match is_preflight {
        true => cors.allow(&request, Cors::preflight(&request)),
        false => cors.allow(&request, Response::new(Status::BAD_REQUEST)),
    };
    assert_eq!(response.status().code(), if is_preflight { 204 } else { 400 });
    response.headers().map(|(name, value)| (name.into(), value.into())).collect()
}

fn header<'h>(headers: &'h [(String, String)], name: &str) -> Vec<&'h str> {
    headers.iter().filter(|(n, _)| n == name).map(|(_, value)| &**value).collect()
}

const ALLOW: &str = "Access-Control-Allow-Origin";
const CREDENTIALS: &str = "Access-Control-Allow-Credentials";

#[test]
fn e30_accepts_who_may_read() {
    let origin = "Origin: https://a\r\n";
    let any = allowed(&Cors::any(), origin, false);
    assert_eq!(any, [(ALLOW.into(), "*".into())]);
    assert_eq!(allowed(&Cors::any(), "", false), any, "the same for everybody");
    let cors = Cors::listed(["https://a", "https://b"]).credentials(true);
    let listed = allowed(&cors, origin, false);
    assert_eq!(header(&listed, ALLOW), ["https://a"]);
    assert_eq!(header(&listed, CREDENTIALS), ["true"]);
    assert_eq!(header(&listed, "Vary"), ["Origin"]);
    let named = allowed(&Cors::any().credentials(true), origin, false);
    assert_eq!(
        (header(&named, ALLOW), header(&named, "Vary")),
        (vec!["https://a"], vec!["Origin"])
    );
    let asked = format!("{origin}Access-Control-Request-Headers: x-a, x-b\r\n");
    let preflight = allowed(&cors, &asked, true);
    assert_eq!(header(&preflight, "Access-Control-Allow-Headers"), ["x-a, x-b"]);
    assert_eq!(
        header(&preflight, "Access-Control-Allow-Methods"),
        ["GET,HEAD,PUT,PATCH,POST,DELETE"]
    );
    assert_eq!(header(&preflight, ALLOW), ["https://a"]);
    assert_eq!(header(&preflight, "Vary"), ["Access-Control-Request-Headers", "Origin"]);
}

#[test]
fn e30_rejects_others() {
    let cors = Cors::listed(["https://a"]).credentials(true);
    for lines in ["", "Origin: https://b\r\n", "Origin: https://A\r\n", "Origin: null\r\n"] {
        for is_preflight in [false, true] {
            let headers = allowed(&cors, lines, is_preflight);
            assert_eq!(header(&headers, ALLOW), [""; 0], "{lines}");
            assert_eq!(header(&headers, CREDENTIALS), [""; 0], "{lines}");
            assert!(header(&headers, "Vary").contains(&"Origin"), "or a cache gives it to them");
        }
    }
    assert_eq!(header(&allowed(&Cors::any(), "", false), CREDENTIALS), [""; 0]);
}

#[test]
fn e31_accepts_a_cookie_with_its_attributes() {
    let set = |cookie: &Cookie| {
        let response = cookie.set(&SessionId::new([0; 15]), Response::new(Status::OK));
        response.headers().map(|(name, value)| format!("{name}: {value}")).collect::<String>()
    };
    let cookie = Cookie::new("io").unwrap();
    assert_eq!(set(&cookie), "Set-Cookie: io=AAAAAAAAAAAAAAAAAAAA; Path=/; HttpOnly; SameSite=Lax");
    let cookie = cookie.attributes("Path=/x; Secure; SameSite=None").unwrap();
    assert_eq!(set(&cookie), "Set-Cookie: io=AAAAAAAAAAAAAAAAAAAA; Path=/x; Secure; SameSite=None");
}

#[test]
fn e31_rejects_what_would_break_out_of_its_line() {
    for name in ["", "a b", "a=b", "a;b", "a\r\nb"] {
        assert!(Cookie::new(name).is_err(), "{name:?}");
    }
    assert!(Cookie::new("io").unwrap().attributes("Path=/\r\nX: y").is_err());
}
