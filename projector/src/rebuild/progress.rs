//! How a rebuild shows how far it is: a bar on a terminal, log lines elsewhere.

use super::RebuildReport;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::{Duration, Instant};

/// The time between log lines.
const LOG_EVERY: Duration = Duration::from_secs(2);
/// The time between two redraws of the bar.
const REDRAW: Duration = Duration::from_millis(100);

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// A bar on standard error.
    Bar,
    /// Log lines.
    Log,
}

impl Show {
    /// A bar if standard error is a terminal, else log lines.
    pub fn detect() -> Self {
        use std::io::IsTerminal;
        if std::io::stderr().is_terminal() { Self::Bar } else { Self::Log }
    }
}

/// Counts folded events and shows them.
#[derive(Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    begun: Instant,
    logged: Instant,
    events: u64,
}

impl Progress {
    pub(super) fn new(show: Show, start: u64, target: u64) -> Self {
        let bar = (show == Show::Bar).then(|| {
            let style = ProgressStyle::with_template(
                "rebuild {bar:40} {human_pos}/{human_len} events  {per_sec}  {eta} left  {msg}",
            )
            .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::new(target).with_style(style).with_position(start);
            bar.reset_eta();
            bar.enable_steady_tick(REDRAW);
            bar
        });
        Self { bar, begun: Instant::now(), logged: Instant::now(), events: 0 }
    }

    pub(super) fn moved(&mut self, events: u64, position: u64, target: u64) {
        self.events += events;
        if let Some(bar) = &self.bar {
            bar.set_length(target);
            bar.set_position(position);
        } else if self.logged.elapsed() >= LOG_EVERY {
            self.logged = Instant::now();
            let speed = self.events_per_second();
            let left = target.saturating_sub(position) as f64 / speed.max(1.0);
            tracing::info!(
                event.position = position,
                head = target,
                events_per_second = speed.round(),
                eta_s = left.round(),
                "rebuilding"
            );
        }
    }

    /// Shows what the rebuild waits for; an empty text clears it.
    pub(super) fn say(&self, what: &'static str) {
        match &self.bar {
            Some(bar) => bar.set_message(what),
            None if what.is_empty() => {}
            None => tracing::info!("{what}"),
        }
    }

    pub(super) fn events_per_second(&self) -> f64 {
        self.events as f64 / self.begun.elapsed().as_secs_f64().max(1e-3)
    }

    pub(super) fn end(&self, projections: Vec<&'static str>) -> RebuildReport {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let seconds = self.begun.elapsed().as_secs_f64();
        let report = RebuildReport { projections, events: self.events, seconds };
        tracing::info!(
            projections = report.projections.join(","),
            events = report.events,
            seconds,
            events_per_second = report.events_per_second().round(),
            "rebuilt and swapped in"
        );
        report
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
    }
}
