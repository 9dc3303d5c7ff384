//! The wait before a retry: never above its ceiling, evenly drawn, and safe at the ends of its types.

#![allow(clippy::unwrap_used, missing_docs)]

use domain::attempts::Backoff;
use proptest::prelude::*;
use std::time::Duration;

const BACKOFF: Backoff =
    Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(30), most: 12 };

#[test]
fn the_ceiling_doubles_up_to_the_cap() {
    let ceilings: Vec<u128> = (0..10).map(|n| BACKOFF.ceiling(n).as_millis()).collect();
    assert_eq!(ceilings, [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]);
}

#[test]
fn a_bounded_number_of_tries_is_allowed() {
    let allowed: Vec<u32> = (0..20).filter(|tried| BACKOFF.allows(*tried)).collect();
    assert_eq!(allowed, (0..12).collect::<Vec<_>>());
}

#[test]
fn the_wait_is_drawn_evenly() {
    // Every slice of the random values of one width gets a slice of the waits of one width: a quarter each.
    const DRAWS: u64 = 4_096;
    for n in 0..12 {
        let ceiling = BACKOFF.ceiling(n);
        let mut quarters = [0_u32; 4];
        let mut sum = Duration::ZERO;
        for draw in 0..DRAWS {
            let delay = BACKOFF.delay(n, draw * (u64::MAX / DRAWS));
            sum += delay;
            let quarter = delay.as_nanos() * 4 / ceiling.as_nanos();
            quarters[usize::try_from(quarter).unwrap()] += 1;
        }
        assert!(quarters.iter().all(|count| count.abs_diff(1_024) <= 1), "{n}: {quarters:?}");
        let mean = sum / u32::try_from(DRAWS).unwrap();
        assert!(mean.abs_diff(ceiling / 2) < ceiling / 1_000, "{n}: {mean:?} of {ceiling:?}");
    }
}

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::MAX),
        any::<u64>().prop_map(Duration::from_nanos),
        (0_u64..60_000).prop_map(Duration::from_millis),
        (any::<u64>(), 0_u32..1_000_000_000).prop_map(|(s, nanos)| Duration::new(s, nanos)),
    ]
}

proptest! {
    #[test]
    fn no_wait_reaches_its_ceiling_and_no_ceiling_tops_its_cap(
        base in duration(), cap in duration(), n in any::<u32>(), random in any::<u64>(),
    ) {
        let backoff = Backoff { base, cap, most: 12 };
        let ceiling = backoff.ceiling(n);
        prop_assert!(ceiling <= cap);
        prop_assert!(backoff.ceiling(n.saturating_add(1)) >= ceiling);
        let delay = backoff.delay(n, random);
        prop_assert!(delay < ceiling || ceiling.is_zero() && delay.is_zero());
        prop_assert_eq!(backoff.delay(n, 0), Duration::ZERO);
    }

    #[test]
    fn the_ceiling_is_that_of_plain_arithmetic(millis in 0_u32..100_000, cap in 0_u64..10_000_000, n in 0_u32..20) {
        let (base, cap) = (Duration::from_millis(millis.into()), Duration::from_millis(cap));
        let plain = (base * 2_u32.pow(n)).min(cap);
        prop_assert_eq!(Backoff { base, cap, most: 1 }.ceiling(n), plain);
    }

    #[test]
    fn a_larger_draw_waits_no_less(n in 0_u32..40, a in any::<u64>(), b in any::<u64>()) {
        let (less, more) = (a.min(b), a.max(b));
        prop_assert!(BACKOFF.delay(n, less) <= BACKOFF.delay(n, more));
    }
}
