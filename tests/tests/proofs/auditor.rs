//! The auditor: the Go program of `docs/verify`, and `orderlog verify --checkpoint`.

use std::path::{Path, PathBuf};
use std::process::Command;
use system_tests::auth;
use system_tests::program::Program;
use system_tests::server::Launch;

/// Where Go may be, if it is in no folder of PATH.
const GO: [&str; 3] = ["go", "/usr/local/go/bin/go", "/usr/lib/go/bin/go"];

/// The built Go program with the log's verifier key.
pub struct Auditor {
    program: PathBuf,
    verifier: String,
    token: Option<PathBuf>,
}

impl Auditor {
    /// Builds the program; `None`, after saying so, where that cannot be.
    pub fn build(dir: &Path, verifier: &str) -> Option<Self> {
        let runs = |go: &&&str| {
            Command::new(go).arg("version").output().is_ok_and(|out| out.status.success())
        };
        let Some(go) = GO.iter().find(runs) else {
            println!(
                "NOT TESTED: proofs checked by Go. No Go is installed (apt-get install golang-go)"
            );
            return None;
        };
        let program = dir.join("verify");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/verify");
        let built = Command::new(go)
            .args(["build", "-trimpath", "-o"])
            .arg(&program)
            .arg(".")
            .current_dir(source)
            .output()
            .unwrap();
        if !built.status.success() {
            let why = String::from_utf8_lossy(&built.stderr);
            // Its one dependency comes from the network, once. Anything else is a fault of the program.
            assert!(why.contains("golang.org/x/mod") && !why.contains("main.go"), "{why}");
            println!(
                "NOT TESTED: proofs checked by Go. golang.org/x/mod cannot be had here: {}",
                why.trim()
            );
            return None;
        }
        let token = auth::is_on().then(|| {
            let file = dir.join("token");
            std::fs::write(&file, auth::everything()).unwrap();
            file
        });
        Some(Self { program, verifier: verifier.to_owned(), token })
    }

    fn run(&self, words: &[&str], files: &[&Path], urls: &[&str]) -> (bool, String) {
        let mut command = Command::new(&self.program);
        command.args(["-key", &self.verifier]);
        if let Some(token) = &self.token {
            command.arg("-token-file").arg(token);
        }
        let output = command.args(words).args(files).args(urls).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    /// It is proved; returns what the program said.
    pub fn proves(&self, words: &[&str], files: &[&Path], urls: &[&str]) -> String {
        let (proved, said) = self.run(words, files, urls);
        assert!(proved, "{words:?}: {said}");
        said
    }

    /// It is not proved; returns why.
    pub fn refuses(&self, words: &[&str], files: &[&Path], urls: &[&str]) -> String {
        let (proved, said) = self.run(words, files, urls);
        assert!(!proved, "{words:?}: {said}");
        said.trim().to_owned()
    }
}

/// `orderlog verify` with these checkpoints: its exit code and what it printed.
pub async fn verify_log(
    data: &Path,
    checkpoints: &[&Path],
    verifier: &str,
) -> (Option<i32>, String) {
    let mut launch =
        Launch::new(Program::Orderlog).args(["verify", "--log-verifier", verifier, "--data-dir"]);
    launch = launch.args([data]);
    for checkpoint in checkpoints {
        launch = launch.args(["--checkpoint"]).args([checkpoint]);
    }
    let output = launch.run().await;
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}
