//! What every payment provider must do, whoever wrote it. No case rests on idempotency keys.

use crate::world::{Method, World, id_of, key, opening, usd};
use outside::Failure;
use outside::psp::{PspId, PspSnapshot, PspState, RefundState};
use uuid::Uuid;

/// Every case, one after the other.
pub async fn every_case(world: &impl World) {
    an_opened_intent_has_no_money(world).await;
    a_confirmed_intent_is_authorized(world).await;
    an_authorization_is_captured_once(world).await;
    nothing_is_captured_that_was_cancelled(world).await;
    what_is_captured_cannot_be_cancelled(world).await;
    an_opened_intent_can_be_cancelled(world).await;
    a_decline_is_a_result(world).await;
    a_customer_who_passes_pays(world).await;
    a_customer_who_fails_is_declined(world).await;
    refunds_are_listed_with_our_ids(world).await;
    an_unknown_intent_is_refused_for_good(world).await;
}

async fn opened(world: &impl World, method: Method) -> PspId {
    let method = world.method(method).await;
    let snapshot = world.psp().open(&key(), &opening(usd(1000), method)).await.unwrap();
    assert_eq!(snapshot.state, PspState::Opened);
    id_of(&snapshot)
}

async fn authorized(world: &impl World) -> PspId {
    let id = opened(world, Method::Pays).await;
    world.psp().confirm(&key(), &id).await.unwrap();
    id
}

async fn captured(world: &impl World) -> PspId {
    let id = authorized(world).await;
    world.psp().capture(&key(), &id, usd(1000)).await.unwrap();
    id
}

/// The state and the money that a reading shows.
async fn read(world: &impl World, id: &PspId) -> (PspState, i64, i64) {
    let it = world.psp().read(id).await.unwrap();
    assert_eq!(it.psp_id, id.as_str());
    (it.state, it.authorized.minor(), it.captured.minor())
}

#[track_caller]
fn refused_for_good(result: &Result<PspSnapshot, Failure>) {
    assert!(matches!(result, Err(Failure::Refused { is_final: true, .. })), "{result:?}");
}

async fn an_opened_intent_has_no_money(world: &impl World) {
    let id = opened(world, Method::Pays).await;
    assert_eq!(read(world, &id).await, (PspState::Opened, 0, 0));
    assert_eq!(world.psp().action(&id).await, Ok(None));
}

async fn a_confirmed_intent_is_authorized(world: &impl World) {
    let id = opened(world, Method::Pays).await;
    let snapshot = world.psp().confirm(&key(), &id).await.unwrap();
    assert_eq!(snapshot.state, PspState::Authorized);
    assert_eq!((snapshot.authorized, snapshot.captured), (usd(1000), usd(0)));
    assert_eq!(read(world, &id).await, (PspState::Authorized, 1000, 0));
}

async fn an_authorization_is_captured_once(world: &impl World) {
    let id = authorized(world).await;
    let snapshot = world.psp().capture(&key(), &id, usd(1000)).await.unwrap();
    assert_eq!((snapshot.state, snapshot.captured), (PspState::Captured, usd(1000)));
    refused_for_good(&world.psp().capture(&key(), &id, usd(1000)).await);
    assert_eq!(read(world, &id).await, (PspState::Captured, 1000, 1000));
}

async fn nothing_is_captured_that_was_cancelled(world: &impl World) {
    let id = authorized(world).await;
    let snapshot = world.psp().cancel(&key(), &id).await.unwrap();
    assert_eq!((snapshot.state, snapshot.authorized), (PspState::Canceled, usd(0)));
    refused_for_good(&world.psp().cancel(&key(), &id).await);
    assert_eq!(read(world, &id).await, (PspState::Canceled, 0, 0));
}

async fn what_is_captured_cannot_be_cancelled(world: &impl World) {
    let id = captured(world).await;
    refused_for_good(&world.psp().cancel(&key(), &id).await);
    assert_eq!(read(world, &id).await, (PspState::Captured, 1000, 1000));
}

async fn an_opened_intent_can_be_cancelled(world: &impl World) {
    for method in [Method::Pays, Method::AsksTheCustomer] {
        let id = opened(world, method).await;
        world.psp().cancel(&key(), &id).await.unwrap();
        assert_eq!(read(world, &id).await, (PspState::Canceled, 0, 0));
        refused_for_good(&world.psp().confirm(&key(), &id).await);
    }
}

async fn a_decline_is_a_result(world: &impl World) {
    let id = opened(world, Method::Declines).await;
    let snapshot = world.psp().confirm(&key(), &id).await.unwrap();
    assert_eq!(snapshot.state, PspState::Declined);
    let decline = snapshot.error.unwrap();
    assert!(!decline.code.is_empty() && !decline.is_final, "{decline:?}");
    assert_eq!(read(world, &id).await, (PspState::Declined, 0, 0));
}

async fn a_customer_who_passes_pays(world: &impl World) {
    let id = opened(world, Method::AsksTheCustomer).await;
    let snapshot = world.psp().confirm(&key(), &id).await.unwrap();
    assert_eq!(snapshot.state, PspState::ActionRequired);
    let action = world.psp().action(&id).await.unwrap().unwrap();
    assert!(action.url.is_some() || action.client_secret.is_some());
    world.customer(&id, true).await;
    assert_eq!(read(world, &id).await, (PspState::Authorized, 1000, 0));
    assert_eq!(world.psp().action(&id).await, Ok(None));
}

async fn a_customer_who_fails_is_declined(world: &impl World) {
    let id = opened(world, Method::AsksTheCustomer).await;
    world.psp().confirm(&key(), &id).await.unwrap();
    world.customer(&id, false).await;
    let snapshot = world.psp().read(&id).await.unwrap();
    assert_eq!(snapshot.state, PspState::Declined);
    assert_eq!(snapshot.error.unwrap().code, "payment_intent_authentication_failure");
}

async fn refunds_are_listed_with_our_ids(world: &impl World) {
    let id = captured(world).await;
    let (first, second) = (Uuid::new_v4(), Uuid::new_v4());
    let snapshot = world.psp().refund(&key(), &id, first, usd(300)).await.unwrap();
    assert_eq!(snapshot.refunds.len(), 1);
    world.psp().refund(&key(), &id, second, usd(700)).await.unwrap();
    let snapshot = world.psp().read(&id).await.unwrap();
    let mut seen: Vec<_> =
        snapshot.refunds.iter().map(|it| (it.refund_id, it.amount, it.state)).collect();
    seen.sort_by_key(|(_, amount, _)| amount.minor());
    let succeeded = RefundState::Succeeded;
    assert_eq!(seen, [(Some(first), usd(300), succeeded), (Some(second), usd(700), succeeded)]);
    assert_eq!((snapshot.state, snapshot.captured), (PspState::Captured, usd(1000)));
    if world.caps_refunds() {
        refused_for_good(&world.psp().refund(&key(), &id, Uuid::new_v4(), usd(1)).await);
    }
}

async fn an_unknown_intent_is_refused_for_good(world: &impl World) {
    let id = PspId::parse("pi_00000000000000").unwrap();
    refused_for_good(&world.psp().read(&id).await);
    refused_for_good(&world.psp().confirm(&key(), &id).await);
    refused_for_good(&world.psp().cancel(&key(), &id).await);
}
