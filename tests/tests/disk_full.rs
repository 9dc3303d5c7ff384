//! The disk is full, or refuses to write: commands are answered 503, and reads go on. Once there is room again
//! everything goes on by itself, without loss or duplicates.
//!
//! A full disk is a small file system in a mount namespace of the server's own, which the system must grant. A disk
//! that refuses is a limit on the size of files, which any Linux can set. The tests print what this machine cannot do.

#![allow(clippy::unwrap_used, missing_docs)]

use rig::rng::Rng;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use system_tests::load::{Accepted, Load, Unanswered};
use system_tests::orders::{new_id, placed};
use system_tests::program::Program;
use system_tests::server::{Launch, Server};
use system_tests::{checker, client::Client};
use tempfile::TempDir;

/// Commands sent until the disk is full: many more than fit.
const MAX_COMMANDS: usize = 20_000;
/// The most retries, each after the server's `Retry-After`, until commands are accepted again.
const MAX_RETRIES: usize = 30;

/// A command that starts the server through a shell script; `$0` is the program, `$@` its arguments.
fn through_shell(runner: &[&str], script: &str, data: &Path) -> Launch {
    let program = Program::Orderlog.path();
    Launch::of(runner[0])
        .args(&runner[1..])
        .args(["sh", "-c", script])
        .args([program.as_os_str()])
        .serving(data)
}

fn can(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

/// Fills the log until commands are refused, then calls `relieve`, then expects everything to go on.
async fn full_and_back(server: Server, relieve: impl FnOnce(&Server)) -> Vec<Accepted> {
    let mut rng = Rng::printed("a disk that refuses");
    let client = server.client().await;
    let mut load = Load::start(server.base(), 4, Unanswered::Repeat, &mut rng);
    load.progress(20).await;
    fill(&client).await;
    let path = "/v1/orders?limit=5";
    client.get(path).await.ok();
    client.get("/healthz").await.ok();
    relieve(&server);
    comes_back(&client).await;
    load.progress(50).await;
    let accepted = load.finish().await;
    let head = checker::head(&client).await;
    let events = checker::read_log(&client, head).await;
    checker::is_whole(&events);
    checker::holds_every_answer(&events, &accepted);
    checker::has_no_command_twice(&events);
    server.stop().await;
    accepted
}

/// Places orders with long notes until one is refused, which must be a 503 that asks for a retry.
async fn fill(client: &Client) {
    for sent in 0..MAX_COMMANDS {
        let mut body = placed(new_id(), "filler");
        body["note"] = "x".repeat(2000).into();
        let answer = client.post("/v1/orders", &body).await;
        if answer.status != 201 {
            answer.problem(503, "unavailable");
            println!("refused after {sent} orders");
            return;
        }
    }
    panic!("the disk was never full");
}

async fn comes_back(client: &Client) {
    for _ in 0..MAX_RETRIES {
        let answer = client.post("/v1/orders", &placed(new_id(), "after")).await;
        if answer.status == 201 {
            return;
        }
        answer.problem(503, "unavailable");
        let wait = answer.header("Retry-After").unwrap().parse().unwrap();
        tokio::time::sleep(Duration::from_secs(wait)).await;
    }
    panic!("there is room again, and commands are still refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_may_not_grow_is_survived() {
    if !can("prlimit", &["--version"]) {
        println!("NOT TESTED: a failing disk, because there is no prlimit here");
        return;
    }
    let data = TempDir::new().unwrap();
    // In blocks of 512 bytes. The signal that usually comes with the limit is ignored; the error remains.
    let script = "trap '' XFSZ; ulimit -S -f 4000; exec \"$0\" \"$@\"";
    let server = through_shell(&["env"], script, data.path()).serve().await;
    full_and_back(server, |server| {
        let pid = server.id().to_string();
        let lifted = can("prlimit", &["--pid", &pid, "--fsize=unlimited:unlimited"]);
        assert!(lifted, "the limit can be lifted");
    })
    .await;
    let verify = Launch::new(Program::Orderlog).args(["verify", "--data-dir"]).args([data.path()]);
    let output = verify.run().await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_survived() {
    let data = TempDir::new().unwrap();
    let namespaces: [&[&str]; 2] = [&["unshare", "-m"], &["unshare", "-Urm"]];
    let mount = format!("mount -t tmpfs -o size=12m none {}", data.path().display());
    let granted = namespaces
        .into_iter()
        .find(|runner| can(runner[0], &[&runner[1..], &["sh", "-c", mount.as_str()]].concat()));
    let Some(runner) = granted else {
        println!("NOT TESTED: a full disk, because this system grants no mount namespace");
        return;
    };
    let script = format!(
        "{mount} && head -c 4000000 /dev/zero >{}/filler && exec \"$0\" \"$@\"",
        data.path().display()
    );
    let server = through_shell(runner, &script, data.path()).serve().await;
    let inside = |server: &Server, file: &str| -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", server.id()));
        root.join(data.path().strip_prefix("/").unwrap()).join(file)
    };
    full_and_back(server, |server| std::fs::remove_file(inside(server, "filler")).unwrap()).await;
}
