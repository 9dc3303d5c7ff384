//! The shape of each request, by stripe-mock: it checks every parameter against Stripe's own description of its API.
//!
//! It has no state, so its answers say nothing about money.

use crate::doubles::start_or_say;
use crate::world::{http, id_of, key, opening, usd};
use outside::Secret;
use outside::psp::{MethodToken, Psp, PspId};
use std::time::Duration;
use uuid::Uuid;

#[tokio::test]
async fn stripe_takes_every_parameter() {
    let untested = "the shape of requests by Stripe's own description of its API";
    let Some(double) = start_or_say("stripe-mock", untested).await else { return };
    let psp = Psp::stripe(http(double.port, "sk_test_123", Duration::from_secs(20)));
    let method = MethodToken(Secret::new("pm_card_visa"));
    let opened = psp.open(&key(), &opening(usd(1000), method)).await.unwrap();
    let id: PspId = id_of(&opened);
    psp.confirm(&key(), &id).await.unwrap();
    psp.capture(&key(), &id, usd(1000)).await.unwrap();
    psp.cancel(&key(), &id).await.unwrap();
    psp.refund(&key(), &id, Uuid::new_v4(), usd(400)).await.unwrap();
    psp.read(&id).await.unwrap();
    psp.action(&id).await.unwrap();
}
