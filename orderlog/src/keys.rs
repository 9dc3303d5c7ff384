//! `orderlog keys`: makes, lists and revokes API keys.

use crate::settings::Settings;
use crate::storage::make_data_dir;
use anyhow::{Context, bail};
use clap::Subcommand;
use domain::Reference;
use identity::Role;
use identity::api_key::{ApiKey, StoredKey};
use key_store::{Access, KeyStore, Listed};
use server::{Output, clock};
use std::process::ExitCode;
use std::str::FromStr;

/// What to do with API keys.
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

/// Does it, and prints what came of it.
///
/// # Errors
/// When the store cannot be used, or there is no such key.
pub async fn keys(settings: &Settings, asked: &Keys) -> anyhow::Result<ExitCode> {
    if settings.security.key_store.is_none() {
        make_data_dir(settings)?;
    }
    let store = KeyStore::open(&settings.key_store(), Access::Manage)
        .await
        .context("cannot open the store of keys (--data-dir or --key-store)")?;
    let done = run(&store, asked).await;
    store.close().await;
    done.map(|()| ExitCode::SUCCESS)
}

async fn run(store: &KeyStore, asked: &Keys) -> anyhow::Result<()> {
    let mut out = Output::default();
    match asked {
        Keys::Create { name, role, customer, expires } => {
            let key = ApiKey::generate().context("the system gives no random numbers")?;
            let stored = stored(&key, name, *role, customer.as_deref(), *expires)?;
            store.create(&stored).await?;
            out.line(key.reveal());
        }
        Keys::List => {
            for listed in store.list().await? {
                out.line(line(&listed));
            }
        }
        Keys::Revoke { key } => {
            if !store.revoke(key, clock::now()).await? {
                bail!("no key {key:?} is in force; `orderlog keys list` shows them");
            }
        }
    }
    Ok(())
}

fn stored(
    key: &ApiKey,
    name: &str,
    role: Role,
    customer: Option<&str>,
    expires: Option<End>,
) -> anyhow::Result<StoredKey> {
    if customer.is_some() && role != Role::Customer {
        bail!("--customer is for --role customer; a key for {role} sees more than one customer");
    }
    let now = clock::now();
    let expires_at = match expires {
        Some(End::At(at)) => Some(at),
        Some(End::AfterDays(days)) => now.checked_add_days(chrono::Days::new(days.try_into()?)),
        None => None,
    };
    if expires_at.is_some_and(|at| at <= now) {
        bail!("--expires lies in the past; choose a later time");
    }
    Ok(StoredKey {
        id: key.id().to_owned(),
        name: name.to_owned(),
        role,
        customer: customer.map(str::to_owned),
        hash: key.hash(),
        created_at: now,
        expires_at,
        revoked_at: None,
    })
}

/// One key as a line of JSON.
fn line(listed: &Listed) -> String {
    let Listed { key, requests, last_used } = listed;
    let time = |at: Option<domain::Timestamp>| at.map(clock::wire);
    serde_json::json!({
        "id": key.id, "name": key.name, "role": key.role.as_str(), "customer": key.customer,
        "created_at": clock::wire(key.created_at), "expires_at": time(key.expires_at),
        "revoked_at": time(key.revoked_at), "requests": requests, "last_used": time(*last_used),
    })
    .to_string()
}
