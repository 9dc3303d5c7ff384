//! The memory that requests' heads may take together.
//!
//! A head may have 60 KiB, and a client may send nearly all of it and wait. So a connection has a small part of its own, and
//! what is above it comes from one budget. A connection that the budget has no room for is closed; a request of HTTP/2 is
//! answered 503.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of a head that every connection may have. Nearly all heads are shorter.
const FREE_BYTES: usize = 8 * 1024;

/// The same of a request of HTTP/2: a connection may have a hundred.
const FREE_STREAM_BYTES: usize = 2 * 1024;

/// Bytes of all heads together above that.
const ALL_BYTES: usize = 16 * 1024 * 1024;

/// Requests of HTTP/2 under way together: as many as connections.
const ALL_STREAMS: usize = crate::limits::MAX_CONNECTIONS;

/// The budget of one server; clones share it.
#[derive(Debug, Clone)]
pub(super) struct Heads(Arc<Room>);

#[derive(Debug)]
struct Room {
    bytes: AtomicUsize,
    streams: AtomicUsize,
}

fn taken(room: &AtomicUsize, count: usize) -> bool {
    let take = |left: usize| left.checked_sub(count);
    room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
}

impl Default for Heads {
    fn default() -> Self {
        let (bytes, streams) = (AtomicUsize::new(ALL_BYTES), AtomicUsize::new(ALL_STREAMS));
        Self(Arc::new(Room { bytes, streams }))
    }
}

impl Heads {
    /// The heads of a new connection.
    pub(super) fn of_connection(&self) -> Head {
        Head { heads: self.clone(), read: 0, held: 0 }
    }

    /// A request of HTTP/2 with a head of this many bytes, if there is room for it.
    pub(super) fn stream(&self, bytes: usize) -> Option<StreamHead> {
        if !taken(&self.0.streams, 1) {
            return None;
        }
        let mut stream = StreamHead { heads: self.clone(), held: 0 };
        let above = bytes.saturating_sub(FREE_STREAM_BYTES);
        taken(&self.0.bytes, above).then(|| {
            stream.held = above;
            stream
        })
    }
}

/// The head that a connection is sending.
#[derive(Debug)]
pub(super) struct Head {
    heads: Heads,
    /// Bytes of it until now.
    read: usize,
    /// Bytes of the budget.
    held: usize,
}

impl Head {
    /// Notes that more of it was read.
    ///
    /// # Errors
    /// When there is no room for it.
    pub(super) fn grows(&mut self, bytes: usize) -> io::Result<()> {
        self.read += bytes;
        let above = self.read.saturating_sub(FREE_BYTES);
        let more = above.saturating_sub(self.held);
        if !taken(&self.heads.0.bytes, more) {
            tracing::debug!("a connection is closed: the heads of all take too much memory");
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.held += more;
        Ok(())
    }

    /// Notes its end. The buffer that it was read into stays with the connection, and so does its part of the budget.
    pub(super) fn ends(&mut self) {
        self.read = 0;
    }

    /// Notes its end, and that nothing of it is kept.
    pub(super) fn is_handed_on(&mut self) {
        self.read = 0;
        self.heads.0.bytes.fetch_add(std::mem::take(&mut self.held), Ordering::Relaxed);
    }
}

impl Drop for Head {
    fn drop(&mut self) {
        self.is_handed_on();
    }
}

/// The head of a request of HTTP/2 that is under way.
#[derive(Debug)]
pub(super) struct StreamHead {
    heads: Heads,
    held: usize,
}

impl Drop for StreamHead {
    fn drop(&mut self) {
        self.heads.0.bytes.fetch_add(self.held, Ordering::Relaxed);
        self.heads.0.streams.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_heads_are_free_and_long_ones_share_a_budget() {
        let heads = Heads::default();
        let mut long: Vec<Head> = Vec::new();
        loop {
            let mut head = heads.of_connection();
            head.grows(FREE_BYTES).unwrap();
            if head.grows(40 * 1024).is_err() {
                break;
            }
            long.push(head);
        }
        assert_eq!(long.len(), ALL_BYTES / (40 * 1024));
        assert!(heads.of_connection().grows(FREE_BYTES).is_ok());
        // The next one on the same connection finds the room there.
        long[0].ends();
        assert!(long[0].grows(40 * 1024).is_ok());
        drop(long);
        assert_eq!(heads.0.bytes.load(Ordering::Relaxed), ALL_BYTES);
    }

    #[test]
    fn requests_of_http_2_are_bounded_in_number_and_bytes() {
        let heads = Heads::default();
        let mut streams: Vec<_> = (0..ALL_STREAMS).map(|_| heads.stream(100).unwrap()).collect();
        assert!(heads.stream(100).is_none());
        streams.pop();
        assert!(heads.stream(ALL_BYTES + FREE_STREAM_BYTES + 1).is_none());
        let large = heads.stream(ALL_BYTES + FREE_STREAM_BYTES).unwrap();
        streams.pop();
        assert!(heads.stream(FREE_STREAM_BYTES + 1).is_none());
        drop((large, streams));
        assert_eq!(heads.0.bytes.load(Ordering::Relaxed), ALL_BYTES);
        assert_eq!(heads.0.streams.load(Ordering::Relaxed), ALL_STREAMS);
    }
}
