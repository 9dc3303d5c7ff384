//! The part of the table that is about claims: all well signed, none to be believed.

use crate::issuer::{
    Attack, Issuer, claims, claims_with, claims_without, header, header_with, now,
};
use serde_json::{Value, json};
use system_tests::auth::AUDIENCE;

/// Claims that are missing, of another type, or meant for somebody else or another time.
pub fn wrong(issuer: &Issuer) -> Vec<Attack> {
    let later = now() + 600;
    let values = [
        (
            "exp",
            vec![
                json!(later.to_string()),
                json!(null),
                json!(-1),
                json!(-1.5),
                json!(0),
                json!(1e300),
                json!(later * 1_000),
                json!(u64::MAX),
                json!([later]),
                json!({"at": later}),
                json!(true),
                json!(now() - 40),
                json!(now() as f64 - 40.5),
                json!("never"),
                json!(""),
            ],
        ),
        (
            "nbf",
            vec![
                json!(now() + 60),
                json!(later as f64),
                json!("soon"),
                json!(null),
                json!(-1),
                json!([0]),
            ],
        ),
        (
            "iat",
            vec![json!(now() + 60), json!("now"), json!(null), json!(-1), json!([0]), json!(1e300)],
        ),
        (
            "iss",
            vec![
                json!("https://id.example/"),
                json!("https://ID.example"),
                json!("https://evil.example"),
                json!(["https://evil.example", "https://id.example"]),
                json!(["https://id.example"]),
                json!(null),
                json!(1),
                json!(""),
            ],
        ),
        (
            "aud",
            vec![
                json!("orderlog2"),
                json!("ORDERLOG"),
                json!(" orderlog"),
                json!("orderlog,other"),
                json!([]),
                json!(["other"]),
                json!([["orderlog"]]),
                json!([null]),
                json!(["orderlog", 1]),
                json!({"orderlog": true}),
                json!(null),
                json!(1),
                json!(true),
                json!(""),
            ],
        ),
        (
            "sub",
            vec![
                json!(""),
                json!(null),
                json!(7),
                json!(["root"]),
                json!({"name": "root"}),
                json!("a\nb"),
                json!("a\0"),
                json!("\u{7f}"),
                json!("a\u{85}b"),
                json!("a".repeat(201)),
            ],
        ),
        (
            "roles",
            vec![
                json!("admin"),
                json!({"admin": true}),
                json!(7),
                json!([["admin"]]),
                json!([1]),
                json!([null]),
            ],
        ),
        (
            "customer_id",
            vec![json!(["c-1"]), json!("c 1"), json!(""), json!(1), json!("c/../1"), json!("c\n1")],
        ),
        ("scope", vec![json!(["admin"]), json!(1), json!({})]),
    ];
    let missing = ["exp", "iss", "aud", "sub"].into_iter();
    let missing =
        missing.map(|name| (format!("no {name}"), issuer.ed(&header(), &claims_without(name))));
    let wrong = values
        .into_iter()
        .flat_map(|(name, values)| values.into_iter().map(move |value| (name, value)));
    let wrong = wrong.map(|(name, value)| {
        let shown: String = format!("{name} {value}").chars().take(60).collect();
        (shown, issuer.ed(&header(), &claims_with(name, value)))
    });
    let texts = ["", "[]", "null", "7", "\"admin\"", "{", "{}x", "{\"exp\":NaN}", "\u{feff}{}"];
    let no_object = texts.into_iter().map(|text| {
        (format!("claims {text:?}"), issuer.token("EdDSA", &header().to_string(), text))
    });
    missing.chain(wrong).chain(no_object).collect()
}

/// Members that stand there twice: two readers may believe different ones.
pub fn members_twice(issuer: &Issuer) -> Vec<Attack> {
    let twice = |object: &Value, name: &str, first: Value| {
        object.to_string().replacen('{', &format!("{{\"{name}\":{first},"), 1)
    };
    let mut attacks = Vec::new();
    for (name, first) in [
        ("aud", json!(AUDIENCE)),
        ("aud", json!("other")),
        ("exp", json!(now() + 60)),
        ("iss", json!("https://evil.example")),
        ("sub", json!("ada")),
        ("roles", json!(["customer"])),
        ("\\u0072oles", json!(["customer"])),
    ] {
        let text = twice(&claims(), name, first.clone());
        let token = issuer.token("EdDSA", &header().to_string(), &text);
        attacks.push((format!("{name} twice in the claims, first {first}"), token));
    }
    let mut other = claims_with("tenant", json!("a"));
    let text = twice(&other, "tenant", json!("b"));
    attacks.push((
        "a claim nobody reads, twice".to_owned(),
        issuer.token("EdDSA", &header().to_string(), &text),
    ));
    other["customer_id"] = json!("c-1");
    let text = twice(&other, "customer_id", json!("c-2"));
    attacks.push((
        "customer_id twice".to_owned(),
        issuer.token("EdDSA", &header().to_string(), &text),
    ));
    for (name, first) in [
        ("alg", json!("none")),
        ("alg", json!("EdDSA")),
        ("kid", json!("ec")),
        ("typ", json!("JWT")),
    ] {
        let text = twice(&header(), name, first.clone());
        let token = issuer.token("EdDSA", &text, &claims().to_string());
        attacks.push((format!("{name} twice in the header, first {first}"), token));
    }
    let text = twice(&header_with("note", json!("a")), "note", json!("b"));
    attacks.push((
        "a member nobody reads, twice".to_owned(),
        issuer.token("EdDSA", &text, &claims().to_string()),
    ));
    attacks
}
