//! What holds for everything.

use crate::tree::Tree;
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use sansio_socketio::{
    Args, EncodeError, EncodedArgs, InvalidPacket, MAX_ATTACHMENTS, Packet, PacketKind, Raw,
    is_reserved,
};

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::Bool),
        any::<i64>().prop_map(|n| Tree::Number(n.into())),
        any::<f64>()
            .prop_filter_map("finite", |n| { serde_json::Number::from_f64(n).map(Tree::Number) }),
        any::<String>().prop_map(Tree::String),
        vec(any::<u8>(), 0..8).prop_map(|bytes| Tree::Binary(bytes.into())),
    ];
    let key = prop_oneof!["num", "_placeholder", any::<String>()];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Tree::List),
            vec((key.clone(), inner), 0..4).prop_map(Tree::Object),
        ]
    })
}

fn attachments(tree: &Tree) -> Vec<Bytes> {
    match tree {
        Tree::Binary(bytes) => vec![bytes.clone()],
        Tree::List(list) => list.iter().flat_map(attachments).collect(),
        Tree::Object(members) => members.iter().flat_map(|(_, value)| attachments(value)).collect(),
        _ => vec![],
    }
}

fn looks_like_a_placeholder(tree: &Tree) -> bool {
    match tree {
        Tree::List(list) => list.iter().any(looks_like_a_placeholder),
        Tree::Object(members) => members.iter().any(|(key, value)| {
            key == "_placeholder" && *value == Tree::Bool(true) || looks_like_a_placeholder(value)
        }),
        _ => false,
    }
}

proptest! {
    #[test]
    fn arguments_come_back(
        name in any::<String>().prop_filter("not reserved", |name| !is_reserved(name)),
        namespace in "/[^,]*",
        ack in any::<Option<u64>>(),
        args in vec(tree(), 0..4),
    ) {
        let args = Tree::List(args);
        let binary = attachments(&args);
        let encoded = match EncodedArgs::event(&name, &args) {
            Ok(encoded) => encoded,
            Err(EncodeError::TooManyAttachments) => {
                prop_assert!(binary.len() > MAX_ATTACHMENTS);
                return Ok(());
            }
            Err(EncodeError::Placeholder) => {
                prop_assert!(!binary.is_empty() && looks_like_a_placeholder(&args));
                return Ok(());
            }
            Err(error) => panic!("{error}"),
        };
        prop_assert_eq!(encoded.attachments(), &binary);
        let packet = encoded.packet(PacketKind::Event, &namespace, ack);
        let mut text = String::new();
        packet.encode(&mut text);
        prop_assert!(encoded.json().chars().all(|c| c >= ' '));
        prop_assert_eq!(Packet::decode(&text), Ok(packet));

        let (came, received) = Args::event(encoded.json(), binary.clone()).unwrap();
        prop_assert_eq!(came.as_deref(), Some(&*name));
        prop_assert_eq!(received.parse::<Tree>().unwrap(), args);
        // As they are, and as raw values that somebody takes apart and puts together.
        prop_assert_eq!(&EncodedArgs::event(&name, &received).unwrap(), &encoded);
        let raw: Vec<Raw<'_>> = received.parse().unwrap();
        prop_assert_eq!(&EncodedArgs::event(&name, &raw).unwrap(), &encoded);
    }

    #[test]
    fn what_decodes_comes_back(text in "[0-7][0-9]{0,2}-?(/[a-c,]{0,2},)?[0-9]{0,3}[\\[{\"]?.{0,9}[\\]}\"]?") {
        if let Ok(packet) = Packet::decode(&text) {
            let mut again = String::new();
            packet.encode(&mut again);
            prop_assert_eq!(Packet::decode(&again), Ok(packet));
        }
    }

    #[test]
    fn text_that_is_not_json_does_no_harm(text in any::<String>(), list in "[\\[\\]{}\",:\\\\ a1_t]{0,20}") {
        for text in [text, list, "[\"\\".into(), "{\"_placeholder\":true".into()] {
            let attachments = vec![Bytes::new()];
            match Args::event(&*text, attachments) {
                Ok((_, args)) => {
                    prop_assert!(args.len() <= text.len());
                    let _ = args.parse::<Tree>();
                    let _ = EncodedArgs::new(&args);
                }
                Err(error) => prop_assert_eq!(error, InvalidPacket::Placeholder),
            }
        }
    }
}
