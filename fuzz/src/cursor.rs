//! Cursors of pages: each list accepts the cursors that it gave, and no others.
//!
//! An input is a query string, a line end, and a cursor or the bytes of a place (a sort key of 16 bytes and an id). The
//! query selects the list, to which the cursor is bound.

use chrono::{DateTime, Utc};
use query_service::cursor::{CursorKey, Place};
use query_service::params::{ListRequest, OrdersQuery};
use server::{Problem, ProblemCode};
use std::sync::LazyLock;

/// The longest id for which a list gives a cursor.
const MAX_ID: usize = 1_024;
/// The cursor for it: in hexadecimal digits, with its key and its proof.
const MAX_CURSOR: usize = 2 * (16 + MAX_ID + 16);

static KEY: LazyLock<CursorKey> = LazyLock::new(|| CursorKey::new([7; 32]));
static OTHER_KEY: LazyLock<CursorKey> = LazyLock::new(|| CursorKey::new([8; 32]));

/// Opens the cursor in the list, and seals the place for the list.
pub fn check(input: &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let rest = &input[(end + 1).min(input.len())..];
    let query = String::from_utf8_lossy(&input[..end]);
    let scope = match list(&query) {
        Ok(scope) => scope,
        Err(problem) => return assert!(is_about_the_query(&problem), "{:?}", problem.code()),
    };
    foreign(&scope, &String::from_utf8_lossy(rest));
    if let Some((key, id)) = rest.split_first_chunk() {
        let place = Place { key: i128::from_be_bytes(*key), id: id.to_vec() };
        own(&scope, &place);
    }
}

/// The scope to which the list's cursors are bound.
fn list(query: &str) -> Result<String, Problem> {
    let now = DateTime::<Utc>::from_timestamp(1_800_000_000, 0).expect("a time of this century");
    let read = |query: &str| {
        let query: OrdersQuery = server::extract::read(query)?;
        ListRequest::read(query, now)
    };
    let request = read(query)?;
    assert!((1..=200).contains(&request.limit));
    let scope = request.scope("/v1/orders");
    assert_ne!(request.scope("/v1/customers/c/orders"), scope);
    // The length of the page and its start do not make another list.
    let elsewhere = ListRequest { cursor: None, limit: 7, ..request };
    assert_eq!(elsewhere.scope("/v1/orders"), scope);
    Ok(scope)
}

fn is_about_the_query(problem: &Problem) -> bool {
    matches!(problem.code(), ProblemCode::INVALID_PARAMETER | ProblemCode::UNKNOWN_PARAMETER)
}

/// An arbitrary cursor: if it opens, it is the one cursor of its place.
fn foreign(scope: &str, cursor: &str) {
    match KEY.open(scope, cursor) {
        Ok(place) => assert_eq!(KEY.seal(scope, &place), cursor),
        Err(problem) => {
            assert_eq!(problem.code(), query_service::problems::INVALID_CURSOR);
            // Whatever was sent, the answer is the same, so it repeats nothing of it.
            let of_nothing = KEY.open(scope, "").expect_err("nothing is no cursor");
            assert_eq!(problem.to_value(), of_nothing.to_value());
        }
    }
}

/// Our own cursor opens in its list to its place. Changed, in another list or with another key, it does not.
fn own(scope: &str, place: &Place) {
    let cursor = KEY.seal(scope, place);
    assert!(cursor.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
    let opened = KEY.open(scope, &cursor).ok();
    if place.id.len() <= MAX_ID {
        assert!(cursor.len() <= MAX_CURSOR);
        assert_eq!(opened.as_ref(), Some(place));
    }
    refused(&format!("{scope} "), &cursor);
    refused(&scope[..scope.len() - 1], &cursor);
    refused(scope, &OTHER_KEY.seal(scope, place));
    refused(scope, &cursor[2..]);
    refused(scope, &cursor[..cursor.len() - 2]);
    let upper = cursor.to_uppercase();
    assert!(upper == cursor || KEY.open(scope, &upper).is_err());
    // Change one digit, chosen by the place.
    let at = place.id.iter().map(|byte| usize::from(*byte)).sum::<usize>() % cursor.len();
    let mut changed = cursor.clone().into_bytes();
    changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
    refused(scope, &String::from_utf8(changed).expect("digits"));
}

fn refused(scope: &str, cursor: &str) {
    assert!(KEY.open(scope, cursor).is_err(), "{cursor} opens in {scope}");
}
