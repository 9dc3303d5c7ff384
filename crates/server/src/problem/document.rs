//! Problems in the OpenAPI document: one schema, and the responses of each group of operations.
//!
//! An operation names a group (`responses(…, CommandProblems)`), so that every status that the edge or a handler of
//! the group can answer is documented without repeating the list at each handler.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

use super::ProblemCode;

/// A refusal as RFC 9457 problem details. Some codes add members of their own.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument {
    /// Reference of the problem's kind: `/problems/<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words; the same for every occurrence.
    pub title: String,
    /// The HTTP status, again.
    pub status: u16,
    /// What is wrong here and what to do next.
    #[schema(required = false)]
    pub detail: Option<String>,
    /// The path that was asked for.
    #[schema(required = false)]
    pub instance: Option<String>,
    /// The stable code that programs branch on. Three more can meet any request
    /// before an operation is looked for: `request-timeout`, `uri-too-long`, `headers-too-large`.
    pub code: String,
    /// The request's correlation id, as in `X-Correlation-Id`.
    #[schema(required = false)]
    pub correlation_id: Option<String>,
    /// The broken fields, with code `validation`: at most 100, further ones are not looked for.
    #[schema(required = false, max_items = 100)]
    pub errors: Option<Vec<FieldError>>,
}

/// One broken field of a body.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON Pointer to the field.
    pub pointer: String,
    /// The broken rule.
    pub code: String,
    /// The rule in words.
    pub detail: String,
}

/// Responses of an operation by their statuses, as an OpenAPI document has them.
pub type Responses = BTreeMap<String, RefOr<Response>>;

/// The codes that the edge can answer to any request.
const EDGE: &[ProblemCode] = &[
    ProblemCode::MALFORMED_JSON,
    ProblemCode::INVALID_PARAMETER,
    ProblemCode::UNKNOWN_PARAMETER,
    ProblemCode::REQUEST_TIMEOUT,
    ProblemCode::PAYLOAD_TOO_LARGE,
    ProblemCode::URI_TOO_LONG,
    ProblemCode::UNSUPPORTED_MEDIA_TYPE,
    ProblemCode::HEADERS_TOO_LARGE,
    ProblemCode::INTERNAL,
    ProblemCode::OVERLOADED,
    ProblemCode::UNAVAILABLE,
];

/// The error answers of health, metrics and documentation routes.
pub struct OperationProblems;

impl IntoResponses for OperationProblems {
    fn responses() -> Responses {
        problem_responses(&[])
    }
}

/// The responses for these codes and those of the edge, grouped by status.
pub fn problem_responses(codes: &[ProblemCode]) -> Responses {
    let mut by_status: BTreeMap<u16, Vec<ProblemCode>> = BTreeMap::new();
    for code in codes.iter().chain(EDGE) {
        by_status.entry(code.status().as_u16()).or_default().push(*code);
    }
    by_status
        .into_iter()
        .map(|(status, codes)| (status.to_string(), RefOr::T(response(status, &codes))))
        .collect()
}

fn response(status: u16, codes: &[ProblemCode]) -> Response {
    let lines: Vec<String> =
        codes.iter().map(|code| format!("`{}`: {}", code.as_str(), code.title())).collect();
    let schema = Ref::from_schema_name("Problem");
    let builder = ResponseBuilder::new()
        .description(lines.join(" · "))
        .content(super::PROBLEM_JSON, Content::new(Some(schema)))
        .header("X-Correlation-Id", header(Type::String, "the request's correlation id"));
    // Only commands answer these, after they have loaded the resource.
    let builder = match status {
        409 | 412 | 422 => {
            builder.header("ETag", header(Type::String, "the version of the resource that refuses"))
        }
        _ => builder,
    };
    match status {
        409 | 429 | 503 => builder
            .header("Retry-After", header(Type::Integer, "seconds to wait before trying again"))
            .build(),
        _ => builder.build(),
    }
}

fn header(kind: Type, description: &str) -> utoipa::openapi::Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(kind).build()))
        .description(Some(description))
        .build()
}
