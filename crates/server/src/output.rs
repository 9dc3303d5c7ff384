//! The output of programs: lines on standard output, a final error on standard error.
//!
//! The reader may stop at any moment (`| head -1`), and a disk may be full. That ends the output, not the work: nothing
//! here panics, and the exit code says that not everything was printed.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

/// Standard output, line by line, until its reader closes it.
#[derive(Debug, Default)]
pub struct Output {
    lost: Option<io::Error>,
}

impl Output {
    /// Writes a line; nothing after one that could not be written.
    pub fn line(&mut self, line: impl Display) {
        if self.lost.is_none() {
            let mut stdout = io::stdout().lock();
            self.lost = writeln!(stdout, "{line}").and_then(|()| stdout.flush()).err();
        }
    }

    /// The exit code of a program that ends with `code` if all its lines were taken, else 1. A reader that went away
    /// knows that; any other reason is reported.
    pub fn code(self, program: &str, code: ExitCode) -> ExitCode {
        match self.lost {
            None => code,
            Some(error) => {
                if error.kind() != ErrorKind::BrokenPipe {
                    complain(program, format!("standard output cannot be written to: {error}"));
                }
                ExitCode::FAILURE
            }
        }
    }
}

/// Writes a program's final error to standard error; a failure to write is ignored.
pub fn complain(program: &str, error: impl Display) {
    let _ = writeln!(io::stderr(), "{program}: {error}");
}
