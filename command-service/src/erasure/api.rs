//! `POST /v1/customers/{id}/erase`.
//!
//! In this order: the log is followed to its end, so that all keys of the customer are known; the keys are destroyed; the
//! event is appended. A process that dies in between has erased, and the same request again records it.

#![allow(unused_qualifications)] // the documentation macro writes them

use crate::http::EmptyRequest;
use crate::pipeline::{Effect, Pipeline, Refusal, Request, Target};
use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::Reference;
use domain::customer::{CustomerAggregate, CustomerCommand, stream_id};
use event_store::{EventStore, Metadata};
use identity::{Identity, Scope};
use key_store::{Followed, KeyStoreError, Keyring};
use serde::{Deserialize, Serialize};
use server::extract::StrictQuery;
use server::problem::{Responses, problem_responses};
use server::{PathCallerId, Problem, ProblemCode, RequestContext, clock};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use utoipa::{IntoResponses, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How long an erasure waits until the log is followed to its end, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(10);

/// Texts of the customer were stored without keys.
pub(crate) const NOT_SEALED: ProblemCode = ProblemCode::new(
    "personal-data-not-sealed",
    axum::http::StatusCode::CONFLICT,
    "Personal data were stored plain",
);

const PROBLEMS: [ProblemCode; 6] = [
    NOT_SEALED,
    ProblemCode::NOT_FOUND,
    ProblemCode::MALFORMED_JSON,
    ProblemCode::PAYLOAD_TOO_LARGE,
    ProblemCode::UNSUPPORTED_MEDIA_TYPE,
    ProblemCode::VALIDATION,
];

/// The error answers of an erasure.
struct ErasureProblems;

impl IntoResponses for ErasureProblems {
    fn responses() -> Responses {
        problem_responses(&PROBLEMS)
    }
}

/// What erasures work on; cheap to clone.
#[derive(Clone)]
pub(crate) struct Erasures {
    pub(crate) store: EventStore,
    pub(crate) keyring: Option<Keyring>,
    pub(crate) records: Pipeline<CustomerAggregate>,
    /// Has the log followed at once.
    pub(crate) hurry: Arc<Notify>,
}

/// Query parameters.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ErasureParameters {
    /// Whether to show what would be erased, and to erase nothing.
    dry_run: bool,
}

/// An erasure.
#[derive(Debug, Serialize, ToSchema)]
struct ErasureAnswer {
    /// Whose data.
    customer_id: String,
    /// The customer's orders: they stay, without the personal data.
    orders: u64,
    /// When the data were erased; null in a dry run.
    #[schema(value_type = Option<String>)]
    erased_at: Option<String>,
}

/// `POST /v1/customers/{id}/erase`, with its documentation.
pub(crate) fn routes() -> OpenApiRouter<Erasures> {
    OpenApiRouter::default().routes(routes!(erase))
}

/// Erase a customer's personal data: names, e-mail addresses, notes, reasons, tracking numbers. They are `null` from then on in
/// every view, past state and event. Orders, amounts and the customer's id stay.
#[utoipa::path(
    post, path = "/v1/customers/{id}/erase", tag = "commands", params(
        ("id" = String, Path, description = "The customer.", min_length = 1, max_length = 64,
            pattern = "^[A-Za-z0-9._:-]+$"),
        ErasureParameters),
    responses((status = 200, description = "erased, now or before", body = ErasureAnswer), ErasureProblems)
)]
async fn erase(
    State(erasures): State<Erasures>,
    PathCallerId(customer): PathCallerId,
    StrictQuery(ErasureParameters { dry_run }): StrictQuery<ErasureParameters>,
    identity: Identity,
    context: RequestContext,
    EmptyRequest: EmptyRequest,
) -> Result<Json<ErasureAnswer>, Problem> {
    let keyring = erasures.keyring.as_ref().ok_or_else(|| {
        Problem::new(NOT_SEALED).detail(
            "This server seals no personal data. Start it with --personal-data-key-file; what is \
             stored from then on can be erased.",
        )
    })?;
    erasures.catch_up(keyring).await?;
    let known = asked(keyring.store().customer(&customer)).await?;
    let Some(Followed { figures, erased_at }) = known else {
        return Err(
            Problem::new(ProblemCode::NOT_FOUND).detail("No order names a customer of this id.")
        );
    };
    if figures.plain > 0 {
        return Err(Problem::new(NOT_SEALED).detail(
            "Events of this customer were stored before personal data were sealed, and the log is \
             never changed. Nothing was erased.",
        ));
    }
    let mut answer =
        ErasureAnswer { customer_id: customer, orders: figures.orders, erased_at: None };
    if dry_run {
        answer.erased_at = erased_at.map(clock::wire);
        return Ok(Json(answer));
    }
    let erased = erasures.destroy(keyring, &answer.customer_id).await?;
    let (actor, customer) = (identity.actor(), &answer.customer_id);
    let (keys, correlation_id) = (erased.keys, &context.correlation_id);
    tracing::info!(target: "audit", actor, customer, keys, correlation_id, "personal data were erased");
    let metadata = Metadata {
        actor: identity.actor().map(str::to_owned),
        correlation_id: Some(context.correlation_id),
        traceparent: context.traceparent,
        ..Metadata::default()
    };
    erasures.record(&answer.customer_id, erased, metadata).await?;
    answer.erased_at = Some(clock::wire(erased.at));
    Ok(Json(answer))
}

/// What an erasure has done.
#[derive(Debug, Clone, Copy)]
struct Erased {
    keys: u64,
    at: DateTime<Utc>,
}

impl Erasures {
    /// Waits until whose the keys are is known up to the log's present end.
    async fn catch_up(&self, keyring: &Keyring) -> Result<(), Problem> {
        let head = self.store.head().await.map_err(|error| {
            tracing::warn!(%error, "the log cannot be read");
            Problem::new(ProblemCode::UNAVAILABLE).retry_after(1)
        })?;
        let deadline = Instant::now() + PATIENCE;
        while asked(keyring.store().followed()).await? < head.position {
            self.hurry.notify_one();
            if Instant::now() > deadline {
                return Err(Problem::new(ProblemCode::UNAVAILABLE)
                    .detail("The latest events are not followed yet. Send the request again.")
                    .retry_after(1));
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// Destroys the customer's keys. If there are none, the time is that of the erasure that destroyed them.
    async fn destroy(&self, keyring: &Keyring, customer: &str) -> Result<Erased, Problem> {
        let now = clock::now();
        let keys = keyring.erase(customer, now).await.map_err(unreachable)?;
        let known = asked(keyring.store().customer(customer)).await?;
        Ok(Erased { keys, at: known.and_then(|known| known.erased_at).unwrap_or(now) })
    }

    async fn record(
        &self,
        customer: &str,
        erased: Erased,
        metadata: Metadata,
    ) -> Result<(), Problem> {
        let customer_id =
            Reference::parse(customer).map_err(|_| Problem::new(ProblemCode::INVALID_PARAMETER))?;
        let request = Request {
            target: Target::Named(stream_id(customer)),
            weight: customer.len(),
            command: CustomerCommand::RecordErasure { customer_id, erased_at: erased.at },
            precondition: None,
            key: None,
            at: Some(erased.at),
            effect: Effect::Store,
            metadata,
            scope: Scope::All,
        };
        let not_recorded = |refusal: Refusal<_>| {
            tracing::warn!(?refusal, "an erasure was not recorded");
            Problem::new(ProblemCode::UNAVAILABLE)
                .detail("The data are erased, but that was not recorded. Send the request again.")
                .retry_after(1)
        };
        let pending = self.records.enqueue(request).await.map_err(not_recorded)?;
        pending.reply().await.result.map(drop).map_err(not_recorded)
    }
}

/// What the store of keys answers, within a bound.
async fn asked<T>(work: impl Future<Output = Result<T, KeyStoreError>>) -> Result<T, Problem> {
    let answer = timeout(PATIENCE, work).await;
    answer.unwrap_or(Err(KeyStoreError::TimedOut(PATIENCE))).map_err(unreachable)
}

fn unreachable(error: KeyStoreError) -> Problem {
    tracing::warn!(%error, "the store of keys cannot be used");
    Problem::new(ProblemCode::UNAVAILABLE)
        .detail("The keys of personal data cannot be reached right now. Send the request again.")
        .retry_after(1)
}
