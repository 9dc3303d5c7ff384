//! A payment provider to test with, and what tests say to it.

use domain::{Currency, Money};
use outside::Secret;
use outside::psp::{CallKey, MethodToken, Opening, Psp, PspId, PspSnapshot};
use outside::wire::Http;
use sandbox::Shared;
use std::time::Duration;
use tokio::net::TcpListener;
use uuid::Uuid;

/// The moment at which sandboxes of tests begin.
pub const START: u64 = 1_800_000_000_000;

/// What a method of payment shall do.
#[derive(Debug, Clone, Copy)]
pub enum Method {
    Pays,
    Declines,
    AsksTheCustomer,
}

/// A provider, and the other side of it that tests need.
pub trait World {
    /// The port.
    fn psp(&self) -> &Psp;
    /// Whether it refuses to give back more than it took.
    fn caps_refunds(&self) -> bool;
    /// A method of payment.
    async fn method(&self, method: Method) -> MethodToken;
    /// What the customer does when asked.
    async fn customer(&self, id: &PspId, passed: bool);
}

pub fn usd(minor: i64) -> Money {
    Money::from_minor(minor, Currency::from_code("USD").unwrap())
}

/// A key that nobody used.
pub fn key() -> CallKey {
    CallKey::parse(&Uuid::new_v4().to_string()).unwrap()
}

pub fn opening(amount: Money, method: MethodToken) -> Opening {
    Opening { payment_id: Uuid::new_v4(), amount, method }
}

pub fn id_of(snapshot: &PspSnapshot) -> PspId {
    PspId::parse(&snapshot.psp_id).unwrap()
}

/// Opens an intent of 10.00 USD with a method of the sandbox.
pub async fn opened(psp: &Psp, method: &str) -> PspId {
    let opening = opening(usd(1000), MethodToken(Secret::new(method)));
    id_of(&psp.open(&key(), &opening).await.unwrap())
}

/// A free port. Another process may take it before it is used.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A client of something on this machine.
pub fn http(port: u16, api_key: &str, patience: Duration) -> Http {
    Http::new(&format!("http://127.0.0.1:{port}"), Secret::new(api_key), patience).unwrap()
}

/// Serves a sandbox over HTTP; it ends with the test's runtime.
pub async fn served(shared: &Shared) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(sandbox::shell::serve(listener, shared.clone(), None));
    port
}

/// The sandbox, in this process or over HTTP.
pub struct SandboxWorld {
    pub shared: Shared,
    pub psp: Psp,
}

impl World for SandboxWorld {
    fn psp(&self) -> &Psp {
        &self.psp
    }

    fn caps_refunds(&self) -> bool {
        true
    }

    async fn method(&self, method: Method) -> MethodToken {
        MethodToken(Secret::new(match method {
            Method::Pays => "pm_card_visa",
            Method::Declines => "pm_card_visa_chargeDeclined",
            Method::AsksTheCustomer => "pm_card_authenticationRequired",
        }))
    }

    async fn customer(&self, id: &PspId, passed: bool) {
        let now = self.shared.now_ms();
        assert!(self.shared.lock().authenticate(now, id.as_str(), passed));
    }
}
