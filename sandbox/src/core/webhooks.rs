//! Webhooks: which event is delivered when, and how often.

use crate::core::plan::Course;
use serde_json::{Value, json};

/// The most deliveries that wait; later ones are dropped.
const MAX_WAITING: usize = 100_000;
/// How often one delivery is tried.
pub const MAX_TRIES: u8 = 5;
/// The pause before a delivery is tried again.
const TRY_AGAIN_MS: u64 = 1_000;

/// One event on its way to one receiver.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// When it is due, in milliseconds since 1970.
    pub due_ms: u64,
    /// The event's id: the same for all copies.
    pub event: String,
    /// The event as JSON.
    pub body: Value,
    /// How often it was tried.
    pub tries: u8,
}

/// The deliveries that wait.
#[derive(Debug, Clone, Default)]
pub struct Webhooks {
    waiting: Vec<Delivery>,
    events: u64,
}

impl Webhooks {
    /// Plans the deliveries of a new event.
    pub fn announce(
        &mut self,
        now_ms: u64,
        course: &mut Course,
        id: &str,
        kind: &str,
        object: Value,
    ) {
        self.events += 1;
        let plan = course.plan().webhooks.clone();
        let body = json!({
            "id": id,
            "object": "event",
            "api_version": "2024-06-20",
            "created": now_ms / 1000,
            "data": { "object": object },
            "livemode": false,
            "pending_webhooks": 1,
            "type": kind,
        });
        for _ in 0..plan.copies {
            let spread = course.time_up_to(plan.spread_ms);
            let due_ms = now_ms.saturating_add(plan.delay_ms).saturating_add(spread);
            if self.waiting.len() < MAX_WAITING {
                let (event, body) = (id.to_owned(), body.clone());
                self.waiting.push(Delivery { due_ms, event, body, tries: 0 });
            }
        }
    }

    /// Takes what is due, in the order in which it is due.
    pub fn take_due(&mut self, now_ms: u64) -> Vec<Delivery> {
        let (mut due, waiting): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|it| it.due_ms <= now_ms);
        self.waiting = waiting;
        due.sort_by_key(|it| it.due_ms); // stable: ties keep the order of the events
        due
    }

    /// Takes back a delivery that failed, to be tried again, unless it was tried often enough.
    pub fn failed(&mut self, now_ms: u64, mut delivery: Delivery) {
        delivery.tries += 1;
        if delivery.tries < MAX_TRIES {
            delivery.due_ms = now_ms.saturating_add(TRY_AGAIN_MS);
            self.waiting.push(delivery);
        }
    }

    /// When the next delivery is due, if one waits.
    pub fn next_due_ms(&self) -> Option<u64> {
        self.waiting.iter().map(|it| it.due_ms).min()
    }

    /// How many events there were.
    pub fn events(&self) -> u64 {
        self.events
    }
}
