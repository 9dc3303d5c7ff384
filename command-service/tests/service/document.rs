//! The OpenAPI document says what the service does.

use crate::rig::Rig;
use ::rig::log::Log;
use serde_json::Value;

const COMMANDS: [&str; 12] = [
    "add-line",
    "change-line-quantity",
    "remove-line",
    "place",
    "discard",
    "confirm",
    "record-payment",
    "record-refund",
    "ship",
    "deliver",
    "cancel",
    "add-note",
];

async fn document() -> Value {
    let rig = Rig::on(Log::sqlite()).await;
    let (_, mut document) = rig.service.routes().split_for_parts();
    server::openapi::add_problem_schemas(&mut document);
    serde_json::to_value(&document).unwrap()
}

#[tokio::test]
async fn every_command_and_every_status_is_documented() {
    let document = document().await;
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), COMMANDS.len() + 3);
    for command in COMMANDS {
        let operation = &paths[&format!("/v1/orders/{{id}}/{command}")]["post"];
        let responses = operation["responses"].as_object().unwrap();
        for status in ["200", "400", "404", "408", "409", "412", "413", "415", "422", "500", "503"]
        {
            assert!(responses.contains_key(status), "{command} {status}");
        }
        let parameters = operation["parameters"].as_array().unwrap();
        let named: Vec<_> = parameters.iter().map(|p| p["name"].as_str().unwrap()).collect();
        for name in ["id", "dry_run", "Idempotency-Key", "If-Match", "X-Correlation-Id"] {
            assert!(named.contains(&name), "{command} {name} {named:?}");
        }
    }
    assert!(paths["/v1/orders"]["post"]["responses"]["201"].is_object());
    assert!(paths["/v1/import"]["post"]["responses"]["200"].is_object());
    let erasure = &paths["/v1/customers/{id}/erase"]["post"]["responses"];
    for status in ["200", "400", "404", "409", "500", "503"] {
        assert!(erasure[status].is_object(), "erase {status}");
    }
}

#[tokio::test]
async fn every_schema_that_is_named_is_there_and_bodies_are_closed() {
    let document = document().await;
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let text = document.to_string();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name}");
    }
    let bodies: Vec<_> = schemas.iter().filter(|(name, _)| name.ends_with("Body")).collect();
    assert_eq!(bodies.len(), 14);
    for (name, schema) in bodies {
        assert_eq!(schema["additionalProperties"], false, "{name}");
    }
}
