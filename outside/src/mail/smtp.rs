//! SMTP by lettre's connection, command by command: its whole `send` does not tell at which of them it failed.

use super::{Letter, MailFailure};
use crate::failure::Cause;
use crate::secret::Secret;
use lettre::message::Mailbox;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::{Address, Message};
use std::time::Duration;

/// How the connection is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Not at all: for a server on the same machine.
    None,
    /// From the first byte (port 465).
    Implicit,
    /// By STARTTLS (port 587); a server that cannot do it gets no message.
    StartTls,
}

/// Who we are to the server.
#[derive(Debug, Clone)]
pub struct Account {
    /// The user's name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// A mail server and what it is told about us.
#[derive(Debug, Clone)]
pub struct SmtpSettings {
    /// The server's name.
    pub host: String,
    /// The server's port.
    pub port: u16,
    /// How the connection is secured.
    pub tls: Tls,
    /// A certificate to trust besides the public ones, as PEM.
    pub trusted_pem: Option<Vec<u8>>,
    /// Who we are to it, if it asks.
    pub account: Option<Account>,
    /// The sender's address.
    pub from: String,
    /// How long everything before the message may take.
    pub patience: Duration,
    /// How long the server may take over the message. Servers look for spam then: minutes are usual.
    pub patience_with_message: Duration,
}

/// Settings that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSettings {
    /// The sender is no address.
    #[error("the sender is not a mail address")]
    Sender,
    /// No TLS can be had with that name and certificate.
    #[error("the mail server's name or certificate cannot be used for TLS")]
    Tls,
}

/// The adapter to a mail server.
#[derive(Clone)]
pub struct Smtp {
    settings: SmtpSettings,
    from: Mailbox,
    tls: Option<TlsParameters>,
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Smtp").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Smtp {
    /// Checks the settings. Connects to nothing yet.
    ///
    /// # Errors
    /// [`BadSettings`]
    pub fn new(settings: SmtpSettings) -> Result<Self, BadSettings> {
        let from = settings.from.parse().map_err(|_| BadSettings::Sender)?;
        let tls = match settings.tls {
            Tls::None => None,
            Tls::Implicit | Tls::StartTls => Some(parameters(&settings)?),
        };
        Ok(Self { settings, from, tls })
    }

    /// Hands a message over, on a connection of its own.
    ///
    /// # Errors
    /// [`MailFailure`], which says on which side of the handing over it failed.
    pub async fn send(&self, letter: &Letter) -> Result<(), MailFailure> {
        let unwritable = MailFailure::Refused { code: 0, is_final: true };
        let to: Address = letter.to.expose().parse().map_err(|_| unwritable.clone())?;
        let message = self.written(letter, &to).ok_or(unwritable)?;
        let ready = self.until_data(&to, message.is_ascii());
        let mut connection = match tokio::time::timeout(self.settings.patience, ready).await {
            Ok(ready) => ready?,
            Err(_) => return Err(MailFailure::BeforeData { cause: Cause::Timeout }),
        };
        // From here on, silence means that nobody knows.
        let handed_over = connection.message(&message);
        let result = tokio::time::timeout(self.settings.patience_with_message, handed_over).await;
        let outcome =
            match result {
                Err(_) => Err(MailFailure::AfterData { cause: Cause::Timeout }),
                Ok(Err(error)) => Err(refusal(&error)
                    .unwrap_or_else(|| MailFailure::AfterData { cause: cause(&error) })),
                Ok(Ok(_)) => Ok(()),
            };
        if outcome.is_ok() {
            // The message is the server's. How the connection ends changes nothing.
            let _ = tokio::time::timeout(self.settings.patience, connection.quit()).await;
        }
        outcome
    }

    /// Connects and goes through every command up to the server's consent to DATA.
    async fn until_data(
        &self,
        to: &Address,
        ascii: bool,
    ) -> Result<AsyncSmtpConnection, MailFailure> {
        let Self { settings, tls, from } = self;
        let before = |error: Error| match refusal(&error) {
            Some(refused) => refused,
            None if error.is_client() => MailFailure::Refused { code: 0, is_final: false },
            None => MailFailure::BeforeData { cause: cause(&error) },
        };
        let hello = ClientId::default();
        let at_once = tls.clone().filter(|_| settings.tls == Tls::Implicit);
        let server = (settings.host.as_str(), settings.port);
        let patience = Some(settings.patience);
        let mut it = AsyncSmtpConnection::connect_tokio1(server, patience, &hello, at_once, None)
            .await
            .map_err(|error| {
                refusal(&error).unwrap_or(MailFailure::BeforeData { cause: Cause::NoConnection })
            })?;
        if let Some(tls) = tls.clone().filter(|_| settings.tls == Tls::StartTls) {
            it.starttls(tls, &hello).await.map_err(before)?;
        }
        if let Some(account) = &settings.account {
            let password = account.password.expose().to_owned();
            let credentials = Credentials::new(account.user.clone(), password);
            it.auth(DEFAULT_MECHANISMS, &credentials).await.map_err(not_about_the_message)?;
        }
        let mut parameters = Vec::new();
        if !ascii && it.server_info().supports_feature(Extension::EightBitMime) {
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        it.command(Mail::new(Some(from.email.clone()), parameters)).await.map_err(before)?;
        it.command(Rcpt::new(to.clone(), Vec::new())).await.map_err(before)?;
        it.command(Data).await.map_err(before)?;
        Ok(it)
    }

    fn written(&self, letter: &Letter, to: &Address) -> Option<Vec<u8>> {
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to.clone()))
            .subject(letter.subject.expose())
            .message_id(Some(letter.message_id.clone()))
            .body(letter.text.expose().to_owned())
            .ok()?;
        Some(message.formatted())
    }
}

fn parameters(settings: &SmtpSettings) -> Result<TlsParameters, BadSettings> {
    let mut builder = TlsParameters::builder(settings.host.clone());
    if let Some(pem) = &settings.trusted_pem {
        // A file without a certificate would pass for one that adds none.
        let text = std::str::from_utf8(pem).map_err(|_| BadSettings::Tls)?;
        if !text.contains("-----BEGIN CERTIFICATE-----") {
            return Err(BadSettings::Tls);
        }
        let certificate = Certificate::from_pem(pem).map_err(|_| BadSettings::Tls)?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build_rustls().map_err(|_| BadSettings::Tls)
}

/// The server's own no: 4xx for now, 5xx for good.
fn refusal(error: &Error) -> Option<MailFailure> {
    let code = u16::from(error.status()?);
    Some(MailFailure::Refused { code, is_final: error.is_permanent() })
}

/// A no to our account says nothing about the message: it may be sent when the account is right again.
#[allow(clippy::needless_pass_by_value)] // it is the end of the error
fn not_about_the_message(error: Error) -> MailFailure {
    match error.status() {
        Some(code) => MailFailure::Refused { code: u16::from(code), is_final: false },
        None if error.is_client() => MailFailure::Refused { code: 0, is_final: false },
        None => MailFailure::BeforeData { cause: cause(&error) },
    }
}

fn cause(error: &Error) -> Cause {
    if error.is_timeout() {
        Cause::Timeout
    } else if error.is_response() {
        Cause::BrokenBody
    } else {
        Cause::Reset
    }
}
