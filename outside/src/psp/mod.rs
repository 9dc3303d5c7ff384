//! The port to the payment provider: open, confirm, capture, cancel, refund, read.
//!
//! An intent is opened first, without money, and its id is known before anything that moves money is asked for. So a
//! call whose outcome is unknown is settled by reading, and a second one is refused by the intent's own state. Only a
//! refund creates by moving money: it carries our refund id, by which the list of refunds is matched.
//!
//! Both adapters speak Stripe's API (`stripe.rs`): to Stripe over HTTP, or to the sandbox in this process. Stripe's words
//! and amounts end here: [`PspSnapshot`] has ours. Results come as snapshots of the provider's whole state, never as
//! "done": a repeated, late or lost answer then changes nothing.

mod decline;
mod minor_units;
mod snapshot;
mod stripe;
mod translate;
mod webhook;

use crate::failure::{Cause, Failure};
use crate::secret::Secret;
use crate::wire::{Http, Wire};
use domain::Money;
use std::fmt;
use uuid::Uuid;

pub use minor_units::{Unrepresentable, from_provider, to_provider};
pub use snapshot::{Decline, PspSnapshot, PspState, RefundSeen, RefundState};
pub use webhook::{Notice, TOLERANCE_S, WebhookRefused, WebhookSecret};

/// The provider's id of an intent: `pi_…`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PspId(String);

/// An id that cannot stand in a path: empty, longer than 255 characters, or with other characters than letters, digits,
/// `_` and `-`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the payment provider")]
pub struct NotAnId;

impl PspId {
    /// Reads an id.
    ///
    /// # Errors
    /// [`NotAnId`]
    pub fn parse(text: &str) -> Result<Self, NotAnId> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if text.is_empty() || text.len() > 255 || !text.bytes().all(fits) {
            return Err(NotAnId);
        }
        Ok(Self(text.to_owned()))
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PspId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A token that stands for the customer's method of payment. Card data never comes here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodToken(pub Secret);

/// The idempotency key of one call: letters, digits and punctuation, 255 characters at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallKey(String);

impl CallKey {
    /// Reads a key. `None` for a text that cannot stand in a header.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.len() <= 255;
        (fits && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| Self(text.to_owned()))
    }

    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What an intent is opened for.
#[derive(Debug, Clone)]
pub struct Opening {
    /// Our id of the payment; the provider keeps it with the intent.
    pub payment_id: Uuid,
    /// What shall be paid.
    pub amount: Money,
    /// With what.
    pub method: MethodToken,
}

/// What the customer has to do. Fetched when it is shown, never stored or logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerAction {
    /// Where the customer does it, if the provider has a page for it.
    pub url: Option<Secret>,
    /// What the provider's script in the customer's browser continues with.
    pub client_secret: Option<Secret>,
}

/// The payment provider.
#[derive(Debug, Clone)]
pub struct Psp {
    wire: Wire,
}

impl Psp {
    /// Stripe, or what speaks like it.
    pub fn stripe(http: Http) -> Self {
        Self { wire: Wire::Http(http) }
    }

    /// A sandbox in this process.
    pub fn sandbox(shared: sandbox::Shared) -> Self {
        Self { wire: Wire::InProcess(shared) }
    }

    /// Opens an intent. No money moves, and a second one is harmless.
    ///
    /// # Errors
    /// Any [`Failure`]; `amount-not-representable` if the provider cannot take that amount of its currency.
    pub async fn open(&self, key: &CallKey, opening: &Opening) -> Result<PspSnapshot, Failure> {
        let ask = stripe::open(key, opening)?;
        translate::intent(self.wire.send(&ask).await?)
    }

    /// Asks for the money: it is authorized, declined, or the customer is asked. A decline is a result, no failure.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn confirm(&self, key: &CallKey, id: &PspId) -> Result<PspSnapshot, Failure> {
        let answer = self.wire.send(&stripe::confirm(key, id)).await?;
        if answer.status != 402 {
            return translate::intent(answer);
        }
        match translate::declined(&answer.body) {
            Some(snapshot) => Ok(snapshot),
            None => self.settled(id).await,
        }
    }

    /// Takes what is authorized, or a part; the rest is let go.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn capture(
        &self,
        key: &CallKey,
        id: &PspId,
        amount: Money,
    ) -> Result<PspSnapshot, Failure> {
        let ask = stripe::capture(key, id, amount)?;
        translate::intent(self.wire.send(&ask).await?)
    }

    /// Ends an intent that is not captured, and lets go of what is authorized.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn cancel(&self, key: &CallKey, id: &PspId) -> Result<PspSnapshot, Failure> {
        translate::intent(self.wire.send(&stripe::cancel(key, id)).await?)
    }

    /// Gives captured money back, and reads what has become of the intent.
    ///
    /// # Errors
    /// Any [`Failure`]. Silence also if the refund was made but the reading failed.
    pub async fn refund(
        &self,
        key: &CallKey,
        id: &PspId,
        refund_id: Uuid,
        amount: Money,
    ) -> Result<PspSnapshot, Failure> {
        let ask = stripe::refund(key, id, refund_id, amount)?;
        translate::refund(self.wire.send(&ask).await?)?;
        self.settled(id).await
    }

    /// The intent as it is now, with its refunds. Changes nothing.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn read(&self, id: &PspId) -> Result<PspSnapshot, Failure> {
        let mut snapshot = translate::intent(self.wire.send(&stripe::read(id)).await?)?;
        // Before money is captured, none can be given back.
        if snapshot.state == PspState::Captured {
            snapshot.refunds = self.refunds(id, &snapshot).await?;
        }
        Ok(snapshot)
    }

    /// What the customer has to do now, if anything.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn action(&self, id: &PspId) -> Result<Option<CustomerAction>, Failure> {
        translate::action(self.wire.send(&stripe::read(id)).await?)
    }

    /// Reads after a call that was answered. If the reading fails, the call's outcome is not known here: silence.
    async fn settled(&self, id: &PspId) -> Result<PspSnapshot, Failure> {
        self.read(id).await.map_err(|failure| match failure {
            Failure::Silence { cause } => Failure::Silence { cause },
            _ => Failure::Silence { cause: Cause::BrokenBody },
        })
    }

    async fn refunds(
        &self,
        id: &PspId,
        snapshot: &PspSnapshot,
    ) -> Result<Vec<RefundSeen>, Failure> {
        let mut refunds = Vec::new();
        for _ in 0..stripe::MAX_PAGES {
            let after = refunds.last().map(|it: &RefundSeen| it.psp_id.clone());
            let answer = self.wire.send(&stripe::list_refunds(id, after.as_deref())).await?;
            let (page, more) = translate::refunds(answer, snapshot.captured.currency())?;
            let empty = page.is_empty();
            refunds.extend(page);
            if !more || empty {
                return Ok(refunds);
            }
        }
        // Longer than any real list. A part of it must not pass for the whole.
        Err(Failure::Silence { cause: Cause::BrokenBody })
    }
}
