//! One step after another, as the seed chooses.

use crate::world::{Checked, World};
use stage::Verdict;

/// The points at which each part may be struck by name.
const SERVICE: [&str; 5] =
    ["log: load", "log: kept answers", "log: append", "log: append ended", "log: events written"];
const RELAY: [&str; 4] =
    ["log: feed", "log: move checkpoint", "log: take lease", "log: renew lease"];
const PROJECTOR: [&str; 5] = [
    "views: read",
    "views: write",
    "views: checkpoints moved",
    "views: rows written",
    "views: written",
];
const JOB: [&str; 12] = [
    "rebuild: finish",
    "rebuild: finish",
    "rebuild: claimed",
    "rebuild: write",
    "rebuild: written",
    "rebuild: finish",
    "rebuild: swapped",
    "rebuild: finished",
    "views: roll back",
    "views: rolled back",
    "views: retry",
    "views: retried",
];

impl World {
    /// Starts the first of each part.
    pub async fn begin(&mut self) {
        for _ in 0..2 + self.chance.below(2) {
            let service = self.start_service().await;
            self.services.push(service);
        }
        for _ in 0..2 {
            let relay = self.start_relay().await;
            self.relays.push(relay);
        }
        for _ in 0..2 + self.chance.below(2) {
            let member = self.start_member();
            self.members.push(member);
        }
    }

    /// One random step.
    pub async fn step(&mut self) -> Checked {
        match self.chance.below(100) {
            0..18 => self.submit(),
            18..32 => {
                let index = self.chance.index(self.services.len());
                let arm = self.arm(&SERVICE);
                self.work(index, arm).await?;
            }
            32..46 => self.step_relay().await?,
            46..58 => self.carry(),
            58..68 => self.fetch(),
            68..84 => self.step_member().await?,
            84..88 => self.rebalance(40).await,
            88..92 => self.step_job().await?,
            92 => self.disturb().await?,
            93 => match self.chance.below(3) {
                0 => self.refuse_rows().await,
                _ => self.disturb().await?,
            },
            94 => self.append_foreign().await?,
            95 => self.lull().await?,
            96 | 97 => self.step_time().await,
            _ => self.step_death().await,
        }
        Ok(())
    }

    async fn step_relay(&mut self) -> Checked {
        let index = self.chance.index(self.relays.len());
        match self.chance.below(20) {
            0 => {
                self.relays[index].asleep = true;
                self.note(format!("relay {index} sleeps"));
                self.count("a relay is paused");
            }
            1..4 => {
                let verdict = self.verdict();
                self.wake_relay(index, verdict);
            }
            _ => {
                let millis = 1 + self.chance.below(40);
                self.advance(millis).await;
                let arm = self.arm(&RELAY);
                self.relay(index, arm).await?;
            }
        }
        Ok(())
    }

    async fn step_member(&mut self) -> Checked {
        let index = self.chance.index(self.members.len());
        match self.chance.below(20) {
            0 => {
                self.members[index].asleep = true;
                self.note(format!("projector {index} sleeps"));
                self.count("a projector is paused");
            }
            1..4 => {
                let verdict = self.verdict();
                self.wake_member(index, verdict);
            }
            _ => {
                let arm = self.arm(&PROJECTOR);
                self.follow(index, arm).await?;
            }
        }
        Ok(())
    }

    async fn step_job(&mut self) -> Checked {
        if self.chance.percent(40) {
            let verdict = self.verdict();
            self.wake_job(verdict);
        }
        self.start_job();
        let arm = self.arm(&JOB);
        self.work_on_job(arm).await;
        // While it waits, the live rows often move on without it.
        let waits = self.job.as_ref().is_some_and(|job| self.hand.waits(job.actor));
        if waits && self.chance.percent(75) {
            self.lull().await?;
        }
        Ok(())
    }

    async fn step_time(&mut self) {
        match self.chance.below(4) {
            0 => self.jump(),
            _ => {
                let millis = self.chance.below(2_000);
                self.advance(millis).await;
                self.note(format!("{millis} ms pass"));
            }
        }
    }

    async fn step_death(&mut self) {
        match self.chance.below(5) {
            0 => {
                let index = self.chance.index(self.services.len());
                self.kill_service(index).await;
            }
            1 => {
                let index = self.chance.index(self.relays.len());
                self.kill_relay(index).await;
            }
            2 => {
                let index = self.chance.index(self.members.len());
                self.kill_member(index).await;
            }
            3 => self.kill_job(),
            _ => self.break_off(),
        }
        for index in 0..self.services.len() {
            if self.chance.percent(30) {
                self.wake_service(index, Verdict::GoOn);
            }
        }
    }

    /// The verdict for an actor that was made to wait.
    fn verdict(&mut self) -> Verdict {
        if self.chance.percent(80) { Verdict::GoOn } else { Verdict::Fail }
    }

    /// Sends an earlier request again, to any service.
    pub fn submit_again(&mut self) {
        let service = self.chance.index(self.services.len());
        if let Some(number) = self.account.draw_again(&mut self.chance) {
            self.send(service, number);
        }
    }
}
