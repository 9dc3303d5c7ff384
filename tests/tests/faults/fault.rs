//! Every kind of fault: how it strikes, and what ends it. A killed process is started again; nothing else is repaired.

use crate::records;
use crate::system::{SERVICES, System};
use rig::process::Signal;
use rig::proxy::Loss;
use rig::rng::Rng;
use std::time::Duration;
use system_tests::load::Load;
use system_tests::size;
use tokio::time::{Instant, sleep, sleep_until};

/// Answers between two events of a fault: enough for clients to notice what is missing.
const SOME: usize = 20;
/// Longer than the brokers wait for a silent member.
const PAST_SESSION: Duration = Duration::from_secs(12);
/// The time between the arrival and the departure of a member.
const BETWEEN_REBALANCES: Duration = Duration::from_secs(2);
/// The upper bound of a random delay, in microseconds: anywhere in a batch, not only at its end, where answers arrive.
const MOMENT: u64 = 8_000;
/// The consumer group of the projectors.
const GROUP: &str = "orderlog-projector";
/// The interval between looks at a state that is waited for.
const LOOK: Duration = Duration::from_millis(5);

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    KillCommandService,
    KillActiveRelay,
    KillProjector,
    KillQueryService,
    KillTwo,
    EndBackends,
    StopPostgres,
    LoseAnswer,
    StopBroker,
    PauseProjector,
    PauseActiveRelay,
    Rebalance,
    DeleteGroup,
    Poison,
}

impl Fault {
    /// The faults that leave no trace in the topic.
    pub const TRACELESS: [Self; 13] = [
        Self::KillCommandService,
        Self::KillActiveRelay,
        Self::KillProjector,
        Self::KillQueryService,
        Self::KillTwo,
        Self::EndBackends,
        Self::StopPostgres,
        Self::LoseAnswer,
        Self::StopBroker,
        Self::PauseProjector,
        Self::PauseActiveRelay,
        Self::Rebalance,
        Self::DeleteGroup,
    ];

    /// The name in plain words.
    pub fn name(self) -> &'static str {
        match self {
            Self::KillCommandService => "`kill -9` of a command-service",
            Self::KillActiveRelay => "`kill -9` of the active relay",
            Self::KillProjector => "`kill -9` of a projector",
            Self::KillQueryService => "`kill -9` of a query-service",
            Self::KillTwo => "`kill -9` of any two services at once",
            Self::EndBackends => "every session of PostgreSQL terminated",
            Self::StopPostgres => "PostgreSQL stopped at once (`-m immediate`), started again",
            Self::LoseAnswer => "a COMMIT lost, then the answer to one",
            Self::StopBroker => "the broker stopped, started again",
            Self::PauseProjector => "a projector paused past its session",
            Self::PauseActiveRelay => "the active relay paused until the other took over",
            Self::Rebalance => "a projector leaves, comes back 2 s later",
            Self::DeleteGroup => "the consumer group deleted with its offsets",
            Self::Poison => "poison records of ten kinds in every partition",
        }
    }

    /// Strikes, and ends: a stopped process runs again.
    pub async fn strike(self, system: &System, load: &mut Load, rng: &mut Rng) {
        load.progress(1 + usize::try_from(rng.below(40)).unwrap()).await;
        sleep_until(Instant::now() + Duration::from_micros(rng.below(MOMENT))).await;
        match self {
            Self::KillCommandService => kill(system, load, one_of(rng, 0)).await,
            Self::KillActiveRelay => kill(system, load, system.lease().await.0).await,
            Self::KillProjector => kill(system, load, one_of(rng, 4)).await,
            Self::KillQueryService => kill(system, load, one_of(rng, 6)).await,
            Self::KillTwo => kill_two(system, rng).await,
            Self::EndBackends => end_backends(system).await,
            Self::StopPostgres => stop_postgres(system).await,
            Self::LoseAnswer => lose_answer(system).await,
            Self::StopBroker => stop_broker(system, load).await,
            Self::PauseProjector => pause_projector(system, load, one_of(rng, 4)).await,
            Self::PauseActiveRelay => pause_active_relay(system, load).await,
            Self::Rebalance => rebalance(system, load, one_of(rng, 4)).await,
            Self::DeleteGroup => delete_group(system).await,
            Self::Poison => poison(system).await,
        }
        load.progress(SOME).await;
    }
}

/// One of the pair that begins at `first`.
fn one_of(rng: &mut Rng, first: usize) -> &'static str {
    SERVICES[first + usize::try_from(rng.below(2)).unwrap()]
}

async fn kill(system: &System, load: &mut Load, service: &str) {
    system.signal(service, Signal::Kill);
    load.progress(SOME).await;
    system.restart(&[service]).await;
}

async fn kill_two(system: &System, rng: &mut Rng) {
    let count = SERVICES.len() as u64;
    let first = rng.below(count);
    let second = (first + 1 + rng.below(count - 1)) % count;
    let both = [first, second].map(|number| SERVICES[usize::try_from(number).unwrap()]);
    both.iter().for_each(|service| system.signal(service, Signal::Kill));
    system.restart(&both).await;
}

async fn end_backends(system: &System) {
    let ended = sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
    );
    let ended = ended.fetch_all(&mut system.superuser().await).await.unwrap();
    assert!(ended.len() > SERVICES.len(), "every service has a session");
}

async fn stop_postgres(system: &System) {
    let folder = system.backend("postgres");
    system.run("postgres", &["stop", &folder, "immediate"]).await;
    system.run("postgres", &["start", &folder, system.setting("POSTGRES_PORT")]).await;
}

async fn lose_answer(system: &System) {
    for loss in [Loss::Request, Loss::Answer] {
        let before = system.proxy.losses();
        system.proxy.lose(loss);
        while system.proxy.losses() == before {
            sleep(LOOK).await;
        }
    }
}

async fn stop_broker(system: &System, load: &mut Load) {
    let folder = system.backend("kafka");
    system.run("kafka", &["stop", &folder]).await;
    let gone = Instant::now();
    let seconds = size("ORDERLOG_FAULT_BROKER_SECONDS", 5);
    while gone.elapsed() < Duration::from_secs(seconds as u64) {
        let (before, patience) = (load.count(), Duration::from_secs(5));
        let answered = tokio::time::timeout(patience, load.progress(SOME)).await;
        assert!(answered.is_ok(), "commands stand still at {before} without the broker");
    }
    let ports = ["KAFKA_PORT", "KAFKA_CONTROLLER_PORT"].map(|name| system.setting(name));
    system.run("kafka", &["start", &folder, ports[0], ports[1]]).await;
}

async fn pause_projector(system: &System, load: &mut Load, projector: &str) {
    system.signal(projector, Signal::Pause);
    until(Instant::now() + PAST_SESSION, load).await;
    system.signal(projector, Signal::Resume);
}

async fn pause_active_relay(system: &System, load: &mut Load) {
    let (active, before, _) = system.lease().await;
    system.signal(active, Signal::Pause);
    while system.lease().await.1 == before {
        load.progress(SOME).await;
    }
    load.progress(SOME).await;
    system.signal(active, Signal::Resume);
}

async fn rebalance(system: &System, load: &mut Load, projector: &str) {
    system.signal(projector, Signal::Terminate);
    until(Instant::now() + BETWEEN_REBALANCES, load).await;
    system.restart(&[projector]).await;
    until(Instant::now() + BETWEEN_REBALANCES, load).await;
}

async fn delete_group(system: &System) {
    let projectors = &SERVICES[4..6];
    projectors.iter().for_each(|projector| system.signal(projector, Signal::Terminate));
    records::delete_group(&system.kafka(), GROUP).await;
    system.restart(projectors).await;
}

async fn poison(system: &System) {
    let (broker, topic) = (system.kafka(), system.topic());
    let written = tokio::task::spawn_blocking(move || records::poison(&broker, topic)).await;
    assert_eq!(written.unwrap(), 60);
}

/// Lets the load go on until `end`.
async fn until(end: Instant, load: &mut Load) {
    while Instant::now() < end {
        load.progress(1).await;
    }
}
