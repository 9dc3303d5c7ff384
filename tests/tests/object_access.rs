//! Another customer's order, by every route of the served document and every role; and what a caller may set and see of
//! its own (OWASP API Security Top 10: API1, API3).

#![allow(clippy::unwrap_used, missing_docs)]

use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use system_tests::auth::{self, AUDIENCE, ISSUER, token};
use system_tests::client::{Answer, Client};
use system_tests::orders::{line, new_id, path, placed};
use system_tests::server::{Launch, Server};
use tempfile::TempDir;

/// Text that only the owner's order holds.
const PRIVATE: &str = "Ada Lovelace of the order";

struct Shop {
    _data: TempDir,
    server: Server,
    nobody: Client,
    order: String,
    position: u64,
}

impl Shop {
    /// A server with one order of the customer `c-ada`.
    async fn open() -> Self {
        let data = TempDir::new().unwrap();
        let server = Launch::orderlog(data.path())
            .args(["--auth", "hs256", "--auth-issuer", ISSUER, "--auth-audience", AUDIENCE])
            .args(["--auth-secret-file"])
            .args([auth::secret_file()])
            // The caller of all routes asks for more heavy work than callers usually may.
            .args(["--rate-limit", "heavy=10000"])
            .serve()
            .await;
        let nobody = server.client().await.without_token();
        let ada = nobody.bearing(&token("ada", &["customer"], Some("c-ada")));
        let id = new_id();
        let mut body = placed(id, "c-ada");
        body["customer"]["name"] = json!(PRIVATE);
        let position = ada.post("/v1/orders", &body).await.token();
        ada.get_at(&format!("/v1/orders/{id}"), position).await.ok();
        Self { _data: data, server, nobody, order: id.to_string(), position }
    }

    fn caller(&self, roles: &[&str], customer: Option<&str>) -> Client {
        self.nobody.bearing(&token("eve", roles, customer))
    }
}

/// Every route of the document, with the order's id and its customer's in the path.
fn routes(document: &Value, order: &str) -> Vec<(Method, String)> {
    let mut routes = Vec::new();
    for (route, operations) in document["paths"].as_object().unwrap() {
        let id = if route.starts_with("/v1/customers") { "c-ada" } else { order };
        let at = route.replace("{id}", id).replace("{product_id}", "tea").replace("{file}", "x");
        for method in operations.as_object().unwrap().keys() {
            // A stream has no end, and begins with what comes after.
            if route != "/v1/events/stream" {
                routes.push((method.to_uppercase().parse().unwrap(), at.clone()));
            }
        }
    }
    routes
}

async fn ask(caller: &Client, method: &Method, path: &str) -> Answer {
    let body = (*method == Method::POST).then(|| bytes::Bytes::from_static(b"{}"));
    caller.ask(method.clone(), path, &[], body).await
}

/// All roles and pairs of roles that are not staff's, with no customer, another one, and ones that look like it.
#[tokio::test]
async fn no_route_shows_or_changes_another_customers_order() {
    let shop = Shop::open().await;
    let document = shop.nobody.get("/openapi.json").await.ok();
    let routes = routes(&document, &shop.order);
    assert!(routes.len() > 25, "{routes:?}");
    let mut asked = 0;
    for roles in [
        &[][..],
        &["customer"],
        &["import"],
        &["operator"],
        &["customer", "import"],
        &["customer", "operator"],
        &["import", "operator"],
        &["root"],
    ] {
        for customer in [None, Some("c-eve"), Some("C-ADA"), Some("c-ad"), Some("c-ada2")] {
            let eve = shop.caller(roles, customer);
            for (method, path) in &routes {
                let answer = ask(&eve, method, path).await;
                let (text, status) = (answer.text(), answer.status);
                asked += 1;
                assert!(status < 500, "{roles:?} {customer:?} {method} {path}: {text}");
                assert!(!text.contains(PRIVATE), "{roles:?} {customer:?} {method} {path}: {text}");
                if path.contains(&shop.order) {
                    let refused = matches!(status, 400 | 403 | 404 | 422);
                    assert!(refused, "{roles:?} {customer:?} {method} {path}: {status} {text}");
                }
            }
        }
    }
    println!("{asked} requests");
    let ada = shop.caller(&["customer"], Some("c-ada"));
    let seen = ada.get_at(&format!("/v1/orders/{}", shop.order), shop.position).await.ok();
    assert_eq!((seen["version"].as_u64(), &seen["customer"]["name"]), (Some(1), &json!(PRIVATE)));
    shop.server.stop().await;
}

/// Members that a client may not set are refused, wherever they stand; none is taken in silence.
#[tokio::test]
async fn no_member_is_set_by_naming_it() {
    let shop = Shop::open().await;
    let ada = shop.caller(&["customer"], Some("c-ada"));
    let seen = ada.get(&format!("/v1/orders/{}", shop.order)).await.ok();
    let known: BTreeSet<&str> =
        ["order_id", "customer", "currency", "lines", "draft", "note"].into();
    let shown = seen.as_object().unwrap().keys().map(String::as_str);
    let foreign = ["owner", "actor", "roles", "is_admin", "customer_id", "erased_at", "__proto__"];
    let names: Vec<&str> = shown.chain(foreign).filter(|name| !known.contains(name)).collect();
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        let value = seen.get(name).cloned().unwrap_or(json!("x"));
        let mut body = placed(new_id(), "c-ada");
        body[name] = value.clone();
        let problem = ada.post("/v1/orders", &body).await.problem(422, "validation");
        assert_eq!(problem["errors"][0]["pointer"], format!("/{name}"), "{problem}");
        let mut body = placed(new_id(), "c-ada");
        body["lines"][0][format!("{name}_")] = value.clone();
        ada.post("/v1/orders", &body).await.problem(422, "validation");
        let note = json!({"text": "x", name: value});
        let order = shop.order.parse().unwrap();
        ada.post(&path(order, "add-note"), &note).await.problem(422, "validation");
    }
    // A price is what the order says, not what a total says.
    let mut body = placed(new_id(), "c-ada");
    body["lines"] = json!([{"line_total": "0.01", "product_id": "tea", "name": "Tea", "quantity": 1, "unit_price": "9.00"}]);
    ada.post("/v1/orders", &body).await.problem(422, "validation");
    body["lines"] = json!([line("tea", 1, "9.00")]);
    let made = ada.post("/v1/orders", &body).await.expect(201);
    assert_eq!(made["version"], 1);
    shop.server.stop().await;
}

/// An answer has the members that its schema lists, and no more, for every caller.
#[tokio::test]
async fn no_answer_has_members_that_the_document_does_not_list() {
    let shop = Shop::open().await;
    let document = shop.nobody.get("/openapi.json").await.ok();
    for (roles, customer) in
        [(&["customer"][..], Some("c-ada")), (&["staff"], None), (&["admin"], None)]
    {
        let caller = shop.caller(roles, customer);
        for (route, at) in [
            ("/v1/orders/{id}", format!("/v1/orders/{}", shop.order)),
            ("/v1/orders", "/v1/orders".to_owned()),
            ("/v1/customers/{id}", "/v1/customers/c-ada".to_owned()),
        ] {
            let body = caller.get_at(&at, shop.position).await.ok();
            let answers = &document["paths"][route]["get"]["responses"]["200"]["content"];
            let schema = &answers["application/json"]["schema"];
            let mut unlisted = Vec::new();
            compare(&document, schema, &body, "", &mut unlisted);
            assert!(unlisted.is_empty(), "{roles:?} {route}: {unlisted:?}");
        }
    }
    shop.server.stop().await;
}

/// Notes each member of the value that no branch of the schema lists.
fn compare(document: &Value, schema: &Value, value: &Value, at: &str, unlisted: &mut Vec<String>) {
    let schema = resolved(document, schema);
    match value {
        Value::Object(members) => {
            let schemas = branches(document, schema);
            let is_open = schemas.iter().any(|its| its["additionalProperties"].is_object());
            for (name, member) in members {
                let listed = schemas.iter().map(|its| &its["properties"][name]);
                match listed.into_iter().find(|its| !its.is_null()) {
                    Some(its) => compare(document, its, member, &format!("{at}/{name}"), unlisted),
                    None if is_open => {}
                    None => unlisted.push(format!("{at}/{name}")),
                }
            }
        }
        Value::Array(values) => {
            let schemas = branches(document, schema);
            let items = schemas.iter().map(|its| &its["items"]).find(|its| !its.is_null());
            for value in values {
                compare(document, items.unwrap_or(&Value::Null), value, at, unlisted);
            }
        }
        _ => {}
    }
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(name) => resolved(document, document.pointer(&name[1..]).unwrap()),
        None => schema,
    }
}

/// The schema, and those that it consists of or chooses from.
fn branches<'a>(document: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    let schema = resolved(document, schema);
    let parts = ["allOf", "oneOf", "anyOf"].into_iter();
    let parts = parts.filter_map(|name| schema[name].as_array()).flatten();
    let mut all = vec![schema];
    all.extend(parts.flat_map(|part| branches(document, part)));
    all
}
