//! The known attacks on tokens, each refused; the good tokens of every algorithm, each taken.

use super::*;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

const NOW_MARGIN: u64 = 600;

fn expected() -> Expected {
    Expected { issuer: "https://id.example".to_owned(), audience: "orderlog".to_owned() }
}

fn now() -> u64 {
    get_current_timestamp()
}

fn claims() -> Value {
    json!({"sub": "ada", "exp": now() + NOW_MARGIN, "iss": "https://id.example", "aud": "orderlog",
        "roles": ["customer"], "customer_id": "c-1"})
}

/// An issuer with an Ed25519 and a P-256 key.
struct Issuer {
    ed: Ed25519KeyPair,
    ec: EcdsaKeyPair,
}

impl Issuer {
    fn new() -> Self {
        let ed = Ed25519KeyPair::generate().unwrap();
        let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { ed, ec }
    }

    fn keys(&self) -> KeySet {
        let point = self.ec.public_key().as_ref();
        let set = json!({"keys": [
            {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "use": "sig", "x": BASE64.encode(self.ed.public_key())},
            {"kty": "EC", "crv": "P-256", "kid": "ec", "alg": "ES256",
                "x": BASE64.encode(&point[1..33]), "y": BASE64.encode(&point[33..])},
        ]});
        KeySet::parse(set.to_string().as_bytes()).unwrap()
    }

    fn sign(&self, header: &Value, claims: &str) -> String {
        let text = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims));
        let signature = match header["alg"].as_str() {
            Some("ES256") => {
                let signed = self.ec.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
                signed.as_ref().to_vec()
            }
            _ => self.ed.sign(text.as_bytes()).as_ref().to_vec(),
        };
        format!("{text}.{}", BASE64.encode(signature))
    }

    fn ed(&self, claims: &Value) -> String {
        self.sign(&json!({"alg": "EdDSA", "typ": "JWT", "kid": "ed"}), &claims.to_string())
    }
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

#[test]
fn good_tokens_of_each_algorithm_are_taken() {
    let issuer = Issuer::new();
    let keys = issuer.keys();
    let text = claims().to_string();
    for header in [
        json!({"alg": "EdDSA", "kid": "ed"}),
        json!({"alg": "ES256", "kid": "ec", "typ": "at+jwt"}),
        json!({"alg": "ES256"}),
        // A key that the token itself names is passed over, not believed.
        json!({"alg": "EdDSA", "kid": "ed", "jku": "https://evil.example/keys"}),
    ] {
        let checked = expected().check(&issuer.sign(&header, &text), &keys).unwrap();
        assert_eq!(&*checked.principal.actor, "jwt:ada");
        assert_eq!(checked.principal.customer.as_deref(), Some("c-1"));
    }
    let shared = KeySet::of_secret(&[7; 32]).unwrap();
    let key = jsonwebtoken::EncodingKey::from_secret(&[7; 32]);
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims(), &key).unwrap();
    assert!(expected().check(&token, &shared).is_ok());
}

#[test]
fn roles_come_from_either_claim() {
    let issuer = Issuer::new();
    let roles = |claims: &Value| {
        let checked = expected().check(&issuer.ed(claims), &issuer.keys()).unwrap();
        checked.principal.roles.iter().map(crate::Role::as_str).collect::<Vec<_>>()
    };
    assert_eq!(roles(&with("roles", json!(["staff", "import", "root"]))), ["staff", "import"]);
    let mut scoped = with("scope", json!("openid staff profile"));
    scoped.as_object_mut().unwrap().remove("roles");
    assert_eq!(roles(&scoped), ["staff"]);
}

#[test]
fn claims_that_are_missing_or_wrong_are_refused() {
    let issuer = Issuer::new();
    let keys = issuer.keys();
    for name in ["sub", "exp", "iss", "aud"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        assert!(expected().check(&issuer.ed(&claims), &keys).is_err(), "no {name}");
    }
    for (name, value) in [
        ("exp", json!(now() - LEEWAY_SECONDS - 2)),
        ("exp", json!((now() + NOW_MARGIN).to_string())),
        ("exp", json!(null)),
        ("exp", json!(-1)),
        ("exp", json!([now() + NOW_MARGIN])),
        ("nbf", json!(now() + LEEWAY_SECONDS + 60)),
        ("nbf", json!("soon")),
        ("iss", json!("https://id.example/")),
        ("iss", json!("https://evil.example")),
        ("iss", json!(["https://evil.example", "https://id.example"])),
        ("aud", json!("orderlog2")),
        ("aud", json!([])),
        ("aud", json!({"orderlog": true})),
        ("sub", json!("")),
        ("sub", json!(7)),
        ("sub", json!("a\nb")),
        ("sub", json!("a".repeat(300))),
        ("customer_id", json!(["c-1", "c-2"])),
        ("customer_id", json!("c 1")),
        ("roles", json!("admin")),
        ("roles", json!({"admin": true})),
    ] {
        let refused = expected().check(&issuer.ed(&with(name, value.clone())), &keys);
        assert!(refused.is_err(), "{name}: {value}");
    }
    let twice = claims().to_string().replacen('{', "{\"aud\":\"orderlog\",", 1);
    let token = issuer.sign(&json!({"alg": "EdDSA", "kid": "ed"}), &twice);
    assert!(expected().check(&token, &keys).is_err(), "aud twice");
    assert!(expected().check(&issuer.ed(&with("exp", json!(now() - 5))), &keys).is_ok(), "leeway");
}

#[test]
fn attacks_on_the_header_are_refused() {
    let issuer = Issuer::new();
    let keys = issuer.keys();
    let text = claims().to_string();
    for header in [
        json!({"alg": "none"}),
        json!({"alg": "None", "kid": "ed"}),
        json!({"alg": "", "kid": "ed"}),
        json!({"alg": "EdDSA", "kid": "ec"}),
        json!({"alg": "ES256", "kid": "ed"}),
        json!({"alg": "HS256", "kid": "ed"}),
        json!({"alg": "RS256", "kid": "ed"}),
        json!({"alg": "EdDSA", "kid": "../../dev/null"}),
        json!({"alg": "EdDSA", "kid": "ed' OR '1'='1"}),
        json!({"alg": "EdDSA", "kid": ["ed"]}),
        json!({"alg": "EdDSA", "kid": "ed", "crit": ["exp"]}),
        json!({"alg": "EdDSA", "kid": "ed", "crit": []}),
        json!({"alg": "EdDSA", "kid": "ed", "cty": "JWT"}),
        json!({"alg": "EdDSA", "kid": "ed", "zip": "DEF"}),
        json!({"kid": "ed"}),
    ] {
        assert!(expected().check(&issuer.sign(&header, &text), &keys).is_err(), "{header}");
    }
    // The public key as an HS256 secret.
    for secret in [issuer.ed.public_key().as_ref(), issuer.ec.public_key().as_ref()] {
        for kid in [None, Some("ed".to_owned())] {
            let header = Header { kid, ..Header::new(Algorithm::HS256) };
            let key = jsonwebtoken::EncodingKey::from_secret(secret);
            let forged = jsonwebtoken::encode(&header, &claims(), &key).unwrap();
            assert_eq!(expected().check(&forged, &keys).unwrap_err(), Refused::UnknownKey);
        }
    }
}

#[test]
fn attacks_on_the_form_are_refused() {
    let issuer = Issuer::new();
    let keys = issuer.keys();
    let good = issuer.ed(&claims());
    let parts: Vec<&str> = good.split('.').collect();
    let other = issuer.ed(&with("sub", json!("eve")));
    let body = other.split('.').nth(1).unwrap();
    let bad = [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{good}."),
        format!("{good}.{}", parts[2]),
        format!("{}.{body}.{}", parts[0], parts[2]),
        format!("{}.{}.{}", parts[0], parts[1], BASE64.encode([0; 64])),
        format!("{good}=="),
        good.replace('.', ". "),
        issuer.sign(&json!({"alg": "EdDSA", "kid": "ed"}), &format!("\"{good}\"")),
        "a".repeat(1024 * 1024),
        format!("{good}{}", "A".repeat(1024 * 1024)),
    ];
    for token in bad {
        let shown: String = token.chars().take(60).collect();
        assert!(expected().check(&token, &keys).is_err(), "{shown}");
    }
    let stranger = Issuer::new();
    assert_eq!(
        expected().check(&stranger.ed(&claims()), &keys).unwrap_err(),
        Refused::Signature,
        "signed by another key of the same name"
    );
    // Every bit of the signature counts.
    let signature = BASE64.decode(parts[2]).unwrap();
    for bit in 0..signature.len() * 8 {
        let mut flipped = signature.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let token = format!("{}.{}.{}", parts[0], parts[1], BASE64.encode(flipped));
        assert!(expected().check(&token, &keys).is_err(), "bit {bit}");
    }
    let _ = signature::ED25519_PUBLIC_KEY_LEN;
}
