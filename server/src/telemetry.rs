//! Structured logs (human on a terminal, JSON elsewhere) and the metrics recorder.
