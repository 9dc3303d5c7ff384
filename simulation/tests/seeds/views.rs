//! Rebuilds, which run next to everything else, and the views against a fresh fold of the log.

use crate::facts;
use crate::world::{Checked, World};
use projector::{Kind, ProjectorError, RebuildReport, Show, Source};
use stage::{Actor, Arm, Rest, Stop, Verdict};
use std::pin::Pin;
use tokio_util::sync::CancellationToken;

pub struct Job {
    pub actor: Actor,
    work: Pin<Box<dyn Future<Output = Result<RebuildReport, ProjectorError>>>>,
}

impl World {
    /// A rebuild of some projections begins, or one that was left goes on.
    pub fn start_rebuild(&mut self) {
        if self.job.is_some() {
            return;
        }
        let mut kinds: Vec<Kind> =
            Kind::ALL.into_iter().filter(|_| self.chance.percent(50)).collect();
        if kinds.is_empty() {
            kinds = Kind::ALL.to_vec();
        }
        let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        self.note(format!("a rebuild of {names:?} begins"));
        self.count("a rebuild begins");
        let (source, model) = (Source::Log(self.eye.clone()), self.model.clone());
        let work = async move {
            projector::rebuild(&source, &model, &kinds, Show::Log, &CancellationToken::new()).await
        };
        self.job = Some(Job { actor: self.new_actor(), work: Box::pin(work) });
    }

    /// It works until it is done, rests, or something strikes.
    pub async fn rebuild(&mut self, arm: Option<Arm>) -> Checked {
        let Some(job) = &mut self.job else { return Ok(()) };
        let stop = self.hand.drive(job.actor, Rest::Said, arm, job.work.as_mut()).await;
        match stop {
            Stop::Idle => {}
            Stop::Waiting(point) => self.note(format!("the rebuild waits at {point}")),
            Stop::Dead(point) => {
                self.note(format!("the rebuild dies at {point}"));
                self.count("a rebuild dies");
                self.kill_job();
            }
            Stop::Done(ended) => {
                let ended = ended.map(|report| report.events).map_err(|error| error.to_string());
                self.note(format!("the rebuild ends: {ended:?}"));
                self.count(if ended.is_ok() {
                    "a rebuild is swapped in"
                } else {
                    "a rebuild fails"
                });
                self.kill_job();
            }
        }
        Ok(())
    }

    pub fn kill_job(&mut self) {
        if let Some(job) = self.job.take() {
            self.hand.forget(job.actor);
        }
    }

    pub fn wake_job(&mut self, verdict: Verdict) {
        let Some(job) = &self.job else { return };
        if let Some(point) = self.hand.let_go(job.actor, verdict) {
            self.note(format!("the rebuild wakes at {point}: {verdict:?}"));
        }
    }

    /// The views are a fold of the log, and say what the log says.
    pub async fn check_views(&mut self) -> Checked {
        let (source, scratch) = (Source::Log(self.eye.clone()), self.scratch());
        let report = projector::verify_views(&source, &self.model, &scratch, |_, _| {}).await;
        let report = report.map_err(|error| format!("the views cannot be verified: {error}"))?;
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", scratch.display()));
        }
        if !report.differences.is_empty() {
            return Err(format!("views and fold differ: {:#?}", report.differences));
        }
        facts::check(self).await
    }
}
