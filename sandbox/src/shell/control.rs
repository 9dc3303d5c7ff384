//! The routes that steer and judge the sandbox. They are not part of what it imitates.
//!
//! | request | what it does |
//! |---|---|
//! | `POST /sandbox/plan` | follows a [`Plan`]: faults, keys, webhooks |
//! | `GET /sandbox/plan` | shows it |
//! | `GET /sandbox/ledger` | balances and entries: the money that truly moved |
//! | `GET /sandbox/requests` | how many requests of each kind came |
//! | `GET /sandbox/mails` | the messages that were taken over |
//! | `POST /sandbox/intents/{id}/authenticate` `{"passed":true}` | what the customer did when asked |
//! | `POST /sandbox/bookings/{reference}/move` `{"state":"in_transit"}` | moves a parcel |

use crate::core::Plan;
use crate::core::carrier::ParcelState;
use crate::shared::Shared;
use crate::shell::response::{json_response, status};
use axum::body::Body;
use axum::http::{Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Authenticated {
    passed: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Moved {
    state: ParcelState,
}

/// Answers a request below `/sandbox/`.
pub fn answer(shared: &Shared, method: &Method, path: &str, body: &[u8]) -> Response<Body> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (method.as_str(), parts.as_slice()) {
        ("POST", ["plan"]) => plan(shared, body),
        ("GET", ["plan"]) => json_response(200, json!(shared.lock().plan()).to_string()),
        ("GET", ["ledger"]) => ledger(shared),
        ("GET", ["requests"]) => json_response(200, json!(shared.lock().counts()).to_string()),
        ("GET", ["mails"]) => json_response(200, json!(shared.lock().mails()).to_string()),
        ("POST", ["intents", id, "authenticate"]) => match serde_json::from_slice(body) {
            Ok(Authenticated { passed }) => {
                done(shared.lock().authenticate(shared.now_ms(), id, passed))
            }
            Err(error) => refused(&error.to_string()),
        },
        ("POST", ["bookings", reference, "move"]) => match serde_json::from_slice(body) {
            Ok(Moved { state }) => done(shared.lock().move_parcel(reference, state)),
            Err(error) => refused(&error.to_string()),
        },
        _ => status(StatusCode::NOT_FOUND),
    }
}

fn plan(shared: &Shared, body: &[u8]) -> Response<Body> {
    let plan = match serde_json::from_slice::<Plan>(body) {
        Ok(plan) => plan,
        Err(error) => return refused(&error.to_string()),
    };
    match shared.lock().follow(plan) {
        Ok(()) => status(StatusCode::NO_CONTENT),
        Err(error) => refused(&error.to_string()),
    }
}

fn ledger(shared: &Shared) -> Response<Body> {
    let mut sandbox = shared.lock();
    sandbox.advance(shared.now_ms());
    let ledger = sandbox.ledger();
    let shown = json!({
        "balances_out": ledger.balances_out(),
        "balances": ledger.balances(),
        "entries": ledger.entries(),
    });
    json_response(200, shown.to_string())
}

fn done(found: bool) -> Response<Body> {
    status(if found { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND })
}

fn refused(why: &str) -> Response<Body> {
    json_response(400, json!({ "error": why }).to_string())
}
