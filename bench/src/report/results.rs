//! The result file: the machine, and the newest report of each case on each backend.
//!
//! A case that is measured again replaces its report and leaves the others. Each report has its own references and its
//! own time.

use super::CaseReport;
use crate::machine::Machine;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The content of a result file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Results {
    /// The machine of the last measurement.
    pub machine: Machine,
    /// The reports, in the order in which they were first made.
    pub cases: Vec<CaseReport>,
}

impl Results {
    /// Results without reports.
    pub fn of(machine: Machine) -> Self {
        Self { machine, cases: Vec::new() }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read or is no result file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&bytes)
            .with_context(|| format!("{} is no result file of this bench", path.display()))
    }

    /// Adds a report, or replaces the older one of the same case on the same backend.
    pub fn put(&mut self, report: CaseReport) {
        let same =
            |other: &&mut CaseReport| other.case == report.case && other.backend == report.backend;
        match self.cases.iter_mut().find(same) {
            Some(older) => *older = report,
            None => self.cases.push(report),
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
    }
}
