//! The served OpenAPI document as a check: every route and status that a test sees must be in it.

use std::collections::BTreeSet;
use std::sync::Mutex;

use reqwest::Method;
use serde_json::Value;

/// Paths outside `/v1` that are the documentation itself.
const DOCUMENTATION: [&str; 2] = ["/openapi.json", "/docs"];

/// The document, and the parts of it that were seen.
#[derive(Debug)]
pub struct Contract {
    document: Value,
    seen: Mutex<BTreeSet<(String, String, u16)>>,
}

impl Contract {
    /// A check against this document.
    pub fn new(document: Value) -> Self {
        Self { document, seen: Mutex::default() }
    }

    /// The document.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Every (method, path template, status) seen so far.
    ///
    /// # Panics
    /// Never: nothing panics while it holds the lock.
    pub fn seen(&self) -> BTreeSet<(String, String, u16)> {
        self.seen.lock().expect("nothing panics under this lock").clone()
    }

    /// Asserts that the document has this answer.
    ///
    /// # Panics
    /// When it does not.
    pub fn check(&self, method: &Method, path: &str, status: u16) {
        let path = path.split('?').next().unwrap_or_default();
        if DOCUMENTATION.iter().any(|prefix| path.starts_with(prefix)) {
            return;
        }
        let Some(template) = self.template(path) else {
            let said = "no route, so it can only be refused";
            assert!(matches!(status, 400 | 404 | 405 | 414), "{method} {path} is {said}: {status}");
            return;
        };
        let operation = &self.document["paths"][template][method.as_str().to_lowercase()];
        if operation.is_null() {
            assert_eq!(status, 405, "{method} {template} is not in the document");
            return;
        }
        let statuses = &operation["responses"];
        assert!(
            !statuses[status.to_string()].is_null(),
            "{method} {template} answered {status}, which the document does not name: {:?}",
            statuses.as_object().map(|named| named.keys().collect::<Vec<_>>())
        );
        let seen = (method.to_string(), template.to_owned(), status);
        self.seen.lock().expect("nothing panics under this lock").insert(seen);
    }

    /// The path template of a path: the matching one with the fewest parameters.
    fn template(&self, path: &str) -> Option<&str> {
        let paths = self.document["paths"].as_object().expect("a document has paths");
        paths
            .keys()
            .filter(|template| matches(template, path))
            .min_by_key(|template| template.matches('{').count())
            .map(String::as_str)
    }
}

fn matches(template: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted == given => {}
            (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_parameter_stands_for_exactly_one_segment() {
        assert!(matches("/v1/orders/{id}/ship", "/v1/orders/7/ship"));
        assert!(!matches("/v1/orders/{id}", "/v1/orders/7/ship"));
        assert!(!matches("/v1/orders/{id}", "/v1/orders/"));
        assert!(matches("/v1/orders", "/v1/orders"));
    }
}
