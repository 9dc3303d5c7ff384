//! A payment intent: its state and the table of what may follow. Where its money is, the ledger knows.

use std::collections::BTreeMap;

/// How long an authorization holds: seven days.
pub const AUTHORIZED_MS: u64 = 7 * 24 * 3_600_000;

/// The provider's states of an intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// No usable method of payment: none was named, or the last one was declined.
    RequiresPaymentMethod,
    /// Ready to be confirmed.
    RequiresConfirmation,
    /// The customer has a step to do.
    RequiresAction,
    /// Authorized.
    RequiresCapture,
    /// Captured.
    Succeeded,
    /// Ended without money.
    Canceled,
}

impl Status {
    /// As the provider writes it.
    pub fn text(self) -> &'static str {
        match self {
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::RequiresConfirmation => "requires_confirmation",
            Self::RequiresAction => "requires_action",
            Self::RequiresCapture => "requires_capture",
            Self::Succeeded => "succeeded",
            Self::Canceled => "canceled",
        }
    }

    /// Whether an intent can be confirmed, if a method of payment is known.
    pub fn can_confirm(self) -> bool {
        matches!(self, Self::RequiresPaymentMethod | Self::RequiresConfirmation)
    }

    /// Whether an intent can be cancelled.
    pub fn can_cancel(self) -> bool {
        !matches!(self, Self::Succeeded | Self::Canceled)
    }
}

/// An intent.
#[derive(Debug, Clone)]
pub struct Intent {
    /// `pi_…`
    pub id: String,
    /// What shall be paid, in the provider's minor units.
    pub amount: i64,
    /// `usd`
    pub currency: String,
    /// The state.
    pub status: Status,
    /// Whether an authorization is captured at once.
    pub captures_itself: bool,
    /// The method of payment.
    pub method: Option<String>,
    /// The caller's own notes.
    pub metadata: BTreeMap<String, String>,
    /// What is authorized and not yet captured.
    pub capturable: i64,
    /// What was captured.
    pub received: i64,
    /// What of it was given back.
    pub refunded: i64,
    /// The code of the last refusal.
    pub last_error: Option<String>,
    /// How often an authorization was tried; each try is a charge.
    pub charges: u32,
    /// When it was made.
    pub created_ms: u64,
    /// When the authorization was given.
    pub authorized_ms: Option<u64>,
    /// When and why it was cancelled.
    pub canceled: Option<(u64, String)>,
}

/// Money given back.
#[derive(Debug, Clone)]
pub struct Refund {
    /// `re_…`
    pub id: String,
    /// The intent whose money it was.
    pub intent: String,
    /// How much.
    pub amount: i64,
    /// `usd`
    pub currency: String,
    /// The caller's own notes.
    pub metadata: BTreeMap<String, String>,
    /// The charge it is about.
    pub charge: String,
    /// When.
    pub created_ms: u64,
}

/// What a method of payment does when it is charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// It pays.
    Pays,
    /// It is declined with this code.
    Declines(&'static str),
    /// It asks for a step of the customer.
    Asks,
    /// It asks for a step of the customer, and is declined after it.
    AsksThenDeclines,
}

/// The behaviour of a method, by its name; the names of Stripe's own test methods mean what they mean there.
pub fn behaviour(method: &str) -> Behaviour {
    match method {
        "pm_card_visa_chargeDeclined" | "pm_card_chargeCustomerFail" => {
            Behaviour::Declines("generic_decline")
        }
        "pm_card_visa_chargeDeclinedInsufficientFunds" => Behaviour::Declines("insufficient_funds"),
        "pm_card_visa_chargeDeclinedLostCard" => Behaviour::Declines("lost_card"),
        "pm_card_visa_chargeDeclinedStolenCard" => Behaviour::Declines("stolen_card"),
        "pm_card_authenticationRequired" | "pm_card_threeDSecure2Required" => Behaviour::Asks,
        "pm_card_threeDSecureRequiredChargeDeclined" => Behaviour::AsksThenDeclines,
        _ => Behaviour::Pays,
    }
}

/// By what an amount must be divisible: three-digit currencies end in 0, two others have no fractions in use.
pub fn step(currency: &str) -> i64 {
    match currency {
        "bhd" | "jod" | "kwd" | "omr" | "tnd" => 10,
        "isk" | "ugx" => 100,
        _ => 1,
    }
}
