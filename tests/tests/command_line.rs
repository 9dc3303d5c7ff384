//! The programs as people and scripts use them: folders of any name, pipes that close, files with odd ends, missing
//! servers.

#![allow(clippy::unwrap_used, missing_docs)]

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use system_tests::orders::{line, new_id};
use system_tests::program::Program;
use system_tests::server::Launch;
use tempfile::TempDir;

/// `orderlog` with these arguments, without the settings of the environment.
fn orderlog(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(Program::Orderlog.path());
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    for variable in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"] {
        command.env_remove(variable);
    }
    command
}

/// Its exit code and its whole output.
fn run(arguments: &[&str], folder: &Path) -> (i32, String) {
    outcome(&orderlog(arguments, folder).output().unwrap())
}

fn outcome(output: &Output) -> (i32, String) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(!text.contains("panicked"), "{text}");
    (output.status.code().unwrap_or(-1), text)
}

fn create() -> String {
    let body =
        json!({"customer": {"id": "c"}, "currency": "EUR", "lines": [line("lamp", 1, "9.99")]});
    json!({"order_id": new_id(), "at": "2017-10-02T10:56:33Z", "command": "create", "body": body})
        .to_string()
        + "\n"
}

fn lines(count: usize) -> String {
    (0..count).map(|_| create()).collect()
}

/// The summary that an import printed.
fn summary(text: &str) -> Value {
    let found = text.lines().rev().find(|line| line.starts_with("{\"summary\":"));
    let line = found.unwrap_or_else(|| panic!("no summary in {text}"));
    serde_json::from_str::<Value>(line).unwrap()["summary"].clone()
}

#[test]
fn a_data_folder_is_the_one_named_whatever_its_name_holds() {
    let scratch = TempDir::new().unwrap();
    std::fs::write(scratch.path().join("good.ndjson"), lines(3)).unwrap();
    for name in [
        "shop%20two",
        "100%",
        "%2e%2e",
        "a?b",
        "a?mode=ro",
        "a#b",
        "a b",
        "'q'",
        "\"q\"",
        "a&b=c",
        "käse \u{1f9c0}",
        ":memory:",
        "file:x",
        "slash/",
        "-dash",
        "a\nb",
        "sqlite:",
        "deep/er",
    ] {
        let home = TempDir::new_in(scratch.path()).unwrap();
        let folder = format!("--data-dir={name}");
        for verb in [
            &["migrate"][..],
            &["import", "../good.ndjson"],
            &["rebuild"],
            &["--rebuild=sales"],
            &["verify"],
        ] {
            let (code, text) = run(&[verb, &[&folder]].concat(), home.path());
            assert_eq!(code, 0, "{verb:?} {name:?}: {text}");
        }
        let mut found: Vec<_> = std::fs::read_dir(home.path().join(name))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|file| file.ends_with(".db"))
            .collect();
        found.sort_unstable();
        assert_eq!(found, ["events.db", "views.db"], "{name:?}");
        let top = name.split('/').next().unwrap();
        let all: Vec<_> = std::fs::read_dir(home.path()).unwrap().collect();
        assert!(all.len() == 1 && home.path().join(top).is_dir(), "{name:?}: {all:?}");
    }
}

#[test]
fn a_url_on_the_command_line_is_read_like_a_data_folder() {
    let home = TempDir::new().unwrap();
    std::fs::create_dir(home.path().join("a%20b?c")).unwrap();
    let [log, views] = ["events.db", "views.db"].map(|file| format!("sqlite://a%20b?c/{file}"));
    let flags = ["migrate", "--event-store", &log, "--read-model", &views];
    let (code, text) = run(&flags, home.path());
    assert_eq!(code, 0, "{text}");
    let (code, text) = run(&["verify", "--data-dir", "a%20b?c"], home.path());
    assert_eq!(code, 0, "{text}");
    for flag in ["--event-store", "--read-model"] {
        let (code, text) = run(&["migrate", flag, "sqlite://x.db?mode=rwc"], home.path());
        assert!(code == 1 && text.contains("takes no parameters"), "{code} {text}");
    }
}

/// The first line, and the exit code after the pipe was closed; `None` if SIGPIPE ended the program.
fn first_line(mut command: Command) -> (String, Option<i32>, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    drop(stdout);
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert!(!errors.contains("panicked"), "{errors}");
    (line, child.wait().unwrap().code(), errors)
}

#[test]
fn an_import_whose_reader_goes_away_stores_every_good_line() {
    let home = TempDir::new().unwrap();
    let bad = "{\"no\":\"command\"}\n".repeat(3_000);
    std::fs::write(home.path().join("bad.ndjson"), bad + &lines(40)).unwrap();
    let import = orderlog(&["import", "bad.ndjson", "--data-dir", "d"], home.path());
    let (line, code, errors) = first_line(import);
    assert!(line.contains("\"line\":1"), "{line}");
    assert_eq!(code, Some(1), "{errors}");
    let (code, text) = run(&["verify", "--data-dir", "d"], home.path());
    assert!(code == 0 && text.contains("log: 40 events"), "{text}");
}

/// Runs a command whose output, both streams, is closed from the start.
fn unheard(mut command: Command) -> Option<i32> {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    command.stdout(writer.try_clone().unwrap()).stderr(writer);
    command.status().unwrap().code()
}

#[test]
fn no_verb_of_any_program_panics_when_its_output_is_closed() {
    const PANICKED: Option<i32> = Some(101);
    let home = TempDir::new().unwrap();
    std::fs::write(home.path().join("good.ndjson"), lines(3)).unwrap();
    std::fs::write(home.path().join("bad.ndjson"), "{}\n").unwrap();
    let (code, text) = run(&["migrate", "--data-dir", "d"], home.path());
    assert_eq!(code, 0, "{text}");
    for (arguments, expected) in [
        (&["import", "good.ndjson", "--data-dir", "d"][..], 1),
        (&["import", "bad.ndjson", "--data-dir", "d"], 1),
        (&["rebuild", "--data-dir", "d"], 1),
        (&["--rebuild=orders", "--data-dir", "d"], 1),
        (&["verify", "--data-dir", "d"], 1),
        (&["openapi"], 1),
        (&["migrate", "--data-dir", "d"], 0),
        (&["verify", "--data-dir", "nowhere"], 1),
        (&["import", "nothing.ndjson", "--data-dir", "d"], 1),
        (&["--nonsense"], 2),
    ] {
        let code = unheard(orderlog(arguments, home.path()));
        assert_eq!(code, Some(expected), "{arguments:?}");
    }
    let (log, views) = ("sqlite://d/events.db", "sqlite://d/views.db");
    let projector = ["--source", log, "--read-model", views];
    for (program, arguments) in [
        (Program::Projector, [&projector[..], &["--rebuild"]].concat()),
        (Program::Projector, [&projector[..], &["--retry-parked"]].concat()),
        (Program::Projector, vec!["--source", "nonsense", "--read-model", views]),
        (Program::QueryService, vec!["--read-model", "nonsense"]),
        (Program::CommandService, vec!["--event-store", "nonsense"]),
        (Program::Relay, vec!["--event-store", "nonsense", "--kafka", "127.0.0.1:1"]),
    ] {
        let mut command = Command::new(program.path());
        command.args(&arguments).current_dir(home.path()).stdin(Stdio::null());
        let code = unheard(command);
        assert!(code != PANICKED && code != Some(0), "{program:?} {arguments:?}: {code:?}");
    }
    for program in [
        Program::Orderlog,
        Program::CommandService,
        Program::Projector,
        Program::QueryService,
        Program::Relay,
    ] {
        for flag in ["--help", "--version"] {
            let mut command = Command::new(program.path());
            command.arg(flag);
            assert_ne!(unheard(command), PANICKED, "{program:?} {flag}");
        }
    }
}

#[tokio::test]
async fn a_server_whose_output_is_closed_still_serves() {
    let data = TempDir::new().unwrap();
    let mut command = Command::new(Program::Orderlog.path());
    command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(data.path());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stderr.take());
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    drop(stdout);
    let client =
        system_tests::client::Client::unchecked(line.trim().trim_start_matches("listening on "));
    let (_, placed) = system_tests::orders::place(&client, "c").await;
    client.get_at("/v1/orders", placed.token()).await.ok();
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn output_that_cannot_be_written_is_reported_and_the_work_is_done() {
    let home = TempDir::new().unwrap();
    std::fs::write(home.path().join("good.ndjson"), lines(3)).unwrap();
    let mut import = orderlog(&["import", "good.ndjson", "--data-dir", "d"], home.path());
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (code, text) = outcome(&import.stdout(full).output().unwrap());
    assert!(code == 1 && text.contains("standard output cannot be written to"), "{text}");
    let (code, text) = run(&["verify", "--data-dir", "d"], home.path());
    assert!(code == 0 && text.contains("log: 3 events"), "{text}");
}

#[test]
fn verify_distinguishes_missing_and_late_views_from_wrong_ones() {
    let home = TempDir::new().unwrap();
    std::fs::write(home.path().join("good.ndjson"), lines(3)).unwrap();
    std::fs::write(home.path().join("more.ndjson"), lines(2)).unwrap();
    let verify = |folder: &str| run(&["verify", "--data-dir", folder], home.path());
    assert_eq!(run(&["import", "good.ndjson", "--data-dir", "d"], home.path()).0, 0);
    let (code, text) = verify("d");
    assert!(code == 0 && text.contains("log: 3 events"), "{text}");
    assert!(text.contains("orders: not made yet") && !text.contains("differ"), "{text}");

    std::fs::create_dir(home.path().join("copy")).unwrap();
    std::fs::copy(home.path().join("d/events.db"), home.path().join("copy/events.db")).unwrap();
    for step in ["missing", "empty"] {
        let (code, text) = verify("copy");
        assert!(code == 0 && text.contains("log: 3 events"), "{step}: {text}");
        let views: Vec<_> = text.lines().filter(|line| line.starts_with("views:")).collect();
        assert!(views.len() == 1 && views[0].contains("there are none"), "{step}: {text}");
        let file = home.path().join("copy/views.db");
        assert_eq!(file.exists(), step == "empty", "verify makes nothing");
        std::fs::write(file, "").unwrap();
    }

    assert_eq!(run(&["rebuild", "--data-dir", "d"], home.path()).0, 0);
    let (code, text) = verify("d");
    assert!(code == 0 && text.contains("rows equal a fresh fold of 3 events"), "{text}");
    assert_eq!(run(&["import", "more.ndjson", "--data-dir", "d"], home.path()).0, 0);
    let (code, text) = verify("d");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("orders: stands at position 3, 2 events behind the log"), "{text}");

    let (code, text) = verify("nowhere");
    assert!(code == 1 && text.contains("there is no log at"), "{text}");
    assert!(!home.path().join("nowhere").exists(), "verify makes nothing");
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_packed_file_is_read_as_gzip_reads_it_and_summed_up_however_it_ends() {
    let home = TempDir::new().unwrap();
    let member = || packed(&lines(2));
    let (one, two) = (member(), member());
    let cut = &two[..two.len() / 2];
    for (number, (name, rest, applied, code)) in [
        ("whole", &b""[..], 2, 0),
        ("padded", &[0; 700], 2, 0),
        ("two members", &two, 4, 0),
        ("garbage", b"garbage", 2, 1),
        ("garbage after padding", b"\0\0garbage", 2, 1),
    ]
    .into_iter()
    .enumerate()
    {
        std::fs::write(home.path().join("f.gz"), [&one[..], rest].concat()).unwrap();
        let folder = format!("d{number}");
        let (found, text) = run(&["import", "f.gz", "--data-dir", &folder], home.path());
        assert_eq!(found, code, "{name}: {text}");
        assert_eq!(summary(&text)["applied"], applied, "{name}: {text}");
        let reported = text.contains("f.gz cannot be read to its end");
        assert_eq!(reported, code == 1, "{name}: {text}");
    }
    std::fs::write(home.path().join("f.gz"), [&one[..], cut].concat()).unwrap();
    let (code, text) = run(&["import", "f.gz", "--data-dir", "cut"], home.path());
    assert_eq!(code, 1, "{text}");
    assert!(summary(&text)["applied"].as_u64().unwrap() >= 2, "{text}");
}

#[tokio::test]
async fn a_server_on_this_machine_is_asked_past_every_proxy_and_errors_name_their_cause() {
    let data = TempDir::new().unwrap();
    let home = TempDir::new().unwrap();
    std::fs::write(home.path().join("good.ndjson"), lines(2)).unwrap();
    let server = Launch::orderlog(data.path()).serve().await;
    let closed = "http://127.0.0.1:1";
    let import = |url: &str, proxy: &str| {
        let mut command = orderlog(&["import", "good.ndjson", "--url", url], home.path());
        command.env(proxy, closed);
        tokio::task::spawn_blocking(move || outcome(&command.output().unwrap()))
    };
    for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        for url in [server.base().to_owned(), server.base().replace("127.0.0.1", "localhost")] {
            let (code, text) = import(&url, proxy).await.unwrap();
            assert_eq!(code, 0, "{proxy} {url}: {text}");
        }
    }
    for (url, expected) in [
        (closed, "no server answers at http://127.0.0.1:1 (--url)"),
        ("http://shop.invalid:8080", "by way of the proxy that http_proxy names"),
        ("127.0.0.1:8080", "write http:// in front of it"),
        ("localhost:8080", "write http:// in front of it"),
    ] {
        let (code, text) = import(url, "http_proxy").await.unwrap();
        assert!(code != 0 && text.contains(expected), "{url}: {code} {text}");
    }
    let missing = ["import", "nothing.ndjson", "--url", server.base()];
    let (code, text) = run(&missing, home.path());
    assert!(code == 1 && text.contains("cannot open nothing.ndjson"), "{text}");
    let (code, text) = run(&["import", ".", "--url", server.base()], home.path());
    assert!(code == 1 && text.contains("it is a folder"), "{text}");
    let elsewhere = format!("{}/docs", server.base());
    let (code, text) = import(&elsewhere, "http_proxy").await.unwrap();
    assert!(code == 1 && text.contains("refused the import (405"), "{text}");
    server.stop().await;
}
