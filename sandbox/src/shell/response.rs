//! Answers over HTTP.

use axum::body::Body;
use axum::http::{Response, StatusCode, header};

/// An answer with a JSON body.
pub(super) fn json_response(code: u16, body: String) -> Response<Body> {
    let mut response = status(StatusCode::from_u16(code).unwrap_or_default());
    *response.body_mut() = Body::from(body);
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// An answer without a body.
pub(super) fn status(code: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = code;
    response
}
