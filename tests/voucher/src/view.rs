//! `GET /v1/vouchers/{id}`: a voucher at present, or replayed at a version.

#![allow(unused_qualifications)] // the documentation macro writes them

use crate::aggregate::{Voucher, VoucherAggregate, VoucherEvent};
use crate::http::VOUCHER_NOT_FOUND;
use axum::extract::State;
use axum::response::Response;
use domain::Timestamp;
use query_service::App;
use query_service::consistency::Consistency;
use query_service::problems::of_read_model;
use query_service::replay::{Composed, Replay};
use query_service::reply;
use read_model::read::positions::Projection;
use read_model::sql::Sql;
use serde::Deserialize;
use serde_json::json;
use server::problem::OperationProblems;
use server::{PathUuid, Problem, StrictQuery};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// The voucher with its projection's position; one row, whether the voucher exists or not.
const VOUCHER: &str = "SELECT p.position, v.version, v.status, v.amount FROM projections p \
     LEFT JOIN vouchers v ON v.voucher_id = $1 WHERE p.name = 'vouchers'";

type Row = (i64, Option<i64>, Option<String>, Option<i64>);

impl Composed for VoucherAggregate {
    type Extra = ();

    fn collect((): &mut (), _: &VoucherEvent, _: Timestamp) {}

    fn compose(
        id: Uuid,
        version: u64,
        _: u64,
        state: &Option<Voucher>,
        (): &(),
    ) -> Option<Vec<u8>> {
        let voucher = state.as_ref()?;
        Some(shown(id, version, voucher.status.as_str(), voucher.amount.into()))
    }
}

fn shown(id: Uuid, version: u64, status: &str, amount: i64) -> Vec<u8> {
    let voucher = json!({"voucher_id": id, "version": version, "status": status, "amount": amount});
    voucher.to_string().into_bytes()
}

/// All views of vouchers.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(voucher))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct VoucherQuery {
    /// The voucher as it was at this version.
    version: Option<u64>,
}

/// A voucher.
#[utoipa::path(get, path = "/v1/vouchers/{id}", tag = "views",
    params(("id" = Uuid, Path, description = "The voucher."), VoucherQuery),
    responses((status = 200, description = "The voucher."), OperationProblems))]
async fn voucher(
    State(app): State<App>,
    PathUuid(id): PathUuid,
    StrictQuery(VoucherQuery { version }): StrictQuery<VoucherQuery>,
    consistency: Consistency,
) -> Result<Response, Problem> {
    let not_found = || Problem::new(VOUCHER_NOT_FOUND);
    if let Some(version) = version {
        let model = app.model_at(consistency, &[Projection::HISTORY]).await?;
        let mut replay = Replay::<VoucherAggregate>::default();
        replay.advance(model, id, version).await?;
        let document = replay.document(id).ok_or_else(not_found)?;
        return Ok(reply::json(replay.applied(), document));
    }
    let model = app.model_at(consistency, &[Projection::named("vouchers")]).await?;
    let row: Option<Row> = model.first(Sql::new(VOUCHER).bind(id)).await.map_err(of_read_model)?;
    match row {
        Some((position, Some(version), Some(status), Some(amount))) => {
            let body = shown(id, version.cast_unsigned(), &status, amount);
            Ok(reply::json(position.cast_unsigned(), body))
        }
        _ => Err(not_found()),
    }
}
