//! Opens what the flags name: key sets, secrets, certificates, the store of keys.

use crate::cors::{self, Origin};
use crate::flags::{Contradiction, Flags, Method};
use crate::opening;
use crate::sealing::{SealingError, Stored, sealing};
use axum::Router;
use identity::access::{Rule, Table};
use identity::key_set::{KeySet, KeySetError};
use identity::token::Expected;
use identity::{ApiKeys, Guard, IssuerKeys, KeySource, SourceError, Tokens};
use key_store::{Access, KeyStore, KeyStoreError, Keyring};
use server::BindError;
use server::Readiness;
use server::listen::{Exposure, Listener, Tls, TlsError};
use server::secret_file;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// The name of personal data in the details of `/readyz`.
pub const PERSONAL_DATA: &str = "personal-data";
/// The name of the store of data keys in `/readyz`.
const KEY_STORE_PART: &str = "key-store";

/// Why a program cannot be secured as its flags say.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Flags that contradict one another.
    #[error(transparent)]
    Flags(#[from] Contradiction),
    /// The place of the keys cannot be trusted.
    #[error("--auth-jwks: {0}")]
    Keys(#[from] SourceError),
    /// The secret cannot be read.
    #[error("--auth-secret-file: {}: {error}", path.display())]
    Secret {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// The secret is no good one.
    #[error("--auth-secret-file: {0}")]
    BadSecret(#[from] KeySetError),
    /// The certificates cannot be used.
    #[error("--tls-cert, --tls-key, --tls-client-ca: {0}")]
    Tls(#[from] TlsError),
    /// Texts about people cannot be sealed or opened.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// The store of keys cannot be opened.
    #[error("--key-store: {0}")]
    Store(#[from] KeyStoreError),
}

/// What secures a running program.
pub struct Security {
    guard: Option<Guard>,
    exposure: Exposure,
    tls: Option<Tls>,
    origins: Vec<Origin>,
    keyring: Option<Keyring>,
    issuers: Vec<IssuerKeys>,
    following: CancellationToken,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    /// Closed at the end, so that a copy of a stopped program's file is complete.
    stores: Vec<KeyStore>,
}

impl Security {
    /// Opens what the flags name. `stored` is what the program works on, `rules` the table of its routes; `key_store` is used where
    /// the flags name none.
    ///
    /// # Errors
    /// [`OpenError`], each with the flag to change.
    pub async fn open<'a>(
        flags: &Flags,
        key_store: &str,
        stored: Stored,
        rules: impl IntoIterator<Item = &'a Rule>,
    ) -> Result<Self, OpenError> {
        flags.check()?;
        let tls = match flags.tls() {
            Some(files) => Some(Tls::follow(files).await?),
            None => None,
        };
        let mut security = Self {
            guard: None,
            exposure: if flags.is_unset() { Exposure::LoopbackOnly } else { Exposure::Anywhere },
            tls,
            origins: flags.cors_origin.clone(),
            keyring: None,
            issuers: Vec::new(),
            following: CancellationToken::new(),
            tasks: Vec::new(),
            stores: Vec::new(),
        };
        let named = flags.key_store.as_deref();
        let key_store = named.unwrap_or(key_store);
        if let Some(keyring) = sealing(flags, key_store, stored).await? {
            let running = keyring.clone().run(security.following.clone());
            security.tasks.push(tokio::spawn(running));
            security.stores.push(keyring.store().clone());
            security.keyring = Some(keyring);
        }
        if flags.is_unset() || flags.uses(Method::Off) {
            return Ok(security);
        }
        security.issuers = issuers(flags).await?;
        let issuers = &security.issuers;
        let expected = flags.auth_issuer.clone().zip(flags.auth_audience.clone());
        let tokens = expected
            .filter(|_| !issuers.is_empty())
            .map(|(issuer, audience)| Tokens::new(Expected { issuer, audience }, issuers.clone()));
        let mut keys = None;
        if flags.uses(Method::Keys) {
            // In a folder of its own, a program makes the store. One that a flag names is there, or the flag is wrong.
            let access = if named.is_none() { Access::Manage } else { Access::Follow };
            let store = KeyStore::open(key_store, access).await?;
            let known = ApiKeys::default();
            known.replace(store.keys().await?);
            security.stores.push(store.clone());
            let following = key_store::follow(store, known.clone(), security.following.clone());
            security.tasks.push(tokio::spawn(following));
            keys = Some(known);
        }
        let budgets = (flags.rates(), flags.proxies());
        security.guard = Some(Guard::new(tokens, keys, Table::of(rules), budgets));
        Ok(security)
    }

    /// Seals texts about people, if a key was given for that.
    pub fn keyring(&self) -> Option<Keyring> {
        self.keyring.clone()
    }

    /// Listens on `host:port`: on any address if callers must prove who they are, with TLS if certificates are named.
    ///
    /// # Errors
    /// Those of [`server::bind`].
    pub async fn listen(&self, address: &str) -> Result<Listener, BindError> {
        Ok(server::bind(address, self.exposure).await?.with_tls(self.tls.clone()))
    }

    /// Puts the guard in front of all routes; without authentication everything passes. Behind it answers are opened. A browser's question about an
    /// origin is answered before it: it carries no credentials.
    pub fn protect(&self, app: Router) -> Router {
        let app = opening::layer(app, self.keyring.clone());
        let app = match &self.guard {
            Some(guard) => identity::protect(app, guard.clone()),
            None => app,
        };
        if self.origins.is_empty() { app } else { app.layer(cors::layer(&self.origins)) }
    }

    /// Reports in the readiness whether the issuer's keys and the store of data keys could be read, and whether personal
    /// data are sealed.
    pub fn watch(&self, readiness: &Readiness) {
        let stored = match &self.keyring {
            Some(_) => "sealed before they are stored",
            None => "stored plain, so they cannot be erased: there is no --personal-data-key-file",
        };
        readiness.inform(PERSONAL_DATA, stored.to_owned());
        if let Some(keyring) = self.keyring.clone() {
            let (readiness, draining) = (readiness.clone(), readiness.draining());
            let watching = keyring.watch(move |condition| readiness.set(KEY_STORE_PART, condition));
            tokio::spawn(async move {
                tokio::select! {
                    () = watching => {}
                    () = draining.cancelled() => {}
                }
            });
        }
        for issuer in &self.issuers {
            tokio::spawn(issuer.clone().watch(readiness.clone()));
        }
    }

    /// Ends the tasks behind it; notes the last uses of API keys. Then closes the stores of keys.
    pub async fn close(mut self) {
        self.following.cancel();
        for task in self.tasks.drain(..) {
            // One that panicked has nothing left to note.
            let _ = task.await;
        }
        for store in &self.stores {
            store.close().await;
        }
    }
}

async fn issuers(flags: &Flags) -> Result<Vec<IssuerKeys>, OpenError> {
    let mut issuers = Vec::new();
    if let Some(given) = flags.auth_jwks.as_deref().filter(|_| flags.uses(Method::Jwks)) {
        issuers.push(IssuerKeys::follow(KeySource::parse(given)?).await);
    }
    if let Some(path) = flags.auth_secret_file.as_deref().filter(|_| flags.uses(Method::Hs256)) {
        issuers.push(IssuerKeys::fixed(KeySet::of_secret(&secret(path)?)?));
    }
    Ok(issuers)
}

/// Reads a secret. One line end at its end is not part of it: editors add one.
fn secret(path: &Path) -> Result<Vec<u8>, OpenError> {
    let mut secret = secret_file::read(path)
        .map_err(|error| OpenError::Secret { path: path.to_owned(), error })?;
    if secret.ends_with(b"\n") {
        secret.pop();
        if secret.ends_with(b"\r") {
            secret.pop();
        }
    }
    Ok(secret)
}
