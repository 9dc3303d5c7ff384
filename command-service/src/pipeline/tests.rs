//! The pipeline over a tiny aggregate on a real store. On one thread, requests that are submitted without a wait in
//! between form one batch. Every case is listed once and runs on both backends of the log.

use super::counter::{Command, Counter, Rig, accepted, add, ask, refused};
use super::*;
use domain::Aggregate;
use event_store::{RecordedEvent, StreamId, StreamType};
use import::*;
use joint::*;
use several::*;
use std::time::Duration;
use upkeep::*;
use uuid::Uuid;

#[path = "import_tests.rs"]
mod import;
#[path = "joint_tests.rs"]
mod joint;
#[path = "several_tests.rs"]
mod several;
#[path = "upkeep_tests.rs"]
mod upkeep;

async fn events(store: &EventStore, id: u128) -> Vec<RecordedEvent> {
    let stream = StreamId {
        stream_type: const { StreamType::new(Counter::STREAM_TYPE) },
        id: Uuid::from_u128(id),
    };
    store.read_stream(&stream, 0, 10_000).await.unwrap()
}

async fn what_waits_together_is_stored_together_in_the_order_it_came(rig: Rig) {
    let (pipeline, store) = rig.pipeline().await;
    let asked = [(1, 5), (2, 7), (1, -5), (1, 1), (2, 1)];
    let pending: Vec<_> =
        asked.iter().map(|(id, n)| pipeline.submit(add(*id, *n)).unwrap()).collect();
    let mut places = Vec::new();
    for pending in pending {
        let reply = pending.reply().await;
        assert_eq!(reply.token, reply.result.as_ref().unwrap().position());
        places.push(accepted(&reply));
    }
    assert_eq!(places, [(1, 1, 1), (1, 2, 1), (2, 3, 1), (3, 4, 1), (2, 5, 1)]);
    let times: Vec<_> =
        store.read_feed(0, 10).await.unwrap().iter().map(|e| e.recorded_at).collect();
    assert_eq!(times, vec![(rig.clock())(); 5]);
}

async fn a_refused_command_touches_no_neighbour(rig: Rig) {
    let (pipeline, store) = rig.pipeline().await;
    let before = pipeline.submit(add(1, 2)).unwrap();
    let refusal = pipeline.submit(add(1, -3)).unwrap();
    let panicking = pipeline.submit(ask(2, Command::Panic)).unwrap();
    let after = pipeline.submit(add(1, -2)).unwrap();
    assert_eq!(accepted(&before.reply().await), (1, 1, 1));
    let reply = refusal.reply().await;
    assert_eq!(reply.token, 1);
    assert!(matches!(refused(reply), Refusal::Rejected(_)));
    assert!(matches!(refused(panicking.reply().await), Refusal::Internal));
    let reply = after.reply().await;
    assert_eq!(accepted(&reply), (2, 2, 1));
    assert_eq!(reply.result.unwrap().status, "zero");
    assert_eq!(store.head().await.unwrap().position, 2);
    assert_eq!(accepted(&pipeline.ask(add(2, 1)).await), (1, 3, 1));
    let panicking = pipeline.submit(ask(2, Command::PanicInFold)).unwrap();
    let neighbour = pipeline.submit(add(1, 1)).unwrap();
    assert!(matches!(refused(panicking.reply().await), Refusal::Internal));
    assert_eq!(accepted(&neighbour.reply().await), (3, 4, 1));
    // The state that the panic spoilt was dropped; the log's state is loaded.
    assert_eq!(accepted(&pipeline.ask(add(2, -1)).await), (2, 5, 1));
}

async fn a_failed_commit_leaves_no_trace_and_the_next_one_works(rig: Rig) {
    let (pipeline, store) = rig.pipeline().await;
    pipeline.ask(add(1, 1)).await;
    let lost = pipeline.submit(add(1, 10).keyed("k", 1)).unwrap();
    let poison = pipeline.submit(ask(2, Command::Poison)).unwrap();
    assert!(matches!(refused(lost.reply().await), Refusal::Unavailable));
    assert!(matches!(refused(poison.reply().await), Refusal::Unavailable));
    // Had the lost 10 stayed in the cache, this would be accepted.
    assert!(matches!(refused(pipeline.ask(add(1, -5)).await), Refusal::Rejected(_)));
    assert_eq!(accepted(&pipeline.ask(add(1, 10).keyed("k", 1)).await), (2, 2, 1));
    assert_eq!(events(&store, 1).await.len(), 2);
    assert_eq!(events(&store, 2).await.len(), 0);
}

async fn a_fact_that_is_recorded_already_is_accepted_without_events(rig: Rig) {
    let (pipeline, _) = rig.pipeline().await;
    pipeline.ask(add(1, 1)).await;
    pipeline.ask(add(2, 1)).await;
    let reply = pipeline.ask(add(1, 0)).await;
    assert_eq!((accepted(&reply), reply.token), ((1, 2, 0), 2));
    let dry = pipeline.ask(add(1, 0).dry()).await;
    assert_eq!((accepted(&dry), dry.token), ((1, 2, 0), 2));
    assert_eq!(dry.result.unwrap().preview.unwrap().current_position, 1);
}

async fn a_stale_if_match_is_refused_before_the_domain_is_asked(rig: Rig) {
    let (pipeline, _) = rig.pipeline().await;
    pipeline.ask(add(1, 1)).await;
    let stale = refused(pipeline.ask(add(1, -9).if_match(7)).await);
    assert!(matches!(stale, Refusal::PreconditionFailed { current_version: 1 }));
    assert_eq!(accepted(&pipeline.ask(add(1, 1).if_match(1)).await).0, 2);
    let any = Request { precondition: Some(Precondition::Exists), ..add(1, 1) };
    assert_eq!(accepted(&pipeline.ask(any).await).0, 3);
    let listed = |versions: &[u64]| Request {
        precondition: Some(Precondition::AnyOf(versions.to_vec())),
        ..add(1, 1)
    };
    assert_eq!(accepted(&pipeline.ask(listed(&[9, 3])).await).0, 4);
    for versions in [&[][..], &[0, 3, 5]] {
        let stale = refused(pipeline.ask(listed(versions)).await);
        assert!(matches!(stale, Refusal::PreconditionFailed { current_version: 4 }));
    }
    let absent = refused(pipeline.ask(add(2, 1).if_match(1)).await);
    assert!(matches!(absent, Refusal::PreconditionFailed { current_version: 0 }));
    assert_eq!(accepted(&pipeline.ask(add(2, 1).if_match(0)).await).0, 1);
    // For a missing stream the domain answers first: 404 says more than 412.
    let absent = refused(pipeline.ask(add(3, -1).if_match(1)).await);
    assert!(matches!(absent, Refusal::Rejected(_)));
}

async fn of_64_with_one_if_match_exactly_one_wins(rig: Rig) {
    let (pipeline, store) = rig.pipeline().await;
    pipeline.ask(add(1, 1)).await;
    let tasks = (0..64).map(|_| {
        let pipeline = pipeline.clone();
        tokio::spawn(async move { pipeline.ask(add(1, 1).if_match(1)).await })
    });
    let mut won = 0;
    for task in tasks.collect::<Vec<_>>() {
        match task.await.unwrap().result {
            Ok(accepted) => won += accepted.version,
            Err(refusal) => {
                assert!(matches!(refusal, Refusal::PreconditionFailed { current_version: 2 }));
            }
        }
    }
    assert_eq!(won, 2);
    assert_eq!(events(&store, 1).await.len(), 2);
}

async fn a_dry_run_decides_and_stores_nothing(rig: Rig) {
    let (pipeline, store) = rig.pipeline().await;
    pipeline.ask(add(1, 1)).await;
    let dry = pipeline.submit(add(1, 4).keyed("k", 1).dry()).unwrap();
    let real = pipeline.submit(add(1, 2)).unwrap();
    let reply = dry.reply().await;
    assert_eq!((accepted(&reply), reply.token), ((2, 2, 1), 1));
    let preview = reply.result.unwrap().preview.unwrap();
    assert_eq!((preview.state, preview.current_version, preview.current_position), (5, 1, 1));
    assert_eq!(accepted(&real.reply().await), (2, 2, 1));
    assert_eq!(store.head().await.unwrap().position, 2);
    assert_eq!(store.answers(&["k".to_owned()]).await.unwrap(), [None]);
}

async fn a_dry_run_knows_where_what_came_before_it_in_its_batch_stands(rig: Rig) {
    let (pipeline, _) = rig.pipeline().await;
    let asked = [add(1, 5), add(2, 1), add(1, 1).dry(), add(1, 0).dry()];
    let pending: Vec<_> = asked.into_iter().map(|asked| pipeline.submit(asked).unwrap()).collect();
    for (pending, last) in pending.into_iter().zip([None, None, Some(1), Some(1)]) {
        let accepted = pending.reply().await.result.unwrap();
        assert_eq!(accepted.preview.map(|preview| preview.current_position), last);
    }
}

async fn a_kept_answer_is_given_again_and_nothing_is_appended(rig: Rig) {
    let (pipeline, store) = rig.pipeline().await;
    pipeline.ask(add(9, 1)).await;
    let first = pipeline.ask(add(1, 1).keyed("k", 1)).await;
    let refusal = pipeline.ask(add(1, -7).keyed("no", 1)).await;
    let unchanged = pipeline.ask(add(1, 0).keyed("same", 1)).await;
    assert!(matches!(refusal.result, Err(Refusal::Rejected(_))));
    pipeline.ask(add(1, 1)).await;
    pipeline.close().await;
    store.close().await;

    let (pipeline, store) = rig.pipeline().await;
    let again = pipeline.ask(add(1, 1).keyed("k", 1)).await;
    assert_eq!(again.replayed, Replayed::Yes { correlation_id: None });
    assert_eq!((accepted(&again), again.token), (accepted(&first), first.token));
    assert_eq!(again.result.unwrap().events, first.result.unwrap().events);
    let again = pipeline.ask(add(1, 0).keyed("same", 1)).await;
    assert_eq!(accepted(&again), accepted(&unchanged));
    // By now the answer would be another one: the first answer is repeated.
    pipeline.ask(add(1, 100)).await;
    let again = pipeline.ask(add(1, -7).keyed("no", 1)).await;
    assert!(matches!(refused(again), Refusal::Replayed(kept) if kept == "below-zero"));
    let other = pipeline.ask(add(1, 1).keyed("k", 2)).await;
    assert_eq!(other.token, first.token);
    assert!(matches!(refused(other), Refusal::KeyReused));
    assert_eq!(store.head().await.unwrap().position, 4);
}

async fn a_twin_is_refused_while_the_first_one_runs_and_replayed_after(rig: Rig) {
    let (pipeline, _) = rig.pipeline().await;
    let first = pipeline.submit(add(1, 1).keyed("k", 1)).unwrap();
    let twin = pipeline.submit(add(1, 1).keyed("k", 1)).err().unwrap();
    assert!(matches!(twin, Refusal::InProgress));
    assert_eq!(accepted(&first.reply().await), (1, 1, 1));
    let reply = pipeline.ask(add(1, 1).keyed("k", 1)).await;
    assert!(matches!(reply.replayed, Replayed::Yes { .. }));
    assert_eq!(accepted(&reply), (1, 1, 1));
}

async fn what_is_to_be_begun_and_is_there_is_decided_on_as_it_is(rig: Rig) {
    let (pipeline, _) = rig.pipeline().await;
    pipeline.ask(add(1, 5)).await;
    // Pipelines with empty caches. If the streams were taken for absent, each answer would differ.
    let (pipeline, _) = rig.pipeline().await;
    let batch = [add(2, 1).fresh(), add(1, -3).fresh().keyed("k", 1), add(1, -2)];
    let [new, spent, more] = batch.map(|request| pipeline.submit(request).unwrap());
    assert_eq!(accepted(&new.reply().await).0, 1);
    assert_eq!(accepted(&spent.reply().await).0, 2);
    assert_eq!(accepted(&more.reply().await).0, 3);
    let (pipeline, _) = rig.pipeline().await;
    let dry = pipeline.ask(add(2, -1).fresh().dry()).await;
    assert_eq!(dry.result.unwrap().preview.unwrap().current_version, 1);
    let (pipeline, store) = rig.pipeline().await;
    let absent = pipeline.ask(add(2, 1).fresh().if_match(0)).await;
    assert!(matches!(refused(absent), Refusal::PreconditionFailed { current_version: 1 }));
    assert_eq!(accepted(&pipeline.ask(add(2, 1).fresh()).await).0, 2);
    assert_eq!(store.head().await.unwrap().position, 5);
}

async fn a_caller_that_goes_away_cancels_nothing_and_closing_finishes_everything(rig: Rig) {
    let (pipeline, store) = rig.pipeline().await;
    for _ in 0..100 {
        drop(pipeline.submit(add(1, 1)).unwrap());
    }
    pipeline.close().await;
    assert_eq!(events(&store, 1).await.len(), 100);
    assert!(matches!(pipeline.submit(add(1, 1)).err().unwrap(), Refusal::Unavailable));
}

async fn without_a_handle_everything_is_finished_and_ends(rig: Rig) {
    let (pipeline, store) = rig.pipeline().await;
    for _ in 0..100 {
        drop(pipeline.submit(add(1, 1)).unwrap());
    }
    let tasks = pipeline.tasks.clone();
    drop(pipeline);
    tokio::time::timeout(Duration::from_secs(30), tasks.wait()).await.expect("they end");
    assert_eq!(events(&store, 1).await.len(), 100);
}

async fn a_full_queue_refuses_and_a_waiting_import_gets_in(rig: Rig) {
    let mut limits = PipelineLimits::default();
    limits.queue.commands = 2;
    let (pipeline, _) = rig.pipeline_with(limits).await;
    let taken = [1, 2].map(|id| pipeline.submit(add(id, 1)).unwrap());
    assert!(matches!(pipeline.submit(add(3, 1)).err().unwrap(), Refusal::Overloaded));
    let waited = pipeline.enqueue(add(3, 1)).await.unwrap();
    for pending in taken.into_iter().chain([waited]) {
        assert_eq!(accepted(&pending.reply().await).0, 1);
    }
}

async fn the_queue_is_bounded_by_bytes_too(rig: Rig) {
    let mut limits = PipelineLimits::default();
    limits.queue.bytes = 1_000;
    let (pipeline, _) = rig.pipeline_with(limits).await;
    let heavy = |id| Request { weight: 800, ..add(id, 1) };
    let first = pipeline.submit(heavy(1)).unwrap();
    assert!(matches!(pipeline.submit(heavy(2)).err().unwrap(), Refusal::Overloaded));
    first.reply().await;
    let huge = Request { weight: usize::MAX / 2, ..add(2, 1) };
    assert_eq!(accepted(&pipeline.ask(huge).await).0, 1);
}

async fn a_small_cache_changes_no_answer(rig: Rig) {
    let mut limits = PipelineLimits::default();
    limits.cache.streams = 2;
    let (pipeline, _) = rig.pipeline_with(limits).await;
    for round in 1..=5 {
        for id in 1..=5 {
            assert_eq!(accepted(&pipeline.ask(add(id, 1)).await).0, round);
        }
    }
}

/// Every case on one backend: requests submitted together stay together on one thread; racing cases have two.
macro_rules! on {
    ($backend:ident, $log:expr, [$($case:ident),* $(,)?], [$($racing:ident),* $(,)?]) => {
        mod $backend {
            use super::Rig;
            use rig::log::Log;
            $(
                #[tokio::test]
                async fn $case() {
                    if let Some(log) = $log {
                        super::$case(Rig::on(log)).await;
                    }
                }
            )*
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $racing() {
                    if let Some(log) = $log {
                        super::$racing(Rig::on(log)).await;
                    }
                }
            )*
        }
    };
}

/// Both backends run the one list in full; a case that is not in it is dead code.
macro_rules! on_both_backends {
    ($($cases:tt)*) => {
        on!(sqlite, Some(Log::sqlite()), $($cases)*);
        on!(postgres, Log::postgres("the command pipeline on PostgreSQL").await, $($cases)*);
    };
}

on_both_backends!(
    [
        what_waits_together_is_stored_together_in_the_order_it_came,
        a_refused_command_touches_no_neighbour,
        a_failed_commit_leaves_no_trace_and_the_next_one_works,
        a_fact_that_is_recorded_already_is_accepted_without_events,
        a_stale_if_match_is_refused_before_the_domain_is_asked,
        a_dry_run_decides_and_stores_nothing,
        a_dry_run_knows_where_what_came_before_it_in_its_batch_stands,
        a_kept_answer_is_given_again_and_nothing_is_appended,
        a_twin_is_refused_while_the_first_one_runs_and_replayed_after,
        an_imported_twin_in_the_same_batch_waits_for_the_first_one,
        what_follows_an_imported_twin_is_decided_after_it,
        however_many_twins_come_together_each_is_answered,
        of_an_import_only_what_was_accepted_is_kept,
        imported_times_lie_between_the_last_event_and_now,
        what_is_to_be_begun_and_is_there_is_decided_on_as_it_is,
        of_two_that_begin_a_stream_at_once_the_second_goes_on_from_the_first,
        a_stream_keeps_the_business_case_that_it_began_in,
        two_pipelines_on_one_log_never_build_on_each_others_stale_state,
        a_key_used_by_another_pipeline_in_the_meantime_gets_its_answer,
        pipelines_of_two_types_store_streams_of_the_same_ids_side_by_side,
        a_batch_that_fails_leaves_the_other_types_batch_alone,
        one_key_used_for_two_types_stands_for_one_of_them,
        a_caller_that_goes_away_cancels_nothing_and_closing_finishes_everything,
        without_a_handle_everything_is_finished_and_ends,
        a_full_queue_refuses_and_a_waiting_import_gets_in,
        the_queue_is_bounded_by_bytes_too,
        a_small_cache_changes_no_answer,
        a_long_stream_loads_through_its_snapshot,
        a_snapshot_that_cannot_be_read_costs_time_and_nothing_else,
        what_was_kept_for_retries_is_forgotten_after_three_days,
        what_happened_can_be_read_off_the_figures,
        each_type_has_its_own_figures,
        the_service_forgets_for_all_pipelines_until_it_is_closed,
        a_decision_on_several_streams_is_stored_whole,
        what_is_decided_on_other_streams_is_never_decided_on_stale_ones,
        partners_that_only_the_stream_knows_are_found_in_the_same_batch,
        a_joint_decision_is_kept_under_its_key,
        a_joint_batch_that_fails_leaves_no_trace,
        a_dry_run_on_several_streams_stores_nothing,
        a_partner_that_cannot_be_folded_costs_its_streams_and_nothing_else,
        each_stream_of_a_decision_has_its_own_business_case,
        what_has_too_many_streams_for_one_append_takes_several,
    ],
    [
        of_64_with_one_if_match_exactly_one_wins,
        pipelines_that_compete_for_a_stream_lose_nothing,
        pipelines_of_two_types_lose_nothing_under_load,
        no_transfer_of_two_racing_pipelines_changes_the_sum,
    ]
);
