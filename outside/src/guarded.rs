//! The ports behind their guards. Only readings are tried twice here.
//!
//! The second try of a reading goes through all guards again, like any other.

use crate::carrier::{Booking, Carrier, ParcelSnapshot};
use crate::failure::Failure;
use crate::guard::Guard;
use crate::mail::{Letter, MailFailure, Smtp};
use crate::psp::{CallKey, CustomerAction, Opening, Psp, PspId, PspSnapshot};
use backon::{ExponentialBuilder, Retryable};
use domain::Money;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// The pause before a reading's second try, at least; up to the same again is added at random.
const PAUSE: Duration = Duration::from_millis(50);

/// Reads, and once more if nobody answered.
async fn twice<T, Reading: Future<Output = Result<T, Failure>>>(
    read: impl FnMut() -> Reading,
) -> Result<T, Failure> {
    let once_more = ExponentialBuilder::default().with_min_delay(PAUSE).with_max_times(1);
    read.retry(once_more.with_jitter()).sleep(tokio::time::sleep).when(Failure::is_doubt).await
}

/// The payment provider behind its guards.
#[derive(Debug, Clone)]
pub struct GuardedPsp {
    psp: Psp,
    guard: Arc<Guard>,
}

impl GuardedPsp {
    /// Puts it behind guards.
    pub fn new(psp: Psp, guard: Arc<Guard>) -> Self {
        Self { psp, guard }
    }

    /// Its guards: what the breaker does, and how much room there is.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// [`Psp::open`], once.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn open(&self, key: &CallKey, opening: &Opening) -> Result<PspSnapshot, Failure> {
        told("open", self.guard.run(self.psp.open(key, opening)).await)
    }

    /// [`Psp::confirm`], once.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn confirm(&self, key: &CallKey, id: &PspId) -> Result<PspSnapshot, Failure> {
        told("confirm", self.guard.run(self.psp.confirm(key, id)).await)
    }

    /// [`Psp::capture`], once.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn capture(
        &self,
        key: &CallKey,
        id: &PspId,
        amount: Money,
    ) -> Result<PspSnapshot, Failure> {
        told("capture", self.guard.run(self.psp.capture(key, id, amount)).await)
    }

    /// [`Psp::cancel`], once.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn cancel(&self, key: &CallKey, id: &PspId) -> Result<PspSnapshot, Failure> {
        told("cancel", self.guard.run(self.psp.cancel(key, id)).await)
    }

    /// [`Psp::refund`], once.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn refund(
        &self,
        key: &CallKey,
        id: &PspId,
        refund_id: Uuid,
        amount: Money,
    ) -> Result<PspSnapshot, Failure> {
        told("refund", self.guard.run(self.psp.refund(key, id, refund_id, amount)).await)
    }

    /// [`Psp::read`], twice if nobody answers.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn read(&self, id: &PspId) -> Result<PspSnapshot, Failure> {
        told("read", twice(|| self.guard.run(self.psp.read(id))).await)
    }

    /// [`Psp::action`], twice if nobody answers.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn action(&self, id: &PspId) -> Result<Option<CustomerAction>, Failure> {
        told("action", twice(|| self.guard.run(self.psp.action(id))).await)
    }
}

/// The carrier behind its guards.
#[derive(Debug, Clone)]
pub struct GuardedCarrier {
    carrier: Carrier,
    guard: Arc<Guard>,
}

impl GuardedCarrier {
    /// Puts it behind guards.
    pub fn new(carrier: Carrier, guard: Arc<Guard>) -> Self {
        Self { carrier, guard }
    }

    /// Its guards: what the breaker does, and how much room there is.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// [`Carrier::book`], once.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn book(&self, booking: &Booking) -> Result<ParcelSnapshot, Failure> {
        told("book", self.guard.run(self.carrier.book(booking)).await)
    }

    /// [`Carrier::cancel`], once.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn cancel(&self, reference: Uuid) -> Result<ParcelSnapshot, Failure> {
        told("cancel booking", self.guard.run(self.carrier.cancel(reference)).await)
    }

    /// [`Carrier::read`], twice if nobody answers.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn read(&self, reference: Uuid) -> Result<ParcelSnapshot, Failure> {
        told("read booking", twice(|| self.guard.run(self.carrier.read(reference))).await)
    }
}

/// The mail server behind its guards.
#[derive(Debug, Clone)]
pub struct GuardedMail {
    smtp: Smtp,
    guard: Arc<Guard>,
}

impl GuardedMail {
    /// Puts it behind guards, which have no patience of their own: the adapter's knows the stages.
    pub fn new(smtp: Smtp, guard: Arc<Guard>) -> Self {
        Self { smtp, guard }
    }

    /// Its guards: what the breaker does, and how much room there is.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// [`Smtp::send`], once.
    ///
    /// # Errors
    /// Any [`MailFailure`].
    pub async fn send(&self, letter: &Letter) -> Result<(), MailFailure> {
        told("mail", self.guard.run(self.smtp.send(letter)).await)
    }
}

/// Tells how a call ended: its name and the class of its failure, no ids and nothing about people.
fn told<T, E: std::fmt::Display>(call: &'static str, result: Result<T, E>) -> Result<T, E> {
    match &result {
        Ok(_) => tracing::debug!(call, "call answered"),
        Err(failure) => tracing::info!(call, %failure, "call failed"),
    }
    result
}
