//! The flags, each with an environment variable of the same name; flags win. Only this file reads either.

mod checkout;
mod keys;
mod log_key;
mod server_url;

use crate::same_file;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

pub use checkout::CheckoutFlags;
pub use keys::{End, Keys};
pub use log_key::LogKey;
pub use server_url::{ServerUrl, proxy_variable};

/// An order backend whose truth is an append-only log: commands in, events in between, views out, every past state on
/// request. Without a command it serves.
#[derive(Debug, Parser)]
#[command(name = "orderlog", version)]
pub struct Settings {
    #[command(subcommand)]
    command: Option<Command>,
    /// Where to listen; without --auth on loopback only
    #[arg(long, env = "ORDERLOG_LISTEN", default_value = "127.0.0.1:8080", global = true)]
    pub listen: String,
    /// Where the log (events.db) and the views (views.db) are kept; made if it is not there
    #[arg(long, env = "ORDERLOG_DATA_DIR", default_value = "./orderlog-data", global = true)]
    pub data_dir: PathBuf,
    /// Keep the log elsewhere: sqlite://path/to/events.db or postgres://user@host/database
    #[arg(long, env = "ORDERLOG_EVENT_STORE", value_name = "URL", global = true)]
    pub event_store: Option<String>,
    /// Keep the views elsewhere: sqlite://path/to/views.db or postgres://user@host/database
    #[arg(long, env = "ORDERLOG_READ_MODEL", value_name = "URL", global = true)]
    pub read_model: Option<String>,
    #[command(flatten)]
    pub security: security::Flags,
    #[command(flatten)]
    pub checkout: CheckoutFlags,
    #[command(flatten)]
    pub signing: projector::SigningFlags,
    /// Rebuild all or the named projections from the log, whether a server runs or not
    #[arg(long, value_name = "NAME,…", num_args = 0..=1, require_equals = true, default_missing_value = "all")]
    rebuild: Option<String>,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// Serve commands, projections and views in one process
    Serve,
    /// Import commands from NDJSON, one a line; importing a file twice appends nothing new. What a rule of the order
    /// refused stays refused under that line's id; a line whose order was not there yet is tried again
    Import(Import),
    /// Rebuild all or the named projections from the log, whether a server runs or not
    Rebuild {
        /// Names, separated by commas
        #[arg(default_value = "all")]
        names: String,
    },
    /// Prove that the log is whole, its sealed texts have their keys, every stream folds and the views equal a fresh fold
    Verify(Verify),
    /// Make or migrate the log and the views, and end: where the programs' own roles may not
    Migrate,
    /// Print the OpenAPI document of commands and views, for an entry point in front of separate services
    Openapi,
    /// Make, list and revoke API keys; make and change the key of personal data
    #[command(subcommand)]
    Keys(Keys),
    /// Make a key that signs checkpoints of the log
    #[command(subcommand)]
    LogKey(LogKey),
}

/// What the log is compared with.
#[derive(Debug, Clone, Args)]
pub struct Verify {
    /// Signed checkpoints of this log that were kept elsewhere: the log must continue each of them
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Vec<PathBuf>,
    /// The verifier key that `orderlog log-key create` printed: checkpoints must be signed with its key
    #[arg(long, env = "ORDERLOG_LOG_VERIFIER", value_name = "KEY")]
    pub log_verifier: Option<String>,
}

/// The input of an import, and its target.
#[derive(Debug, Clone, Args)]
pub struct Import {
    /// The file, `.gz` read as it is; `-` for standard input
    pub file: PathBuf,
    /// Import through a running server, e.g. http://127.0.0.1:8080
    #[arg(long, env = "ORDERLOG_URL", value_parser = ServerUrl::parse)]
    pub url: Option<ServerUrl>,
    /// A file with the token or API key for that server, where it asks for one; a file, because other users of this machine
    /// see arguments
    #[arg(long, env = "ORDERLOG_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// What the program shall do.
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
    /// Verify the log and the views.
    Verify(Verify),
    /// Create or migrate the storage.
    Migrate,
    /// Print the OpenAPI document.
    Openapi,
    /// Make, list or revoke API keys.
    Keys(Keys),
    /// Make a key for the log.
    LogKey(LogKey),
}

impl Settings {
    /// Reads flags and environment. Ends the program if they ask for help or are invalid.
    pub fn read() -> Self {
        Self::from_arguments(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    fn from_arguments(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let arguments: Vec<OsString> = arguments.into_iter().collect();
        let parsed = Self::command().try_get_matches_from(&arguments);
        let matches = parsed.map_err(|error| explained(error, &arguments))?;
        let mut settings = Self::from_arg_matches(&matches)?;
        settings.settle(&matches)?;
        Ok(settings)
    }

    /// Refuses contradictory settings; between a flag and an environment variable the flag wins.
    fn settle(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        if self.rebuild.is_some() && self.command.is_some() {
            return Err(conflict("--rebuild is a command of its own; give it alone"));
        }
        if let Some(Command::Import(import)) = &mut self.command
            && import.url.is_some()
            && let Some(matches) = matches.subcommand_matches("import")
        {
            let by_flag = |name| matches.value_source(name) == Some(ValueSource::CommandLine);
            let storage =
                ["data_dir", "event_store", "read_model"].into_iter().find(|name| by_flag(name));
            match storage {
                Some(name) if by_flag("url") => {
                    let flag = name.replace('_', "-");
                    return Err(conflict(&format!(
                        "--url imports through a running server, --{flag} without one; give one of them"
                    )));
                }
                Some(_) => import.url = None,
                None => {}
            }
        }
        if self.uses_data_dir() {
            self.check_data_dir()?;
        }
        if same_file::named_twice(&self.event_store(), &self.read_model()) {
            let message = "the log and the views cannot be kept in the same file (--event-store, --read-model)";
            return Err(Self::command().error(ErrorKind::ValueValidation, message));
        }
        Ok(())
    }

    fn check_data_dir(&self) -> Result<(), clap::Error> {
        sqlite_file::url_of(&self.data_dir).map(drop).map_err(|refused| {
            let message = format!("the data folder (--data-dir) cannot be used: {refused}");
            Self::command().error(ErrorKind::ValueValidation, message)
        })
    }

    /// The verb, given as a command or as the flag `--rebuild`.
    pub fn verb(&self) -> Verb {
        match (&self.command, &self.rebuild) {
            (Some(Command::Import(import)), _) => Verb::Import(import.clone()),
            (Some(Command::Verify(verify)), _) => Verb::Verify(verify.clone()),
            (Some(Command::Migrate), _) => Verb::Migrate,
            (Some(Command::Openapi), _) => Verb::Openapi,
            (Some(Command::Keys(keys)), _) => Verb::Keys(keys.clone()),
            (Some(Command::LogKey(asked)), _) => Verb::LogKey(asked.clone()),
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

    /// The URL of the store of keys.
    pub fn key_store(&self) -> String {
        self.security.key_store.clone().unwrap_or_else(|| self.file("keys.db"))
    }

    /// Whether the data folder holds any storage.
    pub fn uses_data_dir(&self) -> bool {
        self.event_store.is_none() || self.read_model.is_none()
    }

    fn file(&self, name: &str) -> String {
        // A name that is not UTF-8 was refused when the settings were read.
        sqlite_file::url_of(&self.data_dir.join(name)).unwrap_or_default()
    }
}

fn conflict(message: &str) -> clap::Error {
    Settings::command().error(ErrorKind::ArgumentConflict, message)
}

/// clap reads `--rebuild sales` as the command `sales`; the error then explains the flag.
fn explained(error: clap::Error, arguments: &[OsString]) -> clap::Error {
    let rebuilds = arguments.iter().any(|argument| argument == "--rebuild");
    if rebuilds && error.kind() == ErrorKind::InvalidSubcommand {
        let message = "names follow --rebuild after an equals sign: --rebuild=sales,orders";
        return Settings::command().error(ErrorKind::InvalidSubcommand, message);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &str) -> Result<Settings, ErrorKind> {
        let arguments = std::iter::once("orderlog").chain(arguments.split_whitespace());
        Settings::from_arguments(arguments.map(OsString::from)).map_err(|error| error.kind())
    }

    #[test]
    fn contradictory_settings_are_refused() {
        for (arguments, kind) in [
            ("--rebuild=sales serve", ErrorKind::ArgumentConflict),
            ("--rebuild verify", ErrorKind::ArgumentConflict),
            ("--rebuild sales", ErrorKind::InvalidSubcommand),
            ("import f --url http://a --data-dir d", ErrorKind::ArgumentConflict),
            ("--data-dir d import f --url http://a", ErrorKind::ArgumentConflict),
            ("import f --url http://a --event-store sqlite://e", ErrorKind::ArgumentConflict),
            (
                "--event-store sqlite://d/x.db --read-model sqlite:d/./x.db",
                ErrorKind::ValueValidation,
            ),
            ("--data-dir d --read-model sqlite://d/events.db", ErrorKind::ValueValidation),
            ("import f --url 127.0.0.1:8080", ErrorKind::ValueValidation),
            ("--data-dir= serve", ErrorKind::InvalidValue),
        ] {
            assert_eq!(read(arguments).err(), Some(kind), "{arguments}");
        }
    }

    #[test]
    fn consistent_settings_are_accepted() {
        for arguments in ["", "serve", "--rebuild", "--rebuild=sales,orders", "rebuild sales"] {
            assert!(read(arguments).is_ok(), "{arguments}");
        }
        assert!(read("import f --url http://a").is_ok());
        assert!(
            matches!(read("--rebuild=sales").unwrap().verb(), Verb::Rebuild { names } if names == "sales")
        );
    }
}
