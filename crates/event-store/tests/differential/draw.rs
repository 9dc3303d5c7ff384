//! How steps are drawn: what there is of each kind, how often it comes, and what it becomes when a sequence is made simpler
//! (the first alternative, the smallest number).

use crate::steps::{
    Ask, Case, Drawn, DrawnAnswer, DrawnEntry, DrawnEvent, Epoch, Expected, HANDLES, LEASES, Lie,
    Occurred, Payload, Place, STREAMS, Seen, Step, Verb,
};
use event_store::{Access, Capacities};
use proptest::prelude::*;
use proptest::sample::select;

const EVENT_TYPES: [&str; 3] = ["NoteAdded", "Größe \"geändert\"", ""];
const SCHEMA_VERSIONS: [u16; 4] = [1, 2, 0, u16::MAX];
const SNAPSHOT_VERSIONS: [u16; 3] = [1, 2, u16::MAX];
const KEYS: [&str; 6] = ["k", "K", "", "k ", "\"quoted\" \\ 'ü'", "😀\u{fffe}\u{202e}"];
const WITH_NUL: &str = "k\0l";
const TEXTS: [&str; 6] =
    ["a", "", "\"'; DROP TABLE events; --", "漢字 \u{301}e\n", "\\u0000", "{}"];
/// Documents whose bytes are not what a serializer would write.
const DOCUMENTS: [&str; 12] = [
    "{}",
    "null",
    " {\n\t\"spaces\" : [ 1 ,2 ] }\r\n",
    r#"{"b":1,"a":2,"b":3}"#,
    r#""\u0000\ud83d\ude00\/""#,
    r#""\ud800 alone""#,
    "\"grüße 漢字 😀 \u{202e}\u{ffff}\"",
    "1e131071",
    "-0.10",
    "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]",
    "\"\u{7f}\"",
    "123456789012345678901234567890.5",
];
const NO_DOCUMENTS: [&[u8]; 4] = [b"", b"{", b"\"\xff\"", b"\"\x00\""];

/// A step of any kind.
pub fn step() -> BoxedStrategy<Step> {
    let handle = 0..HANDLES;
    let access = prop_oneof![
        8 => Just(Access::ReadWrite),
        1 => Just(Access::Lease),
        1 => Just(Access::ReadOnly),
    ];
    let open = (handle.clone(), access, capacities(), any::<bool>()).prop_map(
        |(handle, access, capacities, closed)| Step::Open { handle, access, capacities, closed },
    );
    prop_oneof![
        96 => (handle.clone(), ask()).prop_map(|(handle, ask)| Step::Ask(handle, ask)),
        1 => handle.prop_map(Step::Close),
        3 => open,
    ]
    .boxed()
}

fn capacities() -> impl Strategy<Value = Capacities> {
    proptest::array::uniform6(0..4_usize).prop_map(|choice| {
        let default = Capacities::default();
        let of = |nth: usize, default: usize| [default, 0, 1, 2][choice[nth]];
        Capacities {
            known_streams: of(0, default.known_streams),
            tail_events: of(1, default.tail_events),
            tail_bytes: [default.tail_bytes, 0, 2, 50][choice[2]],
            bulk_statements: of(3, default.bulk_statements),
            sqlite_statements: of(4, default.sqlite_statements),
            postgres_statements: of(5, default.postgres_statements),
        }
    })
}

fn ask() -> impl Strategy<Value = Ask> {
    let stream = 0..STREAMS;
    let lease = 0..LEASES;
    let snapshot = (stream.clone(), select(&SNAPSHOT_VERSIONS[..]), 0..3_u64, lie(), bytes());
    let take = (lease.clone(), select(&["a", "b", ""][..]), seen());
    let many = (clock(), 0..300_usize, many(), any::<bool>());
    prop_oneof![
        44 => (clock(), proptest::collection::vec(entry(), 0..6))
            .prop_map(|(clock, entries)| Ask::Append { clock, entries }),
        8 => (proptest::collection::vec(drawn(), 2..6), any::<bool>())
            .prop_map(|(appends, in_turn)| Ask::AppendTogether { appends, in_turn }),
        3 => many.prop_map(|(clock, first, streams, keyed)|
            Ask::AppendMany { clock, first, streams, keyed }),
        10 => (place(), limit()).prop_map(|(after, limit)| Ask::ReadFeed { after, limit }),
        8 => (stream.clone(), place(), limit())
            .prop_map(|(stream, after, limit)| Ask::ReadStream { stream, after, limit }),
        8 => (proptest::collection::vec(stream, 0..6), select(&SNAPSHOT_VERSIONS[..]))
            .prop_map(|(streams, snapshot_version)| Ask::Load { streams, snapshot_version }),
        5 => proptest::collection::vec(key(), 0..5).prop_map(|keys| Ask::Answers { keys }),
        6 => snapshot.prop_map(|(stream, snapshot_version, behind, lie, state)|
            Ask::SaveSnapshot { stream, snapshot_version, behind, lie, state }),
        3 => clock().prop_map(|clock| Ask::ForgetAnswers { clock }),
        2 => lease.clone().prop_map(|lease| Ask::Lease { lease }),
        4 => take.prop_map(|(lease, holder, seen)| Ask::TakeLease { lease, holder, seen }),
        4 => (lease, epoch(), verb()).prop_map(|(lease, epoch, verb)|
            Ask::UseLease { lease, epoch, verb }),
        3 => Just(Ask::Hint),
    ]
}

fn drawn() -> impl Strategy<Value = Drawn> {
    (clock(), proptest::collection::vec(entry(), 0..4), proptest::bool::weighted(0.2))
        .prop_map(|(clock, entries, gone)| Drawn { clock, entries, gone })
}

fn entry() -> impl Strategy<Value = DrawnEntry> {
    let expected = prop_oneof![
        12 => Just(Expected::Right),
        4 => Just(Expected::Nothing),
        1 => (1..3_u64).prop_map(Expected::Behind),
        1 => (1..3_u64).prop_map(Expected::Ahead),
        1 => beyond().prop_map(Expected::Beyond),
    ];
    let metadata = proptest::array::uniform4(proptest::option::weighted(0.3, text()));
    let answer = proptest::option::weighted(0.35, answer());
    let events = proptest::collection::vec(event(), 0..4);
    let joint = prop_oneof![2 => Just(None), 2 => Just(Some(0)), 1 => Just(Some(1))];
    (0..STREAMS, expected, case(), events, metadata, answer, joint).prop_map(
        |(stream, expected, case, events, metadata, answer, joint)| DrawnEntry {
            stream,
            expected,
            case,
            events,
            metadata,
            answer,
            joint,
        },
    )
}

fn case() -> impl Strategy<Value = Option<Case>> {
    prop_oneof![
        60 => Just(None),
        60 => (0..STREAMS).prop_map(|stream| Some(Case::First(stream))),
        1 => (0..STREAMS).prop_map(|stream| Some(Case::Always(stream))),
    ]
}

fn event() -> impl Strategy<Value = DrawnEvent> {
    let occurred = prop_oneof![
        30 => clock().prop_map(Occurred::At),
        1 => Just(Occurred::First),
        1 => Just(Occurred::Last),
    ];
    let payload = prop_oneof![
        300 => select(&DOCUMENTS[..]).prop_map(Payload::Json),
        50 => any::<String>().prop_map(Payload::Text),
        5 => (1..64_usize).prop_map(Payload::Kilobytes),
        1 => select(&NO_DOCUMENTS[..]).prop_map(Payload::NoJson),
    ];
    (select(&EVENT_TYPES[..]), select(&SCHEMA_VERSIONS[..]), occurred, payload).prop_map(
        |(event_type, schema_version, occurred, payload)| DrawnEvent {
            event_type,
            schema_version,
            occurred,
            payload,
        },
    )
}

fn answer() -> impl Strategy<Value = DrawnAnswer> {
    (key(), 0..2_u8, bytes(), any::<bool>()).prop_map(|(key, fingerprint, answer, permanent)| {
        DrawnAnswer { key, fingerprint, answer, permanent }
    })
}

fn key() -> impl Strategy<Value = &'static str> {
    prop_oneof![99 => select(&KEYS[..]), 1 => Just(WITH_NUL)]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        80 => select(&TEXTS[..]).prop_map(str::to_owned),
        18 => any::<String>(),
        1 => Just(WITH_NUL.to_owned()),
    ]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..4)
}

/// Nanoseconds after the sequence's own time: clocks go back, and forth by less than is kept.
fn clock() -> impl Strategy<Value = i64> {
    prop_oneof![2 => -3_000..3_000_i64, 1 => -3_000_000_000..3_000_000_000_i64]
}

fn many() -> impl Strategy<Value = usize> {
    prop_oneof![3 => 1..24_usize, 2 => 120..140_usize, 1 => 250..270_usize]
}

fn limit() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 0..5_usize, 2 => Just(100), 1 => Just(usize::MAX)]
}

fn place() -> impl Strategy<Value = Place> {
    prop_oneof![
        8 => (0..6_u64).prop_map(Place::BeforeEnd),
        1 => (0..3_u64).prop_map(Place::FromStart),
        1 => (1..3_u64).prop_map(Place::AfterEnd),
        1 => beyond().prop_map(Place::Beyond),
    ]
}

/// Numbers that no column holds.
fn beyond() -> impl Strategy<Value = u64> {
    select(&[i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX - 1, u64::MAX][..])
}

fn lie() -> impl Strategy<Value = Lie> {
    prop_oneof![
        6 => Just(Lie::None),
        1 => Just(Lie::Position),
        1 => Just(Lie::Version),
        1 => Just(Lie::Beyond),
    ]
}

fn seen() -> impl Strategy<Value = Seen> {
    prop_oneof![4 => Just(Seen::Present), 1 => Just(Seen::Past), 1 => Just(Seen::Nothing)]
}

fn epoch() -> impl Strategy<Value = Epoch> {
    prop_oneof![
        4 => Just(Epoch::Present),
        1 => Just(Epoch::Former),
        1 => beyond().prop_map(Epoch::Beyond),
    ]
}

fn verb() -> impl Strategy<Value = Verb> {
    prop_oneof![
        2 => Just(Verb::Renew),
        3 => (place(), text())
            .prop_map(|(checkpoint, note)| Verb::Advance { checkpoint, note }),
        1 => Just(Verb::Release),
    ]
}
