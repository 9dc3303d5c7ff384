//! Jobs on the views while everything else goes on: rebuilds, rollbacks, and retries of parked events.

use super::{Checked, World};
use projector::{Projection, ProjectorError, Registry, Show, Source};
use stage::{Actor, Arm, Rest, Stop, Verdict};
use std::pin::Pin;
use tokio_util::sync::CancellationToken;

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    Rebuild,
    RollBack,
    Retry,
}

impl Task {
    fn name(self) -> &'static str {
        match self {
            Self::Rebuild => "a rebuild",
            Self::RollBack => "a roll-back",
            Self::Retry => "a retry of parked events",
        }
    }
}

/// A running job.
pub struct Job {
    pub actor: Actor,
    task: Task,
    work: Pin<Box<dyn Future<Output = Result<String, ProjectorError>>>>,
}

impl World {
    /// Starts a job, unless one is running: an unfinished rebuild goes on.
    pub fn start_job(&mut self) {
        if self.job.is_some() {
            return;
        }
        let task = match self.chance.below(10) {
            0..7 => Task::Rebuild,
            7 | 8 => Task::RollBack,
            _ => Task::Retry,
        };
        let all = Registry::standard();
        let mut kinds: Vec<&'static Projection> =
            all.projections().iter().copied().filter(|_| self.chance.percent(50)).collect();
        if kinds.is_empty() {
            kinds = all.projections().to_vec();
        }
        self.start(task, kinds);
    }

    /// Starts a job on these projections.
    pub fn start(&mut self, task: Task, kinds: Vec<&'static Projection>) {
        let names: Vec<&str> = kinds.iter().map(|kind| kind.name).collect();
        self.note(format!("{} of {names:?} begins", task.name()));
        self.count(&format!("{} begins", task.name()));
        let (source, model) =
            (Source::new(self.eye.clone(), Registry::standard()), self.model.clone());
        let work = async move {
            let never = CancellationToken::new();
            Ok(match task {
                Task::Rebuild => {
                    let rebuilt = projector::rebuild(&source, &model, &kinds, Show::Log, &never);
                    format!("{} events", rebuilt.await?.events)
                }
                Task::RollBack => {
                    projector::roll_back(&model, &kinds).await?;
                    "done".to_owned()
                }
                Task::Retry => format!(
                    "{:?}",
                    projector::retry_parked(&Registry::standard(), &model, &kinds).await?
                ),
            })
        };
        self.job = Some(Job { actor: self.new_actor(), task, work: Box::pin(work) });
    }

    /// The job works until it is done, rests or is struck.
    pub async fn work_on_job(&mut self, arm: Option<Arm>) {
        let Some(job) = &mut self.job else { return };
        let name = job.task.name();
        match self.hand.drive(job.actor, Rest::Said, arm, job.work.as_mut()).await {
            Stop::Idle => {}
            Stop::Waiting(point) => self.note(format!("{name} waits at {point}")),
            Stop::Dead(point) => {
                self.note(format!("{name} dies at {point}"));
                self.count(&format!("{name} dies"));
                self.kill_job();
            }
            Stop::Done(ended) => {
                self.count(&format!("{name} {}", if ended.is_ok() { "succeeds" } else { "fails" }));
                let ended = ended.map_err(|error| error.to_string());
                self.note(format!("{name} ends: {ended:?}"));
                self.kill_job();
            }
        }
    }

    pub fn kill_job(&mut self) {
        if let Some(job) = self.job.take() {
            self.hand.forget(job.actor);
        }
    }

    pub fn wake_job(&mut self, verdict: Verdict) {
        let Some(job) = &self.job else { return };
        let name = job.task.name();
        if let Some(point) = self.hand.let_go(job.actor, verdict) {
            self.note(format!("{name} wakes at {point}: {verdict:?}"));
        }
    }

    /// The projections with an unfinished rebuild.
    pub async fn half_rebuilt(&self) -> Checked<Vec<&'static Projection>> {
        let text = |error: read_model::ReadModelError| error.to_string();
        let mut tx = self.model.begin_write().await.map_err(text)?;
        let rebuilds = tx.rebuilds().await.map_err(text)?;
        Ok(rebuilds
            .iter()
            .filter_map(|rebuild| Registry::standard().named(&rebuild.name))
            .collect())
    }
}
