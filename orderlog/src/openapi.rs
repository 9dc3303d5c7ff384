//! The one document of commands and views: `serve` serves it, and `orderlog openapi` prints it.
//!
//! Separate services serve one half each; an entry point in front of them serves the printed whole.

use identity::access;
use server::Output;
use std::process::ExitCode;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

/// What the merged documentation begins with.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "orderlog",
        description = "An order backend whose truth is an append-only log: commands by POST, views by GET, every past state on request."
    ),
    tags(
        (name = "commands", description = "What can be asked of orders."),
        (name = "views", description = "What has become of them, now and at any time."),
        (name = "events", description = "What happened, in the order it happened."),
        (name = "proofs", description = "That nothing of it was changed since."),
        (name = "operations", description = "How the service is.")
    )
)]
struct Document;

/// Title, tags and what every service has; the services' own parts are merged into it.
pub fn preface() -> OpenApi {
    let mut document = Document::openapi();
    document.merge(server::health::api());
    document
}

/// Prints the whole document.
pub fn print() -> ExitCode {
    let mut document = preface();
    document.merge(command_service::api());
    document.merge(query_service::api());
    identity::openapi::describe(&mut document, access::STANDARD);
    let mut output = Output::default();
    output.line(server::openapi::served(document));
    output.code("orderlog", ExitCode::SUCCESS)
}
