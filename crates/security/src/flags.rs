//! The flags, the same for every program that listens.

use crate::cors::Origin;
use clap::{Args, ValueEnum};
use identity::Proxies;
use identity::rates::{NETWORKS, Rates, Work};
use personal_data::MasterKey;
use server::listen::TlsFiles;
use server::secret_file;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

/// The variable that may hold the key of personal data itself.
const PERSONAL_DATA_KEY: &str = "ORDERLOG_PERSONAL_DATA_KEY";

/// How callers prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Method {
    /// Tokens of an identity provider, whose public keys are at --auth-jwks
    Jwks,
    /// Tokens signed with the secret in --auth-secret-file
    Hs256,
    /// API keys, made by `orderlog keys create`
    Keys,
    /// Not at all: anyone who reaches the server may do anything
    Off,
}

/// Who may call, and how callers prove it.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Security")]
pub struct Flags {
    /// How callers prove who they are; several, separated by commas. Without it: off, and on loopback only
    #[arg(long, env = "ORDERLOG_AUTH", value_enum, value_delimiter = ',', global = true)]
    pub auth: Vec<Method>,
    /// The identity provider's public keys, a JSON Web Key Set
    #[arg(long, env = "ORDERLOG_AUTH_JWKS", value_name = "FILE|URL", global = true)]
    pub auth_jwks: Option<String>,
    /// The issuer that tokens must name (claim `iss`)
    #[arg(long, env = "ORDERLOG_AUTH_ISSUER", value_name = "TEXT", global = true)]
    pub auth_issuer: Option<String>,
    /// The audience that tokens must be meant for (claim `aud`)
    #[arg(long, env = "ORDERLOG_AUTH_AUDIENCE", value_name = "TEXT", global = true)]
    pub auth_audience: Option<String>,
    /// A file with the secret of HS256 tokens, 32 bytes or more
    #[arg(long, env = "ORDERLOG_AUTH_SECRET_FILE", value_name = "FILE", global = true)]
    pub auth_secret_file: Option<PathBuf>,
    /// How many requests a second each caller may send, by kind of work, and each network (IPv4 address, IPv6 /64), such as
    /// commands=200,heavy=10,networks=500; 0 = any number
    #[arg(long, env = "ORDERLOG_RATE_LIMIT", value_name = "KIND=N", value_delimiter = ',', value_parser = rate, global = true)]
    pub rate_limit: Vec<(Limited, u32)>,
    /// Proxies on other machines whose X-Forwarded-For is believed; those on this machine are always believed
    #[arg(
        long,
        env = "ORDERLOG_TRUSTED_PROXY",
        value_name = "ADDRESS",
        value_delimiter = ',',
        global = true
    )]
    pub trusted_proxy: Vec<IpAddr>,
    /// Where API keys and the keys of personal data are kept: sqlite://path/to/keys.db or postgres://user@host/database
    #[arg(long, env = "ORDERLOG_KEY_STORE", value_name = "URL", global = true)]
    pub key_store: Option<String>,
    /// The key that wraps the keys of personal data, made by `orderlog keys create-master`: with it, texts about people are
    /// sealed before they are stored. The key itself may be in ORDERLOG_PERSONAL_DATA_KEY instead
    #[arg(long, env = "ORDERLOG_PERSONAL_DATA_KEY_FILE", value_name = "FILE", global = true)]
    pub personal_data_key_file: Option<PathBuf>,
    /// Origins of web pages that may call from a browser, such as https://shop.example; without it none
    #[arg(
        long,
        env = "ORDERLOG_CORS_ORIGIN",
        value_name = "ORIGIN",
        value_delimiter = ',',
        global = true
    )]
    pub cors_origin: Vec<Origin>,
    /// The server's certificate with its chain, as PEM; makes the server speak TLS. Read again when it changes
    #[arg(
        long,
        env = "ORDERLOG_TLS_CERT",
        value_name = "FILE",
        requires = "tls_key",
        global = true
    )]
    pub tls_cert: Option<PathBuf>,
    /// The private key of the certificate, as PEM
    #[arg(
        long,
        env = "ORDERLOG_TLS_KEY",
        value_name = "FILE",
        requires = "tls_cert",
        global = true
    )]
    pub tls_key: Option<PathBuf>,
    /// Authorities of clients, as PEM: only clients with a certificate of theirs can connect
    #[arg(
        long,
        env = "ORDERLOG_TLS_CLIENT_CA",
        value_name = "FILE",
        requires = "tls_cert",
        global = true
    )]
    pub tls_client_ca: Option<PathBuf>,
}

/// Flags that contradict one another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// Off, and something else.
    #[error("--auth off turns authentication off; give it alone")]
    OffAndOn,
    /// A method without what it needs.
    #[error("--auth {method} needs {flag}")]
    Missing {
        /// The method.
        method: &'static str,
        /// The flag that it needs.
        flag: &'static str,
    },
    /// A store of keys that nothing uses.
    #[error("--key-store is not used: add keys to --auth, or give --personal-data-key-file")]
    UnusedKeyStore,
    /// A flag that no method uses.
    #[error("{flag} is not used: add {method} to --auth")]
    Unused {
        /// The flag.
        flag: &'static str,
        /// The method that would use it.
        method: &'static str,
    },
}

/// The key of personal data cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--personal-data-key-file: {0}")]
pub struct PersonalDataKeyError(String);

/// What a flag limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited {
    /// A kind of work of each caller.
    Work(Work),
    /// All requests of each network.
    Networks,
}

impl Limited {
    const ALL: [Self; 6] = {
        let [commands, views, heavy, streams, imports] = Work::BUDGETED;
        [
            Self::Work(commands),
            Self::Work(views),
            Self::Work(heavy),
            Self::Work(streams),
            Self::Work(imports),
            Self::Networks,
        ]
    };

    const fn as_str(self) -> &'static str {
        match self {
            Self::Work(work) => work.as_str(),
            Self::Networks => NETWORKS,
        }
    }

    /// How many a second unless a flag says otherwise.
    const fn usual(self) -> u32 {
        match self {
            Self::Work(Work::Commands) => 200,
            Self::Work(Work::Views) => 1_000,
            Self::Work(Work::Heavy) => 50,
            Self::Work(Work::Streams) => 5,
            Self::Work(Work::Imports) => 1,
            Self::Work(Work::Free) => 0,
            Self::Networks => 2_000,
        }
    }
}

/// The text in the variable, if there is one.
fn key_in_environment() -> Option<String> {
    std::env::var(PERSONAL_DATA_KEY).ok().filter(|text| !text.is_empty())
}

fn rate(given: &str) -> Result<(Limited, u32), String> {
    let parsed = given.split_once('=').and_then(|(name, rate)| {
        let limited = Limited::ALL.into_iter().find(|limited| limited.as_str() == name)?;
        Some((limited, rate.parse().ok()?))
    });
    parsed.ok_or_else(|| {
        format!("write KIND=N; kinds are {}", Limited::ALL.map(Limited::as_str).join(", "))
    })
}

impl Flags {
    /// The budgets of each caller and network.
    pub fn rates(&self) -> Rates {
        let rate = |limited: Limited| {
            let given = self.rate_limit.iter().rev().find(|(name, _)| *name == limited);
            NonZeroU32::new(given.map_or(limited.usual(), |(_, rate)| *rate))
        };
        let work = Work::BUDGETED.into_iter();
        Rates::of(work.filter_map(|work| Some((work, rate(Limited::Work(work))?))))
            .with_networks(rate(Limited::Networks))
    }

    /// The proxies that are believed.
    pub fn proxies(&self) -> Proxies {
        Proxies::of(self.trusted_proxy.iter().copied())
    }

    /// The files of TLS, if it is to be spoken.
    pub fn tls(&self) -> Option<TlsFiles> {
        Some(TlsFiles {
            certificate: self.tls_cert.clone()?,
            key: self.tls_key.clone()?,
            client_authorities: self.tls_client_ca.clone(),
        })
    }

    /// The key of personal data, from its file or the environment.
    ///
    /// # Errors
    /// [`PersonalDataKeyError`].
    pub fn personal_data_key(&self) -> Result<Option<MasterKey>, PersonalDataKeyError> {
        let in_environment = key_in_environment();
        if self.personal_data_key_file.is_some() && in_environment.is_some() {
            let twice = format!("{PERSONAL_DATA_KEY} holds a key, too; give one of the two");
            return Err(PersonalDataKeyError(twice));
        }
        let text = match &self.personal_data_key_file {
            Some(file) => secret_file::read_text(file)
                .map_err(|error| PersonalDataKeyError(format!("{}: {error}", file.display())))?,
            None => match in_environment {
                Some(text) => text,
                None => return Ok(None),
            },
        };
        let key = MasterKey::parse(&text);
        key.map(Some).map_err(|error| PersonalDataKeyError(error.to_string()))
    }

    /// Whether a method was chosen.
    pub fn uses(&self, method: Method) -> bool {
        self.auth.contains(&method)
    }

    /// Whether requests are let through unproven because nobody asked for anything else.
    pub fn is_unset(&self) -> bool {
        self.auth.is_empty()
    }

    /// Refuses flags that contradict one another.
    ///
    /// # Errors
    /// The first contradiction.
    pub fn check(&self) -> Result<(), Contradiction> {
        if self.uses(Method::Off) && self.auth.iter().any(|method| *method != Method::Off) {
            return Err(Contradiction::OffAndOn);
        }
        let sealing = self.personal_data_key_file.is_some() || key_in_environment().is_some();
        if self.key_store.is_some() && !sealing && !self.uses(Method::Keys) {
            return Err(Contradiction::UnusedKeyStore);
        }
        let tokens = self.uses(Method::Jwks) || self.uses(Method::Hs256);
        let token_method = if self.uses(Method::Jwks) { "jwks" } else { "hs256" };
        let needs = [
            (self.uses(Method::Jwks), "jwks", "--auth-jwks", self.auth_jwks.is_some()),
            (
                self.uses(Method::Hs256),
                "hs256",
                "--auth-secret-file",
                self.auth_secret_file.is_some(),
            ),
            (tokens, token_method, "--auth-issuer", self.auth_issuer.is_some()),
            (tokens, token_method, "--auth-audience", self.auth_audience.is_some()),
        ];
        for (used, method, flag, given) in needs {
            match (used, given) {
                (true, false) => return Err(Contradiction::Missing { method, flag }),
                (false, true) => {
                    let method = if tokens || method == "hs256" && flag == "--auth-secret-file" {
                        method
                    } else {
                        "jwks"
                    };
                    return Err(Contradiction::Unused { flag, method });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(auth: &[Method]) -> Flags {
        Flags {
            auth: auth.to_vec(),
            auth_jwks: Some("keys.json".to_owned()),
            auth_issuer: Some("https://id.example".to_owned()),
            auth_audience: Some("orderlog".to_owned()),
            ..Flags::default()
        }
    }

    #[test]
    fn flags_that_fit_are_taken() {
        assert_eq!(flags(&[Method::Jwks, Method::Keys]).check(), Ok(()));
        assert_eq!(Flags::default().check(), Ok(()));
        let off = Flags { auth: vec![Method::Off], ..Flags::default() };
        assert_eq!(off.check(), Ok(()));
    }

    #[test]
    fn flags_that_do_not_fit_are_refused_by_name() {
        let both = flags(&[Method::Off, Method::Jwks]).check().unwrap_err();
        assert_eq!(both, Contradiction::OffAndOn);
        let no_secret = flags(&[Method::Jwks, Method::Hs256]).check().unwrap_err();
        assert_eq!(no_secret.to_string(), "--auth hs256 needs --auth-secret-file");
        let no_audience = Flags { auth_audience: None, ..flags(&[Method::Jwks]) };
        assert_eq!(
            no_audience.check().unwrap_err().to_string(),
            "--auth jwks needs --auth-audience"
        );
        let key_store = Some("sqlite://keys.db".to_owned());
        let no_keys = Flags { key_store, ..flags(&[Method::Jwks]) }.check();
        assert_eq!(no_keys, Err(Contradiction::UnusedKeyStore));
        let unused = flags(&[Method::Keys]).check().unwrap_err();
        assert_eq!(unused.to_string(), "--auth-jwks is not used: add jwks to --auth");
    }
}
