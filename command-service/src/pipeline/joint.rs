//! One decision on several streams.

use super::personal::Personal;
use super::request::{Commanded, Effect, Refusal, Request};
use super::stream::{Decision, Stream, begins_in};
use domain::{JointDecision, Timestamp};
use event_store::{NewEvent, Version};
use uuid::Uuid;

/// What a decision appends to a partner; nothing, if it was only read.
pub struct Part {
    pub stream: usize,
    pub expected_version: Version,
    /// The business case that the stream's first events give it.
    pub partition_key: Option<Uuid>,
    pub events: Vec<NewEvent>,
}

/// Decides one request on its stream and these partners and, unless it is a dry run, evolves all of them as if the events
/// were stored. The events of all streams have one time.
pub fn decide_jointly<A: Commanded>(
    streams: &mut [Stream<A>],
    own: usize,
    partners: &[usize],
    request: &Request<A::Command>,
    now: Timestamp,
    personal: &Personal,
) -> (Decision<A>, Vec<Part>) {
    let untouched = |&stream: &usize| Part {
        stream,
        expected_version: streams[stream].version,
        partition_key: None,
        events: Vec::new(),
    };
    let mut parts: Vec<_> = partners.iter().map(untouched).collect();
    let expected_version = streams[own].version;
    let seen_version =
        if streams[own].is_hidden_from(&request.scope) { 0 } else { expected_version };
    let mut decision = Decision {
        expected_version,
        seen_version,
        partition_key: None,
        result: Err(Refusal::Internal),
        events: Vec::new(),
    };
    let mut of_partners = Vec::new();
    let checked = {
        let read = |&place: &usize| match &streams[place] {
            Stream { lacks_keys: true, .. } => Err(Refusal::Unavailable),
            Stream { state, .. } => state.as_ref().ok_or(Refusal::Internal),
        };
        let states: Result<Vec<&A::State>, _> = partners.iter().map(read).collect();
        let times = partners.iter().map(|&place| streams[place].occurred_at);
        let last = times.fold(streams[own].occurred_at, Option::max);
        states.and_then(|states| {
            streams[own].check_with(request, now, last, |state| {
                let JointDecision { own, partners } =
                    A::decide_jointly(state, &states, &request.command)?;
                of_partners = partners;
                Ok(own)
            })
        })
    };
    let mut advancing = false;
    decision.result = checked.and_then(|(events, at)| {
        if request.effect == Effect::Preview {
            return streams[own].preview(events, at);
        }
        advancing = true;
        for (part, events) in parts.iter_mut().zip(&of_partners) {
            part.partition_key = begins_in::<A>(part.expected_version, events);
            streams[part.stream].advance(events, at, &mut part.events, personal)?;
        }
        decision.partition_key = begins_in::<A>(expected_version, &events);
        streams[own].advance(&events, at, &mut decision.events, personal)
    });
    if advancing && decision.result.is_err() {
        // Some of them have gone on in memory, and will not in the log: they must be loaded again.
        for &place in partners.iter().chain([&own]) {
            streams[place].state = None;
        }
    }
    (decision, parts)
}
