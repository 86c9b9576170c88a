//! Values that are nested deeply, on a stack that has no room for recursion.

use crate::bytes;
use sansio_socketio::{Args, EncodedArgs, InvalidPacket, Packet, PacketKind, Raw};
use serde::de::IgnoredAny;
use serde_json::Value;

/// On a stack of so many KiB.
fn on_a_stack(kibibytes: usize, test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(kibibytes * 1024);
    thread.spawn(test).unwrap().join().unwrap();
}

fn nested(levels: usize, open: &str, inner: &str, close: &str) -> String {
    [open.repeat(levels), inner.into(), close.repeat(levels)].concat()
}

fn goes_through(levels: usize, shapes: &[(&str, &str)]) {
    for (open, close) in shapes {
        let value = nested(levels, open, "1", close);
        let text = format!("2[\"a\",{value}]");
        let packet = Packet::decode(&text).unwrap();
        let (_, args) = Args::event(packet.data.unwrap(), vec![]).unwrap();
        assert_eq!(args.len(), 1);
        assert_eq!(args.raw(0).unwrap().json(), value);
        assert_eq!(args.parse::<(Raw<'_>,)>().unwrap().0.json(), value);
        args.parse::<(IgnoredAny,)>().unwrap();
        let mut again = String::new();
        let encoded = EncodedArgs::event("a", &args).unwrap();
        encoded.packet(PacketKind::Event, "/", None).encode(&mut again);
        assert_eq!(again, text);
        assert_eq!(Packet::decode(text.get(..text.len() - 2).unwrap()), Err(InvalidPacket::Json));
    }
}

#[test]
fn s4_accepts_100_000_levels() {
    on_a_stack(128, || goes_through(100_000, &[("[", "]"), ("{\"a\":", "}"), ("[{\"b\":", "}]")]));
}

#[test]
fn s4_accepts_5_000_000_levels() {
    on_a_stack(128, || goes_through(5_000_000, &[("[", "]")]));
}

#[test]
fn s4_accepts_attachments_below_100_000_levels() {
    on_a_stack(128, || {
        let placeholder = "{\"_placeholder\":true,\"num\":0}";
        let list = format!("[{}]", nested(100_000, "[{\"b\":", placeholder, "}]"));
        let args = Args::new(&*list, vec![bytes("zero")]).unwrap();
        let raw: Raw<'_> = args.get(0).unwrap();
        assert_eq!(raw.attachments().collect::<Vec<_>>(), [&bytes("zero")]);
        let encoded = EncodedArgs::new(&(raw,)).unwrap();
        assert_eq!((encoded.json(), encoded.attachments()), (&*list, &[bytes("zero")][..]));
        let bad = list.replace(":0}", ":1}");
        assert_eq!(Args::new(bad, vec![bytes("zero")]), Err(InvalidPacket::Placeholder));
    });
}

#[test]
fn s4_rejects_building_more_than_128_levels() {
    // That is recursive: 128 levels have room, 100,000 would not.
    on_a_stack(2048, || {
        let list = format!("[{},2]", nested(127, "[", "1", "]"));
        let args = Args::new(&*list, vec![]).unwrap();
        args.get::<Value>(0).unwrap();
        for levels in [129, 100_000] {
            for (open, inner, close) in [
                ("[", "1", "]"),
                ("{\"a\":", "1", "}"),
                ("[", "{\"_placeholder\":true,\"num\":0}", "]"),
            ] {
                let list = format!("[{},2]", nested(levels, open, inner, close));
                let args = Args::new(&*list, vec![bytes("zero")]).unwrap();
                assert_eq!(args.parse::<(Value, u8)>().unwrap_err().position(), Some(0));
                assert_eq!(args.parse::<(IgnoredAny, u8)>().unwrap().1, 2);
            }
        }
    });
}
