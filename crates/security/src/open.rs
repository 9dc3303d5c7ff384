//! Opens what the flags name: key sets, the secret, the store of API keys.

use crate::cors::{self, Origin};
use crate::flags::{Contradiction, Flags, Method};
use axum::Router;
use identity::access::{Rule, Table};
use identity::key_set::{KeySet, KeySetError};
use identity::token::Expected;
use identity::{ApiKeys, Guard, IssuerKeys, KeySource, SourceError, Tokens};
use key_store::{Access, KeyStore, KeyStoreError};
use server::BindError;
use server::Readiness;
use server::listen::{Exposure, Listener, Tls, TlsError};
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

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
    #[error("--auth-secret-file {}: {error}", path.display())]
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
    /// The store of API keys cannot be opened.
    #[error("--key-store: {0}")]
    Store(#[from] KeyStoreError),
}

/// What secures a running program.
pub struct Security {
    guard: Option<Guard>,
    exposure: Exposure,
    tls: Option<Tls>,
    origins: Vec<Origin>,
    issuers: Vec<IssuerKeys>,
    following: CancellationToken,
    follower: Option<tokio::task::JoinHandle<()>>,
}

impl Security {
    /// Opens what the flags name. `rules` is the table of the program's routes; `key_store` is used where the flags name
    /// none.
    ///
    /// # Errors
    /// [`OpenError`], each with the flag to change.
    pub async fn open<'a>(
        flags: &Flags,
        key_store: &str,
        rules: impl IntoIterator<Item = &'a Rule>,
    ) -> Result<Self, OpenError> {
        flags.check()?;
        let tls = match flags.tls() {
            Some(files) => Some(Tls::follow(files).await?),
            None => None,
        };
        let origins = flags.cors_origin.clone();
        let following = CancellationToken::new();
        if flags.is_unset() || flags.uses(Method::Off) {
            let exposure =
                if flags.is_unset() { Exposure::LoopbackOnly } else { Exposure::Anywhere };
            return Ok(Self {
                guard: None,
                exposure,
                tls,
                origins,
                issuers: Vec::new(),
                following,
                follower: None,
            });
        }
        let issuers = issuers(flags).await?;
        let expected = flags.auth_issuer.clone().zip(flags.auth_audience.clone());
        let tokens = expected
            .filter(|_| !issuers.is_empty())
            .map(|(issuer, audience)| Tokens::new(Expected { issuer, audience }, issuers.clone()));
        let (mut keys, mut follower) = (None, None);
        if flags.uses(Method::Keys) {
            let url = flags.key_store.as_deref().unwrap_or(key_store);
            let store = KeyStore::open(url, Access::Follow).await?;
            let known = ApiKeys::default();
            known.replace(store.keys().await?);
            follower =
                Some(tokio::spawn(key_store::follow(store, known.clone(), following.clone())));
            keys = Some(known);
        }
        let guard =
            Some(Guard::new(tokens, keys, Table::of(rules), (flags.rates(), flags.proxies())));
        Ok(Self { guard, exposure: Exposure::Anywhere, tls, origins, issuers, following, follower })
    }

    /// Listens on `host:port`: on any address if callers must prove who they are, with TLS if certificates are named.
    ///
    /// # Errors
    /// Those of [`server::bind`].
    pub async fn listen(&self, address: &str) -> Result<Listener, BindError> {
        Ok(server::bind(address, self.exposure).await?.with_tls(self.tls.clone()))
    }

    /// Puts the guard in front of all routes; without authentication everything passes. A browser's question about an
    /// origin is answered before it: it carries no credentials.
    pub fn protect(&self, app: Router) -> Router {
        let app = match &self.guard {
            Some(guard) => identity::protect(app, guard.clone()),
            None => app,
        };
        if self.origins.is_empty() { app } else { app.layer(cors::layer(&self.origins)) }
    }

    /// Reports in the readiness whether the issuer's keys could be read.
    pub fn watch(&self, readiness: &Readiness) {
        for issuer in &self.issuers {
            tokio::spawn(issuer.clone().watch(readiness.clone()));
        }
    }

    /// Ends the tasks behind it; notes the last uses of API keys.
    pub async fn close(mut self) {
        self.following.cancel();
        if let Some(follower) = self.follower.take() {
            // A follower that panicked has nothing left to note.
            let _ = follower.await;
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
    let mut secret =
        std::fs::read(path).map_err(|error| OpenError::Secret { path: path.to_owned(), error })?;
    if secret.ends_with(b"\n") {
        secret.pop();
        if secret.ends_with(b"\r") {
            secret.pop();
        }
    }
    Ok(secret)
}
