//! The table of routes in an OpenAPI document: which roles an operation asks for, and how it refuses.

use crate::access::{Access, Rule};
use server::{ProblemCode, problem_responses};
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, OpenApi, PathItem, RefOr};

/// The name of the one security scheme.
const SCHEME: &str = "bearer";
/// The refusals of the guard.
const REFUSALS: [ProblemCode; 3] =
    [ProblemCode::UNAUTHORIZED, ProblemCode::FORBIDDEN, ProblemCode::RATE_LIMITED];

/// Adds what the rules say to the operations of a document. The roles stand where OpenAPI 3.1 has them: as the scopes of
/// the security requirement.
pub fn describe<'a>(document: &mut OpenApi, rules: impl IntoIterator<Item = &'a Rule>) {
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "A JSON Web Token or an API key. Asked for where the server was started with --auth.",
        ))
        .build();
    let components = document.components.get_or_insert_with(Components::new);
    components.security_schemes.insert(SCHEME.to_owned(), RefOr::T(SecurityScheme::Http(scheme)));
    for rule in rules {
        let item = document.paths.paths.get_mut(rule.route);
        let operation = item.and_then(|item| operation(item, rule.method.as_str()));
        if let (Some(operation), Access::Only(roles)) = (operation, rule.access) {
            let names: Vec<&str> = roles.iter().map(crate::Role::as_str).collect();
            operation.security = Some(vec![SecurityRequirement::new(SCHEME, names)]);
            let refusals = problem_responses(&REFUSALS);
            for code in REFUSALS {
                let status = code.status().as_str().to_owned();
                if let Some(refusal) = refusals.get(&status) {
                    operation.responses.responses.entry(status).or_insert_with(|| refusal.clone());
                }
            }
        }
    }
}

fn operation<'a>(item: &'a mut PathItem, method: &str) -> Option<&'a mut Operation> {
    match method {
        "GET" => item.get.as_mut(),
        "POST" => item.post.as_mut(),
        _ => None,
    }
}
