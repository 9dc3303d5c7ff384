//! What moves money: each transition with its entry in the ledger, or neither.

use super::Psp;
use crate::core::intent::{AUTHORIZED_MS, Intent, Status};
use crate::core::ledger::{Account, Entry, Why};
use crate::core::reply::Reply;

impl Psp {
    pub(super) fn authorize(&mut self, now_ms: u64, id: &str) -> Result<(), Reply> {
        let (currency, amount, at_once) = {
            let intent = self.intent(id)?;
            (intent.currency.clone(), intent.amount, intent.captures_itself)
        };
        let moves = vec![(Account::Customer, -amount), (Account::Held, amount)];
        self.post(now_ms, id, &currency, Why::Authorize, moves)?;
        let intent = self.intent(id)?;
        intent.status = Status::RequiresCapture;
        intent.capturable = amount;
        intent.charges += 1;
        intent.authorized_ms = Some(now_ms);
        if at_once {
            return self.take(now_ms, id, amount);
        }
        self.tell("payment_intent.amount_capturable_updated", id);
        Ok(())
    }

    pub(super) fn take(&mut self, now_ms: u64, id: &str, amount: i64) -> Result<(), Reply> {
        let (currency, held) = {
            let intent = self.intent(id)?;
            (intent.currency.clone(), intent.capturable)
        };
        let rest = (Account::Customer, held - amount);
        let moves = vec![(Account::Held, -held), (Account::Merchant, amount), rest];
        self.post(now_ms, id, &currency, Why::Capture, moves)?;
        let intent = self.intent(id)?;
        intent.status = Status::Succeeded;
        intent.capturable = 0;
        intent.received = amount;
        self.tell("payment_intent.succeeded", id);
        Ok(())
    }

    pub(super) fn release(&mut self, now_ms: u64, id: &str, why: String) -> Result<(), Reply> {
        let (currency, held) = {
            let intent = self.intent(id)?;
            (intent.currency.clone(), intent.capturable)
        };
        if held > 0 {
            let moves = vec![(Account::Held, -held), (Account::Customer, held)];
            self.post(now_ms, id, &currency, Why::Void, moves)?;
        }
        let intent = self.intent(id)?;
        intent.status = Status::Canceled;
        intent.capturable = 0;
        intent.canceled = Some((now_ms, why));
        self.tell("payment_intent.canceled", id);
        Ok(())
    }

    /// Lets go of authorizations that are too old.
    pub fn expire(&mut self, now_ms: u64) {
        let old = |it: &&Intent| {
            let until = it.authorized_ms.map(|since| since.saturating_add(AUTHORIZED_MS));
            it.status == Status::RequiresCapture && until.is_some_and(|until| until <= now_ms)
        };
        let old: Vec<String> = self.intents.values().filter(old).map(|it| it.id.clone()).collect();
        for id in old {
            // It is held, so it can be let go.
            let _ = self.release(now_ms, &id, "automatic".to_owned());
        }
    }

    pub(super) fn post(
        &mut self,
        at_ms: u64,
        intent: &str,
        currency: &str,
        why: Why,
        moves: Vec<(Account, i64)>,
    ) -> Result<(), Reply> {
        let (intent, currency) = (intent.to_owned(), currency.to_owned());
        self.ledger
            .post(Entry { at_ms, intent, currency, why, moves })
            .map_err(|error| Reply::error(500, "api_error", "", &error.to_string()))
    }
}
