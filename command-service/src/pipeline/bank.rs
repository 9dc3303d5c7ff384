//! Accounts and transfers between them, as one aggregate over streams of two types: the test kit of joint decisions.

use super::request::{Commanded, Effect, Request, Settles, Target};
use super::{Pipeline, PipelineLimits, counter};
use domain::{Aggregate, DecodeError, EncodedEvent, JointDecision, Partner, Timestamp};
use event_store::{EventStore, Metadata};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

#[derive(Debug)]
pub struct Bank;

pub const ACCOUNT: &str = "account";
pub const TRANSFER: &str = "transfer";
/// An account that takes this amount cannot be folded any more.
pub const PANICS: i64 = 666;
/// An account that takes this amount spoils its whole batch: no store accepts the event.
pub const POISONS: i64 = 667;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum State {
    #[default]
    Absent,
    Account(i64),
    /// The accounts that it took from and gave to, and whether it was taken back.
    Transfer(Vec<(u128, i64)>, bool),
}

#[derive(Debug, Clone)]
pub enum Command {
    /// Led by an account: money from nowhere.
    Deposit(i64),
    /// Led by a transfer: adds to each account, which must not fall below zero.
    Transfer(Vec<(u128, i64)>),
    /// Led by a transfer: does the opposite.
    TakeBack,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Event {
    Added(i64),
    Made(Vec<(u128, i64)>),
    TakenBack,
}

#[derive(Debug, PartialEq)]
pub enum Rejection {
    Short(i64),
    Unknown,
}

impl Aggregate for Bank {
    const STREAM_TYPE: &'static str = ACCOUNT;
    const SNAPSHOT_VERSION: u16 = 1;
    const JOINT_TYPES: &'static [&'static str] = &[TRANSFER];
    type State = State;
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(state: &State, command: &Command) -> Result<Vec<Event>, Rejection> {
        match (state, command) {
            (State::Absent | State::Account(_), Command::Deposit(amount)) => {
                Ok(vec![Event::Added(*amount)])
            }
            (State::Transfer(_, true), Command::TakeBack) => Ok(vec![]),
            _ => Err(Rejection::Unknown),
        }
    }

    fn stream_type(command: &Command) -> &'static str {
        if matches!(command, Command::Deposit(_)) { ACCOUNT } else { TRANSFER }
    }

    fn partners(state: &State, command: &Command) -> Vec<Partner> {
        let accounts = match (state, command) {
            (State::Absent, Command::Transfer(accounts)) => accounts,
            (State::Transfer(accounts, false), Command::TakeBack) => accounts,
            _ => return Vec::new(),
        };
        let account =
            |&(id, _): &(u128, i64)| Partner { stream_type: ACCOUNT, id: Uuid::from_u128(id) };
        accounts.iter().map(account).collect()
    }

    fn decide_jointly(
        state: &State,
        partners: &[&State],
        command: &Command,
    ) -> Result<JointDecision<Event>, Rejection> {
        let (accounts, sign, own) = match (state, command) {
            (State::Absent, Command::Transfer(accounts)) => {
                (accounts, 1, Event::Made(accounts.clone()))
            }
            (State::Transfer(accounts, false), Command::TakeBack) => {
                (accounts, -1, Event::TakenBack)
            }
            _ => return Err(Rejection::Unknown),
        };
        assert_eq!(
            accounts.len(),
            partners.len(),
            "the pipeline gives the partners that it is asked for"
        );
        let mut added = Vec::new();
        for ((_, amount), account) in accounts.iter().zip(partners) {
            let amount = amount * sign;
            let balance = if let State::Account(balance) = account { *balance } else { 0 };
            if balance + amount < 0 {
                return Err(Rejection::Short(balance));
            }
            added.push(if amount == 0 { vec![] } else { vec![Event::Added(amount)] });
        }
        Ok(JointDecision { own: vec![own], partners: added })
    }

    fn evolve(state: State, event: &Event, _: Timestamp) -> State {
        match (state, event) {
            (_, Event::Added(PANICS)) => panic!("asked to"),
            (State::Account(balance), Event::Added(amount)) => State::Account(balance + amount),
            (_, Event::Added(amount)) => State::Account(*amount),
            (_, Event::Made(accounts)) => State::Transfer(accounts.clone(), false),
            (State::Transfer(accounts, _), Event::TakenBack) => State::Transfer(accounts, true),
            (state, Event::TakenBack) => state,
        }
    }

    fn partition_key(first: &Event) -> Option<Uuid> {
        // A transfer belongs to the first account that it names.
        if let Event::Made(accounts) = first {
            Some(Uuid::from_u128(accounts.first()?.0))
        } else {
            None
        }
    }

    fn encode(event: &Event) -> EncodedEvent {
        let event_type = match event {
            Event::Added(_) => "Added",
            Event::Made(_) => "Made",
            Event::TakenBack => "TakenBack",
        };
        let mut payload = serde_json::to_vec(event).unwrap();
        if matches!(event, Event::Added(POISONS)) {
            payload = b"not json".to_vec();
        }
        EncodedEvent { event_type, schema_version: 1, payload }
    }

    fn decode(_: &str, _: u16, payload: &[u8]) -> Result<Event, DecodeError> {
        Ok(serde_json::from_slice(payload).unwrap())
    }
}

impl Commanded for Bank {
    fn status(state: &State) -> &'static str {
        match state {
            State::Absent => "absent",
            State::Account(_) => "open",
            State::Transfer(_, false) => "made",
            State::Transfer(_, true) => "taken back",
        }
    }
    fn weight(state: &State) -> Option<usize> {
        matches!(state, State::Account(_)).then_some(16)
    }
    fn keep(rejection: &Rejection) -> Value {
        json!(format!("{rejection:?}"))
    }
    fn settles(_: &Rejection) -> Settles {
        Settles::Key
    }
}

fn request(id: u128, command: Command) -> Request<Command> {
    Request {
        target: Target::Named(Uuid::from_u128(id)),
        command,
        precondition: None,
        key: None,
        at: None,
        effect: Effect::Store,
        metadata: Metadata::default(),
        weight: 64,
        scope: identity::Scope::All,
    }
}

pub fn deposit(account: u128, amount: i64) -> Request<Command> {
    request(account, Command::Deposit(amount))
}

/// Named as one that is new.
pub fn transfer(id: u128, accounts: &[(u128, i64)]) -> Request<Command> {
    let target = Target::Fresh(Uuid::from_u128(id));
    Request { target, ..request(id, Command::Transfer(accounts.to_vec())) }
}

pub fn take_back(id: u128) -> Request<Command> {
    request(id, Command::TakeBack)
}

impl Pipeline<Bank> {
    /// Submits and waits.
    pub async fn ask(&self, request: Request<Command>) -> super::Reply<Bank> {
        self.submit(request).unwrap().reply().await
    }
}

impl counter::Rig {
    pub async fn bank(&self) -> (Pipeline<Bank>, EventStore) {
        self.bank_with(PipelineLimits::default()).await
    }

    pub async fn bank_with(&self, limits: PipelineLimits) -> (Pipeline<Bank>, EventStore) {
        let store = self.store().await;
        (Pipeline::spawn(store.clone(), self.clock(), limits), store)
    }
}
