//! The table of attacks on tokens: each has a name and what stands behind `Bearer `.

use crate::issuer::{Attack, Issuer, claims, claims_with, header, header_with, hs256, unsigned};
use crate::wrong_claims;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD as BASE64};
use serde_json::json;
use system_tests::auth::AUDIENCE;

/// Every attack.
pub fn all(issuer: &Issuer) -> Vec<Attack> {
    let parts = [
        unsigned_tokens(),
        confused_algorithms(issuer),
        headers(issuer),
        wrong_claims::wrong(issuer),
        wrong_claims::members_twice(issuer),
        signatures(issuer),
        forms(issuer),
    ];
    parts.into_iter().flatten().collect()
}

fn unsigned_tokens() -> Vec<Attack> {
    let spellings =
        ["none", "None", "NONE", "nOnE", "none ", " none", "", "null", "n\u{f6}ne", "noпe"];
    let text = |alg: &str| unsigned(&json!({"alg": alg}).to_string(), &claims().to_string());
    let named = spellings.iter().flat_map(|alg| {
        [
            (format!("alg {alg:?}, no signature"), format!("{}.", text(alg))),
            (format!("alg {alg:?}, no last part"), text(alg)),
            (format!("alg {alg:?}, some signature"), format!("{}.AAAA", text(alg))),
        ]
    });
    let of_other_types = [json!(null), json!(0), json!(true), json!(["EdDSA"]), json!({})];
    let typed = of_other_types.into_iter().map(|alg| {
        let header = json!({"alg": alg, "kid": "ed"}).to_string();
        (format!("alg {alg}"), format!("{}.", unsigned(&header, &claims().to_string())))
    });
    let absent = ("no alg".to_owned(), format!("{}.", unsigned("{}", &claims().to_string())));
    named.chain(typed).chain([absent]).collect()
}

fn confused_algorithms(issuer: &Issuer) -> Vec<Attack> {
    let mut attacks = Vec::new();
    for (form, key) in issuer.public_rsa().iter().enumerate() {
        for kid in [json!("rsa"), json!("ed"), json!(null)] {
            let header = json!({"alg": "HS256", "kid": kid});
            let name = format!("the public RSA key (form {form}) as a secret, kid {kid}");
            attacks.push((name, hs256(key, &header, &claims())));
        }
    }
    for secret in ["", "secret", "\0", AUDIENCE] {
        let forged = hs256(secret.as_bytes(), &json!({"alg": "HS256"}), &claims());
        attacks.push((format!("the secret {secret:?}"), forged));
    }
    // Each key with each algorithm but its own.
    for (kid, own) in [("rsa", "RS256"), ("ec", "ES256"), ("ed", "EdDSA")] {
        let others = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES256K", "ES384", "EdDSA"];
        for alg in others.iter().chain(&["HS256", "HS384", "HS512", "eddsa", "rs256"]) {
            if *alg != own {
                let header = json!({"alg": alg, "kid": kid}).to_string();
                let token = issuer.token(own, &header, &claims().to_string());
                attacks.push((format!("{alg} with the key {kid}"), token));
            }
        }
    }
    for (alg, kid) in [("ES384", "ec"), ("ES256", "ec"), ("ES384", "p384")] {
        let header = json!({"alg": alg, "kid": kid}).to_string();
        let token = issuer.token("ES384", &header, &claims().to_string());
        attacks.push((format!("a P-384 key as {alg} {kid}"), token));
    }
    attacks
}

fn headers(issuer: &Issuer) -> Vec<Attack> {
    let evil = Issuer::new();
    let url = "https://evil.example/keys.json";
    let mut attacks = Vec::new();
    let long = "k".repeat(5_000);
    for kid in [
        "../../../../dev/null",
        "/dev/null",
        "file:///etc/passwd",
        "https://evil.example/key",
        "ed' OR '1'='1",
        "ed'; DROP TABLE keys; --",
        "x' UNION SELECT 'AA",
        "ed\0",
        "\0",
        "ed\n",
        " ed",
        "ED",
        "",
        "$(id)",
        "%2e%2e%2f",
        &long,
    ] {
        let shown: String = kid.chars().take(30).collect();
        let header = header_with("kid", json!(kid));
        attacks.push((format!("kid {shown:?}"), evil.ed(&header, &claims())));
        // Even with a good signature: it is the key of another name.
        attacks.push((format!("kid {shown:?}, well signed"), issuer.ed(&header, &claims())));
    }
    for kid in [json!(["ed"]), json!({"kid": "ed"}), json!(7), json!(true)] {
        let token = issuer.ed(&header_with("kid", kid.clone()), &claims());
        attacks.push((format!("kid {kid}"), token));
    }
    for (name, value) in [
        ("jku", json!(url)),
        ("x5u", json!(url)),
        ("x5c", json!(["MIIBszCCAVmgAwIBAgIU"])),
        ("x5t", json!("AAAA")),
        ("jwk", evil.jwk("ed")),
        ("jwk", json!({"kty": "oct", "k": "AAAA"})),
    ] {
        for kid in [json!("ed"), json!("evil"), json!(null)] {
            let mut header = header_with(name, value.clone());
            header["kid"] = kid.clone();
            attacks.push((format!("{name} {value}, kid {kid}"), evil.ed(&header, &claims())));
        }
    }
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("crit", json!([])),
        ("crit", json!("exp")),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("b64", json!("false")),
        ("cty", json!("JWT")),
        ("cty", json!("jwt")),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
        ("typ", json!(["JWT"])),
    ] {
        let token = issuer.ed(&header_with(name, value.clone()), &claims());
        attacks.push((format!("{name} {value}"), token));
    }
    // RFC 7797: the claims as they are, not in base64.
    let mut plain = header_with("b64", json!(false));
    plain["crit"] = json!(["b64"]);
    let head = BASE64.encode(plain.to_string());
    let text = format!("{head}.{}", claims());
    let signature = BASE64.encode(issuer.signature("EdDSA", text.as_bytes()));
    attacks.push(("claims that are not in base64".to_owned(), format!("{text}.{signature}")));
    attacks
}

fn signatures(issuer: &Issuer) -> Vec<Attack> {
    let mut attacks = Vec::new();
    for (alg, kid) in [("RS256", "rsa"), ("ES256", "ec"), ("EdDSA", "ed")] {
        let head = json!({"alg": alg, "kid": kid}).to_string();
        let text = unsigned(&head, &claims().to_string());
        let good = issuer.signature(alg, text.as_bytes());
        let other = unsigned(&head, &claims_with("sub", json!("eve")).to_string());
        let mut flipped = good.clone();
        flipped[0] ^= 1;
        let cases = [
            ("empty", Vec::new()),
            ("one byte", vec![0]),
            ("cut by a byte", good[..good.len() - 1].to_vec()),
            ("cut in half", good[..good.len() / 2].to_vec()),
            ("with a byte more", [&good[..], &[0]].concat()),
            ("twice", [&good[..], &good[..]].concat()),
            // CVE-2022-21449: r = s = 0 fits everything where nobody looks.
            ("all zero", vec![0; good.len()]),
            ("all ones", vec![0xff; good.len()]),
            ("a bit flipped", flipped),
            ("of another token", issuer.signature(alg, other.as_bytes())),
            ("by a stranger", Issuer::new().signature(alg, text.as_bytes())),
        ];
        for (name, signature) in cases {
            attacks
                .push((format!("{alg}: {name}"), format!("{text}.{}", BASE64.encode(signature))));
        }
        attacks.push((format!("{alg}: stripped"), text.clone()));
        attacks.push((format!("{alg}: stripped after the dot"), format!("{text}.")));
    }
    let head = json!({"alg": "ES256", "kid": "ec"}).to_string();
    let text = unsigned(&head, &claims().to_string());
    let der = issuer.signature("ES256 in DER", text.as_bytes());
    let zero = [0x30, 6, 2, 1, 0, 2, 1, 0];
    // The order of P-256: r or s of it is 0 again.
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let order: Vec<u8> =
        (0..32).map(|at| u8::from_str_radix(&order[2 * at..2 * at + 2], 16).unwrap()).collect();
    for (name, signature) in [
        ("in DER", der),
        ("zeros in DER", zero.to_vec()),
        ("r = s = n", [&order[..], &order[..]].concat()),
        ("r = 0, s = 1", [vec![0; 63], vec![1]].concat()),
    ] {
        attacks.push((format!("ES256: {name}"), format!("{text}.{}", BASE64.encode(signature))));
    }
    attacks
}

fn forms(issuer: &Issuer) -> Vec<Attack> {
    let good = issuer.ed(&header(), &claims());
    let [head, body, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let raw = BASE64.decode(signature).unwrap();
    // The last character of 64 bytes carries four bits that count for nothing: this one sets one of them.
    let mut spare = signature.to_owned();
    let last = spare.pop().unwrap();
    spare.push(char::from(last as u8 + 1));
    let json = json!({"payload": body, "protected": head, "signature": signature});
    let nested = issuer.token("EdDSA", &header_with("cty", json!("JWT")).to_string(), &good);
    let quoted = issuer.token("EdDSA", &header().to_string(), &format!("\"{good}\""));
    let bare = issuer.token("EdDSA", &header().to_string(), &good);
    let encrypted = BASE64.encode(json!({"alg": "dir", "enc": "A256GCM"}).to_string());
    let kept_by_key =
        BASE64.encode(json!({"alg": "RSA-OAEP", "enc": "A256GCM", "kid": "rsa"}).to_string());
    // As long as a head may be; a longer one no server reads.
    let long = "A".repeat(50_000);
    let cases = [
        ("nothing", String::new()),
        ("a dot", ".".to_owned()),
        ("two dots", "..".to_owned()),
        ("three dots", "...".to_owned()),
        ("a dot behind", format!("{good}.")),
        ("a dot in front", format!(".{good}")),
        ("a part behind", format!("{good}.{signature}")),
        ("text behind", format!("{good}garbage")),
        ("text behind a space", format!("{good} garbage")),
        ("text behind a comma", format!("{good},{good}")),
        ("a parameter behind", format!("{good};a=b")),
        ("a space within", good.replace('.', ". ")),
        ("a tab behind the name", format!("\t{good}")),
        ("padding", format!("{good}==")),
        ("one equals sign", format!("{good}=")),
        ("padding in the header", format!("{head}==.{body}.{signature}")),
        (
            "padded base64",
            format!("{}.{}", &good[..good.rfind('.').unwrap()], URL_SAFE.encode(&raw)),
        ),
        ("the other alphabet", format!("{head}.{body}.{}", STANDARD.encode([0xfb; 64]))),
        ("bits that count for nothing", format!("{head}.{body}.{spare}")),
        ("percent escapes", good.replace('.', "%2e")),
        ("upper case", good.to_uppercase()),
        ("parts exchanged", format!("{body}.{head}.{signature}")),
        ("in quotes", format!("\"{good}\"")),
        ("as JSON", json.to_string()),
        ("nested", nested),
        ("nested in quotes", quoted),
        ("nested without a word", bare),
        ("encrypted (JWE), direct", format!("{encrypted}..AAAA.AAAA.AAAA")),
        ("encrypted (JWE), by the RSA key", format!("{kept_by_key}.AAAA.AAAA.AAAA.AAAA")),
        ("encrypted, in three parts", format!("{encrypted}.{body}.{signature}")),
        ("50 kB", long.clone()),
        ("50 kB of signature", format!("{good}{long}")),
        ("50 kB of header", format!("{long}.{body}.{signature}")),
        ("deep claims", issuer.token("EdDSA", &header().to_string(), &"[".repeat(3_000))),
        ("deep header", issuer.token("EdDSA", &"{\"a\":".repeat(1_000), "{}")),
        ("letters of other scripts", format!("{good}\u{430}")),
        ("a key without secret", "olk_AAAAAAAAAAAAAAAA_".to_owned()),
        ("a key of nobody", format!("olk_{}_{}", "a".repeat(16), "b".repeat(43))),
        ("a key with SQL", "olk_x' OR '1'='1_x".to_owned()),
        ("a long key", format!("olk_{}", "a".repeat(40_000))),
    ];
    cases.into_iter().map(|(name, token)| (name.to_owned(), token)).collect()
}
