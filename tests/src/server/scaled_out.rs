//! Starts a scaled-out system, and strikes its services, by the script that people use.

use super::{Launch, Server};
use crate::program::Program;
use crate::system::{Kind, ScaledOut, chosen, script};
use std::path::Path;

impl Launch {
    /// A run of an `orderlog` verb (`--rebuild`, `verify`) on the storage of the system under test over this data folder.
    pub fn on_storage(data: &Path, verb: &str) -> Self {
        match chosen() {
            Kind::Embedded => Self::new(Program::Orderlog).args([verb, "--data-dir"]).args([data]),
            Kind::ScaledOut => Self::scripted(&ScaledOut::new(data), "orderlog").args([verb]),
        }
    }

    /// A run of the script's verb.
    fn scripted(system: &ScaledOut, verb: &str) -> Self {
        let launch = Self::of(script("scaled-out")).args([verb]);
        system
            .settings()
            .into_iter()
            .fold(launch, |launch, (name, value)| launch.env(name, &value.to_string_lossy()))
    }
}

impl Server {
    /// Starts a scaled-out system and waits until all of it is ready.
    pub(super) async fn scaled_out(system: ScaledOut) -> Self {
        Launch::scripted(&system, "run").hold(system).await
    }
}

/// Sends a signal (`KILL`, `TERM`) to one of [`crate::system::SERVICES`] of the system over this data folder. Starts it
/// again at its place once it has ended.
///
/// # Panics
/// When it does not run, or does not start again.
pub async fn strike(data: &Path, service: &str, signal: &str) {
    let system = ScaledOut::new(data);
    system.signal(service, signal);
    let output = Launch::scripted(&system, "restart").args([service]).run().await;
    assert!(output.status.success(), "{service} does not start again: {output:?}");
}
