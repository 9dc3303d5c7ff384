//! `/openapi.json` and `/docs`: the contract written by the code, and a page to try it.
//!
//! Swagger UI's files are inside the program; the page loads nothing from elsewhere.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use bytes::Bytes;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, serve};

use crate::problem::{FieldError, Problem, ProblemCode, ProblemDocument};

/// Where the document is.
pub const DOCUMENT_PATH: &str = "/openapi.json";

/// The page may use only what this server serves (its style sheet is written into the page).
const CONTENT_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
                              img-src 'self' data:; frame-ancestors 'none'";

/// Routes `/openapi.json` and `/docs` for a document; the problem schemas are added to it.
///
/// # Panics
/// When the document cannot be written as JSON, which its own types exclude.
pub fn router(mut document: OpenApi) -> Router {
    add_problem_schemas(&mut document);
    let json = Bytes::from(document.to_json().expect("an OpenAPI document is plain JSON"));
    let json_kind = [(header::CONTENT_TYPE, "application/json")];
    let config = Arc::new(Config::from(DOCUMENT_PATH));
    let index = Arc::clone(&config);
    Router::new()
        .route(DOCUMENT_PATH, get(move || async move { (json_kind, json) }))
        .route("/docs", get(|| async { Redirect::permanent("/docs/") }))
        .route("/docs/", get(move || async move { asset("", index) }))
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
                [
                    (header::CONTENT_TYPE, file.content_type),
                    (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY.to_owned()),
                ],
                file.bytes.into_owned(),
            )
                .into_response();
            if file.gzpipped {
                let gzip = header::HeaderValue::from_static("gzip");
                response.headers_mut().insert(header::CONTENT_ENCODING, gzip);
            }
            response
        }
        Ok(None) => Problem::new(ProblemCode::NotFound).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page of /docs could not be served");
            Problem::new(ProblemCode::Internal).into_response()
        }
    }
}
