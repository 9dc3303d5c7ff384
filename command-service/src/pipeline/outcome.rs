//! The answer of a decision that was stored, or that the append has proven.

use super::queue::Job;
use super::request::{Accepted, Judged, Refusal, Replayed, Reply};
use domain::Aggregate;
use event_store::{Position, Version};

/// Events that a decision stored.
pub fn stored_events<A: Aggregate>(result: &Judged<A, Accepted<A>>) -> u64 {
    match result {
        Ok(accepted) if accepted.preview.is_none() => accepted.events.len() as u64,
        _ => 0,
    }
}

/// Answers a job that was not decided.
pub fn refuse<A: Aggregate>(job: Job<A>, why: Refusal<A::Rejection>) {
    job.answer(Reply::undecided(why));
}

/// Answers a decision whose append stands: its first event is at this position.
pub fn answer<A: Aggregate>(
    job: Job<A>,
    mut result: Judged<A, Accepted<A>>,
    found: Version,
    first_position: Position,
) {
    let mut token = first_position;
    let mut version = found;
    if let Ok(accepted) = &mut result {
        accepted.first_position = first_position;
        match accepted.preview {
            // Where the events would stand if no other append came first.
            Some(_) if !accepted.events.is_empty() => accepted.first_position += 1,
            Some(_) => {}
            None => {
                token = accepted.position();
                version = accepted.version;
            }
        }
    }
    job.answer(Reply { result, replayed: Replayed::No, token, version: Some(version) });
}
