//! A program running in a process of its own: started, waited for, killed, told to stop; its output kept.
//!
//! Nothing outlives its handle: dropping it kills the process. A [`Server`] may also be a whole scaled-out system; then its
//! process is the script that holds the others, see [`crate::system`].

mod scaled_out;

pub use scaled_out::strike;

use std::collections::VecDeque;
use std::path::Path;
use std::process::{ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::client::Client;
use crate::program::Program;
use crate::system::{self, ScaledOut};

/// What a server says when it is ready, and a scaled-out system.
const READY_LINES: [&str; 2] = ["listening on ", "commands on "];
/// How long a start may take on a busy machine.
const START_BOUND: Duration = Duration::from_secs(60);
/// The contract's bound on the end of a server that is told to stop.
const STOP_BOUND: Duration = Duration::from_secs(10);
/// The same for a script that ends nine processes on a busy machine.
const SYSTEM_STOP_BOUND: Duration = Duration::from_secs(60);
/// How long a command-line verb may take.
const RUN_BOUND: Duration = Duration::from_secs(600);
/// The lines of output that are kept.
const MAX_LOG_LINES: usize = 100_000;

/// What to start, and how.
#[derive(Debug)]
pub struct Launch {
    command: Command,
}

/// A running server; killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    base: String,
    log: Log,
    behind: Option<ScaledOut>,
}

/// Every line that a program wrote so far.
#[derive(Debug, Clone, Default)]
pub struct Log {
    lines: Arc<Mutex<VecDeque<String>>>,
    behind: Option<ScaledOut>,
}

impl Launch {
    /// A program with no arguments yet.
    pub fn new(program: Program) -> Self {
        Self::of(program.path())
    }

    /// Any command, one that starts a program of ours in some other way.
    pub fn of(command: impl AsRef<std::ffi::OsStr>) -> Self {
        let mut command = Command::new(command);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        Self { command }
    }

    /// `orderlog serve` on a free port over this data folder.
    pub fn orderlog(data: &Path) -> Self {
        Self::new(Program::Orderlog).serving(data)
    }

    /// The all-in-one server's arguments.
    pub fn serving(self, data: &Path) -> Self {
        self.args(["--listen", "127.0.0.1:0", "--data-dir"]).args([data])
    }

    /// More arguments.
    pub fn args(mut self, more: impl IntoIterator<Item = impl AsRef<std::ffi::OsStr>>) -> Self {
        self.command.args(more);
        self
    }

    /// An environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts a server and waits for its line.
    ///
    /// # Panics
    /// When it ends or stays silent instead; its output is in the message.
    pub async fn serve(self) -> Server {
        self.try_serve().await.unwrap_or_else(|output| panic!("it did not start:\n{output}"))
    }

    /// Starts the script that holds a scaled-out system: it ends everything when its standard input does.
    ///
    /// # Panics
    /// As [`Launch::serve`].
    async fn hold(mut self, behind: ScaledOut) -> Server {
        self.command.stdin(Stdio::piped());
        let mut server = self.serve().await;
        server.log.behind = Some(behind.clone());
        server.behind = Some(behind);
        server
    }

    /// Starts a server and waits for its line; its output if it ended instead.
    ///
    /// # Errors
    /// What it wrote before it ended without listening.
    pub async fn try_serve(mut self) -> Result<Server, String> {
        let mut child = self.command.spawn().expect("the program was built");
        let log = Log::default();
        let (found, ready) = oneshot::channel();
        log.follow(child.stdout.take().expect("stdout is piped"), Some(found));
        log.follow(child.stderr.take().expect("stderr is piped"), None);
        match timeout(START_BOUND, ready).await {
            Ok(Ok(base)) => Ok(Server { child, base, log, behind: None }),
            _ => Err(log.text()),
        }
    }

    /// Starts it without waiting for anything: a program that serves nobody.
    pub fn spawn(mut self) -> Running {
        let mut child = self.command.spawn().expect("the program was built");
        let log = Log::default();
        log.follow(child.stdout.take().expect("stdout is piped"), None);
        log.follow(child.stderr.take().expect("stderr is piped"), None);
        Running { child, log }
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it does not end within its bound.
    pub async fn run(mut self) -> Output {
        timeout(RUN_BOUND, self.command.output())
            .await
            .expect("a command-line verb ends within its bound")
            .expect("the program was built")
    }
}

/// A program that runs and serves nobody; killed when dropped.
#[derive(Debug)]
pub struct Running {
    /// The process.
    pub child: Child,
    /// What it wrote.
    pub log: Log,
}

impl Running {
    /// SIGKILL, and wait until it is gone.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub async fn kill(mut self) -> ExitStatus {
        // An error means that it has ended by itself.
        let _ = self.child.start_kill();
        self.child.wait().await.expect("a child can be waited for")
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not end within `bound`.
    pub async fn exit(mut self, bound: Duration) -> ExitStatus {
        timeout(bound, self.child.wait())
            .await
            .unwrap_or_else(|_| panic!("it did not exit in {bound:?}:\n{}", self.log.text()))
            .expect("a child can be waited for")
    }
}

impl Server {
    /// The system under test over this data folder: `orderlog serve`, or a scaled-out system when
    /// `ORDERLOG_SYSTEM=scaled-out`.
    pub async fn start(data: &Path) -> Self {
        match system::chosen() {
            system::Kind::Embedded => Launch::orderlog(data).serve().await,
            system::Kind::ScaledOut => Self::scaled_out(ScaledOut::new(data)).await,
        }
    }

    /// `http://host:port`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `host:port`.
    pub fn host(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    /// The process.
    ///
    /// # Panics
    /// When it has ended.
    pub fn id(&self) -> u32 {
        self.child.id().expect("it has not been waited for")
    }

    /// What it wrote so far.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// A client that holds every answer against this server's own OpenAPI document.
    pub async fn client(&self) -> Client {
        Client::checked(&self.base).await
    }

    /// SIGKILL, and wait until it is gone.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub async fn kill(mut self) -> ExitStatus {
        if let Some(behind) = self.behind.take() {
            behind.kill();
        }
        let _ = self.child.start_kill();
        self.child.wait().await.expect("a child can be waited for")
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// When it does not end within `bound`.
    pub async fn exit(&mut self, bound: Duration) -> ExitStatus {
        timeout(bound, self.child.wait())
            .await
            .unwrap_or_else(|_| panic!("it did not exit in {bound:?}:\n{}", self.log.text()))
            .expect("a child can be waited for")
    }

    /// SIGTERM: asks it to stop, without waiting.
    ///
    /// # Panics
    /// When the signal cannot be sent to a process that runs.
    pub fn terminate(&self) {
        let Some(id) = self.child.id() else { return };
        let sent = std::process::Command::new("kill").args(["-TERM", &id.to_string()]).status();
        assert!(sent.expect("kill is on every Unix").success(), "the signal reached the process");
    }

    /// SIGTERM, and wait for a clean end within the contract's bound.
    ///
    /// # Panics
    /// When it exits otherwise than with 0 within 10 s.
    pub async fn stop(mut self) {
        self.terminate();
        let bound = if self.behind.is_some() { SYSTEM_STOP_BOUND } else { STOP_BOUND };
        let status = self.exit(bound).await;
        assert_eq!(status.code(), Some(0), "a server that is told to stop exits 0");
        self.behind = None;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(behind) = self.behind.take() {
            behind.kill();
        }
    }
}

impl Log {
    /// Everything, as one text.
    pub fn text(&self) -> String {
        self.lines().join("\n")
    }

    /// Every line.
    ///
    /// # Panics
    /// Never: nothing panics while it holds the lock.
    pub fn lines(&self) -> Vec<String> {
        match &self.behind {
            Some(behind) => behind.log_lines(),
            None => {
                self.lines.lock().expect("nothing panics under this lock").iter().cloned().collect()
            }
        }
    }

    fn push(&self, line: String) {
        let mut lines = self.lines.lock().expect("nothing panics under this lock");
        if lines.len() == MAX_LOG_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    fn follow(
        &self,
        output: impl AsyncRead + Unpin + Send + 'static,
        mut found: Option<oneshot::Sender<String>>,
    ) {
        let log = self.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(output).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let url = READY_LINES.iter().find_map(|ready| line.strip_prefix(ready));
                let base = url.map(|url| url.trim_end_matches('/').to_owned());
                log.push(line);
                if let Some(base) = base
                    && let Some(found) = found.take()
                {
                    // Nobody waits any more when the start was given up.
                    let _ = found.send(base);
                }
            }
        });
    }
}
