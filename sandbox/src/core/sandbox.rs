//! The whole sandbox: a call goes through the plan of faults, then through its key, then to whom it is for.

use crate::core::carrier::{Carrier, ParcelState};
use crate::core::keys::{Keys, Known};
use crate::core::ledger::Ledger;
use crate::core::mail::{MAX_MAILS, Mail};
use crate::core::plan::{CallKind, Course, Fault, Plan};
use crate::core::psp::{Psp, Twist};
use crate::core::reply::{Fate, Reaction, Reply};
use crate::core::request::{Call, Request};
use crate::core::webhooks::{Delivery, Webhooks};
use std::collections::BTreeMap;

/// The most calls that wait to be performed late.
const MAX_LATE: usize = 100_000;

/// A plan with a number beyond its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a number of the plan is beyond its limit")]
pub struct PlanRefused;

/// A call that is performed after its caller has got nothing.
#[derive(Debug, Clone)]
struct Late {
    due_ms: u64,
    call: Call,
    key: Option<String>,
}

/// Provider, carrier and mailbox under one plan.
#[derive(Debug, Clone)]
pub struct Sandbox {
    birth_ms: u64,
    psp: Psp,
    carrier: Carrier,
    mails: Vec<Mail>,
    keys: Keys,
    course: Course,
    late: Vec<Late>,
    webhooks: Webhooks,
    counts: BTreeMap<CallKind, u64>,
}

impl Sandbox {
    /// An empty sandbox. Its ids contain the moment of its birth, in milliseconds since 1970.
    pub fn new(birth_ms: u64) -> Self {
        Self {
            birth_ms,
            psp: Psp::new(birth_ms),
            carrier: Carrier::default(),
            mails: Vec::new(),
            keys: Keys::default(),
            course: Course::of(Plan::default()),
            late: Vec::new(),
            webhooks: Webhooks::default(),
            counts: BTreeMap::new(),
        }
    }

    /// Replaces the plan, and begins its draws anew. Intents, money and keys stay.
    ///
    /// # Errors
    /// [`PlanRefused`]
    pub fn follow(&mut self, plan: Plan) -> Result<(), PlanRefused> {
        if !plan.is_bounded() {
            return Err(PlanRefused);
        }
        self.course = Course::of(plan);
        Ok(())
    }

    /// The plan that is followed.
    pub fn plan(&self) -> &Plan {
        self.course.plan()
    }

    /// Answers a request at this time.
    pub fn answer(&mut self, now_ms: u64, request: &Request) -> Reaction {
        self.advance(now_ms);
        let fate = match Call::of(request) {
            Err(reply) => (0, Fate::Answer(reply)),
            Ok(call) => {
                *self.counts.entry(call.kind()).or_default() += 1;
                let fault = self.course.fault(call.kind());
                self.under_fault(now_ms, call, request.key.as_deref(), fault)
            }
        };
        let webhooks_first = self.course.plan().webhooks.early;
        Reaction { wait_ms: fate.0, webhooks_first, fate: fate.1 }
    }

    fn under_fault(
        &mut self,
        now_ms: u64,
        call: Call,
        key: Option<&str>,
        fault: Option<Fault>,
    ) -> (u64, Fate) {
        let key = key.filter(|_| call.takes_a_key() && self.course.plan().keys);
        let mut perform = |twist| self.once(now_ms, &call, key, &twist);
        match fault {
            None => (0, Fate::Answer(perform(Twist::Plain))),
            Some(Fault::Delay { ms }) => (ms, Fate::Answer(perform(Twist::Plain))),
            Some(Fault::SilenceBefore) => (0, Fate::Silence),
            Some(Fault::SilenceAfter) => {
                perform(Twist::Plain);
                (0, Fate::Silence)
            }
            Some(Fault::Reset { performed }) => {
                if performed {
                    perform(Twist::Plain);
                }
                (0, Fate::Cut)
            }
            Some(Fault::TooMany { retry_after_s }) => {
                (0, Fate::Answer(Reply::too_many(retry_after_s)))
            }
            Some(Fault::Decline { code }) => {
                let code = code.unwrap_or_else(|| "card_declined".to_owned());
                (0, Fate::Answer(perform(Twist::Decline(code))))
            }
            Some(Fault::ActionRequired) => (0, Fate::Answer(perform(Twist::Ask))),
            Some(Fault::PerformLate { ms }) => {
                self.later(now_ms, ms, call, key);
                (0, Fate::Silence)
            }
            Some(Fault::ServerError { performed }) => {
                (0, Fate::Answer(self.failing(now_ms, &call, key, performed)))
            }
        }
    }

    /// Performs a call once under its key.
    fn once(&mut self, now_ms: u64, call: &Call, key: Option<&str>, twist: &Twist) -> Reply {
        if let Known::Answer(reply) = self.keys.look(now_ms, key, call) {
            return reply;
        }
        let reply = self.perform(now_ms, call, twist);
        self.keys.store(now_ms, key, call, &reply);
        reply
    }

    /// A 500, stored under the key, whether or not the call was performed.
    fn failing(&mut self, now_ms: u64, call: &Call, key: Option<&str>, performed: bool) -> Reply {
        if let Known::Answer(reply) = self.keys.look(now_ms, key, call) {
            return reply;
        }
        if performed {
            self.perform(now_ms, call, &Twist::Plain);
        }
        let reply = Reply::server_error();
        self.keys.store(now_ms, key, call, &reply);
        reply
    }

    fn later(&mut self, now_ms: u64, ms: u64, call: Call, key: Option<&str>) {
        let known = self.keys.look(now_ms, key, &call) != Known::New;
        if known || self.late.len() >= MAX_LATE {
            return;
        }
        self.keys.begin(now_ms, key, &call);
        let (due_ms, key) = (now_ms.saturating_add(ms), key.map(ToOwned::to_owned));
        self.late.push(Late { due_ms, call, key });
    }

    fn perform(&mut self, now_ms: u64, call: &Call, twist: &Twist) -> Reply {
        if let (Twist::Decline(code), Call::CarrierBook(..) | Call::CarrierCancel(_)) =
            (twist, call)
        {
            let body = serde_json::json!({ "error": { "code": code, "message": "As planned." } });
            return Reply { status: 422, body, retry_after_s: None, replayed: false };
        }
        match call {
            Call::CarrierBook(reference, asked) => {
                self.carrier.book(reference, asked, self.birth_ms)
            }
            Call::CarrierCancel(reference) => self.carrier.cancel(reference),
            Call::CarrierRead(reference) => self.carrier.read(reference),
            _ => {
                let reply = self.psp.perform(now_ms, call, twist);
                self.announce(now_ms);
                reply
            }
        }
    }

    fn announce(&mut self, now_ms: u64) {
        for (kind, object) in self.psp.take_news() {
            let id = format!("evt_{:011x}{:08x}", self.birth_ms, self.webhooks.events() + 1);
            self.webhooks.announce(now_ms, &mut self.course, &id, kind, object);
        }
    }

    /// Does what is due: late calls, authorizations that end, keys that are too old.
    pub fn advance(&mut self, now_ms: u64) {
        let (mut due, waiting): (Vec<Late>, Vec<Late>) =
            std::mem::take(&mut self.late).into_iter().partition(|it| it.due_ms <= now_ms);
        self.late = waiting;
        due.sort_by_key(|it| it.due_ms);
        for Late { due_ms, call, key } in due {
            self.psp.expire(due_ms);
            self.announce(due_ms);
            let reply = self.perform(due_ms, &call, &Twist::Plain);
            self.keys.store(due_ms, key.as_deref(), &call, &reply);
        }
        self.psp.expire(now_ms);
        self.announce(now_ms);
        self.keys.prune(now_ms);
    }

    /// What the customer did when asked by an intent. False if nothing was asked.
    pub fn authenticate(&mut self, now_ms: u64, intent: &str, passed: bool) -> bool {
        self.advance(now_ms);
        let asked = self.psp.authenticate(now_ms, intent, passed);
        self.announce(now_ms);
        asked
    }

    /// Moves a parcel, as the carrier's people do. False if there is no such booking.
    pub fn move_parcel(&mut self, reference: &str, state: ParcelState) -> bool {
        self.carrier.move_to(reference, state)
    }

    /// Counts a message and says what goes wrong with it, if anything.
    pub fn mail_begins(&mut self) -> Option<Fault> {
        *self.counts.entry(CallKind::Mail).or_default() += 1;
        self.course.fault(CallKind::Mail)
    }

    /// Keeps a message. False if the mailbox is full.
    pub fn keep_mail(&mut self, mail: Mail) -> bool {
        let room = self.mails.len() < MAX_MAILS;
        if room {
            self.mails.push(mail);
        }
        room
    }

    /// The messages that were taken over.
    pub fn mails(&self) -> &[Mail] {
        &self.mails
    }

    /// Where the money is.
    pub fn ledger(&self) -> &Ledger {
        self.psp.ledger()
    }

    /// The provider.
    pub fn psp(&self) -> &Psp {
        &self.psp
    }

    /// How many requests of each kind came, those that went wrong included.
    pub fn counts(&self) -> &BTreeMap<CallKind, u64> {
        &self.counts
    }

    /// The deliveries of webhooks.
    pub fn webhooks(&mut self) -> &mut Webhooks {
        &mut self.webhooks
    }

    /// When something is due without a request: a late call or a webhook.
    pub fn next_due_ms(&self) -> Option<u64> {
        let late = self.late.iter().map(|it| it.due_ms).min();
        late.into_iter().chain(self.webhooks.next_due_ms()).min()
    }

    /// Takes the webhooks that are due, after doing what is due.
    pub fn take_due_webhooks(&mut self, now_ms: u64) -> Vec<Delivery> {
        self.advance(now_ms);
        self.webhooks.take_due(now_ms)
    }
}
