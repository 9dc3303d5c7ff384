//! Snapshots, saved off the hot path.
//!
//! Every few hundred events ([`SNAPSHOT_EVERY`] by default) a stream's state goes to a task of its own, which
//! serialises and stores it. If that task is behind, the snapshot is skipped: it is a cache of the log, and a later one
//! will do.

use super::personal::Personal;
use super::request::Commanded;
use super::stream::Stream;
use domain::Aggregate;
use event_store::{EventStore, Snapshot, StreamId, Version};
use tokio::sync::mpsc;

/// Events between two snapshots: usually the most that a load has to fold.
pub const SNAPSHOT_EVERY: Version = 500;
/// Snapshots that may wait to be saved.
const MAX_WAITING: usize = 16;

/// The sending end.
pub struct Snapshots<A: Aggregate> {
    every: Version,
    taken: mpsc::Sender<Taken<A>>,
}

struct Taken<A: Aggregate> {
    stream: StreamId,
    state: A::State,
    snapshot: Snapshot,
    /// The keyring's generation then.
    taken_at: u64,
}

impl<A: Aggregate> Snapshots<A> {
    /// Hands the state over if a snapshot is due and there is room.
    pub fn offer(&self, stream: &mut Stream<A>, generation: u64) {
        if stream.version - stream.snapshot < self.every {
            return;
        }
        let (Some(state), Some(occurred_at)) = (&stream.state, stream.occurred_at) else { return };
        let Ok(room) = self.taken.try_reserve() else { return };
        let (version, position) = (stream.version, stream.position);
        room.send(Taken {
            stream: stream.id,
            state: state.clone(),
            snapshot: Snapshot { version, occurred_at, position, state: Vec::new() },
            taken_at: generation,
        });
        stream.snapshot = version;
    }
}

/// Makes the channel, and the future that saves snapshots from it until the sending end is gone.
pub fn saver<A: Commanded>(
    store: EventStore,
    every: Version,
    personal: Personal,
) -> (Snapshots<A>, impl Future<Output = ()> + Send + 'static) {
    let (sender, mut waiting) = mpsc::channel::<Taken<A>>(MAX_WAITING);
    let save = async move {
        while let Some(Taken { stream, state, mut snapshot, taken_at }) = waiting.recv().await {
            snapshot.state = match serde_json::to_vec(&state) {
                Ok(bytes) => bytes,
                Err(error) => {
                    tracing::error!(%error, "a state cannot be serialised");
                    continue;
                }
            };
            let sealed = personal.sealed_state(snapshot.state, A::customer(&state)).await;
            let Some(sealed) = sealed else { continue };
            // After an erasure the state may hold what was erased. One from now on destroys the key that sealed it.
            if taken_at != personal.generation() {
                continue;
            }
            snapshot.state = sealed;
            let version = snapshot.version;
            match store.save_snapshot(&stream, A::SNAPSHOT_VERSION, snapshot).await {
                Ok(()) => tracing::debug!(stream.id = %stream.id, version, "snapshot saved"),
                Err(error) => tracing::warn!(%error, "a snapshot was not saved"),
            }
        }
    };
    (Snapshots { every, taken: sender }, save)
}
