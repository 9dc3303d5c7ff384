//! Customers as the pipeline takes them: their streams record erasures.

use crate::pipeline::{Commanded, Settles};
use domain::customer::{CustomerAggregate, CustomerRecord};
use serde_json::Value;

impl Commanded for CustomerAggregate {
    fn status(record: &CustomerRecord) -> &'static str {
        if record.erased_at.is_some() { "erased" } else { "known" }
    }

    fn customer(record: &CustomerRecord) -> Option<&str> {
        record.id.as_ref().map(domain::Reference::as_str)
    }

    fn keep(never: &std::convert::Infallible) -> Value {
        match *never {}
    }

    fn settles(never: &std::convert::Infallible) -> Settles {
        match *never {}
    }
}
