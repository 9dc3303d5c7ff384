//! A mail server that takes over every message and delivers none: just enough SMTP for one sender.
//!
//! A rule about `mail` in the plan makes it fail: `decline` refuses the recipient for good, `too_many` for now,
//! `silence_before` says nothing to DATA, `silence_after` nothing after the message was taken over, `reset` ends the
//! connection there, `server_error` answers the message with 451. No TLS, no authentication.

use crate::core::Fault;
use crate::core::mail::Mail;
use crate::shared::Shared;
use std::convert::Infallible;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// The longest line that is read.
const MAX_LINE: u64 = 4_096;
/// The longest message.
const MAX_MESSAGE: usize = 1024 * 1024;
/// The most recipients of a message.
const MAX_RECIPIENTS: usize = 100;
/// How long a silent connection is held at most.
const MAX_SILENCE: Duration = Duration::from_secs(600);

/// Serves connections for ever.
///
/// # Errors
/// When the listener can accept no more.
pub async fn receive(listener: TcpListener, shared: Shared) -> io::Result<Infallible> {
    loop {
        let (stream, _) = listener.accept().await?;
        let shared = shared.clone();
        tokio::spawn(async move {
            // How a connection ends concerns its client alone.
            let _ = Session::of(stream, shared).run().await;
        });
    }
}

struct Session {
    lines: BufReader<OwnedReadHalf>,
    out: OwnedWriteHalf,
    shared: Shared,
    to: Vec<String>,
    fault: Option<Fault>,
}

impl Session {
    fn of(stream: TcpStream, shared: Shared) -> Self {
        let (lines, out) = stream.into_split();
        Self { lines: BufReader::new(lines), out, shared, to: Vec::new(), fault: None }
    }

    async fn run(mut self) -> io::Result<()> {
        self.say("220 sandbox ESMTP").await?;
        while let Some(line) = self.line().await? {
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => self.say("250-sandbox\r\n250 8BITMIME").await?,
                "HELO" | "NOOP" | "RSET" => self.say("250 OK").await?,
                "MAIL" => {
                    self.to.clear();
                    self.fault = self.shared.lock().mail_begins();
                    self.say("250 OK").await?;
                }
                "RCPT" => self.recipient(&line).await?,
                "DATA" => {
                    if !self.message().await? {
                        return Ok(());
                    }
                }
                "QUIT" => return self.say("221 Bye").await,
                _ => self.say("502 Not implemented").await?,
            }
        }
        Ok(())
    }

    async fn recipient(&mut self, line: &str) -> io::Result<()> {
        match self.fault {
            Some(Fault::Decline { .. }) => self.say("550 5.1.1 No such mailbox").await,
            Some(Fault::TooMany { .. }) => self.say("450 4.7.1 Try again later").await,
            _ if self.to.len() >= MAX_RECIPIENTS => self.say("452 Too many recipients").await,
            _ => {
                let address = line.split(['<', '>']).nth(1).unwrap_or_default();
                self.to.push(address.to_owned());
                self.say("250 OK").await
            }
        }
    }

    /// Takes over a message. False if the connection ends.
    async fn message(&mut self) -> io::Result<bool> {
        if self.to.is_empty() {
            self.say("503 No recipient").await?;
            return Ok(true);
        }
        if self.fault == Some(Fault::SilenceBefore) {
            tokio::time::sleep(MAX_SILENCE).await;
            return Ok(false);
        }
        self.say("354 Go on").await?;
        let (mut bytes, mut message_id) = (0, String::new());
        loop {
            let Some(line) = self.line().await? else { return Ok(false) };
            if line == "." {
                break;
            }
            bytes += line.len() + 2;
            if bytes > MAX_MESSAGE {
                return Ok(false);
            }
            if line.to_ascii_lowercase().starts_with("message-id:") {
                message_id = line["message-id:".len()..].trim().to_owned();
            }
        }
        let server_error = matches!(self.fault, Some(Fault::ServerError { performed: false }));
        let cut_before = self.fault == Some(Fault::Reset { performed: false });
        if cut_before {
            return Ok(false);
        }
        let mail = Mail { at_ms: self.shared.now_ms(), message_id, to: self.to.clone(), bytes };
        if server_error || !self.shared.lock().keep_mail(mail) {
            self.say("451 Local error").await?;
            return Ok(true);
        }
        match self.fault.take() {
            Some(Fault::SilenceAfter) => {
                tokio::time::sleep(MAX_SILENCE).await;
                Ok(false)
            }
            Some(Fault::Reset { .. }) => Ok(false),
            Some(Fault::Delay { ms }) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                self.say("250 Taken over").await.map(|()| true)
            }
            _ => self.say("250 Taken over").await.map(|()| true),
        }
    }

    async fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        (&mut self.lines).take(MAX_LINE).read_until(b'\n', &mut line).await?;
        if !line.ends_with(b"\n") {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&line);
        Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    async fn say(&mut self, line: &str) -> io::Result<()> {
        self.out.write_all(format!("{line}\r\n").as_bytes()).await
    }
}
