//! Guards around tries, on a clock that the tests move.

use crate::world::{START, key, opened};
use outside::guard::{BreakerSettings, Guard, GuardSettings, Phase};
use outside::guarded::{GuardedCarrier, GuardedPsp};
use outside::psp::{Psp, PspId, PspState};
use outside::{Cause, Failure, NotTried};
use sandbox::Shared;
use sandbox::core::CallKind;
use serde_json::{Value, json};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(10);
const OPEN_FOR: Duration = Duration::from_secs(5);

fn settings() -> GuardSettings {
    GuardSettings {
        provider: "test",
        per_second: NonZeroU32::new(1_000).unwrap(),
        at_once: 4,
        breaker: BreakerSettings {
            window: Duration::from_secs(10),
            least: 4,
            percent: 50,
            open_for: OPEN_FOR,
        },
        patience: Some(PATIENCE),
    }
}

async fn fails(guard: &Guard, with: &Failure) -> Failure {
    guard.run(async { Err::<(), _>(with.clone()) }).await.unwrap_err()
}

async fn passes(guard: &Guard) -> Result<(), Failure> {
    guard.run(async { Ok(()) }).await
}

fn silence() -> Failure {
    Failure::Silence { cause: Cause::Reset }
}

#[tokio::test(start_paused = true)]
async fn only_silence_and_errors_of_the_server_open_the_breaker() {
    let refused = |is_final| Failure::Refused { code: "card_declined".to_owned(), is_final };
    let cells = [
        (silence(), Phase::Open),
        (Failure::ServerError { status: 500 }, Phase::Open),
        (Failure::RateLimited { retry_after: None }, Phase::Closed),
        (refused(true), Phase::Closed),
        (refused(false), Phase::Closed),
    ];
    for (failure, phase) in cells {
        let guard = Guard::new(settings());
        for _ in 0..20 {
            fails(&guard, &failure).await;
        }
        assert_eq!(guard.phase().0, phase, "{failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn while_open_there_is_one_probe_per_while() {
    let guard = Guard::new(settings());
    for _ in 0..4 {
        fails(&guard, &silence()).await;
    }
    let (phase, since) = guard.phase();
    assert_eq!((phase, since), (Phase::Open, Instant::now()));
    let tried = AtomicU32::new(0);
    for _ in 0..600 {
        let probe = async {
            tried.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(silence())
        };
        guard.run(probe).await.unwrap_err();
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    assert_eq!(tried.load(Ordering::Relaxed), 11, "a probe each 5.1 s in 60 s");
    tokio::time::advance(OPEN_FOR).await;
    passes(&guard).await.unwrap();
    assert_eq!(guard.phase().0, Phase::Closed);
}

#[tokio::test(start_paused = true)]
async fn what_a_guard_refuses_is_not_begun() {
    let begun = AtomicU32::new(0);
    let count = || async {
        begun.fetch_add(1, Ordering::Relaxed);
        Ok::<_, Failure>(())
    };
    let open = Guard::new(settings());
    for _ in 0..4 {
        fails(&open, &silence()).await;
    }
    let why = open.run(count()).await.unwrap_err();
    assert_eq!(why, Failure::NotTried { why: NotTried::Open { wait: OPEN_FOR } });
    let slow = Guard::new(GuardSettings { per_second: NonZeroU32::new(2).unwrap(), ..settings() });
    passes(&slow).await.unwrap();
    passes(&slow).await.unwrap();
    let Err(Failure::NotTried { why: NotTried::RateLimit { wait } }) = slow.run(count()).await
    else {
        panic!("the third try in a second of two begins");
    };
    assert_eq!(begun.load(Ordering::Relaxed), 0);
    tokio::time::advance(wait).await;
    slow.run(count()).await.unwrap();
    assert_eq!(begun.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn the_bulkhead_sheds_and_one_provider_that_hangs_holds_nobody_else() {
    let (hanging, healthy) = (Arc::new(Guard::new(settings())), Guard::new(settings()));
    let held: Vec<_> = (0..4)
        .map(|_| {
            let guard = hanging.clone();
            tokio::spawn(
                async move { guard.run(std::future::pending::<Result<(), Failure>>()).await },
            )
        })
        .collect();
    tokio::task::yield_now().await;
    assert_eq!(hanging.room(), 0);
    let began = Instant::now();
    assert_eq!(passes(&hanging).await, Err(Failure::NotTried { why: NotTried::Full }));
    passes(&healthy).await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO, "nobody waited");
    for result in held {
        assert_eq!(result.await.unwrap(), Err(Failure::Silence { cause: Cause::Timeout }));
    }
    assert_eq!(began.elapsed(), PATIENCE);
    assert_eq!((hanging.room(), hanging.phase().0), (4, Phase::Open));
    assert_eq!(healthy.phase().0, Phase::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_try_gives_its_room_and_its_pass_back() {
    let guard = Arc::new(Guard::new(settings()));
    for _ in 0..4 {
        fails(&guard, &silence()).await;
    }
    tokio::time::advance(OPEN_FOR).await;
    let probing = guard.clone();
    let probe =
        tokio::spawn(
            async move { probing.run(std::future::pending::<Result<(), Failure>>()).await },
        );
    tokio::task::yield_now().await;
    assert_eq!(guard.phase().0, Phase::HalfOpen);
    probe.abort();
    assert!(probe.await.unwrap_err().is_cancelled());
    assert_eq!((guard.phase().0, guard.room()), (Phase::Open, 4));
    tokio::time::advance(OPEN_FOR).await;
    passes(&guard).await.unwrap();
}

fn sandbox(rules: Value) -> Shared {
    let shared = Shared::new(START);
    let plan = serde_json::from_value(json!({ "rules": rules })).unwrap();
    shared.lock().follow(plan).unwrap();
    shared
}

fn guarded(shared: &Shared) -> GuardedPsp {
    GuardedPsp::new(Psp::sandbox(shared.clone()), Arc::new(Guard::new(settings())))
}

fn count(shared: &Shared, kind: CallKind) -> u64 {
    shared.lock().counts().get(&kind).copied().unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn only_readings_are_tried_twice() {
    let shared = sandbox(json!([{ "fault": { "kind": "silence_after" } }]));
    let psp = guarded(&shared);
    let id = PspId::parse("pi_any").unwrap();
    psp.read(&id).await.unwrap_err();
    assert_eq!(count(&shared, CallKind::Read), 2);
    psp.confirm(&key(), &id).await.unwrap_err();
    psp.cancel(&key(), &id).await.unwrap_err();
    assert_eq!((count(&shared, CallKind::Confirm), count(&shared, CallKind::Cancel)), (1, 1));
    let carrier = outside::carrier::Carrier::sandbox(shared.clone());
    let carrier = GuardedCarrier::new(carrier, Arc::new(Guard::new(settings())));
    carrier.read(uuid::Uuid::nil()).await.unwrap_err();
    assert_eq!(count(&shared, CallKind::CarrierRead), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refused_reading_is_not_repeated_and_a_repeated_one_may_succeed() {
    let shared =
        sandbox(json!([{ "call": "read", "fault": { "kind": "server_error" }, "times": 1 }]));
    let id = opened(&Psp::sandbox(shared.clone()), "pm_card_visa").await;
    let psp = guarded(&shared);
    assert_eq!(psp.read(&id).await.unwrap().state, PspState::Opened);
    assert_eq!(count(&shared, CallKind::Read), 2);
    psp.read(&PspId::parse("pi_none").unwrap()).await.unwrap_err();
    assert_eq!(count(&shared, CallKind::Read), 3);
}

#[tokio::test(start_paused = true)]
async fn declined_cards_do_not_open_the_breaker() {
    let shared = sandbox(json!([]));
    let psp = guarded(&shared);
    for _ in 0..20 {
        let id = opened(&Psp::sandbox(shared.clone()), "pm_card_visa_chargeDeclined").await;
        assert_eq!(psp.confirm(&key(), &id).await.unwrap().state, PspState::Declined);
        psp.capture(&key(), &id, crate::world::usd(1000)).await.unwrap_err();
    }
    assert_eq!(psp.guard().phase().0, Phase::Closed);
}
