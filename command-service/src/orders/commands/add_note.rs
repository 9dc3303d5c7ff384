//! `add-note`: adds a note, in any status.

use crate::http::CommandRequest;
use crate::http::headers::{CommandHeaders, CommandQuery};
use crate::json::{Errors, Json, Object, Pointer, text};
use crate::orders::problems::CommandProblems;
use crate::orders::{Changed, OrderCommands};
use axum::extract::State;
use axum::response::Response;
use domain::Note;
use domain::order::OrderCommand;
use serde::Serialize;
use server::PathUuid;
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
    responses(Changed, CommandProblems)
)]
pub async fn add_note(
    State(orders): State<OrderCommands>,
    PathUuid(id): PathUuid,
    request: CommandRequest,
) -> Response {
    orders.run(id, request, read).await
}

/// Reads the body.
pub fn read(json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors) -> Option<OrderCommand> {
    let mut body = Object::open(json, &["text"], at, errors)?;
    let text = body.required("text", errors, text(Note::parse));
    Some(OrderCommand::AddNote { text: text? })
}
