//! The work around the batches: saving snapshots, deleting old answers, keeping metrics.

use crate::pipeline::counter::{Counter, Rig, accepted, add};
use crate::pipeline::{PipelineLimits, retention};
use crate::{CommandService, Settings};
use domain::Aggregate;
use event_store::{StreamId, StreamType};
use metrics_exporter_prometheus::PrometheusBuilder;
use std::collections::HashMap;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Longer than the deletion takes on any machine.
const PATIENCE: Duration = Duration::from_secs(60);
const HOUR: i64 = 3_600;

pub async fn a_long_stream_loads_through_its_snapshot(rig: Rig) {
    let (pipeline, store) = rig.pipeline().await;
    let asked: Vec<_> = (0..1_200).map(|_| pipeline.submit(add(1, 1)).unwrap()).collect();
    for pending in asked {
        pending.reply().await;
    }
    pipeline.close().await;
    let stream = StreamId {
        stream_type: const { StreamType::new(Counter::STREAM_TYPE) },
        id: Uuid::from_u128(1),
    };
    let loaded = store.load(&[stream], Counter::SNAPSHOT_VERSION).await.unwrap().remove(0);
    let snapshot = loaded.snapshot.unwrap();
    assert!(snapshot.version >= 500, "{}", snapshot.version);
    assert_eq!(snapshot.version + loaded.events.len() as u64, 1_200);
    let (pipeline, _) = rig.pipeline().await;
    let reply = pipeline.ask(add(1, -1_200)).await;
    assert_eq!((accepted(&reply).0, &*reply.result.unwrap().status), (1_201, "zero"));
}

pub async fn a_snapshot_that_cannot_be_read_costs_time_and_nothing_else(rig: Rig) {
    let (pipeline, store) = rig.pipeline().await;
    for _ in 0..3 {
        pipeline.ask(add(1, 1)).await;
    }
    let stream = StreamId {
        stream_type: const { StreamType::new(Counter::STREAM_TYPE) },
        id: Uuid::from_u128(1),
    };
    let broken = event_store::Snapshot {
        version: 2,
        occurred_at: (rig.clock())(),
        position: 2,
        state: br#"{"of":"another build"}"#.to_vec(),
    };
    store.save_snapshot(&stream, Counter::SNAPSHOT_VERSION, broken).await.unwrap();
    let (pipeline, _) = rig.pipeline().await;
    let reply = pipeline.ask(add(1, -3)).await;
    assert_eq!((accepted(&reply), &*reply.result.unwrap().status), ((4, 4, 1), "zero"));
}

pub async fn what_was_kept_for_retries_is_forgotten_after_three_days(rig: Rig) {
    let (pipeline, store) = rig.pipeline().await;
    pipeline.ask(add(1, 1).keyed("old", 1)).await;
    pipeline.ask(add(1, 1).imported("line", (rig.clock())())).await;
    rig.turn_clock(2 * HOUR);
    pipeline.ask(add(1, 1).keyed("young", 1)).await;
    pipeline.close().await;
    rig.turn_clock(71 * HOUR);

    let kept = async || {
        let answers = store.answers(&["old", "line", "young"].map(str::to_owned)).await.unwrap();
        answers.iter().map(Option::is_some).collect::<Vec<_>>()
    };
    assert_eq!(kept().await, [true, true, true]);
    let closing = CancellationToken::new();
    let forget = retention::forget_old_answers(store.clone(), rig.clock(), closing.clone());
    let forget = tokio::spawn(forget);
    let forgotten = async {
        while kept().await[0] {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, forgotten).await.expect("the old answer is forgotten");
    assert_eq!(kept().await, [false, true, true]);
    closing.cancel();
    forget.await.unwrap();
}

/// The metrics of one type's pipeline on `/metrics`, by name, and whether each has its description.
fn figures(text: &str, stream_type: &str) -> HashMap<String, (f64, bool)> {
    let explained = |name: &str| text.contains(&format!("# HELP {name} "));
    let label = format!("{{aggregate=\"{stream_type}\"}}");
    let figure = |line: &str| {
        let (name, value) = line.rsplit_once(' ')?;
        let name = name.strip_suffix(&label)?;
        Some((name.to_owned(), (value.parse().ok()?, explained(name.trim_end_matches("_count")))))
    };
    text.lines().filter_map(figure).collect()
}

pub async fn what_happened_can_be_read_off_the_figures(rig: Rig) {
    let recorder = PrometheusBuilder::new().build_recorder();
    let shown = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let mut limits = PipelineLimits::default();
    limits.cache.streams = 2;
    let (ours, _) = rig.pipeline_with(limits).await;
    let taken = [1, 2, 3].map(|id| ours.submit(add(id, 100)).unwrap());
    let depth = figures(&shown.render(), "counter")["orderlog_command_queue_depth"];
    assert_eq!(depth, (3.0, true));
    for pending in taken {
        assert_eq!(accepted(&pending.reply().await).0, 1);
    }
    let after =
        |name: &str| figures(&shown.render(), "counter")[&format!("orderlog_command_{name}")];
    assert_eq!(after("cache_streams"), (2.0, true));
    let two = after("cache_bytes");
    assert!(two.0 > 2.0 * 100.0 && two.1, "{two:?}");
    // Another writer comes first: our two commands on that stream are decided again.
    {
        let (theirs, _) = rig.pipeline().await;
        assert_eq!(accepted(&theirs.ask(add(3, 1)).await).0, 2);
        theirs.close().await;
    }
    let lost = [1, 1].map(|number| ours.submit(add(3, number)).unwrap());
    for pending in lost {
        assert!(pending.reply().await.result.is_ok());
    }
    let text = shown.render();
    let figures = figures(&text, "counter");
    assert_eq!(figures["orderlog_command_conflicts_total"], (2.0, true));
    for name in ["batch_size", "commit_seconds"] {
        assert!(text.contains(&format!("# HELP orderlog_command_{name} ")), "{text}");
        assert!(figures[&format!("orderlog_command_{name}_count")].0 >= 2.0, "{text}");
    }
    let sizes = figures["orderlog_command_batch_size_sum"].0;
    assert_eq!(sizes, 6.0, "{text}");
}

pub async fn each_type_has_its_own_figures(rig: Rig) {
    let recorder = PrometheusBuilder::new().build_recorder();
    let shown = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let (counters, tallies, _) = rig.pipelines().await;
    let counted = [1, 2, 3].map(|id| counters.submit(add(id, 1)).unwrap());
    let tallied = tallies.submit(add(1, 1)).unwrap();
    let depth = |stream_type| figures(&shown.render(), stream_type)["orderlog_command_queue_depth"];
    assert_eq!((depth("counter"), depth("tally")), ((3.0, true), (1.0, true)));
    for pending in counted {
        pending.reply().await;
    }
    tallied.reply().await;
    counters.close().await;
    tallies.close().await;
    for (stream_type, streams) in [("counter", 3.0), ("tally", 1.0)] {
        let figures = figures(&shown.render(), stream_type);
        assert_eq!(figures["orderlog_command_cache_streams"], (streams, true));
        for name in ["batch_size", "commit_seconds"] {
            assert!(figures[&format!("orderlog_command_{name}_count")].0 >= 1.0, "{figures:?}");
        }
    }
}

pub async fn the_service_forgets_for_all_pipelines_until_it_is_closed(rig: Rig) {
    let (counters, tallies, store) = rig.pipelines().await;
    counters.ask(add(1, 1).keyed("counter", 1)).await;
    tallies.ask(add(1, 1).keyed("tally", 1)).await;
    rig.turn_clock(73 * HOUR);
    let kept = async || {
        let answers = store.answers(&["counter", "tally"].map(str::to_owned)).await.unwrap();
        answers.iter().flatten().count()
    };
    assert_eq!(kept().await, 2, "pipelines delete no answers");
    let settings = Settings { clock: rig.clock(), ..Settings::default() };
    let service = CommandService::new(store.clone(), settings, CancellationToken::new());
    let forgotten = async {
        while kept().await > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, forgotten).await.expect("the old answers are forgotten");
    tokio::time::timeout(PATIENCE, service.close()).await.expect("it ends");
}
