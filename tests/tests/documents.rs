//! The promises of the documents: links lead to existing files, and the README's curls work when pasted.

#![allow(clippy::unwrap_used, missing_docs)]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use system_tests::server::Server;
use tempfile::TempDir;

/// The address that the README's curls name.
const README_HOST: &str = "127.0.0.1:8080";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn document(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

/// The targets of a document's links into the project.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://") && !target.starts_with('#'))
}

#[test]
fn every_link_into_the_project_leads_somewhere() {
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        for target in links(&document(name)) {
            let file = target.split('#').next().unwrap();
            assert!(root().join(file).exists(), "{name} links to {target}, which is not there");
        }
    }
}

#[test]
fn the_architecture_names_every_member() {
    let manifest = document("Cargo.toml");
    let members = manifest.split("members = [").nth(1).unwrap().split(']').next().unwrap();
    let architecture = document("ARCHITECTURE.md");
    for member in members.split('"').skip(1).step_by(2) {
        let member = member.rsplit('/').next().unwrap_or(member);
        assert!(architecture.contains(&format!("[{member}]")), "{member} is not on the map");
    }
}

/// The `sh` blocks of a document that call curl.
fn curls(text: &str) -> Vec<&str> {
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.filter(|block| block.trim_start().starts_with("curl")).collect()
}

#[tokio::test]
async fn the_readmes_curls_work_when_pasted() {
    if Command::new("curl").arg("--version").output().is_err() {
        println!("NOT TESTED: the README's curls, because no curl is installed");
        return;
    }
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let readme = document("README.md");
    let pasted = curls(&readme);
    assert_eq!(pasted.len(), 5);
    // Twice, like a reader who starts again.
    for (number, curl) in pasted.iter().enumerate().chain(pasted.iter().enumerate()) {
        let line = curl.replace(README_HOST, server.host());
        let output = Command::new("sh").args(["-c", &line]).output().unwrap();
        assert!(output.status.success(), "curl {number} ended with {:?}", output.status.code());
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer["order_id"], "018f2b6e-7c1a-7000-8000-000000000001", "{answer}");
        let version = [1, 2, 3, 3, 2][number];
        assert_eq!(answer["version"], version, "curl {number}");
    }
}
