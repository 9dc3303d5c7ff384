//! The breaker against a model that remembers every outcome and knows no parts of windows.

use outside::guard::{Breaker, BreakerSettings, Outcome, Pass, Phase};
use proptest::prelude::*;
use std::time::Duration;

const SETTINGS: BreakerSettings = BreakerSettings {
    window: Duration::from_secs(10),
    least: 4,
    percent: 50,
    open_for: Duration::from_secs(5),
};

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn the_course_of_an_outage() {
    let mut breaker = Breaker::new(SETTINGS);
    let now = at(1_000);
    for outcome in [Outcome::Good, Outcome::Bad, Outcome::Good] {
        let pass = breaker.permit(now).unwrap();
        breaker.settle(now, pass, outcome);
    }
    assert_eq!(breaker.phase(), (Phase::Closed, at(0)));
    let pass = breaker.permit(now).unwrap();
    breaker.settle(now, pass, Outcome::Bad);
    assert_eq!(breaker.phase(), (Phase::Open, now), "2 of 4 are half");
    assert_eq!(breaker.permit(at(1_001)), Err(at(4_999)));
    let probe = breaker.permit(at(6_000)).unwrap();
    assert_eq!(breaker.phase(), (Phase::HalfOpen, at(6_000)));
    assert!(breaker.permit(at(6_001)).is_err(), "one probe");
    breaker.settle(at(7_000), probe, Outcome::Bad);
    assert_eq!(breaker.phase(), (Phase::Open, at(7_000)));
    let probe = breaker.permit(at(12_000)).unwrap();
    breaker.settle(at(12_000), probe, Outcome::Abandoned);
    assert_eq!(breaker.phase(), (Phase::Open, at(12_000)), "an abandoned probe proves nothing");
    let probe = breaker.permit(at(17_000)).unwrap();
    breaker.settle(at(17_100), probe, Outcome::Good);
    assert_eq!(breaker.phase(), (Phase::Closed, at(17_100)));
    let pass = breaker.permit(at(17_200)).unwrap();
    breaker.settle(at(17_200), pass, Outcome::Bad);
    assert_eq!(breaker.phase().0, Phase::Closed, "what was before the outage is forgotten");
}

#[test]
fn outcomes_from_before_a_change_count_for_nothing() {
    let mut breaker = Breaker::new(SETTINGS);
    let old: Vec<Pass> = (0..9).map(|_| breaker.permit(at(0)).unwrap()).collect();
    for pass in &old[..4] {
        breaker.settle(at(10), *pass, Outcome::Bad);
    }
    assert_eq!(breaker.phase().0, Phase::Open);
    breaker.settle(at(20), old[4], Outcome::Good);
    let probe = breaker.permit(at(5_010)).unwrap();
    breaker.settle(at(5_011), old[5], Outcome::Good);
    assert_eq!(breaker.phase().0, Phase::HalfOpen, "only the probe decides");
    breaker.settle(at(5_012), probe, Outcome::Good);
    for pass in &old[6..] {
        breaker.settle(at(5_013), *pass, Outcome::Bad);
    }
    assert_eq!(breaker.phase().0, Phase::Closed);
}

/// One try: the pause before it, how long it takes, how it ends.
fn tries() -> impl Strategy<Value = Vec<(u64, u64, Outcome)>> {
    let outcome = prop_oneof![
        3 => Just(Outcome::Good),
        3 => Just(Outcome::Bad),
        1 => Just(Outcome::Abandoned),
    ];
    prop::collection::vec((0..3_000_u64, 0..500_u64, outcome), 1..200)
}

proptest! {
    #[test]
    fn it_opens_when_the_model_says_so_and_probes_once_per_while(tries in tries()) {
        let mut breaker = Breaker::new(SETTINGS);
        let mut now = 0;
        let mut counted: Vec<(u64, bool)> = Vec::new();
        let mut opened: Option<u64> = None;
        for (pause, takes, outcome) in tries {
            now += pause;
            match (breaker.permit(at(now)), opened) {
                (Err(_), Some(since)) => prop_assert!(now < since + 5_000, "too long at {now}"),
                (Err(_), None) => prop_assert!(false, "refused though closed at {now}"),
                (Ok(pass), Some(since)) => {
                    prop_assert!(now >= since + 5_000, "a second probe at {now}");
                    now += takes;
                    breaker.settle(at(now), pass, outcome);
                    counted.clear();
                    opened = (outcome != Outcome::Good).then_some(now);
                }
                (Ok(pass), None) => {
                    now += takes;
                    breaker.settle(at(now), pass, outcome);
                    if outcome == Outcome::Abandoned {
                        continue;
                    }
                    counted.push((now, outcome == Outcome::Bad));
                    // Outcomes leave with their whole second: after nine to ten seconds.
                    counted.retain(|(it, _)| it / 1_000 + 10 > now / 1_000);
                    let bad = counted.iter().filter(|(_, bad)| *bad).count();
                    if counted.len() >= 4 && bad * 2 >= counted.len() {
                        opened = Some(now);
                    }
                }
            }
            let phase = if opened.is_some() { Phase::Open } else { Phase::Closed };
            prop_assert_eq!(breaker.phase().0, phase);
        }
    }
}
