//! Bad input, row by row, over real sockets: the expected status, no write, and no part of the input or of a database
//! message in the answer.

#![allow(clippy::unwrap_used, missing_docs)]

mod bodies;
mod protocol;

use bytes::Bytes;
use reqwest::Method;
use serde_json::{Value, json};
use system_tests::checker;
use system_tests::client::{Answer, Client, Headers};
use system_tests::orders::{self, new_id, path, place, placed};
use system_tests::server::Server;
use tempfile::TempDir;

/// Part of every bad text; no answer may repeat it.
pub const MARK: &str = "zq7mark";
/// Words that only a database or a panic would use.
const INSIDES: [&str; 8] =
    ["sqlite", "select ", "insert into", "constraint", "panicked", ".rs:", "serde", "unwrap"];

/// A server with one order, and the position, which no case may move.
pub struct Target {
    _data: TempDir,
    pub server: Server,
    pub client: Client,
    head: u64,
}

impl Target {
    pub async fn start() -> Self {
        let data = TempDir::new().unwrap();
        let server = Server::start(data.path()).await;
        let client = server.client().await;
        place(&client, "first").await;
        let head = checker::head(&client).await;
        Self { _data: data, server, client, head }
    }

    pub fn host(&self) -> &str {
        self.server.host()
    }

    /// POSTs to `/v1/orders`, as JSON unless the headers say otherwise.
    pub async fn post(&self, headers: Headers<'_>, body: impl Into<Bytes>) -> Answer {
        self.client.ask(Method::POST, "/v1/orders", headers, Some(body.into())).await
    }

    /// Asserts that nothing was written and the server is as healthy as before.
    pub async fn is_untouched(&self, case: &str) {
        assert_eq!(checker::head(&self.client).await, self.head, "{case}: something was written");
    }

    /// As [`Target::is_untouched`], and asserts that each entry of the programs' logs is one line.
    pub async fn ends(self) {
        self.is_untouched("at the end").await;
        let log = self.server.log().clone();
        self.server.stop().await;
        log_lines_are_whole(&log.lines());
    }
}

/// Every line is one entry, except the line for people.
pub fn log_lines_are_whole(lines: &[String]) {
    for line in lines.iter().filter(|line| !line.starts_with("listening on ")) {
        let entry: Result<Value, _> = serde_json::from_str(line);
        assert!(entry.is_ok_and(|entry| entry.is_object()), "not one entry a line: {line}");
    }
}

/// Asserts that the text repeats no input and shows nothing of the inside.
pub fn says_nothing(case: &str, body: &str) {
    assert!(!body.contains(MARK), "{case}: echoed: {body}");
    let lower = body.to_lowercase();
    for word in INSIDES {
        assert!(!lower.contains(word), "{case}: {word:?} in {body}");
    }
}

#[tokio::test]
async fn types_and_encodings_other_than_plain_json_are_refused() {
    let target = Target::start().await;
    let body = placed(new_id(), "c").to_string();
    for kind in [
        "",
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "application/jsonp",
    ] {
        let refused = target.post(&[("Content-Type", kind)], body.clone()).await;
        refused.problem(415, "unsupported-media-type");
        target.is_untouched(kind).await;
    }
    for encoding in ["gzip", "br", "deflate", "zstd", MARK] {
        let headers = [("Content-Type", "application/json"), ("Content-Encoding", encoding)];
        let refused = target.post(&headers, body.clone()).await;
        refused.problem(415, "unsupported-media-type");
        says_nothing(encoding, &refused.text());
        target.is_untouched(encoding).await;
    }
    let import = [("Content-Type", "application/json")];
    let refused = target.client.ask(Method::POST, "/v1/import", &import, Some("{}".into())).await;
    refused.problem(415, "unsupported-media-type");
    target.ends().await;
}

#[tokio::test]
async fn texts_with_quotes_sql_line_breaks_and_emoji_are_kept_byte_for_byte_or_refused() {
    let target = Target::start().await;
    let hostile = [
        "Robert'); DROP TABLE events;--",
        "\"quoted\" \\ back\\slash",
        "${jndi:ldap://x/y} {{7*7}} %s %n",
        "<script>alert(1)</script>",
        "emoji 🧾🫖 and 𝒎𝒂𝒕𝒉",
        "İstanbul ß ﬁ",
        "' OR 1=1; --",
        "line\r\nbreak: forged",
        "\u{1b}[31mred\u{1b}[0m",
    ];
    let (order, _) = place(&target.client, "texts").await;
    for text in hostile {
        let correlated = [("X-Correlation-Id", "hostile")];
        let answer = target
            .client
            .post_with(&path(order, "add-note"), &correlated, &json!({"text": text}))
            .await;
        if answer.status == 422 {
            answer.problem(422, "validation");
            continue;
        }
        answer.ok();
        let shown = target.client.get_at(&format!("/v1/orders/{order}"), answer.token()).await.ok();
        assert_eq!(shown["notes"].as_array().unwrap().last().unwrap()["text"], text);
        let named = json!({"customer": {"id": "texts", "name": text}, "currency": "USD",
            "lines": [orders::line("tea", 1, "1")]});
        let made = target.client.post("/v1/orders", &named).await;
        if text.contains('\n') {
            made.problem(422, "validation");
            continue;
        }
        let id = made.expect(201)["order_id"].as_str().unwrap().to_owned();
        let shown = target.client.get_at(&format!("/v1/orders/{id}"), made.token()).await.ok();
        assert_eq!(shown["customer"]["name"], text);
    }
    let log = target.server.log().clone();
    target.server.stop().await;
    log_lines_are_whole(&log.lines());
    assert!(!log.text().contains("DROP TABLE"), "texts of customers are not logged");
}

#[tokio::test]
async fn cursors_that_this_list_did_not_give_are_refused() {
    let target = Target::start().await;
    place(&target.client, "second").await;
    let page = async |query: &str| {
        let page = target.client.get(&format!("/v1/orders?limit=1{query}")).await.ok();
        page["next_cursor"].as_str().unwrap().to_owned()
    };
    let head = checker::head(&target.client).await;
    target.client.get_at("/v1/orders", head).await.ok();
    let own = page("").await;
    target.client.get(&format!("/v1/orders?limit=1&cursor={own}")).await.ok();
    let flipped: String = own
        .chars()
        .rev()
        .enumerate()
        .map(|(i, c)| if i == 9 { if c == 'A' { 'B' } else { 'A' } } else { c })
        .collect();
    let flipped: String = flipped.chars().rev().collect();
    for (case, query) in [
        ("another sort", format!("currency=USD&sort=total&cursor={own}")),
        ("another filter", format!("currency=USD&cursor={own}")),
        ("forged", format!("cursor={flipped}")),
        ("cut", format!("cursor={}", &own[..own.len() / 2])),
        ("garbage", format!("cursor={MARK}")),
        ("empty", "cursor=".to_owned()),
        ("long", format!("cursor={}", "A".repeat(5000))),
    ] {
        let refused = target.client.get(&format!("/v1/orders?{query}")).await;
        refused.problem(400, "invalid-cursor");
        let detail = refused.json()["detail"].to_string();
        says_nothing(case, &detail);
    }
    let foreign = format!("/v1/customers/first/orders?cursor={own}");
    target.client.get(&foreign).await.problem(400, "invalid-cursor");
}

#[tokio::test]
async fn parameters_are_not_echoed_and_never_break_a_view() {
    let target = Target::start().await;
    for query in [
        format!("/v1/orders?status={MARK}"),
        format!("/v1/orders?placed_from={MARK}"),
        format!("/v1/orders?{MARK}=1"),
        format!("/v1/orders?customer_id={MARK}'--%20"),
        format!("/v1/orders?product_id=%00{MARK}"),
        format!("/v1/orders?sort={MARK}"),
        "/v1/orders?limit=99999999999999999999".to_owned(),
        "/v1/orders?limit=1&limit=2".to_owned(),
        "/v1/orders?as_of=9999-12-31T23:59:60Z".to_owned(),
        format!("/v1/reports/sales?interval=day&from={MARK}"),
        format!("/v1/reports/sales?interval=day&currency={MARK}"),
        format!("/v1/products?sort={MARK}"),
        "/v1/events?after=18446744073709551616".to_owned(),
        format!("/v1/projections?{MARK}=1"),
    ] {
        let refused = target.client.get(&query).await;
        assert_eq!(refused.status, 400, "{query}: {}", refused.text());
        says_nothing(&query, &refused.json()["detail"].to_string());
        says_nothing(&query, &refused.json()["title"].to_string());
    }
    target.ends().await;
}
