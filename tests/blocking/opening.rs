//! Opening, over TCP.

use super::*;

/// Sends `request` as a client and reads to the end. Returns what the client has read, and what the
/// server reports.
fn exchange(
    request: &[u8],
    decide: fn(&Request<'_>) -> Result<Connection, Response>,
) -> (String, Error) {
    let (server, mut client) = tcp();
    client.write_all(request).unwrap();
    let server = thread::spawn(move || {
        WebSocket::accept_with(server, &Limits::default(), FAR, decide).unwrap_err()
    });
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("the answer arrives, and no reset");
    drop(client);
    (answer, server.join().unwrap())
}

#[test]
fn requests_that_are_no_handshake_are_answered() {
    bounded(|| {
        let status = |answer: &str| answer[9..12].parse::<u16>().unwrap();
        let get = b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n";
        let (answer, error) = exchange(get, |request| {
            Err(match request.path() {
                "/page" => Response::html("<p>hello</p>"),
                _ => Response::not_found(),
            })
        });
        assert!(matches!(error, Error::Responded(Status::OK)));
        assert_eq!(status(&answer), 200);
        assert!(answer.ends_with("\r\n\r\n<p>hello</p>"));

        let (answer, error) = exchange(get, |_| Err(Response::not_found()));
        assert!(matches!(error, Error::Responded(Status::NOT_FOUND)));
        assert_eq!(status(&answer), 404);

        let (answer, error) = exchange(get, accept);
        assert!(matches!(error, Error::Responded(Status::UPGRADE_REQUIRED)));
        assert_eq!(status(&answer), 426);

        let old = String::from_utf8_lossy(REQUEST).replace("Version: 13", "Version: 8");
        let (answer, _) = exchange(old.as_bytes(), accept);
        assert_eq!(status(&answer), 426);
        assert!(answer.contains("Sec-WebSocket-Version: 13\r\n"));

        let (answer, error) = exchange(b"\x16\x03\x01 a TLS hello \n", accept);
        assert!(matches!(error, Error::Handshake(HandshakeError::BareControlByte)));
        assert_eq!(status(&answer), 400);

        let long = [b"GET / HTTP/1.1\r\nA: ", &[b'a'; 100_000][..]].concat();
        let (answer, error) = exchange(&long, accept);
        assert!(matches!(error, Error::Handshake(HandshakeError::HeadTooLong)));
        assert_eq!(status(&answer), 431);

        // Much behind a request that is refused does not destroy the answer.
        let (answer, _) = exchange(&[&get[..], &[0; 200_000]].concat(), accept);
        assert_eq!(status(&answer), 426);
    });
}

#[test]
fn bytes_behind_the_handshake_are_kept() {
    bounded(|| {
        let (server, mut client) = tcp();
        let frames = wire(true, [Frame::text("early"), Frame::text("bird")]);
        client.write_all(&[REQUEST, &frames].concat()).unwrap();
        let mut server =
            WebSocket::accept(server, OriginPolicy::SameHost, Config::default(), FAR).unwrap();
        assert_eq!(server.read().unwrap(), Some(Event::Text("early")));
        assert_eq!(server.read().unwrap(), Some(Event::Text("bird")));

        let script = Script::server(wire(false, [Frame::text("early")]), End::Eof);
        let client = WebSocket::connect(script, &request(), Config::default(), FAR).unwrap();
        assert_eq!(go_on(client).events, [Seen::text("early")]);
    });
}

#[test]
fn a_client_is_told_how_it_was_refused() {
    bounded(|| {
        let answer =
            b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 403 Go away\r\nX-Why: \xFF\r\n\r\nno";
        let script = Script::new(&answer[..], End::Eof);
        match WebSocket::connect(script, &request(), Config::default(), FAR) {
            Err(Error::Refused(refused)) => {
                assert_eq!((refused.status, &refused.reason[..]), (403, "Go away"));
                assert_eq!(refused.headers, [("X-Why".into(), b"\xFF".to_vec())]);
                assert_eq!(refused.body, b"no");
            }
            connected => panic!("{:?}", connected.map(drop)),
        }
        let script = Script::new(RESPONSE, End::Eof);
        match WebSocket::connect(script, &request(), Config::default(), FAR) {
            Err(Error::Handshake(error)) => assert_eq!(error, HandshakeError::InvalidAccept),
            connected => panic!("{:?}", connected.map(drop)),
        }
    });
}

#[test]
fn a_subprotocol_is_agreed_on() {
    bounded(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            WebSocket::accept_with(stream, &Limits::default(), FAR, |request| {
                let upgrade = request.upgrade(OriginPolicy::SameHost)?;
                let subprotocol = upgrade.choose(&["two"]);
                let reply = Acceptance::default().subprotocol(subprotocol).headers(&[("X-A", "b")]);
                Ok(upgrade.accept(&reply, Config::default())?)
            })
            .unwrap()
        });
        let request = ClientRequest::new(&url).unwrap();
        let request = request.subprotocol("one").unwrap().subprotocol("two").unwrap();
        let client = WebSocket::open(&request, Config::default(), FAR).unwrap();
        assert_eq!(client.subprotocol(), Some("two"));
        server.join().unwrap();
    });
}

#[test]
fn what_can_not_be_connected_is_an_error() {
    bounded(|| {
        let open = |url: &str| {
            let request = ClientRequest::new(url).unwrap();
            WebSocket::open(&request, Config::default(), FAR).unwrap_err()
        };
        assert!(matches!(open("wss://127.0.0.1:1/"), Error::Secure));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        drop(listener);
        match open(&url) {
            Error::Io(error) => assert_eq!(error.kind(), ErrorKind::ConnectionRefused),
            error => panic!("{error}"),
        }
    });
}
