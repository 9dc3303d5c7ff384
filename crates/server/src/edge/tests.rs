//! The edge around a router that is called directly.

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{Request as HttpRequest, header};
use axum::routing::{get, post};
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::PathUuid;

async fn ask(app: Router, request: HttpRequest<Body>) -> (axum::http::response::Parts, Value) {
    let app = layer(app, &Limits::default());
    let (parts, body) = app.oneshot(request).await.unwrap().into_parts();
    let bytes = to_bytes(body, 1 << 20).await.unwrap();
    (parts, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

/// A code of some service.
const CONFLICT: ProblemCode = ProblemCode::new("some-conflict", StatusCode::CONFLICT, "Not now");

fn request(path: &str) -> HttpRequest<Body> {
    HttpRequest::get(path).header(CORRELATION_HEADER, "c-1").body(Body::empty()).unwrap()
}

fn refusing(problem: Problem) -> Router {
    let handler = async |State(problem): State<Problem>| problem.into_response();
    Router::new().route("/v1/orders/{id}/ship", get(handler)).with_state(problem)
}

#[tokio::test]
async fn a_problem_is_rendered_with_instance_correlation_and_members() {
    let problem = Problem::new(CONFLICT)
        .detail("Confirm the order first.")
        .with("current_status", "placed")
        .with("allowed_commands", vec!["confirm", "cancel"])
        .retry_after(3);
    let (parts, document) = ask(refusing(problem), request("/v1/orders/7/ship?dry_run=true")).await;
    let expected = serde_json::json!({
        "type": "/problems/some-conflict",
        "title": "Not now",
        "status": 409,
        "detail": "Confirm the order first.",
        "instance": "/v1/orders/7/ship",
        "code": "some-conflict",
        "correlation_id": "c-1",
        "current_status": "placed",
        "allowed_commands": ["confirm", "cancel"],
    });
    assert_eq!(document, expected);
    assert_eq!(parts.status, 409);
    assert_eq!(parts.headers[header::CONTENT_TYPE], "application/problem+json");
    assert_eq!(parts.headers[header::RETRY_AFTER], "3");
    assert_eq!(parts.headers[CORRELATION_HEADER], "c-1");
}

#[tokio::test]
async fn members_of_the_handler_win() {
    let kept = Problem::new(CONFLICT).with("correlation_id", "first");
    let (parts, document) = ask(refusing(kept), request("/v1/orders/7/ship")).await;
    assert_eq!(document["correlation_id"], "first");
    assert_eq!(parts.headers[CORRELATION_HEADER], "c-1");
}

#[tokio::test]
async fn a_document_that_is_rendered_already_passes_untouched() {
    let kept = async || {
        let kind = [(header::CONTENT_TYPE, crate::problem::PROBLEM_JSON)];
        (StatusCode::CONFLICT, kind, r#"{"kept":true}"#)
    };
    let (parts, document) = ask(Router::new().route("/", get(kept)), request("/")).await;
    assert_eq!((parts.status.as_u16(), document), (409, serde_json::json!({ "kept": true })));
}

#[tokio::test]
async fn refusals_of_the_framework_become_problems() {
    let app = || {
        Router::new()
            .route("/things", post(async |_: axum::Json<Value>| ()))
            .route("/things/{id}", get(async |_: PathUuid| ()))
    };
    for (path, status, code) in [
        ("/nothing", 404, "not-found"),
        ("/things", 405, "method-not-allowed"),
        ("/things/7", 400, "invalid-parameter"),
        ("/things/%ff", 400, "invalid-parameter"),
        ("/things/01890a5dac96774bbcceb302099a8057", 400, "invalid-parameter"),
    ] {
        let (parts, document) = ask(app(), request(path)).await;
        let seen = (parts.status.as_u16(), document["code"].as_str().unwrap_or_default());
        assert_eq!(seen, (status, code), "{path}");
    }
    let (parts, _) = ask(app(), request("/things/01890a5d-ac96-774b-bcce-b302099a8057")).await;
    assert_eq!(parts.status, 200);
    let not_json = HttpRequest::post("/things").body(Body::from("{}")).unwrap();
    let (_, document) = ask(app(), not_json).await;
    assert_eq!(document["code"], "unsupported-media-type");
}

#[tokio::test]
async fn handlers_get_the_context() {
    let handler = async |context: RequestContext| context.correlation_id;
    let app = layer(Router::new().route("/", get(handler)), &Limits::default());
    let response = app.oneshot(request("/")).await.unwrap();
    assert_eq!(to_bytes(response.into_body(), 100).await.unwrap(), "c-1");
}

#[tokio::test]
async fn requests_are_counted_by_route_and_status_never_by_path() {
    crate::health::recorder();
    let app = || Router::new().route("/counted/{id}", get(async || ()));
    ask(app(), request("/counted/secret-7")).await;
    ask(app(), request("/elsewhere/secret-7")).await;
    let figures = crate::health::recorder().render();
    let counted = r#"http_requests_total{method="GET",route="/counted/{id}",status="200"} 1"#;
    assert!(figures.contains(counted), "{figures}");
    assert!(figures.contains(r#"route="unmatched",status="404""#), "{figures}");
    assert!(figures.contains("http_request_duration_seconds_bucket"), "{figures}");
    assert!(!figures.contains("secret"), "{figures}");
}
