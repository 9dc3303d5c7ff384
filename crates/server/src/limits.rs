//! The bounds on one client, shared by the connection, the edge and the reader of bodies.

use crate::budget::MAX_ANSWER_BYTES;
use std::time::Duration;

/// Largest request body, unless the route streams it.
pub const MAX_BODY_BYTES: u64 = 1024 * 1024;

/// Bytes of an unread body that are read and thrown away: one body of the largest size, and as much again.
pub const MAX_UNREAD_BYTES: u64 = 2 * MAX_BODY_BYTES;

/// Largest request head.
pub const MAX_HEAD_BYTES: usize = 60 * 1024;

/// Longest path with its query.
pub const MAX_URI_BYTES: usize = 8 * 1024;

/// The bytes of a response that a slow client must take within a deadline: 8 KiB a second by default.
pub const MIN_WRITTEN_BYTES: usize = 64 * 1024;

/// Connections served at a time; more wait in the kernel's queue.
pub const MAX_CONNECTIONS: usize = 4096;

/// Bounds on what clients can hold open. `Limits::default()` is what services use; tests shorten the deadlines.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The time for a request's head, and for the next request on a kept connection.
    pub head: Duration,
    /// The time for the next piece of a body.
    pub body_stall: Duration,
    /// The time for a whole body, unless its route streams it.
    pub body_total: Duration,
    /// The time for the client to take the next piece of a response ([`MIN_WRITTEN_BYTES`], or all of a shorter rest).
    pub write_stall: Duration,
    /// Largest body, unless its route streams it.
    pub body_bytes: u64,
    /// The rest of a body whose request is answered is read up to this many bytes; a longer one closes the connection.
    pub unread_bytes: u64,
    /// The longest time that this reading may take.
    pub unread_wait: Duration,
    /// Paths that take a body of any length as a stream.
    pub streamed_paths: &'static [&'static str],
    /// Bytes that large answers may hold together until they are taken; further ones are refused.
    pub answer_bytes: usize,
    /// Connections served at a time; more wait to be accepted.
    pub connections: usize,
    /// How long requests are still taken after the shutdown signal, so that load balancers see it on `/readyz`.
    pub drain_notice: Duration,
    /// How long requests in flight may take to finish after the notice.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(8),
            body_stall: Duration::from_secs(8),
            body_total: Duration::from_secs(30),
            write_stall: Duration::from_secs(8),
            body_bytes: MAX_BODY_BYTES,
            unread_bytes: MAX_UNREAD_BYTES,
            unread_wait: Duration::from_secs(2),
            streamed_paths: &["/v1/import"],
            answer_bytes: MAX_ANSWER_BYTES,
            connections: MAX_CONNECTIONS,
            drain_notice: Duration::from_secs(1),
            drain: Duration::from_secs(7),
        }
    }
}
