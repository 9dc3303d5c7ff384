//! Stored events and snapshots of stock: their exact bytes, both ways, and a clear error for what cannot be read.

#![allow(clippy::unwrap_used, missing_docs)]

mod shelves;

use domain::stock::stored::EVENT_TYPES;
use domain::stock::{
    Movement, MovementChange, ReleaseCause, ReservedLine, Shortage, StockAggregate, StockCommand,
    StockEvent, StockState, Wanted, item_id,
};
use domain::{Aggregate, Catalogue, DecodeError};
use shelves::*;
use std::collections::BTreeSet;

fn lines() -> Vec<ReservedLine> {
    let line = |product: &str, warehouse: &str, quantity, tracked| ReservedLine {
        product_id: id(product),
        warehouse: id(warehouse),
        quantity,
        tracked,
    };
    vec![line("tea", "north", 2, true), line("cup", "south", 1, false)]
}

const LINES: &str = concat!(
    r#""lines":[{"product_id":"tea","warehouse":"north","quantity":2,"tracked":true},"#,
    r#"{"product_id":"cup","warehouse":"south","quantity":1,"tracked":false}]"#
);
const ITEM: &str = r#""product_id":"tea","warehouse":"north""#;
const NUMBER: &str = r#""00000000-0000-0000-0000-000000000007""#;
const ORDER: &str = r#""00000000-0000-0000-0000-000000000009""#;

fn movement(change: MovementChange) -> StockEvent {
    let (product_id, warehouse) = (id("tea"), id("north"));
    StockEvent::MovementRecorded(Movement { product_id, warehouse, change })
}

/// Each event with and without its optional members, and its payload.
#[rustfmt::skip]
fn golden() -> Vec<(StockEvent, String)> {
    let (product_id, warehouse) = (id("tea"), id("north"));
    let (movement_id, reservation_id) = (uuid(7), uuid(7));
    let wanted = vec![Wanted { product_id: id("cup"), quantity: 1 }, Wanted { product_id: id("tea"), quantity: 2 }];
    let short = vec![Shortage { product_id: id("tea"), wanted: 2, available: 1 }];
    let asked = r#""wanted":[{"product_id":"cup","quantity":1},{"product_id":"tea","quantity":2}]"#;
    let (order, none) = (Some(uuid(9)), None);
    let both = || (product_id.clone(), warehouse.clone());
    let item = |event: fn(domain::Reference, domain::Reference) -> StockEvent| event(both().0, both().1);
    vec![
        (item(|product_id, warehouse| StockEvent::StockReceived { product_id, warehouse, movement_id: uuid(7), quantity: 12 }),
            format!(r#"{{{ITEM},"movement_id":{NUMBER},"quantity":12}}"#)),
        (StockEvent::StockAdjusted { product_id: both().0, warehouse: both().1, movement_id, delta: -3, reason: why() },
            format!(r#"{{{ITEM},"movement_id":{NUMBER},"delta":-3,"reason":"counted again"}}"#)),
        (item(|product_id, warehouse| StockEvent::StockReturned { product_id, warehouse, movement_id: uuid(7), quantity: 1, restocked: false }),
            format!(r#"{{{ITEM},"movement_id":{NUMBER},"quantity":1,"restocked":false}}"#)),
        (StockEvent::StockReserved { product_id: both().0, warehouse: both().1, reservation_id, quantity: 2 },
            format!(r#"{{{ITEM},"reservation_id":{NUMBER},"quantity":2}}"#)),
        (item(|product_id, warehouse| StockEvent::StockReleased { product_id, warehouse, reservation_id: uuid(7), quantity: 2, why: ReleaseCause::Released }),
            format!(r#"{{{ITEM},"reservation_id":{NUMBER},"quantity":2,"why":"released"}}"#)),
        (item(|product_id, warehouse| StockEvent::StockReleased { product_id, warehouse, reservation_id: uuid(7), quantity: 2, why: ReleaseCause::Expired }),
            format!(r#"{{{ITEM},"reservation_id":{NUMBER},"quantity":2,"why":"expired"}}"#)),
        (item(|product_id, warehouse| StockEvent::StockCommitted { product_id, warehouse, reservation_id: uuid(7), quantity: 2 }),
            format!(r#"{{{ITEM},"reservation_id":{NUMBER},"quantity":2}}"#)),
        (item(|product_id, warehouse| StockEvent::StockShortfallFound { product_id, warehouse, available: -4 }),
            format!(r#"{{{ITEM},"available":-4}}"#)),
        (movement(MovementChange::Receipt { quantity: 12 }),
            format!(r#"{{{ITEM},"kind":"receipt","quantity":12}}"#)),
        (movement(MovementChange::Adjustment { delta: -3, reason: why() }),
            format!(r#"{{{ITEM},"kind":"adjustment","delta":-3,"reason":"counted again"}}"#)),
        (movement(MovementChange::Return { quantity: 1, restocked: true }),
            format!(r#"{{{ITEM},"kind":"return","quantity":1,"restocked":true}}"#)),
        (StockEvent::ReservationMade { reservation_id, order_id: order, lines: lines(), wanted: wanted.clone(), expires_at: Some(at(0)) },
            format!(r#"{{"reservation_id":{NUMBER},"order_id":{ORDER},{LINES},{asked},"expires_at":"2023-11-14T22:13:20.000000Z"}}"#)),
        (StockEvent::ReservationMade { reservation_id, order_id: none, lines: lines(), wanted: wanted.clone(), expires_at: None },
            format!(r#"{{"reservation_id":{NUMBER},{LINES},{asked}}}"#)),
        (StockEvent::ReservationRefused { reservation_id, order_id: order, wanted: wanted.clone(), short: short.clone() },
            format!(r#"{{"reservation_id":{NUMBER},"order_id":{ORDER},{asked},"short":[{{"product_id":"tea","wanted":2,"available":1}}]}}"#)),
        (StockEvent::ReservationRefused { reservation_id, order_id: none, wanted, short },
            format!(r#"{{"reservation_id":{NUMBER},{asked},"short":[{{"product_id":"tea","wanted":2,"available":1}}]}}"#)),
        (StockEvent::ReservationFirmed, "{}".to_owned()),
        (StockEvent::ReservationReleased { why: Some(why()), lines: lines() },
            format!(r#"{{"why":"counted again",{LINES}}}"#)),
        (StockEvent::ReservationReleased { why: None, lines: vec![] }, r#"{"lines":[]}"#.to_owned()),
        (StockEvent::ReservationExpired { lines: lines() }, format!("{{{LINES}}}")),
        (StockEvent::ReservationCommitted { shipment: Some(id("parcel-1")), lines: lines() },
            format!(r#"{{"shipment":"parcel-1",{LINES}}}"#)),
        (StockEvent::ReservationCommitted { shipment: None, lines: lines() }, format!("{{{LINES}}}")),
    ]
}

#[test]
fn every_event_is_stored_exactly_so_and_reads_back() {
    let mut names = BTreeSet::new();
    for (event, payload) in golden() {
        let stored = StockAggregate::encode(&event);
        assert_eq!(String::from_utf8(stored.payload).unwrap(), payload, "{}", stored.event_type);
        assert_eq!(stored.schema_version, 1);
        let read = StockAggregate::decode(stored.event_type, 1, payload.as_bytes());
        assert_eq!(read, Ok(event));
        names.insert(stored.event_type);
    }
    assert!(names.into_iter().eq(BTreeSet::from(EVENT_TYPES.map(|(name, _)| name))));
}

#[test]
fn unknown_members_are_ignored_and_texts_are_taken_as_they_are_stored() {
    for (event, payload) in golden() {
        let comma = if payload == "{}" { "" } else { "," };
        let more = payload.replacen('{', &format!(r#"{{"by":{{"clerk":[1]}}{comma}"#), 1);
        let name = event.stored_name();
        assert_eq!(StockAggregate::decode(name, 1, more.as_bytes()), Ok(event), "{more}");
    }
    let odd = r#"{"product_id":"an old id","warehouse":"\u0007","available":0}"#;
    let event = StockAggregate::decode("StockShortfallFound", 1, odd.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(StockAggregate::encode(&event).payload).unwrap(), odd);
}

#[test]
fn unreadable_events_are_distinguished() {
    let decode =
        |name, version, payload: &str| StockAggregate::decode(name, version, payload.as_bytes());
    for name in ["OrderPlaced", "stockReceived", ""] {
        assert_eq!(decode(name, 1, "{}"), Err(DecodeError::UnknownType(name.to_owned())));
    }
    for (event, payload) in golden() {
        let name = event.stored_name();
        for version in [0, 2, u16::MAX] {
            let event_type = name.to_owned();
            let unknown = Err(DecodeError::UnknownVersion { event_type, version });
            assert_eq!(decode(name, version, &payload), unknown);
        }
        let cut = &payload[..payload.len() - 1];
        let Err(DecodeError::Malformed { event_type, detail }) = decode(name, 1, cut) else {
            panic!("{cut} was read");
        };
        assert_eq!(event_type, name);
        assert!(detail.starts_with("not JSON at line 1"), "{detail}");
        if name == "ReservationFirmed" {
            continue;
        }
        let Err(DecodeError::Malformed { detail, .. }) = decode(name, 1, "{}") else {
            panic!("{name} was read from nothing");
        };
        assert!(detail.starts_with("a member is missing or of the wrong type"), "{detail}");
    }
    let secret = r#"{"product_id":"secret","warehouse":7}"#;
    let said = decode("StockReceived", 1, secret).unwrap_err().to_string();
    assert!(!said.contains("secret"), "{said}");
    let kind = format!(r#"{{{ITEM},"kind":"theft","quantity":12}}"#);
    assert!(matches!(decode("MovementRecorded", 1, &kind), Err(DecodeError::Malformed { .. })));
    let quantity = format!(r#"{{{ITEM},"reservation_id":{NUMBER},"quantity":-1}}"#);
    assert!(matches!(decode("StockReserved", 1, &quantity), Err(DecodeError::Malformed { .. })));
}

#[test]
fn snapshots_are_stored_exactly_so_and_read_back() {
    let mut shelves = given(&[receive(7, "tea", "north", 5)]);
    let empty = r#""reservation_id":null,"order_id":null,"wanted":[],"lines":[],"short":[],"expires_at":null"#;
    shelves.tell(2, &release()).unwrap();
    shelves.tell(1, &reserve(1, &[("tea", 2)])).unwrap();
    shelves.tell(3, &reserve(3, &[("tea", 4)])).unwrap();
    let ids = |number| {
        let order = uuid(77);
        format!(r#""reservation_id":"{}","order_id":"{order}""#, uuid(number))
    };
    let item = item_id(&id("north"), &id("tea"));
    let expected = [
        (("stock", uuid(0)), r#""absent""#.to_owned()),
        (
            ("stock", item),
            format!(r#"{{"item":{{{ITEM},"on_hand":5,"reserved":2,"committed_total":0}}}}"#),
        ),
        (
            ("movement", uuid(7)),
            format!(r#"{{"movement":{{{ITEM},"change":{{"kind":"receipt","quantity":5}}}}}}"#),
        ),
        (("reservation", uuid(2)), format!(r#"{{"reservation":{{"status":"released",{empty}}}}}"#)),
        (
            ("reservation", uuid(1)),
            format!(
                r#"{{"reservation":{{"status":"soft",{},"wanted":[{{"product_id":"tea","quantity":2}}],"lines":[{{{ITEM},"quantity":2,"tracked":true}}],"short":[],"expires_at":"2023-11-14T22:15:00Z"}}}}"#,
                ids(1)
            ),
        ),
        (
            ("reservation", uuid(3)),
            format!(
                r#"{{"reservation":{{"status":"refused",{},"wanted":[{{"product_id":"tea","quantity":4}}],"lines":[],"short":[{{"product_id":"tea","wanted":4,"available":3}}],"expires_at":null}}}}"#,
                ids(3)
            ),
        ),
    ];
    for (key, expected) in expected {
        let state = shelves.state(key);
        assert_eq!(serde_json::to_string(state).unwrap(), expected);
        assert_eq!(&serde_json::from_str::<StockState>(&expected).unwrap(), state);
    }
}

#[test]
fn a_time_is_decided_as_finely_as_it_is_stored() {
    let shelves = given(&[receive(901, "tea", "north", 5)]);
    let mut request = reserve(1, &[("tea", 1)]);
    for (given, decided) in [
        ("2023-11-14T22:13:20.123456789Z", "2023-11-14T22:13:20.123456Z"),
        ("2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00Z"),
    ] {
        if let StockCommand::Reserve { expires_at, .. } = &mut request {
            *expires_at = Some(given.parse().unwrap());
        }
        let event = &shelves.decide(1, &request).unwrap().own[0];
        let StockEvent::ReservationMade { expires_at, .. } = event else { panic!("{event:?}") };
        assert_eq!(*expires_at, Some(decided.parse().unwrap()));
        let stored = StockAggregate::encode(event);
        let read = StockAggregate::decode(stored.event_type, 1, &stored.payload);
        assert_eq!(read.as_ref(), Ok(event));
    }
}

#[test]
fn every_stored_name_stands_once() {
    let names: BTreeSet<_> = EVENT_TYPES.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.len(), EVENT_TYPES.len());
    assert!(EVENT_TYPES.iter().all(|(_, version)| *version == 1));
}

#[test]
fn the_id_of_an_item_is_fixed_and_tells_every_pair_apart() {
    let of = |warehouse, product| item_id(&id(warehouse), &id(product));
    assert_eq!(of("north", "tea").to_string(), "cfcdb093-427e-8654-a7dc-9e3b02706f53");
    let pairs = [("a", "bc"), ("ab", "c"), ("abc", "c"), ("bc", "a"), ("c", "ab"), ("a", "b")];
    let ids: BTreeSet<_> =
        pairs.iter().map(|(warehouse, product)| of(warehouse, product)).collect();
    assert_eq!(ids.len(), pairs.len());
    assert!(ids.iter().all(|id| id.get_version_num() == 8));
}

#[test]
fn movements_belong_to_their_item_and_reservations_to_their_order() {
    for (event, _) in golden() {
        let expected = match &event {
            StockEvent::MovementRecorded(_) => Some(item_id(&id("north"), &id("tea"))),
            StockEvent::ReservationMade { order_id, .. }
            | StockEvent::ReservationRefused { order_id, .. } => *order_id,
            _ => None,
        };
        assert_eq!(StockAggregate::partition_key(&event), expected, "{}", event.stored_name());
    }
}

#[test]
fn a_catalogue_reads_the_three_types_of_stream_only_if_it_is_asked_to() {
    let types = ["stock", "reservation", "movement"];
    assert!(types.iter().all(|name| !Catalogue::standard().knows(name)));
    let catalogue = Catalogue::standard().with::<StockAggregate>();
    for name in types {
        let event = catalogue.decode(name, "ReservationFirmed", 1, b"{}").unwrap().unwrap();
        assert_eq!(event.of::<StockAggregate>(), Some(&StockEvent::ReservationFirmed));
    }
}
