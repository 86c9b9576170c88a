//! Who may do what: paths, checks in their order, origins and hosts (E6, E8, E15, E32).

use super::support::driver::{Asked, Client, Driver, config, text_of};
use sansio_engineio::{Config, Cors, Departure, Refusal, Server, SessionId, Transports, Verdict};
use sansio_ws::deadlines::Instant;
use sansio_ws::handshake::{HostPolicy, OriginPolicy, Request};

const UNKNOWN_TRANSPORT: &str = r#"{"code":0,"message":"Transport unknown"}"#;
const UNKNOWN_SESSION: &str = r#"{"code":1,"message":"Session ID unknown"}"#;
const BAD_METHOD: &str = r#"{"code":2,"message":"Bad handshake method"}"#;
const BAD_REQUEST: &str = r#"{"code":3,"message":"Bad request"}"#;
const UNSUPPORTED: &str = r#"{"code":5,"message":"Unsupported protocol version"}"#;
const WEBSOCKET: &[(&str, &str)] = &[("Upgrade", "websocket")];

#[track_caller]
fn refused(asked: Asked, body: &str) {
    assert_eq!(asked.refusal(), (400, body.into()));
}

#[test]
fn e6_accepts_its_path_with_a_query_or_as_a_whole_url() {
    for (path, target) in [
        ("/engine.io/", "/engine.io/?EIO=4&transport=polling"),
        ("/engine.io/", "http://example.com/engine.io/?EIO=4&transport=polling"),
        ("/live/x/", "/live/x/?transport=polling&EIO=4"),
    ] {
        let mut driver = Driver::new(config().path(path));
        let name = driver.ask("GET", target, &[]).name();
        assert!(driver.response(name).starts_with("0{"), "{target}");
    }
    // It is ours, though not acceptable.
    refused(Driver::new(config()).ask("GET", "/engine.io/", &[]), UNKNOWN_TRANSPORT);
}

#[test]
fn e6_rejects_every_other_path() {
    let mut driver = Driver::new(config());
    for path in ["/", "/engine.io", "/engine.io/x", "/Engine.io/", "/engine%2eio/", "//engine.io/"]
    {
        let asked = driver.ask("GET", &format!("{path}?EIO=4&transport=polling"), &[]);
        assert!(matches!(asked, Asked::NotOurs), "{path}");
    }
    assert!(matches!(driver.ask("OPTIONS", "*", &[]), Asked::NotOurs));
    assert!(driver.server.is_empty());
}

#[test]
fn e8_accepts_both_transports_from_the_beginning() {
    let mut driver = Driver::new(config());
    let polling = driver.connect();
    assert!(!driver.server.is_websocket(polling.session));
    let (websocket, _) = driver.connect_websocket();
    assert!(driver.server.is_websocket(websocket.session));
    assert_eq!(driver.server.sessions().count(), 2);
    assert_ne!(polling.sid, websocket.sid);
}

/// Without a session: the first thing that is wrong is what is said.
#[test]
fn e8_rejects_in_this_order() {
    let mut driver = Driver::new(config());
    let strange = ("Origin", "https://a b");
    for (method, query, headers, body) in [
        ("POST", "EIO=3&transport=carrier", &[strange][..], UNKNOWN_TRANSPORT),
        ("POST", "EIO=3", &[strange], UNKNOWN_TRANSPORT),
        ("POST", "EIO=3&transport=Polling", &[], UNKNOWN_TRANSPORT),
        ("POST", "EIO=3&transport=polling", &[strange], BAD_REQUEST),
        ("POST", "EIO=3&transport=polling", &[], BAD_METHOD),
        ("POST", "EIO=3&transport=websocket", &[], BAD_METHOD),
        ("HEAD", "EIO=4&transport=polling", &[], BAD_METHOD),
        ("GET", "EIO=3&transport=websocket", &[], BAD_REQUEST),
        ("GET", "EIO=3&transport=polling", &[], UNSUPPORTED),
        ("GET", "transport=polling", &[], UNSUPPORTED),
        ("GET", "EIO=4&transport=polling&sid=", &[], UNKNOWN_SESSION),
        ("GET", "EIO=3&transport=polling&sid=x", &[], UNKNOWN_SESSION),
        ("GET", "EIO=3&transport=polling&sid=x", &[strange], BAD_REQUEST),
    ] {
        let asked = driver.ask(method, &format!("/engine.io/?{query}"), headers);
        refused(asked, body);
    }
    for (query, message) in [
        ("EIO=4&transport=polling", "Bad request"),
        ("EIO=3&transport=websocket", "Unsupported protocol version"),
        ("EIO=4&transport=websocket&sid=x", "Session ID unknown"),
    ] {
        refused(driver.ask("GET", &format!("/engine.io/?{query}"), WEBSOCKET), message);
    }
    assert!(driver.server.is_empty() && driver.fates.is_empty());
}

#[test]
fn e8_rejects_what_does_not_fit_the_session() {
    let mut driver = Driver::new(config());
    let Client { sid, session } = driver.connect();
    for (method, query, headers, body) in [
        ("GET", "EIO=3&transport=polling", &[][..], BAD_REQUEST),
        ("GET", "transport=polling", &[], BAD_REQUEST),
        ("GET", "EIO=4&transport=websocket", &[], BAD_REQUEST),
        ("POST", "EIO=4&transport=websocket", &[], BAD_REQUEST),
        ("GET", "EIO=3&transport=websocket", &[], BAD_REQUEST),
        ("GET", "EIO=3&transport=websocket", WEBSOCKET, "Bad request"),
        ("GET", "EIO=4&transport=polling", WEBSOCKET, "Bad request"),
        ("POST", "EIO=4&transport=websocket", WEBSOCKET, "Bad request"),
        ("GET", "EIO=4&transport=polling", &[("Origin", "https://evil.example")], ""),
    ] {
        let asked = driver.ask(method, &format!("/engine.io/?{query}&sid={sid}"), headers);
        let (status, got) = asked.refusal();
        match body {
            "" => assert_eq!(status, 403, "another page"),
            body => assert_eq!((status, &*got), (400, body), "{method} {query}"),
        }
    }
    assert_eq!(driver.ended(session), None, "the session is unharmed");
    // Half of an id is not enough.
    let half = format!("{}AAAAAAAAAA", &sid[..10]);
    refused(driver.get(&Client { sid: half, session }), UNKNOWN_SESSION);
}

#[test]
fn e8_rejects_a_transport_that_is_not_enabled() {
    let mut driver = Driver::new(config().transports(Transports::Polling));
    refused(driver.ask_websocket(), "Transport unknown");
    let client = driver.connect();
    refused(driver.upgrade(&client), "Transport unknown");
    let mut driver = Driver::new(config().transports(Transports::WebSocket));
    refused(driver.ask("GET", "/engine.io/?EIO=4&transport=polling", &[]), UNKNOWN_TRANSPORT);
    let (client, _) = driver.connect_websocket();
    refused(driver.get(&client), UNKNOWN_TRANSPORT);
}

/// What the application says, and when it is asked.
#[test]
fn e8_rejects_whom_the_application_refuses() {
    let mut driver = Driver::new(config());
    let mut ask = |query: &str| {
        let target = format!("/engine.io/?{query}");
        let request = Request::from_parts("GET", &target, [("Host", b"a" as &[u8])]).unwrap();
        let mut token = None;
        let verdict = driver.server.request(driver.now, 1, &request, None, |query| {
            token = query.get("token").map(String::from);
            Err(Refusal::Forbidden("who are you?".into()))
        });
        let Verdict::Respond(response) = verdict else { panic!("{verdict:?}") };
        (response.status().code(), text_of(&response), token)
    };
    let (status, body, token) = ask("EIO=3&transport=polling&token=a");
    assert_eq!((status, token.as_deref()), (403, Some("a")), "before the version");
    assert_eq!(body, r#"{"code":4,"message":"who are you?"}"#);
    assert_eq!(ask("EIO=4&transport=carrier&token=a").2, None, "behind the transport");
    assert!(driver.server.is_empty());
}

#[test]
fn e8_rejects_more_sessions_than_there_may_be() {
    let mut driver = Driver::new(config().max_sessions(2));
    driver.connect();
    let opening = driver.ask_websocket().name();
    let body = r#"{"code":4,"message":"too many sessions"}"#;
    let asked = driver.ask("GET", "/engine.io/?EIO=4&transport=polling", &[]);
    assert_eq!(asked.refusal(), (403, body.into()));
    driver.gone(opening, Departure::Failed);
    driver.connect();
    assert_eq!(driver.server.len(), 2);
}

#[test]
fn e8_rejects_more_sessions_from_one_address() {
    let mut driver = Driver::new(config().max_sessions_per_address(1));
    let target = "/engine.io/?EIO=4&transport=polling";
    let request = Request::from_parts("GET", target, [("Host", b"a" as &[u8])]).unwrap();
    let mut ask = |name, address: [u8; 4]| {
        let address = Some(address.into());
        driver.server.request(driver.now, name, &request, address, |_| Ok(()))
    };
    let Verdict::Hold(session) = ask(1, [127, 0, 0, 1]) else { panic!() };
    assert!(matches!(ask(2, [127, 0, 0, 1]), Verdict::Respond(_)));
    assert!(matches!(ask(3, [127, 0, 0, 2]), Verdict::Hold(_)));
    driver.server.gone(session, 1, Departure::Failed);
    let Verdict::Hold(_) =
        driver.server.request(driver.now, 4, &request, Some([127, 0, 0, 1].into()), |_| Ok(()))
    else {
        panic!("there is room again")
    };
}

#[test]
fn e15_accepts_a_preflight_if_cors_is_on() {
    let mut driver = Driver::new(config().cors(Cors::any()));
    let client = driver.connect();
    for query in ["", "?EIO=4&transport=polling", &format!("?sid={}", client.sid)] {
        let asked = driver.ask("OPTIONS", &format!("/engine.io/{query}"), &[]);
        assert_eq!(asked.refusal(), (204, String::new()));
    }
    assert_eq!(driver.ended(client.session), None);
}

#[test]
fn e15_rejects_other_methods_and_the_session_is_unharmed() {
    let mut driver = Driver::new(config());
    let client = driver.connect();
    let held = driver.get(&client).name();
    let target = format!("/engine.io/?EIO=4&transport=polling&sid={}", client.sid);
    for method in ["PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "get"] {
        refused(driver.ask(method, &target, &[]), BAD_REQUEST);
    }
    assert!(driver.is_held(held) && driver.ended(client.session).is_none());
}

fn guarded() -> Config {
    let hosts = HostPolicy::Listed(vec!["example.com".into()]);
    Config::new(OriginPolicy::Listed(&["https://a.example"]), hosts)
}

#[test]
fn e32_accepts_listed_pages_and_programs_that_name_none() {
    let mut driver = Driver::new(guarded());
    for headers in [&[][..], &[("Origin", "https://a.example")]] {
        driver.ask("GET", "/engine.io/?EIO=4&transport=polling", headers).name();
        let headers = [WEBSOCKET, headers].concat();
        driver.ask("GET", "/engine.io/?EIO=4&transport=websocket", &headers).name();
    }
    assert_eq!(driver.server.len(), 4);
}

#[test]
fn e32_rejects_other_pages_by_either_transport() {
    let mut driver = Driver::new(guarded());
    let evil = ("Origin", "https://evil.example");
    let asked = driver.ask("GET", "/engine.io/?EIO=4&transport=polling", &[evil]);
    assert_eq!(asked.refusal(), (403, r#"{"code":4,"message":"origin not allowed"}"#.into()));
    let headers = [WEBSOCKET, &[evil]].concat();
    let asked = driver.ask("GET", "/engine.io/?EIO=4&transport=websocket", &headers);
    assert_eq!(asked.refusal(), (400, "origin not allowed".into()));
    // One that knows the session, too.
    let client = driver.connect();
    let target = format!("/engine.io/?EIO=4&transport=websocket&sid={}", client.sid);
    assert_eq!(driver.ask("GET", &target, &headers).refusal().0, 400);
    let twice = [("Origin", "https://a.example"), ("Origin", "https://a.example")];
    refused(driver.ask("GET", "/engine.io/?EIO=4&transport=polling", &twice), BAD_REQUEST);
    assert_eq!(driver.server.len(), 1);
}

#[test]
fn e32_rejects_a_page_that_was_rebound_to_this_address() {
    let hosts = HostPolicy::Listed(vec!["localhost".into()]);
    let mut driver = Driver::new(Config::new(OriginPolicy::SameHost, hosts));
    let asked = driver.ask("GET", "/engine.io/?EIO=4&transport=polling", &[]);
    assert_eq!(asked.refusal().0, 421, "it names example.com, and no origin");
    assert!(driver.server.is_empty());
}

/// Over HTTP/2 an extended CONNECT takes the place of the GET.
#[test]
fn e8_accepts_websockets_over_http2() {
    let mut server = Server::<u32>::new(config(), SessionId::from_os);
    let now = Instant::default();
    let mut ask = |name, path: &str| {
        let version = [("Sec-WebSocket-Version", b"13" as &[u8])];
        let request = Request::extended_connect("example.com", path, version).unwrap();
        server.request(now, name, &request, None, |_| Ok(()))
    };
    let verdict = ask(1, "/engine.io/?EIO=4&transport=websocket");
    assert!(matches!(verdict, Verdict::Upgrade(_)), "{verdict:?}");
    let verdict = ask(2, "/engine.io/?EIO=4&transport=polling");
    assert!(matches!(verdict, Verdict::Respond(_)), "{verdict:?}");
}
