//! A payment provider that moves money, and knows nothing of the code under test but the form of its snapshots.
//!
//! It keeps no keys: the same call twice is performed twice, if its own state allows that. So whatever protects from
//! doubled money here is the reading before a repeat.

use super::{cents, id, label};
use domain::payment::{CallContent, PspError, PspRefund, PspRefundState, PspSnapshot, PspState};
use domain::{Label, Timestamp};

/// What the customer's bank does with a payment, or the provider with a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Luck {
    /// It does what is asked.
    Good,
    /// It does so later.
    Later,
    /// The customer has to act; a refund fails, but not for good.
    Action,
    /// It does not.
    Bad,
    /// It takes the money at once; a refund is done.
    Eager,
}

/// Why the provider refused a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal;

/// One payment at the provider, and the money that truly moved.
#[derive(Debug, Clone)]
pub struct Psp {
    pub opened: bool,
    amount: i64,
    state: PspState,
    authorized: i64,
    captured: i64,
    refunds: Vec<PspRefund>,
    expires_at: Option<Timestamp>,
    /// The customer's account: below zero by what the customer has paid.
    pub customer: i64,
    /// The shop's account.
    pub shop: i64,
    /// What it showed after each change.
    pub history: Vec<PspSnapshot>,
}

impl Psp {
    pub fn new() -> Self {
        Self {
            opened: false,
            amount: 0,
            state: PspState::Open,
            authorized: 0,
            captured: 0,
            refunds: vec![],
            expires_at: None,
            customer: 0,
            shop: 0,
            history: vec![],
        }
    }

    pub fn snapshot(&self) -> PspSnapshot {
        let error = (self.state == PspState::Declined)
            .then(|| PspError { code: label("card_declined"), is_final: false });
        PspSnapshot {
            psp_id: psp_id(),
            state: self.state,
            authorized: cents(self.authorized),
            captured: cents(self.captured),
            refunds: self.refunds.clone(),
            error,
            action_until: None,
            authorization_expires_at: self.expires_at,
        }
    }

    fn show(&mut self) {
        self.history.push(self.snapshot());
    }

    /// Whether money is held that was not taken.
    pub fn holds(&self) -> bool {
        self.state == PspState::Authorized
    }

    fn transfer(&mut self, minor: i64) {
        self.customer -= minor;
        self.shop += minor;
    }

    pub fn perform(&mut self, content: &CallContent, luck: Luck) -> Result<(), Refusal> {
        let done = match content {
            CallContent::Open { amount, .. } => {
                if !self.opened {
                    (self.opened, self.amount) = (true, amount.minor());
                }
                Ok(())
            }
            CallContent::Confirm { .. } => self.confirm(luck),
            CallContent::Capture { amount, .. } => self.capture(amount.minor()),
            CallContent::Cancel { .. } => self.cancel(),
            CallContent::Refund { refund_id, amount, .. } => {
                self.refund(refund_id.as_str(), amount.minor(), luck)
            }
        };
        self.show();
        done
    }

    fn confirm(&mut self, luck: Luck) -> Result<(), Refusal> {
        if !matches!(self.state, PspState::Open | PspState::Declined) {
            return Err(Refusal);
        }
        self.decide(luck);
        Ok(())
    }

    fn decide(&mut self, luck: Luck) {
        self.state = match luck {
            Luck::Good => {
                self.authorized = self.amount;
                PspState::Authorized
            }
            Luck::Later => PspState::Processing,
            Luck::Action => PspState::ActionRequired,
            Luck::Bad => PspState::Declined,
            Luck::Eager => {
                (self.authorized, self.captured) = (self.amount, self.amount);
                self.transfer(self.amount);
                PspState::Captured
            }
        };
    }

    fn capture(&mut self, minor: i64) -> Result<(), Refusal> {
        if self.state != PspState::Authorized || minor > self.authorized {
            return Err(Refusal);
        }
        self.captured = minor;
        self.transfer(minor);
        self.state = PspState::Captured;
        Ok(())
    }

    fn cancel(&mut self) -> Result<(), Refusal> {
        if self.state == PspState::Captured {
            return Err(Refusal);
        }
        self.state = PspState::Canceled;
        Ok(())
    }

    fn refund(&mut self, refund_id: &str, minor: i64, luck: Luck) -> Result<(), Refusal> {
        let promised: i64 = self
            .refunds
            .iter()
            .filter(|refund| !matches!(refund.state, PspRefundState::Failed(_)))
            .map(|refund| refund.amount.minor())
            .sum();
        if minor <= 0 || minor > self.captured - promised {
            return Err(Refusal);
        }
        let state = match luck {
            Luck::Good | Luck::Eager => {
                self.transfer(-minor);
                PspRefundState::Succeeded
            }
            Luck::Later => PspRefundState::Pending,
            Luck::Action | Luck::Bad => {
                let is_final = luck == Luck::Bad;
                PspRefundState::Failed(PspError { code: label("bank_closed"), is_final })
            }
        };
        self.refunds.push(PspRefund { refund_id: id(refund_id), amount: cents(minor), state });
        Ok(())
    }

    /// What happens at the provider without any call.
    pub fn by_itself(&mut self, what: ByItself, luck: Luck) {
        if !self.opened {
            return;
        }
        match (what, self.state) {
            (ByItself::Settle, PspState::Processing | PspState::ActionRequired) => {
                self.decide(luck);
            }
            // The customer tries another card on the provider's page.
            (ByItself::AnotherCard, PspState::Declined) => self.decide(luck),
            (ByItself::Expire, PspState::Authorized) => self.state = PspState::Canceled,
            (ByItself::Take, PspState::Authorized) => {
                let _ = self.capture(self.authorized);
            }
            (ByItself::ForeignRefund, PspState::Captured) => {
                let number = self.refunds.len();
                let _ = self.refund(&format!("re_{number}"), self.captured / 4, Luck::Good);
            }
            (ByItself::Extend, PspState::Authorized) => {
                let days = i64::try_from(self.history.len()).unwrap_or(0);
                self.expires_at = Some(super::at(0) + chrono::TimeDelta::days(days));
            }
            (ByItself::SettleRefunds, _) => self.settle_refunds(luck),
            _ => return,
        }
        self.show();
    }

    fn settle_refunds(&mut self, luck: Luck) {
        for place in 0..self.refunds.len() {
            if self.refunds[place].state != PspRefundState::Pending {
                continue;
            }
            self.refunds[place].state = if luck == Luck::Bad {
                PspRefundState::Failed(PspError { code: label("bank_closed"), is_final: true })
            } else {
                self.transfer(-self.refunds[place].amount.minor());
                PspRefundState::Succeeded
            };
        }
    }

    /// Whether something is under way here that ends without any call.
    pub fn is_busy(&self) -> bool {
        self.state == PspState::Processing
            || self.refunds.iter().any(|refund| refund.state == PspRefundState::Pending)
    }

    pub fn has_pending(&self, refund_id: &str) -> bool {
        self.refunds.iter().any(|refund| {
            refund.refund_id.as_str() == refund_id && refund.state == PspRefundState::Pending
        })
    }
}

/// What happens at the provider without any call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByItself {
    Settle,
    AnotherCard,
    Expire,
    Take,
    ForeignRefund,
    Extend,
    SettleRefunds,
}

pub fn psp_id() -> Label {
    label("pi_1")
}
