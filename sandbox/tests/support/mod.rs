//! Requests as a caller writes them.

#![allow(dead_code)] // each test file uses a part

use sandbox::core::{Fate, Plan, Reaction, Reply, Request, Sandbox};
use serde_json::{Value, json};

/// The moment at which tests begin.
pub const START: u64 = 1_800_000_000_000;

pub fn request(method: &str, path: &str, form: &[(&str, &str)], key: Option<&str>) -> Request {
    Request {
        method: method.to_owned(),
        path: path.to_owned(),
        form: form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        json: None,
        key: key.map(ToOwned::to_owned),
        known_caller: true,
    }
}

pub fn post(path: &str, form: &[(&str, &str)]) -> Request {
    request("POST", path, form, None)
}

pub fn get(path: &str) -> Request {
    request("GET", path, &[], None)
}

/// A new sandbox that follows a plan written as JSON.
pub fn sandbox(plan: Value) -> Sandbox {
    let mut sandbox = Sandbox::new(START);
    sandbox.follow(serde_json::from_value::<Plan>(plan).unwrap()).unwrap();
    sandbox
}

/// A sandbox where nothing goes wrong.
pub fn plain() -> Sandbox {
    sandbox(json!({}))
}

/// The answer that came.
#[track_caller]
pub fn answer(reaction: Reaction) -> Reply {
    match reaction.fate {
        Fate::Answer(reply) => reply,
        other => panic!("no answer but {other:?}"),
    }
}

/// Opens an intent of 1000 usd with a method of payment.
#[track_caller]
pub fn opened(sandbox: &mut Sandbox, method: &str) -> String {
    let form = [
        ("amount", "1000"),
        ("currency", "usd"),
        ("capture_method", "manual"),
        ("payment_method", method),
    ];
    let reply = answer(sandbox.answer(START, &post("/v1/payment_intents", &form)));
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["id"].as_str().unwrap().to_owned()
}
