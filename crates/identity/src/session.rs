//! A caller that was let through, and how long that holds.

use crate::api_keys::ApiKeys;
use crate::principal::{Principal, Scope};
use axum::extract::FromRequestParts;
use axum::http::Extensions;
use axum::http::request::Parts;
use server::clock;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// How often a long answer looks whether its caller is still let through. A revoked key is found in time even if its
/// store is read just after a look.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A caller that proved who it is.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub principal: Arc<Principal>,
    pub ends: Ends,
}

/// When a caller has to prove itself again.
#[derive(Debug, Clone)]
pub(crate) enum Ends {
    /// At this time, in seconds since 1970.
    At(u64),
    /// When the API key of this id is in force no longer.
    WithKey(ApiKeys, Arc<str>),
}

impl Session {
    fn holds(&self) -> bool {
        match &self.ends {
            Ends::At(end) => seconds() <= *end,
            Ends::WithKey(keys, id) => keys.holds(id, clock::now()),
        }
    }
}

/// Now, in seconds since 1970.
pub(crate) fn seconds() -> u64 {
    u64::try_from(clock::now().timestamp()).unwrap_or_default()
}

/// The caller; nobody without authentication.
#[derive(Debug, Clone, Default)]
pub struct Identity(Option<Session>);

impl Identity {
    /// The caller of a request that the guard let through.
    pub fn of(extensions: &Extensions) -> Self {
        Self(extensions.get::<Session>().cloned())
    }

    /// The name that stands on events.
    pub fn actor(&self) -> Option<&str> {
        self.0.as_ref().map(|session| &*session.principal.actor)
    }

    /// The stored form of an idempotency key. A customer's keys are its own: nobody else's answer comes back under them,
    /// and whether somebody else has used one cannot be found out.
    pub fn idempotency_key(&self, key: &str) -> String {
        match self.scope() {
            Scope::All => format!("http:{key}"),
            // A customer's id has no slash.
            Scope::Customer(own) => {
                format!("customer:{}/{key}", own.as_deref().unwrap_or_default())
            }
        }
    }

    /// The orders that it sees.
    pub fn scope(&self) -> Scope {
        self.0.as_ref().map_or(Scope::All, |session| session.principal.scope())
    }

    /// Whether it may see all that is held about a customer; on a server without authentication everybody may.
    pub fn may_ask_about(&self, customer: &str) -> bool {
        self.0.as_ref().is_none_or(|session| session.principal.may_ask_about(customer))
    }

    /// Returns when the caller's token has ended or its API key was revoked; never without authentication. For answers
    /// without an end.
    pub async fn lapsed(&self) {
        let Some(session) = &self.0 else { return std::future::pending().await };
        while session.holds() {
            sleep(LOOK_EVERY).await;
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Identity {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Scope {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Identity::of(&parts.extensions).scope())
    }
}
