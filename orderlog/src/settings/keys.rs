//! The arguments of `orderlog keys`.

use clap::Subcommand;
use domain::Reference;
use identity::Role;
use std::path::PathBuf;
use std::str::FromStr;

/// What to do with API keys and the keys of personal data.
#[derive(Debug, Clone, Subcommand)]
pub enum Keys {
    /// Make a key; it is shown once and cannot be shown again
    Create {
        /// Who holds it, such as till-3; events that it causes say key:till-3
        #[arg(long, value_parser = name)]
        name: String,
        /// What it may do: customer, staff, import, operator or admin
        #[arg(long, value_parser = role)]
        role: Role,
        /// The customer whose orders it owns; for the role customer
        #[arg(long, value_parser = customer, required_if_eq("role", "customer"))]
        customer: Option<String>,
        /// When it ends: a time, such as 2027-03-03T00:00:00Z, or after so many days, such as 90d
        #[arg(long, value_parser = End::from_str)]
        expires: Option<End>,
    },
    /// List all keys with their use; no secret is shown
    List,
    /// Revoke a key by its name or id; every server refuses it within 5 seconds
    Revoke {
        /// Its name or id
        key: String,
    },
    /// Make the key that personal data are sealed under, for --personal-data-key-file. Without it they cannot be read: keep
    /// a copy, apart from the data
    CreateMaster {
        /// The file to write; it must not be there
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Go on with this store of keys, though texts in the log are sealed with keys of another one: that one and all its copies
    /// are lost. Nobody can read those texts any more, `orderlog verify` goes on to count them, and an import whose lines have no
    /// ids is no longer recognized. Stop the servers before
    AcceptLoss,
    /// Wrap all keys of personal data by another master key. Then start the servers with that one
    RotateMaster {
        /// The file with the present master key
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// The file with the next one, from create-master
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
}

/// When a key ends.
#[derive(Debug, Clone, Copy)]
pub enum End {
    At(domain::Timestamp),
    AfterDays(i64),
}

impl FromStr for End {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        if let Some(days) = given.strip_suffix('d').and_then(|days| days.parse().ok()) {
            return Ok(Self::AfterDays(days));
        }
        let at = chrono::DateTime::parse_from_rfc3339(given).map(|at| at.to_utc());
        at.map(Self::At).map_err(|_| {
            "write a time, such as 2027-03-03T00:00:00Z, or days, such as 90d".to_owned()
        })
    }
}

fn role(name: &str) -> Result<Role, String> {
    let names = || Role::ALL.map(Role::as_str).join(", ");
    Role::from_name(name).ok_or_else(|| format!("there is {}", names()))
}

fn name(given: &str) -> Result<String, String> {
    reference(given)
}

fn customer(given: &str) -> Result<String, String> {
    reference(given)
}

fn reference(given: &str) -> Result<String, String> {
    Reference::parse(given).map_err(|error| error.detail)?;
    Ok(given.to_owned())
}
