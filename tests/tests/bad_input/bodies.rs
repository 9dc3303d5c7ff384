//! Bodies that are not JSON, or JSON that is not a command.

use super::{MARK, Target, says_nothing};
use serde_json::{Value, json};
use system_tests::orders::{line, new_id, path, placed};

/// A good body of `POST /v1/orders` with one member set to something else, named by its pointer.
fn with(pointer: &str, value: Value) -> String {
    let mut body = placed(new_id(), "c");
    body["note"] = json!("n");
    body["customer"]["name"] = json!("n");
    *body.pointer_mut(pointer).unwrap() = value;
    body.to_string()
}

/// A good body with a member added to the object at the pointer.
fn plus(pointer: &str, member: &str, value: Value) -> String {
    let mut body = placed(new_id(), "c");
    body.pointer_mut(pointer).unwrap()[member] = value;
    body.to_string()
}

/// A good body without one member.
fn less(pointer: &str, member: &str) -> String {
    let mut body = placed(new_id(), "c");
    body.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(member);
    body.to_string()
}

#[tokio::test]
async fn what_is_not_json_is_malformed() {
    let target = Target::start().await;
    let good = placed(new_id(), "c").to_string();
    let deep = format!("{{\"note\":{}{}}}", "[".repeat(17), "]".repeat(17));
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("blank", b"  \n ".to_vec()),
        ("cut", good.as_bytes()[..good.len() - 1].to_vec()),
        ("bad syntax", format!("{{{MARK}: 1}}").into_bytes()),
        ("single quotes", format!("{{'{MARK}': 1}}").into_bytes()),
        ("a comma too many", b"{\"lines\": [1,]}".to_vec()),
        ("trailing bytes", format!("{good} {MARK}").into_bytes()),
        ("two documents", format!("{good}{good}").into_bytes()),
        ("bad UTF-8", [b"{\"note\":\"".as_slice(), b"\xff\xfe\"}"].concat()),
        ("overlong UTF-8", [b"{\"note\":\"".as_slice(), b"\xc0\xaf\"}"].concat()),
        ("a surrogate as UTF-8", [b"{\"note\":\"".as_slice(), b"\xed\xa0\x80\"}"].concat()),
        ("a lone surrogate", br#"{"note":"\ud800"}"#.to_vec()),
        ("a lone low surrogate", br#"{"note":"\udc00x"}"#.to_vec()),
        ("a surrogate twice", br#"{"note":"\ud800\ud800"}"#.to_vec()),
        ("a bare control character", b"{\"note\":\"a\nb\"}".to_vec()),
        ("a byte order mark", [b"\xef\xbb\xbf".as_slice(), good.as_bytes()].concat()),
        ("NaN", b"{\"note\": NaN}".to_vec()),
        ("nested 17 deep", deep.into_bytes()),
        ("nested 100 000 deep", "[".repeat(100_000).into_bytes()),
    ];
    for (case, body) in cases {
        let refused = target.post(&[], body).await;
        assert_eq!(refused.status, 400, "{case}: {}", refused.text());
        refused.problem(400, "malformed-json");
        says_nothing(case, &refused.text());
        target.is_untouched(case).await;
    }
    target.ends().await;
}

/// The case, the body, and the pointer that must be named.
fn unfit() -> Vec<(&'static str, String, &'static str)> {
    vec![
        ("customer missing", less("", "customer"), "/customer"),
        ("currency missing", less("", "currency"), "/currency"),
        ("lines missing", less("", "lines"), "/lines"),
        ("quantity missing", less("/lines/0", "quantity"), "/lines/0/quantity"),
        ("price missing", less("/lines/1", "unit_price"), "/lines/1/unit_price"),
        ("unknown member", plus("", MARK, json!(1)), ""),
        ("unknown member inside", plus("/lines/1", MARK, json!(1)), "/lines/1"),
        ("mistyped text", with("/note", json!(7)), "/note"),
        ("mistyped list", with("/lines", json!({})), "/lines"),
        ("mistyped object", with("/customer", json!("c")), "/customer"),
        ("mistyped flag", plus("", "draft", json!("yes")), "/draft"),
        ("null for a number", with("/lines/0/quantity", Value::Null), "/lines/0/quantity"),
        ("a float", with("/lines/0/quantity", json!(1.5)), "/lines/0/quantity"),
        (
            "above i64",
            with("/lines/0/quantity", json!(9_223_372_036_854_775_808_u64)),
            "/lines/0/quantity",
        ),
        ("a negative", with("/lines/0/quantity", json!(-1)), "/lines/0/quantity"),
        ("zero", with("/lines/0/quantity", json!(0)), "/lines/0/quantity"),
        ("above the bound", with("/lines/0/quantity", json!(100_001)), "/lines/0/quantity"),
        ("a number as text", with("/lines/0/quantity", json!("2")), "/lines/0/quantity"),
        ("money as a number", with("/lines/0/unit_price", json!(14.5)), "/lines/0/unit_price"),
        ("too many digits", with("/lines/0/unit_price", json!("10.005")), "/lines/0/unit_price"),
        ("grouped digits", with("/lines/0/unit_price", json!("1,000.00")), "/lines/0/unit_price"),
        ("an exponent", with("/lines/0/unit_price", json!("1e3")), "/lines/0/unit_price"),
        ("no digits", with("/lines/0/unit_price", json!("")), "/lines/0/unit_price"),
        ("half a number", with("/lines/0/unit_price", json!("1.")), "/lines/0/unit_price"),
        ("a negative price", with("/lines/0/unit_price", json!("-1.00")), "/lines/0/unit_price"),
        (
            "a price above the bound",
            with("/lines/0/unit_price", json!("90071992547409.92")),
            "/lines/0/unit_price",
        ),
        ("full-width digits", with("/lines/0/unit_price", json!("１０")), "/lines/0/unit_price"),
        ("a small currency", with("/currency", json!("usd")), "/currency"),
        ("gold", with("/currency", json!("XAU")), "/currency"),
        ("no currency", with("/currency", json!("XXX")), "/currency"),
        ("an id with a blank", with("/customer/id", json!("a b")), "/customer/id"),
        ("an id too long", with("/customer/id", json!("x".repeat(65))), "/customer/id"),
        ("an empty id", with("/lines/0/product_id", json!("")), "/lines/0/product_id"),
        ("an id of letters beyond ASCII", with("/customer/id", json!("café")), "/customer/id"),
        ("no UUID", with("/order_id", json!(MARK)), "/order_id"),
        ("a name too long", with("/lines/0/name", json!("x".repeat(201))), "/lines/0/name"),
        ("an empty name", with("/lines/0/name", json!("")), "/lines/0/name"),
        ("a note too long", with("/note", json!("x".repeat(2001))), "/note"),
    ]
}

#[tokio::test]
async fn json_that_is_no_command_is_refused_with_a_pointer() {
    let target = Target::start().await;
    for (case, body, pointer) in unfit() {
        let refused = target.post(&[], body).await;
        assert_eq!(refused.status, 422, "{case}: {}", refused.text());
        names(case, &refused.problem(422, "validation"), pointer);
        says_nothing(case, &without_pointers(refused.json()).to_string());
        target.is_untouched(case).await;
    }
    target.ends().await;
}

fn names(case: &str, problem: &Value, pointer: &str) {
    let errors = problem["errors"].as_array().unwrap_or_else(|| panic!("{case}: {problem}"));
    let named = errors.iter().any(|error| error["pointer"].as_str().unwrap().starts_with(pointer));
    assert!(named && !errors.is_empty(), "{case}: {pointer} is not named in {problem}");
}

/// A pointer to a member that the sender invented has to name it.
fn without_pointers(mut problem: Value) -> Value {
    for error in problem["errors"].as_array_mut().into_iter().flatten() {
        error["pointer"] = Value::Null;
    }
    problem
}

#[tokio::test]
async fn members_given_twice_are_refused_though_most_parsers_take_the_last() {
    let target = Target::start().await;
    let good = placed(new_id(), "c").to_string();
    let twice = format!("{},\"currency\":\"EUR\"}}", good.strip_suffix('}').unwrap());
    let inside = good.replacen("\"quantity\":2", "\"quantity\":2,\"quantity\":3", 1);
    assert_ne!(inside, good);
    for (case, body) in [("a member", twice), ("a member of a line", inside)] {
        let refused = target.post(&[], body).await;
        refused.problem(422, "validation");
        target.is_untouched(case).await;
    }
    target.ends().await;
}

#[tokio::test]
async fn characters_that_hide_or_turn_text_are_refused_in_every_text() {
    let target = Target::start().await;
    for bad in [
        "\u{0}", "\u{7}", "\u{1b}", "\u{7f}", "\u{85}", "\u{202e}", "\u{202a}", "\u{2066}",
        "\u{2069}", "\u{200b}", "\u{200e}", "\u{feff}", "\u{2028}",
    ] {
        let text = format!("a{bad}b");
        for pointer in ["/customer/id", "/customer/name", "/lines/0/name", "/lines/0/product_id"] {
            let case = format!("{bad:?} in {pointer}");
            let refused = target.post(&[], with(pointer, json!(text))).await;
            assert_eq!(refused.status, 422, "{case}: {}", refused.text());
            names(&case, &refused.problem(422, "validation"), pointer);
        }
        if bad == "\u{2028}" {
            continue;
        }
        let refused = target.post(&[], with("/note", json!(text))).await;
        assert_eq!(refused.status, 422, "{bad:?} in a note: {}", refused.text());
        target.is_untouched(bad).await;
    }
    target.ends().await;
}

#[tokio::test]
async fn all_broken_fields_are_named_at_once() {
    let target = Target::start().await;
    let body =
        json!({"customer": {"id": "a b"}, "currency": "nope", "lines": [line("x y", 0, "1.2345")]});
    let problem = target.post(&[], body.to_string()).await.problem(422, "validation");
    for pointer in ["/customer/id", "/currency", "/lines/0/product_id", "/lines/0/quantity"] {
        names("several", &problem, pointer);
    }
    let many: Vec<Value> = (0..2001).map(|_| line("tea", 1, "1.00")).collect();
    let body = json!({"customer": {"id": "c"}, "currency": "USD", "lines": many});
    let problem = target.post(&[], body.to_string()).await.problem(422, "validation");
    names("too many lines", &problem, "/lines");
    target.ends().await;
}

#[tokio::test]
async fn totals_beyond_the_bound_are_refused_not_wrapped() {
    let target = Target::start().await;
    for lines in [
        vec![line("a", 100_000, "90071992547409.91")],
        vec![line("a", 1, "90071992547409.91"), line("b", 1, "0.01")],
    ] {
        let body = json!({"customer": {"id": "c"}, "currency": "USD", "lines": lines});
        let refused = target.post(&[], body.to_string()).await;
        refused.problem(422, "validation");
    }
    target.ends().await;
}

#[tokio::test]
async fn bodies_of_the_other_commands_are_as_strict() {
    let target = Target::start().await;
    let order = new_id();
    let made = target.post(&[], placed(order, "c").to_string()).await;
    made.expect(201);
    for (command, body) in [
        ("confirm", json!({MARK: 1})),
        ("confirm", json!([])),
        ("confirm", json!(null)),
        ("record-payment", json!({"payment_id": "p"})),
        ("record-payment", json!({"payment_id": "p", "amount": "1.00", "amount_minor": 1})),
        ("record-payment", json!({"payment_id": "p", "amount": "-1.00"})),
        ("record-refund", json!({"refund_id": "r", "amount": "1e2"})),
        ("ship", json!({"shipment_id": "s", "lines": []})),
        ("ship", json!({"shipment_id": "s", "lines": [{"line_id": "1", "quantity": 1}]})),
        ("deliver", json!({})),
        ("cancel", json!({"reason": "x".repeat(501)})),
        ("add-note", json!({"text": 1})),
        ("place", json!({"expected_total": 1})),
    ] {
        let refused = target.client.post(&path(order, command), &body).await;
        refused.problem(422, "validation");
        says_nothing(command, &without_pointers(refused.json()).to_string());
    }
    assert_eq!(system_tests::checker::head(&target.client).await, 2);
}
