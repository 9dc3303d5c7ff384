//! The engine's side of the thread that owns a client.

use super::ConsumerSettings;
use super::worker::Worker;
use crate::error::KafkaError;
use crate::kafka::Complaints;
use crate::membership::{Command, Lanes, Lookup, MAX_WAITING_STEPS, Step};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc as plain};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// The engine's side of the thread.
pub(super) struct Member {
    pub steps: mpsc::Receiver<Step>,
    pub commands: plain::Sender<Command>,
    complaints: Arc<Complaints>,
    begun: Instant,
    /// When the thread last showed life, in milliseconds after `begun`.
    alive: Arc<AtomicU64>,
}

impl Member {
    pub fn start(
        settings: ConsumerSettings,
        lookup: Lookup,
        runtime: Handle,
    ) -> Result<Self, KafkaError> {
        let (steps, taken) = mpsc::channel(MAX_WAITING_STEPS);
        let (commands, obeyed) = plain::channel();
        let complaints = Arc::new(Complaints::default());
        let (begun, alive) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        #[cfg(feature = "simulation")]
        if let Some(topic) = &settings.kafka.simulated {
            topic.seat(steps, obeyed, lookup);
            return Ok(Self { steps: taken, commands, complaints, begun, alive });
        }
        let worker = Worker {
            lookup,
            runtime,
            complaints: Arc::clone(&complaints),
            steps,
            commands: obeyed,
            begun,
            alive: Arc::clone(&alive),
            lanes: Lanes::default(),
            gathering: None,
            applied: BTreeMap::new(),
            committed: Instant::now(),
            heard: Instant::now(),
            suspected: Vec::new(),
            settings,
        };
        std::thread::Builder::new()
            .name("kafka-consumer".to_owned())
            .spawn(move || worker.work())
            .map_err(|error| KafkaError::Unavailable(error.to_string()))?;
        Ok(Self { steps: taken, commands, complaints, begun, alive })
    }

    pub fn tell(&self, command: Command) {
        // A thread that has ended is replaced when the next step is awaited; its successor asks the database again.
        let _ = self.commands.send(command);
    }

    pub fn silence(&self) -> Duration {
        let alive = Duration::from_millis(self.alive.load(Ordering::Relaxed));
        self.begun.elapsed().saturating_sub(alive)
    }

    pub fn complaint(&self) -> Option<String> {
        self.complaints.last()
    }
}
