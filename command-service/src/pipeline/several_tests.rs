//! Several pipelines on one log: of one type, as in two processes, and of two types in one process.

use super::events;
use crate::pipeline::Refusal;
use crate::pipeline::counter::{CASES, Command, Rig, Tally, accepted, add, ask, refused};
use domain::Aggregate;
use event_store::StreamType;
use tokio::task::JoinSet;
use uuid::Uuid;

pub async fn two_pipelines_on_one_log_never_build_on_each_others_stale_state(rig: Rig) {
    let (ours, store) = rig.pipeline().await;
    let (theirs, _) = rig.pipeline().await;
    ours.ask(add(1, 1)).await;
    theirs.ask(add(1, 5)).await;
    // Our cache says 1: both a wrong acceptance and a wrong refusal would show.
    let batch = [add(1, -6), add(1, -1), add(2, 3)].map(|request| ours.submit(request).unwrap());
    let [spent, refusal, neighbour] = batch;
    assert_eq!(accepted(&spent.reply().await).0, 3);
    assert!(matches!(refused(refusal.reply().await), Refusal::Rejected(_)));
    assert_eq!(accepted(&neighbour.reply().await).0, 1);
    let stale = theirs.ask(add(1, 1).if_match(2)).await;
    assert!(matches!(refused(stale), Refusal::PreconditionFailed { current_version: 3 }));
    assert_eq!(events(&store, 1).await.len(), 3);
}

pub async fn pipelines_that_compete_for_a_stream_lose_nothing(rig: Rig) {
    let (ours, store) = rig.pipeline().await;
    let (theirs, _) = rig.pipeline().await;
    let tasks = [ours, theirs].map(|pipeline| {
        tokio::spawn(async move {
            let mut stored = 0;
            for _ in 0..50 {
                match pipeline.ask(add(1, 1)).await.result {
                    Ok(accepted) => stored += accepted.events.len(),
                    Err(refusal) => assert!(matches!(refusal, Refusal::ConcurrentUpdate)),
                }
            }
            stored
        })
    });
    let mut stored = 0;
    for task in tasks {
        stored += task.await.unwrap();
    }
    let versions: Vec<_> = events(&store, 1).await.iter().map(|event| event.version).collect();
    assert_eq!(versions, (1..=stored as u64).collect::<Vec<_>>());
}

pub async fn a_key_used_by_another_pipeline_in_the_meantime_gets_its_answer(rig: Rig) {
    let (ours, _) = rig.pipeline().await;
    let (theirs, store) = rig.pipeline().await;
    let (one, two) =
        tokio::join!(ours.ask(add(1, 1).keyed("k", 1)), theirs.ask(add(1, 1).keyed("k", 1)));
    assert_eq!(accepted(&one), accepted(&two));
    assert_ne!(one.replayed, two.replayed);
    assert_eq!(store.head().await.unwrap().position, 1);
}

pub async fn of_two_that_begin_a_stream_at_once_the_second_goes_on_from_the_first(rig: Rig) {
    let (ours, _) = rig.pipeline().await;
    let (theirs, _) = rig.pipeline().await;
    for id in 1..=20 {
        let begin = || add(id, 1).fresh();
        let (one, two) = tokio::join!(ours.ask(begin()), theirs.ask(begin()));
        assert_eq!(accepted(&one).0 + accepted(&two).0, 1 + 2);
    }
}

pub async fn a_stream_keeps_the_business_case_that_it_began_in(rig: Rig) {
    let (ours, store) = rig.pipeline().await;
    let case = CASES + 7;
    let batch = [add(1, case), add(1, 1), add(2, 1), add(1, 0)];
    for pending in batch.map(|request| ours.submit(request).unwrap()) {
        accepted(&pending.reply().await);
    }
    // A command that would begin a stream in a case does not change the case of an existing stream.
    accepted(&ours.ask(add(2, case)).await);
    let (theirs, _) = rig.pipeline().await;
    accepted(&theirs.ask(add(1, case + 1)).await);
    let keys = async |id| {
        let keys = events(&store, id).await.into_iter().map(|event| event.partition_key);
        keys.map(|key| key.as_u128() as i64).collect::<Vec<_>>()
    };
    assert_eq!((keys(1).await, keys(2).await), (vec![case; 3], vec![2; 2]));
}

pub async fn pipelines_of_two_types_store_streams_of_the_same_ids_side_by_side(rig: Rig) {
    let (counters, tallies, store) = rig.pipelines().await;
    for round in 1..=3 {
        let counted = [1, 2, 3].map(|id| counters.submit(add(id, 1)).unwrap());
        let tallied = [1, 2, 3].map(|id| tallies.submit(add(id, 10)).unwrap());
        let mut positions = Vec::new();
        for pending in counted {
            let (version, position, events) = accepted(&pending.reply().await);
            assert_eq!((version, events), (round, 1));
            positions.push(position);
        }
        for pending in tallied {
            let (version, position, events) = accepted(&pending.reply().await);
            assert_eq!((version, events), (round, 1));
            positions.push(position);
        }
        positions.sort_unstable();
        assert_eq!(positions, (6 * round - 5..=6 * round).collect::<Vec<_>>());
    }
    // Each has its own sum: 3 of one type, 30 of the other.
    assert_eq!(&*counters.ask(add(1, -3)).await.result.unwrap().status, "zero");
    assert!(matches!(refused(tallies.ask(add(1, -31)).await), Refusal::Rejected(_)));
    assert_eq!(&*tallies.ask(add(1, -30)).await.result.unwrap().status, "zero");
    assert_eq!(store.verify(|_, _| {}).await.unwrap().defects, [""; 0]);
}

pub async fn a_batch_that_fails_leaves_the_other_types_batch_alone(rig: Rig) {
    let (counters, tallies, store) = rig.pipelines().await;
    let lost = counters.submit(ask(1, Command::Poison)).unwrap();
    let neighbour = tallies.submit(add(1, 1)).unwrap();
    assert!(matches!(refused(lost.reply().await), Refusal::Unavailable));
    assert_eq!(accepted(&neighbour.reply().await), (1, 1, 1));
    assert_eq!(accepted(&counters.ask(add(1, 1)).await), (1, 2, 1));
    assert_eq!(store.head().await.unwrap().position, 2);
}

pub async fn one_key_used_for_two_types_stands_for_one_of_them(rig: Rig) {
    let (counters, tallies, store) = rig.pipelines().await;
    let counted = counters.submit(add(1, 1).keyed("k", 1)).unwrap();
    let tallied = tallies.submit(add(2, 1).keyed("k", 2)).unwrap();
    let (counted, tallied) = (counted.reply().await, tallied.reply().await);
    let refusals = [counted.result.err(), tallied.result.err()].map(|refusal| match refusal {
        None => 0,
        Some(Refusal::KeyReused) => 1,
        Some(other) => panic!("{other:?}"),
    });
    assert_eq!(refusals.iter().sum::<i32>(), 1, "{refusals:?}");
    assert_eq!(store.head().await.unwrap().position, 1);
}

pub async fn pipelines_of_two_types_lose_nothing_under_load(rig: Rig) {
    const CALLERS: u128 = 8;
    const EACH: u64 = 25;
    let (counters, tallies, store) = rig.pipelines().await;
    let mut callers = JoinSet::new();
    for id in 1..=CALLERS {
        let (counters, tallies) = (counters.clone(), tallies.clone());
        callers.spawn(async move {
            for version in 1..=EACH {
                let keyed = |of| add(id, 1).keyed(&format!("{of}/{id}/{version}"), 1);
                let (counted, tallied) =
                    tokio::join!(counters.ask(keyed("counter")), tallies.ask(keyed("tally")));
                assert_eq!((accepted(&counted).0, accepted(&tallied).0), (version, version));
            }
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller.unwrap();
    }
    counters.close().await;
    tallies.close().await;
    assert_eq!(store.head().await.unwrap().position, 2 * CALLERS as u64 * EACH);
    assert_eq!(store.verify(|_, _| {}).await.unwrap().defects, [""; 0]);
    for id in 1..=CALLERS {
        let tally = StreamType::new(Tally::STREAM_TYPE).stream(Uuid::from_u128(id));
        let tallied = store.read_stream(&tally, 0, 1_000).await.unwrap();
        assert_eq!((events(&store, id).await.len(), tallied.len()), (EACH as usize, EACH as usize));
    }
}
