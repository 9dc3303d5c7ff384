//! `orderlog keys`: makes, lists and revokes API keys; makes and changes the key of personal data.

use crate::secret_file;
use crate::settings::{End, Keys, Settings};
use crate::storage::{make_data_dir, open_log_to_read, open_log_to_write};
use anyhow::{Context, bail};
use chrono::Datelike;
use identity::Role;
use identity::api_key::{ApiKey, StoredKey};
use key_store::{Access, KeyStore, Listed};
use personal_data::MasterKey;
use server::{Output, clock};
use std::path::Path;
use std::process::ExitCode;

/// Does it, and prints what came of it.
///
/// # Errors
/// When the store cannot be used, or there is no such key.
pub async fn keys(settings: &Settings, asked: &Keys) -> anyhow::Result<ExitCode> {
    if let Keys::CreateMaster { out } = asked {
        return create_master(out);
    }
    // What there is to change must be there.
    let access = match asked {
        Keys::RotateMaster { .. } | Keys::Revoke { .. } => Access::Follow,
        _ => Access::Manage,
    };
    if let Keys::AcceptLoss = asked {
        refuse_if_nothing_is_lost(settings).await?;
    }
    if settings.security.key_store.is_none() && access == Access::Manage {
        make_data_dir(settings)?;
    }
    let store = KeyStore::open(&settings.key_store(), access)
        .await
        .context("cannot open the store of keys (--data-dir or --key-store)")?;
    let done = run(&store, settings, asked).await;
    store.close().await;
    Ok(done?.code("orderlog", ExitCode::SUCCESS))
}

async fn run(store: &KeyStore, settings: &Settings, asked: &Keys) -> anyhow::Result<Output> {
    let mut out = Output::default();
    match asked {
        Keys::Create { name, role, customer, expires } => {
            let key = ApiKey::generate().context("the system gives no random numbers")?;
            let stored = stored(&key, name, *role, customer.as_deref(), *expires)?;
            store.create(&stored).await?;
            tracing::info!(target: "audit", key = key.id(), name, role = role.as_str(), "an API key was made");
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
            tracing::info!(target: "audit", key, "an API key was revoked");
        }
        Keys::AcceptLoss => accept_loss(store, settings).await?,
        Keys::RotateMaster { from, to } => {
            let (former, next) = (master(from)?, master(to)?);
            let rotated = store.rotate_master(&former, &next).await?;
            if store.has_another_master(&next).await? {
                bail!(
                    "{rotated} keys are wrapped by the key in {} now, but not all: others are wrapped by another master key than \
                     --from, or a server that runs has made new ones. Stop the servers, and give that one with --from",
                    to.display()
                );
            }
            tracing::info!(target: "audit", rotated, "the master key was changed");
            out.line(format!("{rotated} keys are wrapped by the key in {} now", to.display()));
        }
        // It needs no store.
        Keys::CreateMaster { .. } => {}
    }
    Ok(out)
}

/// Before a store is made or changed: the log must be there, and note one.
async fn refuse_if_nothing_is_lost(settings: &Settings) -> anyhow::Result<()> {
    let log = open_log_to_read(settings).await?;
    let noted = log.sealed_with().await;
    log.close().await;
    if noted?.is_none() {
        bail!("nothing is lost: no text in this log is sealed");
    }
    Ok(())
}

/// From now on the log is sealed with the keys of this store.
async fn accept_loss(store: &KeyStore, settings: &Settings) -> anyhow::Result<()> {
    let master = settings.security.personal_data_key()?;
    let master = master.context("give the master key (--personal-data-key-file)")?;
    if store.has_another_master(&master).await? {
        bail!("another master key wraps the keys of this store (--personal-data-key-file)");
    }
    let request_key = store.request_key(&master, clock::now()).await?;
    let log = open_log_to_write(settings).await?;
    let changed = log.reseal_with(request_key.id()).await;
    log.close().await;
    if !changed? {
        bail!("nothing is lost: no text in this log is sealed with keys of another store");
    }
    tracing::warn!(target: "audit", "the log goes on with another store of keys; what was sealed with the former one is lost");
    Ok(())
}

fn master(file: &Path) -> anyhow::Result<MasterKey> {
    let text = server::secret_file::read_text(file).with_context(|| file.display().to_string())?;
    MasterKey::parse(&text).with_context(|| file.display().to_string())
}

/// Writes a new master key to a file that only its owner reads.
fn create_master(file: &Path) -> anyhow::Result<ExitCode> {
    let key = MasterKey::generate().context("the system gives no random numbers")?;
    secret_file::write(file, key.reveal())?;
    Ok(ExitCode::SUCCESS)
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
        Some(End::AfterDays(days)) => {
            let end = now.checked_add_days(chrono::Days::new(days.try_into()?));
            Some(end.context("--expires lies too far ahead")?)
        }
        None => None,
    };
    if expires_at.is_some_and(|at| at <= now) {
        bail!("--expires lies in the past; choose a later time");
    }
    if expires_at.is_some_and(|at| at.year() > 9999) {
        bail!("--expires lies after the year 9999; leave it out for a key without an end");
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
