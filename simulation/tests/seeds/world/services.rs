//! Command-services: several, each with a pipeline, a cache and a handle on the log of its own.

use super::{Checked, World};
use crate::account::Answer;
use command_service::pipeline::{
    Key, Pending, Pipeline, PipelineLimits, Reply, forget_old_answers,
};
use domain::order::OrderAggregate;
use event_store::{Access, Capacities};
use stage::{Actor, Arm, Rest, Stop, Verdict};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use tokio_util::sync::{CancellationToken, DropGuard};

type Answered = Pin<Box<dyn Future<Output = Reply<OrderAggregate>> + Send>>;

pub struct Service {
    actor: Actor,
    pipeline: Pipeline<OrderAggregate>,
    /// Requests on their way to it.
    sent: Vec<usize>,
    waiting: Vec<(usize, Answered)>,
    /// Ends when the service ends.
    _upkeep: DropGuard,
}

impl World {
    /// A service that begins with nothing in memory, and perhaps with small limits.
    pub async fn start_service(&mut self) -> Service {
        let mut limits = PipelineLimits::default();
        let mut capacities = Capacities::default();
        if self.chance.percent(40) {
            limits.cache.streams = self.chance.index(3);
            capacities.known_streams = self.chance.index(2);
        }
        if self.chance.percent(30) {
            limits.queue.commands = 3;
            limits.queue.batch_commands = 1 + self.chance.index(3);
        }
        if self.chance.percent(50) {
            limits.snapshot_every = 1 + self.chance.below(4);
        }
        let store = self.log.open(Access::ReadWrite, capacities).await;
        let closing = CancellationToken::new();
        let clock = Arc::new(server::clock::now);
        tokio::spawn(forget_old_answers(store.clone(), clock.clone(), closing.clone()));
        let pipeline = Pipeline::spawn(store, clock, limits);
        let actor = self.new_actor();
        // The first thing it does is to delete old answers; that ends before any verdict strikes.
        for _ in 0..4 {
            tokio::task::yield_now().await;
            let idle = pin!(std::future::pending::<()>());
            self.hand.drive(actor, Rest::Unasked, None, idle).await;
        }
        let (sent, waiting) = (Vec::new(), Vec::new());
        Service { actor, pipeline, sent, waiting, _upkeep: closing.drop_guard() }
    }

    /// A client sends a few requests; none waits for another.
    pub fn submit(&mut self) {
        let service = self.chance.index(self.services.len());
        for _ in 0..1 + self.chance.below(4) {
            let now = server::clock::now();
            let number = self.account.draw(&mut self.chance, now);
            self.send(service, number);
            // Now and then its client gets no answer soon enough, and asks another service.
            if self.chance.percent(10)
                && let Some(twin) = self.account.twin(number)
            {
                let other = self.chance.index(self.services.len());
                self.send(other, twin);
            }
        }
    }

    /// Sends a request. It arrives when the service is driven: until then, nothing of it runs.
    pub fn send(&mut self, service: usize, number: usize) {
        self.services[service].sent.push(number);
        let attempt = &self.account.attempts[number];
        let key = attempt.key.as_ref().map_or("no key", Key::text);
        let command = attempt.command.name().as_str();
        let line = format!("{number}: {command} of {} to {service}, {key}", attempt.order);
        self.note(line);
    }

    fn put(&mut self, service: usize, number: usize) {
        let request = self.account.request(number, server::clock::now());
        let sent = self.services[service].pipeline.submit(request);
        let attempt = &mut self.account.attempts[number];
        match sent {
            Ok(pending) => {
                let answered = Box::pin(Pending::reply(pending));
                self.services[service].waiting.push((number, answered));
            }
            Err(refusal) => {
                let line = format!("{number} is not taken: {refusal:?}");
                attempt.answer = Answer::Given(Reply::undecided(refusal));
                self.note(line);
            }
        }
    }

    /// A service works on its requests until all are answered or a verdict strikes.
    pub async fn work(&mut self, index: usize, arm: Option<Arm>) -> Checked {
        for number in std::mem::take(&mut self.services[index].sent) {
            self.put(index, number);
        }
        let mut answers = Vec::new();
        let service = &mut self.services[index];
        if service.waiting.is_empty() {
            return Ok(());
        }
        let waiting = &mut service.waiting;
        let all = std::future::poll_fn(|context| {
            waiting.retain_mut(|(number, answered)| match answered.as_mut().poll(context) {
                Poll::Ready(reply) => {
                    answers.push((*number, reply));
                    false
                }
                Poll::Pending => true,
            });
            if waiting.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        });
        let stop = self.hand.drive(service.actor, Rest::Never, arm, pin!(all)).await;
        self.note(format!("service {index} works: {stop:?}"));
        if let Stop::Dead(_) = stop {
            // Answers of a service that died reach no client.
            for (number, _) in answers {
                self.account.attempts[number].answer = Answer::Lost;
            }
            self.kill_service(index).await;
            return Ok(());
        }
        for (number, reply) in answers {
            self.hear(number, reply);
        }
        Ok(())
    }

    fn hear(&mut self, number: usize, reply: Reply<OrderAggregate>) {
        let said = match &reply.result {
            Ok(accepted) => format!("version {} at {}", accepted.version, accepted.position()),
            Err(refusal) => format!("{refusal:?}"),
        };
        let replayed = &reply.replayed;
        self.note(format!("{number} is answered: {said}, token {}, {replayed:?}", reply.token));
        self.account.hear(number, reply);
    }

    /// The service is gone, with its memory and the answers that it owes; another one replaces it.
    pub async fn kill_service(&mut self, index: usize) {
        let new = self.start_service().await;
        let dead = std::mem::replace(&mut self.services[index], new);
        let unanswered = dead.waiting.iter().map(|(number, _)| number).chain(&dead.sent);
        for number in unanswered {
            self.account.attempts[*number].answer = Answer::Lost;
        }
        self.hand.forget(dead.actor);
        self.note(format!("service {index} is dead, {} answers lost", dead.waiting.len()));
        self.count("a command-service dies");
    }

    /// Releases a service that waits at a point.
    pub fn wake_service(&mut self, index: usize, verdict: Verdict) {
        if let Some(point) = self.hand.let_go(self.services[index].actor, verdict) {
            self.note(format!("service {index} wakes at {point}: {verdict:?}"));
        }
    }

    /// No client waits for an answer.
    pub fn all_answered(&self) -> bool {
        self.services.iter().all(|service| service.waiting.is_empty() && service.sent.is_empty())
    }
}
