//! `/openapi.json` and `/docs` (`/` leads there): the contract written by the code, and a page to try it.
//!
//! Swagger UI's files are inside the program; the page loads nothing from elsewhere.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use bytes::Bytes;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, serve};

use crate::problem::{FieldError, OperationProblems, Problem, ProblemCode, ProblemDocument};

/// Where the document is.
pub const DOCUMENT_PATH: &str = "/openapi.json";

/// What a browser may do with the page: use only what this server serves (its style sheet is written into the page), show
/// it in no frame of another page, and tell no other server of it.
const PAGE_HEADERS: [(HeaderName, &str); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
         base-uri 'none'; form-action 'self'; object-src 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
];

/// The OpenAPI part of these routes.
#[derive(utoipa::OpenApi)]
#[openapi(paths(root, document, page))]
struct DocumentationApi;

/// The way to the documentation, for a person who opens the server's address in a browser.
#[utoipa::path(get, path = "/", tag = "operations",
    responses((status = 307, description = "the page is at /docs",
        headers(("Location" = String, description = "/docs"))), OperationProblems))]
fn root() -> Redirect {
    Redirect::temporary("/docs")
}

/// The contract as an OpenAPI 3.1 document.
#[utoipa::path(get, path = "/openapi.json", tag = "operations",
    responses((status = 200, description = "this document", body = serde_json::Value),
        OperationProblems))]
fn document(json: Bytes) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], json)
}

/// A page to read and try the contract.
#[utoipa::path(get, path = "/docs", tag = "operations",
    responses((status = 200, description = "the page", body = String, content_type = "text/html"),
        OperationProblems))]
fn page(config: Arc<Config<'static>>) -> Response {
    asset("", config)
}

/// The page names its files relative to `/docs/`; served at `/docs` as well, it must name them wherever it is.
fn with_absolute_files(page: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(page)
        .replace("=\"./", "=\"/docs/")
        .replace("href=\"index.css\"", "href=\"/docs/index.css\"")
        .into_bytes()
}

/// The document as it is served: with these routes and the problem schemas.
///
/// # Panics
/// When the document cannot be written as JSON, which its own types exclude.
pub fn served(mut document: OpenApi) -> String {
    document.merge(DocumentationApi::openapi());
    add_problem_schemas(&mut document);
    document.to_json().expect("an OpenAPI document is plain JSON")
}

/// Routes `/openapi.json`, `/docs`, and `/`, which leads there, for a document; the problem schemas are added to it.
///
/// # Panics
/// As [`served`].
pub fn router(document: OpenApi) -> Router {
    let json = Bytes::from(served(document));
    // Without this the page asks a validator on the internet for a badge.
    let config = Arc::new(Config::from(DOCUMENT_PATH).validator_url("none"));
    let index = Arc::clone(&config);
    let page = move || async move { page(index) };
    Router::new()
        .route(DOCUMENT_PATH, get(move || async move { self::document(json) }))
        .route("/", get(async || root()))
        .route("/docs", get(page.clone()))
        .route("/docs/", get(page))
        .route(
            "/docs/{*file}",
            get(move |Path(file): Path<String>| async move { asset(&file, config) }),
        )
}

/// Adds the schemas that every problem response refers to.
pub fn add_problem_schemas(document: &mut OpenApi) {
    use utoipa::{PartialSchema, ToSchema};
    let components = document.components.get_or_insert_default();
    for (name, schema) in [
        (ProblemDocument::name(), ProblemDocument::schema()),
        (FieldError::name(), FieldError::schema()),
    ] {
        components.schemas.insert(name.into_owned(), schema);
    }
}

fn asset(path: &str, config: Arc<Config<'static>>) -> Response {
    match serve(path, config) {
        Ok(Some(file)) => {
            let mut response = (
                [(header::CONTENT_TYPE, file.content_type)],
                PAGE_HEADERS,
                if path.is_empty() {
                    with_absolute_files(&file.bytes)
                } else {
                    file.bytes.into_owned()
                },
            )
                .into_response();
            if file.gzpipped {
                let gzip = header::HeaderValue::from_static("gzip");
                response.headers_mut().insert(header::CONTENT_ENCODING, gzip);
            }
            response
        }
        Ok(None) => Problem::new(ProblemCode::NOT_FOUND).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page of /docs could not be served");
            Problem::new(ProblemCode::INTERNAL).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::http::Request;
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;

    /// Larger than any file of the page.
    const MAX_FILE: usize = 16 * 1024 * 1024;

    async fn get_text(path: &str) -> (u16, String) {
        let request = Request::get(path).body(axum::body::Body::empty()).unwrap();
        let response = router(crate::health::api()).oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), MAX_FILE).await.unwrap();
        (status, String::from_utf8_lossy(&bytes).into_owned())
    }

    #[tokio::test]
    async fn the_document_is_openapi_3_1_and_every_reference_in_it_leads_somewhere() {
        let (status, text) = get_text(DOCUMENT_PATH).await;
        assert_eq!(status, 200);
        let document: Value = serde_json::from_str(&text).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{text}");
        let references: Vec<&str> = text.split("\"$ref\":\"#").skip(1).collect();
        assert!(!references.is_empty());
        for reference in references {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
        let unready = &document["paths"]["/readyz"]["get"]["responses"]["503"];
        assert!(unready["content"]["application/problem+json"].is_object(), "{unready}");
    }

    #[tokio::test]
    async fn the_root_leads_to_the_page() {
        let request = Request::get("/").body(axum::body::Body::empty()).unwrap();
        let response = router(crate::health::api()).oneshot(request).await.unwrap();
        assert_eq!(response.status(), 307);
        assert_eq!(response.headers()["location"], "/docs");
    }

    #[tokio::test]
    async fn the_page_loads_nothing_from_elsewhere() {
        let (status, page) = get_text("/docs").await;
        assert_eq!(status, 200);
        assert_eq!(get_text("/docs/").await, (200, page.clone()));
        let mut files = 0;
        for attribute in ["src=\"", "href=\""] {
            for rest in page.split(attribute).skip(1) {
                let file = rest.split('"').next().unwrap();
                assert!(file.starts_with("/docs/") && !file.contains("//"), "{file} is outside");
                let (status, _) = get_text(file).await;
                assert_eq!(status, 200, "{file}");
                files += 1;
            }
        }
        assert!(files >= 4, "{page}");
        let (_, initializer) = get_text("/docs/swagger-initializer.js").await;
        assert!(initializer.contains("/openapi.json"), "{initializer}");
        assert!(initializer.contains("\"validatorUrl\": \"none\""), "{initializer}");
        assert!(!initializer.contains("http://") && !initializer.contains("https://"));
        assert_eq!(get_text("/docs/nothing.js").await.0, 404);
    }
}
