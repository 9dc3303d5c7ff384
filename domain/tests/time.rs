//! Times from outside: which texts are accepted, and that each is one instant however it is written or kept.

#![allow(clippy::unwrap_used, missing_docs)]

use domain::order::document::micros::Wire;
use domain::time::{TimeError, parse};
use proptest::prelude::*;

/// How an accepted text reads on the wire.
fn read(text: &str) -> Result<String, TimeError> {
    parse(text).map(|time| Wire(time).to_string())
}

#[test]
fn a_leap_second_is_the_moment_that_follows_it() {
    for text in [
        "2016-12-31T23:59:60Z",
        "2016-12-31T23:59:60.5Z",
        "2016-12-31T23:59:60.999999999Z",
        "2016-12-31t23:59:60z",
        "2016-12-31T15:59:60-08:00",
        "2017-01-01T05:29:60+05:30",
        "2017-01-01T23:58:60+23:59",
        "2017-01-01T00:00:00Z",
    ] {
        assert_eq!(read(text).as_deref(), Ok("2017-01-01T00:00:00.000000Z"), "{text}");
    }
    assert_eq!(read("2015-06-30T23:59:60Z").as_deref(), Ok("2015-07-01T00:00:00.000000Z"));
}

#[test]
fn a_minute_has_61_seconds_at_the_end_of_june_and_december_only() {
    for text in [
        "2016-12-31T12:00:60Z",
        "2016-12-31T23:58:60Z",
        "2016-12-31T22:59:60Z",
        "2016-12-30T23:59:60Z",
        "2017-03-31T23:59:60Z",
        "2016-12-31T23:59:60+01:00",
        "2017-01-01T00:00:60Z",
        "2016-12-31T23:59:61Z",
        "2016-12-31T23:60:00Z",
        "2016-12-31T24:00:00Z",
    ] {
        assert_eq!(read(text), Err(TimeError::Malformed), "{text}");
    }
}

#[test]
fn what_is_not_rfc_3339_is_refused() {
    for text in [
        "",
        "yesterday",
        "2026-03-03",
        "2026-03-03T12:00:00",
        "2026-03-03T12:00Z",
        "2026-02-29T12:00:00Z",
        "2026-03-03T12:00:00+24:00",
        "2026-03-03T12:00:00+0100",
        "2026-03-03T12:00:00\u{2212}01:00",
        "-0001-01-01T00:00:00Z",
        "12026-03-03T12:00:00Z",
        "2026-03-03T12:00:00.Z",
        " 2026-03-03T12:00:00Z",
        "2026-03-03T12:00:00Z ",
    ] {
        assert_eq!(read(text), Err(TimeError::Malformed), "{text}");
    }
}

#[test]
fn time_goes_from_the_year_1_to_9999_and_is_cut_to_microseconds() {
    assert_eq!(read("0001-01-01T00:00:00Z").as_deref(), Ok("0001-01-01T00:00:00.000000Z"));
    for text in ["0001-01-01T00:00:00+00:01", "0000-12-31T23:59:59Z", "0000-12-31T23:59:59.9Z"] {
        assert_eq!(read(text), Err(TimeError::TooEarly), "{text}");
    }
    for text in ["9999-12-31T23:59:59-00:01", "9999-12-31T23:59:60Z"] {
        assert_eq!(read(text), Err(TimeError::TooLate), "{text}");
    }
    let last = read("9999-12-31T23:59:59.9999999Z");
    assert_eq!(last.as_deref(), Ok("9999-12-31T23:59:59.999999Z"));
    let cut = read("2026-03-03T12:00:00.1234569+01:00");
    assert_eq!(cut.as_deref(), Ok("2026-03-03T11:00:00.123456Z"));
}

#[test]
fn a_leap_second_that_was_kept_as_one_reads_as_the_moment_that_follows_it() {
    let kept = chrono::DateTime::parse_from_rfc3339("2016-12-31T23:59:60.25Z").unwrap().to_utc();
    assert_eq!(Wire(kept).to_string(), "2017-01-01T00:00:00.000000Z");
}

#[test]
fn a_time_outside_of_four_digit_years_is_written_as_it_is_read() {
    for (micros, text) in [
        (-62_167_219_200_000_001, "-0001-12-31T23:59:59.999999Z"),
        (-62_167_219_200_000_000, "0000-01-01T00:00:00.000000Z"),
        (253_402_300_800_000_000, "+10000-01-01T00:00:00.000000Z"),
    ] {
        let time = chrono::DateTime::from_timestamp_micros(micros).unwrap();
        assert_eq!(Wire(time).to_string(), text);
        assert_eq!(text.parse(), Ok(time));
    }
}

proptest! {
    #[test]
    fn an_instant_survives_its_text_and_its_number(
        (year, month, day) in (1_i32..=9_999, 1_u32..=12, 1_u32..=31),
        (hour, minute, second) in (0_u32..24, 0_u32..60, 0_u32..=60),
        fraction in prop::option::of(0_u32..1_000_000_000),
        offset in -1_439_i32..1_440,
    ) {
        let fraction = fraction.map_or(String::new(), |digits| format!(".{digits:09}"));
        let (sign, zone) = (if offset < 0 { '-' } else { '+' }, offset.abs());
        let text = format!(
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{sign}{:02}:{:02}",
            zone / 60, zone % 60,
        );
        if let Ok(time) = parse(&text) {
            prop_assert_eq!(chrono::DateTime::from_timestamp_micros(time.timestamp_micros()), Some(time));
            prop_assert_eq!(parse(&Wire(time).to_string()), Ok(time));
        }
    }

    #[test]
    fn times_keep_their_order(second in 58_u32..=60, fraction in 0_u32..1_000_000, later in 0_u32..2_000_000) {
        let text = format!("2016-12-31T23:59:{second}.{fraction:06}Z");
        let after = parse("2016-12-31T23:59:58Z").unwrap().timestamp_micros() + i64::from(later);
        let time = parse(&text).unwrap().timestamp_micros();
        // Seconds as they are counted, with the leap second as a second of its own, never go back as instants.
        let counted = i64::from(second - 58) * 1_000_000 + i64::from(fraction);
        prop_assert_eq!(counted <= i64::from(later), time <= after);
    }
}
