//! `StrictQuery<T>`: a query string read into a struct, with nothing ignored.
//!
//! A parameter that `T` does not name is 400 `unknown-parameter`; a repeated, missing or unreadable one is 400
//! `invalid-parameter`. Answers name parameters, never values: a value may be personal data or an attack.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::value::{Pairs, Refusal};
use crate::problem::{Problem, ProblemCode};

/// More parameters than any view has.
const MAX_PARAMETERS: usize = 64;

/// Longest unknown name that is repeated in the answer, and then only if it is a plain word.
const MAX_ECHOED_NAME: usize = 40;

/// Reads the query string into `T` (a struct whose fields are numbers, booleans, texts, unit enums or options of these).
#[derive(Debug, Clone, Copy)]
pub struct StrictQuery<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for StrictQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

/// For routes that take no query at all: any parameter is 400 `unknown-parameter`.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
pub struct NoQuery {}

/// Reads a query string into `T`.
///
/// # Errors
/// 400 `unknown-parameter` or `invalid-parameter`.
pub fn read<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let pairs = split(query)?;
    T::deserialize(Pairs::new(&pairs)).map_err(problem)
}

fn split(query: &str) -> Result<Vec<(String, String)>, Problem> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for piece in query.split('&').filter(|piece| !piece.is_empty()) {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        let (Some(name), Some(value)) = (decoded(name), decoded(value)) else {
            return Err(Problem::new(ProblemCode::INVALID_PARAMETER)
                .detail("The query is not percent-encoded UTF-8."));
        };
        if pairs.len() == MAX_PARAMETERS {
            return Err(Problem::new(ProblemCode::INVALID_PARAMETER)
                .detail("The query has too many parameters."));
        }
        pairs.push((name, value));
    }
    Ok(pairs)
}

/// `application/x-www-form-urlencoded` decoding; `None` for a broken escape or bytes that are not UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |b: u8| char::from(b).to_digit(16);
                let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

fn problem(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Unknown { name, known } => {
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let problem = Problem::new(ProblemCode::UNKNOWN_PARAMETER)
                .detail(format!("Parameters known here: {known}."));
            let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
            if name.len() <= MAX_ECHOED_NAME && name.bytes().all(plain) {
                return problem.with("parameter", name);
            }
            problem
        }
        Refusal::Repeated { name } => Problem::new(ProblemCode::INVALID_PARAMETER)
            .detail(format!("The parameter {name} may be given once."))
            .with("parameter", name),
        Refusal::Missing { name } => Problem::new(ProblemCode::INVALID_PARAMETER)
            .detail(format!("The parameter {name} is required."))
            .with("parameter", name),
        Refusal::Unreadable { name, expected } => Problem::new(ProblemCode::INVALID_PARAMETER)
            .detail(format!("The parameter {name} must be {expected}."))
            .with("parameter", name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Sort {
        Newest,
        Oldest,
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct View {
        limit: Option<u32>,
        sort: Option<Sort>,
        customer_id: Option<String>,
        #[serde(default)]
        dry_run: bool,
    }

    fn refused(query: &str) -> (ProblemCode, String) {
        let problem = read::<View>(query).unwrap_err();
        (problem.code(), problem.to_value().to_string())
    }

    #[test]
    fn known_parameters_are_read() {
        let view: View =
            read("limit=20&customer_id=a%20b+c%C3%A9&sort=oldest&dry_run=true").unwrap();
        let expected = View {
            limit: Some(20),
            sort: Some(Sort::Oldest),
            customer_id: Some("a b c\u{e9}".to_owned()),
            dry_run: true,
        };
        assert_eq!(view, expected);
        assert!(read::<View>("").is_ok());
        assert!(read::<NoQuery>("").is_ok());
    }

    #[test]
    fn an_unknown_parameter_is_refused_and_known_ones_are_listed() {
        let (code, text) = refused("limit=1&colour=red");
        assert_eq!(code, ProblemCode::UNKNOWN_PARAMETER);
        assert!(text.contains("limit, sort, customer_id, dry_run"), "{text}");
        assert!(text.contains("colour") && !text.contains("red"), "{text}");
        let (code, text) = refused("%3Cscript%3E=1");
        assert_eq!(code, ProblemCode::UNKNOWN_PARAMETER);
        assert!(!text.contains("script"), "{text}");
        assert_eq!(read::<NoQuery>("a=1").unwrap_err().code(), ProblemCode::UNKNOWN_PARAMETER);
    }

    #[test]
    fn unreadable_and_repeated_parameters_are_refused_by_name_without_the_value() {
        for query in [
            "limit=twelve",
            "limit=-1",
            "limit=",
            "limit=1&limit=2",
            "limit=%FF",
            "limit=%2",
            "limit=4294967296",
            "dry_run=1",
            "sort=twelve",
        ] {
            let (code, text) = refused(query);
            assert_eq!(code, ProblemCode::INVALID_PARAMETER, "{query}");
            assert!(!text.contains("twelve"), "{text}");
        }
        assert!(refused("limit=twelve").1.contains("limit must be a whole number"));
        assert!(refused("sort=x").1.contains("sort must be one of newest, oldest"));
    }
}
