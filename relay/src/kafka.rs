//! How a Kafka cluster is reached: brokers, topic, TLS and SASL. Shared by the relay's and the projector's flags.
//!
//! Passwords are read from a file or the environment when a client is made; they stand in no `Debug`, no log and no
//! error text. Settings that contradict each other are refused by name before anything connects.

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::RDKafkaErrorCode;
use std::fmt;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

/// How long one question to the brokers (metadata, watermarks, topic creation) may take.
pub(crate) const ASK_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest record either way: an order of 2,000 lines with the longest names, with room.
pub(crate) const MAX_RECORD_BYTES: usize = 8 * 1024 * 1024;
/// The longest wait between attempts to reach a broker.
const RECONNECT_MAX_MS: u32 = 1_000;

/// Why Kafka could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum KafkaError {
    /// A setting is impossible or contradicts another; names it.
    #[error("{0}")]
    Settings(String),
    /// The brokers cannot be reached, refuse, or answered with an error; trying again later may help.
    #[error("kafka: {0}")]
    Unavailable(String),
    /// The topic is not what this program may write to or read from; needs a person. Says what to do.
    #[error("{0}")]
    Refused(String),
}

impl From<rdkafka::error::KafkaError> for KafkaError {
    fn from(error: rdkafka::error::KafkaError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// The flags for TLS and SASL; the same for every program that talks to Kafka.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct SecurityFlags {
    /// How to talk to the brokers: plaintext, ssl, sasl_plaintext or sasl_ssl.
    #[arg(
        long = "kafka-security-protocol",
        env = "ORDERLOG_KAFKA_SECURITY_PROTOCOL",
        default_value = "plaintext"
    )]
    pub protocol: Security,
    /// PEM file with the certificates that the brokers are trusted by (default: the system's).
    #[arg(long = "kafka-ca", env = "ORDERLOG_KAFKA_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// PEM file with this program's certificate chain, where the brokers ask for one.
    #[arg(long = "kafka-certificate", env = "ORDERLOG_KAFKA_CERTIFICATE", value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    /// PEM file with the certificate's private key.
    #[arg(long = "kafka-key", env = "ORDERLOG_KAFKA_KEY", value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
    #[arg(long = "kafka-sasl-mechanism", env = "ORDERLOG_KAFKA_SASL_MECHANISM")]
    pub mechanism: Option<String>,
    /// The SASL user.
    #[arg(long = "kafka-username", env = "ORDERLOG_KAFKA_USERNAME")]
    pub username: Option<String>,
    /// File that holds the SASL user's password; a line end at its end does not count.
    #[arg(long = "kafka-password-file", env = "ORDERLOG_KAFKA_PASSWORD_FILE", value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

/// What lies under the Kafka protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Security {
    /// Nothing: for private networks.
    #[default]
    Plaintext,
    /// TLS.
    Ssl,
    /// SASL without TLS.
    SaslPlaintext,
    /// SASL over TLS.
    SaslSsl,
}

impl Security {
    fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Ssl => "ssl",
            Self::SaslPlaintext => "sasl_plaintext",
            Self::SaslSsl => "sasl_ssl",
        }
    }

    fn has_tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    fn has_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

/// One topic of one cluster, and how to get there.
#[derive(Clone)]
pub struct Kafka {
    brokers: String,
    /// The topic's name.
    pub topic: String,
    config: ClientConfig,
}

impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kafka://{}/{}", self.brokers, self.topic)
    }
}

impl Kafka {
    /// `brokers` as `host:port[,host:port…]`.
    ///
    /// # Errors
    /// [`KafkaError::Settings`], naming the flag that is wrong.
    pub fn new(brokers: &str, topic: &str, security: &SecurityFlags) -> Result<Self, KafkaError> {
        check_brokers(brokers)?;
        check_topic(topic)?;
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", brokers)
            .set("client.id", "orderlog")
            .set("reconnect.backoff.max.ms", RECONNECT_MAX_MS.to_string())
            .set("receive.message.max.bytes", (8 * MAX_RECORD_BYTES).to_string())
            .set_log_level(RDKafkaLogLevel::Info);
        secure(&mut config, security)?;
        Ok(Self { brokers: brokers.to_owned(), topic: topic.to_owned(), config })
    }

    /// Reads `kafka://host:port[,host:port…]/topic`.
    ///
    /// # Errors
    /// [`KafkaError::Settings`], naming what is wrong.
    pub fn from_url(url: &str, security: &SecurityFlags) -> Result<Self, KafkaError> {
        let rest = url.strip_prefix("kafka://");
        let Some((brokers, topic)) = rest.and_then(|rest| rest.split_once('/')) else {
            return Err(KafkaError::Settings(
                "a Kafka source must be of the form kafka://host:port/topic".to_owned(),
            ));
        };
        Self::new(brokers, topic, security)
    }

    /// A copy of the client configuration to add to.
    pub(crate) fn config(&self) -> ClientConfig {
        self.config.clone()
    }
}

fn check_brokers(brokers: &str) -> Result<(), KafkaError> {
    let sound = |broker: &str| match broker.rsplit_once(':') {
        Some((host, port)) => {
            !host.is_empty() && !host.contains(['/', '@', ' ']) && port.parse::<u16>().is_ok()
        }
        None => false,
    };
    match brokers.split(',').all(sound) {
        true => Ok(()),
        false => Err(KafkaError::Settings("--kafka must be host:port[,host:port…]".to_owned())),
    }
}

fn check_topic(topic: &str) -> Result<(), KafkaError> {
    const LONGEST: usize = 180;
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let dots = topic == "." || topic == "..";
    match !topic.is_empty() && topic.len() <= LONGEST && topic.bytes().all(sound) && !dots {
        true => Ok(()),
        false => Err(KafkaError::Settings(format!(
            "--topic takes 1 to {LONGEST} characters of A–Z a–z 0–9 . _ -"
        ))),
    }
}

fn secure(config: &mut ClientConfig, flags: &SecurityFlags) -> Result<(), KafkaError> {
    let refuse = |text: &str| Err(KafkaError::Settings(text.to_owned()));
    let protocol = flags.protocol;
    config.set("security.protocol", protocol.name());
    if !protocol.has_tls() && (flags.ca.is_some() || flags.certificate.is_some()) {
        return refuse(
            "--kafka-ca and --kafka-certificate need --kafka-security-protocol ssl or sasl_ssl",
        );
    }
    if flags.certificate.is_some() != flags.key.is_some() {
        return refuse("--kafka-certificate and --kafka-key go together");
    }
    let files = [
        ("ssl.ca.location", &flags.ca),
        ("ssl.certificate.location", &flags.certificate),
        ("ssl.key.location", &flags.key),
    ];
    for (name, file) in files {
        if let Some(path) = file {
            config.set(name, path.to_string_lossy());
        }
    }
    match (protocol.has_sasl(), &flags.username, &flags.password_file) {
        (false, None, None) if flags.mechanism.is_none() => Ok(()),
        (false, ..) => refuse(
            "--kafka-sasl-mechanism, --kafka-username and --kafka-password-file need \
             --kafka-security-protocol sasl_ssl or sasl_plaintext",
        ),
        (true, Some(username), Some(file)) => {
            let password = std::fs::read_to_string(file).map_err(|error| {
                KafkaError::Settings(format!("--kafka-password-file cannot be read: {error}"))
            })?;
            config
                .set("sasl.mechanism", flags.mechanism.as_deref().unwrap_or("SCRAM-SHA-512"))
                .set("sasl.username", username)
                .set("sasl.password", password.trim_end_matches(['\r', '\n']));
            Ok(())
        }
        (true, ..) => refuse(
            "--kafka-security-protocol sasl_… needs --kafka-username and --kafka-password-file",
        ),
    }
}

/// What a client says of itself: to our log at debug, its last complaint kept for whoever reports a failure.
#[derive(Debug, Default)]
pub(crate) struct Complaints {
    last: Mutex<Option<String>>,
}

impl Complaints {
    /// The client's last words on what is wrong with its brokers.
    pub fn last(&self) -> Option<String> {
        self.last.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }
}

impl Complaints {
    /// Keeps an error that a client reported. That all brokers are down is the consequence, not the cause.
    pub fn keep(&self, error: &rdkafka::error::KafkaError, reason: &str) {
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            self.set(reason);
        }
    }

    fn set(&self, complaint: &str) {
        let complaint = Some(complaint.to_owned());
        *self.last.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = complaint;
    }
}

impl ClientContext for Complaints {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        // `[thrd:…]: what happened`: the thread interests nobody.
        let text = text.split_once("]: ").map_or(text, |(_, text)| text);
        tracing::debug!(target: "librdkafka", ?level, facility, "{text}");
        if facility == "FAIL" {
            self.set(text);
        }
    }

    fn error(&self, error: rdkafka::error::KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", %error, "{reason}");
        self.keep(&error, reason);
    }
}

impl rdkafka::consumer::ConsumerContext for Complaints {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_brokers_and_topic() {
        let kafka = Kafka::from_url("kafka://a:1,b:2/t.x", &SecurityFlags::default()).unwrap();
        assert_eq!(format!("{kafka:?}"), "kafka://a:1,b:2/t.x");
        for bad in ["kafka://a/t", "kafka://a:1", "kafka://:1/t", "http://a:1/t", "kafka://a:1/t/u"]
        {
            assert!(Kafka::from_url(bad, &SecurityFlags::default()).is_err(), "{bad}");
        }
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused_by_name() {
        let named = |flags: SecurityFlags| match Kafka::new("a:1", "t", &flags) {
            Err(KafkaError::Settings(text)) => text,
            other => panic!("{other:?}"),
        };
        let ca = Some(PathBuf::from("ca.pem"));
        assert!(named(SecurityFlags { ca, ..Default::default() }).contains("--kafka-ca"));
        let username = Some("u".to_owned());
        assert!(
            named(SecurityFlags { username, ..Default::default() }).contains("--kafka-username")
        );
        let protocol = Security::SaslSsl;
        let text = named(SecurityFlags { protocol, ..Default::default() });
        assert!(text.contains("--kafka-password-file"));
        let key = Some(PathBuf::from("key.pem"));
        let text = named(SecurityFlags { protocol: Security::Ssl, key, ..Default::default() });
        assert!(text.contains("--kafka-certificate"));
    }

    #[test]
    fn a_password_is_never_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "s3cret\n").unwrap();
        let flags = SecurityFlags {
            protocol: Security::SaslSsl,
            username: Some("u".to_owned()),
            password_file: Some(file.path().to_owned()),
            ..Default::default()
        };
        let kafka = Kafka::new("a:1", "t", &flags).unwrap();
        assert_eq!(kafka.config().get("sasl.password"), Some("s3cret"));
        assert!(!format!("{kafka:?}{flags:?}").contains("s3cret"));
    }
}
