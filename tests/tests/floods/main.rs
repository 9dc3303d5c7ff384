//! Crowds of bad clients: others are answered at most twice as slowly, and the server's memory stays bounded.
//!
//! [`frames`] has what bad clients send, [`door`] the server and the good client that is measured. `ORDERLOG_FLOOD=full`
//! plays it with 500 slow clients, 1,000 with large bodies and 5,000 of the other kinds (`make floods`).

#![allow(clippy::unwrap_used, missing_docs)]

mod door;
mod frames;

use door::{Connector, Door, Version};
use frames::Kind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Below this, a factor of two is noise of the machine.
const FLOOR: Duration = Duration::from_millis(10);
/// The most memory of the server, in MiB.
const MEMORY: u64 = 300;
/// How long a crowd may take to be there. Its openings need not all be taken: a server may refuse.
const GATHERED: Duration = Duration::from_secs(15);
/// A client that was closed comes back.
const PAUSE: Duration = Duration::from_secs(5);

fn members(kind: Kind) -> usize {
    let full = std::env::var("ORDERLOG_FLOOD").is_ok_and(|value| value == "full");
    match (full, kind) {
        (true, Kind::Slow) => 500,
        // Together a gigabyte.
        (true, Kind::Bodies) => 1_000,
        (true, _) => 5_000,
        (false, Kind::Slow) => 200,
        (false, _) => 400,
    }
}

/// Clients that do the same bad thing again and again, until it is dropped.
struct Crowd {
    _clients: JoinSet<()>,
    there: Arc<AtomicUsize>,
}

impl Crowd {
    fn gather(door: &Door, kind: Kind, version: Version) -> Self {
        let (mut clients, there) = (JoinSet::new(), Arc::<AtomicUsize>::default());
        for number in 0..members(kind) {
            let (to, there) = (door.connector(), Arc::clone(&there));
            clients.spawn(misbehave(to, kind.opening(version, number), version, there));
        }
        Self { _clients: clients, there }
    }

    async fn is_there(&self, members: usize) {
        let begun = Instant::now();
        while self.there.load(Ordering::Relaxed) < members && begun.elapsed() < GATHERED {
            sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn misbehave(to: Connector, opening: Vec<u8>, version: Version, there: Arc<AtomicUsize>) {
    let mut counted = false;
    loop {
        if let Ok(mut stream) = to.connect(version).await {
            let mut scratch = [0; 1024];
            // The server may close at any moment.
            let written = timeout(Duration::from_secs(5), stream.write_all(&opening)).await;
            if !counted {
                there.fetch_add(1, Ordering::Relaxed);
                counted = true;
            }
            if matches!(written, Ok(Ok(()))) {
                while matches!(stream.read(&mut scratch).await, Ok(1..)) {}
            }
        }
        sleep(PAUSE).await;
    }
}

/// Whether others are as fast as they should be, and memory is bounded. It prints what was measured.
async fn withstands(kind: Kind, version: Version, tls: bool) -> bool {
    let door = Door::open(tls).await;
    let alone = door.times().await;
    let crowd = Crowd::gather(&door, kind, version);
    crowd.is_there(members(kind)).await;
    let there = crowd.there.load(Ordering::Relaxed);
    let crowded = door.times().await;
    drop(crowd);
    let peak = door.peak();
    println!(
        "{kind:?} {version:?} tls={tls}: {there} there, alone {:?} (max {:?}), crowded {:?} (max {:?}), {peak} MiB",
        alone.0, alone.1, crowded.0, crowded.1
    );
    door.server.stop().await;
    crowded.0 <= FLOOR.max(alone.0 * 2) && peak <= MEMORY
}

/// One test only: another in this process would disturb its measurements.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crowds_slow_no_other_client_and_take_little_memory() {
    let mut failed = Vec::new();
    let only = std::env::var("ORDERLOG_FLOOD_ONLY").unwrap_or_default();
    for kind in Kind::ALL {
        for version in [Version::Http1, Version::Http2] {
            for tls in [false, true] {
                let name = format!("{kind:?} {version:?} tls={tls}");
                if name.contains(&only) && !withstands(kind, version, tls).await {
                    failed.push(name);
                }
            }
        }
    }
    assert!(failed.is_empty(), "slower than twice, or over {MEMORY} MiB: {failed:#?}");
}
