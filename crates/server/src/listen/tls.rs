//! TLS: certificates from files, which are read again when they change.

use crate::secret_file;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Where the certificates are, as PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, followed by those that lead to its authority.
    pub certificate: PathBuf,
    /// The certificate's private key.
    pub key: PathBuf,
    /// The authorities of clients. If there are any, a client without a certificate of theirs is refused.
    pub client_authorities: Option<PathBuf>,
}

/// Why TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds no such PEM.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: rustls::pki_types::pem::Error,
    },
    /// A file holds no certificate.
    #[error("{}: there is no certificate in it; it has to be PEM", .0.display())]
    Empty(PathBuf),
    /// The certificate and the key do not belong together, or are of no use.
    #[error("certificate and key: {0}")]
    Pair(#[from] rustls::Error),
    /// The clients' authorities are of no use.
    #[error("authorities of clients: {0}")]
    Authorities(#[from] VerifierBuilderError),
}

/// The certificates in use; cheap to clone.
#[derive(Debug, Clone)]
pub struct Tls(watch::Receiver<Arc<ServerConfig>>);

impl Tls {
    /// Reads the files, and follows them until the last clone is dropped. If they change and cannot be used, what was read
    /// last stays.
    ///
    /// # Errors
    /// When they cannot be used now.
    pub async fn follow(files: TlsFiles) -> Result<Self, TlsError> {
        let stamps = Stamps::of(&files).await;
        let (sender, receiver) = watch::channel(Arc::new(read(&files).await?));
        tokio::spawn(follow(files, stamps, sender));
        Ok(Self(receiver))
    }

    /// Takes handshakes with what was read last.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0.borrow()))
    }
}

/// When each file was written, and its length.
#[derive(Debug, PartialEq, Eq)]
struct Stamps(Vec<Option<(SystemTime, u64)>>);

impl Stamps {
    async fn of(files: &TlsFiles) -> Self {
        let paths = [Some(&files.certificate), Some(&files.key), files.client_authorities.as_ref()];
        let mut stamps = Vec::new();
        for path in paths.into_iter().flatten() {
            let found = tokio::fs::metadata(path).await.ok();
            stamps.push(found.and_then(|found| Some((found.modified().ok()?, found.len()))));
        }
        Self(stamps)
    }
}

async fn follow(files: TlsFiles, mut used: Stamps, sender: watch::Sender<Arc<ServerConfig>>) {
    let mut complained = None;
    loop {
        tokio::select! {
            () = sleep(LOOK_EVERY) => {}
            () = sender.closed() => return,
        }
        let stamps = Stamps::of(&files).await;
        if stamps == used {
            continue;
        }
        match read(&files).await {
            Ok(config) => {
                tracing::info!(
                    "the TLS certificates have changed; new connections get the new ones"
                );
                sender.send_replace(Arc::new(config));
                (used, complained) = (stamps, None);
            }
            // Perhaps the key is still to be written: it is tried again, and reported once.
            Err(error) if complained.as_ref() != Some(&stamps) => {
                tracing::warn!(%error, "the changed TLS certificates cannot be used; the former ones stay");
                complained = Some(stamps);
            }
            Err(_) => {}
        }
    }
}

async fn read(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS13, &TLS12])?;
    let builder = match &files.client_authorities {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut authorities = RootCertStore::empty();
            for certificate in certificates(path).await? {
                authorities.add(certificate)?;
            }
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider);
            builder.with_client_cert_verifier(verifier.build()?)
        }
    };
    let chain = certificates(&files.certificate).await?;
    let key = PrivateKeyDer::from_pem_slice(&secret_bytes(&files.key).await?)
        .map_err(|error| TlsError::File { path: files.key.clone(), error })?;
    let mut config = builder.with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

async fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = bytes(path).await?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let read = read.map_err(|error| TlsError::File { path: path.to_owned(), error })?;
    if read.is_empty() { Err(TlsError::Empty(path.to_owned())) } else { Ok(read) }
}

async fn bytes(path: &Path) -> Result<Vec<u8>, TlsError> {
    tokio::fs::read(path).await.map_err(|error| unread(path, error))
}

async fn secret_bytes(path: &Path) -> Result<Vec<u8>, TlsError> {
    let file = path.to_owned();
    let read = tokio::task::spawn_blocking(move || secret_file::read(&file)).await;
    read.unwrap_or_else(|ended| Err(ended.into())).map_err(|error| unread(path, error))
}

fn unread(path: &Path, error: std::io::Error) -> TlsError {
    TlsError::File { path: path.to_owned(), error: rustls::pki_types::pem::Error::Io(error) }
}
