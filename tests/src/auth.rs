//! Authentication under test: with `ORDERLOG_TEST_AUTH=on` every program asks for tokens, and every client sends one.
//!
//! So the whole list of tests runs with authentication on as well as off.

use std::path::PathBuf;
use std::sync::OnceLock;

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;
use tempfile::TempDir;

/// The issuer of the tests' tokens.
pub const ISSUER: &str = "https://id.example";
/// The audience of the tests' tokens.
pub const AUDIENCE: &str = "orderlog";
/// The secret of the tests' tokens.
const SECRET: &str = "a secret of tests that is thirty-two bytes or more";
/// How long they are good, in seconds.
const GOOD_FOR: u64 = 24 * 3_600;

/// Whether programs ask for tokens.
pub fn is_on() -> bool {
    std::env::var("ORDERLOG_TEST_AUTH").is_ok_and(|value| value == "on")
}

/// A token of this subject with these roles.
///
/// # Panics
/// When it cannot be signed.
pub fn token(subject: &str, roles: &[&str], customer: Option<&str>) -> String {
    let exp = jsonwebtoken::get_current_timestamp() + GOOD_FOR;
    let claims = json!({"sub": subject, "exp": exp, "iss": ISSUER, "aud": AUDIENCE, "roles": roles,
        "customer_id": customer});
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    encode(&Header::default(), &claims, &key).expect("a secret signs")
}

/// The token of clients that may do everything.
pub fn everything() -> &'static str {
    static TOKEN: OnceLock<String> = OnceLock::new();
    TOKEN.get_or_init(|| token("tests", &["admin"], None))
}

/// The file with the secret.
///
/// # Panics
/// When it cannot be written.
pub fn secret_file() -> PathBuf {
    files().path().join("secret")
}

/// The environment of programs that ask for tokens and send one.
pub fn environment() -> Vec<(&'static str, String)> {
    if !is_on() {
        return Vec::new();
    }
    let path = |name: &str| files().path().join(name).display().to_string();
    vec![
        ("ORDERLOG_AUTH", "hs256".to_owned()),
        ("ORDERLOG_AUTH_ISSUER", ISSUER.to_owned()),
        ("ORDERLOG_AUTH_AUDIENCE", AUDIENCE.to_owned()),
        ("ORDERLOG_AUTH_SECRET_FILE", path("secret")),
        ("ORDERLOG_TOKEN_FILE", path("token")),
        // The load of many callers comes as one.
        ("ORDERLOG_RATE_LIMIT", "commands=0,views=0,heavy=0,streams=0,imports=0".to_owned()),
    ]
}

/// A request's bytes with the token, if programs ask for one and the request has a first line.
pub fn authorized(request: &[u8]) -> Vec<u8> {
    let line = request.windows(2).position(|pair| pair == b"\r\n").filter(|_| is_on());
    let Some(line) = line else { return request.to_vec() };
    let (first, rest) = request.split_at(line);
    let field = format!("\r\nAuthorization: Bearer {}", everything());
    [first, field.as_bytes(), rest].concat()
}

fn files() -> &'static TempDir {
    static FILES: OnceLock<TempDir> = OnceLock::new();
    FILES.get_or_init(|| {
        let files = TempDir::new().expect("a temporary folder");
        std::fs::write(files.path().join("secret"), SECRET).expect("a small file");
        std::fs::write(files.path().join("token"), everything()).expect("a small file");
        files
    })
}
