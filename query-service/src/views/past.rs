//! An order as it was: by version, by business time, or by what the log knew at a time.

use super::{erased, order_not_found, order_stream};
use crate::app::App;
use crate::consistency::Consistency;
use crate::params::{as_of, invalid};
use crate::past_orders::PastOrder;
use crate::problems;
use crate::replay::Replay;
use crate::reply::{self, Tag};
use crate::wire::moment;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use domain::order::OrderAggregate;
use read_model::ReadModel;
use read_model::read::positions::Projection;
use read_model::read::version_at::Until;
use server::{Problem, ProblemCode};
use uuid::Uuid;

/// When the shown state of the past began.
pub(super) static MEMENTO: HeaderName = HeaderName::from_static("memento-datetime");

/// Parses the moment of the past; at most one of the three parameters may be given.
pub(super) fn asked(
    version: Option<u64>,
    occurred: Option<&str>,
    known: Option<&str>,
) -> Result<Option<Until>, Problem> {
    let now = server::clock::now();
    let version = version.map(|version| self::version("version", version)).transpose()?;
    let occurred = as_of("as_of", occurred, now)?;
    let known = as_of("known_at", known, now)?;
    match (version, occurred, known) {
        (None, None, None) => Ok(None),
        (Some(version), None, None) => Ok(Some(Until::Version(version))),
        (None, Some(at), None) => Ok(Some(Until::OccurredAt(at))),
        (None, None, Some(at)) => Ok(Some(Until::RecordedAt(at))),
        _ => Err(Problem::new(ProblemCode::INVALID_PARAMETER)
            .detail("Give one of version, as_of and known_at, not several.")
            .with("parameter", if version.is_some() { "version" } else { "as_of" })),
    }
}

/// Versions begin at 1.
pub(super) fn version(parameter: &str, version: u64) -> Result<u64, Problem> {
    if version == 0 {
        return Err(invalid(parameter, "a version: 1 or more"));
    }
    Ok(version)
}

/// The answer with the order at that moment.
pub(super) async fn order(
    app: &App,
    order_id: Uuid,
    until: Until,
    consistency: Consistency,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let model = app.model_at(consistency, &[Projection::HISTORY]).await?;
    let stream = order_stream(order_id);
    let (seen, erasure) = tokio::join!(
        app.loaders().version_at(model, stream, until),
        app.owners().erased_at(app.loaders(), model, order_id)
    );
    let (seen, erasure) = (consistency.seen(seen)?, erasure?);
    let version = seen.found;
    let position = seen.position.min(erasure.position);
    consistency.met_at(position)?;
    if let Until::Version(asked) = until {
        reached(app, order_id, version, "version", asked).await?;
    }
    if version == 0 {
        return Err(unborn(app, order_id).await?);
    }
    let tag = Tag::version(version);
    if erasure.found.is_none() && reply::has_tag(headers, &tag) {
        return Ok(reply::not_modified(position, &tag));
    }
    let Some(order) = composed(app, model, (order_id, version)).await? else {
        return Err(unborn(app, order_id).await?);
    };
    let memento = memento(match until {
        Until::RecordedAt(_) => order.recorded_at,
        Until::Version(_) | Until::OccurredAt(_) => order.occurred_at,
    });
    let mut response = match erasure.found {
        Some(at) => {
            let document = erased::marked(&order.document, at);
            erased::order(app, position, version, document, headers).await?
        }
        None => {
            let mut response = reply::json(position, order.document);
            response.headers_mut().insert(header::ETAG, tag.header());
            response
        }
    };
    if response.status() != StatusCode::NOT_MODIFIED {
        response.headers_mut().insert(MEMENTO.clone(), memento);
    }
    Ok(response)
}

/// The order at one of its versions, from the cache or replayed. `None` before its first event.
async fn composed(
    app: &App,
    model: &ReadModel,
    which: (Uuid, u64),
) -> Result<Option<PastOrder>, Problem> {
    let (order_id, version) = which;
    if let Some(order) = app.past().get(which) {
        return Ok(Some(order));
    }
    let mut replay = Replay::<OrderAggregate>::default();
    replay.advance(model, order_id, version).await?;
    let (occurred_at, recorded_at) = replay.times();
    if replay.version() != version {
        return Err(Problem::new(ProblemCode::UNAVAILABLE)
            .detail("The history was exchanged while it was read. Try again.")
            .retry_after(problems::RETRY_AFTER_SECONDS));
    }
    let document = replay.with(move |replay| replay.document(order_id)).await?;
    let order =
        document.map(|document| PastOrder { document: document.into(), occurred_at, recorded_at });
    if let Some(order) = &order {
        app.past().keep(which, order);
    }
    Ok(order)
}

/// Refuses a version above the order's last.
pub(super) async fn reached(
    app: &App,
    order_id: Uuid,
    found: u64,
    parameter: &str,
    version: u64,
) -> Result<(), Problem> {
    if found >= version {
        return Ok(());
    }
    match last_version(app, order_id).await? {
        0 => Err(order_not_found()),
        last => Err(invalid(parameter, &format!("at most {last}, the order's last version"))
            .with("last_version", last)),
    }
}

/// The order's last version; 0 if there is no such order.
async fn last_version(app: &App, order_id: Uuid) -> Result<u64, Problem> {
    let until = Until::Version(u64::MAX);
    let last = app.loaders().version_at(app.model()?, order_stream(order_id), until).await;
    Ok(last.map_err(problems::of_read_model)?.found)
}

/// The problem for an order that had not begun then, or that does not exist.
async fn unborn(app: &App, order_id: Uuid) -> Result<Problem, Problem> {
    Ok(match last_version(app, order_id).await? {
        0 => order_not_found(),
        _ => Problem::new(problems::NOT_YET_CREATED)
            .detail("The order's first event is later than the time that was asked for."),
    })
}

/// `Memento-Datetime`: when the shown state began, in microseconds, as an HTTP date.
pub(super) fn memento(at: i64) -> HeaderValue {
    let date = moment(at).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    HeaderValue::from_str(&date).expect("an HTTP date is visible ASCII")
}
