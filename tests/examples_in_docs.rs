//! Every public module, and every type that a program begins with, shows an example.
//!
//! Run with `cargo test --test examples_in_docs`. That the examples compile, and that what they assert
//! is so, is for `cargo test --doc`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets an error fails")]

use std::fs;
use std::path::{Path, PathBuf};

/// Files below `src`, and the types in them.
const TYPES: [(&str, &[&str]); 40] = [
    ("blocking/connector.rs", &["Connector"]),
    ("blocking/mod.rs", &["WebSocket"]),
    ("blocking/opening.rs", &["Answer"]),
    ("blocking/stream.rs", &["Stream", "Plain"]),
    ("blocking/tls_stream.rs", &["TlsStream"]),
    ("close.rs", &["CloseCode", "CloseReason"]),
    ("connection/closing.rs", &["Transport", "Ended"]),
    ("connection/event.rs", &["MessageKind", "Event"]),
    ("connection/mod.rs", &["Config"]),
    ("connection/prepared.rs", &["PreparedMessage"]),
    ("deadlines/clock.rs", &["Clock"]),
    ("deadlines/instant.rs", &["Instant"]),
    ("deadlines/mod.rs", &["Deadlines"]),
    ("deadlines/timeouts.rs", &["Timeouts"]),
    ("deflate/mod.rs", &["Deflate"]),
    ("entropy.rs", &["MaskSource", "Masks"]),
    ("extension.rs", &["Offer"]),
    ("frame.rs", &["Header", "ControlPayload"]),
    ("handshake/body.rs", &["BodyFraming", "BodyDecoder"]),
    ("handshake/client.rs", &["ClientHandshake"]),
    ("handshake/client_request.rs", &["ClientRequest"]),
    ("handshake/origin.rs", &["OriginPolicy"]),
    ("handshake/proxy.rs", &["Proxy", "ProxyConnect"]),
    ("handshake/received_response.rs", &["ReceivedResponse"]),
    ("handshake/redirects.rs", &["Redirects"]),
    ("handshake/request.rs", &["Request"]),
    ("handshake/response.rs", &["Response"]),
    ("handshake/server.rs", &["ServerHandshake", "Upgrade", "Acceptance"]),
    ("limits.rs", &["Limits"]),
    ("mask.rs", &["Mask"]),
    ("mio/memory.rs", &["Memory"]),
    ("mio/mod.rs", &["WebSocket"]),
    ("mio/stream.rs", &["Stream"]),
    ("mio/reply.rs", &["Reply"]),
    ("mio/server/mod.rs", &["Server"]),
    ("mio/server/websockets/mod.rs", &["Handler"]),
    ("mio/turn.rs", &["Turn"]),
    ("recv_buffer/mod.rs", &["RecvBuffer"]),
    ("send_queue.rs", &["SendQueue"]),
    ("utf8.rs", &["Validator"]),
];

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Whether a text of rustdoc has a block that `cargo test --doc` compiles.
fn has_example(doc: &[&str]) -> bool {
    let mut fences = doc.iter().map(|line| line.trim()).filter(|line| line.starts_with("```"));
    // Every second one ends a block.
    std::iter::from_fn(|| fences.next().zip(fences.next()))
        .any(|(begin, _)| matches!(begin, "```" | "```no_run"))
}

/// The text at the top of a module. In that of the crate there are attributes.
fn module_doc(source: &str) -> Vec<&str> {
    let top = source.lines().take_while(|line| line.starts_with("//!") || line.starts_with("#!["));
    top.filter_map(|line| line.strip_prefix("//!")).collect()
}

/// The text of a type, which is found by its name; `None` if there is no such type.
fn type_doc<'s>(source: &'s str, name: &str) -> Option<Vec<&'s str>> {
    let declares = |line: &str| {
        let kinds = ["pub struct ", "pub enum ", "pub trait "];
        let rest = kinds.iter().find_map(|kind| line.strip_prefix(kind)?.strip_prefix(name));
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    let lines: Vec<_> = source.lines().collect();
    let declaration = lines.iter().position(|line| declares(line))?;
    // Between the text and the type there are attributes.
    let above = lines[..declaration].iter().rev().skip_while(|line| line.starts_with("#["));
    let mut doc: Vec<_> = above.map_while(|line| line.strip_prefix("///")).collect();
    doc.reverse();
    Some(doc)
}

#[test]
fn each_public_module_has_an_example() {
    let lib = fs::read_to_string(src().join("lib.rs")).unwrap();
    let modules: Vec<_> =
        lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert!(modules.len() >= 9, "only {modules:?}");
    assert!(has_example(&module_doc(&lib)), "lib.rs");
    for module in modules {
        let files = [src().join(module).join("mod.rs"), src().join(format!("{module}.rs"))];
        let source = files.iter().find_map(|file| fs::read_to_string(file).ok()).unwrap();
        assert!(has_example(&module_doc(&source)), "the module {module} has no example");
    }
}

#[test]
fn each_main_type_has_an_example() {
    for (file, names) in TYPES {
        let source = fs::read_to_string(src().join(file)).unwrap();
        for name in names {
            let doc = type_doc(&source, name).unwrap_or_else(|| panic!("no {name} in {file}"));
            assert!(has_example(&doc), "{name} in {file} has no example");
        }
    }
}

#[test]
fn examples_are_told_from_what_is_none() {
    let example =
        "/// Says it.\n///\n/// ```\n/// f();\n/// ```\n#[derive(Debug)]\npub struct A<T>(T);";
    assert!(has_example(&type_doc(example, "A").unwrap()));
    assert_eq!(type_doc(example, "B"), None);
    assert_eq!(type_doc("pub struct Ab;", "A"), None);
    assert!(!has_example(&type_doc("/// Says it.\npub enum A {}", "A").unwrap()));
    assert!(!has_example(&type_doc("/// ```\n/// ```\nfn f() {}\npub enum A {}", "A").unwrap()));
    assert!(!has_example(&module_doc("//! ```text\n//! a picture\n//! ```\n//! more")));
    assert!(has_example(&module_doc("//! ```text\n//! ```\n//! ```no_run\n//! f();\n//! ```")));
}
