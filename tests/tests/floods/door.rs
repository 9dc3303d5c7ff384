//! A server with or without TLS, and connections to it in either version of HTTP.

use rcgen::{CertificateParams, KeyPair};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use system_tests::auth;
use system_tests::orders::place;
use system_tests::server::{Launch, Server};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// The answers for one median.
const SAMPLES: usize = 101;

/// The versions of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    Http1,
    Http2,
}

/// Any connection.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// A running server, and how to reach it.
pub struct Door {
    _data: TempDir,
    pub server: Server,
    to: Connector,
    path: String,
}

/// How to reach a server; cheap to clone.
#[derive(Clone)]
pub struct Connector {
    address: String,
    /// With the protocols of version 1, and of version 2.
    tls: Option<[TlsConnector; 2]>,
}

impl Door {
    pub async fn open(tls: bool) -> Self {
        let data = TempDir::new().unwrap();
        // The order is placed first, without TLS: the client of the tests does not know this certificate.
        let server = Launch::orderlog(data.path()).serve().await;
        let client = server.client().await;
        let (order, _) = place(&client, "patient").await;
        server.stop().await;
        let mut launch = Launch::orderlog(data.path());
        let mut connectors = None;
        if tls {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            let certificate = params.self_signed(&key).unwrap();
            let file = |name: &str| data.path().join(name);
            std::fs::write(file("key.pem"), key.serialize_pem()).unwrap();
            std::fs::write(file("cert.pem"), certificate.pem()).unwrap();
            launch = launch.args(["--tls-cert".as_ref(), file("cert.pem").as_os_str()]);
            launch = launch.args(["--tls-key".as_ref(), file("key.pem").as_os_str()]);
            let mut store = RootCertStore::empty();
            store.add(CertificateDer::from(certificate.der().to_vec())).unwrap();
            connectors = Some([&b"http/1.1"[..], b"h2"].map(|name| connector(&store, name)));
        }
        let server = launch.serve().await;
        let address = server.base().rsplit('/').next().unwrap().to_owned();
        let path = format!("/v1/orders/{order}");
        let door = Self { _data: data, server, to: Connector { address, tls: connectors }, path };
        door.answered().await;
        door
    }

    pub fn connector(&self) -> Connector {
        self.to.clone()
    }

    /// Waits until the order is shown.
    async fn answered(&self) {
        let begun = Instant::now();
        while self.ask().await.is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "the order is not shown");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// One request on a connection of its own, as a client makes it that comes new.
    async fn ask(&self) -> io::Result<Duration> {
        let begun = Instant::now();
        let mut stream = self.to.connect(Version::Http1).await?;
        let path = &self.path;
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(&auth::authorized(head.as_bytes())).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let is_good = answer.starts_with(b"HTTP/1.1 200");
        let said = || io::Error::other(String::from_utf8_lossy(&answer).into_owned());
        if is_good { Ok(begun.elapsed()) } else { Err(said()) }
    }

    /// The median time to an answer, and the longest.
    pub async fn times(&self) -> (Duration, Duration) {
        let mut took = Vec::with_capacity(SAMPLES);
        for _ in 0..SAMPLES {
            took.push(self.ask().await.expect("every good client is answered"));
        }
        took.sort_unstable();
        (took[SAMPLES / 2], took[SAMPLES - 1])
    }

    /// The most memory that it has had, in MiB.
    pub fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    }
}

impl Connector {
    pub async fn connect(&self, version: Version) -> io::Result<Box<dyn Io>> {
        let stream = TcpStream::connect(&self.address).await?;
        let Some([first, second]) = &self.tls else { return Ok(Box::new(stream)) };
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let connector = if version == Version::Http2 { second } else { first };
        Ok(Box::new(connector.connect(name, stream).await?))
    }
}

/// Without resumption: every client comes for the first time.
fn connector(roots: &RootCertStore, protocol: &[u8]) -> TlsConnector {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots.clone()).with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    config.resumption = Resumption::disabled();
    TlsConnector::from(Arc::new(config))
}
