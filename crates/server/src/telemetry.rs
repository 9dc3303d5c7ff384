//! Structured logs on stderr, one line an entry: readable text on a terminal, JSON elsewhere.
//!
//! Control characters in log entries are escaped, so that a name with a line feed or an escape sequence can neither forge
//! an entry nor control a terminal. Passwords in URLs are masked before settings are shown.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Begins logging. The filter is `ORDERLOG_LOG`, else `RUST_LOG`, else `info`. Called once, by `main`.
///
/// A broken filter is reported and `info` used; a second call changes nothing.
pub fn init(program: &'static str) {
    let asked = ["ORDERLOG_LOG", "RUST_LOG"].iter().find_map(|name| std::env::var(name).ok());
    let (filter, broken) = match asked.map(EnvFilter::try_new) {
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (EnvFilter::new("info"), Some(error)),
        None => (EnvFilter::new("info"), None),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        // If standard error cannot be written, there is no place to report that.
        .log_internal_errors(false)
        .with_writer(OneLine::<fn() -> io::Stderr>(io::stderr));
    let begun = if io::stderr().is_terminal() {
        builder.try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
    if begun.is_err() {
        return;
    }
    std::panic::set_hook(Box::new(log_panic));
    crate::health::recorder();
    tracing::info!(program, version = env!("CARGO_PKG_VERSION"), "starting");
    if let Some(error) = broken {
        tracing::warn!(%error, "the log filter cannot be read; info is used");
    }
}

/// Logs a panic, which is a defect of ours, with its place, on one line.
fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let backtrace = Backtrace::capture();
    let captured = backtrace.status() == BacktraceStatus::Captured;
    tracing::error!(
        place,
        message_text = panic.payload_as_str().unwrap_or_default(),
        thread = std::thread::current().name(),
        backtrace = captured.then(|| backtrace.to_string()),
        "panicked"
    );
}

/// Logs the effective settings, without secrets.
pub fn announce(settings: &[(&str, String)]) {
    let shown: Vec<String> =
        settings.iter().map(|(name, value)| format!("{name}={}", masked(value))).collect();
    tracing::info!(settings = shown.join(" "), "effective settings");
}

/// The text with the passwords of URLs in it replaced by `***`.
pub fn masked(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + "://".len());
        shown.push_str(before);
        let end = after.find(['/', '?', '#', ',', ' ']).unwrap_or(after.len());
        let authority_end = after[..end].rfind('@').or_else(|| after.rfind('@'));
        rest = match authority_end {
            Some(sign) => {
                let user = after[..sign].split(':').next().unwrap_or_default();
                shown.push_str(user);
                if user.len() < sign {
                    shown.push_str(":***");
                }
                &after[sign..]
            }
            None => after,
        };
    }
    shown.push_str(rest);
    mask_parameters(shown)
}

/// Masks passwords in URL parameters, such as `…?password=x&…`.
fn mask_parameters(text: String) -> String {
    let Some((address, query)) = text.split_once('?') else { return text };
    let pairs: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if name.to_ascii_lowercase().contains("password") => {
                format!("{name}=***")
            }
            _ => pair.to_owned(),
        })
        .collect();
    format!("{address}?{}", pairs.join("&"))
}

/// Makes writers that keep each entry on one line.
struct OneLine<M>(M);

impl<'a, M, W> MakeWriter<'a> for OneLine<M>
where
    M: Fn() -> W + 'a,
    W: Write,
{
    type Writer = OneLineWriter<W>;

    fn make_writer(&'a self) -> Self::Writer {
        OneLineWriter((self.0)())
    }
}

/// The formatter hands over an entry in one piece; all control characters but its last line feed are escaped.
struct OneLineWriter<W>(W);

impl<W: Write> Write for OneLineWriter<W> {
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(entry);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let mut escaped = String::with_capacity(line.len() + 1);
        for character in line.chars() {
            if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') {
                escaped.push_str(&format!("\\u{:04x}", u32::from(character)));
            } else {
                escaped.push(character);
            }
        }
        escaped.push('\n');
        self.0.write_all(escaped.as_bytes())?;
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_urls_are_masked() {
        for (given, shown) in [
            ("postgres://u:p@h/db", "postgres://u:***@h/db"),
            ("postgres://u:p/w@h/db", "postgres://u:***@h/db"),
            ("postgres://u@h/db?sslpassword=x&a=b", "postgres://u@h/db?sslpassword=***&a=b"),
            ("sqlite://./data/events.db", "sqlite://./data/events.db"),
            ("./orderlog-data", "./orderlog-data"),
        ] {
            assert_eq!(masked(given), shown);
        }
    }

    #[test]
    fn an_entry_stays_one_line() {
        let mut written = Vec::new();
        let entry = "name=a\r\nINFO forged \u{1b}[31m\u{9b}x\u{2028}y\n";
        OneLineWriter(&mut written).write_all(entry.as_bytes()).unwrap();
        let text = String::from_utf8(written).unwrap();
        assert_eq!(text, "name=a\\u000d\\u000aINFO forged \\u001b[31m\\u009bx\\u2028y\n");
    }
}
