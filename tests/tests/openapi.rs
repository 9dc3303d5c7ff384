//! The served document: OpenAPI 3.1, every route of the contract in it, and a page to try it that loads nothing from
//! elsewhere.
//!
//! The clients of these tests assert that every status they see is in it.

#![allow(clippy::unwrap_used, missing_docs)]

use system_tests::server::Server;
use tempfile::TempDir;

const COMMANDS: [&str; 12] = [
    "add-line",
    "change-line-quantity",
    "remove-line",
    "place",
    "discard",
    "confirm",
    "record-payment",
    "record-refund",
    "ship",
    "deliver",
    "cancel",
    "add-note",
];

const VIEWS: [&str; 18] = [
    "/",
    "/v1/orders",
    "/v1/orders/{}",
    "/v1/orders/{}/history",
    "/v1/orders/{}/diff",
    "/v1/customers/{}",
    "/v1/customers/{}/orders",
    "/v1/customers/{}/personal-data",
    "/v1/products",
    "/v1/products/{}",
    "/v1/reports/sales",
    "/v1/reports/status-counts",
    "/v1/projections",
    "/v1/events",
    "/v1/events/stream",
    "/healthz",
    "/readyz",
    "/metrics",
];

/// A path template without the names of its parameters.
fn nameless(template: &str) -> String {
    let segments = template.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
    segments.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn the_document_names_every_route_of_the_contract() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let client = server.client().await;
    let document = client.contract().document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    let operations: Vec<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(|method| (method.clone(), nameless(path)))
        })
        .collect();
    let has = |method: &str, path: &str| operations.contains(&(method.to_owned(), path.to_owned()));
    for view in VIEWS {
        assert!(has("get", view), "GET {view}");
    }
    for command in COMMANDS {
        assert!(has("post", &format!("/v1/orders/{{}}/{command}")), "POST {command}");
    }
    assert!(has("post", "/v1/orders") && has("post", "/v1/import"));
    server.stop().await;
}

#[tokio::test]
async fn every_reference_in_the_document_leads_somewhere() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let client = server.client().await;
    let document = client.contract().document();
    let text = document.to_string();
    let references: Vec<&str> =
        text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(!references.is_empty());
    for reference in references {
        assert!(document.pointer(reference).is_some(), "{reference} leads nowhere");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let client = server.client().await;
    let root = client.get("/").await;
    assert_eq!((root.status, root.header("Location")), (307, Some("/docs")));
    let page = client.get("/docs").await;
    assert_eq!(page.status, 200);
    let html = page.text();
    for attribute in ["src=\"", "href=\""] {
        for asset in html.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(!asset.contains("//"), "{asset} is elsewhere");
            if !asset.starts_with("data:") {
                assert!(asset.starts_with("/docs/"), "{asset} is not named from the root");
                assert_eq!(client.get(asset).await.status, 200, "{asset}");
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn health_readiness_and_figures_are_served() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let client = server.client().await;
    client.get("/healthz").await.ok();
    client.get("/readyz").await.ok();
    let figures = client.get("/metrics").await;
    assert_eq!(figures.status, 200);
    assert!(figures.header("Content-Type").unwrap().starts_with("text/plain"));
    let text = figures.text();
    let typed = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let own: Vec<&str> =
        typed.filter(|name| name.starts_with("http_") || name.starts_with("orderlog_")).collect();
    assert!(own.contains(&"http_requests_total"), "{text}");
    for name in own {
        assert!(text.contains(&format!("# HELP {name} ")), "{name} is not explained");
    }
    server.stop().await;
}
