//! Who may do what, over HTTP: a customer sees its own orders, and everything else as if it were not there.

#![allow(clippy::unwrap_used, missing_docs)]

use identity::Role;
use identity::access::{Access, STANDARD};
use reqwest::Method;
use serde_json::{Value, json};
use system_tests::auth::{self, AUDIENCE, ISSUER, token};
use system_tests::client::{Answer, Client};
use system_tests::orders::{new_id, path, placed};
use system_tests::program::Program;
use system_tests::server::{Launch, Server};
use tempfile::TempDir;
use uuid::Uuid;

/// A server with authentication, and its callers.
struct Shop {
    data: TempDir,
    server: Server,
    nobody: Client,
    staff: Client,
    ada: Client,
    eve: Client,
}

impl Shop {
    async fn open() -> Self {
        let data = TempDir::new().unwrap();
        keys(&data, &["list"]).await;
        let launch = Launch::orderlog(data.path()).args(["--auth", "hs256,keys"]);
        let launch = launch.args(["--auth-issuer", ISSUER, "--auth-audience", AUDIENCE]);
        let launch = launch.args(["--auth-secret-file"]).args([auth::secret_file()]);
        let server = launch.serve().await;
        let nobody = server.client().await.without_token();
        let staff = nobody.bearing(&token("sam", &["staff"], None));
        let ada = nobody.bearing(&token("ada", &["customer"], Some("c-ada")));
        let eve = nobody.bearing(&token("eve", &["customer"], Some("c-eve")));
        Self { data, server, nobody, staff, ada, eve }
    }
}

async fn keys(data: &TempDir, arguments: &[&str]) -> String {
    let launch = Launch::new(Program::Orderlog).args(["keys"]).args(arguments);
    let output = launch.args(["--data-dir"]).args([data.path()]).run().await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// An answer without what differs between any two requests.
fn masked(answer: &Answer, order: Uuid) -> (u16, Vec<(String, String)>, String) {
    let unstable = ["date", "x-correlation-id", "consistency-token", "content-length", "ratelimit"];
    let headers = answer.headers.iter().filter(|(name, _)| !unstable.contains(&name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), format!("{value:?}"))).collect();
    let correlation = answer.header("x-correlation-id").unwrap_or_default();
    let body = answer.text().replace(&order.to_string(), "ORDER").replace(correlation, "ID");
    (answer.status, headers, body)
}

#[tokio::test]
async fn the_table_lists_every_documented_route() {
    let shop = Shop::open().await;
    let document = shop.nobody.get("/openapi.json").await.ok();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            let listed = |rule: &identity::access::Rule| {
                rule.route == path && rule.method.as_str().eq_ignore_ascii_case(method)
            };
            assert!(STANDARD.iter().any(listed), "{method} {path} is in no line of the table");
        }
    }
    shop.server.stop().await;
}

#[tokio::test]
async fn another_customers_order_is_as_if_it_were_not_there() {
    let shop = Shop::open().await;
    let order = new_id();
    let placing = shop.ada.post("/v1/orders", &placed(order, "c-ada")).await;
    let position = placing.token();
    shop.staff.post(&path(order, "add-note"), &json!({"text": "call back"})).await.ok();
    shop.ada.get_at(&format!("/v1/orders/{order}"), position + 1).await.ok();

    let views = [
        "",
        "?version=1",
        "?version=2",
        "?version=9",
        "?as_of=2020-01-01T00:00:00Z",
        "?known_at=2020-01-01T00:00:00Z",
        "?include=customer,timeline",
        "?include=products",
        "?version=x",
        "/history",
        "/history?limit=1",
        "/history?cursor=x",
        "/diff?from=1&to=2",
        "/diff?from=2&to=9",
    ];
    for view in views {
        for headers in [&[][..], &[("If-None-Match", "\"2\"")][..]] {
            let absent = new_id();
            let hidden = shop.eve.get_with(&format!("/v1/orders/{order}{view}"), headers).await;
            let missing = shop.eve.get_with(&format!("/v1/orders/{absent}{view}"), headers).await;
            assert_eq!(masked(&hidden, order), masked(&missing, absent), "{view} {headers:?}");
            assert!(hidden.status >= 400, "{view}: {}", hidden.text());
        }
    }
    let commands = [
        (
            "add-line",
            json!({"product_id": "tea", "name": "Tea", "quantity": 1, "unit_price": "1.00"}),
        ),
        ("change-line-quantity", json!({"line_id": 1, "quantity": 3})),
        ("remove-line", json!({"line_id": 1})),
        ("place", json!({})),
        ("discard", json!({})),
        ("cancel", json!({"reason": "mine now"})),
        ("add-note", json!({"text": "hello"})),
        ("add-note", json!({"text": ""})),
    ];
    for (command, body) in &commands {
        let conditions: [&[(&str, &str)]; 4] =
            [&[], &[("If-Match", "\"2\"")], &[("If-Match", "*")], &[("Idempotency-Key", "k-1")]];
        for headers in conditions {
            for dry_run in ["", "?dry_run=true"] {
                let absent = new_id();
                let at = |order| format!("{}{dry_run}", path(order, command));
                let hidden = shop.eve.post_with(&at(order), headers, body).await;
                let missing = shop.eve.post_with(&at(absent), headers, body).await;
                assert_eq!(
                    masked(&hidden, order),
                    masked(&missing, absent),
                    "{command} {headers:?}"
                );
                assert!(hidden.status >= 400, "{command}: {}", hidden.text());
            }
        }
    }
    let seen = shop.ada.get(&format!("/v1/orders/{order}")).await.ok();
    assert_eq!(seen["version"], 2, "nothing of that was stored");
    shop.server.stop().await;
}

#[tokio::test]
async fn lists_figures_and_feeds_hold_only_what_the_caller_owns() {
    let shop = Shop::open().await;
    let (hers, theirs) = (new_id(), new_id());
    shop.ada.post("/v1/orders", &placed(hers, "c-ada")).await.expect(201);
    let last = shop.eve.post("/v1/orders", &placed(theirs, "c-eve")).await.token();

    let ids = |answer: Answer| -> Vec<String> {
        let orders = answer.ok();
        let orders = orders["data"].as_array().unwrap().iter();
        orders.map(|order| order["order_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(shop.ada.get_at("/v1/orders", last).await), [hers.to_string()]);
    assert_eq!(ids(shop.ada.get("/v1/orders?customer_id=c-ada").await), [hers.to_string()]);
    assert_eq!(ids(shop.staff.get("/v1/orders").await).len(), 2);
    for other in ["c-eve", "c-none"] {
        assert!(ids(shop.ada.get(&format!("/v1/orders?customer_id={other}")).await).is_empty());
        assert!(ids(shop.ada.get(&format!("/v1/customers/{other}/orders")).await).is_empty());
    }
    shop.ada.get_at("/v1/customers/c-ada", last).await.ok();
    let hidden = shop.ada.get("/v1/customers/c-eve").await;
    let missing = shop.ada.get("/v1/customers/c-non").await;
    assert_eq!(
        (hidden.status, hidden.json()["detail"].clone()),
        (404, missing.json()["detail"].clone())
    );

    let events = shop.ada.get_at("/v1/events", last).await.ok();
    let subjects: Vec<&str> =
        events["data"].as_array().unwrap().iter().map(|e| e["subject"].as_str().unwrap()).collect();
    assert_eq!(subjects, [format!("order/{hers}")]);
    assert_eq!(shop.staff.get("/v1/events").await.ok()["data"].as_array().unwrap().len(), 2);

    for forbidden in
        ["/v1/products?currency=USD", "/v1/reports/status-counts", "/v1/projections", "/metrics"]
    {
        shop.ada.get(forbidden).await.problem(403, "forbidden");
    }
    shop.ada.post("/v1/orders", &placed(new_id(), "c-eve")).await.problem(403, "forbidden");
    shop.ada.post(&path(hers, "confirm"), &json!({})).await.problem(403, "forbidden");
    shop.server.stop().await;
}

#[test]
fn the_documentation_has_the_table() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/security.md");
    let page = std::fs::read_to_string(page).unwrap();
    let lines: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| GET |") || line.starts_with("| POST |"))
        .collect();
    let expected = STANDARD.iter().map(|rule| {
        let roles = match rule.access {
            Access::Open => "everybody".to_owned(),
            Access::Only(roles) => roles.iter().map(Role::as_str).collect::<Vec<_>>().join(", "),
        };
        format!("| {} | `{}` | {roles} |", rule.method, rule.route)
    });
    assert_eq!(lines, expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn an_idempotency_key_is_its_customers_own() {
    let shop = Shop::open().await;
    let keyed = [("Idempotency-Key", "the-same")];
    let (first, second) = (new_id(), new_id());
    let hers = shop.ada.post_with("/v1/orders", &keyed, &placed(first, "c-ada")).await;
    let theirs = shop.eve.post_with("/v1/orders", &keyed, &placed(second, "c-eve")).await;
    assert_eq!((hers.status, theirs.status), (201, 201));
    let again = shop.ada.post_with("/v1/orders", &keyed, &placed(first, "c-ada")).await;
    assert_eq!((&again.body, again.header("Idempotent-Replayed").is_some()), (&hers.body, true));
    shop.server.stop().await;
}

#[tokio::test]
async fn the_actor_stands_on_every_event() {
    let shop = Shop::open().await;
    let key = keys(&shop.data, &["create", "--name", "till-3", "--role", "staff"]).await;
    let order = new_id();
    shop.ada.post("/v1/orders", &placed(order, "c-ada")).await.expect(201);
    let till = shop.nobody.bearing(&key);
    let mut confirmed = till.post(&path(order, "confirm"), &json!({})).await;
    for _ in 0..50 {
        if confirmed.status == 200 {
            break;
        }
        assert_eq!(confirmed.status, 401, "the server has not read the key yet");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        confirmed = till.post(&path(order, "confirm"), &json!({})).await;
    }
    let position = confirmed.token();
    let history = shop.staff.get_at(&format!("/v1/orders/{order}/history"), position).await.ok();
    let actors: Vec<&Value> =
        history["data"].as_array().unwrap().iter().map(|event| &event["actor"]).collect();
    assert_eq!(actors, ["jwt:ada", "key:till-3"]);
    keys(&shop.data, &["revoke", "till-3"]).await;
    let revoked = std::time::Instant::now();
    while till.get("/v1/orders").await.status != 401 {
        assert!(revoked.elapsed().as_secs() < 6, "the key still opens");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    shop.server.stop().await;
}

#[tokio::test]
async fn an_open_stream_ends_with_the_key_that_opened_it() {
    let shop = Shop::open().await;
    let key = keys(&shop.data, &["create", "--name", "screen", "--role", "staff"]).await;
    let screen = shop.nobody.bearing(&key);
    while screen.get("/v1/orders").await.status == 401 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let stream = screen.open("/v1/events/stream", &[]).await;
    assert_eq!(stream.status(), 200);
    keys(&shop.data, &["revoke", "screen"]).await;
    let revoked = std::time::Instant::now();
    let read = tokio::time::timeout(std::time::Duration::from_secs(8), stream.bytes()).await;
    assert!(read.is_ok(), "it still sends after {:?}", revoked.elapsed());
    shop.server.stop().await;
}

#[tokio::test]
async fn imports_are_for_their_role_and_name_it() {
    let shop = Shop::open().await;
    let order = new_id();
    let mut body = placed(order, "c-any");
    body.as_object_mut().unwrap().remove("order_id");
    let line =
        json!({"order_id": order, "at": "2024-03-03T00:00:00Z", "command": "create", "body": body});
    let import = async |client: &Client| {
        let headers = [("Content-Type", "application/x-ndjson")];
        client.ask(Method::POST, "/v1/import", &headers, Some(line.to_string().into())).await
    };
    for client in [&shop.staff, &shop.ada] {
        import(client).await.problem(403, "forbidden");
    }
    let loader = shop.nobody.bearing(&token("loader", &["import"], None));
    let summary = import(&loader).await;
    assert_eq!(summary.ok()["summary"]["applied"], 1);
    loader.get("/v1/orders").await.problem(403, "forbidden");
    let position = summary.ok()["summary"]["position"].as_u64().unwrap();

    // The program sends the key of a file.
    let (file, key_file) = (shop.data.path().join("lines"), shop.data.path().join("key"));
    std::fs::write(&file, line.to_string()).unwrap();
    let import = async |key: &str| {
        std::fs::write(&key_file, format!("{key}\n")).unwrap();
        let launch = Launch::new(Program::Orderlog).args(["import"]).args([&file]);
        let launch = launch.args(["--url", shop.nobody.base(), "--token-file"]).args([&key_file]);
        launch.run().await
    };
    let refused = import("olk_nonsense").await;
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("401"));
    let key = keys(&shop.data, &["create", "--name", "loader", "--role", "import"]).await;
    tokio::time::sleep(identity::MAX_AGE).await;
    let imported = String::from_utf8(import(&key).await.stdout).unwrap();
    assert!(imported.contains("\"unchanged\":1"), "{imported}");
    let history = shop.staff.get_at(&format!("/v1/orders/{order}/history"), position).await.ok();
    assert_eq!(history["data"][0]["actor"], "jwt:loader");
    shop.server.stop().await;
}

#[tokio::test]
async fn without_authentication_only_loopback_is_served() {
    let data = TempDir::new().unwrap();
    let public = ["--listen", "0.0.0.0:0", "--data-dir"];
    let refused = Launch::new(Program::Orderlog).args(public).args([data.path()]).try_serve().await;
    assert!(refused.unwrap_err().contains("--auth"));
    let off =
        Launch::new(Program::Orderlog).args(public).args([data.path()]).args(["--auth", "off"]);
    off.serve().await.stop().await;
    for (flags, said) in [
        (&["--auth", "off,keys"][..], "give it alone"),
        (&["--auth", "jwks"][..], "needs --auth-jwks"),
        (&["--auth", "nonsense"][..], "jwks"),
        (&["--auth-issuer", "x"][..], "not used"),
    ] {
        let refused = Launch::orderlog(data.path()).args(flags).try_serve().await.unwrap_err();
        assert!(refused.contains(said), "{flags:?}: {refused}");
    }
}
