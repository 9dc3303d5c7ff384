//! Breaks a right body; each way names the fields that then break a rule by themselves.

use crate::texts;
use oracle::ask::{Ask, Command};
use rig::rng::Rng;
use serde_json::{Value, json};

/// Texts that are not an amount of any currency.
const NO_AMOUNTS: [&str; 10] =
    ["1,000.00", "1e3", "NaN", "", " 1", "+1", ".5", "1.", "１２", "1.234567"];

/// A field of a body and its kind.
#[derive(Debug, Clone)]
struct Field {
    pointer: String,
    kind: Kind,
    required: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Id,
    Text(usize),
    Quantity,
    LineId,
    /// An amount; zero is allowed.
    Price,
    /// An amount that may be negative as far as the contract says.
    Total,
    Amount,
    Currency,
    Flag,
}

/// Breaks one or two fields of the command's body, or its syntax.
pub fn spoil(rng: &mut Rng, command: &mut Command) {
    if rng.chance(8) {
        command.unreadable = true;
        let cut = command.body.len() - 1;
        command.body = [&command.body[..cut], "{", "", &format!("{} x", command.body)]
            [usize::try_from(rng.below(4)).expect("fits")]
        .to_owned();
        return;
    }
    let mut body: Value = serde_json::from_str(&command.body).expect("it was right");
    if rng.chance(15) {
        body["colour"] = json!("red");
        command.broken.push("/colour".to_owned());
    }
    let fields = fields(&command.ask, &body);
    for _ in 0..1 + rng.below(2) {
        if fields.is_empty() {
            break;
        }
        let field = rng.pick(&fields).clone();
        if command.broken.contains(&field.pointer) {
            continue;
        }
        damage(rng, &mut body, &field);
        command.broken.push(field.pointer);
    }
    command.body = body.to_string();
}

fn damage(rng: &mut Rng, body: &mut Value, field: &Field) {
    if field.required && rng.chance(15) {
        let (parent, name) = field.pointer.rsplit_once('/').expect("pointers begin with a slash");
        let parent = body.pointer_mut(parent).and_then(Value::as_object_mut);
        parent.expect("a field stands in an object").remove(name);
        return;
    }
    let wrong = wrong(rng, field.kind);
    *body.pointer_mut(&field.pointer).expect("the field is there") = wrong;
}

fn wrong(rng: &mut Rng, kind: Kind) -> Value {
    match kind {
        Kind::Id => rng
            .pick(&[
                json!("a b"),
                json!(""),
                json!("ä"),
                json!(7),
                json!("x".repeat(65)),
                json!("a/b"),
            ])
            .clone(),
        Kind::Text(_) if rng.chance(20) => rng.pick(&[json!(7), json!({}), json!(["a"])]).clone(),
        Kind::Text(longest) => json!(texts::forbidden(rng, longest)),
        Kind::Quantity => rng
            .pick(&[json!(0), json!(100_001), json!(-1), json!(1.5), json!("3"), json!(true)])
            .clone(),
        Kind::LineId => rng.pick(&[json!(-1), json!(1.5), json!("1"), json!([1])]).clone(),
        Kind::Price | Kind::Amount if rng.chance(10) => json!("-1"),
        Kind::Price | Kind::Amount | Kind::Total if rng.chance(30) => {
            rng.pick(&[json!(5), json!(5.0), json!({"amount": "5"})]).clone()
        }
        Kind::Price | Kind::Amount | Kind::Total => json!(rng.pick(&NO_AMOUNTS)),
        Kind::Currency => {
            rng.pick(&[json!("usd"), json!("XXX"), json!("XAU"), json!("EURO"), json!(978)]).clone()
        }
        Kind::Flag => rng.pick(&[json!("true"), json!(1)]).clone(),
    }
}

/// Fields by name.
type Named = Vec<(&'static str, Kind)>;

/// The fields that the body has.
fn fields(ask: &Ask, body: &Value) -> Vec<Field> {
    let (required, optional): (Named, Named) = match ask {
        Ask::Create(_) => return of_creation(body),
        Ask::AddLine(_) => (LINE.to_vec(), vec![]),
        Ask::ChangeQuantity { .. } => {
            (vec![("line_id", Kind::LineId), ("quantity", Kind::Quantity)], vec![])
        }
        Ask::RemoveLine { .. } => (vec![("line_id", Kind::LineId)], vec![]),
        Ask::Place { .. } => (vec![], vec![("expected_total", Kind::Total)]),
        Ask::Discard | Ask::Confirm => (vec![], vec![]),
        Ask::Pay(_) => (
            vec![("payment_id", Kind::Id), ("amount", Kind::Amount)],
            vec![("currency", Kind::Currency), ("method", Kind::Text(200))],
        ),
        Ask::Refund(_) => (
            vec![("refund_id", Kind::Id), ("amount", Kind::Amount)],
            vec![("currency", Kind::Currency), ("reason", Kind::Text(500))],
        ),
        Ask::Ship(_) => (
            vec![("shipment_id", Kind::Id)],
            vec![("carrier", Kind::Text(200)), ("tracking_number", Kind::Text(200))],
        ),
        Ask::Deliver { .. } => (vec![("shipment_id", Kind::Id)], vec![]),
        Ask::Cancel { .. } => (vec![("reason", Kind::Text(500))], vec![]),
        Ask::Note { .. } => (vec![("text", Kind::Text(2_000))], vec![]),
    };
    present(body, "", &required, &optional)
}

const LINE: [(&str, Kind); 4] = [
    ("product_id", Kind::Id),
    ("name", Kind::Text(200)),
    ("quantity", Kind::Quantity),
    ("unit_price", Kind::Price),
];

fn of_creation(body: &Value) -> Vec<Field> {
    let customer = [("name", Kind::Text(200)), ("email", Kind::Text(254))];
    let empty = body["lines"].as_array().is_none_or(Vec::is_empty);
    // Without lines the flag says whether they are missing.
    let flag = (if empty { "" } else { "draft" }, Kind::Flag);
    let optional = [flag, ("note", Kind::Text(2_000))];
    let mut fields = present(body, "", &[("currency", Kind::Currency)], &optional);
    fields.extend(present(body, "/customer", &[("id", Kind::Id)], &customer));
    for index in 0..body["lines"].as_array().map_or(0, Vec::len) {
        fields.extend(present(body, &format!("/lines/{index}"), &LINE, &[]));
    }
    fields
}

fn present(
    body: &Value,
    at: &str,
    required: &[(&str, Kind)],
    optional: &[(&str, Kind)],
) -> Vec<Field> {
    let field =
        |name: &str, kind, required| Field { pointer: format!("{at}/{name}"), kind, required };
    let required = required.iter().map(|(name, kind)| field(name, *kind, true));
    let optional = optional.iter().map(|(name, kind)| field(name, *kind, false));
    required.chain(optional).filter(|field| body.pointer(&field.pointer).is_some()).collect()
}
