//! The scaled-out system under load, and every fault that it must survive unaided: fault after fault, round after
//! round. No answer is lost or duplicated, and after each fault everything becomes ready again by itself.
//!
//! At the end four accounts are compared: the answers to clients, the log as it is served, the topic (the relay's
//! audit: topic = log) and the views (`orderlog verify`: views = a fresh fold of the log). Records that are not events
//! come last, because the audit must find them.
//!
//! | variable | what it does | default |
//! |---|---|---|
//! | `ORDERLOG_FAULT_CYCLES` | how often each fault strikes | 1 |
//! | `ORDERLOG_FAULT_BROKER_SECONDS` | how long the broker is away | 5 |

#![allow(clippy::unwrap_used, missing_docs)]

mod account;
mod fault;
mod records;
mod system;

use account::{Account, Silence};
use fault::Fault;
use rig::rng::Rng;
use std::process::Command;
use std::time::{Duration, Instant};
use system::System;
use system_tests::client::Client;
use system_tests::load::{Accepted, Load, Unanswered};
use system_tests::program::Program;
use system_tests::server::Launch;
use system_tests::{checker, size};
use tokio::time::sleep;

/// The clients under load.
const CLIENTS: usize = 4;
/// The interval between looks at a state that is waited for.
const LOOK: Duration = Duration::from_millis(20);
/// The longest time that publishing takes, unless it hangs.
const PUBLISH_BOUND: Duration = Duration::from_secs(60);

fn can_run() -> bool {
    let components = system_tests::system::script("components");
    let ready = Command::new(components).arg("--ready").status().unwrap();
    if !ready.success() {
        println!(
            "NOT TESTED: faults of the scaled-out system; scripts/components says what is missing"
        );
    }
    ready.success()
}

/// A system with its load, and the answers to that load.
struct Trial {
    system: System,
    rng: Rng,
    account: Account,
    accepted: Vec<Accepted>,
}

impl Trial {
    /// Strikes each of these faults, round after round, under load.
    async fn rounds(&mut self, faults: &[Fault]) {
        let mut load = Load::start(&self.system.base, CLIENTS, Unanswered::Repeat, &mut self.rng);
        let silence = Silence::of(&load);
        load.progress(CLIENTS).await;
        self.system.recovered().await;
        for round in 1..=size("ORDERLOG_FAULT_CYCLES", 1) {
            println!("round {round}");
            for fault in faults {
                silence.take();
                let before = load.count();
                fault.strike(&self.system, &mut load, &mut self.rng).await;
                let ended = Instant::now();
                self.system.recovered().await;
                let recovery = ended.elapsed();
                let answered = load.count() - before;
                let fault = (*fault as usize, fault.name());
                self.account.note(fault, answered, silence.take(), recovery);
            }
        }
        self.accepted.extend(load.finish().await);
    }

    /// Answers = log = views.
    async fn nothing_is_lost_or_doubled(&self) {
        let head = self.system.recovered().await;
        let events = checker::read_log(&Client::unchecked(&self.system.base), head).await;
        assert_eq!(events.len() as u64, head);
        checker::is_whole(&events);
        checker::holds_every_answer(&events, &self.accepted);
        checker::has_no_command_twice(&events);
        checker::has_nothing_unanswered(&events, &self.accepted);
        println!("{} answers, {} events", self.accepted.len(), events.len());
        println!("{}", self.system.run("scaled-out", &["orderlog", "verify"]).await);
    }

    /// The report of `relay --audit` on the topic, once everything is published; and whether the topic equals the log.
    async fn audit(&self) -> (bool, String) {
        let head = self.system.recovered().await;
        let begun = Instant::now();
        while self.system.lease().await.2.cast_unsigned() < head {
            assert!(begun.elapsed() < PUBLISH_BOUND, "not everything is published");
            sleep(LOOK).await;
        }
        let (port, password) = ["POSTGRES_PORT", "ORDERLOG_READ_PASSWORD"]
            .map(|name| self.system.setting(name))
            .into();
        let log = format!("postgres://orderlog_read:{password}@127.0.0.1:{port}/orderlog_log");
        let audit = Launch::new(Program::Relay)
            .args(["--audit", "--kafka", &self.system.kafka(), "--topic", self.system.topic()])
            .env("ORDERLOG_EVENT_STORE", &log);
        let output = audit.run().await;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        println!("{said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains(&format!("positions 1 to {head}")), "all of it is compared");
        (output.status.success(), said)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_loses_and_doubles_nothing() {
    if !can_run() {
        return;
    }
    let rng = Rng::printed("faults");
    let (account, accepted) = (Account::default(), Vec::new());
    let mut trial = Trial { system: System::start(), rng, account, accepted };
    trial.rounds(&Fault::TRACELESS).await;
    trial.nothing_is_lost_or_doubled().await;
    let (equal, said) = trial.audit().await;
    assert!(equal, "{said}");
    trial.rounds(&[Fault::Poison]).await;
    trial.nothing_is_lost_or_doubled().await;
    let (equal, said) = trial.audit().await;
    assert!(!equal && said.contains("not an event of the log"), "{said}");
    trial.account.print();
}
