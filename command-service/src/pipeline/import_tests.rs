//! Lines of an import: duplicates in flight, times, and stored answers.

use super::events;
use crate::pipeline::counter::{Rig, accepted, add, refused};
use crate::pipeline::{Refusal, Replayed};

pub async fn an_imported_twin_in_the_same_batch_waits_for_the_first_one(rig: Rig) {
    let (pipeline, store) = rig.pipeline().await;
    let now = (rig.clock())();
    let twins: Vec<_> =
        (0..3).map(|_| pipeline.submit(add(1, 1).imported("line", now)).unwrap()).collect();
    let mut replayed = 0;
    for twin in twins {
        let reply = twin.reply().await;
        assert_eq!(accepted(&reply), (1, 1, 1));
        replayed += usize::from(reply.replayed != Replayed::No);
    }
    assert_eq!(replayed, 2);
    assert_eq!(store.head().await.unwrap().position, 1);
}

pub async fn what_follows_an_imported_twin_is_decided_after_it(rig: Rig) {
    let (pipeline, _) = rig.pipeline().await;
    let now = (rig.clock())();
    let lines = [(-5, "take"), (5, "give"), (-5, "take"), (-1, "take more")];
    let put = |(n, id): (i64, &str)| pipeline.submit(add(1, n).imported(id, now)).unwrap();
    let mut came = Vec::new();
    for pending in lines.map(put) {
        came.push(pending.reply().await.result.is_ok());
    }
    assert_eq!(came, [false, true, true, false]);
}

pub async fn however_many_twins_come_together_each_is_answered(rig: Rig) {
    let (pipeline, _) = rig.pipeline().await;
    let now = (rig.clock())();
    let keys = (1..=8).flat_map(|key| [key, key]);
    let put = |key: u64| {
        let line = add(1, 1).imported(&key.to_string(), now);
        (key, pipeline.submit(line).unwrap())
    };
    for (key, pending) in keys.map(put).collect::<Vec<_>>() {
        assert_eq!(accepted(&pending.reply().await), (key, key, 1));
    }
}

pub async fn of_an_import_only_what_was_accepted_is_kept(rig: Rig) {
    let (pipeline, store) = rig.pipeline().await;
    let now = (rig.clock())();
    let line = |n| add(1, n).imported(&format!("take {n}"), now);
    assert!(matches!(refused(pipeline.ask(line(-5)).await), Refusal::Rejected(_)));
    assert!(matches!(refused(pipeline.ask(line(-5)).await), Refusal::Rejected(_)));
    pipeline.ask(line(7)).await;
    let taken = pipeline.ask(line(-5)).await;
    assert_eq!((taken.replayed.clone(), accepted(&taken)), (Replayed::No, (2, 2, 1)));
    let again = pipeline.ask(line(-5)).await;
    assert_eq!(accepted(&again), (2, 2, 1));
    assert_eq!(again.replayed, Replayed::Yes { correlation_id: None });
    // Stored although it appended nothing: importing the same file again finds the facts of the first line.
    assert_eq!(accepted(&pipeline.ask(line(0)).await), (2, 2, 0));
    assert!(matches!(pipeline.ask(line(0)).await.replayed, Replayed::Yes { .. }));
    assert_eq!(store.head().await.unwrap().position, 2);
}

pub async fn imported_times_lie_between_the_last_event_and_now(rig: Rig) {
    let (pipeline, store) = rig.pipeline().await;
    let now = (rig.clock())();
    let hour = chrono::TimeDelta::hours(1);
    pipeline.ask(add(1, 1).imported("a", now - hour)).await;
    let early = pipeline.ask(add(1, 1).imported("b", now - hour - hour)).await;
    assert!(matches!(refused(early), Refusal::BeforeLastEvent { last } if last == now - hour));
    let future = pipeline.ask(add(1, 1).imported("c", now + hour)).await;
    assert!(matches!(refused(future), Refusal::InFuture));
    rig.turn_clock(-7_200);
    pipeline.ask(add(1, 1)).await;
    let times: Vec<_> = events(&store, 1).await.iter().map(|event| event.occurred_at).collect();
    assert_eq!(times, [now - hour, now - hour]);
    rig.turn_clock(3 * 3_600);
    let allowed = pipeline.ask(add(1, 1).imported("c", now + hour)).await;
    assert_eq!(accepted(&allowed).0, 3);
}
