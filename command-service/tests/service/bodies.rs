//! Refused bodies, one case on each line: command, body, and the fields that the answer names.

use crate::rig::Rig;
use ::rig::log::Log;
use axum::body::Body;
use axum::http::Request;
use serde_json::Value;

const ORDER: &str = "/v1/orders/0190d3c4-7b5e-7cc1-9d5e-0c9f6a3b1e10/";

/// Command ("" = create), body, and the pointers with their codes.
type Case<'a> = (&'a str, String, &'a [(&'a str, &'a str)]);

fn named(errors: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let errors = errors.as_array().unwrap();
    errors.iter().map(|error| (text(&error["pointer"]), text(&error["code"]))).collect()
}

/// Members of a valid creation, in which `change` replaces one.
fn create(change: &str) -> String {
    let name = change.split(':').next().unwrap();
    let members = [
        r#""customer":{"id":"c-1"}"#,
        r#""currency":"USD""#,
        r#""lines":[{"product_id":"p","name":"n","quantity":1,"unit_price":"1"}]"#,
    ];
    let kept = members.iter().filter(|member| !member.starts_with(&format!("{name}:")));
    let all: Vec<_> = kept.copied().chain((!change.is_empty()).then_some(change)).collect();
    format!("{{{}}}", all.join(","))
}

fn line(change: &str) -> String {
    let name = change.split(':').next().unwrap();
    let members =
        [r#""product_id":"p""#, r#""name":"n""#, r#""quantity":1"#, r#""unit_price":"1""#];
    let kept = members.iter().filter(|member| !member.starts_with(&format!("{name}:")));
    let all: Vec<_> = kept.copied().chain((!change.is_empty()).then_some(change)).collect();
    format!("{{{}}}", all.join(","))
}

#[tokio::test]
async fn a_body_that_is_no_json_document_is_malformed() {
    let rig = Rig::on(Log::sqlite()).await;
    let deep = format!("{}{}", "[".repeat(17), "]".repeat(17));
    let cases: [&[u8]; 10] = [
        b"",
        b" ",
        b"{",
        b"{}{}",
        b"{\"text\":\"\xff\"}",
        b"{\"text\":\"\\ud800\"}",
        b"{'text':1}",
        b"{\"text\":01}",
        b"\xef\xbb\xbf{}",
        deep.as_bytes(),
    ];
    for path in ["/v1/orders".to_owned(), format!("{ORDER}add-note"), format!("{ORDER}confirm")] {
        for case in cases {
            let answer = rig.post(&path, case.to_vec()).await;
            assert_eq!(answer.problem(), (400, "malformed-json".to_owned()), "{path} {case:?}");
        }
    }
    assert_eq!(rig.events().await, 0);
}

/// The amount is reported as malformed although its currency is not known.
fn broken_line_and_currency() -> String {
    let line = r#"{"product_id":"p","quantity":1,"unit_price":"x"}"#;
    format!(r#"{{"customer":{{"id":"c"}},"currency":"usd","lines":[{line}]}}"#)
}

/// Asserts that each body is refused for exactly these fields, and that nothing is stored.
async fn refuse_all(cases: &[Case<'_>]) {
    let rig = Rig::on(Log::sqlite()).await;
    for (command, body, expected) in cases {
        let path =
            if command.is_empty() { "/v1/orders".into() } else { format!("{ORDER}{command}") };
        let answer = rig.post(&path, body.clone()).await;
        assert_eq!(answer.problem(), (422, "validation".to_owned()), "{command} {body}");
        let found = named(&answer.json()["errors"]);
        let found: Vec<_> = found.iter().map(|(at, code)| (at.as_str(), code.as_str())).collect();
        assert_eq!(found, *expected, "{command} {body:.200}");
    }
    assert_eq!(rig.events().await, 0);
}

#[tokio::test]
async fn members_are_all_known_present_and_of_their_type() {
    refuse_all(&[
        ("add-note", "[]".into(), &[("", "wrong-type")]),
        ("add-note", "null".into(), &[("", "wrong-type")]),
        ("add-note", "7".into(), &[("", "wrong-type")]),
        ("add-note", "{}".into(), &[("/text", "required")]),
        ("add-note", r#"{"text":null}"#.into(), &[("/text", "wrong-type")]),
        ("add-note", r#"{"text":1}"#.into(), &[("/text", "wrong-type")]),
        ("add-note", r#"{"text":"a","a/b~c":1}"#.into(), &[("/a~1b~0c", "unknown-member")]),
        ("add-note", r#"{"text":"a","text":"b"}"#.into(), &[("/text", "repeated-member")]),
        ("add-note", r#"{"text":1e400}"#.into(), &[("/text", "out-of-range")]),
        ("confirm", r#"{"a":1}"#.into(), &[("/a", "unknown-member")]),
        ("discard", "[]".into(), &[("", "wrong-type")]),
        ("place", r#"{"expected_total":10.5}"#.into(), &[("/expected_total", "wrong-type")]),
    ])
    .await;
}

#[tokio::test]
async fn whole_numbers_are_whole_and_in_range() {
    refuse_all(&[
        ("remove-line", r#"{"line_id":"1"}"#.into(), &[("/line_id", "wrong-type")]),
        ("remove-line", r#"{"line_id":1.0}"#.into(), &[("/line_id", "wrong-type")]),
        ("remove-line", r#"{"line_id":9223372036854775808}"#.into(), &[("/line_id", "wrong-type")]),
        ("remove-line", r#"{"line_id":0}"#.into(), &[("/line_id", "out-of-range")]),
        ("remove-line", r#"{"line_id":-1}"#.into(), &[("/line_id", "out-of-range")]),
        (
            "change-line-quantity",
            r#"{"line_id":4294967297,"quantity":100001}"#.into(),
            &[("/line_id", "out-of-range"), ("/quantity", "out-of-range")],
        ),
    ])
    .await;
}

#[tokio::test]
async fn texts_and_ids_keep_their_rules() {
    let long = |length: usize| "x".repeat(length);
    refuse_all(&[
        ("add-note", r#"{"text":""}"#.into(), &[("/text", "too-short")]),
        ("add-note", format!(r#"{{"text":"{}"}}"#, long(2_001)), &[("/text", "too-long")]),
        ("add-note", r#"{"text":"a\u0000"}"#.into(), &[("/text", "invalid-characters")]),
        ("add-note", r#"{"text":"a\u202e"}"#.into(), &[("/text", "invalid-characters")]),
        ("add-note", r#"{"text":"a\u200b"}"#.into(), &[("/text", "invalid-characters")]),
        ("cancel", format!(r#"{{"reason":"{}"}}"#, long(501)), &[("/reason", "too-long")]),
        ("deliver", r#"{"shipment_id":"a b"}"#.into(), &[("/shipment_id", "invalid-characters")]),
        ("deliver", r#"{"shipment_id":"é"}"#.into(), &[("/shipment_id", "invalid-characters")]),
        (
            "deliver",
            format!(r#"{{"shipment_id":"{}"}}"#, long(65)),
            &[("/shipment_id", "too-long")],
        ),
    ])
    .await;
}

#[tokio::test]
async fn amounts_are_plain_decimals_of_a_known_currency() {
    refuse_all(&[
        (
            "record-payment",
            r#"{"payment_id":"","amount":"0","currency":"XAU","method":""}"#.into(),
            &[
                ("/payment_id", "too-short"),
                ("/amount", "out-of-range"),
                ("/currency", "unknown-currency"),
                ("/method", "too-short"),
            ],
        ),
        (
            "record-refund",
            r#"{"refund_id":"r","amount":"-1","currency":"usd"}"#.into(),
            &[("/amount", "out-of-range"), ("/currency", "unknown-currency")],
        ),
        (
            "record-payment",
            r#"{"payment_id":"p","amount":"1,000.00"}"#.into(),
            &[("/amount", "invalid-format")],
        ),
        (
            "record-payment",
            r#"{"payment_id":"p","amount":"1.00001"}"#.into(),
            &[("/amount", "too-precise")],
        ),
        ("add-line", line(r#""unit_price":"1e3""#), &[("/unit_price", "invalid-format")]),
        ("add-line", line(r#""unit_price":5"#), &[("/unit_price", "wrong-type")]),
    ])
    .await;
}

#[tokio::test]
async fn the_lines_of_a_shipment_are_read_one_by_one() {
    refuse_all(&[
        ("ship", r#"{"shipment_id":"s","lines":[]}"#.into(), &[("/lines", "too-few")]),
        (
            "ship",
            r#"{"shipment_id":"s","lines":[{"line_id":1},{"quantity":0,"line_id":1},7]}"#.into(),
            &[
                ("/lines/0/quantity", "required"),
                ("/lines/1/quantity", "out-of-range"),
                ("/lines/2", "wrong-type"),
            ],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_new_order_is_checked_down_to_its_lines() {
    let lines = |count: usize| format!("\"lines\":[{}]", vec![line(""); count].join(","));
    let priced = |price: &str| format!("\"lines\":[{}]", line(&format!("\"unit_price\":{price}")));
    refuse_all(&[
        (
            "",
            "{}".into(),
            &[("/customer", "required"), ("/currency", "required"), ("/lines", "required")],
        ),
        ("", create(r#""order_id":"7""#), &[("/order_id", "invalid-format")]),
        (
            "",
            create(r#""order_id":"00000000-0000-0000-0000-000000000000""#),
            &[("/order_id", "invalid-format")],
        ),
        (
            "",
            create(r#""order_id":"0190d3c47b5e7cc19d5e0c9f6a3b1e10""#),
            &[("/order_id", "invalid-format")],
        ),
        (
            "",
            create(r#""customer":{"id":"","nick":"x"}"#),
            &[("/customer/nick", "unknown-member"), ("/customer/id", "too-short")],
        ),
        ("", create(r#""currency":"XXX""#), &[("/currency", "unknown-currency")]),
        ("", create(r#""draft":"yes""#), &[("/draft", "wrong-type")]),
        ("", create(r#""lines":{}"#), &[("/lines", "wrong-type")]),
        ("", create(r#""lines":[]"#), &[("/lines", "empty-order")]),
        ("", create(&lines(2_001)), &[("/lines", "too-many")]),
        ("", create(&priced("\"10.005\"")), &[("/lines/0/unit_price", "too-precise")]),
        ("", create(&priced("10")), &[("/lines/0/unit_price", "wrong-type")]),
        ("", create(&priced("\"-1\"")), &[("/lines/0/unit_price", "out-of-range")]),
        ("", create(&priced("\"90071992547409.92\"")), &[("/lines/0/unit_price", "out-of-range")]),
        (
            "",
            broken_line_and_currency(),
            &[
                ("/currency", "unknown-currency"),
                ("/lines/0/name", "required"),
                ("/lines/0/unit_price", "invalid-format"),
            ],
        ),
    ])
    .await;
}

#[tokio::test]
async fn an_answer_names_a_bounded_number_of_errors() {
    let rig = Rig::on(Log::sqlite()).await;
    let members: Vec<_> = (0..5_000).map(|n| format!("\"m{n}\":1")).collect();
    let answer = rig.post("/v1/orders", format!("{{{}}}", members.join(","))).await;
    assert_eq!(answer.json()["errors"].as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn what_is_not_plain_json_under_the_limit_is_refused_by_its_head() {
    let rig = Rig::on(Log::sqlite()).await;
    let path = format!("{ORDER}confirm");
    let send = |headers: &'static [(&str, &str)], body: Vec<u8>| {
        let mut request = Request::post(&path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        rig.send(request.body(Body::from(body)).unwrap())
    };
    let unsupported = (415, "unsupported-media-type".to_owned());
    assert_eq!(send(&[], b"{}".to_vec()).await.problem(), unsupported);
    assert_eq!(
        send(&[("content-type", "text/plain")], b"{}".to_vec()).await.problem(),
        unsupported
    );
    let encoded = &[("content-type", "application/json"), ("content-encoding", "gzip")];
    assert_eq!(send(encoded, b"{}".to_vec()).await.problem(), unsupported);
    let json = &[("content-type", "application/json; charset=utf-8")];
    assert_eq!(send(json, b"{}".to_vec()).await.problem().0, 404);
    for charset in ["utf8", "UTF-8", "\"Utf8\""] {
        let typed = format!("application/json; charset={charset}");
        let request = Request::post(&path).header("content-type", typed).body(Body::from("{}"));
        assert_eq!(rig.send(request.unwrap()).await.problem().0, 404, "{charset}");
    }
    let other = &[("content-type", "application/json; charset=iso-8859-1")];
    assert_eq!(send(other, b"{}".to_vec()).await.problem(), unsupported);
    let large = vec![b' '; (1 << 20) + 1];
    assert_eq!(send(json, large).await.problem(), (413, "payload-too-large".to_owned()));
}
