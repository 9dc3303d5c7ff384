//! Cursors: where the next page begins, signed and bound to the list they came from.
//!
//! A cursor is lowercase hex of a place and a MAC over the list's scope (endpoint, filters, sort) and that place. A
//! cursor that was forged, cut, or taken from another list is refused. It holds no secret, only the sort key and id of
//! a row already shown.

use crate::problems;
use hmac::{Hmac, KeyInit, Mac};
use server::Problem;
use sha2::Sha256;

/// Bytes of the MAC that are kept.
const MAC_BYTES: usize = 16;
/// The longest id, in bytes. New ids have at most 64; ids stored under an earlier rule can be longer.
const MAX_ID: usize = 1_024;
/// The longest cursor: a sort key, the longest id, the MAC, in hex.
const MAX_CURSOR: usize = 2 * (16 + MAX_ID + MAC_BYTES);

/// Signs and checks cursors.
#[derive(Clone)]
pub struct CursorKey(Hmac<Sha256>);

/// A place in a list: the sort key and the id of the last row before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What the list is sorted by, as a number.
    pub key: i128,
    /// Breaks ties of the sort key.
    pub id: Vec<u8>,
}

impl std::fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CursorKey")
    }
}

impl CursorKey {
    /// A key that signs with these bytes, of any length.
    pub fn new(key: impl AsRef<[u8]>) -> Self {
        Self(Hmac::new_from_slice(key.as_ref()).expect("HMAC takes keys of any length"))
    }

    /// The cursor for a place in the list that `scope` describes.
    pub fn seal(&self, scope: &str, place: &Place) -> String {
        let mut bytes = place.key.to_be_bytes().to_vec();
        bytes.extend_from_slice(&place.id);
        let mac = self.over(scope, &bytes).finalize().into_bytes();
        bytes.extend_from_slice(&mac[..MAC_BYTES]);
        hex::encode(bytes)
    }

    /// The place that a cursor names.
    ///
    /// # Errors
    /// 400 `invalid-cursor` when it is not one that this list gave.
    pub fn open(&self, scope: &str, cursor: &str) -> Result<Place, Problem> {
        self.read(scope, cursor).ok_or_else(|| {
            Problem::new(problems::INVALID_CURSOR).detail(
                "Take next_cursor as the last answer gave it, with the same path, filters and sort; \
                 or leave it out to begin anew.",
            )
        })
    }

    fn read(&self, scope: &str, cursor: &str) -> Option<Place> {
        if cursor.len() > MAX_CURSOR || cursor.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        let bytes = hex::decode(cursor).ok()?;
        let (place, mac) = bytes.split_at_checked(bytes.len().checked_sub(MAC_BYTES)?)?;
        self.over(scope, place).verify_truncated_left(mac).ok()?;
        let (key, id) = place.split_first_chunk()?;
        Some(Place { key: i128::from_be_bytes(*key), id: id.to_vec() })
    }

    fn over(&self, scope: &str, place: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(&(scope.len() as u64).to_be_bytes());
        mac.update(scope.as_bytes());
        mac.update(place);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place { key: -7, id: b"product-1".to_vec() }
    }

    #[test]
    fn a_cursor_comes_back_as_the_place_it_was_made_of() {
        let key = CursorKey::new([7; 32]);
        let cursor = key.seal("orders?", &place());
        assert_eq!(key.open("orders?", &cursor).unwrap(), place());
    }

    #[test]
    fn a_list_takes_its_cursor_whatever_an_earlier_rule_let_be_an_id() {
        let key = CursorKey::new([7; 32]);
        for id in [Vec::new(), vec![b'x'; 65], "Größe 7/8 ".repeat(40).into_bytes()] {
            let place = Place { key: i128::MIN, id };
            assert_eq!(key.open("products?", &key.seal("products?", &place)).unwrap(), place);
        }
    }

    #[test]
    fn a_foreign_forged_or_malformed_cursor_is_refused() {
        let key = CursorKey::new([7; 32]);
        let cursor = key.seal("orders?status=placed", &place());
        let refused = |scope: &str, cursor: &str| {
            let problem = key.open(scope, cursor).unwrap_err();
            assert_eq!(problem.code(), problems::INVALID_CURSOR, "{scope} {cursor}");
        };
        refused("orders?status=draft", &cursor);
        refused("orders?status=placed", &cursor[..cursor.len() - 2]);
        refused("orders?status=placed", &cursor[2..]);
        refused("orders?status=placed", &cursor[1..]);
        refused("orders?status=placed", &cursor.to_uppercase());
        refused(
            "orders?status=placed",
            &CursorKey::new([8; 32]).seal("orders?status=placed", &place()),
        );
        for malformed in ["", "0", "zz", "null", &"00".repeat(24), &"ab".repeat(1_500), "é"] {
            refused("orders?status=placed", malformed);
        }
        for index in 0..cursor.len() {
            let mut forged = cursor.clone().into_bytes();
            forged[index] = if forged[index] == b'0' { b'1' } else { b'0' };
            refused("orders?status=placed", std::str::from_utf8(&forged).unwrap());
        }
    }
}
