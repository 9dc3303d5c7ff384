//! Projectors, which share a topic or follow the log, and the coordinator of their group.

use super::relays::TOPIC;
use super::{Checked, Feed, PARTITIONS, World};
use projector::{ProjectorError, Registry, Source, TopicFeed};
use relay::Kafka;
use relay::consumer::{ConsumerSettings, MemberId};
use stage::{Actor, Arm, Rest, Stop, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The owner of each partition, as the coordinator knows it.
#[derive(Debug, Default)]
pub struct Group {
    owners: BTreeMap<i32, MemberId>,
}

type Follow = Pin<Box<dyn Future<Output = Result<(), ProjectorError>>>>;

pub struct MemberProcess {
    actor: Actor,
    follow: Follow,
    /// The machine does not run it at present.
    pub asleep: bool,
}

impl World {
    pub fn start_member(&mut self) -> MemberProcess {
        let (condition, _) = watch::channel(Ok(()));
        let (model, shutdown) = (self.model.clone(), CancellationToken::new());
        let follow: Follow = match self.feed {
            Feed::Log => {
                let source = Source::new(self.eye.clone(), Registry::standard());
                Box::pin(projector::run(source, model, condition, shutdown))
            }
            Feed::Topic => {
                let kafka = Kafka::simulated(TOPIC, self.topic.clone());
                let consumer = ConsumerSettings::new(kafka, "projectors");
                let feed = TopicFeed {
                    consumer,
                    log: Some(self.eye.clone()),
                    registry: Registry::standard(),
                };
                Box::pin(projector::run_topic(feed, model, condition, shutdown))
            }
        };
        MemberProcess { actor: self.new_actor(), follow, asleep: false }
    }

    /// A projector takes the steps that are due.
    pub async fn follow(&mut self, index: usize, arm: Option<Arm>) -> Checked {
        let member = &mut self.members[index];
        if member.asleep {
            return Ok(());
        }
        let stop = self.hand.drive(member.actor, Rest::Said, arm, member.follow.as_mut()).await;
        let line = match &stop {
            Stop::Idle => None,
            Stop::Waiting(point) => Some(format!("projector {index} waits at {point}")),
            Stop::Dead(point) => Some(format!("projector {index} dies at {point}")),
            Stop::Done(ended) => return Err(format!("projector {index} ended: {ended:?}")),
        };
        if let Some(line) = line {
            self.note(line);
        }
        if let Stop::Dead(_) = stop {
            self.kill_member(index).await;
        }
        // Requests of the member are carried out, and members that are gone are forgotten.
        self.topic.members();
        Ok(())
    }

    pub async fn kill_member(&mut self, index: usize) {
        let dead = &mut self.members[index];
        self.hand.forget(dead.actor);
        // Everything that it holds is released before another member begins.
        dead.follow = Box::pin(std::future::pending());
        if self.chance.percent(30) {
            self.reopen_views().await;
            self.count("the views are opened again");
        }
        self.members[index] = self.start_member();
        self.note(format!("projector {index} is dead"));
        self.count("a projector dies");
    }

    pub fn wake_member(&mut self, index: usize, verdict: Verdict) {
        self.members[index].asleep = false;
        if let Some(point) = self.hand.let_go(self.members[index].actor, verdict) {
            self.note(format!("projector {index} wakes at {point}: {verdict:?}"));
        }
    }

    /// Some partitions get another owner. A member that does not check keeps working on what it had.
    pub async fn rebalance(&mut self, percent: u64) {
        let members = self.topic.members();
        let roomy = |member: &MemberId| self.topic.has_room(*member);
        let able: Vec<MemberId> = members.iter().copied().filter(roomy).collect();
        self.group.owners.retain(|_, owner| members.contains(owner));
        let (mut revoked, mut assigned) = (BTreeMap::new(), BTreeMap::new());
        for partition in 0..i32::try_from(PARTITIONS).unwrap() {
            let owner = self.group.owners.get(&partition).copied();
            let stays = owner.is_some_and(|owner| !able.contains(&owner));
            if able.is_empty() || stays || (owner.is_some() && !self.chance.percent(percent)) {
                continue;
            }
            let new = self.chance.pick(&able);
            if owner == Some(new) {
                continue;
            }
            if let Some(owner) = owner {
                revoked.entry(owner).or_insert_with(Vec::new).push(partition);
            }
            assigned.entry(new).or_insert_with(Vec::new).push(partition);
        }
        for (member, partitions) in revoked {
            self.note(format!("member {member} loses {partitions:?}"));
            partitions.iter().for_each(|partition| {
                self.group.owners.remove(partition);
            });
            self.topic.revoke(member, partitions);
            self.count("partitions are revoked");
        }
        for (member, partitions) in assigned {
            let given = self.topic.assign(member, partitions.clone()).await;
            self.note(format!("member {member} is given {partitions:?}: {given:?}"));
            if given.is_ok() {
                let owners = partitions.into_iter().map(|partition| (partition, member));
                self.group.owners.extend(owners);
            }
        }
    }

    /// A member's client fails and starts again.
    pub fn break_off(&mut self) {
        let members: BTreeSet<MemberId> = self.group.owners.values().copied().collect();
        let Some(member) = members.into_iter().next().filter(|its| self.topic.has_room(*its))
        else {
            return;
        };
        self.topic.break_off(member);
        self.group.owners.retain(|_, owner| *owner != member);
        self.note(format!("the client of member {member} starts again"));
        self.count("a consumer starts again");
    }

    /// A member's client fetches from some of its partitions.
    pub fn fetch(&mut self) {
        let members = self.topic.members();
        if members.is_empty() {
            return;
        }
        let member = self.chance.pick(&members);
        let some: Vec<i32> =
            (0..i32::try_from(PARTITIONS).unwrap()).filter(|_| self.chance.percent(60)).collect();
        let most = 1 + i64::try_from(self.chance.below(12)).unwrap();
        if self.topic.has_room(member) && self.topic.fetch(member, &some, most) {
            let owned = self.topic.owned(member);
            self.note(format!("member {member} fetches {some:?}, now at {owned:?}"));
        }
    }

    /// Every member fetches everything, as far as it has room.
    pub fn fetch_all(&mut self) {
        let all: Vec<i32> = (0..i32::try_from(PARTITIONS).unwrap()).collect();
        for member in self.topic.members() {
            if self.topic.has_room(member) {
                self.topic.fetch(member, &all, i64::MAX >> 1);
            }
        }
    }
}
