//! The steps that a sequence is made of.
//!
//! What a step says is relative to what the log holds when its turn comes (a stream's version, the head, a lease's
//! epoch), so that it means as much when steps before it are left out. `scene` makes calls of it.

use event_store::{Access, Capacities};

/// Handles that are open on the log at once.
pub const HANDLES: usize = 3;
/// Streams of a sequence: some ids, each under some types.
pub const STREAMS: usize = 9;
/// Leases of a sequence.
pub const LEASES: usize = 2;

/// One step.
#[derive(Debug, Clone)]
pub enum Step {
    /// Something is asked of a handle.
    Ask(usize, Ask),
    /// A handle is closed; what is asked of it afterwards is refused.
    Close(usize),
    /// A handle is opened again, after it was closed or without.
    Open { handle: usize, access: Access, capacities: Capacities, closed: bool },
}

/// What a handle is asked.
#[derive(Debug, Clone)]
pub enum Ask {
    Append {
        clock: i64,
        entries: Vec<DrawnEntry>,
    },
    /// Appends that wait for the writer together, each of which expects what the one before leaves, or none.
    AppendTogether {
        appends: Vec<Drawn>,
        in_turn: bool,
    },
    /// One event each on many streams, which should be new.
    AppendMany {
        clock: i64,
        first: usize,
        streams: usize,
        keyed: bool,
    },
    ReadFeed {
        after: Place,
        limit: usize,
    },
    ReadStream {
        stream: usize,
        after: Place,
        limit: usize,
    },
    Load {
        streams: Vec<usize>,
        snapshot_version: u16,
    },
    Answers {
        keys: Vec<&'static str>,
    },
    SaveSnapshot {
        stream: usize,
        snapshot_version: u16,
        behind: u64,
        lie: Lie,
        state: Vec<u8>,
    },
    ForgetAnswers {
        clock: i64,
    },
    Lease {
        lease: usize,
    },
    TakeLease {
        lease: usize,
        holder: &'static str,
        seen: Seen,
    },
    UseLease {
        lease: usize,
        epoch: Epoch,
        verb: Verb,
    },
    Hint,
}

/// A place, counted from the start or from where the end is by then.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    FromStart(u64),
    BeforeEnd(u64),
    AfterEnd(u64),
    Beyond(u64),
}

/// One of the appends that are made together.
#[derive(Debug, Clone)]
pub struct Drawn {
    pub clock: i64,
    pub entries: Vec<DrawnEntry>,
    /// Its caller goes away before the answer.
    pub gone: bool,
}

/// Of an append.
#[derive(Debug, Clone)]
pub struct DrawnEntry {
    pub stream: usize,
    pub expected: Expected,
    /// The business case that it states.
    pub case: Option<Case>,
    pub events: Vec<DrawnEvent>,
    /// Correlation id, causation id, traceparent, actor.
    pub metadata: [Option<String>; 4],
    pub answer: Option<DrawnAnswer>,
    /// Neighbours of one number are joint.
    pub joint: Option<u32>,
}

/// The version that an entry expects.
#[derive(Debug, Clone, Copy)]
pub enum Expected {
    /// Where the stream is, if the entries before were written.
    Right,
    Nothing,
    Behind(u64),
    Ahead(u64),
    Beyond(u64),
}

/// The business case that an entry states: the id of a stream of the sequence, whether it is there or not.
#[derive(Debug, Clone, Copy)]
pub enum Case {
    /// Where the entry begins its stream; elsewhere none is stated.
    First(usize),
    /// Wherever the stream is: the log refuses that of one that is there.
    Always(usize),
}

/// Of an entry.
#[derive(Debug, Clone)]
pub struct DrawnEvent {
    pub event_type: &'static str,
    pub schema_version: u16,
    pub occurred: Occurred,
    pub payload: Payload,
}

/// When an event happened.
#[derive(Debug, Clone, Copy)]
pub enum Occurred {
    /// Nanoseconds after the time that the sequence starts at.
    At(i64),
    First,
    Last,
}

/// An event's bytes.
#[derive(Debug, Clone)]
pub enum Payload {
    Json(&'static str),
    Text(String),
    Kilobytes(usize),
    NoJson(&'static [u8]),
}

/// Kept with an entry.
#[derive(Debug, Clone)]
pub struct DrawnAnswer {
    pub key: &'static str,
    pub fingerprint: u8,
    pub answer: Vec<u8>,
    pub permanent: bool,
}

/// What a snapshot says that is not so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    None,
    Position,
    Version,
    Beyond,
}

/// What a rival has seen of a lease.
#[derive(Debug, Clone, Copy)]
pub enum Seen {
    Present,
    Past,
    Nothing,
}

/// The epoch that a holder names.
#[derive(Debug, Clone, Copy)]
pub enum Epoch {
    Present,
    Former,
    Beyond(u64),
}

/// What is done with a lease.
#[derive(Debug, Clone)]
pub enum Verb {
    Renew,
    Advance { checkpoint: Place, note: String },
    Release,
}
