//! The requests to Stripe: six calls and two lists, each with the fewest parameters.
//!
//! The method of payment goes with the opening, so a confirmation has no parameter of its own. Nothing is created and
//! confirmed in one call: then a silent answer would leave money on an id that nobody knows.

use super::{CallKey, Opening, PspId, to_provider};
use crate::failure::Failure;
use crate::secret::Secret;
use crate::wire::{Ask, Content, Method};
use domain::Money;
use uuid::Uuid;

/// Refunds on a page.
const PAGE: &str = "100";
/// The most pages of refunds that are read.
pub const MAX_PAGES: usize = 10;
/// The member of `metadata` with our refund id.
pub const REFUND_ID: &str = "refund_id";

fn post(path: String, key: &CallKey, fields: Vec<(&str, String)>) -> Ask {
    ask(Method::Post, path, Some(key), fields)
}

fn ask(method: Method, path: String, key: Option<&CallKey>, fields: Vec<(&str, String)>) -> Ask {
    let secret = |(name, value): (&str, String)| (name.to_owned(), Secret::new(value));
    let content = Content::Form(fields.into_iter().map(secret).collect());
    Ask { method, path, content, key: key.map(|it| it.as_str().to_owned()) }
}

/// The charge tells until when an authorization holds.
fn expand() -> (&'static str, String) {
    ("expand[]", "latest_charge".to_owned())
}

fn number(amount: Money) -> Result<String, Failure> {
    let refused =
        |_| Failure::Refused { code: "amount-not-representable".to_owned(), is_final: true };
    to_provider(amount).map(|it| it.to_string()).map_err(refused)
}

/// Opens an intent.
pub fn open(key: &CallKey, opening: &Opening) -> Result<Ask, Failure> {
    let fields = vec![
        ("amount", number(opening.amount)?),
        ("currency", opening.amount.currency().code().to_ascii_lowercase()),
        ("capture_method", "manual".to_owned()),
        ("payment_method_types[0]", "card".to_owned()),
        ("payment_method", opening.method.0.expose().to_owned()),
        ("metadata[payment_id]", opening.payment_id.to_string()),
        expand(),
    ];
    Ok(post("/v1/payment_intents".to_owned(), key, fields))
}

/// Asks for the money.
pub fn confirm(key: &CallKey, id: &PspId) -> Ask {
    post(format!("/v1/payment_intents/{id}/confirm"), key, vec![expand()])
}

/// Takes an amount.
pub fn capture(key: &CallKey, id: &PspId, amount: Money) -> Result<Ask, Failure> {
    let fields = vec![("amount_to_capture", number(amount)?), expand()];
    Ok(post(format!("/v1/payment_intents/{id}/capture"), key, fields))
}

/// Ends an intent.
pub fn cancel(key: &CallKey, id: &PspId) -> Ask {
    post(format!("/v1/payment_intents/{id}/cancel"), key, vec![expand()])
}

/// Gives money back.
pub fn refund(key: &CallKey, id: &PspId, refund_id: Uuid, amount: Money) -> Result<Ask, Failure> {
    let fields = vec![
        ("payment_intent", id.to_string()),
        ("amount", number(amount)?),
        ("metadata[refund_id]", refund_id.to_string()),
    ];
    Ok(post("/v1/refunds".to_owned(), key, fields))
}

/// Reads an intent.
pub fn read(id: &PspId) -> Ask {
    ask(Method::Get, format!("/v1/payment_intents/{id}"), None, vec![expand()])
}

/// Reads a page of an intent's refunds, those after this one.
pub fn list_refunds(id: &PspId, after: Option<&str>) -> Ask {
    let mut fields = vec![("payment_intent", id.to_string()), ("limit", PAGE.to_owned())];
    fields.extend(after.map(|it| ("starting_after", it.to_owned())));
    ask(Method::Get, "/v1/refunds".to_owned(), None, fields)
}
