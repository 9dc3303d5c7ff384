//! A sequence of steps that shrinks: first by whole stretches that are left out, then by single steps that get simpler.
//!
//! A list of proptest's own would never become shorter than it may be drawn.

use crate::draw::step;
use crate::steps::Step;
use proptest::prelude::*;
use proptest::strategy::{NewTree, ValueTree};
use proptest::test_runner::TestRunner;
use std::ops::RangeInclusive;

/// Draws sequences whose number of steps lies in this range.
#[derive(Debug)]
pub struct Sequences(pub RangeInclusive<usize>);

impl Strategy for Sequences {
    type Tree = Sequence;
    type Value = Vec<Step>;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let length = self.0.clone().new_tree(runner)?.current();
        let step = step();
        let steps: Result<Vec<_>, _> = (0..length).map(|_| step.new_tree(runner)).collect();
        let kept = (0..length).collect();
        Ok(Sequence { steps: steps?, kept, window: length, at: 0, left_out: Vec::new() })
    }
}

/// One sequence, on its way to a shorter one.
pub struct Sequence {
    steps: Vec<Box<dyn ValueTree<Value = Step>>>,
    /// Which of the steps are still there.
    kept: Vec<usize>,
    /// This many are left out together; 0: steps become simpler, one by one.
    window: usize,
    /// What is tried next, or was tried last: an index into `kept`.
    at: usize,
    /// What the last try left out.
    left_out: Vec<usize>,
}

impl ValueTree for Sequence {
    type Value = Vec<Step>;

    fn current(&self) -> Vec<Step> {
        self.kept.iter().map(|index| self.steps[*index].current()).collect()
    }

    fn simplify(&mut self) -> bool {
        while self.window > 0 {
            if self.at < self.kept.len() {
                let end = (self.at + self.window).min(self.kept.len());
                self.left_out = self.kept.drain(self.at..end).collect();
                return true;
            }
            (self.window, self.at) = (self.window / 2, 0);
        }
        while self.at < self.kept.len() {
            if self.steps[self.kept[self.at]].simplify() {
                return true;
            }
            self.at += 1;
        }
        false
    }

    /// Takes the last try back, and makes the next one.
    fn complicate(&mut self) -> bool {
        if self.window > 0 {
            let left_out = std::mem::take(&mut self.left_out);
            let next = self.at + left_out.len();
            self.kept.splice(self.at..self.at, left_out);
            self.at = next;
        } else if self.at < self.kept.len() {
            if self.steps[self.kept[self.at]].complicate() {
                return true;
            }
            self.at += 1;
        }
        self.simplify()
    }
}
