//! Names of stream types, which last as long as the process: alone here, for the test uses up their places.

#![allow(missing_docs)]

use event_store::event::{keep_stream_type, stream_type};

#[test]
fn a_kept_name_is_found_after_any_number_of_foreign_ones() {
    keep_stream_type("order");
    let met = (0..1_000).filter(|number| stream_type(&format!("foreign-{number}")).is_some());
    assert_eq!(met.count(), 255);
    assert_eq!(stream_type("order"), Some("order"));
    assert_eq!(stream_type("foreign-7"), Some("foreign-7"));
    keep_stream_type("invoice");
    keep_stream_type("order");
    assert_eq!(stream_type("invoice"), Some("invoice"));
}
