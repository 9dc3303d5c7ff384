//! Every problem code of the contract with its status and title: one line a code.

use axum::http::StatusCode;

/// Every problem code a client can meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // each is named and explained by its line in `facts`
pub enum ProblemCode {
    MalformedJson,
    InvalidParameter,
    UnknownParameter,
    InvalidCursor,
    Unauthorized,
    Forbidden,
    OrderNotFound,
    NotFound,
    NotYetCreated,
    MethodNotAllowed,
    RequestTimeout,
    IllegalTransition,
    OrderAlreadyExists,
    PriceChanged,
    PaymentConflict,
    RefundConflict,
    ShipmentConflict,
    RefundExceedsCaptured,
    QuantityExceedsRemaining,
    ConcurrentUpdate,
    RequestInProgress,
    PreconditionFailed,
    PayloadTooLarge,
    UriTooLong,
    UnsupportedMediaType,
    Validation,
    IdempotencyKeyReused,
    RateLimited,
    HeadersTooLarge,
    Overloaded,
    ReadModelBehind,
    Unavailable,
    Internal,
}

impl ProblemCode {
    /// All codes, in the order of their statuses.
    pub const ALL: [Self; 33] = [
        Self::MalformedJson,
        Self::InvalidParameter,
        Self::UnknownParameter,
        Self::InvalidCursor,
        Self::Unauthorized,
        Self::Forbidden,
        Self::OrderNotFound,
        Self::NotFound,
        Self::NotYetCreated,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::IllegalTransition,
        Self::OrderAlreadyExists,
        Self::PriceChanged,
        Self::PaymentConflict,
        Self::RefundConflict,
        Self::ShipmentConflict,
        Self::RefundExceedsCaptured,
        Self::QuantityExceedsRemaining,
        Self::ConcurrentUpdate,
        Self::RequestInProgress,
        Self::PreconditionFailed,
        Self::PayloadTooLarge,
        Self::UriTooLong,
        Self::UnsupportedMediaType,
        Self::Validation,
        Self::IdempotencyKeyReused,
        Self::RateLimited,
        Self::HeadersTooLarge,
        Self::Overloaded,
        Self::ReadModelBehind,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The code on the wire, e.g. `order-not-found`.
    pub fn as_str(self) -> &'static str {
        self.facts().0
    }

    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        self.facts().1
    }

    /// The title: the same for every occurrence of the code.
    pub fn title(self) -> &'static str {
        self.facts().2
    }

    /// The `type` member: a relative reference, `/problems/<code>`.
    pub fn type_reference(self) -> String {
        format!("/problems/{}", self.as_str())
    }

    /// The code for a refusal that named only a status (the framework's own).
    pub(crate) fn for_status(status: StatusCode) -> Self {
        match status.as_u16() {
            401 => Self::Unauthorized,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            405 => Self::MethodNotAllowed,
            408 => Self::RequestTimeout,
            412 => Self::PreconditionFailed,
            413 => Self::PayloadTooLarge,
            414 => Self::UriTooLong,
            415 => Self::UnsupportedMediaType,
            422 => Self::Validation,
            429 => Self::RateLimited,
            431 => Self::HeadersTooLarge,
            503 => Self::Unavailable,
            400..=499 => Self::InvalidParameter,
            _ => Self::Internal,
        }
    }

    fn facts(self) -> (&'static str, StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::MalformedJson => ("malformed-json", S::BAD_REQUEST, "The body is not JSON"),
            Self::InvalidParameter => (
                "invalid-parameter",
                S::BAD_REQUEST,
                "The request or a parameter of it cannot be read",
            ),
            Self::UnknownParameter => {
                ("unknown-parameter", S::BAD_REQUEST, "A query parameter is not known here")
            }
            Self::InvalidCursor => {
                ("invalid-cursor", S::BAD_REQUEST, "The cursor does not belong to this list")
            }
            Self::Unauthorized => ("unauthorized", S::UNAUTHORIZED, "Who is asking is not known"),
            Self::Forbidden => ("forbidden", S::FORBIDDEN, "This is not permitted"),
            Self::OrderNotFound => ("order-not-found", S::NOT_FOUND, "There is no such order"),
            Self::NotFound => ("not-found", S::NOT_FOUND, "There is no such resource"),
            Self::NotYetCreated => {
                ("not-yet-created", S::NOT_FOUND, "The order did not exist at that time")
            }
            Self::MethodNotAllowed => (
                "method-not-allowed",
                S::METHOD_NOT_ALLOWED,
                "The resource does not know this method",
            ),
            Self::RequestTimeout => {
                ("request-timeout", S::REQUEST_TIMEOUT, "The request did not arrive in time")
            }
            Self::IllegalTransition => {
                ("illegal-transition", S::CONFLICT, "The order's status does not allow this")
            }
            Self::OrderAlreadyExists => {
                ("order-already-exists", S::CONFLICT, "The order id is in use")
            }
            Self::PriceChanged => ("price-changed", S::CONFLICT, "The total is another one"),
            Self::PaymentConflict => {
                ("payment-conflict", S::CONFLICT, "The payment id is recorded with other content")
            }
            Self::RefundConflict => {
                ("refund-conflict", S::CONFLICT, "The refund id is recorded with other content")
            }
            Self::ShipmentConflict => {
                ("shipment-conflict", S::CONFLICT, "The shipment id is recorded with other content")
            }
            Self::RefundExceedsCaptured => {
                ("refund-exceeds-captured", S::CONFLICT, "Refunds would exceed what was paid")
            }
            Self::QuantityExceedsRemaining => {
                ("quantity-exceeds-remaining", S::CONFLICT, "More than what remains to be shipped")
            }
            Self::ConcurrentUpdate => {
                ("concurrent-update", S::CONFLICT, "Others changed the order at the same time")
            }
            Self::RequestInProgress => {
                ("request-in-progress", S::CONFLICT, "The same request is still running")
            }
            Self::PreconditionFailed => {
                ("precondition-failed", S::PRECONDITION_FAILED, "The order has another version")
            }
            Self::PayloadTooLarge => {
                ("payload-too-large", S::PAYLOAD_TOO_LARGE, "The body is too large")
            }
            Self::UriTooLong => ("uri-too-long", S::URI_TOO_LONG, "The address is too long"),
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                S::UNSUPPORTED_MEDIA_TYPE,
                "The body's media type or encoding is not taken here",
            ),
            Self::Validation => ("validation", S::UNPROCESSABLE_ENTITY, "Some fields break a rule"),
            Self::IdempotencyKeyReused => (
                "idempotency-key-reused",
                S::UNPROCESSABLE_ENTITY,
                "The idempotency key belongs to another request",
            ),
            Self::RateLimited => ("rate-limited", S::TOO_MANY_REQUESTS, "Too many requests"),
            Self::HeadersTooLarge => (
                "headers-too-large",
                S::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "The header fields are too many or too large",
            ),
            Self::Overloaded => ("overloaded", S::SERVICE_UNAVAILABLE, "Too much to do right now"),
            Self::ReadModelBehind => {
                ("read-model-behind", S::SERVICE_UNAVAILABLE, "The view is not that far yet")
            }
            Self::Unavailable => {
                ("unavailable", S::SERVICE_UNAVAILABLE, "The service is not available right now")
            }
            Self::Internal => ("internal", S::INTERNAL_SERVER_ERROR, "Something broke in here"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_name_of_its_own_and_an_error_status() {
        let mut names = std::collections::BTreeSet::new();
        for code in ProblemCode::ALL {
            assert!(names.insert(code.as_str()), "{code:?}");
            assert!(code.status().is_client_error() || code.status().is_server_error(), "{code:?}");
            let general = ProblemCode::for_status(code.status());
            let expected = if code.status() == 409 { 400 } else { code.status().as_u16() };
            assert_eq!(general.status(), expected, "{code:?}");
        }
    }
}
