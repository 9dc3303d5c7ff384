//! Log and views over TLS to a PostgreSQL server that accepts nothing else: its own authority is trusted, another one
//! is not. (TLS and SASL to Kafka: relay/tests/kafka/security.rs.)

#![allow(clippy::unwrap_used, missing_docs)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use system_tests::program::Program;
use system_tests::server::Launch;
use system_tests::{orders, system};
use tempfile::TempDir;

/// A private server; it ends when its standard input does.
struct Postgres {
    folder: TempDir,
    port: String,
    runner: Child,
}

impl Postgres {
    /// `None` after the script has named what is missing.
    fn start() -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("orderlog-tls-").tempdir().unwrap();
        let port = Command::new(system::script("free-port")).output().unwrap().stdout;
        let port = String::from_utf8(port).unwrap().trim().to_owned();
        let mut runner = Command::new(system::script("postgres"))
            .arg("run")
            .arg(folder.path())
            .arg(&port)
            .env("ORDERLOG_POSTGRES_TLS", "on")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(runner.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line.starts_with("postgres on ") {
            return Some(Self { folder, port, runner });
        }
        println!("NOT TESTED: TLS to PostgreSQL; scripts/components says what is missing");
        runner.wait().unwrap();
        None
    }

    /// The `postgres` database by host name, so that the certificate's name is checked.
    fn url(&self, parameters: &str) -> String {
        format!("postgres://postgres@localhost:{}/postgres?{parameters}", self.port)
    }

    fn trusting(&self, authority: &Path) -> String {
        self.url(&format!("sslmode=verify-full&sslrootcert={}", authority.display()))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.runner.stdin.take());
        let _ = self.runner.wait();
    }
}

fn another_authority(folder: &Path) -> std::path::PathBuf {
    let file = folder.join("other.pem");
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ])
        .args(["-subj", "/CN=another authority", "-keyout", "/dev/null", "-out"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    file
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_and_views_are_kept_over_tls_and_only_with_a_server_that_is_known() {
    let Some(postgres) = Postgres::start() else { return };
    let known = postgres.trusting(&postgres.folder.path().join("ca.pem"));
    let server = Launch::new(Program::Orderlog)
        .args(["--listen", "127.0.0.1:0", "--event-store", &known, "--read-model", &known])
        .serve()
        .await;
    let client = server.client().await;
    let (order, placed) = orders::place(&client, "tls").await;
    let shown = client.get_at(&format!("/v1/orders/{order}"), placed.token()).await;
    assert_eq!(shown.ok()["status"], "placed");
    server.stop().await;

    let elsewhere = TempDir::new().unwrap();
    let other = postgres.trusting(&another_authority(elsewhere.path()));
    for (case, url, expected) in [
        ("another authority", &other, "certificate"),
        ("no TLS", &postgres.url("sslmode=disable"), ""),
    ] {
        for program in [Program::CommandService, Program::Relay] {
            let launch =
                Launch::new(program).args(["--listen", "127.0.0.1:0", "--event-store", url]);
            let launch = match program {
                Program::Relay => launch.args(["--kafka", "127.0.0.1:1"]),
                _ => launch,
            };
            let output = launch.run().await;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!output.status.success(), "{case}: {program:?} went on");
            assert!(said.to_lowercase().contains(expected), "{case}: {program:?}: {said}");
        }
    }
    let views = Launch::new(Program::QueryService)
        .args(["--listen", "127.0.0.1:0", "--read-model", &other])
        .serve()
        .await;
    views.client().await.get("/readyz").await.problem(503, "unavailable");
    views.stop().await;
}
