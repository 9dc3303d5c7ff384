//! A client that listens to `/v1/events/stream` during a whole walk, over restarts: each event once, in its place.

use crate::answer::{Checked, ensure};
use crate::door::Door;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

/// How long the last event may take after the last request: restarts, and a view that catches up. Longer than the
/// client reads one stream.
const PATIENCE: Duration = Duration::from_secs(90);

#[derive(Debug, Default)]
struct Heard {
    last: u64,
    /// The events not yet taken, by position.
    events: BTreeMap<u64, Value>,
    wrong: Option<String>,
}

#[derive(Debug)]
pub struct Listener {
    heard: watch::Sender<Heard>,
    _task: AbortOnDropHandle<()>,
}

impl Listener {
    pub fn new(door: Door) -> Self {
        let heard = watch::Sender::new(Heard::default());
        let task = tokio::spawn(listen(door, heard.clone()));
        Self { heard, _task: AbortOnDropHandle::new(task) }
    }

    /// The events since the last call, once the end of the log has arrived.
    pub async fn up_to(&self, head: u64) -> Checked<BTreeMap<u64, Value>> {
        let mut heard = self.heard.subscribe();
        let there = heard.wait_for(|heard| heard.last >= head || heard.wrong.is_some());
        let came = timeout(PATIENCE, there).await.is_ok();
        let mut taken = Heard::default();
        self.heard.send_modify(|heard| {
            taken = Heard {
                last: heard.last,
                events: std::mem::take(&mut heard.events),
                wrong: heard.wrong.clone(),
            };
        });
        let wrong = taken.wrong.map(|why| format!("/v1/events/stream: {why}"));
        wrong.map_or(Ok(()), Err)?;
        ensure(came && taken.last == head, || {
            format!("/v1/events/stream: expected to hear up to {head}\ngot {}", taken.last)
        })?;
        Ok(taken.events)
    }
}

/// Continues after the last event whenever a stream ends.
async fn listen(mut door: Door, heard: watch::Sender<Heard>) {
    loop {
        if let Err(why) = hear(&door, &heard).await {
            heard.send_modify(|heard| heard.wrong = Some(why));
            return;
        }
        door.wait().await;
    }
}

/// Reads one stream to its end.
async fn hear(door: &Door, heard: &watch::Sender<Heard>) -> Checked {
    let after = heard.borrow().last;
    let Some(mut stream) = door.listen(after).await? else { return Ok(()) };
    door.tally.streams.one();
    while let Some((id, event)) = stream.next().await? {
        let Some(event) = door.heard(event)? else { continue };
        let expected = heard.borrow().last + 1;
        ensure(id == expected, || format!("expected the event at {expected}\ngot {id}: {event}"))?;
        door.tally.heard.one();
        heard.send_modify(|heard| {
            heard.last = id;
            heard.events.insert(id, event);
        });
    }
    Ok(())
}
