//! Requests with a marker in each place where a client can put text.

use crate::CANARY;
use serde_json::{Value, json};
use system_tests::orders::{line, new_id, placed};

/// The name of every import.
pub const IMPORT: &str = "an import";

/// A request as it goes out.
pub struct Sent {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// A text that stands in one place only.
pub fn marker(place: &str) -> String {
    format!("{CANARY}-{place}")
}

/// A request line and header fields, with the credentials.
fn request(name: &str, line: &str, fields: &str, credentials: &str, body: &[u8]) -> Sent {
    let length =
        if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let head = format!(
        "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {credentials}\r\n{fields}{length}\r\n"
    );
    Sent { name: name.to_owned(), bytes: [head.as_bytes(), body].concat() }
}

/// Every request.
pub fn everything(credentials: &str) -> Vec<Sent> {
    let mut all = Vec::new();
    all.extend(in_paths(credentials));
    all.extend(in_headers(credentials));
    all.extend(in_credentials());
    all.extend(in_bodies(credentials));
    all.extend(in_imports(credentials));
    all.extend(in_no_request());
    all
}

fn in_paths(credentials: &str) -> Vec<Sent> {
    let order = new_id();
    let lines = [
        format!("GET /v1/orders/{}", marker("order-id")),
        format!("GET /v1/orders/{}/history", marker("order-id-2")),
        format!("POST /v1/orders/{}/place", marker("order-id-3")),
        format!("GET /v1/customers/{}", marker("customer-id")),
        format!("GET /v1/customers/{}/orders", marker("customer-id-2")),
        format!("GET /v1/customers/%0a{}", marker("customer-id-3")),
        format!("GET /v1/products/{}?currency=USD", marker("product-id")),
        format!("GET /{}", marker("nowhere")),
        format!("PUT /v1/orders/{}", marker("method")),
        format!("GET /docs/{}.js", marker("docs")),
        format!("GET /%zz{}", marker("undecodable")),
        format!("GET /{}{}", marker("long"), "x".repeat(9_000)),
    ];
    let names = [
        "limit",
        "cursor",
        "customer_id",
        "status",
        "sort",
        "placed_from",
        "access_token",
        "token",
        "as_of",
        "known_at",
        "version",
        "include",
        "currency",
        "after",
        "wait",
        "email",
        "unknown",
    ];
    let routes =
        ["/v1/orders", "/v1/events", "/v1/reports/sales", "/v1/products", "/v1/customers/c/orders"];
    let queries = names.iter().flat_map(|name| {
        let order = format!("/v1/orders/{order}");
        let routes = routes.iter().map(|route| (*route).to_owned()).chain([order]);
        routes.map(move |route| format!("GET {route}?{name}={}", marker(&format!("query-{name}"))))
    });
    let names = [format!("GET /v1/orders?{}=1", marker("query-name"))];
    let lines = lines.into_iter().chain(queries).chain(names);
    lines.map(|line| request(&line, &line, "", credentials, b"")).collect()
}

fn in_headers(credentials: &str) -> Vec<Sent> {
    let names = [
        "Cookie",
        "Referer",
        "User-Agent",
        "Origin",
        "From",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Real-Ip",
        "Forwarded",
        "Via",
        "Proxy-Authorization",
        "X-Api-Key",
        "Traceparent",
        "Tracestate",
        "Baggage",
        "If-Match",
        "If-None-Match",
        "Consistency-Token",
        "Prefer",
        "Last-Event-ID",
        "Accept",
        "Accept-Language",
        "Content-Type",
        "Content-Encoding",
        "Expect",
        "Idempotency-Key",
        "Range",
        "X-Anything",
        "Upgrade",
        "TE",
    ];
    let mut all = Vec::new();
    let order = placed(new_id(), "c-1").to_string();
    for name in names {
        let value = marker(&format!("header-{}", name.to_lowercase()));
        let field = format!("{name}: {value}\r\n");
        let json = if name == "Content-Type" { "" } else { "Content-Type: application/json\r\n" };
        all.push(request(&format!("GET with {name}"), "GET /v1/orders", &field, credentials, b""));
        all.push(request(
            &format!("events with {name}"),
            "GET /v1/events?limit=1",
            &field,
            credentials,
            b"",
        ));
        let fields = format!("{field}{json}");
        all.push(request(
            &format!("POST with {name}"),
            "POST /v1/orders",
            &fields,
            credentials,
            order.as_bytes(),
        ));
        let note = format!("POST /v1/orders/{}/add-note", new_id());
        all.push(request(
            &format!("note with {name}"),
            &note,
            &fields,
            credentials,
            b"{\"text\":\"x\"}",
        ));
    }
    for (name, value) in [
        ("X-Correlation-Id", format!("{} with spaces", marker("correlation"))),
        ("Idempotency-Key", format!("{}{}", marker("long-key"), "k".repeat(300))),
        ("Idempotency-Key", format!("{} \u{e4}", marker("odd-key"))),
        ("Prefer", format!("wait={}", marker("wait"))),
        ("Cookie", format!("session={}; other=1", marker("session"))),
        (&marker("header-name"), "1".to_owned()),
    ] {
        let fields = format!("{name}: {value}\r\nContent-Type: application/json\r\n");
        all.push(request(name, "POST /v1/orders", &fields, credentials, order.as_bytes()));
    }
    all
}

fn in_credentials() -> Vec<Sent> {
    let forged = system_tests::auth::token(&marker("forged"), &["admin"], None);
    let forged = format!("{}x", forged);
    let texts = [
        marker("bearer"),
        format!("olk_{}_{}", marker("key-id"), marker("key-secret")),
        format!("olk_aaaaaaaaaaaaaaaa_{}", marker("key-secret-2")),
        format!("{}.{}.{}", marker("jwt-head"), marker("jwt-claims"), marker("jwt-signature")),
        forged,
    ];
    texts.iter().map(|text| request("credentials", "GET /v1/orders", "", text, b"")).collect()
}

fn post(name: &str, path: &str, credentials: &str, body: &[u8]) -> Sent {
    let line = format!("POST {path}");
    request(name, &line, "Content-Type: application/json\r\n", credentials, body)
}

/// A customer of whom everything is marked.
fn person() -> Value {
    json!({"id": marker("customer"), "name": marker("name"),
        "email": format!("{}@shop.example", marker("email"))})
}

fn in_bodies(credentials: &str) -> Vec<Sent> {
    let (good, id) = (placed(new_id(), "c"), new_id());
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body["order_id"] = json!(new_id());
        body[name] = value;
        body
    };
    let mut personal = with("customer", person());
    personal["order_id"] = json!(id);
    let mut bodies = vec![("a person", personal.clone()), ("the same order again", personal)];
    for value in [json!(marker("wrong")), json!([marker("list")]), json!({"a": marker("object")})] {
        for name in ["order_id", "customer", "currency", "lines", "draft", "unknown"] {
            bodies.push(("a member of another kind", with(name, value.clone())));
        }
    }
    bodies.push((
        "a name too long",
        with("customer", json!({"id": "c", "name": marker("long-name").repeat(100)})),
    ));
    bodies.push((
        "no e-mail address",
        with("customer", json!({"id": "c", "email": marker("no-email")})),
    ));
    bodies.push((
        "an odd name",
        with("customer", json!({"id": "c", "name": format!("{}\u{7}", marker("odd"))})),
    ));
    bodies.push(("an odd id", with("customer", json!({"id": format!("{} x", marker("odd-id"))}))));
    bodies.push(("a price", with("lines", json!([line("tea", 1, &marker("price"))]))));
    bodies.push(("a quantity", with("lines", json!([{"product_id": "tea", "name": "Tea", "quantity": marker("quantity"), "unit_price": "1.00"}]))));
    bodies.push((
        "a product",
        with("lines", json!([line(&format!("{} !", marker("product")), 1, "1.00")])),
    ));
    bodies.push(("a member's name", with(&marker("member"), json!(1))));
    let mut all: Vec<Sent> = bodies
        .into_iter()
        .map(|(name, body)| post(name, "/v1/orders", credentials, body.to_string().as_bytes()))
        .collect();
    let at = |command: &str| format!("/v1/orders/{id}/{command}");
    let commands = [
        ("add-note", json!({"text": marker("note")})),
        ("add-note", json!({"text": marker("long-note").repeat(2_000)})),
        ("add-note", json!({"text": marker("note-2"), "author": marker("author")})),
        ("confirm", json!({"unknown": marker("confirm")})),
        ("confirm", json!({})),
        (
            "record-payment",
            json!({"payment_id": marker("payment"), "amount": "1.00", "method": marker("method")}),
        ),
        (
            "record-payment",
            json!({"payment_id": format!("{} !", marker("odd-payment")), "amount": marker("amount"), "method": "card"}),
        ),
        (
            "ship",
            json!({"shipment_id": "s-1", "carrier": marker("carrier"), "tracking_number": marker("tracking")}),
        ),
        ("deliver", json!({"shipment_id": marker("shipment")})),
        (
            "record-refund",
            json!({"refund_id": marker("refund"), "amount": "99999.00", "reason": marker("refund-reason")}),
        ),
        ("cancel", json!({"reason": marker("reason")})),
        ("change-line-quantity", json!({"line_id": marker("line-id"), "quantity": 1})),
    ];
    let commands = commands.iter();
    all.extend(
        commands
            .map(|(name, body)| post(name, &at(name), credentials, body.to_string().as_bytes())),
    );
    let raw: [(&str, Vec<u8>); 7] = [
        ("no JSON", marker("no-json").into_bytes()),
        ("cut JSON", format!("{{\"customer\": \"{}", marker("cut")).into_bytes()),
        ("an escape", format!("{{\"{}\\x\": 1}}", marker("escape")).into_bytes()),
        ("no UTF-8", [marker("no-utf8").as_bytes(), &[0xff, 0xfe]].concat()),
        ("a member twice", format!("{{\"{0}\": 1, \"{0}\": 2}}", marker("twice")).into_bytes()),
        ("deep", format!("{}\"{}\"", "[".repeat(200), marker("deep")).into_bytes()),
        ("text behind", format!("{} {}", placed(new_id(), "c"), marker("behind")).into_bytes()),
    ];
    all.extend(raw.iter().map(|(name, body)| post(name, "/v1/orders", credentials, body)));
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let fields = format!("password={}", marker("form"));
    all.push(request("a form", "POST /v1/orders", form, credentials, fields.as_bytes()));
    let version = "Content-Type: application/json\r\nIf-Match: \"99\"\r\n";
    let stale = json!({"text": marker("stale")}).to_string();
    all.push(request(
        "a stale version",
        &format!("POST {}", at("add-note")),
        version,
        credentials,
        stale.as_bytes(),
    ));
    let key = "Content-Type: application/json\r\nIdempotency-Key: the-same\r\n";
    for text in ["first-use", "second-use"] {
        let body = json!({"text": marker(text)}).to_string();
        all.push(request(
            text,
            &format!("POST {}", at("add-note")),
            key,
            credentials,
            body.as_bytes(),
        ));
    }
    all
}

fn in_imports(credentials: &str) -> Vec<Sent> {
    let mut body = placed(new_id(), "c");
    body.as_object_mut().unwrap().remove("order_id");
    body["customer"] = person();
    let good = json!({"order_id": new_id(), "at": "2024-03-03T00:00:00Z", "command": "create", "body": body});
    let bad = |name: &str, value: Value| {
        let mut line = good.clone();
        line["order_id"] = json!(new_id());
        line[name] = value;
        line.to_string()
    };
    let lines = [
        good.to_string(),
        marker("import-line"),
        bad("order_id", json!(marker("import-order"))),
        bad("command", json!(marker("import-command"))),
        bad("at", json!(marker("import-at"))),
        bad("body", json!(marker("import-body"))),
        bad("body", json!({"customer": person(), "currency": marker("import-currency")})),
        bad("key", json!(marker("import-key").repeat(40))),
        bad("stream", json!(marker("import-stream"))),
        bad(&marker("import-member"), json!(1)),
    ];
    let kind = "Content-Type: application/x-ndjson\r\n";
    // One line of each request: what an answer says of good lines is no error.
    let import =
        |line: &String| request(IMPORT, "POST /v1/import", kind, credentials, line.as_bytes());
    lines.iter().map(import).collect()
}

/// What is no request at all.
fn in_no_request() -> Vec<Sent> {
    let texts = [
        format!("{}\r\n\r\n", marker("no-request")),
        format!("GET /{} HTTP/9.9\r\n\r\n", marker("no-version")),
        format!("GET / HTTP/1.1\r\nHost: {0}\r\nHost: {0}\r\n\r\n", marker("host")),
        format!("GET / HTTP/1.1\r\nHost: x\r\n {}\r\n\r\n", marker("folded")),
        format!("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", marker("length")),
        format!("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {}\r\n\r\n", marker("coding")),
        format!("CONNECT {}:443 HTTP/1.1\r\nHost: x\r\n\r\n", marker("connect")),
        format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{}", marker("frames")),
    ];
    let named = texts
        .into_iter()
        .map(|text| Sent { name: "no request".to_owned(), bytes: text.into_bytes() });
    named.collect()
}
