//! The README's five steps that put a server on the internet work when pasted.

#![allow(clippy::unwrap_used, missing_docs)]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;
use system_tests::program::Program;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

/// The section of the README.
const SECTION: &str = "## Put it on the internet\n";
/// Where the README's server listens, and the name in its certificate.
const LISTEN: &str = "0.0.0.0:8443";
const NAME: &str = "shop.example:8443";
/// How long the server may take to start on a busy machine.
const START: Duration = Duration::from_secs(30);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn steps() -> Vec<String> {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let section = readme.split(SECTION).nth(1).unwrap().split("\n## ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.map(str::to_owned).collect()
}

/// A shop's machine: an empty folder with a certificate and the checker's source, and a shell.
struct Machine {
    folder: TempDir,
    port: u16,
}

impl Machine {
    /// `None`, after saying so, where a tool is missing.
    async fn new() -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let machine = Self { folder, port };
        for tool in ["openssl", "curl", "go"] {
            let there = machine.shell(&format!("command -v {tool}")).output().await;
            if !there.unwrap().status.success() {
                println!(
                    "NOT TESTED: the README's steps onto the internet. No {tool} is installed"
                );
                return None;
            }
        }
        let source = root().join("docs/verify");
        std::fs::create_dir_all(machine.path("docs/verify")).unwrap();
        for file in ["go.mod", "go.sum", "main.go"] {
            let copy = machine.path("docs/verify").join(file);
            std::fs::copy(source.join(file), copy).unwrap();
        }
        let certify = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
            -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem";
        machine.paste(certify).await;
        Some(machine)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A shell with the built programs, in which the certificate is trusted and the README's name is this machine's.
    fn shell(&self, line: &str) -> Command {
        let line = line
            .replace(LISTEN, &format!("127.0.0.1:{}", self.port))
            .replace(NAME, &format!("localhost:{}", self.port));
        let programs = Program::folder().display();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("bash");
        command.args(["-c", &line]).current_dir(self.folder.path());
        command.env("PATH", format!("{programs}:{path}:/usr/local/go/bin"));
        command.env("CURL_CA_BUNDLE", self.path("cert.pem"));
        command.env("SSL_CERT_FILE", self.path("cert.pem"));
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    async fn try_paste(&self, step: &str) -> Output {
        self.shell(step).output().await.unwrap()
    }

    async fn paste(&self, step: &str) -> String {
        let Output { status, stdout, stderr } = self.try_paste(step).await;
        let said = String::from_utf8_lossy(&stdout).into_owned();
        let errors = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "{step}\n{said}\n{errors}");
        said
    }
}

#[tokio::test]
async fn the_readmes_five_steps_onto_the_internet_work_when_pasted() {
    let Some(machine) = Machine::new().await else { return };
    let [keys, serve, till, customer, proof] = steps().try_into().unwrap();
    // The checker's one dependency comes from the network.
    let fetched = machine.try_paste("cd docs/verify && go mod download").await;
    machine.paste(&keys).await;
    let in_front = serve.trim_end().strip_suffix('&').expect("the server runs in the background");
    let mut server =
        machine.shell(in_front).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + START;
    let listens = format!("curl -sf https://{NAME}/readyz");
    while !machine.try_paste(&listens).await.status.success() {
        assert!(
            Instant::now() < deadline && server.try_wait().unwrap().is_none(),
            "it does not start"
        );
        sleep(Duration::from_millis(50)).await;
    }
    machine.paste(&till).await;
    // Made while the server runs, and used at once.
    let placed: serde_json::Value = serde_json::from_str(&machine.paste(&customer).await).unwrap();
    assert_eq!((&placed["version"], &placed["status"]), (&1.into(), &"placed".into()), "{placed}");
    let order = format!("https://{NAME}/v1/orders/{}", placed["order_id"].as_str().unwrap());
    let status = |key: &str| {
        let line = format!(
            "curl -s -o answer -w '%{{http_code}}' {order} -H \"Authorization: Bearer $(cat {key})\""
        );
        let machine = &machine;
        async move { machine.paste(&line).await }
    };
    assert_eq!(status("till.key").await, "200");
    assert_eq!(status("log.pub").await, "401", "no key at all");
    let stored = "grep -ra 'Ada Lovelace' orderlog-data";
    assert!(!machine.try_paste(stored).await.status.success(), "the name is stored sealed");
    let revoked = "orderlog keys revoke app-of-c-42";
    if fetched.status.success() {
        let said = machine.paste(&proof).await;
        assert!(said.contains("versions 1 to 1 of order"), "{said}");
        // What was not signed by this log proves nothing.
        let other = proof.replace("$(cat log.pub)", "shop.example/orders+00000000+AQ==");
        assert!(!machine.try_paste(&other).await.status.success());
    } else {
        println!("NOT TESTED: the README's proof of an order. golang.org/x/mod cannot be fetched");
    }
    machine.paste(revoked).await;
    let deadline = Instant::now() + Duration::from_secs(5);
    while status("ada.key").await != "401" {
        assert!(Instant::now() < deadline, "a revoked key is still let through");
        sleep(Duration::from_millis(100)).await;
    }
    server.start_kill().unwrap();
    server.wait().await.unwrap();
}
