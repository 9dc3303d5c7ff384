//! Opens, in every answer, what was sealed about people. The one place where sealed texts become readable again.

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, TryStreamExt};
use key_store::{KeyStoreError, Keyring, keys_in};
use server::{Problem, ProblemCode};
use std::borrow::Cow;
use std::convert::Infallible;
use tower::util::AndThenLayer;

/// What becomes of an answer's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// JSON as a whole.
    Json,
    /// Piece by piece, as events or lines come.
    Pieces,
    /// No JSON.
    Other,
}

fn kind(headers: &HeaderMap, body: &Body) -> Kind {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = media.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    match media {
        "text/event-stream" | "application/x-ndjson" => Kind::Pieces,
        _ if media != "application/json" && !media.ends_with("+json") => Kind::Other,
        _ if body.size_hint().exact().is_none() => Kind::Pieces,
        _ => Kind::Json,
    }
}

/// Opens the answers of a router.
///
/// Without a keyring, an answer with a sealed text in it is refused: another program seals what this one shows.
pub(crate) fn layer(app: Router, keyring: Option<Keyring>) -> Router {
    // It takes every answer on its way: axum's own middleware clones the route and boxes two futures for each.
    app.layer(AndThenLayer::new(move |answer: Response| {
        let keyring = keyring.clone();
        async move { Ok::<_, Infallible>(open(keyring, answer).await) }
    }))
}

/// Opens an answer. Routes write each event of a stream, and each line, as a piece of its own.
async fn open(keyring: Option<Keyring>, answer: Response) -> Response {
    let (mut parts, body) = answer.into_parts();
    match kind(&parts.headers, &body) {
        Kind::Other => Response::from_parts(parts, body),
        Kind::Pieces => {
            let pieces = body.into_data_stream().map_err(axum::Error::into_inner);
            let opened = pieces.then(move |piece| {
                let keyring = keyring.clone();
                async move {
                    match opened(keyring.as_ref(), piece?).await {
                        Ok(piece) => Ok::<_, axum::BoxError>(piece),
                        // The stream ends; its client asks again.
                        Err(error) => Err(Box::from(error)),
                    }
                }
            });
            let opened = opened.scan(false, |failed, piece| {
                let over = std::mem::replace(failed, piece.is_err());
                std::future::ready((!over).then_some(piece))
            });
            Response::from_parts(parts, Body::from_stream(opened))
        }
        Kind::Json => {
            let whole = match axum::body::to_bytes(body, usize::MAX).await {
                Ok(whole) => whole,
                Err(error) => {
                    tracing::error!(%error, "an answer broke off");
                    return Problem::new(ProblemCode::INTERNAL).into_response();
                }
            };
            match opened(keyring.as_ref(), whole).await {
                Ok(opened) => {
                    parts.headers.remove(header::CONTENT_LENGTH);
                    Response::from_parts(parts, Body::from(opened))
                }
                Err(error) => unreadable(&error).into_response(),
            }
        }
    }
}

/// JSON with its sealed texts opened; erased ones are null.
///
/// # Errors
/// 503 `unavailable` when the keys cannot be read.
pub async fn open_json(keyring: &Keyring, json: Bytes) -> Result<Bytes, Problem> {
    opened(Some(keyring), json).await.map_err(|error| unreadable(&error))
}

fn unreadable(error: &KeyStoreError) -> Problem {
    tracing::warn!(%error, "personal data cannot be opened");
    Problem::new(ProblemCode::UNAVAILABLE)
        .detail(match error {
            KeyStoreError::NoMasterKey => "Texts about people are sealed here. Start the service with --personal-data-key-file.",
            _ => "The keys of personal data cannot be read right now. Send the request again.",
        })
        .retry_after(1)
}

async fn opened(keyring: Option<&Keyring>, bytes: Bytes) -> Result<Bytes, KeyStoreError> {
    let Some(keyring) = keyring else {
        return match keys_in(&bytes).first() {
            None => Ok(bytes),
            Some(_) => Err(KeyStoreError::NoMasterKey),
        };
    };
    let opened = keyring.open_json(&bytes).await?;
    Ok(match opened.json {
        Cow::Owned(opened) => opened.into(),
        Cow::Borrowed(_) => bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;
    use axum::response::sse::{Event, Sse};
    use axum::routing::get;
    use key_store::{Access, KeyStore};
    use personal_data::MasterKey;
    use serde_json::json;
    use tokio_util::sync::CancellationToken;
    use tower::ServiceExt;

    #[tokio::test]
    async fn every_kind_of_answer_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("keys.db").display());
        let store = KeyStore::open(&url, Access::Manage).await.unwrap();
        let keyring = Keyring::new(store, MasterKey::generate().unwrap());
        tokio::spawn(keyring.clone().run(CancellationToken::new()));
        keyring.ready(1).await;
        let document = json!({"name": keyring.seal("c-1", "Ada!"), "n": 1}).to_string();
        let event = document.clone();
        let plain = document.clone();
        let app = Router::new()
            .route("/json", get(async move || ([("content-type", "application/json")], document)))
            .route("/text", get(async move || plain))
            .route(
                "/events",
                get(async move || {
                    let events = [0, 1].map(|_| Ok::<_, Infallible>(Event::default().data(&event)));
                    Sse::new(futures::stream::iter(events))
                }),
            );
        let app = layer(app, Some(keyring));
        let asked = async |path: &str| {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let response = app.clone().oneshot(request).await.unwrap();
            let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
            String::from_utf8(bytes.to_vec()).unwrap()
        };
        // What is sealed is written without "!".
        let opened = json!({"name": "Ada!", "n": 1}).to_string();
        assert_eq!(asked("/json").await, opened);
        assert_eq!(asked("/events").await, format!("data: {opened}\n\n").repeat(2));
        assert!(!asked("/text").await.contains("Ada!"), "no JSON");
    }

    #[tokio::test]
    async fn without_the_key_store_an_answer_fails_and_a_stream_ends() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("keys.db").display());
        let master = MasterKey::generate().unwrap();
        let open_store = async || KeyStore::open(&url, Access::Manage).await.unwrap();
        let copy = MasterKey::parse(master.reveal()).unwrap();
        let (writer, reader) =
            (Keyring::new(open_store().await, master), Keyring::new(open_store().await, copy));
        tokio::spawn(writer.clone().run(CancellationToken::new()));
        assert!(writer.ready(2).await);
        let [known, unknown] = [("c-1", "Ada"), ("c-2", "Eve")]
            .map(|(customer, name)| json!({"name": writer.seal(customer, name)}).to_string());
        reader.open_json(known.as_bytes()).await.unwrap();
        reader.store().close().await;

        let (one, other) = (known.clone(), unknown.clone());
        let pieces = [known.clone(), unknown.clone(), known.clone()];
        let app = Router::new()
            .route("/known", get(async move || ([("content-type", "application/json")], one)))
            .route("/unknown", get(async move || ([("content-type", "application/json")], other)))
            .route(
                "/events",
                get(async move || {
                    let events = pieces
                        .clone()
                        .map(|piece| Ok::<_, Infallible>(Event::default().data(piece)));
                    Sse::new(futures::stream::iter(events))
                }),
            );
        let app = layer(app, Some(reader));
        let asked = async |path: &str| {
            let request = Request::get(path).body(Body::empty()).unwrap();
            app.clone().oneshot(request).await.unwrap()
        };
        let opened = json!({"name": "Ada"}).to_string();
        let answer = asked("/known").await;
        let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        assert_eq!(bytes, opened);
        let refused = asked("/unknown").await;
        assert_eq!(refused.status(), 503);
        assert_eq!(refused.headers()["retry-after"], "1");
        let mut pieces = asked("/events").await.into_body().into_data_stream();
        assert_eq!(pieces.next().await.unwrap().unwrap(), format!("data: {opened}\n\n"));
        assert!(pieces.next().await.unwrap().is_err(), "no sealed text is shown");
        assert!(pieces.next().await.is_none(), "the stream ends");
    }
}
