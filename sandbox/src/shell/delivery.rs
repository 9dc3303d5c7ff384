//! Delivers webhooks to one receiver, each when it is due. What is not taken is sent again, a few times.

use crate::core::Delivery;
use crate::shared::Shared;
use crate::shell::sign::signature;
use std::time::Duration;

/// The longest pause between two looks at what is due.
const LOOK: Duration = Duration::from_millis(10);
/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who gets the webhooks.
#[derive(Clone)]
pub struct Receiver {
    /// Where to.
    pub url: String,
    /// What they are signed with.
    pub secret: Vec<u8>,
    /// What sends them.
    pub http: reqwest::Client,
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiver").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Receiver {
    /// Sends what is due now.
    pub async fn send_due(&self, shared: &Shared) {
        let due = shared.lock().take_due_webhooks(shared.now_ms());
        for delivery in due {
            if !self.took(shared, &delivery).await {
                shared.lock().webhooks().failed(shared.now_ms(), delivery);
            }
        }
    }

    async fn took(&self, shared: &Shared, delivery: &Delivery) -> bool {
        let body = delivery.body.to_string();
        let signed = signature(&self.secret, shared.now_ms() / 1000, body.as_bytes());
        let request = self.http.post(&self.url).header("Content-Type", "application/json");
        let answer =
            request.header("Stripe-Signature", signed).timeout(PATIENCE).body(body).send().await;
        let taken = answer.is_ok_and(|it| it.status().is_success());
        tracing::debug!(event.id = delivery.event, taken, "webhook sent");
        taken
    }
}

/// Does what is due without a request, for ever: late calls, and webhooks if there is a receiver.
pub async fn deliver(shared: Shared, receiver: Option<Receiver>) {
    loop {
        match &receiver {
            Some(receiver) => receiver.send_due(&shared).await,
            None => shared.lock().advance(shared.now_ms()),
        }
        tokio::time::sleep(LOOK).await;
    }
}
