//! TLS and SASL to Kafka: the flags, which programs share, and what they must satisfy.
//!
//! The password is read from a file when the settings are checked; it stands in no `Debug`, no log and no error text.
//! Settings that contradict each other are refused by name before anything connects.

use crate::error::KafkaError;
use rdkafka::config::ClientConfig;
use std::path::PathBuf;

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

impl SecurityFlags {
    /// Adds them to a client's configuration.
    pub(crate) fn apply(&self, config: &mut ClientConfig) -> Result<(), KafkaError> {
        let refuse = |text: &str| Err(KafkaError::Settings(text.to_owned()));
        let protocol = self.protocol;
        config.set("security.protocol", protocol.name());
        if !protocol.has_tls() && (self.ca.is_some() || self.certificate.is_some()) {
            return refuse(
                "--kafka-ca and --kafka-certificate need --kafka-security-protocol ssl or sasl_ssl",
            );
        }
        if self.certificate.is_some() != self.key.is_some() {
            return refuse("--kafka-certificate and --kafka-key go together");
        }
        let files = [
            ("ssl.ca.location", &self.ca),
            ("ssl.certificate.location", &self.certificate),
            ("ssl.key.location", &self.key),
        ];
        for (name, file) in files {
            if let Some(path) = file {
                config.set(name, path.to_string_lossy());
            }
        }
        match (protocol.has_sasl(), &self.username, &self.password_file) {
            (false, None, None) if self.mechanism.is_none() => Ok(()),
            (false, ..) => refuse(
                "--kafka-sasl-mechanism, --kafka-username and --kafka-password-file need \
             --kafka-security-protocol sasl_ssl or sasl_plaintext",
            ),
            (true, Some(username), Some(file)) => {
                let password = std::fs::read_to_string(file).map_err(|error| {
                    KafkaError::Settings(format!("--kafka-password-file cannot be read: {error}"))
                })?;
                config
                    .set("sasl.mechanism", self.mechanism.as_deref().unwrap_or("SCRAM-SHA-512"))
                    .set("sasl.username", username)
                    .set("sasl.password", password.trim_end_matches(['\r', '\n']));
                Ok(())
            }
            (true, ..) => refuse(
                "--kafka-security-protocol sasl_… needs --kafka-username and --kafka-password-file",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::Kafka;

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
