//! Sums of money, which outgrow one 64-bit column: 1 025 orders of the largest total already do.
//!
//! A sum has two columns, `…_high` (billions, 10⁹) and `…_low` (the rest, 0 to 999 999 999): sum = high · 10⁹ + low,
//! also below zero. So both backends add exactly, carry included, and can index by the order of sums. No sum saturates
//! or becomes a fraction.

/// One unit of `high`, in minor units.
const BILLION: i128 = 1_000_000_000;

/// A sum's two columns.
pub(crate) fn split(sum: i128) -> (i64, i64) {
    let high = i64::try_from(sum.div_euclid(BILLION));
    let low = i64::try_from(sum.rem_euclid(BILLION));
    (
        high.expect("9 · 10²⁷ minor units are more than 10¹² orders of the largest total"),
        low.expect("a remainder is less than its divisor"),
    )
}

/// The sum from its two columns, or from the sums over each of them.
pub(crate) fn join(high: i64, low: i64) -> i128 {
    i128::from(high) * BILLION + i128::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_sum_comes_back_from_its_columns(sum in -(1_i128 << 90)..(1_i128 << 90)) {
            let (high, low) = split(sum);
            prop_assert!((0..1_000_000_000).contains(&low));
            prop_assert_eq!(join(high, low), sum);
        }

        #[test]
        fn columns_are_in_the_order_of_the_sums(a in any::<i64>(), b in any::<i64>()) {
            prop_assert_eq!(split(a.into()).cmp(&split(b.into())), a.cmp(&b));
        }
    }
}
