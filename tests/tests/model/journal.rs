//! The last steps of a walker, kept for the report of a failure.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// Steps that are kept.
const KEPT: usize = 25;
/// Characters of one step that are kept.
const LONGEST: usize = 700;

#[derive(Debug, Clone, Default)]
pub struct Journal(Arc<Mutex<Steps>>);

#[derive(Debug, Default)]
struct Steps {
    count: u64,
    last: VecDeque<String>,
}

impl Journal {
    pub fn step(&self, what: &str) {
        let mut steps = self.0.lock().expect("nothing panics under this lock");
        steps.count += 1;
        let short: String = what.chars().take(LONGEST).collect();
        let line = format!("{:>5}  {short}", steps.count);
        if steps.last.len() == KEPT {
            steps.last.pop_front();
        }
        steps.last.push_back(line);
    }

    /// The last steps, oldest first.
    pub fn text(&self) -> String {
        let steps = self.0.lock().expect("nothing panics under this lock");
        steps.last.iter().cloned().collect::<Vec<_>>().join("\n")
    }
}
