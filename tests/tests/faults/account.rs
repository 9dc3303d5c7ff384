//! The cost of each kind of fault: how often it struck, how many answers came meanwhile, the longest time without one.
//! And how long after its end every service was ready, with views that had caught up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use system_tests::load::Load;

/// The longest time without an answered command.
#[derive(Debug, Clone)]
pub struct Silence(Arc<Mutex<(Instant, Duration)>>);

impl Silence {
    /// Listens to the load's answers until the load ends.
    pub fn of(load: &Load) -> Self {
        let silence = Self(Arc::new(Mutex::new((Instant::now(), Duration::ZERO))));
        let (mut answers, heard) = (load.answers(), silence.clone());
        tokio::spawn(async move {
            while answers.changed().await.is_ok() {
                heard.heard();
            }
        });
        silence
    }

    fn heard(&self) {
        let mut state = self.0.lock().unwrap();
        state.1 = state.1.max(state.0.elapsed());
        state.0 = Instant::now();
    }

    /// The longest silence since the last call.
    pub fn take(&self) -> Duration {
        let mut state = self.0.lock().unwrap();
        let longest = state.1.max(state.0.elapsed());
        *state = (Instant::now(), Duration::ZERO);
        longest
    }
}

/// One kind of fault.
#[derive(Debug, Default)]
struct Costs {
    cycles: usize,
    answered: usize,
    silence: Duration,
    recoveries: Vec<Duration>,
}

/// Every kind of fault, in the order of the names.
#[derive(Debug, Default)]
pub struct Account(BTreeMap<(usize, &'static str), Costs>);

impl Account {
    /// Adds one cycle.
    pub fn note(
        &mut self,
        fault: (usize, &'static str),
        answered: usize,
        silence: Duration,
        recovery: Duration,
    ) {
        let costs = self.0.entry(fault).or_default();
        costs.cycles += 1;
        costs.answered += answered;
        costs.silence = costs.silence.max(silence);
        costs.recoveries.push(recovery);
        let (name, [silence, recovery]) =
            (fault.1, [silence, recovery].map(|time| time.as_secs_f32()));
        println!("{name}: {answered} answered, silence {silence:.2} s, recovered {recovery:.2} s");
    }

    /// Prints a table.
    pub fn print(&mut self) {
        println!(
            "| fault | cycles | commands answered | longest silence | caught up: median, worst |"
        );
        println!("|---|---|---|---|---|");
        for ((_, name), costs) in &mut self.0 {
            costs.recoveries.sort_unstable();
            let [silence, median, worst] = [
                costs.silence,
                costs.recoveries[costs.recoveries.len() / 2],
                costs.recoveries[costs.recoveries.len() - 1],
            ]
            .map(|time| time.as_secs_f32());
            let Costs { cycles, answered, .. } = costs;
            println!(
                "| {name} | {cycles} | {answered} | {silence:.1} s | {median:.1} s, {worst:.1} s |"
            );
        }
    }
}
