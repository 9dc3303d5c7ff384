//! What an order answers to a command: the facts, or every rule that refuses it.
//!
//! If several rules are broken and the contract does not say which is named, each of them is right. So a decision is a
//! list of verdicts, and the server's must be one of them.

mod parcels;

use super::ask::{Ask, AskedLine, Creation, Transfer};
use super::compose::allowed;
use super::fact::{Beginning, Fact, Line};
use super::money::{self, LIMIT};
use super::order::{Order, Status};
use super::{Checked, ensure};
use serde_json::{Value, json};

/// A refusal as the contract describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    pub status: u16,
    pub code: &'static str,
    pub members: Vec<(&'static str, Value)>,
    /// For `validation`: pointers that must be named, and pointers that may be. `None` = any.
    pub pointers: Option<(Vec<String>, Vec<String>)>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Accepted; without facts if everything was recorded before.
    Facts(Vec<Fact>),
    Refused(Refusal),
}

impl Refusal {
    pub fn new(status: u16, code: &'static str) -> Self {
        Self { status, code, members: vec![], pointers: None }
    }

    pub fn with(mut self, member: &'static str, value: Value) -> Self {
        self.members.push((member, value));
        self
    }

    pub fn fields(pointers: Vec<String>) -> Self {
        Self { pointers: Some((pointers, vec![])), ..Self::new(422, "validation") }
    }

    /// Whether a problem document states this refusal; if not, what is missing.
    ///
    /// # Errors
    /// What was expected.
    pub fn is_told_by(&self, problem: &Value) -> Checked {
        let wanted = || format!("expected {} {}", self.status, self.code);
        if self.code == "empty-order" {
            return ensure(is_empty_order(problem), wanted);
        }
        ensure(problem["status"] == self.status && problem["code"] == self.code, wanted)?;
        for (member, value) in &self.members {
            let same = as_set(&problem[*member]) == as_set(value);
            ensure(same, || format!("expected `{member}` = {value}"))?;
        }
        if self.code == "validation" { self.names_fields(problem) } else { Ok(()) }
    }

    /// Every broken field is named, and no other field.
    fn names_fields(&self, problem: &Value) -> Checked {
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        let said: Vec<&str> = errors.iter().filter_map(|error| error["pointer"].as_str()).collect();
        ensure(!said.is_empty() && said.len() == errors.len(), || {
            "expected errors with pointers".into()
        })?;
        let Some((must, may)) = &self.pointers else { return Ok(()) };
        let all = must.iter().all(|pointer| said.contains(&pointer.as_str()));
        let known = |pointer: &&str| must.iter().chain(may).any(|known| known == pointer);
        ensure(all && said.iter().all(known), || {
            format!("expected errors at {must:?}, perhaps {may:?}\ngot {said:?}")
        })
    }

    fn field(pointer: &str) -> Self {
        Self::fields(vec![pointer.to_owned()])
    }
}

/// `empty-order` is a code by itself, or the code of the only error of a `validation`.
pub fn is_empty_order(problem: &Value) -> bool {
    let error = &problem["errors"][0];
    let named = error["code"] == "empty-order" && error["pointer"] != "/lines";
    problem["code"] == "empty-order" || problem["code"] == "validation" && named
}

/// Names whose order the contract leaves open.
fn as_set(value: &Value) -> Value {
    let Some(names) = value.as_array() else { return value.clone() };
    let mut names = names.clone();
    names.sort_by_key(Value::to_string);
    json!(names)
}

/// Every right answer; the facts do not include a completion, see [`completed`].
pub fn decide(order: Option<&Order>, ask: &Ask) -> Vec<Verdict> {
    let Some(order) = order else {
        return match ask {
            Ask::Create(creation) => create(creation),
            _ => refused([Refusal::new(404, "order-not-found")]),
        };
    };
    let draft = order.status == Status::Draft;
    match ask {
        Ask::Create(creation) => {
            let mut verdicts = refused([Refusal::new(409, "order-already-exists")]);
            verdicts
                .extend(create(creation).into_iter().filter(|v| matches!(v, Verdict::Refused(_))));
            verdicts
        }
        Ask::AddLine(line) => guarded(order, draft, add_line(order, line)),
        Ask::ChangeQuantity { line_id, quantity } => {
            guarded(order, draft, change_quantity(order, *line_id, *quantity))
        }
        Ask::RemoveLine { line_id } => guarded(order, draft, remove_line(order, *line_id)),
        Ask::Place { expected_total } => {
            let expected = expected_total.as_deref();
            let mut verdicts = guarded(order, draft, place(order, expected));
            if expected.is_some_and(|total| money::parse(total, &order.currency).is_err()) {
                // With or without lines.
                verdicts.extend(refused([Refusal::field("/expected_total")]));
            }
            verdicts
        }
        Ask::Discard => guarded(order, draft, Ok(vec![Fact::Discarded])),
        Ask::Confirm => guarded(order, order.status == Status::Placed, Ok(vec![Fact::Confirmed])),
        Ask::Pay(payment) => pay(order, payment),
        Ask::Refund(refund) => give_back(order, refund),
        Ask::Ship(parcel) => parcels::ship(order, parcel),
        Ask::Deliver { id } => parcels::deliver(order, id),
        Ask::Cancel { reason } => {
            let open = matches!(order.status, Status::Placed | Status::Confirmed);
            let may = open && order.shipments.is_empty();
            guarded(order, may, Ok(vec![Fact::Cancelled { reason: reason.clone() }]))
        }
        Ask::Note { text } => facts(vec![Fact::Noted { text: text.clone() }]),
    }
}

/// Whether the order is complete after these facts: then its completion follows them.
pub fn completed(order: &Order) -> bool {
    order.status == Status::Confirmed
        && order.is_wholly_delivered()
        && order.paid() - order.refunded() >= order.total()
}

fn facts(facts: Vec<Fact>) -> Vec<Verdict> {
    vec![Verdict::Facts(facts)]
}

fn refused(refusals: impl IntoIterator<Item = Refusal>) -> Vec<Verdict> {
    refusals.into_iter().map(Verdict::Refused).collect()
}

fn illegal(order: &Order) -> Refusal {
    Refusal::new(409, "illegal-transition")
        .with("current_status", json!(order.status.name()))
        .with("allowed_commands", json!(allowed(order)))
}

/// A command that only some statuses permit. Otherwise, the rules that its fields break may be named as well.
fn guarded(order: &Order, may: bool, decided: Result<Vec<Fact>, Refusal>) -> Vec<Verdict> {
    match (may, decided) {
        (true, Ok(decided)) => facts(decided),
        (true, Err(refusal)) => refused([refusal]),
        // The answer may be that the fact is recorded, or that the status forbids the command.
        (false, Ok(recorded)) if recorded.is_empty() => {
            [facts(recorded), refused([illegal(order)])].concat()
        }
        (false, Ok(_)) => refused([illegal(order)]),
        (false, Err(refusal)) => refused([illegal(order), refusal]),
    }
}

fn create(asked: &Creation) -> Vec<Verdict> {
    let mut lines = Vec::new();
    let mut broken = Vec::new();
    for (asked_line, number) in asked.lines.iter().zip(1..) {
        match priced(asked_line, number, &asked.currency) {
            Some(line) => lines.push(line),
            None => broken.push(format!("/lines/{}/unit_price", number - 1)),
        }
    }
    if !asked.draft && asked.lines.is_empty() {
        broken.push("/lines".to_owned());
    }
    if !broken.is_empty() {
        return refused([Refusal::fields(broken)]);
    }
    if exceeds_limit(&lines) {
        return refused([Refusal::new(422, "validation")]);
    }
    let (customer, currency) = (asked.customer.clone(), asked.currency.clone());
    let beginning = Beginning { customer, currency, lines, note: asked.note.clone() };
    facts(vec![if asked.draft { Fact::Drafted(beginning) } else { Fact::Begun(beginning) }])
}

/// The line with its price read; `None` if the price is not an amount ≥ 0 of the currency.
fn priced(asked: &AskedLine, line_id: u64, currency: &str) -> Option<Line> {
    let unit_price = money::parse(&asked.unit_price, currency).ok().filter(|price| *price >= 0)?;
    let (product_id, name) = (asked.product_id.clone(), asked.name.clone());
    Some(Line { line_id, product_id, name, quantity: asked.quantity, unit_price })
}

fn exceeds_limit(lines: &[Line]) -> bool {
    lines.iter().map(Line::total).sum::<i128>() > LIMIT
}

fn add_line(order: &Order, asked: &AskedLine) -> Result<Vec<Fact>, Refusal> {
    let line = priced(asked, order.last_line_id + 1, &order.currency);
    let line = line.ok_or_else(|| Refusal::field("/unit_price"))?;
    if exceeds_limit(&[order.lines.as_slice(), std::slice::from_ref(&line)].concat()) {
        return Err(Refusal::new(422, "validation"));
    }
    Ok(vec![Fact::LineAdded(line)])
}

fn change_quantity(order: &Order, line_id: u64, quantity: u64) -> Result<Vec<Fact>, Refusal> {
    let mut lines = order.lines.clone();
    let line = lines.iter_mut().find(|line| line.line_id == line_id);
    let line = line.ok_or_else(|| Refusal::field("/line_id"))?;
    if line.quantity == quantity {
        return Ok(vec![]);
    }
    line.quantity = quantity;
    if exceeds_limit(&lines) {
        return Err(Refusal::new(422, "validation"));
    }
    Ok(vec![Fact::QuantityChanged { line_id, quantity }])
}

fn remove_line(order: &Order, line_id: u64) -> Result<Vec<Fact>, Refusal> {
    match order.lines.iter().any(|line| line.line_id == line_id) {
        true => Ok(vec![Fact::LineRemoved { line_id }]),
        false => Err(Refusal::field("/line_id")),
    }
}

fn place(order: &Order, expected_total: Option<&str>) -> Result<Vec<Fact>, Refusal> {
    if order.lines.is_empty() {
        return Err(Refusal::new(422, "empty-order"));
    }
    let Some(expected) = expected_total else { return Ok(vec![Fact::Placed]) };
    match money::parse(expected, &order.currency) {
        Err(_) => Err(Refusal::field("/expected_total")),
        Ok(expected) if expected == order.total() => Ok(vec![Fact::Placed]),
        Ok(_) => {
            let actual = money::show(order.total(), &order.currency);
            Err(Refusal::new(409, "price-changed").with("actual_total", json!(actual)))
        }
    }
}

/// The amount, or the broken fields. Digits cannot be judged in another currency than the order's.
fn amount(order: &Order, transfer: &Transfer) -> Result<i128, Refusal> {
    let other = transfer.currency.as_ref().is_some_and(|currency| *currency != order.currency);
    let read = money::parse(&transfer.amount, &order.currency).ok().filter(|amount| *amount > 0);
    match (other, read) {
        (false, Some(amount)) => Ok(amount),
        (false, None) => Err(Refusal::field("/amount")),
        (true, _) => {
            // A text that is no amount in any currency is found with the body, its currency with the order.
            let either = vec!["/currency".to_owned(), "/amount".to_owned()];
            let pointers = Some((vec![], either));
            Err(Refusal { pointers, ..Refusal::new(422, "validation") })
        }
    }
}

fn pay(order: &Order, asked: &Transfer) -> Vec<Verdict> {
    let may = !matches!(order.status, Status::Draft | Status::Discarded);
    let known = order.payments.iter().find(|payment| payment.id == asked.id);
    let decided = match (amount(order, asked), known) {
        (Err(refusal), _) => Err(refusal),
        (Ok(amount), Some(known)) if known.amount == amount => Ok(vec![]),
        (Ok(_), Some(_)) => Err(Refusal::new(409, "payment-conflict")),
        (Ok(amount), None) => {
            Ok(vec![Fact::Paid { id: asked.id.clone(), amount, method: asked.text.clone() }])
        }
    };
    let beyond = matches!(&decided, Ok(facts) if order.paid() + paid_by(facts) > LIMIT);
    let mut verdicts = guarded(order, may, decided);
    if beyond {
        // The contract does not say whether the sum of payments has a limit.
        verdicts.extend(refused([Refusal::field("/amount")]));
    }
    verdicts
}

fn paid_by(facts: &[Fact]) -> i128 {
    let amount = |fact: &Fact| if let Fact::Paid { amount, .. } = fact { *amount } else { 0 };
    facts.iter().map(amount).sum()
}

fn give_back(order: &Order, asked: &Transfer) -> Vec<Verdict> {
    let known = order.refunds.iter().find(|refund| refund.id == asked.id);
    let left = order.paid() - order.refunded();
    match (amount(order, asked), known) {
        (Err(refusal), _) if left > 0 => refused([refusal]),
        (Err(refusal), _) => refused([refusal, illegal(order)]),
        (Ok(amount), Some(known)) if known.amount == amount => facts(vec![]),
        (Ok(amount), Some(_)) if amount > left => refused([
            Refusal::new(409, "refund-conflict"),
            Refusal::new(409, "refund-exceeds-captured"),
        ]),
        (Ok(_), Some(_)) => refused([Refusal::new(409, "refund-conflict")]),
        (Ok(amount), None) if amount <= left => {
            facts(vec![Fact::Refunded { id: asked.id.clone(), amount, reason: asked.text.clone() }])
        }
        // With nothing paid, no refund is possible, whatever its amount: that answer is right as well.
        (Ok(_), None) if left == 0 => {
            refused([Refusal::new(409, "refund-exceeds-captured"), illegal(order)])
        }
        (Ok(_), None) => refused([Refusal::new(409, "refund-exceeds-captured")]),
    }
}
