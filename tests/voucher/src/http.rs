//! Vouchers over HTTP and in imports: bodies, answers, rejections, routes.

use crate::aggregate::{Voucher, VoucherAggregate, VoucherCommand, VoucherRejection};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use command_service::http::headers::{CommandHeaders, CommandQuery};
use command_service::http::{CommandApi, CommandRequest, Commands, Done};
use command_service::import::Imported;
use command_service::json::{Errors, Json, Object, Pointer, integer_in, uuid};
use command_service::pipeline::{Accepted, Commanded, Preview, Settles};
use domain::{FieldError, Timestamp};
use event_store::EventStore;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use server::problem::OperationProblems;
use server::{PathUuid, Problem, ProblemCode};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// The highest value of a voucher, in minor units.
const MAX_AMOUNT: u32 = 100_000;

/// No voucher has the id.
pub const VOUCHER_NOT_FOUND: ProblemCode =
    ProblemCode::new("voucher-not-found", StatusCode::NOT_FOUND, "There is no such voucher");
/// A new voucher's id is taken.
const VOUCHER_ALREADY_EXISTS: ProblemCode =
    ProblemCode::new("voucher-already-exists", StatusCode::CONFLICT, "The voucher id is in use");
/// It has been redeemed, or has expired.
const VOUCHER_NOT_OPEN: ProblemCode =
    ProblemCode::new("voucher-not-open", StatusCode::CONFLICT, "The voucher is not open");

type Vouchers = Commands<VoucherAggregate>;

impl Commanded for VoucherAggregate {
    fn status(state: &Option<Voucher>) -> &'static str {
        state.as_ref().map_or("absent", |voucher| voucher.status.as_str())
    }

    fn keep(rejection: &VoucherRejection) -> Value {
        Self::rejected(rejection).to_value()
    }

    fn settles(rejection: &VoucherRejection) -> Settles {
        match rejection {
            VoucherRejection::NotFound => Settles::Nothing,
            VoucherRejection::AlreadyExists | VoucherRejection::NotOpen(_) => Settles::Key,
        }
    }
}

impl CommandApi for VoucherAggregate {
    const NOUN: &'static str = "voucher";
    const REJECTIONS: &'static [ProblemCode] =
        &[VOUCHER_NOT_FOUND, VOUCHER_ALREADY_EXISTS, VOUCHER_NOT_OPEN];

    fn location(id: Uuid) -> String {
        format!("/v1/vouchers/{id}")
    }

    fn rejected(rejection: &VoucherRejection) -> Problem {
        match rejection {
            VoucherRejection::NotFound => Problem::new(VOUCHER_NOT_FOUND),
            VoucherRejection::AlreadyExists => Problem::new(VOUCHER_ALREADY_EXISTS),
            VoucherRejection::NotOpen(status) => {
                Problem::new(VOUCHER_NOT_OPEN).with("current_status", status.as_str())
            }
        }
    }

    fn answer(done: Done<'_, Self>) -> Vec<u8> {
        let accepted = done.accepted;
        let answer = json!({
            "voucher_id": accepted.id, "version": accepted.version, "position": accepted.position(),
            "status": accepted.status, "events": done.events(), "voucher": done.preview,
        });
        answer.to_string().into_bytes()
    }

    async fn preview(
        _: &Accepted<Self>,
        preview: Box<Preview<Self>>,
        _: &EventStore,
    ) -> Result<Option<Box<RawValue>>, Problem> {
        Ok(preview.state.as_ref().map(|voucher| to_raw_value(voucher).expect("it serialises")))
    }
}

impl Imported for VoucherAggregate {
    type Name = &'static str;

    fn command_name(name: &str) -> Result<&'static str, FieldError> {
        let names = ["issue", "redeem", "expire"];
        names.into_iter().find(|known| *known == name).ok_or_else(|| FieldError {
            code: "unknown-command",
            detail: format!("must be one of {}", names.join(", ")),
        })
    }

    fn read_command(
        name: &'static str,
        body: Json<'_>,
        _: Option<Timestamp>,
        pointer: &Pointer<'_>,
        errors: &mut Errors,
    ) -> Option<VoucherCommand> {
        match name {
            "issue" => terms(Object::open(body, &["amount", "order_id"], pointer, errors)?, errors),
            "redeem" => empty(VoucherCommand::Redeem, body, pointer, errors),
            _ => empty(VoucherCommand::Expire, body, pointer, errors),
        }
    }

    fn begins_stream(command: &VoucherCommand) -> bool {
        matches!(command, VoucherCommand::Issue { .. })
    }
}

fn terms(mut body: Object<'_, '_>, errors: &mut Errors) -> Option<VoucherCommand> {
    let amount = body.required("amount", errors, integer_in(1..=MAX_AMOUNT));
    let order_id = body.optional("order_id", errors, uuid)?;
    Some(VoucherCommand::Issue { amount: amount?, order_id })
}

fn empty(
    command: VoucherCommand,
    body: Json<'_>,
    pointer: &Pointer<'_>,
    errors: &mut Errors,
) -> Option<VoucherCommand> {
    Object::open(body, &[], pointer, errors).map(|_| command)
}

/// All commands on vouchers.
pub fn routes() -> OpenApiRouter<Vouchers> {
    OpenApiRouter::default().routes(routes!(issue)).routes(routes!(redeem)).routes(routes!(expire))
}

/// Issue a voucher: `{"voucher_id"?, "amount", "order_id"?}`.
#[utoipa::path(post, path = "/v1/vouchers", tag = "commands", params(CommandQuery, CommandHeaders),
    responses((status = 201, description = "Issued."), OperationProblems))]
async fn issue(State(vouchers): State<Vouchers>, request: CommandRequest) -> Response {
    let read = |body: Json<'_>, at: &Pointer<'_>, errors: &mut Errors| {
        let mut body = Object::open(body, &["voucher_id", "amount", "order_id"], at, errors)?;
        let id = body.optional("voucher_id", errors, uuid);
        let command = terms(body, errors);
        Some((id?, command?))
    };
    vouchers.create(request, read).await
}

/// Redeem a voucher.
#[utoipa::path(post, path = "/v1/vouchers/{id}/redeem", tag = "commands",
    params(("id" = Uuid, Path, description = "The voucher."), CommandQuery, CommandHeaders),
    responses((status = 200, description = "Redeemed."), OperationProblems))]
async fn redeem(
    State(vouchers): State<Vouchers>,
    PathUuid(id): PathUuid,
    request: CommandRequest,
) -> Response {
    vouchers.run(id, request, |body, at, e| empty(VoucherCommand::Redeem, body, at, e)).await
}

/// Let a voucher expire.
#[utoipa::path(post, path = "/v1/vouchers/{id}/expire", tag = "commands",
    params(("id" = Uuid, Path, description = "The voucher."), CommandQuery, CommandHeaders),
    responses((status = 200, description = "Expired."), OperationProblems))]
async fn expire(
    State(vouchers): State<Vouchers>,
    PathUuid(id): PathUuid,
    request: CommandRequest,
) -> Response {
    vouchers.run(id, request, |body, at, e| empty(VoucherCommand::Expire, body, at, e)).await
}
