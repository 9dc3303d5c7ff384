//! The table of routes, asked over HTTP by every role.

use super::*;
use crate::access::{Rule, STANDARD};
use crate::api_key::StoredKey;
use crate::key_set::KeySet;
use crate::key_source::IssuerKeys;
use crate::role::{Role, Roles};
use crate::session::Identity;
use crate::token::Expected;
use axum::body::Body;
use axum::http::{Method, StatusCode};
use axum::routing::{MethodFilter, on};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use tower::ServiceExt;

const SECRET: [u8; 32] = [7; 32];

fn tokens() -> Tokens {
    let expected = Expected { issuer: "iss".to_owned(), audience: "orderlog".to_owned() };
    Tokens::new(expected, vec![IssuerKeys::fixed(KeySet::of_secret(&SECRET).unwrap())])
}

fn token(roles: &[&str]) -> String {
    let exp = jsonwebtoken::get_current_timestamp() + 600;
    let claims = json!({"sub": "ada", "exp": exp, "iss": "iss", "aud": "orderlog", "roles": roles,
        "customer_id": "c-1"});
    let key = EncodingKey::from_secret(&SECRET);
    jsonwebtoken::encode(&Header::default(), &claims, &key).unwrap()
}

/// All standard routes; each answers with the caller's name.
fn app(keys: Option<ApiKeys>) -> Router {
    let answer = async |identity: Identity| identity.actor().unwrap_or("nobody").to_owned();
    let routes = STANDARD.iter().fold(Router::new(), |all, rule| {
        let filter = MethodFilter::try_from(rule.method.clone()).unwrap();
        all.route(rule.route, on(filter, answer))
    });
    let unlisted = routes.route("/v1/unlisted", on(MethodFilter::GET, answer));
    let guard = Guard::new(Some(tokens()), keys, Table::of(STANDARD), Default::default());
    server::layer(protect(unlisted, guard), &server::Limits::default())
}

fn path(route: &str) -> String {
    route
        .replace("{id}", "0190d3c4-7b5e-7cc1-9d5e-0c9f6a3b1e10")
        .replace("{product_id}", "tea")
        .replace("{*file}", "x")
}

async fn asked(app: &Router, method: &Method, path: &str, credentials: Option<&str>) -> Response {
    let mut request = http::Request::builder().method(method).uri(path);
    if let Some(credentials) = credentials {
        request = request.header(header::AUTHORIZATION, credentials);
    }
    let request = request.header("x-correlation-id", "c-1").body(Body::empty()).unwrap();
    app.clone().oneshot(request).await.unwrap()
}

async fn body(response: Response) -> Value {
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    serde_json::from_slice(&body).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&body)))
}

#[tokio::test]
async fn every_route_is_open_to_the_roles_of_the_table_and_to_no_others() {
    let app = app(None);
    for Rule { method, route, access, .. } in STANDARD {
        let path = path(route);
        let nobody = asked(&app, method, &path, None).await.status();
        let expected =
            if *access == Access::Open { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        assert_eq!(nobody, expected, "{method} {route}");
        for role in Role::ALL {
            let bearer = format!("Bearer {}", token(&[role.as_str()]));
            let status = asked(&app, method, &path, Some(&bearer)).await.status();
            let may = match access {
                Access::Open => true,
                Access::Only(roles) => roles.has(role),
            };
            let expected = if may { StatusCode::OK } else { StatusCode::FORBIDDEN };
            assert_eq!(status, expected, "{method} {route} as {role}");
        }
    }
}

#[tokio::test]
async fn only_operators_learn_why_a_service_is_not_ready() {
    let readiness = server::Readiness::default();
    readiness.set("event-store", Err("The disk is full.".to_owned()));
    let guard = Guard::new(Some(tokens()), None, Table::of(STANDARD), Default::default());
    let app = server::layer(
        protect(server::health::router(readiness), guard),
        &server::Limits::default(),
    );
    let staff = format!("Bearer {}", token(&["staff"]));
    for credentials in [None, Some("Bearer x"), Some(staff.as_str())] {
        let answer = asked(&app, &Method::GET, "/readyz", credentials).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let body = body(answer).await.to_string();
        assert!(!body.contains("event-store") && !body.contains("disk"), "{body}");
    }
    let operator = format!("Bearer {}", token(&["operator"]));
    let answer = body(asked(&app, &Method::GET, "/readyz", Some(&operator)).await).await;
    assert_eq!(
        (&answer["part"], &answer["detail"]),
        (&json!("event-store"), &json!("The disk is full."))
    );
}

#[tokio::test]
async fn a_route_that_the_table_forgets_is_closed() {
    let app = app(None);
    for path in ["/v1/unlisted", "/v1/nowhere"] {
        let answered = async |roles: &[&str]| {
            let bearer = format!("Bearer {}", token(roles));
            asked(&app, &Method::GET, path, Some(&bearer)).await.status()
        };
        assert_eq!(asked(&app, &Method::GET, path, None).await.status(), 401, "{path}");
        assert_eq!(answered(&["customer", "staff", "import", "operator"]).await, 403, "{path}");
        assert!([StatusCode::OK, StatusCode::NOT_FOUND].contains(&answered(&["admin"]).await));
    }
}

#[tokio::test]
async fn a_method_that_a_route_lacks_is_405_to_those_who_may_call_it() {
    let app = app(None);
    let staff = format!("Bearer {}", token(&["staff"]));
    let answer = asked(&app, &Method::DELETE, "/v1/orders", Some(&staff)).await;
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(answer.headers().contains_key(header::ALLOW));
    assert_eq!(asked(&app, &Method::DELETE, "/v1/orders", None).await.status(), 401);
    assert_eq!(asked(&app, &Method::HEAD, "/v1/orders", Some(&staff)).await.status(), 200);
}

#[tokio::test]
async fn the_body_is_the_same_whatever_was_wrong() {
    let app = app(Some(ApiKeys::default()));
    let missing = asked(&app, &Method::GET, "/v1/orders", None).await;
    assert_eq!(missing.headers()[header::WWW_AUTHENTICATE], "Bearer");
    let expected = body(missing).await;
    assert_eq!(expected["code"], "unauthorized");
    let good = token(&["staff"]);
    let bad = [
        "Bearer x".to_owned(),
        "Basic YTpi".to_owned(),
        format!("Bearer {}", &good[..good.len() - 2]),
        format!("Bearer {good}x"),
        format!("Token {good}"),
        "Bearer olk_nonsense".to_owned(),
    ];
    for credentials in bad {
        let answer = asked(&app, &Method::GET, "/v1/orders", Some(&credentials)).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{credentials}");
        let challenge = &answer.headers()[header::WWW_AUTHENTICATE];
        assert_eq!(challenge, "Bearer error=\"invalid_token\"");
        assert_eq!(body(answer).await, expected, "{credentials}");
    }
}

fn stored(key: &ApiKey, name: &str) -> StoredKey {
    StoredKey {
        id: key.id().to_owned(),
        name: name.to_owned(),
        role: Role::Staff,
        customer: None,
        hash: key.hash(),
        created_at: clock::now(),
        expires_at: None,
        revoked_at: None,
    }
}

#[tokio::test]
async fn a_key_that_was_made_just_now_is_let_through_after_a_look_at_the_store() {
    let (key, keys) = (ApiKey::generate().unwrap(), ApiKeys::default());
    keys.replace(Vec::new());
    let app = app(Some(keys.clone()));
    let bearer = format!("Bearer {}", key.reveal());
    // One look is under way and does not find the key, which is made now. Only the next one can.
    let before = keys.begin_look();
    let (known, store) = (keys.clone(), vec![stored(&key, "till-4")]);
    let following = tokio::spawn(async move {
        known.wanted().await;
        known.end_look(before);
        let look = known.begin_look();
        known.replace(store);
        known.end_look(look);
    });
    let answer = asked(&app, &Method::GET, "/v1/orders", Some(&bearer)).await;
    assert_eq!(body(answer).await, "key:till-4");
    following.await.unwrap();
    // A key that is not made is refused, also if nobody looks.
    let began = tokio::time::Instant::now();
    let unknown = format!("Bearer {}", ApiKey::generate().unwrap().reveal());
    assert_eq!(asked(&app, &Method::GET, "/v1/orders", Some(&unknown)).await.status(), 401);
    assert!(began.elapsed() <= std::time::Duration::from_secs(2));
}

#[tokio::test]
async fn an_api_key_proves_its_holder_until_it_is_revoked() {
    let (key, keys) = (ApiKey::generate().unwrap(), ApiKeys::default());
    let app = app(Some(keys.clone()));
    let bearer = format!("Bearer {}", key.reveal());
    let unconfirmed = asked(&app, &Method::GET, "/v1/orders", Some(&bearer)).await;
    assert_eq!(unconfirmed.status(), StatusCode::SERVICE_UNAVAILABLE, "no store was read yet");
    keys.replace(vec![stored(&key, "till-3")]);
    let answer = asked(&app, &Method::GET, "/v1/orders", Some(&bearer)).await;
    assert_eq!(body(answer).await, "key:till-3");
    assert_eq!(keys.take_uses().len(), 1);
    assert!(keys.take_uses().is_empty(), "counted once");
    keys.replace(Vec::new());
    assert_eq!(asked(&app, &Method::GET, "/v1/orders", Some(&bearer)).await.status(), 401);
}

#[tokio::test]
async fn a_customer_learns_at_a_tick_of_the_clock_that_something_is_not_there() {
    let absent = async |work: u64| {
        tokio::time::sleep(std::time::Duration::from_millis(work)).await;
        StatusCode::NOT_FOUND
    };
    let routes = Router::new()
        .route("/v1/orders/{id}", on(MethodFilter::GET, async move || absent(0).await))
        .route("/v1/orders/{id}/history", on(MethodFilter::GET, async move || absent(15).await))
        .route("/v1/customers/{id}", on(MethodFilter::GET, async move || absent(30).await))
        .route("/v1/orders", on(MethodFilter::GET, async || "list"));
    let guard = Guard::new(Some(tokens()), None, Table::of(STANDARD), Default::default());
    let app = server::layer(protect(routes, guard), &server::Limits::default());
    let took = async |path: &str, role: &str| {
        let bearer = format!("Bearer {}", token(&[role]));
        let began = std::time::Instant::now();
        asked(&app, &Method::GET, path, Some(&bearer)).await;
        began.elapsed()
    };
    let id = "0190d3c4-7b5e-7cc1-9d5e-0c9f6a3b1e10";
    for (path, ticks) in [
        (format!("/v1/orders/{id}"), 1),
        (format!("/v1/orders/{id}/history"), 1),
        ("/v1/customers/c-2".to_owned(), 2),
    ] {
        assert!(took(&path, "customer").await >= crate::clock::TICK * ticks, "{path}");
    }
    // Nobody else waits, nor does a customer for what is there.
    let fast = async |path: &str, role: &str| {
        let mut least = std::time::Duration::MAX;
        for _ in 0..20 {
            least = least.min(took(path, role).await);
        }
        assert!(least < crate::clock::TICK, "{path} as {role}: {least:?}");
    };
    fast("/v1/orders", "customer").await;
    fast(&format!("/v1/orders/{id}"), "staff").await;
}

#[tokio::test]
async fn a_caller_that_asks_for_too_much_is_slowed_down_and_no_other() {
    let one = std::num::NonZeroU32::new(2).unwrap();
    let rates = Rates::of([(crate::rates::Work::Views, one)]);
    let guard = Guard::new(Some(tokens()), None, Table::of(STANDARD), (rates, Proxies::default()));
    let routes = Router::new()
        .route("/v1/orders", on(MethodFilter::GET, async || "list"))
        .route("/v1/orders/{id}", on(MethodFilter::GET, async || "order"))
        .route("/v1/orders/{id}/add-note", on(MethodFilter::POST, async || "noted"));
    let app = server::layer(protect(routes, guard), &server::Limits::default());
    let ada = format!("Bearer {}", token(&["staff"]));
    for left in ["r=1", "r=0"] {
        let answer = asked(&app, &Method::GET, "/v1/orders", Some(&ada)).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["ratelimit-policy"], "\"views\";q=2;w=1");
        assert!(answer.headers()["ratelimit"].to_str().unwrap().contains(left));
    }
    let path = path("/v1/orders/{id}");
    let refused = asked(&app, &Method::GET, &path, Some(&ada)).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS, "one budget for all views");
    assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
    assert!(refused.headers().contains_key("ratelimit"));
    assert_eq!(body(refused).await["code"], "rate-limited");
    let note = format!("{path}/add-note");
    assert_eq!(asked(&app, &Method::POST, &note, Some(&ada)).await.status(), 200, "no budget");
}

#[tokio::test]
async fn a_network_that_asks_for_too_much_is_slowed_down_under_any_name() {
    let rates = Rates::default().with_networks(std::num::NonZeroU32::new(2));
    let guard = Guard::new(Some(tokens()), None, Table::of(STANDARD), (rates, Proxies::default()));
    let answer = async || "answered";
    let routes = Router::new()
        .route("/v1/orders", on(MethodFilter::GET, answer))
        .route("/healthz", on(MethodFilter::GET, answer));
    let app = server::layer(protect(routes, guard), &server::Limits::default());
    let asked = async |path: &str, address: &str, bearer: &str| {
        let mut request = http::Request::get(path).header(header::AUTHORIZATION, bearer);
        let peer = server::context::Peer(address.parse().unwrap());
        request.extensions_mut().unwrap().insert(peer);
        app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    };
    let ada = format!("Bearer {}", token(&["staff"]));
    assert_eq!(asked("/v1/orders", "203.0.113.7", &ada).await.status(), 200);
    assert_eq!(asked("/v1/orders", "203.0.113.7", "Bearer nonsense").await.status(), 401);
    for bearer in [&ada, "Bearer nonsense"] {
        let refused = asked("/v1/orders", "203.0.113.7", bearer).await;
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.headers()["ratelimit-policy"], "\"networks\";q=2;w=1");
        assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
    }
    assert_eq!(asked("/healthz", "203.0.113.7", &ada).await.status(), 200);
    assert_eq!(asked("/v1/orders", "203.0.113.8", &ada).await.status(), 200);
}

#[test]
fn the_table_has_each_route_once() {
    let table = Table::of(STANDARD);
    assert_eq!(
        table.access(&Method::GET, "/v1/nowhere").0,
        Access::Only(Roles::of(&[Role::Admin]))
    );
    let twice = [STANDARD[0].clone(), STANDARD[0].clone()];
    assert!(std::panic::catch_unwind(|| Table::of(&twice)).is_err());
}
