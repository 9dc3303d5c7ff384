//! `add-note`: writes something down, whatever the status.

use crate::json::{Errors, Json, Object, Pointer, text};
use crate::orders::CommandAnswer;
use crate::orders::api::{CommandRequest, OrderApi};
use crate::orders::headers::{CommandHeaders, CommandQuery};
use axum::extract::State;
use axum::response::Response;
use domain::Note;
use domain::order::OrderCommand;
use serde::Serialize;
use server::PathUuid;
use server::problem::CommandProblems;
use utoipa::ToSchema;

/// A note.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteBody {
    /// The text; line ends (LF, CR LF) and tabs are kept.
    #[schema(min_length = 1, max_length = 2_000, example = "Leave it with the neighbour")]
    pub text: String,
}

/// Add a note.
#[utoipa::path(
    post, path = "/v1/orders/{id}/add-note", tag = "commands",
    params(("id" = Uuid, Path, description = "The order."), CommandQuery, CommandHeaders),
    request_body = NoteBody,
    responses(
        (status = 200, description = "Done, or already recorded.", body = CommandAnswer<'static>, headers(
            ("ETag" = String, description = "The order's version."),
            ("Consistency-Token" = u64, description = "Position to wait for when reading."),
            ("Idempotent-Replayed" = bool, description = "The answer was given before."),
        )),
        CommandProblems
    )
)]
pub async fn add_note(
    State(api): State<OrderApi>,
    PathUuid(id): PathUuid,
    request: CommandRequest,
) -> Response {
    api.run(id, request, read).await
}

/// Reads the body.
pub fn read(json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors) -> Option<OrderCommand> {
    let mut body = Object::open(json, &["text"], at, errors)?;
    let text = body.required("text", errors, text(Note::parse));
    Some(OrderCommand::AddNote { text: text? })
}
