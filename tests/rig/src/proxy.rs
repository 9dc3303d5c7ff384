//! A TCP proxy in front of a PostgreSQL server that loses what it is told to lose.
//!
//! It reads the messages of the clients just far enough to know a COMMIT when it passes. The connection that carries it
//! can be cut before the server gets it, or after the server has done it but before the client hears of it. Or nothing
//! passes at all for a while, and nobody is told: a network that has stopped.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

/// The longest message that is passed on.
const MAX_MESSAGE: usize = 256 * 1024 * 1024;
/// What begins a session, as opposed to asking for TLS first.
const PROTOCOL_3: [u8; 4] = [0, 3, 0, 0];
/// A COMMIT as a simple query.
const COMMIT: &[u8] = b"COMMIT\0";

/// What is lost of the next COMMIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The COMMIT itself: the connection is cut before the server sees it.
    Request,
    /// Its answer: the server has committed, the connection is cut before the client is told.
    Answer,
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
    connections: Mutex<Vec<TcpStream>>,
    ended: AtomicBool,
}

impl Proxy {
    /// Listens, and connects everyone to this port of 127.0.0.1.
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
            connections: Mutex::new(Vec::new()),
            ended: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if accepting.ended.load(Ordering::SeqCst) {
                    return;
                }
                // A server that is down is a connection that ends at once.
                drop(client.and_then(|client| accepting.serve(client)));
            }
        });
        Ok(Self { port, shared })
    }

    /// Where to connect.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The next COMMIT that passes suffers this loss.
    pub fn lose(&self, loss: Loss) {
        *lock(&self.shared.next) = Some(loss);
    }

    /// How many COMMITs have suffered one.
    pub fn losses(&self) -> u64 {
        self.shared.losses.load(Ordering::SeqCst)
    }

    /// From now on nothing passes, and nobody is told.
    pub fn freeze(&self) {
        *lock(&self.shared.frozen) = true;
    }

    /// Everything held back passes, and what comes.
    pub fn thaw(&self) {
        *lock(&self.shared.frozen) = false;
        self.shared.thawed.notify_all();
    }

    /// Ends every connection; new ones pass.
    pub fn cut(&self) {
        for connection in lock(&self.shared.connections).drain(..) {
            // One that has ended already cannot be ended again.
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.thaw();
        self.cut();
        // Wakes the thread that accepts.
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
        let mut started = false;
        loop {
            let message = read_message(from, started)?;
            self.wait_while_frozen();
            started |= message.get(4..8).is_some_and(|code| code == PROTOCOL_3);
            if message.first() == Some(&b'Q') && message.get(5..) == Some(COMMIT) {
                match lock(&self.next).take() {
                    None => {}
                    Some(Loss::Request) => {
                        self.losses.fetch_add(1, Ordering::SeqCst);
                        return Ok(());
                    }
                    Some(Loss::Answer) => answer_is_lost.store(true, Ordering::SeqCst),
                }
            }
            to.write_all(&message)?;
        }
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

/// One message with its head: a length that counts itself, after a letter once the session has started.
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
