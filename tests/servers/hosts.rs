//! A page of the web whose own name points at this machine (DNS rebinding).

use super::*;

fn get(server: &Server, host: &str, upgrade: &str) -> String {
    let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n{upgrade}\r\n");
    let mut stream = server.connect();
    stream.write_all(head.as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

#[test]
fn a_page_of_another_name_gets_neither_the_chat_nor_its_page() {
    let server = Server::chat("127.0.0.1:0", &[]);
    let port = server.address.port();
    for host in [format!("127.0.0.1:{port}"), format!("LOCALHOST:{port}"), "[::1]".into()] {
        assert_eq!(get(&server, &host, ""), "HTTP/1.1 200 OK\r\n", "{host}");
        assert_eq!(get(&server, &host, UPGRADE), "HTTP/1.1 101 Switching Protocols\r\n", "{host}");
    }
    for host in ["evil.example", "localhost.evil.example"] {
        for upgrade in ["", UPGRADE] {
            let answer = get(&server, host, upgrade);
            assert_eq!(answer, "HTTP/1.1 421 Misdirected Request\r\n", "{host}");
        }
    }
}

#[test]
fn a_server_behind_a_proxy_goes_by_the_names_it_is_given() {
    let server = Server::chat("127.0.0.1:0", &["--host", "chat.example", "--host", "b.example:81"]);
    for host in ["chat.example", "chat.example:443", "b.example:81"] {
        assert_eq!(get(&server, host, ""), "HTTP/1.1 200 OK\r\n", "{host}");
    }
    for host in ["localhost", "b.example"] {
        assert_eq!(get(&server, host, ""), "HTTP/1.1 421 Misdirected Request\r\n", "{host}");
    }
}
