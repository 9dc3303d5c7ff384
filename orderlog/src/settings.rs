//! The flags, each with an environment variable of the same name; flags win. The one place that reads either.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// An order backend whose truth is an append-only log: commands in, events in between, views out, every past state on
/// request. Without a command it serves.
#[derive(Debug, Parser)]
#[command(name = "orderlog", version)]
pub struct Settings {
    #[command(subcommand)]
    command: Option<Command>,
    /// Where to listen (loopback only: there is no authentication)
    #[arg(long, env = "ORDERLOG_LISTEN", default_value = "127.0.0.1:8080", global = true)]
    pub listen: String,
    /// Where the log (events.db) and the views (views.db) are kept; made if it is not there
    #[arg(long, env = "ORDERLOG_DATA_DIR", default_value = "./orderlog-data", global = true)]
    pub data_dir: PathBuf,
    /// Keep the log elsewhere: sqlite://path/to/events.db
    #[arg(long, env = "ORDERLOG_EVENT_STORE", value_name = "URL", global = true)]
    pub event_store: Option<String>,
    /// Keep the views elsewhere: sqlite://path/to/views.db
    #[arg(long, env = "ORDERLOG_READ_MODEL", value_name = "URL", global = true)]
    pub read_model: Option<String>,
    /// Rebuild all or the named projections from the log, whether a server runs or not
    #[arg(long, value_name = "NAME,…", num_args = 0..=1, require_equals = true, default_missing_value = "all")]
    rebuild: Option<String>,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// Serve commands, projections and views in one process
    Serve,
    /// Import commands from NDJSON, one a line; importing a file twice appends nothing new
    Import(Import),
    /// Rebuild all or the named projections from the log, whether a server runs or not
    Rebuild {
        /// Names, separated by commas
        #[arg(default_value = "all")]
        names: String,
    },
    /// Prove that the log is whole, every stream folds and the views equal a fresh fold
    Verify,
}

/// What to import, and where to.
#[derive(Debug, Clone, Args)]
pub struct Import {
    /// The file, `.gz` read as it is; `-` for standard input
    pub file: PathBuf,
    /// Import through a running server, e.g. http://127.0.0.1:8080
    #[arg(long, env = "ORDERLOG_URL")]
    pub url: Option<String>,
}

/// What the program is asked to do.
#[derive(Debug, Clone)]
pub enum Verb {
    /// Serve until stopped.
    Serve,
    /// Import a file.
    Import(Import),
    /// Rebuild projections.
    Rebuild {
        /// `all`, or names separated by commas.
        names: String,
    },
    /// Check everything.
    Verify,
}

impl Settings {
    /// The verb, given as a command or as the flag `--rebuild`.
    pub fn verb(&self) -> Verb {
        match (&self.command, &self.rebuild) {
            (Some(Command::Import(import)), _) => Verb::Import(import.clone()),
            (Some(Command::Verify), _) => Verb::Verify,
            (Some(Command::Rebuild { names }), _) | (_, Some(names)) => {
                Verb::Rebuild { names: names.clone() }
            }
            (None | Some(Command::Serve), None) => Verb::Serve,
        }
    }

    /// The URL of the log.
    pub fn event_store(&self) -> String {
        self.event_store.clone().unwrap_or_else(|| self.file("events.db"))
    }

    /// The URL of the read model.
    pub fn read_model(&self) -> String {
        self.read_model.clone().unwrap_or_else(|| self.file("views.db"))
    }

    /// Whether anything is kept in the data folder.
    pub fn uses_data_dir(&self) -> bool {
        self.event_store.is_none() || self.read_model.is_none()
    }

    fn file(&self, name: &str) -> String {
        format!("sqlite://{}", self.data_dir.join(name).display())
    }
}
