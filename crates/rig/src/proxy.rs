//! A TCP proxy in front of a PostgreSQL server that loses messages as a test orders.
//!
//! It reads the clients' messages just far enough to recognise a commit: a COMMIT, or the statement by which the event
//! store appends at once. It can cut the commit's connection before the server gets it, or after the server has done it
//! but before the client hears of it. It can also deliver the commit long after the client has given up. Or nothing
//! passes for a while and connections stay open: a network that has stopped.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// The longest message that is passed on.
const MAX_MESSAGE: usize = 256 * 1024 * 1024;
/// The start of a session, as opposed to a request for TLS.
const PROTOCOL_3: [u8; 4] = [0, 3, 0, 0];
/// The message that ends a group of messages.
const SYNC: [u8; 5] = [b'S', 0, 0, 0, 4];
/// The interval between looks at a state that is waited for.
const LOOK: Duration = Duration::from_millis(1);
/// A COMMIT as a simple query.
const COMMIT: &[u8] = b"COMMIT\0";
/// The start of the statement that appends and commits by itself.
const APPEND: &[u8] = b"WITH head AS (UPDATE log_head";

/// The part of the next commit that is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The commit itself: the connection is cut before the server sees it.
    Request,
    /// Its answer: the server has committed, but the connection is cut before the client hears of it.
    Answer,
    /// Its moment: the client is cut off at once, and the server gets the commit when [`Proxy::deliver`] is called.
    /// Only for an append that commits by itself.
    Moment,
}

/// A proxy on a port of its own; its connections end with it.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: u16,
    next: Mutex<Option<Loss>>,
    losses: AtomicU64,
    frozen: Mutex<bool>,
    thawed: Condvar,
    /// Whether held messages may pass now.
    delivering: Mutex<bool>,
    delivered: Condvar,
    connections: Mutex<Vec<TcpStream>>,
    ended: AtomicBool,
}

impl Proxy {
    /// Listens, and connects every client to this port of 127.0.0.1.
    ///
    /// # Errors
    /// When there is no port to listen on.
    pub fn to(server: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            server,
            next: Mutex::new(None),
            losses: AtomicU64::new(0),
            frozen: Mutex::new(false),
            thawed: Condvar::new(),
            delivering: Mutex::new(false),
            delivered: Condvar::new(),
            connections: Mutex::new(Vec::new()),
            ended: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if accepting.ended.load(Ordering::SeqCst) {
                    return;
                }
                // If the server is down, the connection just ends.
                drop(client.and_then(|client| accepting.serve(client)));
            }
        });
        Ok(Self { port, shared })
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Orders this loss for the next commit.
    pub fn lose(&self, loss: Loss) {
        *lock(&self.shared.next) = Some(loss);
    }

    /// Delivers what [`Loss::Moment`] held back; waits until the server has answered it.
    pub fn deliver(&self) {
        let before = self.losses();
        *lock(&self.shared.delivering) = true;
        self.shared.delivered.notify_all();
        while self.losses() == before {
            thread::sleep(LOOK);
        }
        *lock(&self.shared.delivering) = false;
    }

    /// How many commits have suffered a loss.
    pub fn losses(&self) -> u64 {
        self.shared.losses.load(Ordering::SeqCst)
    }

    /// From now on nothing passes, and connections stay open.
    pub fn freeze(&self) {
        *lock(&self.shared.frozen) = true;
    }

    /// Lets everything pass: what was held back, and what comes.
    pub fn thaw(&self) {
        *lock(&self.shared.frozen) = false;
        self.shared.thawed.notify_all();
    }

    /// Ends every connection; new connections pass.
    pub fn cut(&self) {
        for connection in lock(&self.shared.connections).drain(..) {
            // A connection that has ended cannot be ended again.
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.thaw();
        self.cut();
        // Wakes the accepting thread.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl Shared {
    fn serve(self: &Arc<Self>, client: TcpStream) -> io::Result<()> {
        let server = TcpStream::connect((Ipv4Addr::LOCALHOST, self.server))?;
        for stream in [&client, &server] {
            stream.set_nodelay(true)?;
            lock(&self.connections).push(stream.try_clone()?);
        }
        let answer_is_lost = Arc::new(AtomicBool::new(false));
        let (shared, lost) = (Arc::clone(self), Arc::clone(&answer_is_lost));
        let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
        thread::spawn(move || {
            let _ended = shared.pass_requests(&mut from, &mut to, &lost);
            end(&from, &to);
        });
        let (shared, mut from, mut to) = (Arc::clone(self), server, client);
        thread::spawn(move || {
            let _ended = shared.pass_answers(&mut from, &mut to, &answer_is_lost);
            end(&from, &to);
        });
        Ok(())
    }

    fn pass_requests(
        &self,
        from: &mut TcpStream,
        to: &mut TcpStream,
        answer_is_lost: &AtomicBool,
    ) -> io::Result<()> {
        let (mut started, mut commits) = (false, Commits::default());
        loop {
            let mut message = read_message(from, started)?;
            self.wait_while_frozen();
            started |= message.get(4..8).is_some_and(|code| code == PROTOCOL_3);
            if commits.is_one(&message) {
                let loss = lock(&self.next).take();
                match loss {
                    None => {}
                    Some(Loss::Request) => {
                        self.losses.fetch_add(1, Ordering::SeqCst);
                        return Ok(());
                    }
                    Some(Loss::Answer) => answer_is_lost.store(true, Ordering::SeqCst),
                    Some(Loss::Moment) => {
                        while message.last_chunk() != Some(&SYNC) {
                            message.extend(read_message(from, started)?);
                        }
                        answer_is_lost.store(true, Ordering::SeqCst);
                        return self.hold_back(&message, from, to);
                    }
                }
            }
            to.write_all(&message)?;
        }
    }

    fn hold_back(&self, messages: &[u8], from: &TcpStream, to: &mut TcpStream) -> io::Result<()> {
        from.shutdown(Shutdown::Both)?;
        let delivering = lock(&self.delivering);
        drop(self.delivered.wait_while(delivering, |delivering| !*delivering));
        let before = self.losses.load(Ordering::SeqCst);
        to.write_all(messages)?;
        // Until its answer is lost.
        while self.losses.load(Ordering::SeqCst) == before {
            thread::sleep(LOOK);
        }
        Ok(())
    }

    fn pass_answers(
        &self,
        from: &mut TcpStream,
        to: &mut TcpStream,
        answer_is_lost: &AtomicBool,
    ) -> io::Result<()> {
        let mut bytes = vec![0; 64 * 1024];
        loop {
            let read = from.read(&mut bytes)?;
            self.wait_while_frozen();
            if read == 0 {
                return Ok(());
            }
            if answer_is_lost.load(Ordering::SeqCst) {
                self.losses.fetch_add(1, Ordering::SeqCst);
                return Ok(());
            }
            to.write_all(&bytes[..read])?;
        }
    }

    fn wait_while_frozen(&self) {
        let frozen = lock(&self.frozen);
        drop(self.thawed.wait_while(frozen, |frozen| *frozen));
    }
}

/// Recognises the messages of one connection that commit.
#[derive(Debug, Default)]
struct Commits {
    /// The names of the prepared statements that append at once.
    prepared: Vec<Vec<u8>>,
}

impl Commits {
    fn is_one(&mut self, message: &[u8]) -> bool {
        let Some((letter, rest)) = message.split_first() else { return false };
        let mut texts = rest.get(4..).unwrap_or_default().split(|byte| *byte == 0);
        match letter {
            b'Q' => rest.get(4..) == Some(COMMIT),
            // Parse: the statement's name, its text.
            b'P' => {
                if let (Some(name), Some(text)) = (texts.next(), texts.next())
                    && text.starts_with(APPEND)
                {
                    self.prepared.push(name.to_vec());
                }
                false
            }
            // Bind: the portal's name, the statement's.
            b'B' => texts.nth(1).is_some_and(|name| self.prepared.iter().any(|kept| kept == name)),
            _ => false,
        }
    }
}

/// One message with its head. The head is a length that includes itself; once the session has started, a letter
/// precedes it.
fn read_message(from: &mut TcpStream, started: bool) -> io::Result<Vec<u8>> {
    let letter = usize::from(started);
    let mut message = vec![0; letter + 4];
    from.read_exact(&mut message)?;
    let length: [u8; 4] = message[letter..].try_into().map_err(io::Error::other)?;
    let length = u32::from_be_bytes(length) as usize;
    if !(4..=MAX_MESSAGE).contains(&length) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    message.resize(letter + length, 0);
    from.read_exact(&mut message[letter + 4..])?;
    Ok(message)
}

fn end(one: &TcpStream, other: &TcpStream) {
    for stream in [one, other] {
        // Whichever side ended first.
        let _ = stream.shutdown(Shutdown::Both);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
