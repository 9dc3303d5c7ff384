//! What kinds of problem there are: each a name on the wire, an HTTP status and a title.
//!
//! Those here belong to any HTTP service. A service states its own with [`ProblemCode::new`].

use axum::http::StatusCode;

/// A kind of problem: a name on the wire, an HTTP status, a title.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProblemCode {
    name: &'static str,
    status: StatusCode,
    title: &'static str,
}

impl ProblemCode {
    /// A code that goes with this status. Its title is the same for every occurrence.
    pub const fn new(name: &'static str, status: StatusCode, title: &'static str) -> Self {
        Self { name, status, title }
    }

    /// The code on the wire, e.g. `not-found`.
    pub const fn as_str(self) -> &'static str {
        self.name
    }

    /// The HTTP status.
    pub const fn status(self) -> StatusCode {
        self.status
    }

    /// The title.
    pub const fn title(self) -> &'static str {
        self.title
    }

    /// The `type` member: a relative reference, `/problems/<code>`.
    pub fn type_reference(self) -> String {
        format!("/problems/{}", self.as_str())
    }

    /// The code for a refusal that named only a status (the framework's own).
    pub(crate) fn for_status(status: StatusCode) -> Self {
        match status.as_u16() {
            401 => Self::UNAUTHORIZED,
            403 => Self::FORBIDDEN,
            404 => Self::NOT_FOUND,
            405 => Self::METHOD_NOT_ALLOWED,
            408 => Self::REQUEST_TIMEOUT,
            412 => Self::PRECONDITION_FAILED,
            413 => Self::PAYLOAD_TOO_LARGE,
            414 => Self::URI_TOO_LONG,
            415 => Self::UNSUPPORTED_MEDIA_TYPE,
            422 => Self::VALIDATION,
            429 => Self::RATE_LIMITED,
            431 => Self::HEADERS_TOO_LARGE,
            503 => Self::UNAVAILABLE,
            400..=499 => Self::INVALID_PARAMETER,
            _ => Self::INTERNAL,
        }
    }
}

/// A constant for each code, and the list of them.
macro_rules! codes {
    ($($constant:ident = $name:literal, $status:ident, $title:literal;)+) => {
        #[allow(missing_docs)] // each is explained by its title
        impl ProblemCode {
            $(pub const $constant: Self = Self::new($name, StatusCode::$status, $title);)+

            /// The codes that belong to any HTTP service.
            pub const SHARED: &[Self] = &[$(Self::$constant),+];
        }
    };
}

codes! {
    MALFORMED_JSON = "malformed-json", BAD_REQUEST, "The body is not JSON";
    INVALID_PARAMETER = "invalid-parameter", BAD_REQUEST, "The request or one of its parameters is not valid";
    UNKNOWN_PARAMETER = "unknown-parameter", BAD_REQUEST, "Unknown query parameter";
    UNAUTHORIZED = "unauthorized", UNAUTHORIZED, "Authentication required";
    FORBIDDEN = "forbidden", FORBIDDEN, "Not permitted";
    NOT_FOUND = "not-found", NOT_FOUND, "There is no such resource";
    METHOD_NOT_ALLOWED = "method-not-allowed", METHOD_NOT_ALLOWED, "The resource does not support this method";
    REQUEST_TIMEOUT = "request-timeout", REQUEST_TIMEOUT, "The request did not arrive in time";
    PRECONDITION_FAILED = "precondition-failed", PRECONDITION_FAILED, "The resource has another version";
    PAYLOAD_TOO_LARGE = "payload-too-large", PAYLOAD_TOO_LARGE, "The body is too large";
    URI_TOO_LONG = "uri-too-long", URI_TOO_LONG, "The address is too long";
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "Unsupported media type or encoding";
    VALIDATION = "validation", UNPROCESSABLE_ENTITY, "Some fields break a rule";
    RATE_LIMITED = "rate-limited", TOO_MANY_REQUESTS, "Too many requests";
    HEADERS_TOO_LARGE = "headers-too-large", REQUEST_HEADER_FIELDS_TOO_LARGE, "The header fields are too many or too large";
    OVERLOADED = "overloaded", SERVICE_UNAVAILABLE, "The service is overloaded";
    UNAVAILABLE = "unavailable", SERVICE_UNAVAILABLE, "The service is not available right now";
    INTERNAL = "internal", INTERNAL_SERVER_ERROR, "Internal error";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_name_of_its_own_and_an_error_status() {
        let mut names = std::collections::BTreeSet::new();
        for code in ProblemCode::SHARED {
            assert!(names.insert(code.as_str()), "{code:?}");
            assert!(code.status().is_client_error() || code.status().is_server_error(), "{code:?}");
            assert_eq!(ProblemCode::for_status(code.status()).status(), code.status(), "{code:?}");
        }
    }
}
