//! A program in a separate process: started, waited for, killed, stopped; its output is kept.
//!
//! No process outlives its handle: dropping the handle kills it. A [`Server`] may also be a whole scaled-out system.
//! Its process is then the script that holds the others, see [`crate::system`].

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

use crate::auth;
use crate::client::Client;
use crate::program::Program;
use crate::system::{self, ScaledOut};

/// The lines by which a server, and a scaled-out system, say that they are ready.
const READY_LINES: [&str; 2] = ["listening on ", "commands on "];
/// How long a start may take on a busy machine.
const START_BOUND: Duration = Duration::from_secs(60);
/// The contract's bound for a server to stop.
const STOP_BOUND: Duration = Duration::from_secs(10);
/// The same for a script that stops nine processes on a busy machine.
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

/// The lines that a program has written so far.
#[derive(Debug, Clone, Default)]
pub struct Log {
    lines: Arc<Mutex<VecDeque<String>>>,
    behind: Option<ScaledOut>,
}

impl Launch {
    /// A program without arguments.
    pub fn new(program: Program) -> Self {
        Self::of(program.path())
    }

    /// Any command that starts one of our programs in another way.
    pub fn of(command: impl AsRef<std::ffi::OsStr>) -> Self {
        let mut command = Command::new(command);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true).envs(auth::environment());
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

    /// Adds arguments.
    pub fn args(mut self, more: impl IntoIterator<Item = impl AsRef<std::ffi::OsStr>>) -> Self {
        self.command.args(more);
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts a server and waits for its line.
    ///
    /// # Panics
    /// When it ends, or prints no line in time; its output is in the message.
    pub async fn serve(self) -> Server {
        self.try_serve().await.unwrap_or_else(|output| panic!("it did not start:\n{output}"))
    }

    /// Starts the script that holds a scaled-out system: it ends everything when its standard input ends.
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

    /// Starts a server and waits for its line; returns its output if it ended instead.
    ///
    /// # Errors
    /// Its output, if it ended before it listened.
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

    /// Starts it without waiting: a program that does not serve.
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

/// A running program that does not serve; killed when dropped.
#[derive(Debug)]
pub struct Running {
    /// The process.
    pub child: Child,
    /// Its output.
    pub log: Log,
}

impl Running {
    /// Sends SIGKILL, and waits until it is gone.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub async fn kill(mut self) -> ExitStatus {
        // On an error it has ended by itself.
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

    /// Its output so far.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// A client that checks every answer against this server's own OpenAPI document.
    pub async fn client(&self) -> Client {
        Client::checked(&self.base).await
    }

    /// Sends SIGKILL, and waits until it is gone.
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

    /// Sends SIGTERM: asks it to stop, without waiting.
    ///
    /// # Panics
    /// When the signal cannot be sent.
    pub fn terminate(&self) {
        let Some(id) = self.child.id() else { return };
        let sent = std::process::Command::new("kill").args(["-TERM", &id.to_string()]).status();
        assert!(sent.expect("kill is on every Unix").success(), "the signal reached the process");
    }

    /// Sends SIGTERM, and waits for a clean end within the contract's bound.
    ///
    /// # Panics
    /// When its exit code is not 0, or it takes more than 10 s.
    pub async fn stop(mut self) {
        self.terminate();
        let bound = if self.behind.is_some() { SYSTEM_STOP_BOUND } else { STOP_BOUND };
        let status = self.exit(bound).await;
        assert_eq!(status.code(), Some(0), "a server exits 0 after SIGTERM");
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
    /// The whole output, as one text.
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
                    // There is no receiver any more if the start was given up.
                    let _ = found.send(base);
                }
            }
        });
    }
}
