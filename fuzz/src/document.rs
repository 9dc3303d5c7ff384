//! Two readers of one JSON document: the service's own and one that follows RFC 8259 alone ([`rfc8259`]).
//!
//! They must agree on what a document is, on every value in it, and on the place of a number beyond all limits.

use crate::rfc8259::{Node, Reader};
use command_service::json::{self, Json, Unreadable};

/// The document, if it is one; asserts that both readers agree on that.
pub(crate) fn read(bytes: &[u8]) -> Result<(Json<'_>, Node), Unreadable> {
    let ours = json::parse(bytes);
    let mut reader = Reader::of(bytes);
    let other = reader.document();
    match (ours, other) {
        (Ok(tree), Some(node)) => {
            same(&tree, &node);
            Ok((tree, node))
        }
        (Ok(_), None) => panic!("accepted, but no document of RFC 8259"),
        (Err(Unreadable::HugeNumber { pointer }), _) => {
            assert!(reader.large().contains(&pointer), "not {pointer:?}: {:?}", reader.large());
            Err(Unreadable::HugeNumber { pointer })
        }
        (Err(Unreadable::Malformed), Some(_)) => panic!("refused, but a document of RFC 8259"),
        (Err(Unreadable::Malformed), None) => Err(Unreadable::Malformed),
    }
}

fn same(tree: &Json<'_>, node: &Node) {
    match (tree, node) {
        (Json::Null, Node::Null) => {}
        (Json::Bool(ours), Node::Bool(other)) => assert_eq!(ours, other),
        (Json::Integer(ours), Node::Number(other)) => assert_eq!(&ours.to_string(), other),
        (Json::OtherNumber, Node::Number(other)) => {
            assert!(other == "-0" || other.parse::<i64>().is_err(), "{other} is an integer");
        }
        (Json::String(ours), Node::String(other)) => assert_eq!(ours, other),
        (Json::Array(ours), Node::Array(other)) => {
            assert_eq!(ours.len(), other.len());
            ours.iter().zip(other).for_each(|(ours, other)| same(ours, other));
        }
        (Json::Object(ours), Node::Object(other)) => {
            assert_eq!(ours.len(), other.len());
            for ((name, ours), (other_name, other)) in ours.iter().zip(other) {
                assert_eq!(name, other_name);
                same(ours, other);
            }
        }
        _ => panic!("{tree:?} is not {node:?}"),
    }
}
