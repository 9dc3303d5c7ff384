//! The relay program, in a process of its own; killed when dropped.

use relay::{Kafka, lease_name};
use rig::process::{Signal, signal};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::Log;

/// Nothing here takes longer unless it hangs.
const HANGS: Duration = Duration::from_secs(60);
/// How often a state is looked at while it is waited for.
const LOOK: Duration = Duration::from_millis(10);

pub struct RelayProcess {
    child: Child,
}

impl RelayProcess {
    pub fn start(log: &Log, broker: &str, kafka: &Kafka, more: &[&str]) -> Self {
        let child = Self::command(log, broker, kafka, more)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child }
    }

    pub fn command(log: &Log, broker: &str, kafka: &Kafka, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_relay"));
        command.args(["--event-store", &log.url(), "--kafka", broker, "--topic", &kafka.topic]);
        command.args(["--listen", "127.0.0.1:0"]).args(more);
        command
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn send(&self, what: Signal) {
        signal(self.child.id(), what).unwrap();
    }

    /// SIGKILL, and gone.
    pub fn kill(mut self) {
        self.send(Signal::Kill);
        self.child.wait().unwrap();
    }

    /// SIGTERM; gives the exit status and how long it took.
    pub fn stop(mut self) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        self.send(Signal::Terminate);
        (self.child.wait().unwrap(), begun.elapsed())
    }
}

impl Drop for RelayProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until the relay's checkpoint is at `position`; gives how long that took.
pub async fn published(log: &Log, kafka: &Kafka, position: u64) -> Duration {
    let begun = Instant::now();
    loop {
        let state = log.store.lease(&lease_name(&kafka.topic)).await.unwrap();
        let checkpoint = state.map_or(0, |state| state.checkpoint);
        assert!(checkpoint <= position, "{checkpoint} is beyond {position}");
        if checkpoint == position {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < HANGS, "the checkpoint stays at {checkpoint}, before {position}");
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until the lease's epoch is at least this.
pub async fn epoch(log: &Log, kafka: &Kafka, epoch: u64) -> Duration {
    let begun = Instant::now();
    loop {
        let state = log.store.lease(&lease_name(&kafka.topic)).await.unwrap();
        if state.is_some_and(|state| state.epoch >= epoch && state.holder.is_some()) {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < HANGS, "no relay takes epoch {epoch}");
        tokio::time::sleep(LOOK).await;
    }
}

/// The audit of the topic as it is now, as the program says it: exit code and text.
pub fn audit(log: &Log, broker: &str, kafka: &Kafka) -> (Option<i32>, String) {
    let output = RelayProcess::command(log, broker, kafka, &["--audit"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text.into_owned())
}

/// The audit must find the topic equal to the log.
pub fn must_equal_the_log(log: &Log, broker: &str, kafka: &Kafka) -> String {
    let (code, text) = audit(log, broker, kafka);
    assert_eq!(code, Some(0), "{text}");
    println!("{text}");
    text
}
