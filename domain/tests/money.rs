//! Money: every vector, and the laws of allocation.

#![allow(clippy::unwrap_used, missing_docs)]

use domain::money::MAX_PUBLIC_MINOR;
use domain::{Currency, Money, MoneyError};
use proptest::prelude::*;

fn currency(code: &str) -> Currency {
    Currency::from_code(code).unwrap()
}

fn usd(minor: i64) -> Money {
    Money::from_minor(minor, currency("USD"))
}

fn split(minor: i64, weights: &[u64]) -> Vec<i64> {
    usd(minor).allocate(weights).unwrap().into_iter().map(Money::minor).collect()
}

#[test]
fn allocation_follows_the_vectors() {
    assert_eq!(split(1000, &[1, 1, 1]), [334, 333, 333]);
    assert_eq!(split(-1000, &[1, 1, 1]), [-334, -333, -333]);
    assert_eq!(split(299, &[4300, 1400, 2300]), [161, 52, 86]);
    assert_eq!(split(93, &[10, 20, 10, 30, 50, 20, 10, 40]), [5, 10, 5, 15, 24, 10, 5, 19]);
    assert_eq!(split(5, &[30, 70]), [2, 3]);
    assert_eq!(split(1, &[0, 1, 1]), [0, 1, 0]);
    assert_eq!(split(0, &[3, 0, 1]), [0, 0, 0]);
    assert_eq!(usd(10).allocate(&[0, 0]), Err(MoneyError::NoWeights));
    assert_eq!(usd(10).allocate(&[]), Err(MoneyError::NoWeights));
    assert_eq!(usd(10).allocate(&[u64::MAX, 1]), Err(MoneyError::OutOfRange));
}

#[test]
fn the_largest_amount_splits_evenly_and_exactly() {
    let parts = split(i64::MAX, &[1, 1, 1]);
    assert_eq!(parts.iter().map(|part| i128::from(*part)).sum::<i128>(), i128::from(i64::MAX));
    assert!(parts.iter().max().unwrap() - parts.iter().min().unwrap() <= 1);
}

#[test]
fn digits_are_those_of_iso_4217() {
    let expected = [
        (0, &["JPY", "KRW", "VND", "CLP", "ISK", "UGX"][..]),
        (2, &["HUF", "MGA", "MRU", "USD", "EUR", "GBP"]),
        (3, &["BHD", "KWD", "TND"]),
        (4, &["CLF", "UYW"]),
    ];
    for (digits, codes) in expected {
        for code in codes {
            assert_eq!(currency(code).digits(), digits, "{code}");
        }
    }
}

#[test]
fn codes_without_minor_units_and_unknown_codes_are_refused() {
    for code in ["XAU", "XXX", "XTS", "XDR", "usd", "Usd", "US", "USDX", "", "ABC"] {
        assert_eq!(Currency::from_code(code), None, "{code}");
    }
}

#[test]
fn parsing_is_strict() {
    let cases = [
        ("10.005", "USD", None),
        ("1.5", "JPY", None),
        ("1.2345", "BHD", None),
        ("1.234", "BHD", Some(1234)),
        ("10", "USD", Some(1000)),
        ("10.5", "USD", Some(1050)),
        ("-0.01", "USD", Some(-1)),
        ("007", "JPY", Some(7)),
        ("90071992547409.91", "USD", Some(MAX_PUBLIC_MINOR)),
        ("90071992547409.92", "USD", None),
        ("99999999999999999999999999", "USD", None),
        ("1,000.00", "USD", None),
        ("1e3", "USD", None),
        ("NaN", "USD", None),
        ("", "USD", None),
        ("-", "USD", None),
        ("--1", "USD", None),
        (" 1", "USD", None),
        ("1 ", "USD", None),
        ("+1", "USD", None),
        (".5", "USD", None),
        ("1.", "USD", None),
        ("1.2.3", "USD", None),
        ("１２", "USD", None),
    ];
    for (text, code, expected) in cases {
        let parsed = Money::parse(text, currency(code)).ok().map(Money::minor);
        assert_eq!(parsed, expected, "{text:?} {code}");
    }
}

#[test]
fn output_has_exactly_the_currencys_digits() {
    let shown = |minor, code| Money::from_minor(minor, currency(code)).to_string();
    assert_eq!(shown(1000, "USD"), "10.00");
    assert_eq!(shown(10, "JPY"), "10");
    assert_eq!(shown(1234, "BHD"), "1.234");
    assert_eq!(shown(-5, "USD"), "-0.05");
    assert_eq!(shown(i64::MIN, "JPY"), "-9223372036854775808");
}

#[test]
fn overflow_and_mixed_currencies_are_error_values() {
    assert_eq!(usd(i64::MAX).checked_add(usd(1)), Err(MoneyError::OutOfRange));
    assert_eq!(usd(i64::MIN).checked_neg(), Err(MoneyError::OutOfRange));
    assert_eq!(usd(4_611_686_018_427_387_904).checked_mul(2), Err(MoneyError::OutOfRange));
    assert_eq!(usd(i64::MIN).checked_sub(usd(1)), Err(MoneyError::OutOfRange));
    let euro = Money::from_minor(1, currency("EUR"));
    let mixed = MoneyError::CurrencyMismatch(currency("USD"), currency("EUR"));
    assert_eq!(usd(1).checked_add(euro), Err(mixed));
    assert_eq!(Money::sum(currency("USD"), [usd(1), euro]), Err(mixed));
    assert_eq!(usd(MAX_PUBLIC_MINOR + 1).within_public_limit(), Err(MoneyError::OutOfRange));
    assert_eq!(usd(-MAX_PUBLIC_MINOR).within_public_limit(), Ok(usd(-MAX_PUBLIC_MINOR)));
}

#[test]
fn what_is_wrong_with_an_amount_is_said_with_its_currency() {
    let refused = |text| Money::parse(text, currency("BHD")).unwrap_err().to_string();
    assert_eq!(refused("1.2345"), "has more digits after the point than BHD has (3)");
    let euro = Money::from_minor(1, currency("EUR"));
    assert_eq!(usd(1).checked_add(euro).unwrap_err().to_string(), "USD and EUR do not mix");
}

proptest! {
    #[test]
    fn parts_add_up_and_opposites_split_oppositely(
        minor in -MAX_PUBLIC_MINOR..=MAX_PUBLIC_MINOR,
        weights in prop::collection::vec(0_u64..1_000_000, 1..20),
    ) {
        prop_assume!(weights.iter().any(|weight| *weight > 0));
        let parts = split(minor, &weights);
        prop_assert_eq!(parts.iter().sum::<i64>(), minor);
        let opposite: Vec<i64> = split(-minor, &weights).into_iter().map(|part| -part).collect();
        prop_assert_eq!(&parts, &opposite);
        let total = weights.iter().sum::<u64>();
        for (part, weight) in parts.iter().zip(&weights) {
            let exact = i128::from(minor) * i128::from(*weight);
            let off = (i128::from(*part) * i128::from(total) - exact).abs();
            prop_assert!(off < i128::from(total), "a part is off by a unit or more");
        }
    }

    #[test]
    fn what_is_shown_can_be_read(minor in -MAX_PUBLIC_MINOR..=MAX_PUBLIC_MINOR, code in 0_usize..4) {
        let currency = currency(["JPY", "USD", "BHD", "CLF"][code]);
        let money = Money::from_minor(minor, currency);
        prop_assert_eq!(Money::parse(&money.to_string(), currency), Ok(money));
    }
}

#[test]
fn withdrawn_currencies_are_read_but_not_in_use() {
    for code in ["BGN", "CUC", "HRK", "SLL", "ZWL", "LTL", "DEM", "ANG", "VEF"] {
        assert!(Currency::from_code(code).is_some(), "{code}");
        assert_eq!(Currency::in_use(code), None, "{code}");
        let stored = serde_json::to_string(&currency(code)).unwrap();
        assert_eq!(serde_json::from_str::<Currency>(&stored).unwrap(), currency(code));
    }
    for code in ["USD", "EUR", "VES", "VED", "ZWG", "CLF", "XCG"] {
        assert_eq!(Currency::in_use(code), Currency::from_code(code), "{code}");
        assert!(Currency::in_use(code).is_some(), "{code}");
    }
    assert_eq!((Currency::in_use("XAU"), Currency::in_use("usd")), (None, None));
}

#[test]
fn a_currency_was_in_use_to_the_end_of_the_month_in_which_it_was_withdrawn() {
    let cases = [
        ("HRK", "2019-06-01", true),
        ("HRK", "2023-01-31", true),
        ("HRK", "2023-02-01", false),
        ("LTL", "2014-12-31", true),
        ("LTL", "2015-01-01", false),
        ("BGN", "2025-12-31", true),
        ("BGN", "2026-02-01", false),
        ("DEM", "1999-01-01", true),
        ("DEM", "2003-01-01", false),
        ("ITL", "2001-01-01", true),
        ("USD", "1971-08-15", true),
        ("XAU", "1971-08-15", false),
        ("ltl", "2014-01-01", false),
    ];
    for (code, day, used) in cases {
        let at = domain::time::parse(&format!("{day}T23:59:59.999999Z")).unwrap();
        assert_eq!(Currency::in_use_at(code, at).is_some(), used, "{code} on {day}");
    }
    let digits = ["ITL", "LTL", "TRL", "GRD", "BYR"].map(|code| currency(code).digits());
    assert_eq!(digits, [0, 2, 0, 0, 0]);
}
