//! Amounts in the provider's units: every currency of its special lists, and all others.

use domain::{Currency, Money};
use outside::psp::{from_provider, to_provider};
use proptest::prelude::*;

fn money(text: &str) -> Money {
    let (amount, code) = text.split_once(' ').unwrap();
    Money::parse(amount, Currency::from_code(code).unwrap()).unwrap()
}

#[test]
fn amounts_in_the_providers_units() {
    let cells = [
        ("10.00 USD", Some(1000)),
        ("0.01 EUR", Some(1)),
        ("500 JPY", Some(500)),
        ("500 BIF", Some(500)),
        ("500 CLP", Some(500)),
        ("500 DJF", Some(500)),
        ("500 GNF", Some(500)),
        ("500 KMF", Some(500)),
        ("500 KRW", Some(500)),
        ("500 PYG", Some(500)),
        ("500 RWF", Some(500)),
        ("500 VND", Some(500)),
        ("500 VUV", Some(500)),
        ("500 XAF", Some(500)),
        ("500 XOF", Some(500)),
        ("500 XPF", Some(500)),
        // Two digits by ISO 4217, none at the provider.
        ("500.00 MGA", Some(500)),
        ("500.50 MGA", None),
        // None by ISO 4217, two zeros at the provider.
        ("5 ISK", Some(500)),
        ("5 UGX", Some(500)),
        // Two digits in payments, though payouts have none.
        ("10.45 HUF", Some(1045)),
        ("800.45 TWD", Some(80045)),
        // Three digits, the last one a zero.
        ("5.120 KWD", Some(5120)),
        ("5.124 KWD", None),
        ("5.120 BHD", Some(5120)),
        ("5.121 BHD", None),
        ("5.120 JOD", Some(5120)),
        ("5.120 OMR", Some(5120)),
        ("5.120 TND", Some(5120)),
        ("5.129 TND", None),
        // Four digits: not known there.
        ("5.1234 CLF", None),
        // Nothing is paid with nothing, or with less.
        ("0.00 USD", None),
        ("-1.00 USD", None),
    ];
    for (text, number) in cells {
        assert_eq!(to_provider(money(text)).ok(), number, "{text}");
        if let Some(number) = number {
            assert_eq!(from_provider(number, money(text).currency()), Ok(money(text)), "{text}");
        }
    }
    let usd = money("1.00 USD").currency();
    assert_eq!(from_provider(0, usd).unwrap(), Money::zero(usd));
    assert!(from_provider(-1, usd).is_err());
    assert!(from_provider(550, money("5 ISK").currency()).is_err());
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_the_same_amount(
        minor in 1..=9_007_199_254_740_991_i64,
        code in prop::sample::select(vec!["USD", "EUR", "JPY", "MGA", "ISK", "UGX", "KWD", "TND", "HUF", "CHF", "PYG"]),
    ) {
        let amount = Money::from_minor(minor, Currency::from_code(code).unwrap());
        // Whatever cannot be written is an error, never another amount.
        if let Ok(number) = to_provider(amount) {
            prop_assert_eq!(from_provider(number, amount.currency()), Ok(amount));
        }
    }

    #[test]
    fn the_sandbox_takes_what_is_written(
        minor in 1..=99_999_999_i64,
        code in prop::sample::select(vec!["usd", "jpy", "mga", "isk", "ugx", "kwd", "tnd"]),
    ) {
        let currency = Currency::from_code(&code.to_ascii_uppercase()).unwrap();
        if let Ok(number) = to_provider(Money::from_minor(minor, currency)) {
            prop_assert_eq!(number % sandbox::core::intent::step(code), 0);
        }
    }
}
