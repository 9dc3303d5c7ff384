//! Requests: what a method, a path and a form ask for.

use crate::core::plan::CallKind;
use crate::core::reply::Reply;
use serde_json::Value;

/// The most fields of a form.
const MAX_FIELDS: usize = 100;

/// A request without its transport.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// `GET`, `POST` or `PUT`.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The query's fields and a form's, as `metadata[refund_id]` and the like.
    pub form: Vec<(String, String)>,
    /// A JSON body; the carrier's calls have one.
    pub json: Option<Value>,
    /// The header `Idempotency-Key`.
    pub key: Option<String>,
    /// Whether it named an API key of the right form.
    pub known_caller: bool,
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// A new intent.
    Open(Vec<(String, String)>),
    /// An intent as it is.
    Read(String, Vec<(String, String)>),
    /// To pay.
    Confirm(String, Vec<(String, String)>),
    /// To take what is authorized.
    Capture(String, Vec<(String, String)>),
    /// To let go of what is authorized.
    Cancel(String, Vec<(String, String)>),
    /// To give back.
    Refund(Vec<(String, String)>),
    /// The refunds of an intent.
    ListRefunds(Vec<(String, String)>),
    /// A parcel to carry, by the caller's reference.
    CarrierBook(String, Value),
    /// A parcel not to carry.
    CarrierCancel(String),
    /// A parcel's state.
    CarrierRead(String),
}

impl Call {
    /// Reads a request.
    ///
    /// # Errors
    /// The answer to a request that is none of these.
    pub fn of(request: &Request) -> Result<Self, Reply> {
        if !request.known_caller {
            return Err(Reply::error(401, "invalid_request_error", "", "Name a secret key."));
        }
        if request.form.len() > MAX_FIELDS {
            return Err(Reply::bad("parameter_invalid", "Too many parameters."));
        }
        let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        let (form, id) = (request.form.clone(), |id: &str| id.to_owned());
        match (request.method.as_str(), parts.as_slice()) {
            ("POST", ["v1", "payment_intents"]) => Ok(Self::Open(form)),
            ("GET", ["v1", "payment_intents", it]) => Ok(Self::Read(id(it), form)),
            ("POST", ["v1", "payment_intents", it, "confirm"]) => Ok(Self::Confirm(id(it), form)),
            ("POST", ["v1", "payment_intents", it, "capture"]) => Ok(Self::Capture(id(it), form)),
            ("POST", ["v1", "payment_intents", it, "cancel"]) => Ok(Self::Cancel(id(it), form)),
            ("POST", ["v1", "refunds"]) => Ok(Self::Refund(form)),
            ("GET", ["v1", "refunds"]) => Ok(Self::ListRefunds(form)),
            ("PUT", ["carrier", "v1", "bookings", it]) => {
                Ok(Self::CarrierBook(id(it), request.json.clone().unwrap_or_default()))
            }
            ("POST", ["carrier", "v1", "bookings", it, "cancel"]) => {
                Ok(Self::CarrierCancel(id(it)))
            }
            ("GET", ["carrier", "v1", "bookings", it]) => Ok(Self::CarrierRead(id(it))),
            (method, _) => {
                let message = format!("Unrecognized request URL ({method}: {}).", request.path);
                Err(Reply::error(404, "invalid_request_error", "", &message))
            }
        }
    }

    /// The kind that rules and counts name.
    pub fn kind(&self) -> CallKind {
        match self {
            Self::Open(_) => CallKind::Open,
            Self::Read(..) => CallKind::Read,
            Self::Confirm(..) => CallKind::Confirm,
            Self::Capture(..) => CallKind::Capture,
            Self::Cancel(..) => CallKind::Cancel,
            Self::Refund(_) => CallKind::Refund,
            Self::ListRefunds(_) => CallKind::ListRefunds,
            Self::CarrierBook(..) => CallKind::CarrierBook,
            Self::CarrierCancel(_) => CallKind::CarrierCancel,
            Self::CarrierRead(_) => CallKind::CarrierRead,
        }
    }

    /// Whether an idempotency key counts for it: for what changes payments.
    pub fn takes_a_key(&self) -> bool {
        use CallKind as It;
        matches!(self.kind(), It::Open | It::Confirm | It::Capture | It::Cancel | It::Refund)
    }
}
