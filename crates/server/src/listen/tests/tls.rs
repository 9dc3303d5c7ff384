//! TLS: what is agreed on, who is let in, and certificates that change.

use super::super::{Listener, Tls, TlsFiles};
use super::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::path::Path;
use tempfile::TempDir;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// An authority in a folder, the server's certificate, and a server that uses them.
struct Secured {
    folder: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
    server: Running,
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Writes a certificate for localhost and its key; returns the certificate.
fn certify(folder: &Path, name: &str, authority: &CertifiedIssuer<'static, KeyPair>) -> Vec<u8> {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    std::fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
    certificate.der().to_vec()
}

fn files(folder: &Path, client_authorities: Option<&str>) -> TlsFiles {
    TlsFiles {
        certificate: folder.join("server.pem"),
        key: folder.join("server.key"),
        client_authorities: client_authorities.map(|name| folder.join(name)),
    }
}

async fn secured(limits: Limits, client_authorities: Option<&str>) -> Secured {
    let (folder, authority) = (tempfile::tempdir().unwrap(), authority());
    std::fs::write(folder.path().join("authority.pem"), authority.pem()).unwrap();
    certify(folder.path(), "server", &authority);
    let tls = Tls::follow(files(folder.path(), client_authorities)).await.unwrap();
    let server = start_with(limits, |listener: Listener| listener.with_tls(Some(tls))).await;
    Secured { folder, authority, server }
}

impl Secured {
    fn client(&self, protocols: &[&str], certificate: Option<&str>) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match certificate {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let file = |kind| self.folder.path().join(format!("{name}.{kind}"));
                let chain = vec![CertificateDer::from_pem_file(file("pem")).unwrap()];
                let key = PrivateKeyDer::from_pem_file(file("key")).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsConnector::from(Arc::new(config))
    }

    async fn connect(&self, connector: &TlsConnector) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.server.address).await?;
        connector.connect(ServerName::try_from("localhost").unwrap(), stream).await
    }

    /// The certificate that a new connection is shown.
    async fn shown(&self) -> Vec<u8> {
        let stream = self.connect(&self.client(&[], None)).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    }
}

/// Sends a request of HTTP/1 and reads to the connection's end.
async fn ask(mut stream: TlsStream<TcpStream>) -> std::io::Result<String> {
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn both_versions_of_http_are_agreed_on() {
    let secured = secured(long_limits(), None).await;
    for protocols in [&["http/1.1"][..], &[]] {
        let stream = secured.connect(&secured.client(protocols, None)).await.unwrap();
        assert!(ask(stream).await.unwrap().starts_with("HTTP/1.1 200"), "{protocols:?}");
    }
    let stream = secured.connect(&secured.client(&["h2", "http/1.1"], None)).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = axum::http::Request::get("https://localhost/large").body(()).unwrap();
    let (answer, _) = client.send_request(request, true).unwrap();
    let mut body = answer.await.unwrap().into_body();
    let mut length = 0;
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        length += data.len();
        body.flow_control().release_capacity(data.len()).unwrap();
    }
    assert_eq!(length, 64 * 1024 * 1024);
}

#[tokio::test]
async fn a_client_that_speaks_no_tls_or_stops_half_way_is_closed() {
    let secured = secured(short_limits(), None).await;
    for bytes in [get_request("/").into_bytes(), Vec::new(), vec![0x16, 3, 1, 2, 0, 1]] {
        let mut client = Client::to(&secured.server).await;
        client.send(bytes).await;
        assert!(!client.closed().await.starts_with(b"HTTP/"));
    }
}

#[tokio::test]
async fn an_answer_that_is_not_taken_ends_the_connection() {
    let secured = secured(short_limits(), None).await;
    let mut stream = secured.connect(&secured.client(&[], None)).await.unwrap();
    stream.write_all(get_request("/large").as_bytes()).await.unwrap();
    tokio::time::sleep(3 * short_limits().write_stall).await;
    let mut read = Vec::new();
    // Cut off, whether the end is announced or not.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut read)).await.unwrap();
    assert!(read.len() < 64 * 1024 * 1024);
}

#[tokio::test]
async fn changed_certificates_are_used_once_they_fit() {
    let secured = secured(long_limits(), None).await;
    let first = secured.shown().await;
    let open = secured.connect(&secured.client(&[], None)).await.unwrap();
    // A certificate whose key is still to be written.
    let folder = secured.folder.path();
    let second = certify(folder, "next", &secured.authority);
    std::fs::copy(folder.join("next.pem"), folder.join("server.pem")).unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(secured.shown().await, first);
    std::fs::copy(folder.join("next.key"), folder.join("server.key")).unwrap();
    let changed = async {
        while secured.shown().await != second {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, changed).await.unwrap();
    assert!(ask(open).await.unwrap().starts_with("HTTP/1.1 200"), "it began with the former one");
}

#[tokio::test]
async fn only_clients_of_the_authority_come_in_where_one_is_named() {
    let secured = secured(long_limits(), Some("authority.pem")).await;
    certify(secured.folder.path(), "till", &secured.authority);
    certify(secured.folder.path(), "stranger", &authority());
    let answer =
        async |certificate| ask(secured.connect(&secured.client(&[], certificate)).await?).await;
    assert!(answer(Some("till")).await.unwrap().starts_with("HTTP/1.1 200"));
    assert!(answer(Some("stranger")).await.is_err());
    assert!(answer(None).await.is_err());
}

#[tokio::test]
async fn files_that_are_of_no_use_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let refused = async || Tls::follow(files(folder.path(), None)).await.unwrap_err().to_string();
    assert!(refused().await.contains("server.pem"));
    certify(folder.path(), "server", &authority());
    std::fs::write(folder.path().join("server.pem"), "no certificate").unwrap();
    assert!(refused().await.contains("there is no certificate in it"));
    certify(folder.path(), "other", &authority());
    std::fs::copy(folder.path().join("other.pem"), folder.path().join("server.pem")).unwrap();
    assert!(refused().await.contains("certificate and key"));
}
