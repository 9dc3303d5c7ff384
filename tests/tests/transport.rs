//! TLS, HTTP/2 and calls from web pages, by clients that nobody here wrote: curl, and h2spec, which tests HTTP/2.

#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use system_tests::auth;
use system_tests::orders::{new_id, placed};
use system_tests::server::{Launch, Server};
use system_tests::system::script;
use tempfile::TempDir;
use tokio::process::Command;

/// Routes of which the answer is longer than HTTP/2's first window, so that a stream is still open when h2spec breaks a
/// rule on it.
const LONG_ANSWER: &str = "/openapi.json";

struct Secured {
    folder: TempDir,
    server: Server,
}

impl Secured {
    /// `None`, after saying so, where there is no openssl.
    async fn start(more: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        if !certify(folder.path()).await {
            println!("NOT TESTED: TLS. No openssl is installed (apt-get install openssl)");
            return None;
        }
        let file = |name: &str| folder.path().join(name);
        let server = Launch::orderlog(&file("data"))
            .args(["--tls-cert".as_ref(), file("server.pem").as_os_str()])
            .args(["--tls-key".as_ref(), file("server.key").as_os_str()])
            .args(more)
            .serve()
            .await;
        Some(Self { folder, server })
    }

    /// The server by the name in its certificate.
    fn url(&self, path: &str) -> String {
        let port = self.server.base().rsplit(':').next().unwrap();
        format!("https://localhost:{port}{path}")
    }

    async fn curl(&self, arguments: &[&str]) -> String {
        let authority = self.folder.path().join("server.pem").display().to_string();
        curl(&[&["--cacert", &authority], arguments].concat()).await
    }
}

/// A certificate that vouches for itself, for localhost.
async fn certify(folder: &Path) -> bool {
    let made = Command::new("openssl")
        .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes".split(' '))
        .args("-days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost".split(' '))
        .args("-keyout server.key -out server.pem".split(' '))
        .current_dir(folder)
        .stderr(Stdio::null())
        .status()
        .await;
    made.is_ok_and(|status| status.success())
}

/// What curl prints; empty if it fails. It sends a token where the tests run with authentication.
async fn curl(arguments: &[&str]) -> String {
    let mut command = Command::new("curl");
    command.args(["--silent", "--max-time", "20"]).args(arguments);
    if auth::is_on() {
        command.arg("--header").arg(format!("Authorization: Bearer {}", auth::everything()));
    }
    let output = command.output().await.expect("curl is installed");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn an_order_is_placed_and_read_over_tls_by_both_versions() {
    let Some(secured) = Secured::start(&[]).await else { return };
    assert!(secured.server.base().starts_with("https://"));
    for (version, shown) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let id = new_id();
        let body = placed(id, "c-1").to_string();
        let url = secured.url("/v1/orders");
        let write = "\n%{http_code} %{http_version}\n%header{consistency-token}";
        let placed = secured.curl(&[version, "--json", &body, "--write-out", write, &url]).await;
        let (placed, position) = placed.rsplit_once('\n').unwrap();
        assert!(placed.ends_with(&format!("\n201 {shown}")), "{version}: {placed}");
        let (token, url) =
            (format!("Consistency-Token: {position}"), secured.url(&format!("/v1/orders/{id}")));
        let read = secured.curl(&[version, "--header", &token, &url]).await;
        assert!(read.contains(&id.to_string()), "{version}: {read}");
    }
}

#[tokio::test]
async fn tls_of_before_2008_and_no_tls_are_refused() {
    let Some(secured) = Secured::start(&[]).await else { return };
    let url = secured.url("/healthz");
    assert!(secured.curl(&["--tlsv1.2", "--tls-max", "1.2", &url]).await.contains("ok"));
    assert!(secured.curl(&["--tlsv1.3", &url]).await.contains("ok"));
    // Security level 0 lets curl offer what is out of use.
    let old = ["--tlsv1.0", "--tls-max", "1.1", "--ciphers", "DEFAULT:@SECLEVEL=0", &url];
    assert_eq!(secured.curl(&old).await, "");
    assert_eq!(curl(&[&url.replace("https", "http")]).await, "");
}

#[tokio::test]
async fn http_2_is_spoken_with_prior_knowledge() {
    let data = tempfile::tempdir().unwrap();
    let server = Launch::orderlog(data.path()).serve().await;
    let url = format!("{}/v1/orders", server.base());
    let body = placed(new_id(), "c-1").to_string();
    let arguments = [
        "--http2-prior-knowledge",
        "--json",
        &body,
        "--write-out",
        "\n%{http_code} %{http_version}",
        &url,
    ];
    assert!(curl(&arguments).await.ends_with("\n201 2"));
}

/// The tests of h2spec that fail each time. Some break a rule in what follows a request's head; whether its answer has left
/// by then is a matter of luck. `None`, after saying so, where h2spec cannot be had.
async fn h2spec(server: &Server, more: &[&str]) -> Option<BTreeSet<String>> {
    let fetched = Command::new(script("h2spec")).arg("fetch").output().await.unwrap();
    if !fetched.status.success() {
        let why = String::from_utf8_lossy(&fetched.stderr);
        println!("NOT TESTED: HTTP/2 by h2spec. {}", why.trim());
        return None;
    }
    let port = server.base().rsplit(':').next().unwrap();
    let mut failed: Option<BTreeSet<String>> = None;
    for _ in 0..10 {
        let output = Command::new(script("h2spec"))
            .args(["-h", "127.0.0.1", "-p", port, "-P", LONG_ANSWER, "-o", "5"])
            .args(more)
            .output()
            .await
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("145 tests, ") && text.contains(" 0 skipped, "), "{text}");
        let now = text.lines().filter(|line| line.trim().starts_with('×'));
        let now: BTreeSet<_> = now.map(|line| line.trim().to_owned()).collect();
        failed = Some(failed.map_or_else(|| now.clone(), |before| &before & &now));
        if failed.as_ref().is_some_and(|failed| failed.len() <= usize::from(more.is_empty())) {
            break;
        }
    }
    failed
}

#[tokio::test]
async fn h2spec_finds_nothing_over_tls() {
    let Some(secured) = Secured::start(&[]).await else { return };
    let Some(failed) = h2spec(&secured.server, &["-t", "-k"]).await else { return };
    assert_eq!(failed, BTreeSet::new());
}

#[tokio::test]
async fn h2spec_finds_only_that_http_1_is_spoken_as_well() {
    let data = tempfile::tempdir().unwrap();
    let server = Launch::orderlog(data.path()).serve().await;
    let Some(failed) = h2spec(&server, &[]).await else { return };
    // A line that is no preface is answered as a bad request of HTTP/1.
    let expected = "× 2: Sends invalid connection preface".to_owned();
    assert_eq!(failed, BTreeSet::from([expected]));
}

#[tokio::test]
async fn pages_of_a_named_origin_may_call_and_no_others() {
    let data = tempfile::tempdir().unwrap();
    let origin = "https://shop.example";
    let server = Launch::orderlog(data.path()).args(["--cors-origin", origin]).serve().await;
    let url = format!("{}/v1/orders", server.base());
    let from = async |origin: &str, more: &[&str]| {
        let named = format!("Origin: {origin}");
        let head = ["--include", "--header", &named, &url];
        curl(&[&head[..], more].concat()).await.to_lowercase()
    };
    let allowed = "access-control-allow-origin: https://shop.example";
    let preflight = [
        "--request",
        "OPTIONS",
        "--header",
        "Access-Control-Request-Method: POST",
        "--header",
        "Access-Control-Request-Headers: authorization,content-type,idempotency-key",
    ];
    let answer = from(origin, &preflight).await;
    assert!(answer.starts_with("http/1.1 200") && answer.contains(allowed), "{answer}");
    assert!(answer.contains("idempotency-key"), "{answer}");
    let answer = from(origin, &[]).await;
    assert!(
        answer.contains(allowed) && answer.contains("access-control-expose-headers"),
        "{answer}"
    );
    assert!(!answer.contains("access-control-allow-credentials"), "{answer}");
    for other in ["https://evil.example", "https://shop.example.evil.example", "null"] {
        for more in [&preflight[..], &[]] {
            assert!(!from(other, more).await.contains("access-control-allow-origin"), "{other}");
        }
    }
    let off = tempfile::tempdir().unwrap();
    let server = Launch::orderlog(off.path()).serve().await;
    let url = format!("{}/v1/orders", server.base());
    let answer = curl(&["--include", "--header", &format!("Origin: {origin}"), &url]).await;
    assert!(!answer.to_lowercase().contains("access-control"), "{answer}");
}

#[tokio::test]
async fn the_page_of_the_documentation_cannot_be_framed_or_made_to_load_from_elsewhere() {
    let data = tempfile::tempdir().unwrap();
    let server = Launch::orderlog(data.path()).serve().await;
    let answer = curl(&["--include", &format!("{}/docs", server.base())]).await.to_lowercase();
    for header in [
        "content-security-policy: default-src 'self'",
        "x-content-type-options: nosniff",
        "x-frame-options: deny",
        "referrer-policy: no-referrer",
    ] {
        assert!(answer.contains(header), "{header}: {answer}");
    }
}
