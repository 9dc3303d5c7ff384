//! Why a payment refuses a command: one variant for each rule, with what the caller needs to act on it.

use super::PaymentStatus;
use crate::{Currency, FieldError, Label, Money};

/// The rule that a command breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentRejection {
    /// There is no such payment.
    PaymentNotFound,
    /// The id is known with other content.
    PaymentConflict,
    /// No money is held yet.
    NotAuthorized {
        /// The status that refuses.
        status: PaymentStatus,
    },
    /// No money was taken yet, so none can go back.
    NotCaptured {
        /// The status that refuses.
        status: PaymentStatus,
    },
    /// Nothing more is taken: the payment was called off or refused, or its authorization ended.
    PaymentOver {
        /// The status that refuses.
        status: PaymentStatus,
    },
    /// More than what is held, or than what was to be paid.
    AmountExceedsAuthorized {
        /// The most that can be taken.
        authorized: Money,
    },
    /// Another amount was asked for before.
    CaptureConflict {
        /// That amount.
        asked: Money,
    },
    /// The refund's id is known with another amount.
    RefundConflict,
    /// More than what was taken and is not on its way back.
    RefundExceedsCaptured {
        /// The most that can go back.
        refundable: Money,
    },
    /// The payment has [`super::MOST_REFUNDS`] refunds.
    TooManyRefunds,
    /// The amount is in another currency than the payment.
    CurrencyMismatch {
        /// The payment's currency.
        expected: Currency,
    },
    /// What was observed is another payment at the provider.
    OtherPspId {
        /// The provider's id of this payment.
        known: Label,
    },
    /// What was observed cannot be.
    ContradictorySnapshot {
        /// What does not fit; one sentence without values.
        detail: &'static str,
    },
    /// The call is not owed, so it cannot be tried again.
    CallNotOwed,
    /// Broken fields.
    Invalid(Vec<(String, FieldError)>),
}

impl PaymentRejection {
    /// The problem code: stable, in kebab-case.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::PaymentNotFound => "payment-not-found",
            Self::PaymentConflict => "payment-conflict",
            Self::NotAuthorized { .. } => "payment-not-authorized",
            Self::NotCaptured { .. } => "payment-not-captured",
            Self::PaymentOver { .. } => "payment-over",
            Self::AmountExceedsAuthorized { .. } => "amount-exceeds-authorized",
            Self::CaptureConflict { .. } => "capture-conflict",
            Self::RefundConflict => "refund-conflict",
            Self::RefundExceedsCaptured { .. } => "refund-exceeds-captured",
            Self::TooManyRefunds => "too-many-refunds",
            Self::CurrencyMismatch { .. } => "currency-mismatch",
            Self::OtherPspId { .. } => "other-psp-id",
            Self::ContradictorySnapshot { .. } => "contradictory-snapshot",
            Self::CallNotOwed => "call-not-owed",
            Self::Invalid(_) => "validation",
        }
    }
}
