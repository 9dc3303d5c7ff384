//! What was measured: figures, each with its comparisons of the same run and its goal.
//!
//! A case fills a [`CaseReport`]; `results` keeps the reports of all cases in one JSON file, and everything that people
//! read (the printed table, the section of the documentation, the pictures) is made from that file.

pub mod document;
pub mod pictures;
pub mod results;
pub mod table;

use crate::case::Case;
use crate::options::Options;
use crate::stats;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::time::SystemTime;

/// The outcome of a case.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CaseReport {
    /// The case's name.
    pub case: String,
    /// The storage that it ran on.
    pub backend: String,
    /// When it began, in UTC.
    pub measured_at: String,
    /// Seconds of load for each figure.
    pub seconds: u64,
    /// Runs of each figure.
    pub runs: usize,
    /// The figures, in the order they were measured.
    pub figures: Vec<Figure>,
    /// Rates over clients, one curve a subject.
    pub curves: Vec<Curve>,
    /// How latencies were spread.
    pub histogram: Option<Histogram>,
}

/// One figure.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// Its unit, as tables show it.
    pub unit: String,
    /// The figure of each run.
    pub runs: Vec<f64>,
    /// Their median.
    pub median: f64,
    /// The lowest.
    pub min: f64,
    /// The highest.
    pub max: f64,
    /// The comparisons of the same run.
    pub compared_with: Vec<Comparison>,
    /// The bound that it should keep by itself.
    pub goal: Option<Goal>,
}

/// A comparison within the same run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Comparison {
    /// What it is compared with.
    pub name: String,
    /// The median of the other one.
    pub median: f64,
    /// The median of the runs' ratios, ours to the other's.
    pub ratio: f64,
    /// The bound that the ratio should keep.
    pub goal: Option<Goal>,
}

/// A bound.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

/// Rates over clients.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Curve {
    /// What was driven.
    pub subject: String,
    /// Clients and the median rate.
    pub points: Vec<(usize, f64)>,
}

/// The distribution of latencies.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Histogram {
    /// The load that was measured.
    pub title: String,
    /// The upper bound of each bucket in milliseconds, and its count.
    pub buckets: Vec<(f64, u64)>,
}

/// A moment as RFC 3339 to the second, in UTC.
pub fn moment(moment: SystemTime) -> String {
    chrono::DateTime::<chrono::Utc>::from(moment).to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

impl Goal {
    /// Whether a figure keeps the bound.
    pub fn is_met(self, figure: f64) -> bool {
        match self {
            Self::AtLeast(bound) => figure >= bound,
            Self::AtMost(bound) => figure <= bound,
        }
    }
}

impl Figure {
    /// A figure from its runs.
    pub fn new(name: impl Into<String>, unit: &str, runs: &[f64]) -> Self {
        let (median, min, max) = stats::spread(runs);
        Self {
            name: name.into(),
            unit: unit.to_owned(),
            runs: runs.to_vec(),
            median,
            min,
            max,
            compared_with: Vec::new(),
            goal: None,
        }
    }

    /// Compares with another subject, run by run; both were measured in turn.
    #[must_use]
    pub fn compared_with(mut self, name: &str, runs: &[f64], goal: Option<Goal>) -> Self {
        let ratios: Vec<f64> = self
            .runs
            .iter()
            .zip(runs)
            .filter(|(_, other)| **other > 0.0)
            .map(|(ours, other)| ours / other)
            .collect();
        let (ratio, _, _) = stats::spread(&ratios);
        let (median, _, _) = stats::spread(runs);
        self.compared_with.push(Comparison { name: name.to_owned(), median, ratio, goal });
        self
    }

    /// Sets the bound of the figure.
    #[must_use]
    pub fn goal(mut self, goal: Goal) -> Self {
        self.goal = Some(goal);
        self
    }
}

impl CaseReport {
    /// An empty report.
    pub fn begin(case: Case, options: &Options) -> Self {
        Self {
            case: case.to_possible_value().map_or_else(String::new, |name| name.get_name().into()),
            backend: options.backend.name().to_owned(),
            measured_at: moment(SystemTime::now()),
            seconds: options.seconds,
            runs: options.runs,
            ..Self::default()
        }
    }

    /// Prints a figure as a row of the table and keeps it.
    pub fn add(&mut self, figure: Figure) {
        println!("{}", table::row(&figure));
        self.figures.push(figure);
    }
}
