//! Decisions on several streams: transfers between accounts, whose sum must never change.

use crate::pipeline::bank::{
    ACCOUNT, Bank, Command, Event, PANICS, POISONS, Rejection, TRANSFER, deposit, take_back,
    transfer,
};
use crate::pipeline::counter::Rig;
use crate::pipeline::key::{Key, Retention};
use crate::pipeline::{
    CacheLimits, Effect, PipelineLimits, Refusal, Replayed, Reply, Request, Target,
};
use domain::Aggregate;
use event_store::{EventStore, RecordedEvent, StreamType};
use std::collections::BTreeMap;
use tokio::task::JoinSet;
use uuid::Uuid;

async fn log(store: &EventStore) -> Vec<RecordedEvent> {
    let mut log: Vec<RecordedEvent> = Vec::new();
    loop {
        let after = log.last().map_or(0, |event| event.position);
        let page = store.read_feed(after, 1_000).await.unwrap();
        if page.is_empty() {
            return log;
        }
        log.extend(page);
    }
}

/// The balances, after a walk through the log that finds no transfer in part and no account below zero.
fn balances(log: &[RecordedEvent]) -> BTreeMap<u128, i64> {
    let mut balances = BTreeMap::<u128, i64>::new();
    let mut made = BTreeMap::new();
    let mut open: Vec<(u128, i64)> = Vec::new();
    for event in log {
        let decoded = Bank::decode(&event.event_type, 1, &event.payload).unwrap();
        let (id, is_account) = (event.stream.id.as_u128(), event.stream.stream_type == *ACCOUNT);
        match decoded {
            Event::Added(amount) => {
                assert!(is_account);
                let balance = balances.entry(id).or_default();
                *balance += amount;
                assert!(*balance >= 0, "account {id} at position {}", event.position);
                open.push((id, amount));
            }
            Event::Made(accounts) => {
                let parts = open.split_off(open.len() - accounts.len());
                assert_eq!(parts, accounts, "transfer {id} at position {}", event.position);
                made.insert(id, accounts);
            }
            Event::TakenBack => {
                let accounts = made.remove(&id).unwrap();
                let parts = open.split_off(open.len() - accounts.len());
                let opposite: Vec<_> = accounts.iter().map(|(id, amount)| (*id, -amount)).collect();
                assert_eq!(parts, opposite, "transfer {id} at position {}", event.position);
            }
        }
    }
    balances
}

/// `(version, first position, events)`.
fn accepted(reply: &Reply<Bank>) -> (u64, u64, usize) {
    let accepted = reply.result.as_ref().unwrap();
    assert_eq!(reply.token, accepted.position());
    (accepted.version, accepted.first_position, accepted.events.len())
}

fn refused(reply: Reply<Bank>) -> Refusal<Rejection> {
    reply.result.err().expect("the command should have been refused")
}

fn keyed(request: Request<Command>, key: &str) -> Request<Command> {
    let key = Key::new(key.to_owned(), [1; 32], Retention::Retries);
    Request { key: Some(key), ..request }
}

pub async fn a_decision_on_several_streams_is_stored_whole(rig: Rig) {
    let (bank, store) = rig.bank().await;
    let batch =
        [deposit(1, 10), transfer(100, &[(1, -7), (2, 7)]), transfer(101, &[(1, -7), (3, 7)])];
    let [deposited, made, short] = batch.map(|request| bank.submit(request).unwrap());
    assert_eq!(accepted(&deposited.reply().await), (1, 1, 1));
    // Its own event comes last, so that its token shows all of them.
    assert_eq!(accepted(&made.reply().await), (1, 4, 1));
    let short = short.reply().await;
    assert!(short.token >= 3 && matches!(refused(short), Refusal::Rejected(Rejection::Short(3))));
    let log = log(&store).await;
    let streams = log.iter().map(|event| (event.stream.stream_type.as_str(), event.version));
    let expected = [(ACCOUNT, 1), (ACCOUNT, 2), (ACCOUNT, 1), (TRANSFER, 1)];
    assert_eq!(streams.collect::<Vec<_>>(), expected);
    assert!(log.iter().all(|event| event.occurred_at == log[0].occurred_at));
    assert_eq!(balances(&log), [(1, 3), (2, 7)].into());
}

pub async fn what_is_decided_on_other_streams_is_never_decided_on_stale_ones(rig: Rig) {
    let (ours, store) = rig.bank().await;
    let (theirs, _) = rig.bank().await;
    ours.ask(deposit(1, 1)).await;
    theirs.ask(deposit(1, 5)).await;
    // In our memory the account has 1: a refusal would be as wrong as an acceptance below.
    assert_eq!(accepted(&ours.ask(transfer(100, &[(1, -6), (2, 6)])).await).0, 1);
    let stale = theirs.ask(transfer(101, &[(1, -6), (3, 6)])).await;
    assert!(matches!(refused(stale), Refusal::Rejected(Rejection::Short(0))));
    // A transfer that is there is found although its caller says that it is new.
    let there = theirs.ask(transfer(100, &[(2, -1), (3, 1)])).await;
    assert!(matches!(refused(there), Refusal::Rejected(Rejection::Unknown)));
    assert_eq!(balances(&log(&store).await), [(1, 0), (2, 6)].into());
}

pub async fn partners_that_only_the_stream_knows_are_found_in_the_same_batch(rig: Rig) {
    let (bank, store) = rig.bank().await;
    bank.ask(deposit(1, 10)).await;
    // The accounts of the second command are known once the first is decided; those of the last are cold.
    let batch = [transfer(100, &[(1, -4), (2, 4)]), take_back(100), take_back(100)];
    let [made, back, again] = batch.map(|request| bank.submit(request).unwrap());
    assert_eq!(accepted(&made.reply().await), (1, 4, 1));
    assert_eq!(accepted(&back.reply().await), (2, 7, 1));
    assert_eq!(accepted(&again.reply().await).2, 0);
    let named = Request {
        target: Target::Named(Uuid::from_u128(200)),
        ..transfer(200, &[(1, -3), (9, 3)])
    };
    accepted(&bank.ask(named).await);
    let (cold, _) = rig.bank().await;
    accepted(&cold.ask(take_back(200)).await);
    assert_eq!(balances(&log(&store).await), [(1, 10), (2, 0), (9, 0)].into());
    let unknown = bank.ask(take_back(300)).await;
    assert!(matches!(refused(unknown), Refusal::Rejected(Rejection::Unknown)));
}

pub async fn a_joint_decision_is_kept_under_its_key(rig: Rig) {
    let (bank, store) = rig.bank().await;
    bank.ask(deposit(1, 10)).await;
    let request = || keyed(transfer(100, &[(1, -4), (2, 4)]), "k");
    let first = bank.ask(request()).await;
    let (theirs, _) = rig.bank().await;
    for again in [bank.ask(request()).await, theirs.ask(request()).await] {
        assert_eq!(accepted(&again), accepted(&first));
        assert_ne!(again.replayed, Replayed::No);
    }
    let [one, two] = [bank.ask(keyed(take_back(100), "b")), theirs.ask(keyed(take_back(100), "b"))];
    let (one, two) = tokio::join!(one, two);
    assert_eq!(accepted(&one), accepted(&two));
    assert_eq!(balances(&log(&store).await), [(1, 10), (2, 0)].into());
}

pub async fn a_joint_batch_that_fails_leaves_no_trace(rig: Rig) {
    let (bank, store) = rig.bank().await;
    bank.ask(deposit(1, 10)).await;
    let batch = [transfer(100, &[(1, -4), (2, 4)]), transfer(101, &[(1, -1), (3, POISONS)])];
    for pending in batch.map(|request| bank.submit(request).unwrap()) {
        assert!(matches!(refused(pending.reply().await), Refusal::Unavailable));
    }
    // Nothing of it is left in memory either.
    let short = bank.ask(transfer(102, &[(2, -1), (1, 1)])).await;
    assert!(matches!(refused(short), Refusal::Rejected(Rejection::Short(0))));
    accepted(&bank.ask(transfer(100, &[(1, -10), (2, 10)])).await);
    assert_eq!(balances(&log(&store).await), [(1, 0), (2, 10)].into());
}

pub async fn a_dry_run_on_several_streams_stores_nothing(rig: Rig) {
    let (bank, store) = rig.bank().await;
    bank.ask(deposit(1, 10)).await;
    let dry = |request| Request { effect: Effect::Preview, ..request };
    let reply = bank.ask(dry(transfer(100, &[(1, -10), (2, 10)]))).await;
    let preview = reply.result.unwrap().preview.unwrap();
    assert_eq!((preview.events.len(), preview.current_version), (1, 0));
    let short = bank.ask(dry(transfer(100, &[(1, -11), (2, 11)]))).await;
    assert!(matches!(refused(short), Refusal::Rejected(Rejection::Short(10))));
    accepted(&bank.ask(transfer(100, &[(1, -10), (2, 10)])).await);
    assert_eq!(store.head().await.unwrap().position, 4);
}

pub async fn a_partner_that_cannot_be_folded_costs_its_streams_and_nothing_else(rig: Rig) {
    let (bank, store) = rig.bank().await;
    bank.ask(deposit(1, 1_000)).await;
    let batch = [
        transfer(100, &[(1, -1), (2, 1)]),
        transfer(101, &[(1, -PANICS), (2, PANICS)]),
        transfer(102, &[(3, 0), (4, 0)]),
    ];
    let [before, panicking, after] = batch.map(|request| bank.submit(request).unwrap());
    assert_eq!(accepted(&before.reply().await).0, 1);
    assert!(matches!(refused(panicking.reply().await), Refusal::Internal));
    accepted(&after.reply().await);
    accepted(&bank.ask(transfer(103, &[(1, -999), (2, 999)])).await);
    let events = log(&store).await;
    assert!(!events.iter().any(|event| event.stream.id == Uuid::from_u128(101)));
    // The third one changed no account: its event stands alone.
    let changing = events.into_iter().filter(|event| event.stream.id != Uuid::from_u128(102));
    assert_eq!(balances(&changing.collect::<Vec<_>>()), [(1, 0), (2, 1_000)].into());
}

pub async fn each_stream_of_a_decision_has_its_own_business_case(rig: Rig) {
    let (bank, store) = rig.bank().await;
    bank.ask(deposit(1, 10)).await;
    accepted(&bank.ask(transfer(100, &[(1, -4), (2, 4)])).await);
    accepted(&bank.ask(take_back(100)).await);
    for event in log(&store).await {
        let is_transfer = event.stream.stream_type == StreamType::new(TRANSFER);
        let expected = if is_transfer { Uuid::from_u128(1) } else { event.stream.id };
        assert_eq!(event.partition_key, expected, "{}", event.event_type);
    }
}

pub async fn what_has_too_many_streams_for_one_append_takes_several(rig: Rig) {
    let (bank, store) = rig.bank().await;
    let spread = |id: u128| {
        let accounts: Vec<_> = (0..7_000).map(|nth| (1_000 * id + nth, 1)).collect();
        transfer(id, &accounts)
    };
    let pending = [1, 2, 3, 4].map(|id| bank.submit(spread(id)).unwrap());
    for pending in pending {
        accepted(&pending.reply().await);
    }
    let log = log(&store).await;
    assert_eq!(log.len(), 4 * 7_001);
    assert_eq!(balances(&log).values().sum::<i64>(), 28_000);
}

pub async fn no_transfer_of_two_racing_pipelines_changes_the_sum(rig: Rig) {
    const ACCOUNTS: u128 = 4;
    const CALLERS: u128 = 6;
    const EACH: u128 = 30;
    // Small enough that streams are loaded again and again, and through snapshots.
    let small = PipelineLimits {
        cache: CacheLimits { streams: 3, ..CacheLimits::default() },
        snapshot_every: 5,
        ..PipelineLimits::default()
    };
    let (ours, store) = rig.bank_with(small).await;
    let (theirs, _) = rig.bank().await;
    for account in 0..ACCOUNTS {
        ours.ask(deposit(account, 20)).await;
    }
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let bank = if caller.is_multiple_of(2) { ours.clone() } else { theirs.clone() };
        callers.spawn(async move {
            let mut made = 0;
            for nth in 0..EACH {
                let id = 100 + caller * EACH + nth;
                let (from, to) = ((caller + nth) % ACCOUNTS, (caller + 3 * nth + 1) % ACCOUNTS);
                if from == to {
                    continue;
                }
                let amount = 1 + (nth % 9) as i64;
                let moved = bank.ask(transfer(id, &[(from, -amount), (to, amount)])).await.result;
                match moved {
                    Ok(_) => made += 1,
                    Err(Refusal::Rejected(Rejection::Short(_)) | Refusal::ConcurrentUpdate) => {
                        continue;
                    }
                    Err(other) => panic!("{other:?}"),
                }
                if nth % 4 == 0 {
                    let back = bank.ask(take_back(id)).await.result;
                    let lost = matches!(
                        back,
                        Err(Refusal::Rejected(Rejection::Short(_)) | Refusal::ConcurrentUpdate)
                    );
                    assert!(back.is_ok() || lost, "{:?}", back.err());
                }
            }
            made
        });
    }
    let made: usize = callers.join_all().await.into_iter().sum();
    assert!(made > 20, "only {made} transfers were made");
    let log = log(&store).await;
    assert_eq!(log.iter().filter(|event| &*event.event_type == "Made").count(), made);
    assert_eq!(balances(&log).values().sum::<i64>(), 20 * ACCOUNTS as i64);
    assert_eq!(store.verify(|_, _| {}).await.unwrap().defects, [""; 0]);
}
