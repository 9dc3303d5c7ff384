//! The plan of faults: which calls go wrong, and how. Chosen by a seed, so a run can be repeated.
//!
//! The first rule that names the call, is not used up and is drawn decides. The draws depend on the seed and on the order
//! of the calls alone.

use serde::{Deserialize, Serialize};

/// The most rules of a plan.
pub const MAX_RULES: usize = 100;
/// The most copies of one webhook.
pub const MAX_COPIES: u8 = 10;
/// The longest time in a plan: an hour.
pub const MAX_MS: u64 = 3_600_000;

/// What is asked of the sandbox; requests are counted by it, and rules name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallKind {
    /// `POST /v1/payment_intents`
    Open,
    /// `GET /v1/payment_intents/{id}`
    Read,
    /// `POST /v1/payment_intents/{id}/confirm`
    Confirm,
    /// `POST /v1/payment_intents/{id}/capture`
    Capture,
    /// `POST /v1/payment_intents/{id}/cancel`
    Cancel,
    /// `POST /v1/refunds`
    Refund,
    /// `GET /v1/refunds`
    ListRefunds,
    /// `PUT /carrier/v1/bookings/{reference}`
    CarrierBook,
    /// `POST /carrier/v1/bookings/{reference}/cancel`
    CarrierCancel,
    /// `GET /carrier/v1/bookings/{reference}`
    CarrierRead,
    /// One message over SMTP.
    Mail,
}

/// What goes wrong with one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Performed; the answer comes this many milliseconds later.
    Delay {
        /// How much later.
        ms: u64,
    },
    /// Not performed, and no answer comes.
    SilenceBefore,
    /// Performed, and no answer comes.
    SilenceAfter,
    /// No answer comes; performed this many milliseconds later.
    PerformLate {
        /// How much later.
        ms: u64,
    },
    /// The connection ends without an answer.
    Reset {
        /// Whether the call is performed all the same.
        #[serde(default)]
        performed: bool,
    },
    /// Not performed: 429.
    TooMany {
        /// The header `Retry-After`, in seconds.
        #[serde(default)]
        retry_after_s: Option<u64>,
    },
    /// 500, which is also stored under the idempotency key.
    ServerError {
        /// Whether the call is performed all the same.
        #[serde(default)]
        performed: bool,
    },
    /// Refused with this code: a confirmation as a declined card, anything else as a bad request.
    Decline {
        /// The code in the error's body; without it, `card_declined`.
        #[serde(default)]
        code: Option<String>,
    },
    /// A confirmation asks for a step of the customer (3-D Secure). No effect on other calls.
    ActionRequired,
}

/// One line of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The calls it is about; without it, all.
    #[serde(default)]
    pub call: Option<CallKind>,
    /// What goes wrong.
    pub fault: Fault,
    /// How many of a hundred such calls, drawn by the seed.
    #[serde(default = "all")]
    pub percent: u8,
    /// How many such calls pass before the rule begins.
    #[serde(default)]
    pub skip: u64,
    /// How often at most; without it, for ever.
    #[serde(default)]
    pub times: Option<u64>,
}

fn all() -> u8 {
    100
}

/// How webhooks are delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookPlan {
    /// How often each event is sent; 0 sends none.
    pub copies: u8,
    /// How many milliseconds after the event.
    pub delay_ms: u64,
    /// Delivered before the call that caused it is answered.
    pub early: bool,
    /// A random time up to this is added to each delivery: they come permuted.
    pub spread_ms: u64,
}

impl Default for WebhookPlan {
    fn default() -> Self {
        Self { copies: 1, delay_ms: 0, early: false, spread_ms: 0 }
    }
}

/// The whole plan; the default one has no faults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// Determines all draws.
    pub seed: u64,
    /// Whether idempotency keys have an effect.
    pub keys: bool,
    /// The first that fits decides.
    pub rules: Vec<Rule>,
    /// How webhooks are delivered.
    pub webhooks: WebhookPlan,
}

impl Default for Plan {
    fn default() -> Self {
        Self { seed: 0, keys: true, rules: Vec::new(), webhooks: WebhookPlan::default() }
    }
}

impl Plan {
    /// Whether every number is within its limit.
    pub fn is_bounded(&self) -> bool {
        let time = |fault: &Fault| match fault {
            Fault::Delay { ms } | Fault::PerformLate { ms } => *ms,
            _ => 0,
        };
        self.rules.len() <= MAX_RULES
            && self.rules.iter().all(|it| it.percent <= 100 && time(&it.fault) <= MAX_MS)
            && self.webhooks.copies <= MAX_COPIES
            && self.webhooks.delay_ms <= MAX_MS
            && self.webhooks.spread_ms <= MAX_MS
    }
}

/// The plan as it is carried out: how often each rule was met and used.
#[derive(Debug, Clone)]
pub struct Course {
    plan: Plan,
    draws: Draws,
    met: Vec<u64>,
    used: Vec<u64>,
}

impl Course {
    /// The beginning of a plan.
    pub fn of(plan: Plan) -> Self {
        let zeros = vec![0; plan.rules.len()];
        Self { draws: Draws(plan.seed), met: zeros.clone(), used: zeros, plan }
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What goes wrong with the next call of this kind, if anything.
    pub fn fault(&mut self, call: CallKind) -> Option<Fault> {
        for (index, rule) in self.plan.rules.iter().enumerate() {
            if rule.call.is_some_and(|it| it != call) {
                continue;
            }
            self.met[index] += 1;
            let begun = self.met[index] > rule.skip;
            let left = rule.times.is_none_or(|times| self.used[index] < times);
            if begun && left && self.draws.below(100) < u64::from(rule.percent) {
                self.used[index] += 1;
                return Some(rule.fault.clone());
            }
        }
        None
    }

    /// A time from 0 up to and including `most` milliseconds.
    pub fn time_up_to(&mut self, most: u64) -> u64 {
        self.draws.below(most.saturating_add(1))
    }
}

/// A seeded generator (SplitMix64).
#[derive(Debug, Clone)]
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}
