//! The payment provider: performs calls on intents, and moves the money in the ledger with each.
//!
//! A transition and its entry go together: what the ledger refuses does not happen.

mod money;

use crate::core::form::Form;
use crate::core::intent::{Behaviour, Intent, Refund, Status, behaviour, step};
use crate::core::intent_json::card_error;
use crate::core::ledger::{Account, Ledger, Why};
use crate::core::reply::Reply;
use crate::core::request::Call;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The most intents.
const MAX_INTENTS: usize = 1_000_000;
/// The largest amount, in minor units.
const MAX_AMOUNT: i64 = 999_999_999_999;
/// The most refunds on a page.
const MAX_PAGE: usize = 100;

/// What a plan changes about a call that is performed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Twist {
    /// Nothing.
    Plain,
    /// It is refused with this code.
    Decline(String),
    /// A confirmation asks for the customer.
    Ask,
}

/// The provider.
#[derive(Debug, Clone)]
pub struct Psp {
    /// Part of every id, so that another sandbox gives out other ids.
    birth_ms: u64,
    made: u64,
    intents: BTreeMap<String, Intent>,
    refunds: BTreeMap<String, Vec<Refund>>,
    ledger: Ledger,
    news: Vec<(&'static str, Value)>,
}

impl Psp {
    /// A provider without intents.
    pub fn new(birth_ms: u64) -> Self {
        let (intents, refunds) = (BTreeMap::new(), BTreeMap::new());
        Self { birth_ms, made: 0, intents, refunds, ledger: Ledger::default(), news: Vec::new() }
    }

    /// Where the money is.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// All intents.
    pub fn intents(&self) -> impl Iterator<Item = &Intent> {
        self.intents.values()
    }

    /// The refunds of an intent, oldest first.
    pub fn refunds_of(&self, intent: &str) -> &[Refund] {
        self.refunds.get(intent).map_or(&[], Vec::as_slice)
    }

    /// Takes the events since the last time: type and object.
    pub fn take_news(&mut self) -> Vec<(&'static str, Value)> {
        std::mem::take(&mut self.news)
    }

    /// Performs a call and answers it. Calls to the carrier are none of its own: 404.
    pub fn perform(&mut self, now_ms: u64, call: &Call, twist: &Twist) -> Reply {
        let confirms = matches!(call, Call::Confirm(..));
        if let Twist::Decline(code) = twist
            && !confirms
        {
            return Reply::bad(code, "The sandbox was told to refuse.");
        }
        let answer = match call {
            Call::Open(form) => self.open(now_ms, form),
            Call::Read(id, form) => self.read(id, form),
            Call::Confirm(id, form) => self.confirm(now_ms, id, form, twist),
            Call::Capture(id, form) => self.capture(now_ms, id, form),
            Call::Cancel(id, form) => self.cancel(now_ms, id, form),
            Call::Refund(form) => self.refund(now_ms, form),
            Call::ListRefunds(form) => self.list_refunds(form),
            _ => Err(Reply::missing("route", "carrier")),
        };
        answer.map_or_else(|refused| refused, Reply::ok)
    }

    fn next_id(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}_{:011x}{:08x}", self.birth_ms, self.made)
    }

    fn open(&mut self, now_ms: u64, form: &[(String, String)]) -> Result<Value, Reply> {
        let mut form = Form::of(form);
        let amount = form.amount("amount")?.ok_or_else(|| missing_field("amount"))?;
        let currency = form.take("currency").ok_or_else(|| missing_field("currency"))?;
        let method = form.take("payment_method");
        let metadata = form.map("metadata");
        let captures_itself = form.take("capture_method").is_some_and(|it| it != "manual");
        let kinds = form.map("payment_method_types");
        let whole = form.expands_charge();
        form.end()?;
        if kinds.values().any(|it| it != "card") {
            return Err(Reply::bad("parameter_invalid", "Only cards are known here."));
        }
        if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return Err(Reply::bad("parameter_invalid", "Invalid currency."));
        }
        if amount % step(&currency) != 0 {
            return Err(Reply::bad("parameter_invalid_integer", "Invalid amount of its currency."));
        }
        if amount > MAX_AMOUNT {
            return Err(Reply::bad("amount_too_large", "Amount is too large."));
        }
        if self.intents.len() >= MAX_INTENTS {
            return Err(Reply::error(500, "api_error", "", "The sandbox holds no more intents."));
        }
        let status = match method {
            Some(_) => Status::RequiresConfirmation,
            None => Status::RequiresPaymentMethod,
        };
        let id = self.next_id("pi");
        let intent = Intent {
            id: id.clone(),
            amount,
            currency,
            status,
            captures_itself,
            method,
            metadata,
            capturable: 0,
            received: 0,
            refunded: 0,
            last_error: None,
            charges: 0,
            created_ms: now_ms,
            authorized_ms: None,
            canceled: None,
        };
        self.intents.insert(id.clone(), intent);
        self.tell("payment_intent.created", &id);
        self.shown(&id, whole)
    }

    fn read(&self, id: &str, form: &[(String, String)]) -> Result<Value, Reply> {
        let mut form = Form::of(form);
        let whole = form.expands_charge();
        form.end()?;
        self.shown(id, whole)
    }

    fn confirm(
        &mut self,
        now_ms: u64,
        id: &str,
        form: &[(String, String)],
        twist: &Twist,
    ) -> Result<Value, Reply> {
        let mut form = Form::of(form);
        let method = form.take("payment_method");
        let _ = (form.take("return_url"), form.take("off_session"));
        let whole = form.expands_charge();
        form.end()?;
        let intent = self.intent(id)?;
        let method = method.or_else(|| intent.method.clone());
        if !intent.status.can_confirm() || method.is_none() {
            return Err(unexpected_state(intent, "confirmed"));
        }
        intent.method = method;
        intent.last_error = None;
        let usual = behaviour(intent.method.as_deref().unwrap_or_default());
        match (twist, usual) {
            (Twist::Decline(code), _) => self.decline(id, code),
            (Twist::Ask, _) | (_, Behaviour::Asks | Behaviour::AsksThenDeclines) => {
                intent.status = Status::RequiresAction;
                self.tell("payment_intent.requires_action", id);
                self.shown(id, whole)
            }
            (_, Behaviour::Declines(code)) => self.decline(id, code),
            (_, Behaviour::Pays) => {
                self.authorize(now_ms, id)?;
                self.shown(id, whole)
            }
        }
    }

    /// What the customer did when asked. False if nothing was asked.
    pub fn authenticate(&mut self, now_ms: u64, id: &str, passed: bool) -> bool {
        let Some(intent) = self.intents.get_mut(id) else { return false };
        if intent.status != Status::RequiresAction {
            return false;
        }
        let usual = behaviour(intent.method.as_deref().unwrap_or_default());
        let answer = match (passed, usual) {
            (false, _) => self.decline(id, "payment_intent_authentication_failure"),
            (true, Behaviour::AsksThenDeclines) => self.decline(id, "generic_decline"),
            (true, _) => self.authorize(now_ms, id).map(|()| Value::Null),
        };
        drop(answer); // the customer sees a page; the intent tells the caller
        true
    }

    fn decline(&mut self, id: &str, code: &str) -> Result<Value, Reply> {
        let intent = self.intent(id)?;
        intent.status = Status::RequiresPaymentMethod;
        intent.last_error = Some(code.to_owned());
        intent.charges += 1;
        let mut error = card_error(code);
        error["payment_intent"] = intent.json(false);
        self.tell("payment_intent.payment_failed", id);
        let body = json!({ "error": error });
        Err(Reply { status: 402, body, retry_after_s: None, replayed: false })
    }

    fn capture(
        &mut self,
        now_ms: u64,
        id: &str,
        form: &[(String, String)],
    ) -> Result<Value, Reply> {
        let mut form = Form::of(form);
        let amount = form.amount("amount_to_capture")?;
        let whole = form.expands_charge();
        form.end()?;
        let intent = self.intent(id)?;
        if intent.status != Status::RequiresCapture {
            return Err(unexpected_state(intent, "captured"));
        }
        let amount = amount.unwrap_or(intent.capturable);
        if amount > intent.capturable {
            return Err(Reply::bad("amount_too_large", "More than is authorized."));
        }
        self.take(now_ms, id, amount)?;
        self.shown(id, whole)
    }

    fn cancel(&mut self, now_ms: u64, id: &str, form: &[(String, String)]) -> Result<Value, Reply> {
        let mut form = Form::of(form);
        let why = form.take("cancellation_reason").unwrap_or_else(|| "abandoned".to_owned());
        let whole = form.expands_charge();
        form.end()?;
        let intent = self.intent(id)?;
        if !intent.status.can_cancel() {
            return Err(unexpected_state(intent, "canceled"));
        }
        self.release(now_ms, id, why)?;
        self.shown(id, whole)
    }

    fn refund(&mut self, now_ms: u64, form: &[(String, String)]) -> Result<Value, Reply> {
        let mut form = Form::of(form);
        let id = form.take("payment_intent").ok_or_else(|| missing_field("payment_intent"))?;
        let amount = form.amount("amount")?;
        let metadata = form.map("metadata");
        let _ = form.take("reason");
        form.end()?;
        let intent = self.intent(&id)?;
        if intent.status != Status::Succeeded {
            return Err(unexpected_state(intent, "refunded"));
        }
        let left = intent.received - intent.refunded;
        let amount = amount.unwrap_or(left);
        if left == 0 {
            return Err(Reply::bad("charge_already_refunded", "It has been refunded."));
        }
        if amount > left {
            return Err(Reply::bad("amount_too_large", "More than is left to refund."));
        }
        let (currency, charge) =
            (intent.currency.clone(), intent.latest_charge().unwrap_or_default());
        let moves = vec![(Account::Merchant, -amount), (Account::Customer, amount)];
        self.post(now_ms, &id, &currency, Why::Refund, moves)?;
        self.intent(&id)?.refunded += amount;
        let refund = Refund {
            id: self.next_id("re"),
            intent: id.clone(),
            amount,
            currency,
            metadata,
            charge,
            created_ms: now_ms,
        };
        let shown = refund.json();
        self.news.push(("refund.created", shown.clone()));
        self.refunds.entry(id).or_default().push(refund);
        Ok(shown)
    }

    fn list_refunds(&self, form: &[(String, String)]) -> Result<Value, Reply> {
        let mut form = Form::of(form);
        let id = form.take("payment_intent").ok_or_else(|| missing_field("payment_intent"))?;
        let limit = form.amount("limit")?.and_then(|it| usize::try_from(it).ok()).unwrap_or(10);
        let after = form.take("starting_after");
        form.end()?;
        if !self.intents.contains_key(&id) {
            return Err(Reply::missing("payment_intent", &id));
        }
        let newest_first = self.refunds_of(&id).iter().rev();
        let mut rest: Vec<&Refund> = newest_first.collect();
        if let Some(after) = after {
            let place = rest.iter().position(|it| it.id == after);
            rest.drain(..place.map_or(rest.len(), |place| place + 1));
        }
        let limit = limit.min(MAX_PAGE);
        let page: Vec<Value> = rest.iter().take(limit).map(|it| it.json()).collect();
        let more = rest.len() > page.len();
        Ok(json!({ "object": "list", "data": page, "has_more": more, "url": "/v1/refunds" }))
    }

    fn intent(&mut self, id: &str) -> Result<&mut Intent, Reply> {
        self.intents.get_mut(id).ok_or_else(|| Reply::missing("payment_intent", id))
    }

    fn shown(&self, id: &str, whole: bool) -> Result<Value, Reply> {
        let intent = self.intents.get(id).ok_or_else(|| Reply::missing("payment_intent", id))?;
        Ok(intent.json(whole))
    }

    fn tell(&mut self, kind: &'static str, id: &str) {
        if let Some(intent) = self.intents.get(id) {
            self.news.push((kind, intent.json(false)));
        }
    }
}

fn missing_field(name: &str) -> Reply {
    Reply::bad("parameter_missing", &format!("Missing required param: {name}."))
}

fn unexpected_state(intent: &Intent, verb: &str) -> Reply {
    let message = format!("This PaymentIntent's status is {}.", intent.status.text());
    let mut reply = Reply::bad("payment_intent_unexpected_state", &message);
    reply.body["error"]["payment_intent"] = intent.json(false);
    reply.body["error"]["message"] = json!(format!("{message} It cannot be {verb}."));
    reply
}
