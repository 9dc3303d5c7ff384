//! The files that start the system: compose.yaml, the Dockerfile, nginx's configuration. Checked without Docker. Every
//! flag and variable exists, every image is pinned, every service is supervised, and nginx accepts its configuration.

#![allow(clippy::unwrap_used, missing_docs)]

use serde_yaml_ng::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use system_tests::program::Program;
use tempfile::TempDir;

/// The deepest nesting of `<<`.
const MERGE_DEPTH: usize = 5;

const PROGRAMS: [(&str, Program); 5] = [
    ("orderlog", Program::Orderlog),
    ("command-service", Program::CommandService),
    ("relay", Program::Relay),
    ("projector", Program::Projector),
    ("query-service", Program::QueryService),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

fn compose() -> Value {
    let mut compose: Value = serde_yaml_ng::from_str(&text("compose.yaml")).unwrap();
    // A merged part may itself merge another.
    for _ in 0..MERGE_DEPTH {
        compose.apply_merge().unwrap();
    }
    compose
}

/// Every service with its name.
fn services(compose: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let services = compose["services"].as_mapping().unwrap();
    services.iter().map(|(name, service)| (name.as_str().unwrap(), service))
}

fn words(list: &Value) -> Vec<&str> {
    list.as_sequence().into_iter().flatten().map(|word| word.as_str().unwrap()).collect()
}

fn help(program: Program) -> String {
    let output = Command::new(program.path()).arg("--help").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The program of the project that a service runs.
fn program(service: &Value) -> Option<Program> {
    let command = words(&service["command"]);
    let first = command.first()?;
    PROGRAMS.iter().find_map(|(name, program)| (name == first).then_some(*program))
}

#[test]
fn there_are_two_of_each_service_and_each_is_looked_after() {
    let compose = compose();
    let names: BTreeSet<&str> = services(&compose).map(|(name, _)| name).collect();
    for kind in ["command-service", "relay", "projector", "query-service"] {
        for number in [1, 2] {
            assert!(names.contains(format!("{kind}-{number}").as_str()), "{kind}-{number}");
        }
    }
    for (name, service) in services(&compose) {
        let once = service["restart"] == "no";
        assert_eq!(service["healthcheck"]["disable"] == true, once, "{name}: a health check");
        assert!(once || !words(&service["healthcheck"]["test"]).is_empty(), "{name}");
        assert!(once || service["restart"] == "unless-stopped", "{name}: restarts");
        for (other, condition) in service["depends_on"].as_mapping().into_iter().flatten() {
            assert!(names.contains(other.as_str().unwrap()), "{name} waits for {other:?}");
            let ends = condition["condition"] == "service_completed_successfully";
            let other = &compose["services"][other.as_str().unwrap()];
            assert_eq!(ends, other["restart"] == "no", "{name} waits for what never comes");
        }
    }
}

#[test]
fn images_are_pinned_and_nothing_but_the_entry_point_is_published() {
    let compose = compose();
    let version = format!(":{}", env!("CARGO_PKG_VERSION"));
    for (name, service) in services(&compose) {
        let image = service["image"].as_str().unwrap();
        assert!(is_pinned(image), "{name}: {image}");
        if image.starts_with("orderlog") {
            assert!(image.ends_with(&version), "{name}: {image}");
        }
        let ports = words(&service["ports"]);
        let expected: &[&str] =
            if name == "machine" { &["${ORDERLOG_PUBLISH:-127.0.0.1:8080}:8080"] } else { &[] };
        assert_eq!(ports, expected, "{name}");
    }
    let dockerfile = text("Dockerfile");
    let stages: Vec<&str> =
        dockerfile.lines().filter_map(|line| line.strip_prefix("FROM ")).collect();
    assert!(stages.len() >= 3 && stages.iter().all(|stage| is_pinned(stage)), "{stages:?}");
    let last = dockerfile.rsplit("FROM ").next().unwrap();
    assert!(last.contains("\nUSER ") && last.contains("HEALTHCHECK"), "{last}");
    assert!(dockerfile.contains("--locked"));
}

/// A version with a dot in its tag.
fn is_pinned(image: &str) -> bool {
    let image = image.split_whitespace().next().unwrap();
    image.rsplit_once(':').is_some_and(|(_, tag)| {
        tag.starts_with(|first: char| first.is_ascii_digit()) && tag.contains('.')
    })
}

#[test]
fn every_flag_and_variable_is_one_that_the_program_has() {
    let compose = compose();
    let mut seen = 0;
    for (name, service) in services(&compose) {
        let Some(program) = program(service) else { continue };
        let help = help(program);
        for flag in words(&service["command"]).into_iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(&format!("{flag} <")), "{name}: no {flag}");
            seen += 1;
        }
        for variable in service["environment"].as_mapping().unwrap().keys() {
            let variable = variable.as_str().unwrap();
            assert!(help.contains(&format!("[env: {variable}=")), "{name}: no {variable}");
            seen += 1;
        }
    }
    assert!(seen >= 20, "only {seen} were looked at");
}

#[test]
fn the_entry_point_asks_where_the_services_listen_and_each_has_a_port_of_its_own() {
    let compose = compose();
    let listens =
        |name: String| compose["services"][name]["environment"]["ORDERLOG_LISTEN"].clone();
    let entry = &compose["services"]["entry"]["environment"];
    for (kind, variable) in [("command-service", "COMMANDS"), ("query-service", "VIEWS")] {
        for number in [1, 2] {
            let asked = &entry[format!("ORDERLOG_{variable}_{number}")];
            assert_eq!(*asked, listens(format!("{kind}-{number}")), "{kind}-{number}");
        }
    }
    let mut taken = BTreeSet::new();
    for (name, service) in services(&compose) {
        if let Some(address) = service["environment"]["ORDERLOG_LISTEN"].as_str() {
            assert!(
                address.starts_with("127.0.0.1:") && taken.insert(address),
                "{name}: {address}"
            );
            assert_eq!(service["network_mode"], "service:machine", "{name}");
        }
    }
    assert_eq!(taken.len(), 8);
}

#[test]
fn every_secret_is_asked_for_and_every_mounted_file_is_there() {
    let (compose, example) = (text("compose.yaml"), text(".env.example"));
    let asked: BTreeSet<&str> =
        compose.split("${").skip(1).filter_map(|rest| rest.split([':', '}']).next()).collect();
    assert!(asked.len() >= 8, "{asked:?}");
    for variable in asked {
        assert!(example.contains(&format!("\n{variable}=")), "{variable} is not in .env.example");
        let must = format!("${{{variable}:?");
        assert!(variable == "ORDERLOG_PUBLISH" || compose.contains(&must), "{variable}");
    }
    for (name, service) in services(&self::compose()) {
        for mount in words(&service["volumes"]).into_iter().filter(|mount| mount.starts_with("./"))
        {
            let file = mount.split(':').next().unwrap();
            assert!(root().join(file).exists(), "{name} mounts {file}");
        }
    }
}

/// The files that are given to Docker after compose.yaml.
#[test]
fn what_is_added_to_compose_fits_to_it() {
    let (whole, example) = (compose(), text(".env.example"));
    for file in ["deploy/compose.personal-data.yaml", "deploy/compose.signed.yaml"] {
        let mut added: Value = serde_yaml_ng::from_str(&text(file)).unwrap();
        added.apply_merge().unwrap();
        for (name, service) in services(&added) {
            let changed = &whole["services"][name];
            match service["image"].as_str() {
                Some(image) => assert!(changed.is_null() && is_pinned(image), "{file}: {name}"),
                None => assert!(!changed.is_null(), "{file}: there is no {name}"),
            }
            if let Some(program) = program(service).or_else(|| program(changed)) {
                let help = help(program);
                for variable in service["environment"].as_mapping().unwrap().keys() {
                    let variable = variable.as_str().unwrap();
                    assert!(help.contains(&format!("[env: {variable}=")), "{name}: no {variable}");
                }
            }
            for secret in words(&service["secrets"]) {
                assert!(added["secrets"][secret]["file"].is_string(), "{file}: {secret}");
            }
            for (other, _) in service["depends_on"].as_mapping().into_iter().flatten() {
                let found = [&added, &whole].map(|all| !all["services"][other].is_null());
                assert!(found.contains(&true), "{file}: {name} waits for {other:?}");
            }
        }
        let text = text(file);
        for variable in text.split("${").skip(1).filter_map(|rest| rest.split([':', '}']).next()) {
            assert!(
                example.contains(&format!("\n# {variable}=")),
                "{variable} is not in .env.example"
            );
        }
    }
}

#[test]
fn nginx_accepts_its_configuration() {
    let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap());
    if Command::new("nginx").arg("-v").env("PATH", &path).output().is_err() {
        println!("NOT TESTED: nginx's configuration, because no nginx is installed");
        return;
    }
    let folder = TempDir::new().unwrap();
    let entry = folder.path().display().to_string();
    for file in ["nginx.conf", "orderlog.conf"] {
        let filled = text(&format!("deploy/nginx/{file}.template"))
            .replace("${ORDERLOG_ENTRY_USER}", "root root")
            .replace("${ORDERLOG_ENTRY_DIR}", &entry)
            .replace("${ORDERLOG_ENTRY}", "127.0.0.1:1")
            .replace("${ORDERLOG_OPENAPI_FILE}", "/dev/null")
            .replace("${ORDERLOG_COMMANDS_1}", "127.0.0.1:2")
            .replace("${ORDERLOG_COMMANDS_2}", "127.0.0.1:3")
            .replace("${ORDERLOG_VIEWS_1}", "127.0.0.1:4")
            .replace("${ORDERLOG_VIEWS_2}", "127.0.0.1:5");
        assert!(!filled.contains("${ORDERLOG"), "a variable of {file} is not filled in");
        std::fs::write(folder.path().join(file), filled).unwrap();
    }
    let tested = Command::new("nginx")
        .env("PATH", &path)
        .args(["-t", "-p", &entry, "-c", "nginx.conf", "-e", "error.log"])
        .output()
        .unwrap();
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stderr));
}

#[test]
fn scripts_are_programs_that_bash_can_read() {
    for name in [
        "backends",
        "components",
        "free-port",
        "install-test-needs",
        "kafka",
        "postgres",
        "scaled-out",
        "test-scaled-out",
    ] {
        let file = system_tests::system::script(name);
        let read = Command::new("bash").arg("-n").arg(&file).output().unwrap();
        assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
        let script = std::fs::read_to_string(&file).unwrap();
        assert!(
            script.lines().any(|line| line.starts_with("set -")),
            "{name} goes on after a failure"
        );
    }
}
